using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Modules.IcspRender;

/// <summary>The nodes' registries.conf, as a result shows it: the file's own words.</summary>
static class ConfResult
{
    /// <param name="nodes">What the operator writes.</param>
    /// <param name="version">Until 4.12 the file says once for all mirrors of a registry that they are for digests.</param>
    public static JObject Of(NodeFiles nodes, OpenShiftVersion? version)
    {
        var conf = nodes.RegistriesConf ?? NodeFiles.Template;
        return new JObject
        {
            ["unqualified-search-registries"] = new JArray(conf.UnqualifiedSearchRegistries ?? []),
            ["short-name-mode"] = conf.ShortNameMode,
            ["registry"] = new JArray(conf.Registries.Select(registry => Registry(registry, version is { HasMirrorSets: false }))),
        };
    }

    static JObject Registry(RegistryEntry registry, bool isOld)
    {
        var json = new JObject { ["prefix"] = registry.Prefix };
        if (registry.Location.Length > 0)
            json["location"] = registry.Location;
        if (registry.Insecure)
            json["insecure"] = true;
        if (registry.Blocked)
            json["blocked"] = true;
        if (isOld && !registry.Mirrors.IsEmpty)
            json["mirror-by-digest-only"] = true;
        if (!registry.Mirrors.IsEmpty)
            json["mirror"] = new JArray(registry.Mirrors.Select(mirror => Mirror(mirror, isOld)));
        return json;
    }

    static JObject Mirror(RegistryMirror mirror, bool isOld)
    {
        var json = new JObject { ["location"] = mirror.Location };
        if (mirror.Insecure)
            json["insecure"] = true;
        if (!isOld)
            json["pull-from-mirror"] = mirror.Pull == PullFromMirror.TagOnly ? "tag-only" : "digest-only";
        return json;
    }
}
