namespace Passthrough.Core.Registry;

/// <summary>What a registry tells of how much it takes before anything is sent; asked only where something is to be uploaded.</summary>
public interface ITargetRoom
{
    /// <summary>Asked once for each namespace, the first component of a repository. Null where it has no limit or this account is not told.</summary>
    Task<FreeRoom?> AskAsync(string @namespace, CancellationToken cancellation);

    /// <summary>What to say where more is to be uploaded than there is room for.</summary>
    /// <param name="needed">In bytes.</param>
    ModuleException TooSmall(FreeRoom room, long needed);
}

/// <summary>A limit of a registry.</summary>
/// <param name="Place">What has it, for messages: <c>project mirror on harbor.example.com</c>.</param>
/// <param name="Limit">In bytes.</param>
/// <param name="Used">In bytes; may be more than the limit.</param>
public sealed record FreeRoom(string Place, long Limit, long Used)
{
    public long Bytes => Math.Max(Limit - Used, 0);
}
