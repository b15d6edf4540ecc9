namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>
/// OpenShift's Machine Config Operator, as far as it turns mirror sets and image.config into <c>registries.conf</c> (mirror-policies.md 1.2 and 2; 4.13 and newer).
/// Signature policies (policy.json) are its business too and not modelled, but for what they make it refuse.
/// </summary>
public static class MachineConfigOperator
{
    /// <summary>A release image as clusters have it; only its repository counts.</summary>
    public const string DefaultReleaseImage = "quay.io/openshift-release-dev/ocp-release@sha256:0000000000000000000000000000000000000000000000000000000000000000";

    /// <param name="sets">All mirror objects of the cluster; their order has no meaning.</param>
    /// <param name="sources">image.config.</param>
    /// <param name="releaseImage"><c>clusterversion</c>'s desired image: its repository cannot be blocked without a mirror.</param>
    public static NodeFiles Write(IReadOnlyCollection<MirrorSet> sets, RegistrySources? sources = null, string releaseImage = DefaultReleaseImage)
    {
        sources ??= new RegistrySources();
        var blocked = BlockedRegistries.Of(sets, sources, releaseImage);
        var files = new NodeFiles { SearchRegistries = sources.Search, Warning = blocked.Warning };
        if (blocked.Refusal is not null)
            return Refused(blocked.Refusal);

        var insecure = sources.Insecure ?? [];
        if (sources.Insecure is not null || !blocked.OnNodes.IsEmpty || sets.Count > 0)
        {
            const string Registries = "could not update registries config with new changes: ";
            if ((MirrorSetRules.RefuseScopes(insecure, "insecure") ?? MirrorSetRules.RefuseScopes(blocked.OnNodes, "blocked") ?? MirrorSetRules.Refuse(sets)) is { } reason)
                return Refused(Registries + reason);
            var (registries, fault) = NodeRegistries.Of(sets, insecure, blocked.OnNodes);
            if (fault is not null)
                return Refused(Registries + fault);
            files = files with { RegistriesConf = NodeFiles.Template with { Registries = registries } };
        }

        return blocked.RefuseInPolicy() is { } policy ? Refused($"could not update policy json with new changes: {policy}") : files;

        NodeFiles Refused(string refusal) => new() { Refusal = refusal, Warning = blocked.Warning };
    }
}
