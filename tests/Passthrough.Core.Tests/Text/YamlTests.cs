using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Text;

public sealed class YamlTests
{
    static string Parsed(string yaml) => Json.Compact(new JArray(Yaml.ParseAll(yaml)));

    [Theory]
    [InlineData("a: 1\nb: [x, 'y', \"z\\n\"]\n", """[{"a":1,"b":["x","y","z\n"]}]""")]
    [InlineData("---\na: b\n---\n---\n- 1\n- c: {d: e}\n...\n", """[{"a":"b"},[1,{"c":{"d":"e"}}]]""")]
    [InlineData("a: ~\nb:\nc: null\nd: true\ne: False\nf: yes\ng: '1'\nh: -1.5\ni: 1e3\nj: 0x1f\nk: .\nl: 4.14.3\n", """[{"a":null,"b":null,"c":null,"d":true,"e":false,"f":"yes","g":"1","h":-1.5,"i":1000.0,"j":"0x1f","k":".","l":"4.14.3"}]""")]
    [InlineData("a: |\n  one\n  two\nb: >-\n  one\n  two\nc: !!str 5\n", """[{"a":"one\ntwo\n","b":"one two","c":"5"}]""")]
    [InlineData("a: &x {b: [1]}\nc: *x\n", """[{"a":{"b":[1]},"c":{"b":[1]}}]""")]
    [InlineData("source: quay.io:443\ntime: 2026-01-01T00:00:00Z\n", """[{"source":"quay.io:443","time":"2026-01-01T00:00:00Z"}]""")]
    [InlineData("\uFEFFa: 1\r\nb: 2\r\n", """[{"a":1,"b":2}]""")]
    [InlineData("", "[]")]
    [InlineData("# nothing\n", "[]")]
    public void Values_are_those_of_JSON(string yaml, string json) => Assert.Equal(json, Parsed(yaml));

    [Theory]
    [InlineData("a: b: c\n", "line 1, column ")]
    [InlineData("a: 1\na: 2\n", "line 2, column 1: the key a stands twice")]
    [InlineData("? [a]\n: b\n", "line 1, column 3: a key that is no text")]
    [InlineData("a: *x\n", "line 1, column 4: the alias x names nothing before it")]
    [InlineData("a: &x [*x]\n", "line 1, column 8: the alias x names nothing before it")]
    [InlineData("a: [1\n", "line ")]
    public void What_is_wrong_is_said_with_its_place(string yaml, string message) =>
        Assert.StartsWith(message, Assert.Throws<FormatException>(() => Yaml.ParseAll(yaml)).Message, StringComparison.Ordinal);

    [Fact]
    public void Hostile_text_is_bounded()
    {
        var deep = new string('[', 100_000);
        var laughs = "a: &a [" + string.Join(',', Enumerable.Repeat("x", 100)) + "]\n" + string.Concat("bcdefgh".Select(c => $"{c}: &{c} [{string.Join(',', Enumerable.Repeat($"*{(char)(c - 1)}", 100))}]\n"));

        Assert.Contains("more than 64 levels", Assert.Throws<FormatException>(() => Yaml.ParseAll(deep)).Message, StringComparison.Ordinal);
        Assert.Contains("more than 250000 values", Assert.Throws<FormatException>(() => Yaml.ParseAll(laughs)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Random_bytes_are_read_or_refused()
    {
        const int Seed = 20261125;
        var random = new Random(Seed);
        const string Alphabet = "ab:- \n\t'\"[]{}&*!|>%@#,.?~0";
        for (var i = 0; i < 5000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 60)).Select(_ => Alphabet[random.Next(Alphabet.Length)]));
            try
            {
                Yaml.ParseAll(text);
            }
            catch (FormatException)
            {
                // Said with its place.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {Seed}, case {i}, {Json.Compact(text)}: {e}");
            }
        }
    }

    [Fact]
    public void What_is_written_is_read_as_it_was()
    {
        const int Seed = 7;
        var random = new Random(Seed);
        string[] words = ["", "a", "yes", "Null", "on", "*.redhat.io", "quay.io:443/a", "a:", "10.0.0.1:5000/x", "1", "0x1", "a b", " a", "#x", "- x", "é", "\u0085", "\t", "a\nb", "a\nb\n", "\na\n", " a\n", "x\n\n", "{", "'", "\"", "&a", "!b", "%c", "@d", "`e", "null", "~", "---", "line\n  indented\nend\n"];
        for (var i = 0; i < 2000; i++)
        {
            var value = (JObject)Make(0);
            var read = Yaml.ParseAll(YamlText.Document(value));
            Assert.True(JToken.DeepEquals(value, Assert.Single(read)), $"seed {Seed}, case {i}:\n{Json.Indented(value)}{YamlText.Document(value)}");
        }

        JToken Make(int depth) => depth == 0 || (depth < 4 && random.Next(3) == 0)
            ? new JObject(Enumerable.Range(0, random.Next(depth == 0 ? 1 : 0, 4)).Select(i => new JProperty($"{words[random.Next(words.Length)]}{i}", Make(depth + 1))))
            : random.Next(4) == 0 ? new JArray(Enumerable.Range(0, random.Next(3)).Select(_ => random.Next(2) == 0 ? (JToken)Text() : new JObject { ["k"] = Make(depth + 1), ["l"] = Text() }))
            : random.Next(8) == 0 ? new JValue(random.Next(-5, 5))
            : random.Next(8) == 0 ? new JValue(true)
            : Text();

        JValue Text() => new(words[random.Next(words.Length)]);
    }

    [Fact]
    public void Quotes_stand_where_something_else_could_be_seen()
    {
        var text = YamlText.Document(new JObject
        {
            ["a"] = "registry.local:8443/mirror/quay.io",
            ["b"] = "*.redhat.io",
            ["c"] = "10.0.0.1:5000/x",
            ["d"] = "yes",
            ["e"] = "",
            ["f"] = "it's",
            ["1"] = "x",
            ["g"] = new JArray(),
            ["h"] = new JObject(),
        });

        Assert.Equal("---\na: registry.local:8443/mirror/quay.io\nb: \"*.redhat.io\"\nc: \"10.0.0.1:5000/x\"\nd: \"yes\"\ne: \"\"\nf: \"it's\"\n\"1\": x\ng: []\nh: {}\n", text);
    }
}
