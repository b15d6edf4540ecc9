using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>The entries of the nodes' registries.conf, in the operator's order (runtime-utils' EditRegistriesConfig; mirror-policies.md 2, points 3 to 5).</summary>
static class NodeRegistries
{
    /// <returns>The entries, or why the operator cannot make them.</returns>
    public static (ImmutableArray<RegistryEntry> Registries, string? Fault) Of(IReadOnlyCollection<MirrorSet> sets, ImmutableArray<string> insecure, ImmutableArray<string> blocked)
    {
        var digest = MirrorSets.Merge(MirrorSets.Digest(sets));
        var tag = MirrorSets.Merge(MirrorSets.Tag(sets));
        var registries = new OrderedDictionary<string, RegistryEntry>(StringComparer.Ordinal);
        AddMirrors(registries, digest, PullFromMirror.DigestOnly);
        AddMirrors(registries, tag, PullFromMirror.TagOnly);
        foreach (var scope in blocked.Concat(insecure))
            registries.TryAdd(scope, New(scope));

        Spread(registries, new ScopeIndex(insecure), new ScopeIndex(blocked));
        return Inherit(registries, [.. digest.Concat(tag).Select(entry => entry.Source)]) is { } fault ? ([], fault) : ([.. registries.Values], null);
    }

    static void AddMirrors(OrderedDictionary<string, RegistryEntry> registries, ImmutableArray<MirrorEntry> entries, PullFromMirror pull)
    {
        foreach (var entry in entries)
        {
            var registry = registries.GetValueOrDefault(entry.Source) ?? New(entry.Source);
            registries[entry.Source] = registry with
            {
                Blocked = registry.Blocked || entry.Policy == MirrorSourcePolicy.NeverContactSource,
                Mirrors = [.. registry.Mirrors, .. entry.Mirrors.Select(mirror => new RegistryMirror(mirror, pull))],
            };
        }
    }

    // Clients use the longest match alone, so what holds for a scope is said again for all that is nested in it.
    static void Spread(OrderedDictionary<string, RegistryEntry> registries, ScopeIndex insecure, ScopeIndex blocked)
    {
        for (var i = 0; i < registries.Count; i++)
        {
            var (scope, registry) = registries.GetAt(i);
            registries.SetAt(i, registry with
            {
                Insecure = insecure.Encloses(scope),
                Blocked = registry.Blocked || blocked.Encloses(scope),
                Mirrors = [.. registry.Mirrors.Select(mirror => mirror with { Insecure = insecure.Encloses(mirror.Location) })],
            });
        }
    }

    // Not the nearest source gives its mirrors, but the first in order; a wildcard cannot, because what it stands for is unknown.
    static string? Inherit(OrderedDictionary<string, RegistryEntry> registries, ImmutableArray<string> sources)
    {
        var enclosing = new ScopeIndex(sources);
        var heirs = registries.Values.Where(registry => registry.Mirrors.IsEmpty && enclosing.First(registry.Scope) is not null).OrderBy(registry => enclosing.First(registry.Scope)!.Value).ToList();
        foreach (var registry in heirs)
        {
            var source = sources[enclosing.First(registry.Scope)!.Value];
            if (source.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal))
                return $"internal error: mirrorsAdjustedForNestedScope for a wildcard scope {GoText.Quote(source)}";
            var rest = registry.Scope[source.Length..];
            registries[registry.Scope] = registry with { Mirrors = [.. registries[source].Mirrors.Select(mirror => mirror with { Location = mirror.Location + rest })] };
        }

        return null;
    }

    static RegistryEntry New(string scope) =>
        scope.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal) ? new RegistryEntry { Prefix = scope } : new RegistryEntry { Location = scope };
}
