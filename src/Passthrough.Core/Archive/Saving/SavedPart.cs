using System.Collections.Immutable;

namespace Passthrough.Core.Archive.Saving;

/// <summary>One file of an archive that was saved.</summary>
/// <param name="Name">Without its folder.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">64 hex digits; null where it is not known, in check mode.</param>
public sealed record SavedPart(string Name, long Size, string? Sha256)
{
    internal static ImmutableArray<SavedPart> Of(List<ArchivePart> parts, IReadOnlyList<string>? sums)
    {
        var saved = ImmutableArray.CreateBuilder<SavedPart>(parts.Count);
        for (var i = 0; i < parts.Count; i++)
            saved.Add(new SavedPart(parts[i].Name, parts[i].Size, sums?[i]));
        return saved.MoveToImmutable();
    }
}
