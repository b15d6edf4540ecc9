using System.Collections.Immutable;
using Passthrough.Core.Mirroring.Clients;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>
/// What the operator makes of image.config's blocked and allowed lists before anything else: the repository of the cluster's own release can be blocked only where a digest mirror of it
/// remains that is not (mirror-policies.md 4, "registrySources").
/// </summary>
sealed record BlockedRegistries
{
    /// <summary>Blocked in registries.conf.</summary>
    public ImmutableArray<string> OnNodes { get; private init; } = [];

    public string? Refusal { get; private init; }

    public string? Warning { get; private init; }

    ImmutableArray<string> InPolicy { get; init; } = [];

    ImmutableArray<string> Allowed { get; init; } = [];

    /// <summary>The repository of the cluster's release.</summary>
    string Release { get; init; } = "";

    public static BlockedRegistries Of(IReadOnlyCollection<MirrorSet> sets, RegistrySources sources, string releaseImage)
    {
        if (!ClientReference.TryParseCanonical(releaseImage, out var release, out _))
            return new BlockedRegistries { Refusal = "error parsing reference of release image" };

        var (blocked, allowed) = (sources.Blocked ?? [], sources.Allowed ?? []);
        var ofRelease = blocked.Where(scope => MirrorNames.IsNested(release.Name, scope)).ToList();
        var all = new BlockedRegistries { OnNodes = blocked, InPolicy = blocked, Allowed = allowed, Release = release.Name };
        if (ofRelease.Count == 0)
            return all;

        var (mirrored, fault) = HasUsableMirror(sets, sources.Insecure ?? [], blocked, releaseImage);
        // Then it goes on without either list.
        if (fault is not null)
            return new BlockedRegistries { Warning = fault };
        if (mirrored)
            return all with { InPolicy = [.. blocked.Where(scope => scope != release.Name)], Allowed = [.. ofRelease.Select(_ => release.Name), .. allowed] };
        ImmutableArray<string> kept = [.. blocked.Where(scope => !ofRelease.Contains(scope))];
        return all with
        {
            OnNodes = kept,
            InPolicy = kept,
            Warning = $"error adding [{string.Join(' ', ofRelease.Select(GoText.Quote))}] to blocked registries, cannot block the repository being used by the payload",
        };
    }

    /// <returns>Why no policy.json can be written, or null.</returns>
    public string? RefuseInPolicy() =>
        !Allowed.IsEmpty && !InPolicy.IsEmpty && !(Allowed.Length == 1 && Allowed[0] == Release)
            ? "invalid images config: only one of AllowedRegistries or BlockedRegistries may be specified"
            : MirrorSetRules.RefuseScopes(InPolicy, "blocked") ?? MirrorSetRules.RefuseScopes(Allowed, "allowed");

    // It asks what a client would do; tag mirrors do not count, since a release is pulled by digest.
    static (bool Usable, string? Fault) HasUsableMirror(IReadOnlyCollection<MirrorSet> sets, ImmutableArray<string> insecure, ImmutableArray<string> blocked, string releaseImage)
    {
        var (registries, fault) = NodeRegistries.Of([.. sets.Where(set => set.Kind != MirrorKind.ImageTagMirrorSet)], insecure, blocked);
        if (fault is not null)
            return (false, fault);
        try
        {
            var plan = ClientRegistries.Load(new RegistriesConf { Registries = registries }.Render(), path: "/tmp/regtemp").PlanPull(releaseImage);
            return (plan.Sources.Any(source => !blocked.Any(scope => MirrorNames.IsNested(source.Image.Name, scope))), plan.Error);
        }
        catch (ModuleException e)
        {
            return (false, e.Message);
        }
    }
}
