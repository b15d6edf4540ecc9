namespace Passthrough.Core.Admin;

/// <summary>Brings a server from a state to a wish: reads, plans, does, and reads again. In check mode it only tells what it would do.</summary>
/// <param name="checkMode">Predict.</param>
/// <param name="onAction">Told every change when it is done or, in check mode, in its place.</param>
/// <param name="obstacle">Why nothing can be changed on this server (it is read-only, the account may not): its message is the end of a
/// sentence; null if it can.</param>
public sealed class ChangeRunner(bool checkMode, Action<string> onAction, ModuleException? obstacle = null)
{
    /// <summary>A conflict is another client at work; this often it may come between.</summary>
    const int MaxRounds = 3;

    readonly List<string> changes = [];

    public bool IsCheckMode => checkMode;

    /// <summary>What was done or, in check mode, would be done, in order: the source of the sentence, the diff, <c>actions</c> and
    /// <c>changed</c>.</summary>
    public IReadOnlyList<string> Changes => changes;

    public bool HasChanged => changes.Count > 0;

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
        for (var round = 0; plan(state) is { Count: > 0 } planned; round++)
        {
            if (round == MaxRounds)
                throw conflict?.Fault ?? new ModuleException(ErrorCodes.Server,
                    $"the registry took \"{planned[0].Text}\" and does not show it afterwards",
                        "look at the registry's log, and whether somebody else changes the same");
            conflict = null;
            foreach (var change in planned)
            {
                RequireChangeable(change.Text);
                try
                {
                    if (!checkMode)
                        await change.DoAsync(cancellation);
                }
                catch (ConflictFault fault)
                {
                    conflict = fault;
                    Note(change.DoneSoFar?.Invoke(), told);
                    break;
                }
                catch
                {
                    Note(change.DoneSoFar?.Invoke(), told);
                    throw;
                }

                Note(change.Text, told);
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
        RequireChangeable(text);
        T? made;
        try
        {
            made = checkMode ? null : await work(cancellation);
        }
        catch (ConflictFault)
        {
            return null;
        }

        Note(text, []);
        return made;
    }

    void RequireChangeable(string text)
    {
        if (obstacle is not null)
            throw new ModuleException(obstacle.Code, $"cannot {text}: {obstacle.Message}", obstacle.Hint);
    }

    void Note(string? text, HashSet<string> told)
    {
        if (text is null || !told.Add(text))
            return;
        changes.Add(text);
        onAction(text);
    }
}
