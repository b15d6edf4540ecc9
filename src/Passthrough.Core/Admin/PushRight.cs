namespace Passthrough.Core.Admin;

/// <summary>What was seen of an account's right to push.</summary>
/// <param name="IsGiven">Null if it was not seen.</param>
public sealed record PushRight(bool? IsGiven)
{
    public static readonly PushRight Given = new(true);

    /// <summary>Not known, on a product where nothing but an upload shows it.</summary>
    public static readonly PushRight NotTried = Unknown("only an upload would show it, and none was started");

    /// <summary>Why it may not.</summary>
    public ModuleException? Refusal { get; private init; }

    /// <summary>Why it is not known, as the end of a sentence.</summary>
    public string? WhyUnknown { get; private init; }

    public static PushRight Refused(ModuleException refusal) => new(false) { Refusal = refusal };

    public static PushRight Unknown(string why) => new((bool?)null) { WhyUnknown = why };

    /// <exception cref="ModuleException">It may not.</exception>
    public PushRight Require() => Refusal is null ? this : throw Refusal;

    /// <summary>Tries it where only that tells: a refusal is an answer, every other fault is thrown.</summary>
    internal static async Task<PushRight> TryAsync(Func<Task> push)
    {
        try
        {
            await push();
            return Given;
        }
        catch (ModuleException e) when (e.HttpStatus is 401 or 403)
        {
            return Refused(e);
        }
    }
}

/// <summary>Whether an upload may be started and cancelled, on products where nothing else shows the right to push.</summary>
public enum PushTrial
{
    /// <summary>Never: check mode, and accounts that were asked before.</summary>
    None,

    /// <summary>Only where accounts differ in that.</summary>
    IfInDoubt,

    /// <summary>For accounts that are to push.</summary>
    Always,
}
