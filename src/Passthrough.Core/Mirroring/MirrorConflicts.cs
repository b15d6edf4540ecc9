using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring;

/// <summary>What clients would make of several sources together (mirror-policies.md 2.2, 2.3 and 9.4).</summary>
static class MirrorConflicts
{
    /// <exception cref="ModuleException">The entry that clients find for a mirror blocks it.</exception>
    public static void RefuseBlockedMirrors(ImmutableArray<MirrorSource> sources)
    {
        foreach (var mirror in sources.SelectMany(source => source.Mirrors).Distinct(StringComparer.Ordinal))
        {
            if (EntryFor(sources, mirror) is { Policy: MirrorSourcePolicy.NeverContactSource } entry)
                throw new ModuleException(ErrorCodes.InvalidArgument, $"mirror {mirror} lies inside source {entry.Source} with NeverContactSource: the mirror itself would be blocked");
        }
    }

    public static IEnumerable<string> Warnings(ImmutableArray<MirrorSource> sources)
    {
        var authorities = sources.Where(source => !MirrorName.IsWildcard(source.Source)).Select(source => MirrorName.AuthorityOf(source.Source)).Distinct(StringComparer.Ordinal).ToList();
        foreach (var host in authorities.Where(authority => !authority.Contains(':')))
        {
            foreach (var other in authorities.Where(other => other.StartsWith(host + ":", StringComparison.Ordinal)))
                yield return $"sources {host} and {other} are two registries: {other} has another place in the mirror, and images pushed from one are not found under the other";
        }

        foreach (var source in sources.Where(source => source.Source.Length > 0 && !source.Source.Contains('/') && !source.Source.Contains(':') && !MirrorName.IsWildcard(source.Source)))
        {
            if (sources.SelectMany(other => other.Mirrors).FirstOrDefault(mirror => mirror.StartsWith(source.Source + ":", StringComparison.Ordinal)) is { } mirror)
                yield return $"source {source.Source} is the host of the mirror {mirror}: a workload that names {MirrorName.AuthorityOf(mirror)} itself cannot pull, because clients take {source.Source} for it and find no place";
        }

        foreach (var wildcard in sources.Where(source => MirrorName.IsWildcard(source.Source)))
        {
            foreach (var shadowed in sources.Where(source => source.Source.Length == wildcard.Source.Length && Encloses(wildcard.Source, source.Source) && source != wildcard))
                yield return $"source {shadowed.Source} has as many characters as {wildcard.Source}: clients then use {wildcard.Source}, and the entry of {shadowed.Source} never";
        }
    }

    /// <summary>The entry that clients use for a name: the longest that encloses it, of equally long ones the first by bytes.</summary>
    static MirrorSource? EntryFor(IEnumerable<MirrorSource> sources, string name) =>
        sources.Where(source => Encloses(source.Source, name)).OrderByDescending(source => source.Source.Length).ThenBy(source => source.Source, StringComparer.Ordinal).FirstOrDefault();

    /// <summary>Whether clients take an entry for a name: it goes on after the entry with <c>/</c>, <c>:</c> or <c>@</c>, or its host is below the wildcard.</summary>
    static bool Encloses(string source, string name) =>
        MirrorName.IsWildcard(source)
            ? HostOf(name).EndsWith(source[1..], StringComparison.Ordinal)
            : name.StartsWith(source, StringComparison.Ordinal) && (name.Length == source.Length || name[source.Length] is '/' or ':' or '@');

    static string HostOf(string name) => MirrorName.AuthorityOf(name) is var authority && authority.IndexOf(':', StringComparison.Ordinal) is var colon && colon < 0 ? authority : authority[..colon];
}
