using System.Collections.Immutable;

namespace Passthrough.Testing.Kubernetes;

/// <summary>A kind that the fake API server knows.</summary>
/// <param name="Group">Empty for the core group.</param>
sealed record FakeResource(string Group, string Version, string Plural, string Kind, string ShortName = "", bool IsNamespaced = false)
{
    public static readonly ImmutableArray<FakeResource> All =
    [
        new("", "v1", "configmaps", "ConfigMap", "cm", IsNamespaced: true),
        new("", "v1", "secrets", "Secret", IsNamespaced: true),
        new("", "v1", "namespaces", "Namespace", "ns"),
        new("", "v1", "nodes", "Node"),
        new("", "v1", "pods", "Pod", IsNamespaced: true),
        new("", "v1", "events", "Event", IsNamespaced: true),
        new("config.openshift.io", "v1", "imagedigestmirrorsets", "ImageDigestMirrorSet", "idms"),
        new("config.openshift.io", "v1", "imagetagmirrorsets", "ImageTagMirrorSet", "itms"),
        new("config.openshift.io", "v1", "images", "Image"),
        new("config.openshift.io", "v1", "clusterversions", "ClusterVersion"),
        new("config.openshift.io", "v1", "infrastructures", "Infrastructure"),
        new("operator.openshift.io", "v1alpha1", "imagecontentsourcepolicies", "ImageContentSourcePolicy"),
        new("machineconfiguration.openshift.io", "v1", "machineconfigpools", "MachineConfigPool", "mcp"),
        new("machineconfiguration.openshift.io", "v1", "machineconfigs", "MachineConfig", "mc"),
    ];

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary><c>imagedigestmirrorsets.config.openshift.io</c>, as messages have it.</summary>
    public string FullName => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public bool IsMirrorSet => Plural is "imagedigestmirrorsets" or "imagetagmirrorsets" or "imagecontentsourcepolicies";
}
