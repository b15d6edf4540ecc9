using System.Globalization;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Mirroring;

/// <summary>Reads the name of a source or of a mirror as users write it, and says what is wrong with one that cannot be (mirror-policies.md 8.5).</summary>
public static class MirrorName
{
    /// <summary>What containers/image allows for host and path together, in a mirror too.</summary>
    public const int MaxLength = 255;

    const string SourceForm = "expected host[:port][/path] or *.host";
    const string MirrorForm = "expected host[:port]/path";

    static readonly string[] DockerHubNames = ["index.docker.io", "registry-1.docker.io"];

    /// <summary>The source with its host in lower case, as clients compare it, and Docker Hub under its one name.</summary>
    /// <param name="place">Where it stands, for the message: <c>registries[3].source</c>.</param>
    /// <exception cref="ModuleException">No source; the message says why.</exception>
    public static string Source(string place, string text)
    {
        if (IsWildcard(text) && MirrorNames.IsSource(text))
            return text.ToLowerInvariant();
        if (text.Contains('*'))
            throw Fault(place, text, $"a wildcard stands before a whole domain, without port and path; {SourceForm}");
        var source = Read(place, text, SourceForm);
        var authority = AuthorityOf(source);
        if (!authority.AsSpan().ContainsAny('.', ':') && authority != "localhost")
            throw Fault(place, text, $"{authority} is no registry: references whose first part has no dot and no port are Docker Hub's; write docker.io/library/{source.Split('/')[^1]}");
        return DockerHubNames.Contains(authority) ? "docker.io" + source[authority.Length..] : source;
    }

    /// <summary>The mirror with its host in lower case.</summary>
    /// <param name="place">Where it stands, for the message: <c>registries[3].mirrors[0]</c>.</param>
    /// <exception cref="ModuleException">No mirror; the message says why.</exception>
    public static string Mirror(string place, string text)
    {
        if (text.Contains('*'))
            throw Fault(place, text, $"a mirror cannot be a wildcard; {MirrorForm}");
        var mirror = Read(place, text, MirrorForm);
        return mirror.Contains('/') ? mirror : throw Fault(place, text, $"a mirror needs a path, or pulls of a source that is a whole repository fail; {MirrorForm}");
    }

    /// <summary>Whether the source is <c>*.host</c>.</summary>
    public static bool IsWildcard(string source) => source.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal);

    /// <summary><c>host[:port]</c>.</summary>
    public static string AuthorityOf(string name) => name.IndexOf('/', StringComparison.Ordinal) is var slash && slash < 0 ? name : name[..slash];

    static string Read(string place, string text, string form)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var (authority, path) = slash < 0 ? (text, "") : (text[..slash], text[(slash + 1)..]);
        var reason = Reason(text, authority, slash < 0 ? null : path, form);
        if (reason is not null)
            throw Fault(place, text, reason);
        return authority.ToLowerInvariant() + text[authority.Length..];
    }

    static string? Reason(string text, string authority, string? path, string form) =>
        text.Length == 0 ? $"it is empty; {form}"
        : text.Any(char.IsWhiteSpace) ? $"remove the white space; {form}"
        : text.Contains("://", StringComparison.Ordinal) ? $"remove the scheme; {form}"
        : text.EndsWith('/') ? $"remove the slash at its end; {form}"
        : authority.Contains('[') ? $"an IPv6 address cannot be used, neither by the cluster nor by podman; {form}"
        : text.Contains('@') || (path?.Contains(':') ?? false) || HasTag(authority, path) ? "a mirror source cannot carry a tag or digest"
        : path is not null && path != path.ToLowerInvariant() ? "the path must be in lower case"
        : !HasPossiblePort(authority) ? "its port is not between 1 and 65535"
        : !MirrorNames.IsMirror(text) ? $"it is no name of a registry or repository; {form}"
        : text.Length > MaxLength ? $"it has {text.Length} characters, clients accept {MaxLength}"
        : null;

    // "app:v1" is a tag, "localhost:5000" a port.
    static bool HasTag(string authority, string? path) =>
        path is null && authority.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon && authority.AsSpan(colon + 1).ContainsAnyExceptInRange('0', '9') && Reference.IsTag(authority.AsSpan(colon + 1));

    static bool HasPossiblePort(string authority) =>
        authority.IndexOf(':', StringComparison.Ordinal) is var colon && (colon < 0 || !ushort.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? colon < 0 : port > 0);

    static ModuleException Fault(string place, string text, string reason) => new(ErrorCodes.InvalidArgument, $"{place} \"{Shown(text)}\": {reason}");

    // A line break in a message would be one in a log.
    static string Shown(string text) => text.ReplaceLineEndings("\\n") is var line && line.Length > MaxLength + 45 ? line[..MaxLength] + "…" : line;
}
