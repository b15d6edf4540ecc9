using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>Parameters are read, and refused, as AnsibleModule does it: recorded from ansible-core 2.14.18.</summary>
public sealed partial class ArgumentGoldenTests
{
    static readonly JObject Golden = (JObject)Json.Parse(Fixtures.ReadText("argument-golden.json"));

    static readonly Dictionary<string, string> Environment = Golden["environment"]!.Cast<JProperty>().ToDictionary(p => p.Name, p => (string)p.Value!);

    const string NoDictionary = "dictionary requested, could not parse JSON or key=value";

    [Fact]
    public void Every_recorded_case()
    {
        var differences = new List<string>();
        foreach (var recorded in Golden["cases"]!.Cast<JObject>())
        {
            var wanted = recorded["error"] is { } error ? $"error: {Comparable((string)error!)}" : $"{Json.Compact(Sorted(recorded["values"]!))} {Json.Compact(recorded["warnings"]!)}";
            var actual = Run(recorded);
            if (wanted != actual)
                differences.Add($"{recorded["about"]} {Json.Compact(recorded["args"]!)}\n  Ansible: {wanted}\n  ours:    {actual}");
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differ:\n{string.Join('\n', differences)}");
        Assert.Equal(206, Golden["cases"]!.Count());
    }

    static string Run(JObject recorded)
    {
        var rules = (JObject)recorded["rules"]!;
        var spec = new ArgumentSpec
        {
            ModuleName = "probe",
            Arguments = Arguments((JObject)recorded["spec"]!),
            MutuallyExclusive = Groups(rules, "mutually_exclusive"),
            RequiredTogether = Groups(rules, "required_together"),
            RequiredOneOf = Groups(rules, "required_one_of"),
            RequiredIf = RequiredIfs(rules),
            RequiredBy = RequiredBys(rules),
        };
        var warnings = new List<string>();
        try
        {
            var values = new ArgumentValidator(Environment, new SecretMasker(), warnings, []).Validate(spec, (JObject)recorded["args"]!, "probe", ignoreUnknown: false);
            return $"{Json.Compact(Sorted(values))} {Json.Compact(new JArray(warnings))}";
        }
        catch (ModuleException fault)
        {
            return $"error: {Comparable(fault.Message)}";
        }
    }

    /// <summary>
    /// Python prints a set of booleans in any order and puts a full stop into the middle of one sentence; where a dictionary with options is no dictionary,
    /// AnsibleModule does not say which: ours does.
    /// </summary>
    static string Comparable(string message) =>
        message.EndsWith(NoDictionary, StringComparison.Ordinal) ? NoDictionary : MiddleStop().Replace(BooleanNames().Replace(message, "$1 …"), "' and we");

    // A dictionary has no order in Ansible.
    static JToken Sorted(JToken value) => value switch
    {
        JObject json => new JObject(json.Properties().OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => new JProperty(p.Name, Sorted(p.Value)))),
        JArray items => new JArray(items.Select(Sorted)),
        // JSON within text: Python puts blanks between its members.
        JValue { Value: string text } when text.StartsWith('{') || text.StartsWith('[') => Json.Compact(Json.Parse(text)),
        _ => value,
    };

    static ImmutableArray<Argument> Arguments(JObject spec) => [.. spec.Properties().Select(p => ToArgument(p.Name, (JObject)p.Value))];

    static Argument ToArgument(string name, JObject option) => new(name, TypeOf((string?)option["type"]))
    {
        Elements = option["elements"] is { } elements ? TypeOf((string?)elements) : ArgumentType.Raw,
        Required = (bool?)option["required"] ?? false,
        NoLog = (bool?)option["no_log"] ?? false,
        Default = option["default"] is JArray items ? items.Select(item => (string)item!).ToArray() : (option["default"] as JValue)?.Value,
        Choices = Strings(option["choices"]),
        Aliases = Strings(option["aliases"]),
        EnvironmentFallback = Strings(option["env"]),
        Options = option["options"] is JObject options ? Arguments(options) : [],
        MutuallyExclusive = Groups(option, "mutually_exclusive"),
        RequiredTogether = Groups(option, "required_together"),
        RequiredIf = RequiredIfs(option),
        RequiredBy = RequiredBys(option),
    };

    static ArgumentType TypeOf(string? name) => Enum.GetValues<ArgumentType>().Single(type => ArgumentCoercion.NameOf(type) == name);

    static ImmutableArray<string> Strings(JToken? names) => names is null ? [] : [.. names.Select(name => (string)name!)];

    static ImmutableArray<ImmutableArray<string>> Groups(JObject rules, string name) => rules[name] is JArray groups ? [.. groups.Select(Strings)] : [];

    static ImmutableArray<RequiredIf> RequiredIfs(JObject rules) => rules["required_if"] is JArray items
        ? [.. items.Select(rule => new RequiredIf((string)rule[0]!, PythonText.Of(rule[1]!), Strings(rule[2]), rule.Count() > 3 && (bool)rule[3]!))]
        : [];

    static ImmutableArray<RequiredBy> RequiredBys(JObject rules) => rules["required_by"] is JObject items
        ? [.. items.Properties().Select(p => new RequiredBy(p.Name, Strings(p.Value)))]
        : [];

    [GeneratedRegex("(Valid booleans include:).*")]
    private static partial Regex BooleanNames();

    [GeneratedRegex(@"'\. and we")]
    private static partial Regex MiddleStop();
}
