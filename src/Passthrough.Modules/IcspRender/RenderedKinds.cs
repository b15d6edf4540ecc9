using System.Collections.Immutable;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Modules.IcspRender;

/// <summary>Which kinds of objects are rendered, and which of them a cluster gets.</summary>
static class RenderedKinds
{
    /// <exception cref="ModuleException">A kind that the cluster's version does not have.</exception>
    public static ImmutableArray<MirrorResource> Of(ModuleArguments arguments, OpenShiftVersion? version)
    {
        var isOld = version is { HasMirrorSets: false };
        var given = arguments.List("kinds");
        var kinds = MirrorResource.All.Where(resource => given.Count > 0 ? given.Contains(resource.ShortName) : !isOld || !IsSince413(resource)).ToImmutableArray();
        return isOld && kinds.FirstOrDefault(IsSince413) is { } newer
            ? throw new ModuleException(ErrorCodes.InvalidArgument, $"kinds has {newer.ShortName}, which came with 4.13, and openshift_version is {version}", "leave kinds out, or give icsp alone")
            : kinds;
    }

    /// <summary>What the apply script chooses where the cluster has all: the newer kinds.</summary>
    public static IEnumerable<MirrorResource> Applied(ImmutableArray<MirrorResource> kinds) => kinds.Any(IsSince413) ? kinds.Where(IsSince413) : kinds;

    /// <summary>What pulls would not be redirected, as sentences.</summary>
    public static IEnumerable<string> Warnings(ImmutableArray<MirrorSet> applied, bool isNever)
    {
        var byTag = applied.Any(set => set.Kind == MirrorKind.ImageTagMirrorSet);
        var byDigest = applied.Any(set => set.Kind != MirrorKind.ImageTagMirrorSet);
        if (applied.Any(set => set.Kind == MirrorKind.ImageContentSourcePolicy))
        {
            yield return "ImageContentSourcePolicy redirects pulls by digest only: pulls by tag go to the source itself";
            if (isNever)
                yield return "ImageContentSourcePolicy cannot say NeverContactSource: nodes may ask the source itself";
        }
        else if (!byTag)
        {
            yield return isNever
                ? "kinds has no itms: with NeverContactSource every pull by tag from these sources fails"
                : "kinds has no itms: pulls by tag go to the source itself";
        }
        else if (!byDigest)
        {
            yield return isNever
                ? "kinds has no idms: with NeverContactSource every pull by digest from these sources fails"
                : "kinds has no idms: pulls by digest go to the source itself";
        }
    }

    static bool IsSince413(MirrorResource resource) => resource.Kind != MirrorKind.ImageContentSourcePolicy;
}
