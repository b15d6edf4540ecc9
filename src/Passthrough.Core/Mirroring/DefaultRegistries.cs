using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring;

/// <summary>An upstream registry, or a part of one, that is redirected to the mirror.</summary>
/// <param name="Source"><c>host[:port][/prefix]</c>.</param>
/// <param name="Description">For people.</param>
/// <param name="Priority"><c>core</c>, <c>high</c> or <c>medium</c>.</param>
public sealed record UpstreamRegistry(string Source, string Description, string Priority);

/// <summary>The guide's ten (Red Hat Solution 2998411), in its order.</summary>
public static class DefaultRegistries
{
    public static readonly ImmutableArray<UpstreamRegistry> All =
    [
        new("registry.access.redhat.com", "Red Hat Access Registry", "core"),
        new("registry.redhat.io", "Red Hat Container Registry", "core"),
        new("registry.connect.redhat.com", "Red Hat Connect Registry (third-party)", "core"),
        new("quay.io", "Quay Container Registry", "high"),
        new("cdn.quay.io", "Quay CDN", "high"),
        new("docker.io", "Docker Hub", "high"),
        new("storage.googleapis.com/openshift-release", "OpenShift Release Storage", "high"),
        new("sso.redhat.com", "Red Hat SSO", "medium"),
        new("github.com", "GitHub Container Registry", "medium"),
        new("gitlab.com", "GitLab Container Registry", "medium"),
    ];

    public static ImmutableArray<string> Sources { get; } = [.. All.Select(registry => registry.Source)];
}
