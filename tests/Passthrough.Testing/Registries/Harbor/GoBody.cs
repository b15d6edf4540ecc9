using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>
/// Reads the JSON body of a request as Harbor's generated code does: the media type must be right, the body there, and every known member of its Go type.
/// Everything else is 422, in Go's words.
/// </summary>
static class GoBody
{
    /// <summary>A Go structure: its name, and its members' types (<c>string</c>, <c>bool</c>, <c>int64</c>, or another structure).</summary>
    public sealed record Struct(string Name, IReadOnlyDictionary<string, object> Members);

    static readonly Struct ProjectMetadata = new("ProjectMetadata", Texts("public", "auto_scan", "prevent_vul", "severity", "enable_content_trust", "enable_content_trust_cosign", "auto_sbom_generation", "reuse_sys_cve_allowlist", "proxy_speed_kb", "retention_id"));

    public static readonly Struct Project = new("ProjectReq", Members(("project_name", "string"), ("metadata", ProjectMetadata), ("storage_limit", "int64"), ("registry_id", "int64")));

    public static readonly Struct RobotCreate = Robot("RobotCreate");

    public static readonly Struct RobotUpdate = Robot("Robot");

    public static readonly Struct RobotSecret = new("RobotSec", Texts("secret"));

    public static readonly Struct Configurations = new("Configurations", Members(("read_only", "bool"), ("robot_name_prefix", "string"), ("robot_token_duration", "int64"), ("project_creation_restriction", "string"), ("self_registration", "bool")));

    public static readonly Struct Anything = new("", new Dictionary<string, object>(StringComparer.Ordinal));

    /// <summary>The metadata keys that a project keeps; others are dropped without a word.</summary>
    public static IEnumerable<string> MetadataKeys => ProjectMetadata.Members.Keys;

    /// <param name="call">The request.</param>
    /// <param name="parameter">The name of the body in messages.</param>
    /// <param name="type">What it must be.</param>
    public static JObject Read(HarborCall call, string parameter, Struct type)
    {
        var mediaType = call.Context.Request.ContentType is { Length: > 0 } given ? given.Split(';')[0].Trim() : "application/octet-stream";
        if (mediaType != "application/json")
            throw new HarborRefusal(HarborAnswer.Unprocessable($"unsupported media type \"{mediaType}\", only [application/json] are allowed"));
        if (call.Body.Length == 0)
            throw new HarborRefusal(HarborAnswer.Unprocessable($"{parameter} in body is required"));
        JToken json;
        try
        {
            json = Json.Parse(call.Body);
        }
        catch (JsonException)
        {
            throw Wrong(parameter, "unexpected EOF");
        }

        if (json is not JObject body)
            throw Wrong(parameter, $"json: cannot unmarshal {Kind(json)} into Go value of type models.{type.Name}");
        Check(body, type, "");
        return body;

        void Check(JObject value, Struct wanted, string path)
        {
            foreach (var (name, member) in wanted.Members)
            {
                var place = path.Length == 0 ? name : $"{path}.{name}";
                if (value[name] is not { } given || given.Type == JTokenType.Null)
                    continue;
                if (member is Struct inner)
                {
                    if (given is JObject next)
                        Check(next, inner, place);
                    else
                        throw Wrong(parameter, $"json: cannot unmarshal {Kind(given)} into Go struct field {wanted.Name}.{place} of type models.{inner.Name}");
                }
                else if (!Fits(given, (string)member))
                {
                    throw Wrong(parameter, $"json: cannot unmarshal {Kind(given)} into Go struct field {wanted.Name}.{place} of type {member}");
                }
            }
        }
    }

    /// <summary>The same refusal for a value that is checked by hand.</summary>
    public static HarborRefusal Wrong(string parameter, string why) => new(HarborAnswer.Unprocessable($"parsing {parameter} body from \"\" failed, because {why}"));

    static bool Fits(JToken value, string type) => type switch
    {
        "string" => value.Type == JTokenType.String,
        "bool" => value.Type == JTokenType.Boolean,
        _ => value.Type == JTokenType.Integer,
    };

    public static string Kind(JToken value) => value.Type switch
    {
        JTokenType.Boolean => "bool",
        JTokenType.String => "string",
        JTokenType.Float => $"number {Json.Compact(value)}",
        JTokenType.Integer => "number",
        JTokenType.Array => "array",
        _ => "object",
    };

    static Struct Robot(string name) => new(name, Members(("name", "string"), ("description", "string"), ("secret", "string"), ("level", "string"), ("disable", "bool"), ("duration", "int64")));

    static Dictionary<string, object> Texts(params string[] names) => names.ToDictionary(name => name, _ => (object)"string", StringComparer.Ordinal);

    static Dictionary<string, object> Members(params (string Name, object Type)[] members) => members.ToDictionary(member => member.Name, member => member.Type, StringComparer.Ordinal);
}
