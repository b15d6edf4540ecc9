using System.Globalization;
using System.Numerics;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Text;

/// <summary>
/// Writes JSON values as text (RFC 8259), in the layout of the library that reads them. The library's own writer finds out about its kinds of tokens by
/// reflection, which would be 0.3 MB of every upload.
/// </summary>
/// <param name="isIndented">Whether it is for people.</param>
/// <param name="isAscii">Whether everything else is escaped.</param>
/// <param name="drain">Is given piece after piece of what is too long to be kept; null to keep it all.</param>
sealed class JsonText(bool isIndented, bool isAscii, Action<string>? drain = null)
{
    const int BlanksPerLevel = 2;
    const int PieceLength = 32 * 1024;

    readonly StringBuilder text = new();

    public static string Of(JToken token, bool isIndented, bool isAscii)
    {
        var writer = new JsonText(isIndented, isAscii);
        writer.Write(token, level: 0);
        return writer.text.ToString();
    }

    /// <summary>An object that is read as it is written: its members are values, or the entries of lists.</summary>
    public void Write(IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> members)
    {
        text.Append('{');
        var isFirst = true;
        foreach (var member in members)
        {
            StartItem(ref isFirst, level: 1);
            WriteName(member.Key);
            if (member.Value is JToken value)
                Write(value, level: 1);
            else
                WriteAll('[', member.Value, ']', level: 1);
        }

        EndItems(isFirst, '}', level: 0);
        drain!(text.ToString());
    }

    void Write(JToken token, int level)
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
                WriteName(property.Name);
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
            StartItem(ref isFirst, level + 1);
            Write(item, level + 1);
            if (drain is null || text.Length < PieceLength)
                continue;
            drain(text.ToString());
            text.Clear();
        }

        EndItems(isFirst, closing, level);
    }

    void StartItem(ref bool isFirst, int level)
    {
        if (!isFirst)
            text.Append(',');
        isFirst = false;
        StartLine(level);
    }

    void EndItems(bool isEmpty, char closing, int level)
    {
        if (!isEmpty)
            StartLine(level);
        text.Append(closing);
    }

    void WriteName(string name)
    {
        WriteString(name);
        text.Append(isIndented ? ": " : ":");
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
