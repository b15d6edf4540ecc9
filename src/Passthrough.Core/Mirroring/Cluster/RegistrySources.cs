using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary><c>spec.registrySources</c> of <c>image.config.openshift.io/cluster</c>. A list that is absent is null, which is not the same as an empty one.</summary>
public sealed record RegistrySources
{
    /// <summary>TLS is not verified, and plain http is tried.</summary>
    public ImmutableArray<string>? Insecure { get; init; }

    public ImmutableArray<string>? Blocked { get; init; }

    /// <summary>Then nothing else is; not beside <see cref="Blocked"/>.</summary>
    public ImmutableArray<string>? Allowed { get; init; }

    /// <summary><c>containerRuntimeSearchRegistries</c>.</summary>
    public ImmutableArray<string>? Search { get; init; }
}
