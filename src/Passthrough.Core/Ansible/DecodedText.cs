using System.Globalization;
using System.Net;
using System.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// A text with escapes undone, which knows where in the original each of its characters stood: what is found in it can be masked there.
/// </summary>
sealed class DecodedText
{
    readonly StringBuilder text;
    readonly List<int> starts;
    readonly List<int> ends;
    string? whole;

    DecodedText(int capacity) => (text, starts, ends) = (new StringBuilder(capacity), new List<int>(capacity), new List<int>(capacity));

    /// <summary>The escapes that one reading undoes.</summary>
    [Flags]
    public enum Escapes
    {
        None = 0,

        /// <summary>Of JSON and of Python's and Go's string literals: <c>\n</c>, <c>\"</c>, <c>\u0041</c>, <c>\x41</c>.</summary>
        Backslash = 1,

        /// <summary>Of HTML and XML: <c>&amp;amp;</c>, <c>&amp;#39;</c>, <c>&amp;#x27;</c>.</summary>
        Entity = 2,

        /// <summary>Of addresses: <c>%2F</c>.</summary>
        Percent = 4,

        /// <summary>Of forms, in addition to <see cref="Percent"/>: a plus is a blank.</summary>
        Plus = 8,

        /// <summary>White space is left out.</summary>
        Blank = 16,
    }

    public string Text => whole ??= text.ToString();

    /// <summary>Whether white space was left out.</summary>
    public bool HasNoWhiteSpace { get; private init; }

    /// <summary>Where a range of <see cref="Text"/> stands in the original.</summary>
    public (int Start, int End) Origin(int start, int length) => (starts[start], ends[start + length - 1]);

    public static DecodedText Of(string original)
    {
        var decoded = new DecodedText(original.Length);
        for (var i = 0; i < original.Length; i++)
            decoded.Add(original[i], i, i + 1);
        return decoded;
    }

    /// <summary>The same with escapes undone once.</summary>
    public DecodedText Decode(Escapes escapes)
    {
        var from = Text;
        var decoded = new DecodedText(from.Length) { HasNoWhiteSpace = escapes.HasFlag(Escapes.Blank) };
        for (var i = 0; i < from.Length;)
        {
            var (characters, length) = from[i] switch
            {
                '\\' when escapes.HasFlag(Escapes.Backslash) => Backslashed(from, i),
                '&' when escapes.HasFlag(Escapes.Entity) => Entity(from, i),
                '%' when escapes.HasFlag(Escapes.Percent) => Percent(from, i),
                '+' when escapes.HasFlag(Escapes.Plus) => (" ", 1),
                _ => ("", 0),
            };
            if (length == 0)
                (characters, length) = (from[i].ToString(), 1);
            var (start, end) = Origin(i, length);
            foreach (var c in characters)
            {
                if (!escapes.HasFlag(Escapes.Blank) || !char.IsWhiteSpace(c))
                    decoded.Add(c, start, end);
            }

            i += length;
        }

        return decoded;
    }

    void Add(char c, int start, int end)
    {
        text.Append(c);
        starts.Add(start);
        ends.Add(end);
    }

    static (string, int) Backslashed(string text, int at) => at + 1 >= text.Length ? ("", 0) : text[at + 1] switch
    {
        'n' => ("\n", 2),
        'r' => ("\r", 2),
        't' => ("\t", 2),
        'b' => ("\b", 2),
        'f' => ("\f", 2),
        'u' => Number(text, at, digits: 4),
        'x' => Number(text, at, digits: 2),
        '"' or '\\' or '/' or '\'' => (text[at + 1].ToString(), 2),
        _ => ("", 0),
    };

    static (string, int) Number(string text, int at, int digits) =>
        at + 2 + digits <= text.Length
        && ushort.TryParse(text.AsSpan(at + 2, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            ? (((char)code).ToString(), 2 + digits)
            : ("", 0);

    static (string, int) Entity(string text, int at)
    {
        const int Longest = 12;
        var end = text.IndexOf(';', at, Math.Min(Longest, text.Length - at));
        if (end < 0)
            return ("", 0);
        var entity = text[at..(end + 1)];
        var decoded = WebUtility.HtmlDecode(entity);
        return decoded == entity ? ("", 0) : (decoded, entity.Length);
    }

    // A run of escapes is UTF-8 as a whole.
    static (string, int) Percent(string text, int at)
    {
        var bytes = new List<byte>(4);
        var end = at;
        while (bytes.Count < 4 && end + 2 < text.Length && text[end] == '%'
            && byte.TryParse(text.AsSpan(end + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            bytes.Add(value);
            end += 3;
            if (Rune.DecodeFromUtf8([.. bytes], out var rune, out var used) == System.Buffers.OperationStatus.Done && used == bytes.Count)
                return (rune.ToString(), end - at);
        }

        return ("", 0);
    }
}
