namespace Passthrough.Core.Admin;

/// <summary>Brings a server from a state to a wish: reads, plans, does, and reads again. In check mode it only tells what it would do.</summary>
/// <param name="checkMode">Predict.</param>
/// <param name="onAction">Told every change before it is done, or in its place.</param>
/// <param name="obstacle">Why nothing can be changed on this server now (it is read-only), as the end of a sentence; null where it can.</param>
public sealed class ChangeRunner(bool checkMode, Action<string> onAction, string? obstacle = null)
{
    /// <summary>A conflict is another client at work; this often it may come between.</summary>
    const int MaxRounds = 3;

    public bool IsCheckMode => checkMode;

    /// <summary>Whether anything was changed or, in check mode, would be.</summary>
    public bool HasChanged { get; private set; }

    /// <summary>Changes until the plan is empty.</summary>
    /// <param name="state">What was read before.</param>
    /// <param name="plan">The changes that lead from a state to the wish.</param>
    /// <param name="read">Reads the state again.</param>
    /// <returns>The state after it; in check mode the one before.</returns>
    /// <exception cref="ModuleException">A change failed, or the server took it and shows no trace of it.</exception>
    public async Task<T> BringAboutAsync<T>(T state, Func<T, IReadOnlyList<PlannedChange>> plan, Func<CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        var told = new HashSet<string>(StringComparer.Ordinal);
        ConflictFault? conflict = null;
        for (var round = 0; plan(state) is { Count: > 0 } changes; round++)
        {
            if (round == MaxRounds)
                throw conflict?.Fault ?? new ModuleException(ErrorCodes.Server, $"the registry took \"{changes[0].Text}\" and does not show it afterwards", "look at the registry's log, and whether somebody else changes the same");
            conflict = null;
            foreach (var change in changes)
            {
                Tell(change.Text, isNew: told.Add(change.Text));
                if (checkMode)
                    continue;
                try
                {
                    await change.DoAsync(cancellation);
                }
                catch (ConflictFault fault)
                {
                    conflict = fault;
                    break;
                }
            }

            if (checkMode)
                return state;
            state = await read(cancellation);
        }

        return state;
    }

    /// <summary>Does one thing that gives something.</summary>
    /// <returns>Null in check mode, and where the server said that it is there already: the caller reads again.</returns>
    public async Task<T?> DoAsync<T>(string text, Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
        where T : class
    {
        Tell(text, isNew: true);
        try
        {
            return checkMode ? null : await work(cancellation);
        }
        catch (ConflictFault)
        {
            return null;
        }
    }

    void Tell(string text, bool isNew)
    {
        if (obstacle is not null)
            throw new ModuleException(ErrorCodes.Unsupported, $"cannot {text}: {obstacle}", "run this again when the registry takes changes");
        HasChanged = true;
        if (isNew)
            onAction(text);
    }
}
