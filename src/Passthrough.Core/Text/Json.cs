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
        RequireEnd(reader);
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

    /// <summary>Of an object those members alone; the others are only read over, so that a large document takes no more memory than what is sought in it.</summary>
    /// <returns>Null where the text is another value than an object.</returns>
    /// <exception cref="JsonException">Not one JSON value, or not UTF-8.</exception>
    public static JObject? ParseMembers(byte[] utf8, params string[] names)
    {
        var found = new JObject();
        return !Walk(utf8, (name, reader) => Array.IndexOf(names, name) >= 0 && (found[name] = JToken.Load(reader)) is not null) ? null : found;
    }

    /// <summary>Reads the entries of one list of an object, each by itself, for there may be tens of thousands.</summary>
    /// <param name="utf8">The object.</param>
    /// <param name="list">The member that has the list.</param>
    /// <param name="read">Is given each entry.</param>
    /// <returns>Whether there is such a list.</returns>
    /// <exception cref="JsonException">Not one JSON value, not UTF-8, or the list stands there twice.</exception>
    public static bool ReadList(byte[] utf8, string list, Action<JToken> read)
    {
        var isThere = false;
        Walk(utf8, (name, reader) =>
        {
            if (name != list || reader.TokenType is not (JsonToken.StartArray or JsonToken.Null))
                return false;
            if (isThere)
                throw new JsonReaderException($"{list} stands there twice");
            isThere = true;
            // Go writes a list of nothing as null.
            while (reader.TokenType != JsonToken.Null && NextToken(reader) != JsonToken.EndArray)
                read(JToken.Load(reader));
            return true;
        });
        return isThere;
    }

    /// <param name="utf8">An object.</param>
    /// <param name="take">Is given the name of each member and the reader at its value; true where it has read the value.</param>
    /// <returns>False where it is none.</returns>
    static bool Walk(byte[] utf8, Func<string, JsonTextReader, bool> take)
    {
        try
        {
            using var reader = new JsonTextReader(new StreamReader(new MemoryStream(utf8), Utf8)) { DateParseHandling = DateParseHandling.None, MaxDepth = MaxDepth };
            if (NextToken(reader) != JsonToken.StartObject)
                return false;
            while (NextToken(reader) == JsonToken.PropertyName)
            {
                var name = (string)reader.Value!;
                NextToken(reader);
                if (!take(name, reader))
                    reader.Skip();
            }

            if (reader.TokenType != JsonToken.EndObject)
                throw new JsonReaderException("the object does not end");
            RequireEnd(reader);
            return true;
        }
        catch (DecoderFallbackException e)
        {
            throw new JsonReaderException("not UTF-8: " + e.Message, e);
        }
    }

    static JsonToken NextToken(JsonTextReader reader)
    {
        while (reader.Read())
        {
            if (reader.TokenType != JsonToken.Comment)
                return reader.TokenType;
        }

        return JsonToken.None;
    }

    static void RequireEnd(JsonTextReader reader)
    {
        if (NextToken(reader) != JsonToken.None)
            throw new JsonReaderException("additional text after the JSON value");
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

    /// <summary>An object on one line of pure ASCII, in pieces: for what is too long to be held at once.</summary>
    /// <param name="members">Each a value, or the entries of a list, made one by one.</param>
    /// <param name="write">Is given one piece after the other.</param>
    public static void WriteAscii(IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> members, Action<string> write) => new JsonText(isIndented: false, isAscii: true, write).Write(members);

    /// <summary>The bytes that <see cref="Indented(JToken)"/> has, of an object that is never held as a whole.</summary>
    /// <param name="members">Each a value, or the entries of a list, made one by one. They are asked for twice: what is measured first needs no room to grow.</param>
    public static byte[] IndentedBytes(IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> members)
    {
        var length = 1;
        new JsonText(isIndented: true, isAscii: false, piece => length += Utf8.GetByteCount(piece)).Write(members);
        var bytes = new byte[length];
        var end = 0;
        new JsonText(isIndented: true, isAscii: false, piece => end += Utf8.GetBytes(piece, bytes.AsSpan(end))).Write(members);
        bytes[end] = (byte)'\n';
        return bytes;
    }

    /// <summary>Two blanks of indentation and a final newline: for files that people read.</summary>
    public static string Indented(JToken token) => JsonText.Of(token, isIndented: true, isAscii: false) + "\n";
}
