using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Releases;

/// <summary>Selects the releases of one channel for one architecture.</summary>
sealed class ChannelSelector(ChannelRequest request, string architecture, UpdateGraph graph)
{
    readonly List<ReleaseFinding> findings = [];

    string Where => $"channel {request.Name}, {architecture}";

    /// <exception cref="ModuleException">
    /// <see cref="ErrorCodes.VersionInvalid"/>, <see cref="ErrorCodes.MinAboveMax"/>, <see cref="ErrorCodes.ChannelEmpty"/>, <see
    /// cref="ErrorCodes.RangeEmpty"/>,
    /// <see cref="ErrorCodes.VersionNotInChannel"/>, <see cref="ErrorCodes.Unreachable"/>.
    /// </exception>
    public ReleaseSelection Select()
    {
        var min = Bound("minVersion", request.MinVersion);
        var max = Bound("maxVersion", request.MaxVersion);
        if (min is not null && max is not null && min > max)
            throw Fault(ErrorCodes.MinAboveMax, $"channel {request.Name}: minVersion {min} is higher than maxVersion {max}", "swap them");
        if (graph.Head is not { } head)
        {
            throw Fault(
                ErrorCodes.ChannelEmpty,
                $"channel {request.Name} has no release for {architecture}",
                "check the channel's name and the architecture (image_set state=listed shows what exists)");
        }

        var startsAtHead = min is null && max is null && !request.Full;
        var first = startsAtHead ? head : graph.Releases[0];
        return request.ShortestPath
            ? Path(min is null ? first : Node(min, "minVersion"), max is null ? head : Node(max, "maxVersion"))
            : Range(min ?? first.Version, max ?? head.Version, min, max);
    }

    ReleaseSelection Path(Release from, Release to)
    {
        if (UpdatePath.Find(graph, from, to) is not { } path)
            throw Unreachable(from, to);
        if (path.Count(hop => hop.IsConditional) is > 0 and var conditional)
        {
            findings.Add(new ReleaseFinding(
                FindingCodes.ConditionalEdges, $"{Where}: {Sentences.Conditional(path)}", architecture, request.Name, [], conditional));
        }

        return Selection(
            path.Select(hop => hop.From).Append(to),
            release => release == from || release == to ? SelectedVia.Asked : SelectedVia.Path,
            path);
    }

    ReleaseSelection Range(SemanticVersion from, SemanticVersion to, SemanticVersion? min, SemanticVersion? max)
    {
        var selected = graph.Releases.Where(release => release.Version >= from && release.Version <= to).ToList();
        if (selected.Count == 0)
        {
            throw Fault(
                ErrorCodes.RangeEmpty,
                $"channel {request.Name} has no release for {architecture} {Between(min, max)}; "
                + $"it has {graph.Releases[0].Version} to {graph.Head!.Version}",
                "correct minVersion and maxVersion");
        }

        var bounds = new[] { min, max }.OfType<SemanticVersion>().Select(bound => bound.Text).Distinct();
        var strangers = bounds.Where(bound => graph.Releases.All(release => release.Version.Text != bound)).ToList();
        if (strangers.Count > 0)
        {
            findings.Add(new ReleaseFinding(
                FindingCodes.BoundNotInChannel,
                $"{Where}: {string.Join(" and ", strangers)} {(strangers.Count == 1 ? "is" : "are")} not in the channel; "
                + $"{selected[0].Version} to {selected[^1].Version} are selected",
                architecture, request.Name, strangers, selected.Count));
        }

        if (min is null && max is not null)
        {
            findings.Add(new ReleaseFinding(
                FindingCodes.MaxWithoutMin,
                $"{Where}: without minVersion the selection begins with {selected[0].Version}, the first release of the channel, "
                + $"and has {selected.Count} releases",
                architecture, request.Name, [max.Text], selected.Count));
        }

        var asked = new HashSet<SemanticVersion>(new[] { min, max ?? graph.Head!.Version }.OfType<SemanticVersion>());
        return Selection(selected, release => asked.Contains(release.Version) ? SelectedVia.Asked : SelectedVia.Range, []);
    }

    ReleaseSelection Selection(IEnumerable<Release> releases, Func<Release, SelectedVia> via, IReadOnlyList<UpdateHop> hops) => new(
        [
            .. releases.OrderBy(release => release.Version)
                .Select(release => new SelectedRelease(architecture, request.Name, release, via(release))),
        ],
        [.. hops.Select(hop => new SelectedHop(architecture, hop))],
        findings);

    SemanticVersion? Bound(string field, string? text)
    {
        if (text is null)
            return null;
        return SemanticVersion.TryParse(text, out var version)
            ? version
            : throw Fault(
                ErrorCodes.VersionInvalid,
                $"channel {request.Name}: {field} \"{text}\" is not a semantic version of three numbers",
                "write it in full, for example 4.20.8, without a v or blanks");
    }

    Release Node(SemanticVersion version, string field) => graph.Find(version) ?? throw Fault(
        ErrorCodes.VersionNotInChannel,
        $"channel {request.Name} has no release {version} for {architecture}, so no way can begin or end at {field}",
        $"the nearest that exist are {string.Join(", ", Nearest(version))}");

    IEnumerable<SemanticVersion> Nearest(SemanticVersion version)
    {
        var versions = graph.Releases.Select(release => release.Version).ToList();
        return versions.Where(other => other < version).TakeLast(1).Concat(versions.Where(other => other > version).Take(1));
    }

    ModuleException Unreachable(Release from, Release to)
    {
        var highest = UpdatePath.HighestFrom(graph, from).Version;
        var before = graph.WithUpdateTo(to).Select(release => release.Version.Text).ToList();
        return Fault(
            ErrorCodes.Unreachable,
            $"{Where}: no updates lead from {from.Version} to {to.Version}; the highest version that can be reached is {highest}",
            before.Count == 0
                ? $"no release of the channel has an update to {to.Version}"
                : $"{to.Version} can be reached from {Sentences.List(before)}",
            new JObject { ["highest_reached"] = highest.Text, ["edges_to_max"] = new JArray(before) });
    }

    ModuleException Fault(string code, string message, string hint, JObject? more = null)
    {
        var details = new JObject { ["arch"] = architecture, ["channel"] = request.Name };
        details.Merge(more ?? []);
        return new ModuleException(code, message, hint) { Details = details };
    }

    static string Between(SemanticVersion? min, SemanticVersion? max) => (min, max) switch
    {
        ({ }, { }) => $"between {min} and {max}",
        ({ }, null) => $"from {min} on",
        _ => $"up to {max}",
    };
}
