using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring;

/// <summary>How Kubernetes calls a kind of mirror set (mirror-policies.md 1).</summary>
/// <param name="ShortName">As users say it, in parameters and names of files: <c>icsp</c>, <c>idms</c>, <c>itms</c>.</param>
/// <param name="ApiVersion">Group and version.</param>
/// <param name="Plural">In commands and URLs.</param>
/// <param name="List">The one member of <c>spec</c>.</param>
/// <param name="HasPolicy">Whether an entry can say <c>mirrorSourcePolicy</c>.</param>
public sealed record MirrorResource(MirrorKind Kind, string ShortName, string ApiVersion, string Plural, string List, bool HasPolicy)
{
    public static readonly ImmutableArray<MirrorResource> All =
    [
        new(MirrorKind.ImageContentSourcePolicy, "icsp", "operator.openshift.io/v1alpha1", "imagecontentsourcepolicies", "repositoryDigestMirrors", HasPolicy: false),
        new(MirrorKind.ImageDigestMirrorSet, "idms", "config.openshift.io/v1", "imagedigestmirrorsets", "imageDigestMirrors", HasPolicy: true),
        new(MirrorKind.ImageTagMirrorSet, "itms", "config.openshift.io/v1", "imagetagmirrorsets", "imageTagMirrors", HasPolicy: true),
    ];

    public static MirrorResource Of(MirrorKind kind) => All.First(resource => resource.Kind == kind);
}
