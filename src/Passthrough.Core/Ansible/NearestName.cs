namespace Passthrough.Core.Ansible;

/// <summary>Finds what somebody meant who mistyped a name.</summary>
public static class NearestName
{
    /// <summary>The known name with the fewest edits, where these are few enough to be a slip; null otherwise.</summary>
    public static string? Of(string name, IEnumerable<string> known) =>
        known.Where(candidate => Edits(name.ToLowerInvariant(), candidate) <= Math.Max(1, Math.Min(name.Length, candidate.Length) / 3))
            .OrderBy(candidate => Edits(name.ToLowerInvariant(), candidate)).ThenBy(candidate => candidate, StringComparer.Ordinal)
            .FirstOrDefault();

    // Levenshtein's distance, one row at a time.
    static int Edits(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
