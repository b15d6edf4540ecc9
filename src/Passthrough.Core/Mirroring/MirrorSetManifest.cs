using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>A mirror set as the YAML that <c>oc apply</c> takes: one document, the same bytes for the same set (mirror-policies.md 8.3 and 8.4).</summary>
public static class MirrorSetManifest
{
    /// <summary>The annotation that names the whole in each part of it, so that the apply script knows its own.</summary>
    public const string PartOf = "ocp4-disconnected-helper.io/part-of";

    const string NextEntry = "\n  - source: ";

    /// <summary>
    /// The set as it is where its manifest has at most <paramref name="maxSize"/> bytes, else in parts <c>name-0</c>, <c>name-1</c>, … of whole entries in their order. An entry that
    /// is larger alone has a larger part of its own.
    /// </summary>
    /// <param name="maxSize">0 is without limit.</param>
    /// <exception cref="ModuleException">There is no room for entries.</exception>
    public static ImmutableArray<MirrorSet> Split(MirrorSet set, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> annotations, int maxSize)
    {
        var whole = Render(set, labels, annotations);
        if (maxSize == 0 || Encoding.UTF8.GetByteCount(whole) <= maxSize)
            return [set];
        // What stands before the first entry, then the entries.
        var pieces = whole.TrimEnd('\n').Split(NextEntry);
        var parts = ImmutableArray.CreateBuilder<MirrorSet>();
        for (var first = 0; first < set.Entries.Length;)
        {
            var part = set with { Name = string.Create(CultureInfo.InvariantCulture, $"{set.Name}-{parts.Count}"), PartOf = set.Name, Entries = [set.Entries[first]] };
            var size = Encoding.UTF8.GetByteCount(Render(part, labels, annotations));
            var head = size - SizeOf(pieces[first + 1]);
            if (head >= maxSize)
                throw new ModuleException(ErrorCodes.InvalidArgument, $"max_object_size is {maxSize}, and an object has {head} bytes without any entry", "raise it, set it to 0, or give fewer labels and annotations");
            var next = first + 1;
            while (next < set.Entries.Length && size + SizeOf(pieces[next + 1]) is var more && more <= maxSize)
                (size, next) = (more, next + 1);
            parts.Add(part with { Entries = set.Entries[first..next] });
            first = next;
        }

        return parts.ToImmutable();
    }

    /// <param name="labels">In addition to those that say who made it; they win.</param>
    public static string Render(MirrorSet set, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> annotations)
    {
        var resource = MirrorResource.Of(set.Kind);
        var metadata = new JObject { ["name"] = set.Name, ["labels"] = Labels(labels) };
        if (annotations.Count > 0 || set.PartOf is not null)
            metadata["annotations"] = Annotations(annotations, set.PartOf);
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

    static JObject Annotations(IReadOnlyDictionary<string, string> annotations, string? partOf)
    {
        var sorted = Sorted(annotations);
        if (partOf is not null)
            sorted[PartOf] = partOf;
        return sorted;
    }

    static int SizeOf(string entry) => Encoding.UTF8.GetByteCount(entry) + NextEntry.Length;

    static JObject Sorted(IReadOnlyDictionary<string, string> pairs) =>
        new(pairs.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => new JProperty(pair.Key, pair.Value)));
}
