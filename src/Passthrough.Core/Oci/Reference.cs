using System.Diagnostics.CodeAnalysis;
using Passthrough.Core.Text;

namespace Passthrough.Core.Oci;

/// <summary>
/// The name of an image: <c>registry/repository[:tag][@digest]</c>, parsed and normalised as Docker, podman and OpenShift do
/// (the distribution project's reference package): a missing registry is <c>docker.io</c>, a single component there gets <c>library/</c>.
/// Immutable; <see cref="ToString"/> gives the full form.
/// </summary>
/// <param name="Registry"><c>host[:port]</c>, as it was written.</param>
/// <param name="Repository">One or more path components, lower case.</param>
public sealed record Reference(string Registry, string Repository)
{
    const string DockerHub = "docker.io";
    const int MaxRepositoryLength = 255;
    const int MaxTagLength = 128;

    public string? Tag { get; init; }

    public Digest? Digest { get; init; }

    /// <summary><c>registry/repository</c>, without tag and digest.</summary>
    public string Name => $"{Registry}/{Repository}";

    public override string ToString() => $"{Name}{(Tag is null ? "" : ":" + Tag)}{(Digest is null ? "" : "@" + Digest)}";

    /// <summary>The same repository with this tag alone.</summary>
    public Reference WithTag(string tag) => new(Registry, Repository) { Tag = tag };

    /// <summary>The same repository with this digest alone.</summary>
    public Reference WithDigest(Digest digest) => new(Registry, Repository) { Digest = digest };

    /// <summary>The same image with <c>:latest</c> where it had neither tag nor digest.</summary>
    public Reference WithDefaultTag() => Tag is null && Digest is null ? WithTag("latest") : this;

    /// <exception cref="ModuleException">The text is no reference; the message names it and says why, the hint how to write it.</exception>
    public static Reference Parse(string text) =>
        TryParse(text, out var reference, out var reason)
            ? reference
            : throw Invalid(text, reason);

    static ModuleException Invalid(string text, string reason) => UserInfo.IsIn(text)
        ? new(
            ErrorCodes.InvalidArgument,
            $"image reference \"{UserInfo.Hidden(text)}\": a user name and a password do not belong in it",
            "put them into an auth file (authfile)")
        : new(ErrorCodes.InvalidArgument, $"image reference \"{text}\": {reason}", HintFor(text));

    /// <param name="text">For example <c>quay.io/centos/centos:stream8</c> or <c>nginx</c>.</param>
    /// <param name="reference">The reference, where the answer is true.</param>
    /// <param name="reason">Why not, in the words of the distribution project's reference package.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out Reference? reference, [NotNullWhen(false)] out string? reason)
    {
        reference = null;
        if (text.Length == 64 && !text.AsSpan().ContainsAnyExcept("0123456789abcdef"))
        {
            reason = $"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings";
            return false;
        }

        var (registry, remainder) = SplitRegistry(text);
        var nameEnd = remainder.IndexOf(':', StringComparison.Ordinal);
        var name = nameEnd < 0 ? remainder : remainder[..nameEnd];
        if (name != name.ToLowerInvariant())
        {
            reason = $"invalid reference format: repository name ({name}) must be lowercase";
            return false;
        }

        var (repository, tag, digestText) = SplitTagAndDigest(remainder);
        if (!IsRegistry(registry) || !IsRepository(repository) || (tag is not null && !IsTag(tag)) || (digestText is not null && !LooksLikeDigest(digestText)))
        {
            reason = "invalid reference format";
            return false;
        }

        if (repository.Length > MaxRepositoryLength)
        {
            reason = $"repository name must not be more than {MaxRepositoryLength} characters";
            return false;
        }

        Digest? digest = null;
        if (digestText is not null)
        {
            if (!Oci.Digest.TryParse(digestText, out var parsed, out reason))
                return false;
            digest = parsed;
        }

        reason = null;
        reference = new Reference(registry, repository) { Tag = tag, Digest = digest };
        return true;
    }

    /// <summary>Whether the text is <c>host[:port]</c>: DNS labels (any case), an IPv4 address, or an IPv6 address in brackets.</summary>
    public static bool IsRegistry(ReadOnlySpan<char> text)
    {
        var port = text.LastIndexOf(':');
        var bracket = text.LastIndexOf(']');
        var host = text;
        if (port > bracket)
        {
            if (port == text.Length - 1 || text[(port + 1)..].ContainsAnyExceptInRange('0', '9'))
                return false;
            host = text[..port];
        }

        if (host.StartsWith("["))
            return host.EndsWith("]") && host.Length > 2 && !host[1..^1].ContainsAnyExcept("0123456789abcdefABCDEF:");
        foreach (var range in host.Split('.'))
        {
            var label = host[range];
            if (label.IsEmpty || label[0] == '-' || label[^1] == '-' || !IsAsciiLettersDigitsOr(label, "-"))
                return false;
        }

        return true;
    }

    /// <summary>Whether the text is a repository path (distribution-spec, "name"): lower-case components, joined by single <c>.</c> or <c>_</c>, <c>__</c>, or dashes.</summary>
    public static bool IsRepository(ReadOnlySpan<char> text)
    {
        foreach (var range in text.Split('/'))
        {
            if (!IsPathComponent(text[range]))
                return false;
        }

        return true;
    }

    /// <summary>Whether the text is a tag (distribution-spec, "reference as a tag"): up to 128 of <c>[A-Za-z0-9_.-]</c>, not beginning with <c>.</c> or <c>-</c>.</summary>
    public static bool IsTag(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= MaxTagLength && text[0] is not ('.' or '-') && IsAsciiLettersDigitsOr(text, "_.-");

    static (string Registry, string Remainder) SplitRegistry(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : text[..slash];
        var namesRegistry = slash >= 0 && (first.AsSpan().ContainsAny('.', ':') || first == "localhost" || first != first.ToLowerInvariant());
        var (registry, remainder) = namesRegistry ? (first, text[(slash + 1)..]) : (DockerHub, text);
        if (registry == "index.docker.io")
            registry = DockerHub;
        if (registry == DockerHub && !remainder.Contains('/', StringComparison.Ordinal))
            remainder = "library/" + remainder;
        return (registry, remainder);
    }

    static (string Repository, string? Tag, string? Digest) SplitTagAndDigest(string remainder)
    {
        var at = remainder.IndexOf('@', StringComparison.Ordinal);
        var (tagged, digest) = at < 0 ? (remainder, null) : (remainder[..at], remainder[(at + 1)..]);
        var colon = tagged.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (tagged, null, digest) : (tagged[..colon], tagged[(colon + 1)..], digest);
    }

    static bool IsPathComponent(ReadOnlySpan<char> component)
    {
        if (component.IsEmpty || !IsLowerAlphanumeric(component[0]) || !IsLowerAlphanumeric(component[^1]))
            return false;
        for (var i = 0; i < component.Length;)
        {
            if (IsLowerAlphanumeric(component[i]))
            {
                i++;
                continue;
            }

            var separator = component[i];
            var run = 0;
            while (component[i + run] == separator)
                run++;
            var allowed = separator switch { '.' => run == 1, '_' => run <= 2, '-' => true, _ => false };
            if (!allowed || !IsLowerAlphanumeric(component[i + run]))
                return false;
            i += run;
        }

        return true;
    }

    // The grammar admits more algorithms than exist; which are known is Digest's business, so that "unsupported" is told apart from "no digest".
    static bool LooksLikeDigest(ReadOnlySpan<char> text)
    {
        var colon = text.IndexOf(':');
        if (colon < 1 || text.Length - colon - 1 < 32 || text[(colon + 1)..].ContainsAnyExcept("0123456789abcdefABCDEF"))
            return false;
        var algorithm = text[..colon];
        foreach (var range in algorithm.SplitAny("-_+."))
        {
            var part = algorithm[range];
            if (part.IsEmpty || !char.IsAsciiLetter(part[0]) || !IsAsciiLettersDigitsOr(part, ""))
                return false;
        }

        return true;
    }

    static bool IsLowerAlphanumeric(char c) => c is (>= 'a' and <= 'z') or (>= '0' and <= '9');

    static bool IsAsciiLettersDigitsOr(ReadOnlySpan<char> text, string others)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !others.Contains(c, StringComparison.Ordinal))
                return false;
        }

        return true;
    }

    static string HintFor(string text) =>
        text.Contains("://", StringComparison.Ordinal) ? "write it without a scheme, like quay.io/centos/centos:stream8"
        : text.Any(char.IsWhiteSpace) ? "remove the white space"
        : text.Any(char.IsAsciiLetterUpper) ? "repository paths are lower case; only tags may have upper-case letters"
        : "write it like quay.io/centos/centos:stream8 or quay.io/centos/centos@sha256:<64 hex digits>";
}
