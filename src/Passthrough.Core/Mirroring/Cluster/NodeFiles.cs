using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>What the Machine Config Operator writes to the nodes for a cluster's objects, or why it does not.</summary>
public sealed record NodeFiles
{
    /// <summary>What nodes have without any object.</summary>
    public static RegistriesConf Template { get; } = new() { UnqualifiedSearchRegistries = ["registry.access.redhat.com", "docker.io"], ShortNameMode = "" };

    /// <summary><c>/etc/containers/registries.conf</c>, in the operator's order; null where it leaves the <see cref="Template"/>.</summary>
    public RegistriesConf? RegistriesConf { get; init; }

    /// <summary>The search list of <c>registries.conf.d/01-image-searchRegistries.conf</c>; null where there is no such file.</summary>
    public ImmutableArray<string>? SearchRegistries { get; init; }

    /// <summary>
    /// Why nothing is written and nodes keep what they have, in the operator's words (its log: <c>could not Create/Update MachineConfig: …</c>); null where it writes.
    /// No status of the cluster tells (mirror-policies.md 1.2).
    /// </summary>
    public string? Refusal { get; init; }

    /// <summary>What it only logs: entries of the blocked list that it leaves out. Null where there are none.</summary>
    public string? Warning { get; init; }
}
