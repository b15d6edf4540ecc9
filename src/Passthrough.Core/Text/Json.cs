using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Text;

/// <summary>
/// The one place that reads and writes JSON text. Strings that look like dates stay strings; numbers keep their value;
/// output is UTF-8 without a byte-order mark, lines end in LF, the same bytes under every culture.
/// </summary>
public static class Json
{
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Deep enough for every document of the field; a deeper one is an attack.</summary>
    const int MaxDepth = 64;

    /// <exception cref="JsonException">Not one JSON value.</exception>
    public static JToken Parse(string text, bool duplicatesAreErrors = false)
    {
        using var reader = new JsonTextReader(new StringReader(text)) { DateParseHandling = DateParseHandling.None, MaxDepth = MaxDepth };
        var token = JToken.Load(reader, new JsonLoadSettings
        {
            DuplicatePropertyNameHandling = duplicatesAreErrors ? DuplicatePropertyNameHandling.Error : DuplicatePropertyNameHandling.Replace,
        });
        while (reader.Read())
        {
            if (reader.TokenType != JsonToken.Comment)
                throw new JsonReaderException("additional text after the JSON value");
        }

        return token;
    }

    /// <exception cref="JsonException">Not one JSON value, or not UTF-8.</exception>
    public static JToken Parse(ReadOnlySpan<byte> utf8, bool duplicatesAreErrors = false)
    {
        try
        {
            return Parse(Utf8.GetString(utf8), duplicatesAreErrors);
        }
        catch (DecoderFallbackException e)
        {
            throw new JsonReaderException("not UTF-8: " + e.Message, e);
        }
    }

    /// <summary>Parses one object; null where the text is something else or no JSON at all.</summary>
    public static JObject? TryParseObject(string text)
    {
        try
        {
            return Parse(text) as JObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The texts of a list; none where it is no list.</summary>
    public static IEnumerable<string> Texts(JToken? list)
    {
        foreach (var token in list as JArray ?? [])
        {
            if (token is JValue { Value: string text })
                yield return text;
        }
    }

    /// <summary>One line without white space between tokens.</summary>
    public static string Compact(JToken token) => JsonText.Of(token, isIndented: false, isAscii: false);

    /// <summary>One line of pure ASCII, so that no encoding on the way can hurt it.</summary>
    public static string CompactAscii(JToken token) => JsonText.Of(token, isIndented: false, isAscii: true);

    /// <summary>Appends what <see cref="CompactAscii"/> gives.</summary>
    public static void AppendAscii(StringBuilder text, JToken token) => new JsonText(text, isIndented: false, isAscii: true).Write(token, level: 0);

    /// <summary>Two blanks of indentation and a final newline: for files that people read.</summary>
    public static string Indented(JToken token) => JsonText.Of(token, isIndented: true, isAscii: false) + "\n";
}
