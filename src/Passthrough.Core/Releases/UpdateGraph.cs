namespace Passthrough.Core.Releases;

/// <summary>
/// The releases of one or several channels and the updates between them, as an update service answers
/// (https://github.com/openshift/cincinnati/blob/master/docs/design/cincinnati.md).
/// </summary>
public sealed class UpdateGraph
{
    readonly Dictionary<SemanticVersion, Release> releases;
    readonly Dictionary<SemanticVersion, Dictionary<SemanticVersion, IReadOnlyList<UpdateRisk>>> updates;

    internal UpdateGraph(
        Dictionary<SemanticVersion, Release> releases,
        Dictionary<SemanticVersion, Dictionary<SemanticVersion, IReadOnlyList<UpdateRisk>>> updates)
    {
        (this.releases, this.updates) = (releases, updates);
        Releases = [.. releases.Values.OrderBy(release => release.Version)];
    }

    /// <summary>What a service answers for a channel that it does not know.</summary>
    public static UpdateGraph Empty { get; } = new([], []);

    /// <summary>In ascending order of their versions.</summary>
    public IReadOnlyList<Release> Releases { get; }

    /// <summary>The release with the highest version; null in an empty graph.</summary>
    public Release? Head => Releases.Count == 0 ? null : Releases[^1];

    public Release? Find(SemanticVersion version) => releases.GetValueOrDefault(version);

    /// <summary>The updates from a release, those to higher versions first.</summary>
    public IEnumerable<UpdateHop> UpdatesFrom(Release release) =>
        updates.TryGetValue(release.Version, out var targets)
            ? targets.OrderByDescending(target => target.Key).Select(target => new UpdateHop(release, releases[target.Key], target.Value))
            : [];

    /// <summary>The releases that have an update to this one, conditional ones too, in ascending order.</summary>
    public IEnumerable<Release> WithUpdateTo(Release target) =>
        Releases.Where(release => updates.TryGetValue(release.Version, out var targets) && targets.ContainsKey(target.Version));

    /// <summary>
    /// One graph of several. A release counts as the first graph says it; an update is recommended if any graph recommends it.
    /// </summary>
    public static UpdateGraph Union(IEnumerable<UpdateGraph> graphs)
    {
        var all = new Dictionary<SemanticVersion, Release>();
        var between = new Dictionary<SemanticVersion, Dictionary<SemanticVersion, IReadOnlyList<UpdateRisk>>>();
        foreach (var graph in graphs)
        {
            foreach (var release in graph.Releases)
                all.TryAdd(release.Version, release);
            foreach (var (from, targets) in graph.updates)
            {
                var known = between.TryGetValue(from, out var had) ? had : between[from] = [];
                foreach (var (to, risks) in targets)
                {
                    if (!known.TryAdd(to, risks) && risks.Count == 0)
                        known[to] = risks;
                }
            }
        }

        return new UpdateGraph(all, between);
    }

    /// <summary>The graph of these releases alone.</summary>
    public UpdateGraph Among(IEnumerable<Release> some)
    {
        var kept = some.Select(release => release.Version).ToHashSet();
        return new UpdateGraph(
            releases.Where(release => kept.Contains(release.Key)).ToDictionary(release => release.Key, release => release.Value),
            updates.Where(from => kept.Contains(from.Key)).ToDictionary(
                from => from.Key,
                from => from.Value.Where(to => kept.Contains(to.Key)).ToDictionary(to => to.Key, to => to.Value)));
    }
}
