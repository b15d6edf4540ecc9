using System.Text;

namespace Passthrough.Core.Ansible;

/// <summary>Text of the form <c>k=v, k2="v 2"</c>, as Ansible reads it for a dictionary.</summary>
static class KeyValueText
{
    /// <exception cref="FormatException">A part is not <c>key=value</c>, or a quote stays open.</exception>
    public static IEnumerable<KeyValuePair<string, string>> Parse(string text)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (var part in SplitOutsideQuotes(text))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
                throw new FormatException("unable to evaluate string in the \"key=value\" format as dictionary");
            pairs.Add(new(part[..equals].Trim(), part[(equals + 1)..]));
        }

        return pairs;
    }

    static IEnumerable<string> SplitOutsideQuotes(string text)
    {
        var part = new StringBuilder();
        char? quote = null;
        foreach (var c in text)
        {
            if (quote is not null ? c == quote : c is '"' or '\'')
                quote = quote is null ? c : null;
            else if (quote is null && c is ',' or ' ' && quote is null)
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
