using System.Globalization;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Admin;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>Something that answers in a registry's place: each product's modules say what it is, change nothing and write no file.</summary>
public sealed class StandInTests : IDisposable
{
    readonly TestFolder folder = new("stand-in");

    public static TheoryData<string> Types => [.. RegistryProducts.Names];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Types))]
    public async Task What_answers_in_its_place_is_told(string type)
    {
        (RequestDelegate Answer, string[] Sentence)[] faults =
        [
            // A portal that has a page for everything.
            (context => Page(context, 200, "Welcome"), ["answered 200", "page \"Welcome\""]),
            (context => Page(context, 502, "502 Bad Gateway"), ["answered 502", "page \"502 Bad Gateway\""]),
            (context => Page(context, 503, "Under maintenance"), ["answered 503", "page \"Under maintenance\""]),
            // Quay leads whoever misses a slash to the host without its port.
            (context => Status(context, 308, "Location", $"https://127.0.0.1{context.Request.Path}/"), ["answered 308 Permanent Redirect to https://127.0.0.1/"]),
            (context => Status(context, 429, "Retry-After", "1200"), ["answered 429 Too Many Requests; it asks to come back at "]),
            (context => Status(context, 429, "Retry-After", "0"), ["answered 429 Too Many Requests"]),
            (context => Status(context, 401, "WWW-Authenticate", "Negotiate"), ["401"]),
        ];

        foreach (var (answer, sentence) in faults)
        {
            await using var server = await LocalServer.Start(answer);
            foreach (var result in new[] { await Auth(type, server), await Repo(type, server) })
            {
                result.MustFail($"{server.Name} ");
                Assert.All(sentence, words => Assert.Contains(words, (string)result["msg"]!, StringComparison.Ordinal));
            }

            Assert.All(server.Requests, request => Assert.False(request.IsWrite, request.ToString()));
        }

        Assert.False(Path.Exists(folder["out"]));
    }

    [Theory]
    [MemberData(nameof(ProductStage.Products), MemberType = typeof(ProductStage))]
    public async Task A_certificate_that_ends_soon_is_warned_of_with_the_days_that_are_left(string product)
    {
        await using var stage = await ProductStage.Open(product, folder, days: 20);
        var run = new StagedRun(stage, folder);

        foreach (var result in new[] { await run.Repo(), await run.Auth() })
        {
            Assert.Null(result["failed"]);
            Assert.Matches(
                string.Create(CultureInfo.InvariantCulture, $@"^the certificate of {stage.Name} ends in 19 days \(\d{{4}}-\d\d-\d\d \d\d:\d\d UTC\): renew it, or pulls and pushes fail from then on$"),
                Assert.Single(result.Warnings(), warning => warning.StartsWith("the certificate", StringComparison.Ordinal)));
        }
    }

    Task<JObject> Auth(string type, LocalServer server) => ModuleRunner.RunAsync(new RegistryAuthModule(), Parameters(type, server, ("dest_dir", folder["out"])));

    Task<JObject> Repo(string type, LocalServer server) => ModuleRunner.RunAsync(new MirrorRepoModule(), Parameters(type, server));

    JObject Parameters(string type, LocalServer server, params (string Name, JToken Value)[] more) => new(more.Select(one => new JProperty(one.Name, one.Value)))
    {
        ["registry_type"] = type,
        ["registry_host"] = "127.0.0.1",
        ["registry_port"] = server.Port,
        ["scheme"] = "http",
        ["username"] = "admin",
        ["password"] = "S0me-password",
        ["authfile"] = folder.Write("none.json", "{}"),
        ["retries"] = 0,
    };

    static Task Page(HttpContext context, int status, string title)
    {
        (context.Response.StatusCode, context.Response.ContentType) = (status, "text/html");
        return context.Response.WriteAsync($"<!doctype html><html><head><title>{title}</title></head><body></body></html>");
    }

    static Task Status(HttpContext context, int status, string header, string value)
    {
        context.Response.StatusCode = status;
        context.Response.Headers[header] = value;
        return Task.CompletedTask;
    }
}
