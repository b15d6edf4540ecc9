namespace Passthrough.Core.Releases;

/// <summary>
/// Finds the best way of updates between two releases. Recommended updates win, even if more are needed; else the fewest updates, then
/// the fewest conditional
/// ones. Of equal ways the one with the higher versions from its start on.
/// </summary>
static class UpdatePath
{
    /// <returns>The updates in order, none where both releases are the same; null where there is no way.</returns>
    public static IReadOnlyList<UpdateHop>? Find(UpdateGraph graph, Release from, Release to) =>
        Find(graph, from, to, update => !update.IsConditional) ?? Find(graph, from, to, _ => true);

    /// <returns>Like <see cref="Find(UpdateGraph, Release, Release)"/>, over recommended updates alone.</returns>
    public static IReadOnlyList<UpdateHop>? FindRecommended(UpdateGraph graph, Release from, Release to) =>
        Find(graph, from, to, update => !update.IsConditional);

    /// <summary>
    /// The release with the highest version that can be reached, conditional updates included; the release itself where it has no update.
    /// </summary>
    public static Release HighestFrom(UpdateGraph graph, Release from)
    {
        var seen = new HashSet<SemanticVersion> { from.Version };
        var highest = from;
        var open = new Queue<Release>([from]);
        while (open.TryDequeue(out var release))
        {
            if (release.Version > highest.Version)
                highest = release;
            foreach (var update in graph.UpdatesFrom(release))
            {
                if (seen.Add(update.To.Version))
                    open.Enqueue(update.To);
            }
        }

        return highest;
    }

    static List<UpdateHop>? Find(UpdateGraph graph, Release from, Release to, Func<UpdateHop, bool> mayUse)
    {
        var left = CostsTo(graph, to, mayUse);
        if (!left.TryGetValue(from.Version, out var cost))
            return null;
        var path = new List<UpdateHop>(cost.Hops);
        for (var at = from; at.Version != to.Version; at = path[^1].To)
        {
            // The updates come in falling order, so the first that keeps to the cost is the one to take.
            var next = graph.UpdatesFrom(at).First(update =>
                mayUse(update) && left.TryGetValue(update.To.Version, out var rest) && rest.With(update) == left[at.Version]);
            path.Add(next);
        }

        return path;
    }

    /// <summary>What it costs at least to come from each release to the last one; releases that cannot are missing.</summary>
    static Dictionary<SemanticVersion, Cost> CostsTo(UpdateGraph graph, Release last, Func<UpdateHop, bool> mayUse)
    {
        var updatesTo = graph.Releases.SelectMany(graph.UpdatesFrom).Where(mayUse).ToLookup(update => update.To.Version);
        var costs = new Dictionary<SemanticVersion, Cost> { [last.Version] = new(0, 0) };
        // Layer by layer: a release gets its number of hops when it is first met, and within that layer its fewest conditional updates.
        for (var layer = new List<SemanticVersion> { last.Version }; layer.Count > 0;)
        {
            var before = new Dictionary<SemanticVersion, Cost>();
            foreach (var update in layer.SelectMany(version => updatesTo[version]))
            {
                var cost = costs[update.To.Version].With(update);
                if (costs.ContainsKey(update.From.Version))
                    continue;
                if (!before.TryGetValue(update.From.Version, out var known) || cost.Conditional < known.Conditional)
                    before[update.From.Version] = cost;
            }

            foreach (var (version, cost) in before)
                costs[version] = cost;
            layer = [.. before.Keys];
        }

        return costs;
    }

    sealed record Cost(int Hops, int Conditional)
    {
        public Cost With(UpdateHop update) => new(Hops + 1, Conditional + (update.IsConditional ? 1 : 0));
    }
}
