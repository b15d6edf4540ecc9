using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// What leads to the images of OpenShift's releases before a cluster has objects of its own: part of an install-config, part of a HostedCluster. Both redirect by digest only
/// and must name the repositories of releases themselves: parts of what reads them do not see that a whole registry is redirected (mirror-policies.md 4).
/// </summary>
public static class ReleaseMirrors
{
    public static readonly IReadOnlyList<string> Repositories = ["quay.io/openshift-release-dev/ocp-release", "quay.io/openshift-release-dev/ocp-v4.0-art-dev"];

    /// <summary>Of what HyperShift takes at most.</summary>
    public const int MaxHostedEntries = 255;

    /// <param name="imageDigestSources">Whether the installer knows this name (4.14), not only the old one.</param>
    /// <param name="certificates">PEM that nodes are to trust; null for none.</param>
    /// <param name="manifest">The name of the rendered object that <c>oc adm release</c> reads: IDMS, or ICSP for an old one.</param>
    public static string InstallConfig(MirrorPlan plan, MirrorNaming naming, bool imageDigestSources, string? certificates, string manifest)
    {
        var part = new JObject { [imageDigestSources ? "imageDigestSources" : "imageContentSources"] = new JArray(Releases(plan, naming)) };
        if (certificates is not null)
            (part["additionalTrustBundle"], part["additionalTrustBundlePolicy"]) = (certificates, "Always");
        return $"""
            # Made by icsp_render: to be put into install-config.yaml, with pullSecret from pull-secret-<type>.json. The installer comes from the mirror, too:
            #   oc adm release extract --command=openshift-install --{manifest[..4]}-file={manifest} {Repositories[0]}@sha256:…
            # After openshift-install create manifests, copy the folder openshift/ beside this file into the installer's: it redirects all else, and tags.

            """ + YamlText.Part(part);
    }

    /// <summary>The entries of <c>spec.imageContentSources</c>: wildcards are no part of it.</summary>
    public static string HostedCluster(MirrorPlan plan, MirrorNaming naming)
    {
        var entries = plan.Sources.Where(source => !MirrorName.IsWildcard(source.Source)).Select(source => Entry(source.Source, source.Mirrors))
            .Concat(Releases(plan, naming).Where(release => plan.Sources.All(source => source.Source != (string?)release["source"]))).ToList();
        return entries.Count <= MaxHostedEntries
            ? "# Made by icsp_render: to be put into the HostedCluster, which cannot redirect tags.\n" + YamlText.Part(new JObject { ["spec"] = new JObject { ["imageContentSources"] = new JArray(entries) } })
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"outputs has hypershift, and a HostedCluster takes {MaxHostedEntries} sources where there would be {entries.Count}", "redirect whole registries in place of single repositories");
    }

    static IEnumerable<JObject> Releases(MirrorPlan plan, MirrorNaming naming) =>
        Repositories.Select(repository => Entry(repository, plan.MirrorsOf(repository) is { IsEmpty: false } mirrors ? mirrors : [naming.Scope(repository)]));

    static JObject Entry(string source, IEnumerable<string> mirrors) => new() { ["source"] = source, ["mirrors"] = new JArray(mirrors) };
}
