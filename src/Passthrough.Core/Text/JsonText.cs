using System.Globalization;
using System.Numerics;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Text;

/// <summary>
/// Writes JSON values as text (RFC 8259), in the layout of the library that reads them. The library's own writer finds out about its kinds of tokens by
/// reflection, which would be 0.3 MB of every upload.
/// </summary>
sealed class JsonText(StringBuilder text, bool isIndented, bool isAscii)
{
    const int BlanksPerLevel = 2;

    public static string Of(JToken token, bool isIndented, bool isAscii)
    {
        var text = new StringBuilder();
        new JsonText(text, isIndented, isAscii).Write(token, level: 0);
        return text.ToString();
    }

    /// <param name="token">What is written.</param>
    /// <param name="level">Of indentation, of the line that it begins on.</param>
    public void Write(JToken token, int level)
    {
        switch (token)
        {
            case JObject json:
                WriteAll('{', json.Properties(), '}', level);
                break;
            case JArray items:
                WriteAll('[', items, ']', level);
                break;
            case JProperty property:
                WriteString(property.Name);
                text.Append(isIndented ? ": " : ":");
                Write(property.Value, level);
                break;
            default:
                WriteValue(((JValue)token).Value);
                break;
        }
    }

    void WriteAll(char opening, IEnumerable<JToken> items, char closing, int level)
    {
        text.Append(opening);
        var isFirst = true;
        foreach (var item in items)
        {
            if (!isFirst)
                text.Append(',');
            isFirst = false;
            StartLine(level + 1);
            Write(item, level + 1);
        }

        if (!isFirst)
            StartLine(level);
        text.Append(closing);
    }

    void StartLine(int level)
    {
        if (isIndented)
            text.Append('\n').Append(' ', level * BlanksPerLevel);
    }

    void WriteValue(object? value)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case string words:
                WriteString(words);
                break;
            case bool yes:
                text.Append(yes ? "true" : "false");
                break;
            case double number:
                WriteNumber(number);
                break;
            case int or long or BigInteger:
                text.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                break;
            default:
                throw new InvalidOperationException($"JSON has no {value.GetType().Name}");
        }
    }

    // A number with a fraction stays one for whoever reads it: 2.0, not 2. JSON has no word for what is no number.
    void WriteNumber(double number)
    {
        var digits = number.ToString("R", CultureInfo.InvariantCulture);
        if (!double.IsFinite(number))
            WriteString(digits);
        else
            text.Append(digits.AsSpan().ContainsAny('.', 'E') ? digits : digits + ".0");
    }

    void WriteString(string words)
    {
        text.Append('"');
        foreach (var character in words)
        {
            switch (character)
            {
                case '"' or '\\':
                    text.Append('\\').Append(character);
                    break;
                case '\n':
                    text.Append("\\n");
                    break;
                case '\r':
                    text.Append("\\r");
                    break;
                case '\t':
                    text.Append("\\t");
                    break;
                case '\b':
                    text.Append("\\b");
                    break;
                case '\f':
                    text.Append("\\f");
                    break;
                // The last three end lines for some readers.
                case < ' ' or '\u0085' or '\u2028' or '\u2029':
                case > '\u007f' when isAscii:
                    text.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
                    break;
                default:
                    text.Append(character);
                    break;
            }
        }

        text.Append('"');
    }
}
