using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>
/// One list out of many lists of preference, which keeps what each of them says as far as they do not contradict each other: a topological sort (Kahn's),
/// in which the operator takes what is free in ascending order and breaks a circle at the first name that is left (mirror-policies.md 2, point 2).
/// </summary>
static class PreferenceOrder
{
    /// <param name="source">Preferred last, where a list does not name it.</param>
    /// <param name="lists">None of them empty.</param>
    /// <returns>Without the source where it comes last, since it is asked last anyway.</returns>
    public static ImmutableArray<string> Merge(string source, IEnumerable<ImmutableArray<string>> lists)
    {
        var after = new Dictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        var before = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var list in lists)
        {
            for (var i = 1; i < list.Length; i++)
                Prefer(list[i - 1], list[i]);
            if (!list.Contains(source))
                Prefer(list[^1], source);
        }

        var names = before.Keys.Order(StringComparer.Ordinal).ToList();
        var free = new Queue<string>(names.Where(name => before[name] == 0));
        var left = new Queue<string>(names);
        var used = new HashSet<string>(StringComparer.Ordinal);
        var order = new List<string>(names.Count);
        while (free.TryDequeue(out var name) || left.TryDequeue(out name))
        {
            if (!used.Add(name))
                continue;
            order.Add(name);
            foreach (var next in after.GetValueOrDefault(name) ?? [])
            {
                if (--before[next] == 0 && !used.Contains(next))
                    free.Enqueue(next);
            }
        }

        return [.. order[^1] == source ? order[..^1] : order];

        void Prefer(string one, string other)
        {
            before.TryAdd(one, 0);
            before.TryAdd(other, 0);
            if (!after.TryGetValue(one, out var followers))
                after[one] = followers = new SortedSet<string>(StringComparer.Ordinal);
            if (followers.Add(other))
                before[other]++;
        }
    }
}
