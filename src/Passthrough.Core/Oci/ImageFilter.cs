using System.IO.Enumeration;

namespace Passthrough.Core.Oci;

/// <summary>
/// Chooses images by their names: those that <c>only</c> takes (all where it is empty) and <c>exclude</c> does not. A pattern is held against the full
/// reference, against <c>registry/repository</c>, and in an archive against the digest; <c>*</c> stands for any text, slashes too, <c>?</c> for one character.
/// </summary>
public sealed class ImageFilter(IReadOnlyList<string> only, IReadOnlyList<string> exclude)
{
    readonly HashSet<string> matched = new(StringComparer.Ordinal);

    /// <summary>Patterns that nothing was like so far: mostly a slip.</summary>
    public IEnumerable<string> Unmatched => only.Concat(exclude).Where(pattern => !matched.Contains(pattern)).Distinct(StringComparer.Ordinal);

    public bool Takes(Reference image) => Takes(image.ToString(), image.Name);

    /// <param name="names">Everything that the image is called; one that has lost its reference goes by its digest and by what its archive calls it.</param>
    public bool Takes(params ReadOnlySpan<string> names)
    {
        var isWanted = Matches(only, names) || only.Count == 0;
        return !Matches(exclude, names) && isWanted;
    }

    bool Matches(IReadOnlyList<string> patterns, ReadOnlySpan<string> names)
    {
        var any = false;
        foreach (var pattern in patterns)
        {
            foreach (var name in names)
            {
                if (!FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false))
                    continue;
                matched.Add(pattern);
                any = true;
            }
        }

        return any;
    }
}
