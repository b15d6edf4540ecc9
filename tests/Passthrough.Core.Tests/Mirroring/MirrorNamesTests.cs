using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class MirrorNamesTests
{
    static readonly JObject Golden = (JObject)Json.Parse(Fixtures.ReadText("mco-golden.json"));

    /// <summary>Every recorded name: as a source, as a mirror, as an entry of image.config.</summary>
    [Fact]
    public void Names_are_accepted_as_the_operator_accepts_them()
    {
        var names = Golden["names"]!;

        Assert.Equal(41, names.Count());
        Assert.Empty(
            from item in names
            let name = (string)item["name"]!
            let expected = $"source {item["source"]}, mirror {item["mirror"]}, scope {item["scope"]}"
            let actual = $"source {MirrorNames.IsSource(name)}, mirror {MirrorNames.IsMirror(name)}, scope {MirrorNames.IsScope(name)}"
            where expected != actual
            select $"\"{name}\": expected {expected}, got {actual}");
    }

    /// <summary>Every recorded pair of scopes.</summary>
    [Fact]
    public void Scopes_are_nested_as_the_operator_nests_them()
    {
        var pairs = Golden["nested"]!;

        Assert.Equal(133, pairs.Count());
        Assert.Empty(
            from pair in pairs
            let actual = MirrorNames.IsNested((string)pair[0]!, (string)pair[1]!)
            where (bool)pair[2]! != actual
            select $"{pair[0]} inside {pair[1]}: got {actual}");
    }

    [Theory]
    [InlineData("*.redhat.io", true, false)]
    [InlineData("*.a", true, false)]
    [InlineData("*", false, false)]
    [InlineData("*.", false, false)]
    [InlineData("*.redhat.io/x", false, false)]
    [InlineData("*.redhat.io:80", false, false)]
    [InlineData("*.*.io", false, false)]
    [InlineData("*.redhat.io\n", false, false)]
    [InlineData("quay.io/app\n", false, false)]
    [InlineData("*.[a]", false, false)]
    [InlineData("a:1/b-c__d.e-----f", true, true)]
    [InlineData("a:1/b-c__d.e-_f", false, false)]
    [InlineData("a:1:2", false, false)]
    [InlineData("a:٣", false, false)]
    [InlineData("quay.iо", false, false)]
    public void Names_beyond_the_recorded(string name, bool source, bool mirror)
    {
        Assert.Equal(source, MirrorNames.IsSource(name));
        Assert.Equal(mirror, MirrorNames.IsMirror(name));
    }

    /// <summary>The CRDs' expressions take exponential time with the first of these; a name of this length would never end.</summary>
    [Theory]
    [InlineData("quay.io/", "a", "!")]
    [InlineData("quay.io/", "a/", "!")]
    [InlineData("quay.io/a", "__a", "!")]
    [InlineData("quay.io/", "a-", "!")]
    [InlineData("", "a.", "!")]
    [InlineData("*.", "a.", "!")]
    [InlineData("", "-", "!")]
    [InlineData("a:", "1", "x")]
    public void Long_names_are_refused_at_once(string head, string middle, string tail)
    {
        var name = new StringBuilder(head).Insert(head.Length, middle, 100_000).Append(tail).ToString();

        Assert.False(MirrorNames.IsSource(name));
        Assert.False(MirrorNames.IsMirror(name));
        Assert.True(MirrorNames.IsNested(name + "/x", name));
        Assert.False(MirrorNames.IsNested(name, "*." + name));
    }
}
