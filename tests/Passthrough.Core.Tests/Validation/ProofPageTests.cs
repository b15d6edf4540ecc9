using System.Xml.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Validation;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Validation;

public sealed class ProofPageTests
{
    static readonly Digest First = Digest.Sha256("first"u8);
    static readonly Digest Second = Digest.Sha256("second"u8);

    static readonly ProofReport Failed = new()
    {
        Passed = false,
        Message = "registry.redhat.io/ubi9/ubi:latest by tag: the tag was moved <here> & there",
        Hint = "push it again",
        Level = "L2",
        Tool = "skopeo 1.9.3",
        Images =
        [
            new(Reference.Parse("registry.redhat.io/ubi9/ubi:latest")) { Expected = First, Got = Second, Mirror = "registry.local:8443/mirror/registry.redhat.io/ubi9/ubi:latest", Command = "HOME=/x skopeo inspect 'a b'", Error = "the tag was moved <here> & there" },
            new(Reference.Parse("quay.io/centos/centos:stream8")) { Expected = First, Got = First, Mirror = "registry.local:8443/mirror/quay.io/centos/centos:stream8", Command = "HOME=/x skopeo inspect" },
            new(Reference.Parse("quay.io/centos/centos").WithDigest(First)) { Expected = First, Got = First, Mirror = $"registry.local:8443/mirror/quay.io/centos/centos@{First}", Command = "HOME=/x skopeo inspect" },
            new(Reference.Parse("ghcr.io/none/none:v1")) { Expected = null, Error = "registries-quay.conf has no entry for ghcr.io" },
        ],
        Controls = [new("quay.io", true, "registry quay.io is blocked in /x"), new("registry.redhat.io", false, "no such host")],
        Proved = ["something"],
        NotProved = ["that <images> run"],
    };

    [Fact]
    public Task A_report_as_a_page() => Snapshot.Verify(WithoutStyle(ProofPage.Render(Failed, "registry.local:8443 (quay)", "2026-11-25")), "html");

    [Fact]
    public void A_page_needs_nothing_else_and_shows_what_is_in_names()
    {
        var page = ProofPage.Render(Failed with { Message = "<script>alert(1)</script>" }, "\"<b>", "today");

        var html = XDocument.Parse(page);
        Assert.Equal("<script>alert(1)</script>", html.Descendants("h1").Single().Value);
        Assert.Empty(html.Descendants("script"));
        Assert.DoesNotContain(html.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href");
        Assert.DoesNotContain("url(", page, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_delivered_has_a_page_too()
    {
        var html = XDocument.Parse(ProofPage.Render(new() { Passed = false, Message = "nothing delivered, not proved", NotProved = ["anything"] }, "registry.local", "2026-11-25"));

        Assert.Equal("FAIL", html.Descendants("p").First().Value);
        Assert.Equal(["nothing", "anything"], html.Descendants("li").Select(item => item.Value));
        Assert.Contains("nothing was tried", html.Root!.Value, StringComparison.Ordinal);
    }

    static string WithoutStyle(string page) => page[..(page.IndexOf("<style>", StringComparison.Ordinal) + 7)] + page[page.IndexOf("</style>", StringComparison.Ordinal)..];
}
