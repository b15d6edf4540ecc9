using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Text;

/// <summary>
/// Writes YAML that comes out the same under every version and culture: keys in the order given, two blanks of indentation, lists not indented,
/// quotes only where a reader of YAML 1.1 or 1.2 could see something else than text.
/// </summary>
public static class YamlText
{
    static readonly string[] Keywords = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

    /// <summary>One document with <c>---</c> before it.</summary>
    /// <param name="document">Text, numbers, flags, lists and objects. Text of several lines, the last one ended, becomes a block.</param>
    public static string Document(JObject document) => "---\n" + Part(document);

    /// <summary>The same without <c>---</c>, to be put into another file.</summary>
    public static string Part(JObject document)
    {
        var text = new StringBuilder();
        Members(text, document, indent: 0);
        return text.ToString();
    }

    static void Members(StringBuilder text, JObject members, int indent)
    {
        var first = true;
        foreach (var (key, value) in members)
        {
            // The first member of a list's item follows its dash.
            text.Append(' ', first ? 0 : indent).Append(Scalar(key)).Append(':');
            Value(text, value!, indent);
            first = false;
        }
    }

    static void Value(StringBuilder text, JToken value, int indent)
    {
        switch (value)
        {
            case JObject { Count: > 0 } members:
                text.Append('\n').Append(' ', indent + 2);
                Members(text, members, indent + 2);
                break;
            case JArray { Count: > 0 } items:
                text.Append('\n');
                foreach (var item in items)
                    Item(text, item, indent);
                break;
            case JValue { Value: string block } when block.EndsWith('\n') && block.Length > 1 && IsBlock(block):
                text.Append(" |\n");
                foreach (var line in block[..^1].Split('\n'))
                    text.Append(' ', line.Length == 0 ? 0 : indent + 2).Append(line).Append('\n');
                break;
            default:
                text.Append(' ').Append(Scalar(value)).Append('\n');
                break;
        }
    }

    static void Item(StringBuilder text, JToken item, int indent)
    {
        text.Append(' ', indent).Append("- ");
        if (item is JObject { Count: > 0 } members)
            Members(text, members, indent + 2);
        else if (item is JContainer { Count: > 0 })
            throw new NotSupportedException("a list in a list");
        else
            text.Append(Scalar(item)).Append('\n');
    }

    static string Scalar(JToken value) => value switch
    {
        JObject => "{}",
        JArray => "[]",
        JValue { Value: string text } => IsPlain(text) ? text : Json.Compact(text),
        JValue { Value: bool flag } => flag ? "true" : "false",
        JValue { Value: null } => "null",
        _ => Convert.ToString(((JValue)value).Value, CultureInfo.InvariantCulture)!,
    };

    // Beginning with a letter, in the alphabet of names and image references, and no keyword: nothing else than text under any schema.
    static bool IsPlain(string text) =>
        text.Length > 0 && char.IsAsciiLetter(text[0]) && text[^1] != ':' && !text.AsSpan().ContainsAnyExcept("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_-:")
        && !Keywords.Contains(text.ToLowerInvariant());

    // A block keeps its text where no line begins with a blank, which would change the indentation, and nothing has to be escaped.
    static bool IsBlock(string text) => text[0] is not (' ' or '\n') && !text.EndsWith("\n\n", StringComparison.Ordinal) && text.All(c => c is '\n' or (>= ' ' and <= '~'));
}
