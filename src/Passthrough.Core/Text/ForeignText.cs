using System.Globalization;
using System.Text;

namespace Passthrough.Core.Text;

/// <summary>
/// Text that a server, a program or an archive has made, on its way into a sentence of ours: secrets are masked in the whole of it first,
/// since white space
/// that is changed or an end that is cut off could hide one from the masker; then it is made one line without control and direction
/// marks, and cut.
/// </summary>
public static class ForeignText
{
    /// <summary>Characters of one quotation: enough for a server's own sentence.</summary>
    public const int MaxQuote = 300;

    /// <summary>Characters of a whole message: one that is longer has swallowed somebody else's document.</summary>
    public const int MaxMessage = 1500;

    static readonly AsyncLocal<Func<string, string>?> masking = new();

    /// <summary>Says how secrets are masked in the run that begins here, and in everything that it starts.</summary>
    public static void MaskWith(Func<string, string> mask) => masking.Value = mask;

    /// <summary>The text without secrets.</summary>
    public static string Masked(string text) => masking.Value is { } mask ? mask(text) : text;

    /// <summary>One line of at most <see cref="MaxQuote"/> characters; a longer one ends in an ellipsis.</summary>
    public static string Quote(string text)
    {
        var line = new StringBuilder();
        foreach (var c in Masked(text))
        {
            if (!char.IsWhiteSpace(c))
                Append(line, c);
            else if (line.Length > 0 && line[^1] != ' ')
                line.Append(' ');
            if (line.Length > MaxQuote)
                return Cut(line.ToString(), MaxQuote) + "…";
        }

        return line.ToString().TrimEnd();
    }

    /// <summary>
    /// A message as it may be shown: without control and direction marks other than line feeds, and of at most <see cref="MaxMessage"/>
    /// characters.
    /// </summary>
    public static string Message(string masked)
    {
        const int End = 300;
        var text = new StringBuilder(Math.Min(masked.Length, MaxMessage));
        foreach (var c in masked.Length > MaxMessage ? Cut(masked, MaxMessage - End) + " … " + masked[^End..] : masked)
        {
            if (c is '\n' or '\t')
                text.Append(c);
            else
                Append(text, c);
        }

        return text.ToString();
    }

    static string Cut(string text, int length) => char.IsHighSurrogate(text[length - 1]) ? text[..(length - 1)] : text[..length];

    static void Append(StringBuilder line, char c)
    {
        if (IsInvisible(c))
            line.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
        else
            line.Append(c);
    }

    // Control characters move the cursor of a terminal or end a line; format characters turn text around
    // (https://www.unicode.org/reports/tr9/) or are not seen.
    static bool IsInvisible(char c) =>
        char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
