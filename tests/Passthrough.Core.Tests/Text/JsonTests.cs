using System.Globalization;
using System.Numerics;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Text;

/// <summary>Text that we write, against the writer of the library that reads it.</summary>
public sealed class JsonTests
{
    static readonly JToken Everything = new JObject
    {
        ["text"] = "a \"quoted\" \\ path/with\ttab, \r\n lines, \b\f\u0001\u001f, é, 日本, \ud83d\ude00 and \u0085\u2028\u2029\u007f",
        ["numbers"] = new JArray(0, -1, long.MinValue, long.MaxValue, 1.5, 2.0, -0.0, 1e300, 1e-7, 123456789012345680.0, 0.1 + 0.2, 5e-324, double.MaxValue, BigInteger.Pow(10, 30)),
        ["words"] = new JArray(true, false, JValue.CreateNull()),
        ["no numbers"] = new JArray(double.NaN, double.PositiveInfinity, double.NegativeInfinity),
        ["empty"] = new JArray(new JObject(), new JArray(), ""),
        ["née \"ü\""] = new JObject { ["a"] = new JObject { ["b"] = new JArray(new JArray(1, new JObject { ["c"] = 2 })) } },
    };

    [Fact]
    public void Text_is_the_library_s()
    {
        Assert.Equal(Written(Everything, Formatting.None, StringEscapeHandling.Default), Json.Compact(Everything));
        Assert.Equal(Written(Everything, Formatting.Indented, StringEscapeHandling.Default) + "\n", Json.Indented(Everything));
        Assert.All(Json.CompactAscii(Everything), character => Assert.InRange(character, ' ', '\u007f'));
    }

    [Fact]
    public void What_was_written_is_read_as_it_was()
    {
        foreach (var text in new[] { Json.Compact(Everything), Json.CompactAscii(Everything), Json.Indented(Everything) })
            Assert.Equal(Json.Compact(Everything), Json.Compact(Json.Parse(text)));
    }

    [Fact]
    public void What_is_written_in_pieces_is_what_would_be_written_at_once()
    {
        var items = Enumerable.Range(0, 2000).Select(i => new JObject { ["i"] = i, ["everything"] = Everything.DeepClone() }).ToList();
        var whole = new JObject { ["first"] = Everything.DeepClone(), ["items"] = new JArray(items), ["none"] = new JArray(), ["last"] = new JObject() };
        var pieces = new List<string>();

        Json.WriteAscii(Members(), pieces.Add);

        Assert.Equal(Json.CompactAscii(whole), string.Concat(pieces));
        Assert.InRange(pieces.Max(piece => piece.Length), 1, 64 * 1024);
        Assert.Equal(Json.Indented(whole), Encoding.UTF8.GetString(Json.IndentedBytes(Members())));
        Assert.Equal("{}", Piece([]));

        IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> Members() =>
            [new("first", Everything), new("items", items.Select(item => item)), new("none", Enumerable.Empty<JToken>()), new("last", new JObject())];

        static string Piece(IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> members)
        {
            var text = "";
            Json.WriteAscii(members, piece => text += piece);
            return text;
        }
    }

    [Theory]
    [InlineData("""{"a":{"deep":[1,{"b":2}]},"b":3,"c":[4]}""", """{"b":3,"c":[4]}""")]
    [InlineData("""/* first */ {"b":1,/* then */"b":2} // last""", """{"b":2}""")]
    [InlineData("{}", "{}")]
    [InlineData("[]", null)]
    [InlineData("7", null)]
    [InlineData("", null)]
    public void Of_an_object_only_some_members_are_read(string text, string? expected) =>
        Assert.Equal(expected, Json.ParseMembers(Encoding.UTF8.GetBytes(text), "b", "c") is { } found ? Json.Compact(found) : null);

    [Fact]
    public void A_list_is_read_entry_by_entry()
    {
        var read = new List<string>();

        Assert.True(Json.ReadList("""{"before":[0],"list":[1,{"a":[2]},[3]],"after":{}}"""u8.ToArray(), "list", token => read.Add(Json.Compact(token))));
        Assert.Equal(["1", """{"a":[2]}""", "[3]"], read);
        Assert.False(Json.ReadList("""{"other":[1],"list":7}"""u8.ToArray(), "list", _ => Assert.Fail("no such list")));
    }

    [Theory]
    [InlineData("""{"list":[1,2""")]
    [InlineData("""{"list":[1,2]""")]
    [InlineData("""{"list":[1,2]} more""")]
    [InlineData("""{"list":[1],"list":[2]}""")]
    [InlineData("""{"list":[1,"\ud8"]}""")]
    [InlineData("""{"other":[[[}""")]
    public void What_is_no_whole_object_is_told(string text) =>
        Assert.ThrowsAny<JsonException>(() => Json.ReadList(Encoding.UTF8.GetBytes(text), "list", _ => { }));

    [Fact]
    public void What_is_no_utf_8_is_told() => Assert.ThrowsAny<JsonException>(() => Json.ParseMembers([.. "{\"a\":\""u8, 0xff, .. "\"}"u8], "a"));

    static string Written(JToken token, Formatting formatting, StringEscapeHandling escapes)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        using var writer = new JsonTextWriter(text) { Formatting = formatting, Culture = CultureInfo.InvariantCulture, StringEscapeHandling = escapes };
        token.WriteTo(writer);
        writer.Flush();
        return text.ToString();
    }
}
