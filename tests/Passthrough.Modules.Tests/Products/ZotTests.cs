using Newtonsoft.Json.Linq;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>zot: a plain registry with rights, and a catalogue of its own kind.</summary>
public sealed class ZotTests : IAsyncLifetime, IDisposable
{
    ZotFake zot = null!;
    ProductRun run = null!;

    public async Task InitializeAsync()
    {
        zot = await ZotFake.Start();
        zot.AddAccount("pusher", "zot-pushes-1", mayPush: true);
        zot.AddAccount("puller", "zot-pulls-1", mayPush: false);
        run = new ProductRun("distribution", zot, "pusher", "zot-pushes-1");
    }

    public void Dispose() => run.Dispose();

    public async Task DisposeAsync()
    {
        await zot.DisposeAsync();
    }

    [Theory]
    [InlineData("mirror/quay.io/ns/app")]
    [InlineData("mirror/zz")]
    public async Task Images_are_seen_although_the_place_before_them_does_not_exist(string name)
    {
        zot.AddRepository("aa/first");
        zot.AddRepository(name);

        (await run.PredictRepo(("state", "absent"))).MustFail("images are below mirror");
        Assert.Contains("holds images", (string)(await run.Repo()).MustNotChange()["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Absence_is_said_when_all_was_seen()
    {
        zot.AddRepository("other/app");

        Assert.Contains("shows user pusher no repository below mirror",
            (string)(await run.Repo(("state", "absent"))).MustNotChange()["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_that_go_round_in_circles_prove_nothing()
    {
        zot.Before = call => call.Path == "/v2/_catalog"
            ? FakeAnswer.Json(200, new JObject { ["repositories"] = new JArray("aa/first") })
                .With("Link", "</v2/_catalog?n=1000&last=aa/first>; rel=\"next\"")
            : null;

        (await run.Repo(("state", "absent"))).MustFail("there may be images below mirror");
    }

    [Fact]
    public async Task Nothing_is_left_behind_by_asking_for_the_right_to_push()
    {
        (await run.Auth()).MustChange();
        (await run.Repo()).MustNotChange();
        zot.AddRepository("mirror/quay.io/ns/app");
        (await run.Auth(("dest_dir", run["other"]))).MustChange();

        Assert.Equal(["mirror/quay.io/ns/app"], zot.Repositories);
        Assert.Empty(zot.Uploads);
    }

    [Fact]
    public async Task An_account_that_may_only_pull_is_not_said_to_push()
    {
        zot.AddRepository("mirror/quay.io/ns/app");
        using var pull = new ProductRun("distribution", zot, "puller", "zot-pulls-1");

        var result = (await pull.Auth(("access", new JArray("pull")), ("method", "user"))).MustChange();

        Assert.False((bool)result["account"]!["may_push"]!);
        Assert.DoesNotContain(result.Warnings(), warning => warning.Contains("push", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_account_that_may_push_too_is_said_to()
    {
        zot.AddRepository("mirror/quay.io/ns/app");

        var result = (await run.Auth(("access", new JArray("pull")))).MustChange();

        Assert.True((bool)result["account"]!["may_push"]!);
        Assert.Contains(result.Warnings(), warning => warning.StartsWith("access is pull alone, but", StringComparison.Ordinal));
        Assert.Contains("pusher was not created by this module",
            (string)(await run.Auth(("access", new JArray("pull")), ("state", "absent"))).MustChange()["msg"]!, StringComparison.Ordinal);
    }
}
