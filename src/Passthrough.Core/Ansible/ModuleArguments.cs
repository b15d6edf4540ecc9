using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>
/// The parameters of one run after validation: aliases resolved, types coerced, defaults and environment filled in.
/// Every name must stand in the spec; asking for another is a defect.
/// </summary>
public sealed class ModuleArguments(JObject values)
{
    /// <summary>Whether the parameter has a value: given, from the environment, or by default.</summary>
    public bool IsSet(string name) => values[name] is { Type: not JTokenType.Null };

    /// <summary>A string, path or choice; null where it has no value.</summary>
    public string? Text(string name) => (string?)values[name];

    /// <summary>A string that has a value by the spec (required, or with a default).</summary>
    public string RequiredText(string name) => Text(name) ?? throw new InvalidOperationException($"parameter {name} has no value; the spec must require it or give a default");

    public bool Flag(string name) => (bool?)values[name] ?? false;

    public int? Number(string name) => (int?)values[name];

    public long? Bytes(string name) => (long?)values[name];

    /// <summary>The strings of a list; empty where it has no value.</summary>
    public IReadOnlyList<string> List(string name) => values[name] is JArray items ? [.. items.Select(item => (string)item!)] : [];

    /// <summary>The items of a list of dictionaries or raw values; empty where it has no value.</summary>
    public IReadOnlyList<JToken> Items(string name) => values[name] is JArray items ? [.. items] : [];

    /// <summary>A dictionary; null where it has no value.</summary>
    public JObject? Dictionary(string name) => values[name] as JObject;

    /// <summary>Any value, as it came.</summary>
    public JToken? Raw(string name) => values[name];
}
