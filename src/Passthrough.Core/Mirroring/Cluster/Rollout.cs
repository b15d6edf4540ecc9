using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>
/// What a change of the nodes' files does to the nodes (mirror-policies.md 4, "MCO rollout"): CRI-O is reloaded, and they are drained before, unless the change can only add digest mirrors.
/// A cluster's NodeDisruptionPolicy may say otherwise (4.17 and newer).
/// </summary>
public sealed record Rollout
{
    /// <summary>registries.conf is written anew.</summary>
    public bool Changes { get; private init; }

    /// <summary>Why nodes are drained, in the words of the node's daemon, which names one of them in its log; empty where they are not.</summary>
    public ImmutableArray<string> DrainReasons { get; private init; } = [];

    public bool Drains => !DrainReasons.IsEmpty;

    /// <summary>The search list is another: nodes reboot, because that file is in no list of those for which a reload is enough.</summary>
    public bool Reboots { get; private init; }

    public static Rollout Between(NodeFiles before, NodeFiles after)
    {
        // What is refused changes nothing.
        if (after.Refusal is not null)
            return new Rollout();
        var (old, now) = (before.RegistriesConf ?? NodeFiles.Template, after.RegistriesConf ?? NodeFiles.Template);
        return new Rollout
        {
            // The template's text is not the operator's, even where both say the same.
            Changes = before.RegistriesConf is null != after.RegistriesConf is null || !old.Registries.SequenceEqual(now.Registries, SameEntry.Instance),
            DrainReasons = [.. Reasons(old.Registries, now.Registries)],
            Reboots = before.SearchRegistries is null != after.SearchRegistries is null || !(before.SearchRegistries ?? []).SequenceEqual(after.SearchRegistries ?? []),
        };
    }

    static IEnumerable<string> Reasons(ImmutableArray<RegistryEntry> before, ImmutableArray<RegistryEntry> after)
    {
        var (old, now) = (ByScope(before), ByScope(after));
        var removed = old.Keys.Where(scope => !now.ContainsKey(scope)).ToList();
        return removed.Count > 0
            ? removed.Select(scope => $"registry {scope} has been removed")
            : now.Values.Select(registry => old.TryGetValue(registry.Scope, out var was) ? ReasonToChange(was, registry) : ReasonToAdd(registry)).OfType<string>();
    }

    static OrderedDictionary<string, RegistryEntry> ByScope(ImmutableArray<RegistryEntry> registries)
    {
        var byScope = new OrderedDictionary<string, RegistryEntry>(StringComparer.Ordinal);
        foreach (var registry in registries)
            byScope[registry.Scope] = registry;
        return byScope;
    }

    static string? ReasonToAdd(RegistryEntry registry) =>
        !registry.Mirrors.IsEmpty && registry.Mirrors.All(mirror => mirror.Pull == PullFromMirror.DigestOnly) ? null : $"registry {registry.Scope} has been added with mirror does not set pull-from-mirror=digest-only";

    // Mirrors are looked up by location, and of two with one location the first is found: where a source has one mirror for digests and for tags, any change of it drains.
    static string? ReasonToChange(RegistryEntry before, RegistryEntry after)
    {
        if (SameEntry.Instance.Equals(before, after))
            return null;
        if (before.Blocked != after.Blocked)
            return $"blocked value for registry {after.Scope} has changed from {GoText.Boolean(before.Blocked)} to {GoText.Boolean(after.Blocked)}";
        if (before.Insecure != after.Insecure)
            return $"insecure value for registry {after.Scope} has changed from {GoText.Boolean(before.Insecure)} to {GoText.Boolean(after.Insecure)}";
        var now = after.Mirrors.Select(mirror => mirror.Location).ToHashSet(StringComparer.Ordinal);
        if (before.Mirrors.FirstOrDefault(mirror => !now.Contains(mirror.Location)) is { } removed)
            return $"mirror {removed.Location} has been removed in registry {after.Scope}";
        var old = before.Mirrors.DistinctBy(mirror => mirror.Location, StringComparer.Ordinal).ToDictionary(mirror => mirror.Location, mirror => mirror.Pull, StringComparer.Ordinal);
        foreach (var mirror in after.Mirrors.Where(mirror => mirror.Pull != PullFromMirror.DigestOnly))
        {
            if (!old.TryGetValue(mirror.Location, out var was))
                return $"mirror {mirror.Location} has been added in registry {after.Scope} that has pull-from-mirror set to {RegistriesConf.TextOf(mirror.Pull)}";
            if (was != mirror.Pull)
                return $"pull-from-mirror value for mirror {mirror.Location} has changed from {RegistriesConf.TextOf(was)} to {RegistriesConf.TextOf(mirror.Pull)}";
        }

        return null;
    }

    sealed class SameEntry : IEqualityComparer<RegistryEntry>
    {
        public static readonly SameEntry Instance = new();

        public bool Equals(RegistryEntry? x, RegistryEntry? y) => x! with { Mirrors = y!.Mirrors } == y && x.Mirrors.SequenceEqual(y.Mirrors);

        public int GetHashCode(RegistryEntry registry) => StringComparer.Ordinal.GetHashCode(registry.Scope);
    }
}
