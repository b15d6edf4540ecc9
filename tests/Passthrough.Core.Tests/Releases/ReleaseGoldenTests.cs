using Newtonsoft.Json.Linq;
using Passthrough.Core.Releases;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Releases;

/// <summary>
/// What oc-mirror v2's own code selects from recorded update graphs, and what is right where its answer leaves a user stranded. The
/// recordings are used in place;
/// <see cref="ReleaseSelectorTests"/> holds the same rules over small graphs of our own.
/// </summary>
public sealed class ReleaseGoldenTests
{
    static readonly string? Golden = Fixtures.Recording("releases/release-golden.json");

    /// <summary>What the configuration's reader refuses before any graph is asked for.</summary>
    static readonly string[] RefusedByTheReader =
        ["architectures-07", "architectures-13", "architectures-14", "channel-name-05", "channels-21", "channels-28", "okd-08"];

    public static TheoryData<string> Cases() =>
        Golden is null ? [""] : [.. ReadCases().Select(test => (string)test["id"]!).Except(RefusedByTheReader)];

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public async Task Selects_what_is_right(string id)
    {
        Skip.If(Golden is null, "the recordings are not beside this checkout");
        var test = ReadCases().Single(test => (string)test["id"]! == id);
        if (test["platform"]!["release"] is not null || test["platform"]!["channels"] is null)
            return;
        var right = (JObject)test["right"]!;
        var graphs = new RecordedGraphs((string)test["graphs"]!, test["serve"] as JObject);
        var channels = test["platform"]!["channels"]!.Select(ChannelOf).ToList();
        string[] architectures = test["platform"]!["platforms"] is not null ? ["multi"]
            : test["platform"]!["architectures"] is JArray { Count: > 0 } list ? [.. list.Select(name => (string)name!)] : ["amd64"];
        var selector = new ReleaseSelector(graphs);

        if (ExpectedFault(id, test) is { } code)
        {
            var fault = await Assert.ThrowsAsync<ModuleException>(
                () => selector.SelectAsync(channels, architectures, CancellationToken.None));
            Assert.Equal(code, fault.Code);
            if (right["highest_reached"] is { } highest && code == ErrorCodes.Unreachable)
            {
                Assert.Equal((string)highest!, (string)fault.Details!["highest_reached"]!);
                // The recording has the lowest and the highest of them alone.
                var before = Json.Texts(fault.Details!["edges_to_max"]).ToList();
                Assert.Equal(Json.Texts(right["versions_with_an_edge_to_max"]), before.Count == 0 ? [] : [before[0], before[^1]]);
            }

            return;
        }

        var selection = await selector.SelectAsync(channels, architectures, CancellationToken.None);
        foreach (var architecture in architectures.Distinct())
        {
            var versions = test["v2"]!["versions_by_arch"] is JObject each ? each[architecture] : test["v2"]!["versions"];
            Assert.Equal(
                Wanted([.. Json.Texts(versions)], right, test),
                selection.Releases.Where(selected => selected.Architecture == architecture)
                    .Select(selected => selected.Release.Version.Text));
        }

        if ((string?)right["code"] is { } finding and not "range-empty")
            Assert.Contains(selection.Findings, found => found.Code == FindingOf(finding));
        else
            Assert.All(selection.Findings, found => Assert.True(found.Code is FindingCodes.CrossChannelGap or FindingCodes.MaxWithoutMin));
        if (right["conditional"] is JArray conditional)
        {
            Assert.Equal(
                conditional.Select(hop => Line((string)hop["from"]!, (string)hop["to"]!, Json.Texts(hop["risks"]))),
                selection.Hops.Select(selected => selected.Hop).Where(hop => hop.IsConditional)
                    .Select(hop => Line(hop.From.Version.Text, hop.To.Version.Text, hop.Risks.Select(risk => risk.Name))));
        }
    }

    static string Line(string from, string to, IEnumerable<string> risks) => $"{from} {to} {string.Join(',', risks.Order())}";

    static List<string> Wanted(List<string> v2, JObject right, JToken test)
    {
        if ((string?)right["code"] == "range-empty")
            return [(string)test["platform"]!["channels"]![0]!["minVersion"]!];
        if (right["path"] is not JArray path)
            return v2;
        // Where channels leave a gap, oc-mirror's heads on the way give place to the better way.
        var crossing = test["v2"]!["cross_channel"]?.SelectMany(way => Json.Texts(way["path"])).ToHashSet() ?? [];
        var own = test["v2"]!["resolved"]!
            .SelectMany(bounds => Json.Texts(bounds["path"]).Concat([(string)bounds["minVersion"]!, (string)bounds["maxVersion"]!]))
            .ToHashSet();
        if ((string?)right["code"] == "cross-channel-gap")
            v2.RemoveAll(version => crossing.Contains(version) && !own.Contains(version));
        return [.. v2.Concat(Json.Texts(path)).Distinct().OrderBy(VersionOf)];
    }

    static SemanticVersion? VersionOf(string text) => SemanticVersion.TryParse(text, out var version) ? version : null;

    /// <returns>The code of the error that is right; null where the selection succeeds.</returns>
    static string? ExpectedFault(string id, JToken test) => (string)test["right"]!["kind"]! switch
    {
        // oc-mirror fails as well: for the last of several causes, where the first in the order of the configuration is told here.
        "as-v2" when id == "channels-04" => ErrorCodes.RangeEmpty,
        "as-v2" when id == "channels-06" => ErrorCodes.Unreachable,
        "as-v2" when id == "channels-10" => ErrorCodes.ChannelEmpty,
        "as-v2" when (string)test["v2"]!["outcome"]! == "error" => ErrorCodes.GraphUnavailable,
        // An edge to a release that is not there is a graph that contradicts itself.
        "as-v2" when id == "service-answer-12" => ErrorCodes.GraphInvalid,
        // Two builds of one version are a graph that contradicts itself.
        _ when id == "service-answer-17" => ErrorCodes.GraphInvalid,
        // Channels that cannot be crossed are a finding.
        "error" when id.StartsWith("channels-", StringComparison.Ordinal) && (string?)test["right"]!["code"] == "unreachable" => null,
        // The channel has this prerelease; oc-mirror does not find one that is both bounds.
        "error" when id == "min-is-max-06" => null,
        // One bound alone cannot be above the other.
        "error" when id is "not-in-channel-01" or "not-in-channel-02" => ErrorCodes.RangeEmpty,
        "error" => (string)test["right"]!["code"]! switch
        {
            "channel-empty" => ErrorCodes.ChannelEmpty,
            "min-above-max" => ErrorCodes.MinAboveMax,
            "service-error" => ErrorCodes.GraphUnavailable,
            "answer-invalid" => ErrorCodes.GraphInvalid,
            "unreachable" => ErrorCodes.Unreachable,
            "bad-version" => ErrorCodes.VersionInvalid,
            "range-empty" => ErrorCodes.RangeEmpty,
            "min-not-in-channel" => ErrorCodes.VersionNotInChannel,
            var other => throw new InvalidOperationException($"{id}: {other}"),
        },
        _ => null,
    };

    static string FindingOf(string code) => code switch
    {
        "unreachable" => FindingCodes.CrossChannelGap,
        _ => code.ToUpperInvariant().Replace('-', '_'),
    };

    static ChannelRequest ChannelOf(JToken channel) => new((string)channel["name"]!)
    {
        IsOkd = (string?)channel["type"] == "okd",
        MinVersion = (string?)channel["minVersion"],
        MaxVersion = (string?)channel["maxVersion"],
        ShortestPath = (bool?)channel["shortestPath"] ?? false,
        Full = (bool?)channel["full"] ?? false,
    };

    static IEnumerable<JToken> ReadCases() => Json.Parse(File.ReadAllBytes(Golden!))["cases"]!;

    sealed class RecordedGraphs(string set, JObject? serve) : IUpdateGraphs
    {
        public Task<UpdateGraph> GetAsync(bool isOkd, string architecture, string channel, CancellationToken cancellationToken)
        {
            if (serve?[$"{architecture}_{channel}"] is not { } answer)
            {
                var folder = Path.Combine(Path.GetDirectoryName(Golden)!, "graphs", isOkd ? "okd" : set);
                return new GraphFolder(folder).GetAsync(isOkd, architecture, channel, cancellationToken);
            }

            if ((int)answer["status"]! != 200)
                throw new ModuleException(ErrorCodes.GraphUnavailable, $"status {answer["status"]}");
            try
            {
                return Task.FromResult(UpdateGraphJson.Parse(System.Text.Encoding.UTF8.GetBytes((string)answer["body"]!)));
            }
            catch (FormatException e)
            {
                throw new ModuleException(ErrorCodes.GraphInvalid, e.Message);
            }
        }
    }
}
