using Microsoft.AspNetCore.Http;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Replay;

namespace Passthrough.Core.Tests.Testing;

/// <summary>A replay that finds no difference must have been able to find one.</summary>
public sealed class ReplayerTests
{
    const string Recording = """
        ### make
        $ curl -X POST -H 'Content-Type: application/json' -d '{"name":"a"}' /robots
        HTTP/1.1 201 Created
        Content-Type: application/json
        Location: /robots/1

        {"id":1,"name":"a","secret":"recorded-secret-1","list":[{"n":1}]}

        ### log in
        $ curl -u a:recorded-secret-1 /me
        HTTP/1.1 200 OK
        Content-Type: text/plain

        hello

        """;

    static readonly ReplayRules Rules = new() { InventedKeys = new HashSet<string>(StringComparer.Ordinal) { "secret" } };

    [Fact]
    public async Task What_a_server_makes_up_is_sent_back_to_it_as_its_own()
    {
        var logins = new List<string>();
        var report = await ReplayAsync(Rules, body: """{"id":1,"name":"a","secret":"our-own-secret","list":[{"n":1}]}""", logins: logins);

        report.AssertFaithful(100);
        Assert.Equal(["Basic " + Convert.ToBase64String("a:our-own-secret"u8)], logins);
    }

    [Theory]
    [InlineData(200, "application/json", "/robots/1", """{"id":1,"name":"a","secret":"s","list":[{"n":1}]}""", "status 200 instead of 201")]
    [InlineData(201, "text/plain", "/robots/1", """{"id":1,"name":"a","secret":"s","list":[{"n":1}]}""", "Content-Type: \"text/plain\" instead of \"application/json\"")]
    [InlineData(201, "application/json", null, """{"id":1,"name":"a","secret":"s","list":[{"n":1}]}""", "Location: none instead of \"/robots/1\"")]
    [InlineData(201, "application/json", "/robots/2", """{"id":1,"name":"a","secret":"s","list":[{"n":1}]}""", "Location: \"/robots/2\" instead of \"/robots/1\"")]
    [InlineData(201, "application/json", "/robots/1", """{"id":1,"name":"a","list":[{"n":1}]}""", "$.secret is missing")]
    [InlineData(201, "application/json", "/robots/1", """{"id":1,"name":"a","secret":"s","list":[{"n":1}],"more":1}""", "$.more is too much")]
    [InlineData(201, "application/json", "/robots/1", """{"id":"1","name":"a","secret":"s","list":[{"n":1}]}""", "$.id: string \"1\" instead of number 1")]
    [InlineData(201, "application/json", "/robots/1", """{"id":1,"name":"b","secret":"s","list":[{"n":1}]}""", "$.name: \"b\" instead of \"a\"")]
    [InlineData(201, "application/json", "/robots/1", """{"id":1,"name":"a","secret":"","list":[{"n":1}]}""", "$.secret: \"\" instead of \"recorded-secret-1\"")]
    [InlineData(201, "application/json", "/robots/1", """{"id":1,"name":"a","secret":"s","list":[]}""", "$.list: 0 items instead of 1")]
    [InlineData(201, "application/json", "/robots/1", "no JSON", "body: no JSON is no JSON")]
    public async Task What_differs_is_found(int status, string type, string? location, string body, string difference)
    {
        var report = await ReplayAsync(Rules, status, type, location, body);

        Assert.Contains(report.Surprises[0].Differences, found => found.StartsWith(difference, StringComparison.Ordinal));
        Assert.Throws<Xunit.Sdk.TrueException>(() => report.AssertFaithful(0));
    }

    [Fact]
    public async Task A_known_difference_is_counted_and_one_that_is_none_any_more_is_told()
    {
        var known = Rules with { KnownDifferences = [new("POST", "/robots", "not built yet")] };

        var report = await ReplayAsync(known, status: 500);
        Assert.Empty(report.Surprises);
        Assert.Equal((2, 1), (report.Sent, report.Replayed));
        Assert.Throws<Xunit.Sdk.TrueException>(() => report.AssertFaithful());
        report.AssertFaithful(50);

        Assert.Equal("not built yet", Assert.Single((await ReplayAsync(known)).Stale).Reason);
    }

    [Fact]
    public async Task What_is_left_out_is_not_sent()
    {
        var logins = new List<string>();
        var report = await ReplayAsync(Rules with { LeftOut = [new("GET", "/me", "never called"), new("GET", "/none", "stands here for nothing")] }, logins: logins);

        Assert.Empty(logins);
        Assert.Equal((1, 1, 1), (report.Sent, report.Replayed, report.LeftOut));
        Assert.Equal("stands here for nothing", Assert.Single(report.Stale).Reason);
    }

    static async Task<ReplayReport> ReplayAsync(ReplayRules rules, int status = 201, string type = "application/json", string? location = "/robots/1", string body = """{"id":1,"name":"a","secret":"s","list":[{"n":1}]}""", List<string>? logins = null)
    {
        await using var server = await LocalServer.Start(async context =>
        {
            if (context.Request.Path == "/me")
            {
                logins?.Add(context.Request.Headers.Authorization.ToString());
                context.Response.ContentType = "text/plain";
                await context.Response.WriteAsync("hello");
                return;
            }

            context.Response.StatusCode = status;
            context.Response.ContentType = type;
            if (location is not null)
                context.Response.Headers.Location = location;
            await context.Response.WriteAsync(body);
        });
        using var replayer = new Replayer(server.Address, rules);
        return await replayer.RunAsync(Transcript.Parse(Recording, "sample"));
    }
}
