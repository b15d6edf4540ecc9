namespace Passthrough.Core.Admin;

/// <summary>What was seen of an account's right to push.</summary>
/// <param name="IsGiven">Null if it was not seen.</param>
public sealed record PushRight(bool? IsGiven)
{
    public static readonly PushRight Given = new(true);

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
