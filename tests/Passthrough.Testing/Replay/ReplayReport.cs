using System.Text;

namespace Passthrough.Testing.Replay;

/// <summary>How an exchange went.</summary>
/// <param name="Differences">Empty where our server answered as the real one did.</param>
/// <param name="LeftOut">Why it was not sent; null where it was.</param>
public sealed record ReplayOutcome(RecordedExchange Exchange, IReadOnlyList<string> Differences, RouteReason? LeftOut)
{
    public bool IsReplayed => LeftOut is null && Differences.Count == 0;
}

/// <summary>What came of a replay, against what the rules say must come of it.</summary>
public sealed class ReplayReport(ReplayRules rules, IReadOnlyList<ReplayOutcome> outcomes)
{
    public IReadOnlyList<ReplayOutcome> Outcomes => outcomes;

    public int Sent => outcomes.Count(outcome => outcome.LeftOut is null);

    public int Replayed => outcomes.Count(outcome => outcome.IsReplayed);

    public int LeftOut => outcomes.Count - Sent;

    /// <summary>The share of the exchanges sent that came back as recorded, in per cent.</summary>
    public double Share => Sent == 0 ? 0 : 100.0 * Replayed / Sent;

    /// <summary>Exchanges that differ and are not known to.</summary>
    public IReadOnlyList<ReplayOutcome> Surprises => [.. Different.Where(outcome => !rules.KnownDifferences.Any(known => known.Holds(outcome.Exchange)))];

    /// <summary>Known differences and routes left out that no exchange needs any more.</summary>
    public IReadOnlyList<RouteReason> Stale =>
        [.. rules.KnownDifferences.Where(known => !Different.Any(outcome => known.Holds(outcome.Exchange))), .. rules.LeftOut.Where(route => !outcomes.Any(outcome => outcome.LeftOut == route))];

    IEnumerable<ReplayOutcome> Different => outcomes.Where(outcome => outcome.LeftOut is null && outcome.Differences.Count > 0);

    /// <summary>What a test prints: the numbers, then everything that is not as the rules say.</summary>
    public override string ToString()
    {
        var text = new StringBuilder($"{Replayed} of {Sent} exchanges replayed ({Share:0.0} %), {LeftOut} left out\n");
        foreach (var outcome in Surprises)
            text.Append(outcome.Exchange).Append('\n').AppendJoin("", outcome.Differences.Select(difference => $"    {difference}\n"));
        foreach (var route in Stale)
            text.Append($"no exchange needs: {route.Method} {route.Path} {route.Title} ({route.Reason})\n");
        return text.ToString();
    }

    /// <summary>Fails unless at least nine of ten exchanges came back as recorded and the rest is what the rules list.</summary>
    public void AssertFaithful(double minimum = 90) =>
        Xunit.Assert.True(Surprises.Count == 0 && Stale.Count == 0 && Share >= minimum, ToString());
}
