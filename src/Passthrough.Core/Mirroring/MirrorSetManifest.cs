using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>A mirror set as the YAML that <c>oc apply</c> takes: one document, the same bytes for the same set (mirror-policies.md 8.3 and 8.4).</summary>
public static class MirrorSetManifest
{
    /// <param name="labels">In addition to those that say who made it; they win.</param>
    public static string Render(MirrorSet set, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> annotations)
    {
        var resource = MirrorResource.Of(set.Kind);
        var metadata = new JObject { ["name"] = set.Name, ["labels"] = Labels(labels) };
        if (annotations.Count > 0)
            metadata["annotations"] = Sorted(annotations);
        return YamlText.Document(new JObject
        {
            ["apiVersion"] = resource.ApiVersion,
            ["kind"] = set.Kind.ToString(),
            ["metadata"] = metadata,
            ["spec"] = new JObject { [resource.List] = new JArray(set.Entries.Select(entry => Entry(entry, resource.HasPolicy))) },
        });
    }

    static JObject Entry(MirrorEntry entry, bool hasPolicy)
    {
        var json = new JObject { ["source"] = entry.Source, ["mirrors"] = new JArray(entry.Mirrors) };
        if (hasPolicy && entry.Policy is { } policy)
            json["mirrorSourcePolicy"] = policy.ToString();
        return json;
    }

    static JObject Labels(IReadOnlyDictionary<string, string> more)
    {
        var labels = new JObject { ["app.kubernetes.io/managed-by"] = "ansible", ["app.kubernetes.io/part-of"] = "registry-passthrough" };
        foreach (var (name, value) in Sorted(more))
            labels[name] = value;
        return labels;
    }

    static JObject Sorted(IReadOnlyDictionary<string, string> pairs) =>
        new(pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => new JProperty(pair.Key, pair.Value)));
}
