using System.Diagnostics.CodeAnalysis;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Mirroring.Clients;

/// <summary>Names as containers/image parses them: its own copy of the reference package is stricter than <see cref="Reference"/>, and says less.</summary>
static class ClientReference
{
    const int MaxNameLength = 255;
    const string UpperCase = "invalid reference format: repository name must be lowercase";

    /// <param name="text">What a user writes.</param>
    /// <param name="reference">With <c>docker.io</c>, <c>library/</c> and <c>:latest</c> filled in, without its tag where it has a digest, as podman and CRI-O pull.</param>
    /// <param name="reason">Why not, in the library's words.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out Reference? reference, [NotNullWhen(false)] out string? reason)
    {
        if (!TryNormalise(text, out reference, out reason))
            return false;
        reference = reference.Digest is { } digest ? reference.WithDigest(digest) : reference.WithDefaultTag();
        return true;
    }

    /// <summary>Only what is written in full; a rewritten reference and a release image have to be.</summary>
    public static bool TryParseCanonical(string text, [NotNullWhen(true)] out Reference? reference, [NotNullWhen(false)] out string? reason)
    {
        if (TryNormalise(text, out reference, out reason) && reference.ToString() != text)
            (reference, reason) = (null, "repository name must be canonical");
        return reason is null;
    }

    static bool TryNormalise(string text, [NotNullWhen(true)] out Reference? reference, [NotNullWhen(false)] out string? reason)
    {
        if (!Reference.TryParse(text, out reference, out reason))
            reason = reason.EndsWith("must be lowercase", StringComparison.Ordinal) ? UpperCase : reason;
        // A first component in capitals is a host for the package, not for the copy.
        else if (!reference.Registry.AsSpan().ContainsAny(".:") && reference.Registry != "localhost")
            reason = UpperCase;
        else if (reference.Registry.StartsWith('['))
            reason = "invalid reference format";
        else if (reference.Name.Length > MaxNameLength)
            reason = $"repository name must not be more than {MaxNameLength} characters";
        if (reason is not null)
            reference = null;
        return reference is not null;
    }
}
