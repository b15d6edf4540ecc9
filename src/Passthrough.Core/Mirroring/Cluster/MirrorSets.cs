using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>The entries of many objects, as the operator walks and merges them (mirror-policies.md 2, points 1 to 3).</summary>
static class MirrorSets
{
    /// <summary>Those that redirect pulls by digest: ImageDigestMirrorSets, then ImageContentSourcePolicies, whose policy nobody reads.</summary>
    public static IEnumerable<MirrorEntry> Digest(IReadOnlyCollection<MirrorSet> sets) =>
        Of(sets, MirrorKind.ImageDigestMirrorSet).Concat(Of(sets, MirrorKind.ImageContentSourcePolicy).Select(entry => entry with { Policy = null }));

    /// <summary>Those that redirect pulls by tag.</summary>
    public static IEnumerable<MirrorEntry> Tag(IReadOnlyCollection<MirrorSet> sets) => Of(sets, MirrorKind.ImageTagMirrorSet);

    /// <summary>One entry a source, in ascending order of the source. Entries without a mirror other than the source itself are ignored, with their policy.</summary>
    public static ImmutableArray<MirrorEntry> Merge(IEnumerable<MirrorEntry> entries) =>
    [
        .. entries.Where(entry => entry.Mirrors.Any(mirror => mirror != entry.Source))
            .GroupBy(entry => entry.Source, StringComparer.Ordinal)
            .OrderBy(same => same.Key, StringComparer.Ordinal)
            .Select(same => new MirrorEntry(
                same.Key,
                PreferenceOrder.Merge(same.Key, same.Select(entry => entry.Mirrors)),
                same.Any(entry => entry.Policy == MirrorSourcePolicy.NeverContactSource) ? MirrorSourcePolicy.NeverContactSource : null)),
    ];

    static IEnumerable<MirrorEntry> Of(IReadOnlyCollection<MirrorSet> sets, MirrorKind kind) => sets.Where(set => set.Kind == kind).SelectMany(set => set.Entries);
}
