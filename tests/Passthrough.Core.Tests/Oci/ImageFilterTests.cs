using Passthrough.Core.Oci;

namespace Passthrough.Core.Tests.Oci;

public class ImageFilterTests
{
    static readonly Reference App = Reference.Parse("quay.io/team/app:1.0");

    [Theory]
    [InlineData("", "", true)]
    [InlineData("quay.io/*", "", true)]
    [InlineData("quay.io/team/app", "", true)]
    [InlineData("quay.io/team/app:1.?", "", true)]
    [InlineData("*:1.0", "", true)]
    [InlineData("quay.io/team", "", false)]
    [InlineData("Quay.io/*", "", false)]
    [InlineData("docker.io/*", "", false)]
    [InlineData("docker.io/*,quay.io/*", "", true)]
    [InlineData("", "quay.io/*", false)]
    [InlineData("", "*:2", true)]
    [InlineData("quay.io/*", "*/app:*", false)]
    public void Only_takes_and_exclude_takes_away(string only, string exclude, bool taken) =>
        Assert.Equal(taken, new ImageFilter(Patterns(only), Patterns(exclude)).Takes(App));

    [Fact]
    public void Patterns_that_nothing_was_like_are_known()
    {
        var filter = new ImageFilter(["quay.io/*", "ghcr.io/*"], ["*:latest", "*/app:*"]);

        filter.Takes(App);
        filter.Takes(Reference.Parse("nginx:latest"));

        Assert.Equal(["ghcr.io/*"], filter.Unmatched);
    }

    static string[] Patterns(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries);
}
