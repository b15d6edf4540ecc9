using System.Globalization;
using System.Text.RegularExpressions;

namespace Passthrough.Core.Releases;

/// <summary>
/// Selects the releases that the channels of an image set configuration mean. Each channel is selected for itself; where several channels
/// together have no
/// recommended way from their lowest to their highest release, the best way over all their graphs is added.
/// </summary>
public sealed partial class ReleaseSelector(IUpdateGraphs graphs)
{
    /// <summary>More minor versions than this between two channels are not looked up.</summary>
    const int MaxMinorsBetween = 30;

    readonly Dictionary<(bool, string, string), UpdateGraph> known = [];

    /// <param name="channels">In the order of the configuration; the first fault in that order is thrown.</param>
    /// <param name="architectures">As services name them; one that is named twice counts once.</param>
    /// <param name="cancellationToken">Set when the run is to stop.</param>
    /// <exception cref="ModuleException">As <see cref="IUpdateGraphs"/> and <see cref="ChannelSelector"/> say.</exception>
    public async Task<ReleaseSelection> SelectAsync(
        IReadOnlyList<ChannelRequest> channels, IReadOnlyList<string> architectures, CancellationToken cancellationToken)
    {
        var wanted = architectures.Distinct().ToList();
        var own = new Dictionary<string, List<ReleaseSelection>>();
        foreach (var channel in channels)
        {
            foreach (var architecture in wanted)
            {
                var graph = await GraphAsync(channel.IsOkd, architecture, channel.Name, cancellationToken);
                var selection = new ChannelSelector(channel, architecture, graph).Select();
                (own.TryGetValue(architecture, out var list) ? list : own[architecture] = []).Add(selection);
            }
        }

        var all = new List<ReleaseSelection>();
        foreach (var architecture in wanted.Where(own.ContainsKey))
        {
            all.Add(Merge(own[architecture]));
            if (await GapAsync(channels, architecture, own[architecture], cancellationToken) is { } gap)
                all[^1] = Merge([all[^1], gap]);
        }

        return new ReleaseSelection(
            [.. all.SelectMany(selection => selection.Releases)],
            [.. all.SelectMany(selection => selection.Hops)],
            [.. all.SelectMany(selection => selection.Findings)]);
    }

    async Task<UpdateGraph> GraphAsync(bool isOkd, string architecture, string channel, CancellationToken cancellationToken) =>
        known.TryGetValue((isOkd, architecture, channel), out var graph)
            ? graph
            : known[(isOkd, architecture, channel)] = await graphs.GetAsync(isOkd, architecture, channel, cancellationToken);

    /// <summary>One entry a version, the first that gives it, in ascending order.</summary>
    static ReleaseSelection Merge(IReadOnlyList<ReleaseSelection> selections) => new(
        [
            .. selections.SelectMany(selection => selection.Releases)
                .DistinctBy(selected => selected.Release.Version).OrderBy(selected => selected.Release.Version),
        ],
        [.. selections.SelectMany(selection => selection.Hops).DistinctBy(hop => (hop.Hop.From.Version, hop.Hop.To.Version))],
        [.. selections.SelectMany(selection => selection.Findings)]);

    /// <returns>
    /// The best way from the lowest to the highest release, with the finding; null where the channels' own selections can be walked, or
    /// there is one channel.
    /// </returns>
    async Task<ReleaseSelection?> GapAsync(
        IReadOnlyList<ChannelRequest> channels, string architecture, List<ReleaseSelection> selections, CancellationToken cancellationToken)
    {
        var names = channels.Where(channel => !channel.IsOkd).Select(channel => channel.Name).ToList();
        if (names.Count < 2)
            return null;
        var selected = channels.Zip(selections).Where(pair => !pair.First.IsOkd).SelectMany(pair => pair.Second.Releases)
            .OrderBy(release => release.Release.Version).ToList();
        var (lowest, highest) = (selected[0].Release, selected[^1].Release);
        var union = UpdateGraph.Union(names.Select(name => known[(false, architecture, name)]));
        if (UpdatePath.FindRecommended(union.Among(selected.Select(release => release.Release)), lowest, highest) is not null)
            return null;

        foreach (var between in MinorsBetween(names))
        {
            var graph = await GraphAsync(isOkd: false, architecture, between, cancellationToken);
            names.Add(between);
            union = UpdateGraph.Union([union, graph]);
        }

        var path = UpdatePath.Find(union, lowest, highest);
        var message = path is null
            ? $"{architecture}: no updates lead from {lowest.Version} to {highest.Version}, the channels' lowest and highest release; "
                + $"the highest version that can be reached is {UpdatePath.HighestFrom(union, lowest).Version}"
            : $"{architecture}: the channels by themselves give no recommended way from {lowest.Version} to {highest.Version}; "
                + $"added: {Sentences.List([.. path.Select(hop => hop.To.Version.Text)])}"
                + (path.Any(hop => hop.IsConditional) ? "; " + Sentences.Conditional(path) : "");
        return new ReleaseSelection(
            [.. (path ?? []).Select(hop => new SelectedRelease(architecture, ChannelOf(hop.To), hop.To, SelectedVia.Path))],
            [.. (path ?? []).Select(hop => new SelectedHop(architecture, hop))],
            [
                new ReleaseFinding(
                    FindingCodes.CrossChannelGap, message, architecture, selected[^1].Channel,
                    [lowest.Version.Text, highest.Version.Text], path?.Count ?? 0),
            ]);

        string ChannelOf(Release release) => names.First(name => known[(false, architecture, name)].Find(release.Version) is not null);
    }

    /// <summary>
    /// The channels of the minor versions that lie between those that were asked for, under the name of the lowest one:
    /// <c>stable-4.19</c> of <c>stable-4.18</c> and <c>fast-4.20</c>.
    /// </summary>
    static List<string> MinorsBetween(IReadOnlyList<string> names)
    {
        var channels = names.Select(name => MinorChannel().Match(name)).Where(match => match.Success)
            .Select(match => (Kind: match.Groups["kind"].Value, Major: Number(match, "major"), Minor: Number(match, "minor"))).ToList();
        if (channels.Count == 0)
            return [];
        var low = channels.MinBy(channel => (channel.Major, channel.Minor));
        var high = channels.MaxBy(channel => (channel.Major, channel.Minor));
        return low.Major != high.Major || high.Minor - low.Minor > MaxMinorsBetween
            ? []
            : [.. Enumerable.Range(low.Minor, high.Minor - low.Minor).Skip(1)
                .Where(minor => channels.All(channel => channel.Minor != minor)).Select(minor => $"{low.Kind}-{low.Major}.{minor}")];
    }

    static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<kind>[a-z]+)-(?<major>\d{1,3})\.(?<minor>\d{1,4})$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex MinorChannel();
}
