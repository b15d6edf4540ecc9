using System.Text;
using Passthrough.Core.Releases;

namespace Passthrough.Core.Tests.Releases;

/// <summary>The rules of selection over graphs that are small enough to be read.</summary>
public sealed class ReleaseSelectorTests
{
    /// <summary>4.1.0 to 4.1.3 and 4.2.0; the way from 4.1.1 to 4.2.0 is conditional.</summary>
    const string Small =
        """
        {"version": 1,
         "nodes": [{"version": "4.1.0", "payload": "r@0"}, {"version": "4.2.0", "payload": "r@4"}, {"version": "4.1.2", "payload": "r@2"},
                   {"version": "4.1.1", "payload": "r@1"}, {"version": "4.1.3", "payload": "r@3"}],
         "edges": [[0, 3], [0, 2], [3, 2], [3, 4], [2, 4]],
         "conditionalEdges": [{"edges": [{"from": "4.1.1", "to": "4.2.0"}, {"from": "4.1.3", "to": "4.2.0"}],
                               "risks": [{"name": "Slow", "message": "It is slow.", "url": "https://example.com/slow"}]}]}
        """;

    [Theory]
    [InlineData(null, null, false, false, "4.2.0:Asked")]
    [InlineData("4.1.2", null, false, false, "4.1.2:Asked 4.1.3:Range 4.2.0:Asked")]
    [InlineData("4.1.1", "4.1.3", false, false, "4.1.1:Asked 4.1.2:Range 4.1.3:Asked")]
    [InlineData("4.1.1", "4.1.1", false, false, "4.1.1:Asked")]
    [InlineData(null, "4.1.1", false, false, "4.1.0:Range 4.1.1:Asked")]
    [InlineData(null, null, true, false, "4.1.0:Range 4.1.1:Range 4.1.2:Range 4.1.3:Range 4.2.0:Asked")]
    [InlineData("4.1.0", "4.1.3", false, true, "4.1.0:Asked 4.1.2:Path 4.1.3:Asked")]
    [InlineData("4.1.0", "4.2.0", false, true, "4.1.0:Asked 4.1.1:Path 4.2.0:Asked")]
    [InlineData(null, null, false, true, "4.2.0:Asked")]
    public async Task Selects(string? min, string? max, bool full, bool shortest, string expected)
    {
        var selection = await SelectAsync(new Graphs(("stable-4.2", Small)), Channel("stable-4.2", min, max, full, shortest));

        Assert.Equal(expected, string.Join(' ', selection.Releases.Select(selected => $"{selected.Release.Version}:{selected.Via}")));
    }

    [Fact]
    public async Task A_conditional_update_is_told_with_its_risk()
    {
        var selection = await SelectAsync(new Graphs(("stable-4.2", Small)), Channel("stable-4.2", "4.1.3", "4.2.0", shortest: true));

        var hop = Assert.Single(selection.Hops).Hop;
        Assert.Equal(new UpdateRisk("Slow", "It is slow.", "https://example.com/slow"), Assert.Single(hop.Risks));
        var finding = Assert.Single(selection.Findings);
        Assert.Equal(FindingCodes.ConditionalEdges, finding.Code);
        Assert.Equal(
            "channel stable-4.2, amd64: a cluster recommends this update only if it is not exposed to the risks: 4.1.3 to 4.2.0 (Slow)",
            finding.Message);
    }

    [Fact]
    public async Task Recommended_updates_win_even_if_more_are_needed()
    {
        const string longer =
            """
            {"nodes": [{"version": "4.1.0", "payload": "a"}, {"version": "4.1.1", "payload": "b"}, {"version": "4.1.2", "payload": "c"}],
             "edges": [[0, 1], [1, 2]],
             "conditionalEdges": [{"edges": [{"from": "4.1.0", "to": "4.1.2"}], "risks": [{"name": "X"}]}]}
            """;
        var selection = await SelectAsync(new Graphs(("c", longer)), Channel("c", "4.1.0", "4.1.2", shortest: true));

        Assert.Equal(["4.1.0", "4.1.1", "4.1.2"], selection.Releases.Select(selected => selected.Release.Version.Text));
        Assert.Empty(selection.Findings);
    }

    [Fact]
    public async Task Of_equal_ways_the_one_with_fewer_conditional_updates_and_then_the_higher_versions_is_taken()
    {
        const string two =
            """
            {"nodes": [{"version": "4.1.0", "payload": "a"}, {"version": "4.1.1", "payload": "b"}, {"version": "4.1.2", "payload": "c"},
                       {"version": "4.1.3", "payload": "d"}, {"version": "4.1.9", "payload": "e"}],
             "edges": [[0, 1], [0, 2]],
             "conditionalEdges": [{"edges": [{"from": "4.1.0", "to": "4.1.3"}, {"from": "4.1.1", "to": "4.1.9"},
                                             {"from": "4.1.2", "to": "4.1.9"}, {"from": "4.1.3", "to": "4.1.9"}],
                                   "risks": [{"name": "X"}]}]}
            """;
        var selection = await SelectAsync(new Graphs(("c", two)), Channel("c", "4.1.0", "4.1.9", shortest: true));

        Assert.Equal(["4.1.0", "4.1.2", "4.1.9"], selection.Releases.Select(selected => selected.Release.Version.Text));
    }

    [Theory]
    [InlineData("4.1.3", "4.1.0", true, "MIN_ABOVE_MAX", "channel stable-4.2: minVersion 4.1.3 is higher than maxVersion 4.1.0")]
    [InlineData(
        "v4.1.3", null, false, "VERSION_INVALID",
        "channel stable-4.2: minVersion \"v4.1.3\" is not a semantic version of three numbers")]
    [InlineData(null, "4.1", false, "VERSION_INVALID", "channel stable-4.2: maxVersion \"4.1\" is not a semantic version of three numbers")]
    [InlineData(
        "4.1.7", "4.1.9", false, "RANGE_EMPTY",
        "channel stable-4.2 has no release for amd64 between 4.1.7 and 4.1.9; it has 4.1.0 to 4.2.0")]
    [InlineData("4.3.0", null, false, "RANGE_EMPTY", "channel stable-4.2 has no release for amd64 from 4.3.0 on; it has 4.1.0 to 4.2.0")]
    [InlineData(
        "4.1.7", "4.2.0", true, "VERSION_NOT_IN_CHANNEL",
        "channel stable-4.2 has no release 4.1.7 for amd64, so no way can begin or end at minVersion")]
    [InlineData("4.1.2", "4.2.0", true, null, null)]
    public async Task Refuses(string? min, string? max, bool shortest, string? code, string? message)
    {
        var run = () => SelectAsync(new Graphs(("stable-4.2", Small)), Channel("stable-4.2", min, max, shortest: shortest));
        if (code is null)
        {
            await run();
            return;
        }

        var fault = await Assert.ThrowsAsync<ModuleException>(run);
        Assert.Equal((code, message), (fault.Code, fault.Message));
    }

    [Theory]
    [InlineData(
        """ "edges": [[0, 1]], "conditionalEdges": [{"edges": [{"from": "4.1.0", "to": "4.1.1"}], "risks": [{"name": "A"}]}] """,
        "")]
    [InlineData(
        """
        "conditionalEdges": [{"edges": [{"from": "4.1.0", "to": "4.1.1"}], "risks": [{"name": "A"}]},
                             {"edges": [{"from": "4.1.0", "to": "4.1.1"}], "risks": [{"name": "B"}]}]
        """,
        "A B")]
    public async Task An_update_that_is_listed_twice_is_one(string edges, string risks)
    {
        var graph = """{"nodes": [{"version": "4.1.0", "payload": "a"}, {"version": "4.1.1", "payload": "b"}], """ + edges + "}";
        var selection = await SelectAsync(new Graphs(("c", graph)), Channel("c", "4.1.0", "4.1.1", shortest: true));

        Assert.Equal(risks, string.Join(' ', Assert.Single(selection.Hops).Hop.Risks.Select(risk => risk.Name)));
    }

    [Fact]
    public async Task What_cannot_be_reached_is_told_with_what_can()
    {
        const string island =
            """
            {"nodes": [{"version": "4.1.0", "payload": "a"}, {"version": "4.1.1", "payload": "b"},
                       {"version": "4.1.5", "payload": "c"}, {"version": "4.1.4", "payload": "d"}],
             "edges": [[0, 1], [3, 2]]}
            """;
        var fault = await Assert.ThrowsAsync<ModuleException>(
            () => SelectAsync(new Graphs(("c", island)), Channel("c", "4.1.0", "4.1.5", shortest: true)));

        Assert.Equal(ErrorCodes.Unreachable, fault.Code);
        Assert.Equal(
            "channel c, amd64: no updates lead from 4.1.0 to 4.1.5; the highest version that can be reached is 4.1.1",
            fault.Message);
        Assert.Equal("4.1.5 can be reached from 4.1.4", fault.Hint);
        Assert.Equal("4.1.1", (string)fault.Details!["highest_reached"]!);
    }

    [Fact]
    public async Task A_gap_between_channels_is_closed_over_the_minor_between_them()
    {
        const string lower = """{"nodes": [{"version": "4.1.0", "payload": "a"}], "edges": []}""";
        const string between =
            """
            {"nodes": [{"version": "4.1.0", "payload": "a"}, {"version": "4.2.0", "payload": "b"}, {"version": "4.2.1", "payload": "c"}],
             "edges": [[0, 1], [0, 2]]}
            """;
        const string upper =
            """
            {"nodes": [{"version": "4.2.1", "payload": "c"}, {"version": "4.2.0", "payload": "b"}, {"version": "4.3.0", "payload": "d"}],
             "edges": [[1, 2]]}
            """;
        var graphs = new Graphs(("stable-4.1", lower), ("stable-4.2", between), ("stable-4.3", upper));

        var selection = await SelectAsync(graphs, Channel("stable-4.1"), Channel("stable-4.3"));

        Assert.Equal(
            "4.1.0 stable-4.1 Asked, 4.2.0 stable-4.3 Path, 4.3.0 stable-4.3 Asked",
            string.Join(", ", selection.Releases.Select(selected => $"{selected.Release.Version} {selected.Channel} {selected.Via}")));
        Assert.Equal(FindingCodes.CrossChannelGap, Assert.Single(selection.Findings).Code);
        Assert.Equal(["stable-4.1", "stable-4.3", "stable-4.2"], graphs.Asked);
    }

    [Fact]
    public async Task A_minor_that_nobody_needs_is_not_looked_up()
    {
        const string both =
            """{"nodes": [{"version": "4.1.0", "payload": "a"}, {"version": "4.3.0", "payload": "b"}], "edges": [[0, 1]]}""";
        var graphs = new Graphs(("stable-4.1", """{"nodes": [{"version": "4.1.0", "payload": "a"}]}"""), ("stable-4.3", both));

        var selection = await SelectAsync(graphs, Channel("stable-4.1"), Channel("stable-4.3"));

        Assert.Empty(selection.Findings);
        Assert.Equal(["stable-4.1", "stable-4.3"], graphs.Asked);
    }

    [Theory]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("<html>", "is not JSON")]
    [InlineData("""{"nodes": {}}""", "has nodes that are not a list")]
    [InlineData(
        """{"nodes": [{"version": "4.1", "payload": "a"}]}""",
        "has a release with version \"4.1\", which is not a semantic version")]
    [InlineData("""{"nodes": [{"version": "4.1.0"}]}""", "has no payload for release 4.1.0")]
    [InlineData(
        """{"nodes": [{"version": "4.1.0", "payload": "a"}], "edges": [[0, 7]]}""",
        "has an edge [0,7], which does not name two of its 1 releases")]
    [InlineData(
        """{"nodes": [{"version": "4.1.0", "payload": "a"}], "edges": [[0]]}""",
        "has an edge [0], which does not name two of its 1 releases")]
    [InlineData(
        """{"nodes": [{"version": "4.1.0+a", "payload": "a"}, {"version": "4.1.0+b", "payload": "b"}]}""",
        "has two releases with version 4.1.0+b and different images")]
    [InlineData(
        """
        {"nodes": [{"version": "4.1.0", "payload": "a"}],
         "conditionalEdges": [{"edges": [{"from": "4.1.0", "to": "4.1.1"}], "risks": [{"name": "X"}]}]}
        """,
        "has a conditional update {\"from\":\"4.1.0\",\"to\":\"4.1.1\"} whose to is not one of its releases")]
    public void An_answer_that_is_not_a_graph_is_refused(string answer, string reason) =>
        Assert.StartsWith(reason, Assert.Throws<FormatException>(() => UpdateGraphJson.Parse(Encoding.UTF8.GetBytes(answer))).Message);

    /// <summary>Every release has an update to every other, itself included.</summary>
    [Fact]
    public async Task Cycles_end()
    {
        var all = Enumerable.Range(0, 60).ToList();
        var nodes = string.Join(',', all.Select(patch => $$"""{"version": "4.1.{{patch}}", "payload": "r@{{patch}}"}"""));
        var edges = string.Join(',', all.SelectMany(from => all.Select(to => $"[{from},{to}]")));
        var graphs = new Graphs(("c", $$"""{"nodes": [{{nodes}}], "edges": [{{edges}}]}"""));

        var selection = await SelectAsync(graphs, Channel("c", "4.1.0", "4.1.59", shortest: true));

        Assert.Equal(2, selection.Releases.Count);
    }

    static Task<ReleaseSelection> SelectAsync(Graphs graphs, params ChannelRequest[] channels) =>
        new ReleaseSelector(graphs).SelectAsync(channels, ["amd64"], CancellationToken.None);

    static ChannelRequest Channel(string name, string? min = null, string? max = null, bool full = false, bool shortest = false) =>
        new(name) { MinVersion = min, MaxVersion = max, Full = full, ShortestPath = shortest };

    sealed class Graphs(params (string Channel, string Answer)[] answers) : IUpdateGraphs
    {
        public List<string> Asked { get; } = [];

        public Task<UpdateGraph> GetAsync(bool isOkd, string architecture, string channel, CancellationToken cancellationToken)
        {
            Asked.Add(channel);
            var answer = answers.FirstOrDefault(answer => answer.Channel == channel).Answer;
            return Task.FromResult(answer is null ? UpdateGraph.Empty : UpdateGraphJson.Parse(Encoding.UTF8.GetBytes(answer)));
        }
    }
}
