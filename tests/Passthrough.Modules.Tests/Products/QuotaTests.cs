using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Modules.ImageArchive;
using Passthrough.Modules.Tests.Harbor;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Modules.Tests.Products;

/// <summary>A load that does not fit into what a registry grants is told before anything is sent, where the product tells the account that pushes.</summary>
public sealed class QuotaTests : IDisposable
{
    const string Summary = "/api/v2.0/projects/mirror/summary";
    const string Organization = "/api/v1/organization/mirror";

    static readonly BuiltBlob Shared = ImageBuilder.Layer("shared", 300_000);
    static readonly BuiltImage One = ImageBuilder.Image([Shared, ImageBuilder.Layer("one", 100_000)]);
    static readonly BuiltImage Two = ImageBuilder.Image([Shared, ImageBuilder.Layer("two", 100_000)]);

    static readonly string Needed = Wording.Bytes(One.AllBlobs.Concat(Two.AllBlobs).DistinctBy(blob => blob.Digest).Sum(blob => blob.Bytes.LongLength));

    readonly TestFolder folder = new("quota");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Harbor_tells_what_is_left_of_a_project(bool check)
    {
        await using var stage = await HarborStage.Start();
        await stage.Repo(("quota", "450K"));
        stage.Server.Web.ClearRequests();

        var refused = await Load(stage, check);

        Assert.Equal(
            $"project mirror on {stage.Server.Name} has 450.0 KiB left of its quota of 450.0 KiB, and {Needed} are to be uploaded there; nothing was sent; raise the quota (mirror_repo with quota), remove from the registry what nobody needs, or load less with only",
            (string?)refused["msg"]);
        Assert.Equal(ErrorCodes.DiskFull, (string?)refused["error"]!["code"]);
        Assert.Empty(stage.Writes);
        Assert.Single(stage.Server.Requests, request => request.Path == Summary);

        (await stage.Repo(("quota", "600K"))).MustChange();
        stage.Server.Web.ClearRequests();
        (await Load(stage, check)).MustChange();
        Assert.Single(stage.Server.Requests, request => request.Path == Summary);
        Assert.Equal(check, stage.Writes.Count == 0);
    }

    [Fact]
    public async Task What_the_project_has_takes_no_more_room_and_a_second_load_asks_nothing()
    {
        await using var stage = await HarborStage.Start();
        await stage.Repo(("quota", "600K"));
        (await Load(stage, images: "quay.io/team/one:v1")).MustChange();

        // The shared layer is in the repository of the first image.
        (await Load(stage)).MustChange();

        stage.Server.Web.ClearRequests();
        var again = (await Load(stage)).MustNotChange();
        Assert.DoesNotContain(stage.Server.Requests, request => request.Path.StartsWith("/api/", StringComparison.Ordinal));
        Assert.Equal(stage.Server.Requests.Count, (int)again["requests"]!["total"]!);
    }

    [Fact]
    public async Task A_project_without_a_quota_is_asked_once_and_takes_all()
    {
        await using var stage = await HarborStage.Start();
        await stage.Repo();
        stage.Server.Web.ClearRequests();

        var loaded = (await Load(stage)).MustChange();

        Assert.Single(stage.Server.Requests, request => request.Path.StartsWith("/api/", StringComparison.Ordinal));
        Assert.Equal(stage.Server.Requests.Count, (int)loaded["requests"]!["total"]!);
    }

    [Fact]
    public async Task A_robot_that_is_not_told_pushes_until_Harbor_refuses_and_one_that_is_told_does_not_begin()
    {
        await using var stage = await HarborStage.Start();
        await stage.Repo(("quota", "450K"));
        await stage.Auth();
        var login = ("authfile", (JToken?)stage.PathOf("harbor-docker-config.json"));
        stage.Server.Web.ClearRequests();

        var refused = await Load(stage, more: [login, ("username", null), ("password", null)]);

        Assert.Contains("will exceed the configured upper limit of 450.0 KiB", (string?)refused["msg"], StringComparison.Ordinal);
        Assert.Equal(403, Assert.Single(stage.Server.Requests, request => request.Path == Summary).Status);

        // As an administrator of the project can give it those rights.
        var robot = Assert.Single(stage.State.Robots);
        robot.Permissions = [robot.Permissions[0] with { Access = [.. robot.Permissions[0].Access, new("project", "read"), new("quota", "read")] }];
        stage.Server.Web.ClearRequests();
        refused = await Load(stage, more: [login, ("username", null), ("password", null), ("namespace", "mirror/second")]);

        Assert.Contains("left of its quota of 450.0 KiB, and ", (string?)refused["msg"], StringComparison.Ordinal);
        Assert.Empty(stage.Writes);
    }

    [Theory]
    [InlineData("org:admin", true)]
    [InlineData("repo:admin", false)]
    public async Task Quay_tells_a_token_of_an_owner_what_is_left_of_an_organization(string scope, bool isTold)
    {
        await using var registry = await QuayFake.Start(QuaySettings.Quay);
        using var run = new ProductRun("quay", registry, registry.Settings.User, registry.Settings.Password);
        (await run.Repo(("quota", "450K"))).MustChange();
        (string, JToken?)[] token = [("path", Archive()), ("username", "$oauthtoken"), ("password", registry.AddToken(registry.Settings.User, "repo:write", "repo:create", scope))];
        registry.ClearRequests();

        var refused = await run.Archive("loaded", folder.Write("none.json", "{}"), token);

        Assert.Equal(200, Assert.Single(registry.Requests, request => request.Target == Organization).Status);
        if (isTold)
        {
            Assert.StartsWith($"organization mirror on {registry.Name} has 450.0 KiB left of its quota of 450.0 KiB, and {Needed} are to be uploaded there; nothing was sent", (string?)refused["msg"], StringComparison.Ordinal);
            Assert.Empty(registry.Writes);
        }
        else
        {
            refused.MustFail("Quota has been exceeded on namespace");
        }
    }

    [Fact]
    public async Task Quay_is_not_asked_by_robots_and_a_limit_that_only_warns_refuses_nothing()
    {
        await using var registry = await QuayFake.Start(QuaySettings.Quay);
        using var run = new ProductRun("quay", registry, registry.Settings.User, registry.Settings.Password);
        (await run.Auth()).MustChange();
        registry.ClearRequests();
        (await run.Archive("loaded", run.DockerConfig, ("path", Archive("quay.io/team/one:v1")))).MustChange();
        Assert.DoesNotContain(registry.Requests, request => request.Target.StartsWith("/api/", StringComparison.Ordinal));

        registry.AddQuota("mirror", 1000, "Warning");
        (await run.Archive("loaded", folder.Write("none.json", "{}"), ("path", Archive()), ("username", "$oauthtoken"), ("password", registry.AddToken(registry.Settings.User, "repo:write", "repo:create", "org:admin")))).MustChange();
    }

    static Dictionary<string, BuiltImage> Images(string only) =>
        new Dictionary<string, BuiltImage> { ["quay.io/team/one:v1"] = One, ["quay.io/team/two:v1"] = Two }.Where(image => only.Length == 0 || image.Key == only).ToDictionary();

    string Archive(string only = "")
    {
        var path = folder[$"set{only.Length}.tar"];
        if (!File.Exists(path))
            OciLayout.WriteTar(path, Images(only));
        return path;
    }

    Task<JObject> Load(HarborStage stage, bool check = false, string images = "", params (string Name, JToken? Value)[] more) =>
        stage.Run(new ImageArchiveModule(), check, [("state", "loaded"), ("path", Archive(images)), .. more]);
}
