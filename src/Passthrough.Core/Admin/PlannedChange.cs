namespace Passthrough.Core.Admin;

/// <summary>One change on a server: what, and how.</summary>
/// <param name="Text">For <c>actions</c>, the same in check mode: <c>create project mirror</c>.</param>
/// <param name="DoAsync">
/// Does it. A conflict answer ("exists", "is a member already", "was changed meanwhile") is thrown as <see cref="ConflictFault"/>: state is read again
/// then, nothing is assumed.
/// </param>
public sealed record PlannedChange(string Text, Func<CancellationToken, Task> DoAsync);

/// <summary>The server says that what was to be made is there, or gone, already. Products throw it; it never leaves <see cref="ChangeRunner"/>.</summary>
sealed class ConflictFault(ModuleException fault) : Exception(fault.Message, fault)
{
    /// <summary>What the user is told where reading again does not explain it.</summary>
    public ModuleException Fault => fault;
}
