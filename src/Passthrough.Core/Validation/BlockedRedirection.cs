using System.Collections.Immutable;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>What is laid over a rendered redirection so that no upstream can be asked, whatever its policy.</summary>
/// <param name="WithMirrors">Every source blocked, its mirrors kept.</param>
/// <param name="WithoutMirrors">The same without any mirror: the negative control.</param>
sealed record BlockedRedirection(RegistriesConf WithMirrors, RegistriesConf WithoutMirrors)
{
    public static BlockedRedirection Of(RegistriesConf rendered, IEnumerable<Reference> images)
    {
        var redirection = new Redirection(rendered);
        var mirrors = rendered.Registries.SelectMany(entry => entry.Mirrors).Select(mirror => mirror.Location).ToHashSet(StringComparer.Ordinal);
        var blocked = rendered.Registries.DistinctBy(entry => entry.Scope).Select(entry => mirrors.Contains(entry.Scope) ? entry : entry with { Blocked = true })
            .Concat(images.Where(image => redirection.EntryFor(image.Name) is null).Select(image => image.Registry).Distinct().Select(registry => new RegistryEntry { Location = registry, Blocked = true }))
            .ToList();

        // A client looks at the mirror's own name, too: what we block must not block a mirror that the rendered file leaves open.
        var closed = new Redirection(new RegistriesConf { Registries = [.. blocked] });
        var opened = mirrors.Where(mirror => redirection.EntryFor(mirror) is not { Blocked: true } && closed.EntryFor(mirror) is { Blocked: true }).Order(StringComparer.Ordinal);
        ImmutableArray<RegistryEntry> entries = [.. blocked, .. opened.Select(mirror => new RegistryEntry { Location = mirror })];
        return new BlockedRedirection(
            new RegistriesConf { Registries = entries },
            new RegistriesConf { Registries = [.. entries.Select(entry => entry with { Mirrors = [], MirrorByDigestOnly = false })] });
    }
}
