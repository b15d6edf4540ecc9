using Passthrough.Core.Oci;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// Which names mirror sets and image.config may have, and which lies in which, as the CRDs and the Machine Config Operator have it (mirror-policies.md 1, 1.2 and 2).
/// Their regular expressions are not used: backtracking takes exponential time with them. Everything here takes time linear in the length of the names.
/// </summary>
public static class MirrorNames
{
    public const string Wildcard = "*.";

    /// <summary>Pattern S: a mirror's name, or <c>*.host</c> without port and path.</summary>
    public static bool IsSource(string name) =>
        name.StartsWith(Wildcard, StringComparison.Ordinal) ? IsHost(name.AsSpan(Wildcard.Length)) && !name.Contains(':', StringComparison.Ordinal) : IsMirror(name);

    /// <summary>Pattern M: <c>host[:port][/path]</c>, no IPv6 address, the path in lower case, no tag, no digest, no scheme.</summary>
    public static bool IsMirror(string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? IsHost(name) : IsHost(name.AsSpan(0, slash)) && Reference.IsRepository(name.AsSpan(slash + 1));
    }

    /// <summary>What image.config takes as an insecure, blocked or allowed registry: anything but the empty name, where a <c>*</c> stands only in <c>*.name</c>.</summary>
    public static bool IsScope(string name) =>
        name.Length > 0 && (!name.Contains('*', StringComparison.Ordinal) || (name.StartsWith(Wildcard, StringComparison.Ordinal) && !name.AsSpan(Wildcard.Length).ContainsAny("/@:*")));

    /// <summary>
    /// Whether the operator takes one scope for a part of another, or for the same (its ScopeIsNestedInsideScope). Other than for the clients, <c>host:port</c> is no part of <c>host</c>.
    /// </summary>
    public static bool IsNested(string scope, string inside)
    {
        if (scope.StartsWith(inside, StringComparison.Ordinal) && (scope.Length == inside.Length || scope[inside.Length] == '/'))
            return true;
        return inside.StartsWith(Wildcard, StringComparison.Ordinal) && HostOf(scope).EndsWith(inside.AsSpan(1), StringComparison.Ordinal);
    }

    /// <summary>What the operator compares with a wildcard: what stands before the first colon, where there is one, else before the first slash; nothing where that colon belongs to a path.</summary>
    public static ReadOnlySpan<char> HostOf(string scope)
    {
        var colon = scope.IndexOf(':', StringComparison.Ordinal);
        var slash = scope.IndexOf('/', StringComparison.Ordinal);
        return colon < 0 ? scope.AsSpan(0, slash < 0 ? scope.Length : slash) : slash >= 0 && slash < colon ? [] : scope.AsSpan(0, colon);
    }

    static bool IsHost(ReadOnlySpan<char> text) => !text.StartsWith('[') && Reference.IsRegistry(text);
}
