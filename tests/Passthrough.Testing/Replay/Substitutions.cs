using System.Text.RegularExpressions;

namespace Passthrough.Testing.Replay;

/// <summary>
/// What the recorded server invented, and what ours invented in its place: secrets, tokens, upload sessions, ids, digests of bodies that the transcript does not
/// show. A value is replaced wherever it stands, in requests and in expected answers.
/// </summary>
public sealed partial class Substitutions
{
    /// <summary>A shorter text may stand anywhere by chance.</summary>
    const int MinLength = 8;

    readonly Dictionary<string, string> actual = new(StringComparer.Ordinal);
    readonly List<string> inOrder = [];
    Regex? all;

    /// <summary>Remembers a pair; the last one for a recorded value holds. Short values are not remembered, unless a transcript names them <c>&lt;jwt1&gt;</c>.</summary>
    public void Learn(string recorded, string actualValue)
    {
        if ((recorded.Length < MinLength && !recorded.StartsWith('<')) || (recorded == actualValue && !actual.ContainsKey(recorded)))
            return;
        if (!actual.ContainsKey(recorded))
            all = null;
        inOrder.Remove(recorded);
        inOrder.Add(recorded);
        actual[recorded] = actualValue;
    }

    /// <summary>Forgets what begins so: names that a transcript gives anew in each part.</summary>
    public void Forget(string beginning)
    {
        foreach (var recorded in inOrder.Where(known => known.StartsWith(beginning, StringComparison.Ordinal)).ToList())
        {
            inOrder.Remove(recorded);
            actual.Remove(recorded);
        }

        all = null;
    }

    /// <summary>What stands for a recorded value, also for one that the transcript cuts (<c>eyJhbGciOiJS…</c>): the newest that begins so. Null where nothing does.</summary>
    public string? Find(string recorded)
    {
        if (actual.TryGetValue(recorded, out var value))
            return value;
        var beginning = recorded.EndsWith('…') ? recorded[..^1] : null;
        return beginning is null ? null : inOrder.FindLast(known => known.StartsWith(beginning, StringComparison.Ordinal)) is { } found ? actual[found] : null;
    }

    /// <summary>The text as it must be for our server.</summary>
    public string Apply(string text)
    {
        if (actual.Count == 0 || text.Length < MinLength)
            return text;
        all ??= new Regex(string.Join('|', actual.Keys.OrderByDescending(key => key.Length).Select(Regex.Escape)), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));
        text = all.Replace(text, found => actual[found.Value]);
        return CutValue().Replace(text, cut => Find(cut.Value) ?? cut.Value);
    }

    [GeneratedRegex(@"[A-Za-z0-9.+/=_-]{6,}…")]
    private static partial Regex CutValue();
}
