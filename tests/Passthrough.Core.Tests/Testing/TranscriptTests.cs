using Passthrough.Testing.Replay;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Testing;

/// <summary>The recorders of the three products write alike, but not the same.</summary>
public sealed class TranscriptTests(ITestOutputHelper output)
{
    [Fact]
    public void Values_may_stand_in_quotes()
    {
        var exchange = Single("""
            ====================================================================================================
            == 3 projects
            ====================================================================================================

            ### create ok
            $ curl -u admin:Harbor12345 -X POST -H 'Content-Type: application/json' -d '{"project_name":"<m x 3>","note":"it's /here"}' /api/v2.0/projects?a=b
            HTTP/1.1 201 Created
            Content-Length: 0
            Location: /api/v2.0/projects/12
            (took 1.20 s)


            ### next
            """);

        Assert.Equal(("3 projects", "create ok", "POST", "/api/v2.0/projects", "a=b", "admin:Harbor12345"), (exchange.Section, exchange.Title, exchange.Method, exchange.Path, exchange.Query, exchange.Credentials));
        Assert.Equal("""{"project_name":"mmm","note":"it's /here"}""", exchange.Body);
        Assert.Equal("application/json", exchange.Header("content-type"));
        Assert.Equal((201, "/api/v2.0/projects/12", "", 2), (exchange.Status, exchange.ResponseHeader("location"), exchange.ResponseBody, exchange.ResponseHeaders.Count));
    }

    [Fact]
    public void Values_may_stand_without_quotes_over_several_lines()
    {
        var exchange = Single("""
            ### docker manifest
            $ curl -b _csrf_token=eyJf… -H Content-Type: application/json -H Accept: a/b, c/d -X PUT -d {
               "schemaVersion": 2
            } /v2/mirror/test/manifests/docker
            HTTP/1.1 404 NOT FOUND
            Content-Type: text/html
            [SEC]

            <h1>Not

            Found</h1>


            ### next
            """);

        Assert.Equal(("PUT", "/v2/mirror/test/manifests/docker", "{\n   \"schemaVersion\": 2\n}"), (exchange.Method, exchange.Path, exchange.Body));
        Assert.Equal(["_csrf_token=eyJf…", "application/json", "a/b, c/d"], exchange.Headers.Select(header => header.Value));
        Assert.Equal("<h1>Not\n\nFound</h1>", exchange.ResponseBody);
    }

    [Fact]
    public void An_answer_may_be_cut_and_may_follow_on_100_Continue()
    {
        var exchange = Single("""
            $ curl (direct to core) -X PUT --data-binary @b1(1024000 bytes) /v2/a/blobs/uploads/1?_state=<opaque>&digest=sha256:0
            HTTP/1.1 100 Continue

            HTTP/1.1 200 OK
            Content-Type: text/plain

            layer-one-…(10000 bytes)
            """);

        Assert.Equal(("direct to core", "@b1(1024000 bytes)", 200, "layer-one-", true), (exchange.Note, exchange.Body, exchange.Status, exchange.ResponseBody, exchange.IsCut));
        Assert.Equal(1024000, RecordedContent.Of(exchange.Body!)!.Length);
    }

    [Fact]
    public void A_request_may_have_had_no_answer() =>
        Assert.Equal(["/b"], Transcript.Parse("$ curl /a\n(client side: IncompleteRead)\n\n### next\n$ curl /b\nHTTP/1.1 200 OK\n\nb\n", "a").Select(exchange => exchange.Path));

    [Fact]
    public void A_file_that_is_named_in_parts_is_one_file() =>
        Assert.Equal(RecordedContent.Of("@b1(1024000 bytes)")![500_000..], RecordedContent.Of("@b1[500000:](524000 bytes)"));

    [Theory]
    [InlineData("harbor-2.15-transcript.txt", 475)]
    [InlineData("harbor-2.15-v2-transcript.txt", 322)]
    [InlineData("harbor-2.9.5-transcript.txt", 55)]
    [InlineData("quay-3.12-transcript.txt", 488)]
    [InlineData("quay-3.12-v2-transcript.txt", 320)]
    [InlineData("mirror-registry-go-transcript.txt", 312)]
    public void Every_recorded_exchange_is_read(string recording, int exchanges)
    {
        if (Transcript.Read(recording) is not { } read)
        {
            output.WriteLine($"skipped: {recording} is not beside this checkout");
            return;
        }

        Assert.Equal(exchanges, read.Count);
        Assert.All(read, exchange => Assert.Matches(@"^/\S*$", exchange.Target));
        Assert.All(read, exchange => Assert.Matches("^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$", exchange.Method));
    }

    static RecordedExchange Single(string text) => Assert.Single(Transcript.Parse(text, "sample"));
}
