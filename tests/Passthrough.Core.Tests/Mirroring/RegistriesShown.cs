using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Mirroring;

/// <summary>Entries of registries.conf in the one form of the recordings: JSON, what is false or empty left out.</summary>
static class RegistriesShown
{
    public static string Of(IEnumerable<RegistryEntry> registries) => Json.Compact(new JArray(registries.Select(Of)));

    /// <summary>The recorded entries; <c>all</c> is written out only where the file does, and means nothing else than no line.</summary>
    public static string Of(JToken recorded)
    {
        var copy = recorded.DeepClone();
        foreach (var pull in copy.SelectTokens("$..pull_from_mirror").Where(pull => (string?)pull == "all").ToList())
            pull.Parent!.Remove();
        return Json.Compact(copy);
    }

    static JObject Of(RegistryEntry registry)
    {
        var shown = new JObject();
        Add(shown, "prefix", registry.Prefix);
        Add(shown, "location", registry.Location);
        Add(shown, "insecure", registry.Insecure);
        Add(shown, "blocked", registry.Blocked);
        Add(shown, "mirror_by_digest_only", registry.MirrorByDigestOnly);
        if (!registry.Mirrors.IsEmpty)
            shown["mirrors"] = new JArray(registry.Mirrors.Select(Of));
        return shown;
    }

    static JObject Of(RegistryMirror mirror)
    {
        var shown = new JObject();
        Add(shown, "location", mirror.Location);
        Add(shown, "insecure", mirror.Insecure);
        Add(shown, "pull_from_mirror", mirror.Pull switch { PullFromMirror.DigestOnly => "digest-only", PullFromMirror.TagOnly => "tag-only", _ => "" });
        return shown;
    }

    static void Add(JObject shown, string key, object value)
    {
        if (value is true or string { Length: > 0 })
            shown[key] = JToken.FromObject(value);
    }
}
