using System.Text;

namespace Passthrough.Core.Ansible;

/// <summary>Text of the form <c>k=v, k2="v 2"</c>, as Ansible reads it for a dictionary.</summary>
static class KeyValueText
{
    /// <exception cref="FormatException">A part is not <c>key=value</c>, or a quote stays open.</exception>
    /// <returns>The pairs in order; of equal keys the last value counts.</returns>
    public static IReadOnlyDictionary<string, string> Parse(string text)
    {
        var pairs = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in SplitOutsideQuotes(text))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new FormatException("unable to evaluate string in the \"key=value\" format as dictionary");
            pairs[part[..equals].Trim()] = part[(equals + 1)..];
        }

        return pairs;
    }

    // A backslash takes the next character as it is; quotes may begin anywhere in a part.
    static IEnumerable<string> SplitOutsideQuotes(string text)
    {
        var part = new StringBuilder();
        char? quote = null;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\\' && i + 1 < text.Length)
                part.Append(text[++i]);
            else if (quote is null ? c is '"' or '\'' : c == quote)
                quote = quote is null ? c : null;
            else if (quote is null && c is (',' or ' ' or '\n'))
            {
                if (part.Length > 0)
                    yield return part.ToString();
                part.Clear();
            }
            else
                part.Append(c);
        }

        if (quote is not null)
            throw new FormatException("unable to evaluate string in the \"key=value\" format as dictionary: a quote is not closed");
        if (part.Length > 0)
            yield return part.ToString();
    }
}
