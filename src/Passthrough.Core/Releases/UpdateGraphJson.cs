using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Releases;

/// <summary>
/// Reads the answer of an update service: <c>nodes</c>, <c>edges</c> as pairs of indexes into them, and <c>conditionalEdges</c> as pairs
/// of versions with their
/// risks. Other members are left to newer clients. The largest graphs that exist have 400 nodes and 20,000 edges.
/// </summary>
static class UpdateGraphJson
{
    const int MaxNodes = 20_000;
    const int MaxEdges = 500_000;
    const StringSplitOptions Trimmed = StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries;
    const string ChannelsKey = "io.openshift.upgrades.graph.release.channels";

    /// <exception cref="FormatException">It is not a graph; the message says why, as the rest of a sentence about the answer.</exception>
    public static UpdateGraph Parse(byte[] utf8)
    {
        JObject answer;
        try
        {
            answer = Json.Parse(utf8) as JObject ?? throw new FormatException("is not a JSON object");
        }
        catch (JsonException e)
        {
            throw new FormatException($"is not JSON: {e.Message}", e);
        }

        var nodes = ListOf(answer, "nodes", MaxNodes).Select(NodeOf).ToList();
        var releases = new Dictionary<SemanticVersion, Release>(nodes.Count);
        foreach (var node in nodes)
        {
            if (!releases.TryAdd(node.Version, node) && releases[node.Version].Payload != node.Payload)
                throw new FormatException($"has two releases with version {node.Version} and different images");
        }

        return new UpdateGraph(releases, UpdatesOf(answer, nodes, releases));
    }

    static Dictionary<SemanticVersion, Dictionary<SemanticVersion, IReadOnlyList<UpdateRisk>>> UpdatesOf(
        JObject answer, List<Release> nodes, Dictionary<SemanticVersion, Release> releases)
    {
        var updates = new Dictionary<SemanticVersion, Dictionary<SemanticVersion, IReadOnlyList<UpdateRisk>>>();
        foreach (var edge in ListOf(answer, "edges", MaxEdges))
            TargetsOf(IndexOf(edge, 0))[IndexOf(edge, 1)] = [];

        var read = 0;
        foreach (var group in ListOf(answer, "conditionalEdges", MaxEdges))
        {
            var risks = ListOf(group, "risks", MaxNodes).Select(RiskOf).ToArray();
            if (risks.Length == 0)
                throw new FormatException("has a conditional update without a risk");
            foreach (var edge in ListOf(group, "edges", MaxEdges))
            {
                if (++read > MaxEdges)
                    throw new FormatException($"has more than {MaxEdges} conditional updates");
                var targets = TargetsOf(VersionOf(edge, "from"));
                var to = VersionOf(edge, "to");
                // Real answers list some updates both ways: those are recommended. Two groups with the same update add their risks.
                if (!targets.TryGetValue(to, out var others))
                    targets[to] = risks;
                else if (others.Count > 0)
                    targets[to] = [.. others.Concat(risks).Distinct()];
            }
        }

        return updates;

        Dictionary<SemanticVersion, IReadOnlyList<UpdateRisk>> TargetsOf(SemanticVersion from) =>
            updates.TryGetValue(from, out var targets) ? targets : updates[from] = [];

        SemanticVersion IndexOf(JToken edge, int end) =>
            edge is JArray { Count: 2 } pair && pair[end] is JValue { Value: long index } && index >= 0 && index < nodes.Count
                ? nodes[(int)index].Version
                : throw new FormatException($"has an edge {Short(edge)}, which does not name two of its {nodes.Count} releases");

        SemanticVersion VersionOf(JToken edge, string end) =>
            SemanticVersion.TryParse(TextOf(edge, end), out var version) && releases.ContainsKey(version)
                ? version
                : throw new FormatException($"has a conditional update {Short(edge)} whose {end} is not one of its releases");
    }

    static Release NodeOf(JToken node)
    {
        var text = TextOf(node, "version");
        if (!SemanticVersion.TryParse(text, out var version))
            throw new FormatException($"has a release with version \"{Short(text)}\", which is not a semantic version");
        var payload = TextOf(node, "payload");
        if (payload is null or "")
            throw new FormatException($"has no payload for release {version}");
        var channels = node["metadata"] is JObject metadata ? TextOf(metadata, ChannelsKey) : null;
        return new Release(version, payload, channels?.Split(',', Trimmed) ?? []);
    }

    static UpdateRisk RiskOf(JToken risk) =>
        TextOf(risk, "name") is { Length: > 0 } name
            ? new UpdateRisk(name, TextOf(risk, "message") ?? "", TextOf(risk, "url") ?? "")
            : throw new FormatException("has a risk without a name");

    static JArray ListOf(JToken parent, string name, int most) => (parent as JObject)?[name] switch
    {
        null or { Type: JTokenType.Null } when parent is JObject => [],
        JArray list when list.Count <= most => list,
        JArray list => throw new FormatException($"has {list.Count} {name}; at most {most} are read"),
        _ => throw new FormatException($"has {name} that are not a list"),
    };

    static string? TextOf(JToken parent, string name) => (parent as JObject)?[name] is JValue { Value: string text } ? text : null;

    static string Short(JToken token) => Short(Json.Compact(token));

    static string Short(string? text) => text is null ? "" : text.Length <= 60 ? text : text[..60] + "…";
}
