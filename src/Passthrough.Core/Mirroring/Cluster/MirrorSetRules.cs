namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>What the operator refuses beyond the CRDs' schemas, in its order and words (mirror-policies.md 1.2). The first thing refused ends the roll-out of everything.</summary>
public static class MirrorSetRules
{
    /// <returns>Why, or null.</returns>
    public static string? Refuse(IReadOnlyCollection<MirrorSet> sets)
    {
        var policies = new Dictionary<string, MirrorSourcePolicy>(StringComparer.Ordinal);
        foreach (var entry in MirrorSets.Digest(sets).Concat(MirrorSets.Tag(sets)))
        {
            if (!MirrorNames.IsSource(entry.Source))
                return $"invalid format for source {GoText.Quote(entry.Source)}";
            var policy = entry.Policy ?? MirrorSourcePolicy.AllowContactingSource;
            if (!policies.TryAdd(entry.Source, policy) && policies[entry.Source] != policy)
                return $"conflicting mirrorSourcePolicy is set for the same source {GoText.Quote(entry.Source)} in imagedigestmirrorsets, imagetagmirrorsets, or imagecontentsourcepolicies";
            foreach (var mirror in entry.Mirrors)
            {
                if (!MirrorNames.IsMirror(mirror))
                    return $"invalid format for mirror {GoText.Quote(mirror)}";
                if (policy == MirrorSourcePolicy.NeverContactSource && mirror == entry.Source)
                    return $"cannot set mirrorSourcePolicy: NeverContactSource if the source {GoText.Quote(entry.Source)} is one of the mirrors";
            }
        }

        return null;
    }

    /// <param name="scopes">A list of image.config.</param>
    /// <param name="list"><c>insecure</c>, <c>blocked</c> or <c>allowed</c>.</param>
    /// <returns>Why, or null.</returns>
    public static string? RefuseScopes(IEnumerable<string> scopes, string list) =>
        scopes.FirstOrDefault(scope => !MirrorNames.IsScope(scope)) is { } wrong ? $"invalid entry for {list} registries {GoText.Quote(wrong)}" : null;
}
