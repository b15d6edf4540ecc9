using System.Text.RegularExpressions;

namespace Passthrough.Core.Text;

/// <summary>
/// Expressions behind a fixed text: the text is searched for, and the expression, which begins with <c>\G</c>, has only to fit behind it.
/// (An expression that itself begins with a text brings the tables and vector code of a multi-string search along, 80 KB of every upload.)
/// </summary>
static class RegexAfter
{
    /// <summary>The matches right behind each place where the text stands, in order and without overlap.</summary>
    public static IEnumerable<Match> MatchesAfter(this Regex anchored, string text, string lead, StringComparison comparison = StringComparison.Ordinal)
    {
        for (var at = text.IndexOf(lead, comparison); at >= 0;)
        {
            var match = anchored.Match(text, at + lead.Length);
            if (match.Success)
                yield return match;
            at = text.IndexOf(lead, match.Success ? match.Index + match.Length : at + lead.Length, comparison);
        }
    }
}
