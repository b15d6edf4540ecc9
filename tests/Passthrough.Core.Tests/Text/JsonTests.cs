using System.Globalization;
using System.Numerics;
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

    static string Written(JToken token, Formatting formatting, StringEscapeHandling escapes)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        using var writer = new JsonTextWriter(text) { Formatting = formatting, Culture = CultureInfo.InvariantCulture, StringEscapeHandling = escapes };
        token.WriteTo(writer);
        writer.Flush();
        return text.ToString();
    }
}
