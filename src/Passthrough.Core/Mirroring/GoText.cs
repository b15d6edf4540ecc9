using System.Globalization;
using System.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>The operator and the clients are written in Go; their messages, which administrators search for, quote as Go does.</summary>
static class GoText
{
    /// <summary>What <c>%q</c> prints.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"", text.Length + 2);
        foreach (var rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '"' or '\\' => quoted.Append('\\').Append((char)rune.Value),
                '\a' => quoted.Append("\\a"),
                '\b' => quoted.Append("\\b"),
                '\f' => quoted.Append("\\f"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                '\v' => quoted.Append("\\v"),
                < ' ' or 0x7f => quoted.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:x2}"),
                _ when IsPrintable(rune) => quoted.Append(rune.ToString()),
                > 0xffff => quoted.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
                _ => quoted.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:x4}"),
            };
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>What <c>%t</c> prints.</summary>
    public static string Boolean(bool value) => value ? "true" : "false";

    /// <summary>Why <c>time.ParseDuration</c> refuses a text; null where it does not (<c>1.5h</c>, <c>3s</c>, <c>1m30s</c>).</summary>
    public static string? RefuseDuration(string text)
    {
        var rest = text.AsSpan().TrimStart("+-") is var digits && text.Length - digits.Length > 1 ? default : digits;
        if (rest is "0")
            return null;
        if (rest.IsEmpty)
            return $"time: invalid duration {Quote(text)}";
        while (!rest.IsEmpty)
        {
            var number = rest[..(rest.IndexOfAnyExcept("0123456789.") is var end && end < 0 ? rest.Length : end)];
            if (number.IsEmpty || number is "." || number.Count('.') > 1)
                return $"time: invalid duration {Quote(text)}";
            rest = rest[number.Length..];
            var unit = rest[..(rest.IndexOfAny("0123456789.") is var next && next < 0 ? rest.Length : next)];
            if (unit.IsEmpty)
                return $"time: missing unit in duration {Quote(text)}";
            if (unit is not ("ns" or "us" or "µs" or "μs" or "ms" or "s" or "m" or "h"))
                return $"time: unknown unit {Quote(unit.ToString())} in duration {Quote(text)}";
            rest = rest[unit.Length..];
        }

        return null;
    }

    // Letters, marks, numbers, punctuation, symbols, and of the spaces only U+0020.
    static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}
