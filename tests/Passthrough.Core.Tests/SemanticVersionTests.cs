namespace Passthrough.Core.Tests;

public sealed class SemanticVersionTests
{
    /// <summary>In the order of section 11 of the specification, and how OpenShift and OKD use it.</summary>
    static readonly string[] Ascending =
    [
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0", "2.0.0", "2.1.0", "2.1.1",
        "4.9.99", "4.10.0-ec.1", "4.10.0-rc.0", "4.10.0", "4.15.0-0.okd-2024-01-27-070424", "4.15.0-0.okd-2024-03-10-010116",
        "4.18.0-okd-scos.9", "4.18.0-okd-scos.10", "4.18.0-okd-scos.ec.1", "99999999999999999999999.0.0",
    ];

    [Fact]
    public void Versions_have_an_order()
    {
        var versions = Ascending.Select(Parse).ToList();

        Assert.Equal(Ascending, versions.AsEnumerable().Reverse().Order().Select(version => version.Text));
        Assert.All(versions.Zip(versions.Skip(1)), pair => Assert.True(pair.First < pair.Second && pair.Second > pair.First));
    }

    [Fact]
    public void Build_metadata_does_not_count()
    {
        Assert.Equal(Parse("4.13.1"), Parse("4.13.1+amd64"));
        Assert.Equal(Parse("4.13.1+s390x").GetHashCode(), Parse("4.13.1+amd64").GetHashCode());
        Assert.Equal("4.13.1+amd64", Parse("4.13.1+amd64").ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("4.20")]
    [InlineData("v4.13.1")]
    [InlineData("4.13.10 ")]
    [InlineData("04.13.1")]
    [InlineData("4.13.x")]
    [InlineData("4.13.1-")]
    [InlineData("4.13.1-rc..1")]
    [InlineData("4.13.1-01")]
    [InlineData("4.13.1+")]
    [InlineData("4.13.1+a_b")]
    [InlineData("4.13.1.2")]
    [InlineData("-1.0.0")]
    [InlineData("٤.1.0")]
    public void Other_texts_are_refused(string text) => Assert.False(SemanticVersion.TryParse(text, out _));

    static SemanticVersion Parse(string text) =>
        SemanticVersion.TryParse(text, out var version) ? version : throw new FormatException(text);
}
