using Newtonsoft.Json.Linq;

namespace Passthrough.Core;

/// <summary>
/// The one exception thrown on purpose: a fault that the user can understand and act on.
/// <see cref="Exception.Message"/> is one sentence: what, where (file, parameter, image, host) and the server's own words; <see cref="Hint"/> says what to do.
/// Whatever else is thrown is a defect of ours and reported as <see cref="ErrorCodes.Internal"/>.
/// </summary>
public sealed class ModuleException : Exception
{
    public ModuleException(string code, string message, string? hint = null, Exception? inner = null)
        : base(message, inner)
    {
        Code = code;
        Hint = hint;
    }

    /// <summary>One of <see cref="ErrorCodes"/>, or a registry's own code verbatim (<c>MANIFEST_UNKNOWN</c>, <c>DENIED</c>, …): users search for them.</summary>
    public string Code { get; }

    /// <summary>What to do about it, in one sentence; null where the message says it all.</summary>
    public string? Hint { get; }

    /// <summary>The HTTP status of the answer that caused the fault.</summary>
    public int? HttpStatus { get; init; }

    /// <summary>The image that was being worked on, as a full reference.</summary>
    public string? Image { get; init; }

    /// <summary>The digest of the blob that was being worked on.</summary>
    public string? Blob { get; init; }

    /// <summary>Further members of <c>error</c> in the result, for programs that read it; null where there are none.</summary>
    public JObject? Details { get; init; }
}
