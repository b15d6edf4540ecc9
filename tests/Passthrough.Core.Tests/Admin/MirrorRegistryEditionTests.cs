using Passthrough.Core.Admin;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.MirrorRegistryGo;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Core.Tests.Admin;

/// <summary>Two servers are sold under one name; what must be known about them differs (registries.md C.2).</summary>
public sealed class MirrorRegistryEditionTests
{
    static readonly RegistryProduct Product = RegistryProducts.Get("mirror-registry");

    [Fact]
    public async Task One_request_tells_the_editions_apart()
    {
        await using var go = await MirrorRegistryGoFake.Start();
        await using var classic = await QuayFake.Start();

        Assert.Equal("mirror-registry (Go)", (await AskAsync(go)).Title);
        Assert.Equal("mirror-registry", (await AskAsync(classic)).Title);

        Assert.Equal("GET /healthz -> 200", Assert.Single(go.Requests).ToString());
        Assert.Equal(["GET /healthz -> 404", "GET /config -> 200"], classic.Requests.Select(request => request.ToString()));
    }

    [Fact]
    public async Task A_transfer_asks_which_it_is_too()
    {
        await using var go = await MirrorRegistryGoFake.Start();
        await using var classic = await QuayFake.Start();

        var (goTraits, classicTraits) = (await TraitsAsync(go), await TraitsAsync(classic));

        Assert.True(goTraits is { CollectsUntaggedChildren: true, TagProvesContent: false, DigestProvesContent: false });
        Assert.True(classicTraits is { CollectsUntaggedChildren: false, TagProvesContent: true, DigestProvesContent: true, MaxManifestBytes: 1024 * 1024 });
        // Where nobody asked: what does no harm on either.
        Assert.True(Product.Traits is { CollectsUntaggedChildren: false, TagProvesContent: false, DigestProvesContent: false, MaxManifestBytes: 1024 * 1024 });
        Assert.Single(classic.Requests);
        go.IsHealthy = false;
        Assert.True((await TraitsAsync(go)).CollectsUntaggedChildren);
    }

    [Fact]
    public async Task A_later_release_may_tell_more()
    {
        await using var go = await MirrorRegistryGoFake.Start();
        go.Before = call => call.RawPath == "/healthz" ? FakeAnswer.Json(200, new Newtonsoft.Json.Linq.JObject { ["status"] = "ok", ["version"] = "2.1" }) : null;

        Assert.Equal("mirror-registry (Go)", (await AskAsync(go)).Title);
    }

    [Fact]
    public async Task Nobody_who_answers_like_neither_is_taken_for_the_Go_edition()
    {
        await using var server = await QuayFake.Start();
        foreach (var answer in new[] { FakeAnswer.Text(200, "<html></html>", "text/html"), FakeAnswer.Text(200, "ok", "text/plain"), FakeAnswer.Json(200, "ok"), FakeAnswer.Json(200, new Newtonsoft.Json.Linq.JObject { ["state"] = "ok" }) })
        {
            server.Before = call => call.RawPath == "/healthz" ? answer : null;
            Assert.False((await TraitsAsync(server)).CollectsUntaggedChildren);
        }
    }

    static async Task<RegistryTraits> TraitsAsync(FakeServer server)
    {
        using var connection = Connect(server);
        return await Product.TraitsAsync(connection, default);
    }

    static async Task<RegistryCapabilities> AskAsync(FakeServer server)
    {
        using var connection = Connect(server);
        return (await Product.AdminAsync(connection, default)).Capabilities;
    }

    static AdminConnection Connect(FakeServer server) =>
        new(RegistryEndpoint.Parse(server.Host, server.Port, server.Address.Scheme), new ConnectionOptions { Retries = 0 }, new Credential { Username = "init", Password = "Init-Password-1" }, Product.Traits);
}
