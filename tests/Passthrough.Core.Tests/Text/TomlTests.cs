using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Text;

public sealed class TomlTests
{
    [Theory]
    [InlineData("", "{}")]
    [InlineData("\ufeff# bom\r\na = 1\r\n", """{"a":1}""")]
    [InlineData("a.b.c = true\n[a.d]\n'e f' = -0x_no = 1", null)]
    [InlineData("a.b.c = true\n\"d.e\" = '\\n'\n", """{"a":{"b":{"c":true}},"d.e":"\\n"}""")]
    [InlineData("[[r]]\nx = 1\n[[r.m]]\ny = 1\n[[r.m]]\n[r.m.z]\nq = 2\n[[r]]\n[[r.m]]\ny = 3\n", """{"r":[{"x":1,"m":[{"y":1},{"z":{"q":2}}]},{"m":[{"y":3}]}]}""")]
    [InlineData("a = [1, 2.5, 'x', [true], {b.c = 1, d = [{}]}]\n", """{"a":[1,2.5,"x",[true],{"b":{"c":1},"d":[{}]}]}""")]
    [InlineData("a = \"\"\"\nx\\\n   y\\u00e9\"\"\"\nb = '''\n\\x'''\n", """{"a":"xyé","b":"\\x"}""")]
    public void Tables_become_objects(string toml, string? json)
    {
        Assert.Equal(json is not null, Toml.TryParse(toml, out var document, out _));
        if (json is not null)
            Assert.Equal(json, Json.Compact(document!));
    }

    [Theory]
    [InlineData("a = 1\n[[registry]\n", "line 2: ")]
    [InlineData("a = 1\na = 2\n", "line 2: The key `a` is already defined at (1,1)")]
    [InlineData("a = 1 b = 2\n", "line 1: ")]
    [InlineData("a = [1, 2]\n[[a]]\n", "line 2: ")]
    [InlineData("[a.b]\n[a]\nb.c = 1\n", "line 3: ")]
    [InlineData("a = \"\\q\"\n", "line 1: ")]
    [InlineData("a = \u0001\n", "line 1: ")]
    [InlineData("= 1\n", "line 1: ")]
    [InlineData("[[", "line 1: ")]
    [InlineData("a", "line 1: ")]
    public void What_is_wrong_is_named_by_its_line(string toml, string beginning)
    {
        Assert.False(Toml.TryParse(toml, out _, out var reason));
        Assert.StartsWith(beginning, reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', reason);
    }

    [Fact]
    public void Dates_are_no_strings()
    {
        Assert.True(Toml.TryParse("a = 2026-01-02\nb = 07:32:00\nc = 1979-05-27T07:32:00Z\n", out var document, out _));
        Assert.All(document.Properties(), property => Assert.Equal(JTokenType.Date, property.Value.Type));
    }

    [Fact]
    public void Deep_nesting_is_refused() =>
        Assert.False(Toml.TryParse($"a = {new string('[', 100_000)}{new string(']', 100_000)}\n", out _, out _));

    [Fact]
    public void Any_string_is_read_back_as_it_was_written()
    {
        var text = string.Concat(Enumerable.Range(0, 0x250).Select(c => (char)c)) + "😀\"\\";

        Assert.True(Toml.TryParse($"a = {Toml.Quote(text)}\nb = {Toml.Quote(["x", text])}\n", out var document, out _));
        Assert.Equal(text, (string?)document["a"]);
        Assert.Equal(["x", text], document["b"]!.Values<string>());
    }
}
