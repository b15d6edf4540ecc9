namespace Passthrough.Core.Releases;

/// <summary>How paths are told to people.</summary>
static class Sentences
{
    const int Most = 8;

    /// <summary>The conditional updates of a way with the names of their risks.</summary>
    public static string Conditional(IEnumerable<UpdateHop> path)
    {
        var hops = path.Where(hop => hop.IsConditional).Select(Text).ToList();
        var these = hops.Count == 1 ? "this update" : "these updates";
        return $"a cluster recommends {these} only if it is not exposed to the risks: {List(hops)}";

        static string Text(UpdateHop hop) => $"{hop.From.Version} to {hop.To.Version} ({List([.. hop.Risks.Select(risk => risk.Name)])})";
    }

    public static string List(IReadOnlyList<string> items) =>
        items.Count <= Most ? string.Join(", ", items) : $"{string.Join(", ", items.Take(Most))} and {items.Count - Most} more";
}
