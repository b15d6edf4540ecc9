using System.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>One challenge of a <c>WWW-Authenticate</c> header (RFC 9110 11.6.1): a scheme with parameters. Several may stand in one header line.</summary>
/// <param name="Scheme">As the server wrote it; compare without case.</param>
/// <param name="Parameters">Names without case, values unquoted.</param>
sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    public bool IsBearer => Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase);

    public string? this[string name] => Parameters.GetValueOrDefault(name);

    /// <summary>Every challenge of the header lines, in order. Whatever cannot be read is passed over: a server may offer what we do not know.</summary>
    public static List<Challenge> Parse(IEnumerable<string> lines)
    {
        var challenges = new List<Challenge>();
        foreach (var line in lines)
            new Reader(line).ReadAll(challenges);
        return challenges;
    }

    sealed class Reader(string text)
    {
        int at;

        public void ReadAll(List<Challenge> challenges)
        {
            Dictionary<string, string>? parameters = null;
            while (true)
            {
                Skip(" \t,");
                var word = Word();
                if (word.Length == 0)
                {
                    if (at >= text.Length)
                        return;
                    at++;
                    continue;
                }

                var afterWord = at;
                Skip(" \t");
                if (at < text.Length && text[at] == '=' && parameters is not null)
                {
                    at++;
                    Skip(" \t");
                    parameters.TryAdd(word, Value());
                }
                else
                {
                    at = afterWord;
                    parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                    challenges.Add(new Challenge(word, parameters));
                }
            }
        }

        void Skip(string characters)
        {
            while (at < text.Length && characters.Contains(text[at]))
                at++;
        }

        string Word()
        {
            var start = at;
            while (at < text.Length && !" \t,=\"".Contains(text[at]))
                at++;
            return text[start..at];
        }

        string Value()
        {
            if (at >= text.Length || text[at] != '"')
                return Word();
            var value = new StringBuilder();
            for (at++; at < text.Length && text[at] != '"'; at++)
            {
                if (text[at] == '\\' && at + 1 < text.Length)
                    at++;
                value.Append(text[at]);
            }

            at = Math.Min(at + 1, text.Length);
            return value.ToString();
        }
    }
}
