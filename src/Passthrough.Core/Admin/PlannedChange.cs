namespace Passthrough.Core.Admin;

/// <summary>One change on a server: what, and how.</summary>
/// <param name="Text">For <c>actions</c>, the same in check mode: <c>create project mirror</c>.</param>
/// <param name="DoAsync">
/// Does it. A conflict answer ("exists", "is a member already", "was changed meanwhile") is thrown as <see cref="ConflictFault"/>: state is read again
/// then, nothing is assumed.
/// </param>
public sealed record PlannedChange(string Text, Func<CancellationToken, Task> DoAsync)
{
    /// <summary>What of it was done when it failed; null for nothing.</summary>
    public Func<string?>? DoneSoFar { get; private init; }

    /// <summary>The same change of several objects, one after the other.</summary>
    /// <param name="items">The objects.</param>
    /// <param name="text">The text for all of them, or for those that were reached.</param>
    /// <param name="doAsync">Changes one.</param>
    public static PlannedChange OfEach(
        IReadOnlyList<string> items, Func<IReadOnlyList<string>, string> text, Func<string, CancellationToken, Task> doAsync)
    {
        var done = new List<string>();
        return new PlannedChange(text(items), DoAllAsync) { DoneSoFar = () => done.Count == 0 ? null : text(done) };

        async Task DoAllAsync(CancellationToken cancellation)
        {
            foreach (var item in items)
            {
                await doAsync(item, cancellation);
                done.Add(item);
            }
        }
    }
}

/// <summary>The server says that what was to be made is there, or gone, already. Products throw it; it never leaves <see cref="ChangeRunner"/>.</summary>
sealed class ConflictFault(ModuleException fault) : Exception(fault.Message, fault)
{
    /// <summary>What the user is told where reading again does not explain it.</summary>
    public ModuleException Fault => fault;
}
