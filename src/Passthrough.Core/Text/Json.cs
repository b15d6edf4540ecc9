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

    /// <exception cref="JsonException">Not one JSON value, or one beyond the limits.</exception>
    public static JToken Parse(string text, bool duplicatesAreErrors = false) => Parse(new StringReader(text), duplicatesAreErrors);

    /// <exception cref="JsonException">Not one JSON value, or one beyond the limits; or not UTF-8.</exception>
    public static unsafe JToken Parse(ReadOnlySpan<byte> utf8, bool duplicatesAreErrors = false)
    {
        if (utf8.Length > Limits.DocumentBytes)
            throw new JsonLimitException($"is larger than {Limits.DocumentBytes} bytes");
        // Read as it stands: as a string it would take twice its size once more.
        fixed (byte* bytes = utf8)
        {
            using var text = new StreamReader(Open(bytes, utf8.Length), Utf8, detectEncodingFromByteOrderMarks: false);
            return InUtf8(() => Parse(text, duplicatesAreErrors));
        }
    }

    static unsafe Stream Open(byte* bytes, int length) => length == 0 ? Stream.Null : new UnmanagedMemoryStream(bytes, length);

    static JToken Parse(TextReader text, bool duplicatesAreErrors)
    {
        using var reader = new BoundedJsonReader(text);
        var token = JToken.Load(reader, Settings(duplicatesAreErrors));
        RequireEnd(reader);
        return token;
    }

    /// <summary>What is wrong with a document, as a predicate: <c>is not valid JSON (…)</c>, or the limit that it exceeds.</summary>
    public static string Complaint(JsonException e) => e is JsonLimitException ? e.Message : $"is no valid JSON ({e.Message})";

    /// <summary>
    /// Of an object those members alone; the others are only read over, so that a large document takes no more memory than what is sought
    /// in it.
    /// </summary>
    /// <returns>Null where the text is another value than an object.</returns>
    /// <exception cref="JsonException">Not one JSON value, or not UTF-8.</exception>
    public static JObject? ParseMembers(byte[] utf8, params string[] names) => Read(utf8, names, [], (_, _) => { });

    /// <summary>Reads the entries of one list of an object, each by itself, for there may be tens of thousands.</summary>
    /// <param name="utf8">The object.</param>
    /// <param name="list">The member that has the list.</param>
    /// <param name="read">Is given each entry.</param>
    /// <returns>Whether there is such a list.</returns>
    /// <exception cref="JsonException">Not one JSON value, not UTF-8, or the list stands there twice.</exception>
    public static bool ReadList(byte[] utf8, string list, Action<JToken> read) =>
        // Go writes a list of nothing as null.
        Read(utf8, [], [list], (_, entry) => read(entry))?[list] is JArray or JValue { Type: JTokenType.Null };

    /// <summary>The same; false also where the text is no JSON.</summary>
    public static bool TryReadList(byte[] utf8, string list, Action<JToken> read)
    {
        try
        {
            return ReadList(utf8, list, read);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>
    /// Reads an object of which some members are kept, and the entries of some lists are given out one by one; the rest is only read
    /// over.
    /// </summary>
    /// <param name="utf8">The object; closed.</param>
    /// <param name="members">Kept.</param>
    /// <param name="lists">
    /// Of each such list an empty one is kept. <c>a.b</c> is the list b of the member a, whose other members are kept.
    /// </param>
    /// <param name="read">Is given the list's name, as it stands in <paramref name="lists"/>, and each entry.</param>
    /// <param name="duplicatesAreErrors">Whether each member of the object may stand there once only; lists always.</param>
    /// <returns>Null where the text is another value than an object.</returns>
    /// <exception cref="JsonException">Not one JSON value, not UTF-8, or beyond the limits.</exception>
    public static JObject? Read(Stream utf8, IReadOnlyList<string> members, IReadOnlyList<string> lists, Action<string, JToken> read,
        bool duplicatesAreErrors = false) => InUtf8(() =>
    {
        using var reader = new BoundedJsonReader(new StreamReader(utf8, Utf8));
        if (NextToken(reader) != JsonToken.StartObject)
            return null;
        var found = ReadObject(reader, "", name => members.Contains(name) || name.Contains('.', StringComparison.Ordinal), lists, read,
            duplicatesAreErrors);
        RequireEnd(reader);
        return found;
    });

    static JObject ReadObject(BoundedJsonReader reader, string path, Func<string, bool> isKept, IReadOnlyList<string> lists,
        Action<string, JToken> read, bool duplicatesAreErrors)
    {
        var found = new JObject();
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (NextToken(reader) == JsonToken.PropertyName)
        {
            var name = (string)reader.Value!;
            if (duplicatesAreErrors && !names.Add(name))
                throw new JsonReaderException($"{name} stands there twice");
            var place = path + name;
            NextToken(reader);
            reader.StartValue();
            if (reader.TokenType == JsonToken.StartArray && lists.Contains(place))
                ReadEntries(reader, name, place, found, read, duplicatesAreErrors);
            else if (reader.TokenType == JsonToken.StartObject && lists.Any(list => list.StartsWith(place + ".", StringComparison.Ordinal)))
                found[name] = ReadObject(reader, place + ".", isKept, lists, read, duplicatesAreErrors);
            else if (isKept(place) || lists.Contains(place))
                found[name] = JToken.Load(reader, Settings(duplicatesAreErrors));
            else
                SkipValue(reader);
            reader.StartValue();
        }

        return reader.TokenType == JsonToken.EndObject ? found : throw new JsonReaderException("the object does not end");
    }

    /// <inheritdoc cref="Read(Stream, IReadOnlyList{string}, IReadOnlyList{string}, Action{string, JToken}, bool)"/>
    public static unsafe JObject? Read(ReadOnlyMemory<byte> utf8, IReadOnlyList<string> members, IReadOnlyList<string> lists,
        Action<string, JToken> read, bool duplicatesAreErrors = false)
    {
        fixed (byte* bytes = utf8.Span)
            return Read(Open(bytes, utf8.Length), members, lists, read, duplicatesAreErrors);
    }

    static void ReadEntries(BoundedJsonReader reader, string name, string place, JObject found, Action<string, JToken> read,
        bool duplicatesAreErrors)
    {
        if (found[name] is JArray)
            throw new JsonReaderException($"{name} stands there twice");
        found[name] = new JArray();
        while (NextToken(reader) != JsonToken.EndArray)
        {
            reader.StartValue();
            read(place, JToken.Load(reader, Settings(duplicatesAreErrors)));
        }
    }

    // Nothing is made of it, so there is nothing to count.
    static void SkipValue(BoundedJsonReader reader)
    {
        var depth = reader.Depth;
        if (reader.TokenType is not (JsonToken.StartArray or JsonToken.StartObject or JsonToken.StartConstructor))
            return;
        do
        {
            reader.StartValue();
            if (!reader.Read())
                throw new JsonReaderException("the object does not end");
        }
        while (reader.Depth > depth);
    }

    static JsonLoadSettings Settings(bool duplicatesAreErrors) => new()
    {
        DuplicatePropertyNameHandling = duplicatesAreErrors ? DuplicatePropertyNameHandling.Error : DuplicatePropertyNameHandling.Replace,
    };

    static T InUtf8<T>(Func<T> read)
    {
        try
        {
            return read();
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

    /// <inheritdoc cref="TryParseObject(string)"/>
    public static JObject? TryParseObject(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return Parse(utf8) as JObject;
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
