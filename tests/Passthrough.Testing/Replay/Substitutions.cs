using System.Text;
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
    readonly List<string> byAge = [];
    readonly SortedSet<string> longestFirst = new(Comparer<string>.Create((one, other) => other.Length != one.Length ? other.Length - one.Length : string.CompareOrdinal(one, other)));

    /// <summary>Remembers a pair; the last one for a recorded value holds. Short values are not remembered, unless a transcript names them <c>&lt;jwt1&gt;</c>.</summary>
    public void Learn(string recorded, string actualValue)
    {
        if ((recorded.Length < MinLength && !recorded.StartsWith('<')) || (recorded == actualValue && !actual.ContainsKey(recorded)))
            return;
        byAge.Remove(recorded);
        byAge.Add(recorded);
        longestFirst.Add(recorded);
        actual[recorded] = actualValue;
    }

    /// <summary>Forgets what begins so: names that a transcript gives anew in each part.</summary>
    public void Forget(string beginning)
    {
        foreach (var recorded in byAge.Where(known => known.StartsWith(beginning, StringComparison.Ordinal)).ToList())
        {
            byAge.Remove(recorded);
            longestFirst.Remove(recorded);
            actual.Remove(recorded);
        }
    }

    /// <summary>What stands for a recorded value, also for one that the transcript cuts (<c>eyJhbGciOiJS…</c>): the newest that begins so. Null where nothing does.</summary>
    public string? Find(string recorded)
    {
        if (actual.TryGetValue(recorded, out var value))
            return value;
        var beginning = recorded.EndsWith('…') ? recorded[..^1] : null;
        return beginning is null ? null : byAge.FindLast(known => known.StartsWith(beginning, StringComparison.Ordinal)) is { } found ? actual[found] : null;
    }

    /// <summary>The text as it must be for our server.</summary>
    public string Apply(string text)
    {
        // Where two values overlap, the longer one is meant; what was put in is not looked at again.
        var places = new SortedDictionary<int, string>();
        foreach (var recorded in longestFirst)
        {
            for (var at = text.IndexOf(recorded, StringComparison.Ordinal); at >= 0; at = text.IndexOf(recorded, at + recorded.Length, StringComparison.Ordinal))
            {
                if (!places.Any(place => place.Key < at + recorded.Length && at < place.Key + place.Value.Length))
                    places[at] = recorded;
            }
        }

        if (places.Count > 0)
        {
            var (changed, done) = (new StringBuilder(), 0);
            foreach (var (at, recorded) in places)
            {
                changed.Append(text, done, at - done).Append(actual[recorded]);
                done = at + recorded.Length;
            }

            text = changed.Append(text, done, text.Length - done).ToString();
        }

        return text.Contains('…', StringComparison.Ordinal) ? CutValue().Replace(text, cut => Find(cut.Value) ?? cut.Value) : text;
    }

    [GeneratedRegex(@"[A-Za-z0-9.+/=_-]{6,}…")]
    private static partial Regex CutValue();
}
