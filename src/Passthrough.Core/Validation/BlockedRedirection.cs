using System.Collections.Immutable;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>What is laid over a rendered redirection so that no upstream can be asked, whatever its policy.</summary>
/// <param name="WithMirrors">Every source blocked, its mirrors kept.</param>
/// <param name="WithoutMirrors">The same without any mirror: the negative control.</param>
sealed record BlockedRedirection(RegistriesConf WithMirrors, RegistriesConf WithoutMirrors)
{
    /// <param name="spelled">See <see cref="Spelled"/>.</param>
    /// <param name="registry">The mirror, <c>host[:port]</c>: what lies in it stays open.</param>
    /// <param name="images">Their registries are blocked also where the redirection does not name them.</param>
    public static BlockedRedirection Of(RegistriesConf spelled, string registry, IEnumerable<Reference> images)
    {
        var redirection = new Redirection(spelled);
        var blocked = spelled.Registries.Select(entry => LiesIn(registry, entry.Scope) ? entry : entry with { Blocked = true })
            .Concat(images.Where(image => redirection.EntryFor(image.Name) is null).Select(image => image.Registry).Distinct().Select(source => new RegistryEntry { Prefix = source, Location = source, Blocked = true }))
            .ToList();

        // A client looks at the mirror's own name, too: what we block must not block a mirror that the rendered file leaves open.
        var closed = new Redirection(new RegistriesConf { Registries = [.. blocked] });
        var opened = spelled.Registries.SelectMany(entry => entry.Mirrors).Select(mirror => mirror.Location).Where(mirror => LiesIn(registry, mirror)).Distinct()
            .Where(mirror => redirection.EntryFor(mirror) is not { Blocked: true } && closed.EntryFor(mirror) is { Blocked: true });
        ImmutableArray<RegistryEntry> entries = [.. blocked, .. opened.Select(mirror => new RegistryEntry { Prefix = mirror, Location = mirror })];
        return new BlockedRedirection(
            new RegistriesConf { Registries = entries },
            new RegistriesConf { Registries = [.. entries.Select(entry => entry with { Mirrors = [] })] });
    }

    /// <summary>
    /// The redirection with nothing between the lines: one entry for a scope, each mirror with its own kind of pull, and a location that rewrites names
    /// as the last mirror where it leads into the registry (a client asks it even where its scope is blocked), as nothing where it leads elsewhere.
    /// </summary>
    public static RegistriesConf Spelled(RegistriesConf rendered, string registry) => new()
    {
        Registries = [.. rendered.Registries.DistinctBy(entry => entry.Scope).Select(entry => WithoutRewriting(entry, registry))],
    };

    static RegistryEntry WithoutRewriting(RegistryEntry entry, string registry)
    {
        var isWildcard = entry.Scope.StartsWith('*');
        var mirrors = entry.Mirrors.Select(mirror => entry.MirrorByDigestOnly ? mirror with { Pull = PullFromMirror.DigestOnly } : mirror);
        if (entry.Location.Length > 0 && entry.Location != entry.Scope && LiesIn(registry, entry.Location))
            mirrors = mirrors.Append(new RegistryMirror(entry.Location) { Insecure = entry.Insecure });
        return entry with { Prefix = entry.Scope, Location = isWildcard ? "" : entry.Scope, MirrorByDigestOnly = false, Mirrors = [.. mirrors] };
    }

    static bool LiesIn(string registry, string location) => location == registry || location.StartsWith(registry + "/", StringComparison.Ordinal);
}
