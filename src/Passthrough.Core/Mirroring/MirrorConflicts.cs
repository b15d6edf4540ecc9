using System.Collections.Immutable;
using Passthrough.Core.Mirroring.Clients;

namespace Passthrough.Core.Mirroring;

/// <summary>What clients would make of several sources together (mirror-policies.md 2.2, 2.3 and 9.4).</summary>
static class MirrorConflicts
{
    /// <exception cref="ModuleException">The entry that clients find for a mirror blocks it.</exception>
    public static void RefuseBlockedMirrors(ImmutableArray<MirrorSource> sources, ClientRegistries clients)
    {
        foreach (var mirror in sources.SelectMany(source => source.Mirrors).Distinct(StringComparer.Ordinal))
        {
            if (clients.Find(mirror) is { Blocked: true } entry)
                throw new ModuleException(ErrorCodes.InvalidArgument, $"mirror {mirror} lies inside source {entry.Prefix} with NeverContactSource: the mirror itself would be blocked");
        }
    }

    public static IEnumerable<string> Warnings(ImmutableArray<MirrorSource> sources, ClientRegistries clients)
    {
        var named = sources.Where(source => !MirrorName.IsWildcard(source.Source)).Select(source => source.Source).ToList();
        var authorities = named.Select(MirrorName.AuthorityOf).Distinct(StringComparer.Ordinal).ToList();
        foreach (var host in authorities)
        {
            foreach (var other in authorities.Where(other => other.StartsWith(host + ":", StringComparison.Ordinal)))
                yield return $"sources {host} and {other} are two registries: {other} has another place in the mirror, and images pushed from one are not found under the other";
        }

        foreach (var host in named.Where(source => !source.Contains('/')))
        {
            if (sources.SelectMany(source => source.Mirrors).FirstOrDefault(mirror => mirror.StartsWith(host + ":", StringComparison.Ordinal)) is { } mirror)
                yield return $"source {host} is the host of the mirror {mirror}: a workload that names {MirrorName.AuthorityOf(mirror)} itself cannot pull, because clients take {host} for it and find no place";
        }

        foreach (var source in named)
        {
            if (clients.Find(source) is { } winner && winner.Prefix != source)
                yield return $"source {source} has as many characters as {winner.Prefix}: clients then use {winner.Prefix}, and the entry of {source} never";
        }
    }
}
