using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Kubernetes;

/// <summary>
/// A CustomResourceDefinition's structural schema: what an API server would refuse of an object under strict field validation, in its words
/// (kube-apiserver-transcript.txt). The definitions of OpenShift lie beside the checkout; where that folder is absent there is no schema.
/// </summary>
public sealed class CrdSchema
{
    readonly JObject schema;

    CrdSchema(JObject definition)
    {
        var version = definition["spec"]!["versions"]!.Last!;
        schema = (JObject)version["schema"]!["openAPIV3Schema"]!;
        Kind = (string)definition["spec"]!["names"]!["kind"]!;
        ApiVersion = $"{definition["spec"]!["group"]}/{version["name"]}";
    }

    public string Kind { get; }

    public string ApiVersion { get; }

    /// <summary>The definition of a kind by its plural; null where the definitions are absent.</summary>
    public static CrdSchema? Find(string plural) =>
        Fixtures.Recording(Path.Combine("crd", $"{plural}.crd.yaml")) is { } path ? new CrdSchema((JObject)Yaml.ParseAll(File.ReadAllText(path)).Single()) : null;

    /// <summary>The same for a test that is nothing without it.</summary>
    public static CrdSchema OrSkip(string plural)
    {
        var found = Find(plural);
        Xunit.Skip.If(found is null, $"the definition of {plural} does not lie beside the checkout (shared/data/crd)");
        return found!;
    }

    /// <summary>What is wrong with the object; nothing for one that a server takes.</summary>
    public IReadOnlyList<CrdFault> Validate(JObject value)
    {
        var faults = new List<CrdFault>();
        if ((string?)value["apiVersion"] != ApiVersion || (string?)value["kind"] != Kind)
            faults.Add(new CrdFault(CrdFaultType.Mapping, "", $"no matches for kind \"{value["kind"]}\" in version \"{value["apiVersion"]}\""));
        Check(schema, value, "", faults);
        CheckMetadata(value["metadata"] as JObject ?? [], faults);
        return faults;
    }

    static void Check(JObject schema, JToken value, string path, List<CrdFault> faults)
    {
        if (value.Type == JTokenType.Null || !IsOfType((string?)schema["type"], value))
        {
            faults.Add(new CrdFault(CrdFaultType.Type, path, $"expected {(string?)schema["type"] switch { "array" => "list", "object" => "map", var type => type }}"));
            return;
        }

        if (schema["enum"] is JArray allowed && !allowed.Any(item => JToken.DeepEquals(item, value)))
            faults.Add(new CrdFault(CrdFaultType.Value, path, $"Unsupported value: \"{value}\": supported values: {string.Join(", ", allowed.Select(item => $"\"{item}\""))}"));
        if ((string?)schema["pattern"] is { } pattern && !Matches(pattern, (string)value!))
            faults.Add(new CrdFault(CrdFaultType.Value, path, $"Invalid value: \"{value}\": {path.TrimStart('.')} in body should match '{pattern}'"));
        if (value is JArray items)
            CheckItems(schema, items, path, faults);
        else if (value is JObject members)
            CheckMembers(schema, members, path, faults);
    }

    static void CheckItems(JObject schema, JArray items, string path, List<CrdFault> faults)
    {
        for (var index = 0; index < items.Count; index++)
            Check((JObject)schema["items"]!, items[index], $"{path}[{index}]", faults);
        if ((string?)schema["x-kubernetes-list-type"] == "set")
        {
            foreach (var twice in items.GroupBy(item => item.ToString()).Where(same => same.Skip(1).Any()))
                faults.Add(new CrdFault(CrdFaultType.Duplicate, path, $"duplicate entries for key [=\"{twice.Key}\"]"));
        }
    }

    static void CheckMembers(JObject schema, JObject members, string path, List<CrdFault> faults)
    {
        foreach (var name in schema["required"]?.Select(name => (string)name!).Where(name => members[name] is null) ?? [])
            faults.Add(new CrdFault(CrdFaultType.Value, $"{path}.{name}", "Required value"));
        foreach (var (name, value) in members)
        {
            if (path.Length == 0 && name == "metadata")
                continue;
            if (schema["properties"]?[name] is JObject property)
                Check(property, value!, $"{path}.{name}", faults);
            else if (schema["properties"] is not null && (bool?)schema["x-kubernetes-preserve-unknown-fields"] != true)
                faults.Add(new CrdFault(CrdFaultType.Unknown, $"{path}.{name}", "field not declared in schema"));
        }
    }

    static void CheckMetadata(JObject metadata, List<CrdFault> faults)
    {
        var name = (string?)metadata["name"] ?? "";
        if (name.Length > 253 || !Regex.IsMatch(name, @"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z", RegexOptions.NonBacktracking))
            faults.Add(new CrdFault(CrdFaultType.Value, ".metadata.name", $"Invalid value: \"{name}\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"));
        foreach (var (key, value) in metadata["labels"] as JObject ?? [])
        {
            if (value!.Type != JTokenType.String || !Regex.IsMatch((string)value!, @"\A(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?\z", RegexOptions.NonBacktracking))
                faults.Add(new CrdFault(CrdFaultType.Value, ".metadata.labels", $"Invalid value: \"{value}\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"));
        }

        foreach (var (key, value) in (metadata["labels"] as JObject ?? []).Properties().Concat((metadata["annotations"] as JObject ?? []).Properties()).Select(pair => (pair.Name, pair.Value)))
        {
            if (value.Type != JTokenType.String || !Regex.IsMatch(key.Split('/')[^1], @"\A([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]\z", RegexOptions.NonBacktracking))
                faults.Add(new CrdFault(CrdFaultType.Value, ".metadata", $"Invalid value: \"{key}\": name part must consist of alphanumeric characters"));
        }
    }

    // The patterns take exponential time with backtracking, and "$" would let a final line feed pass.
    static bool Matches(string pattern, string text) => Regex.IsMatch(text, pattern.Replace("$|", "\\z|", StringComparison.Ordinal)[..^1] + "\\z", RegexOptions.NonBacktracking);

    static bool IsOfType(string? type, JToken value) => type switch
    {
        "object" => value is JObject,
        "array" => value is JArray,
        "string" => value.Type == JTokenType.String,
        "boolean" => value.Type == JTokenType.Boolean,
        "integer" => value.Type == JTokenType.Integer,
        _ => true,
    };
}

/// <param name="Path"><c>.spec.imageDigestMirrors[0].source</c></param>
public sealed record CrdFault(CrdFaultType Type, string Path, string Message);

public enum CrdFaultType
{
    /// <summary>Kind or version.</summary>
    Mapping,

    /// <summary>A field that the schema does not have.</summary>
    Unknown,

    /// <summary>A list that is none, and the like.</summary>
    Type,

    /// <summary>The same in a set twice.</summary>
    Duplicate,

    /// <summary>Missing, or not of the pattern or enumeration.</summary>
    Value,
}
