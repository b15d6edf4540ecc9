using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Follows the pages of one list of a server: tags, referrers, repositories, tokens. Pages that lead back end it; a list that goes on and
/// on, or that goes on without bringing anything, is refused in a sentence.
/// </summary>
/// <param name="action">What is tried, after "cannot".</param>
/// <param name="authority">Who answers.</param>
sealed class ListPages(string action, string authority)
{
    readonly HashSet<string> seen = new(StringComparer.Ordinal);
    int entries;
    int empty;
    int values;

    /// <summary>Whether a page is to be asked for: there is one, and it was not asked for before.</summary>
    public bool IsNew(string? page) => page is not null && seen.Add(page);

    /// <summary>A page was read.</summary>
    /// <param name="count">Its entries.</param>
    /// <exception cref="ModuleException">The list is longer than any real one.</exception>
    public void Add(int count)
    {
        entries += count;
        empty = count == 0 ? empty + 1 : 0;
        if (empty > Limits.EmptyPages)
            throw Endless($"sends page after page without an entry (more than {Limits.EmptyPages})");
        if (entries > Limits.ListEntries)
            throw Endless($"lists more than {Limits.ListEntries} entries");
        if (seen.Count > Limits.Pages)
            throw Endless($"sends more than {Limits.Pages} pages");
    }

    /// <summary>A page is kept as it was read.</summary>
    /// <exception cref="ModuleException">All of them together take more than a document may.</exception>
    public void Hold(JContainer page)
    {
        values += page.Descendants().Count();
        if (values > 2 * Limits.DocumentValues)
            throw Endless($"lists more than {2 * Limits.DocumentValues} JSON values");
    }

    ModuleException Endless(string what) =>
        new(ErrorCodes.NotARegistry, $"cannot {action}: {authority} {what}",
            "the registry or a proxy in front of it does not end its list");
}
