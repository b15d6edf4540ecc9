using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>What would not work as asked on a cluster that has other objects (mirror-policies.md 1.1, 1.2, 2.2 and 9.4).</summary>
/// <param name="Type"><c>policy</c>, <c>coexistence</c>, <c>refused</c>, <c>shadowed</c>, <c>blocked</c>, <c>not_allowed</c> or <c>ambiguous</c>.</param>
/// <param name="Source">The source that it is about; null where it is about all.</param>
/// <param name="Object">Kind and name of the other object; null where there is none.</param>
/// <param name="Message">A sentence.</param>
public sealed record ClusterConflict(string Type, string? Source, string? Object, string Message)
{
    /// <summary>Whether something fails or goes past the mirror; else it is only to be known.</summary>
    public bool IsWarning { get; init; } = true;

    /// <summary>Everything that <paramref name="ours"/> would meet.</summary>
    /// <param name="ours">What is to be applied.</param>
    /// <param name="existing">What the cluster has; objects of ours among them, and parts of ours, are taken for replaced.</param>
    /// <param name="version">The cluster's; null where it is not known.</param>
    public static IEnumerable<ClusterConflict> Find(IReadOnlyCollection<MirrorSet> ours, MirrorObjects existing, OpenShiftVersion? version)
    {
        var others = Others(ours, existing.Sets);
        var nodes = MachineConfigOperator.Write([.. ours, .. others], existing.Registries);
        return
        [
            .. Policies(ours, others),
            .. Coexistence(ours, others, version),
            .. Refusal(nodes, ours, others),
            .. Shadows(ours, others, nodes),
            .. Lists(ours, existing.Registries, nodes),
        ];
    }

    /// <summary>The objects that stay beside ours.</summary>
    public static ImmutableArray<MirrorSet> Others(IReadOnlyCollection<MirrorSet> ours, IEnumerable<MirrorSet> existing) =>
        [.. existing.Where(set => !ours.Any(own => own.Kind == set.Kind && own.Whole == set.Whole))];

    static IEnumerable<ClusterConflict> Policies(IReadOnlyCollection<MirrorSet> ours, IEnumerable<MirrorSet> others)
    {
        var own = ours.SelectMany(set => set.Entries).DistinctBy(entry => entry.Source, StringComparer.Ordinal).ToDictionary(entry => entry.Source, Policy, StringComparer.Ordinal);
        return from set in others
               from entry in set.Entries
               where own.TryGetValue(entry.Source, out var policy) && policy != Policy(entry)
               select new ClusterConflict("policy", entry.Source, NameOf(set), $"source {entry.Source} is {own[entry.Source]} here and {Policy(entry)} in {NameOf(set)}: the Machine Config Operator would ignore every mirror change until they agree");
    }

    static IEnumerable<ClusterConflict> Coexistence(IReadOnlyCollection<MirrorSet> ours, IEnumerable<MirrorSet> others, OpenShiftVersion? version)
    {
        if (version?.TakesBothFamilies != false)
            yield break;
        var isPolicy = ours.All(IsPolicy);
        foreach (var set in others.Where(set => IsPolicy(set) != isPolicy))
            yield return new ClusterConflict("coexistence", null, NameOf(set), $"OpenShift {version} cannot have ImageContentSourcePolicy beside the newer kinds, and there is {NameOf(set)}; 4.13.27, 4.14.3 and 4.15 can");

        static bool IsPolicy(MirrorSet set) => set.Kind == MirrorKind.ImageContentSourcePolicy;
    }

    static IEnumerable<ClusterConflict> Refusal(NodeFiles nodes, IReadOnlyCollection<MirrorSet> ours, IEnumerable<MirrorSet> others)
    {
        // Two policies are told with the object's name already.
        if (nodes.Refusal is { } refusal && !Policies(ours, others).Any())
            yield return new ClusterConflict("refused", null, null, $"the Machine Config Operator would ignore every mirror change: {refusal}");
        if (nodes.Warning is { } warning)
            yield return new ClusterConflict("refused", null, "Image cluster", $"the Machine Config Operator leaves out what image.config blocks: {warning}");
    }

    // The longest match wins alone: ours does not count below a narrower entry of somebody else.
    static IEnumerable<ClusterConflict> Shadows(IReadOnlyCollection<MirrorSet> ours, IEnumerable<MirrorSet> others, NodeFiles nodes)
    {
        var sources = ours.SelectMany(set => set.Entries).Select(entry => entry.Source).Distinct(StringComparer.Ordinal).OrderByDescending(source => source.Length).ThenByDescending(source => source, StringComparer.Ordinal).ToList();
        // The first that encloses a name is the longest.
        var index = new ScopeIndex(sources);
        var written = (nodes.RegistriesConf?.Registries ?? []).DistinctBy(registry => registry.Scope, StringComparer.Ordinal).ToDictionary(registry => registry.Scope, StringComparer.Ordinal);
        var hasTags = ours.Any(set => set.Kind == MirrorKind.ImageTagMirrorSet);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (set, source) in
                 from set in others
                 from entry in set.Entries
                 where seen.Add(entry.Source)
                 select KeyValuePair.Create(set, entry.Source))
        {
            if (index.First(source) is not { } first || sources[first] == source || !written.TryGetValue(source, out var entry))
                continue;
            var byTag = entry.Mirrors.Any(mirror => mirror.Pull == PullFromMirror.TagOnly);
            var byDigest = entry.Mirrors.Any(mirror => mirror.Pull == PullFromMirror.DigestOnly);
            var (isWarning, message) = (byDigest, byTag) switch
            {
                (true, false) when hasTags => (true, $"{NameOf(set)} lists {source} but no ImageTagMirrorSet does: tag pulls of {source} would bypass the mirror"),
                (false, true) => (true, $"{NameOf(set)} lists {source} but no ImageDigestMirrorSet does: digest pulls of {source} would bypass the mirror"),
                _ => (false, $"{NameOf(set)} has its own entry for {source}; there it counts, not the one for {sources[first]}"),
            };
            yield return new ClusterConflict("shadowed", source, NameOf(set), message) { IsWarning = isWarning };
        }
    }

    static IEnumerable<ClusterConflict> Lists(IReadOnlyCollection<MirrorSet> ours, RegistrySources? registries, NodeFiles nodes)
    {
        const string Config = "Image cluster";
        if (registries is null)
            yield break;
        var entries = ours.SelectMany(set => set.Entries).DistinctBy(entry => entry.Source, StringComparer.Ordinal).ToList();
        foreach (var mirror in entries.SelectMany(entry => entry.Mirrors).Distinct(StringComparer.Ordinal))
        {
            if ((registries.Blocked ?? []).FirstOrDefault(scope => MirrorNames.IsNested(mirror, scope)) is { } scope)
                yield return new ClusterConflict("blocked", null, Config, $"image.config blocks {scope}, in which the mirror {mirror} lies");
        }

        if (registries.Allowed is { } allowed)
        {
            foreach (var source in entries.Select(entry => entry.Source).Where(source => !allowed.Any(scope => MirrorNames.IsNested(source, scope) || MirrorNames.IsNested(scope, source))))
                yield return new ClusterConflict("not_allowed", source, Config, $"image.config allows only what allowedRegistries lists, and {source} is not there: images are judged by the name that workloads use, not by the mirror's");
        }

        foreach (var scope in (registries.Blocked ?? []).Concat(registries.Insecure ?? []).Distinct(StringComparer.Ordinal))
        {
            var enclosing = entries.Select(entry => entry.Source).Where(source => source != scope && MirrorNames.IsNested(scope, source)).Order(StringComparer.Ordinal).ToList();
            if (enclosing.Count > 1 && entries.All(entry => entry.Source != scope) && nodes.RegistriesConf is not null)
                yield return new ClusterConflict("ambiguous", scope, Config, $"image.config lists {scope}, which lies in {string.Join(" and ", enclosing)}: it gets the mirrors of {enclosing[0]}, the first in order, not of the nearest");
        }
    }

    static MirrorSourcePolicy Policy(MirrorEntry entry) => entry.Policy ?? MirrorSourcePolicy.AllowContactingSource;

    static string NameOf(MirrorSet set) => $"{set.Kind} {set.Name}";
}
