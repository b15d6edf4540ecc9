using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Harbor;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Modules.Tests.Products;

/// <summary>What a load, a look and a removal say on products with policies and rights of their own.</summary>
public sealed class DeliveryOnProductsTests : IDisposable
{
    const string App = "quay.io/team/app:1.0";

    static readonly BuiltImage AppImage = ImageBuilder.MultiArch("app");

    readonly TestFolder folder = new("delivery");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("password")]
    [InlineData("policy")]
    [InlineData("right")]
    public async Task What_Harbor_does_not_tell_is_unknown_and_not_zero(string why)
    {
        await using var stage = await ProductStage.Open("Harbor", folder);
        var (run, set) = await DeliveredAsync(stage);
        var config = run.DockerConfig;
        if (why == "policy")
            ((HarborServer)stage.Server).State.Projects.Single(project => project.Name == "mirror")
                .Metadata["enable_content_trust_cosign"] = "true";
        else if (why == "password")
            config = Login(stage, run.Login(run.DockerConfig).User, "Wr0ngSecret");
        else
            config = Login(stage, "robot$other+nobody", "Unkn0wnRobot");

        var inspected = await run.Archive("inspected", config, ("path", set));

        Assert.False((bool?)inspected["failed"] ?? false, inspected.ToString());
        Assert.Equal((0, 1), ((int)inspected["counts"]!["needed"]!, (int)inspected["counts"]!["unknown"]!));
        Assert.Equal("unknown", (string)inspected["images"]![0]!["in_registry"]!);
        Assert.Contains("of 1 image is unknown: ", (string)inspected["msg"]!, StringComparison.Ordinal);
        Assert.DoesNotContain("needs 0", (string)inspected["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_about_one_image_makes_that_one_unknown()
    {
        await using var stage = await ProductStage.Open("Harbor", folder);
        var (run, set) = await DeliveredAsync(stage);
        ((HarborServer)stage.Server).State.Projects.Single(project => project.Name == "mirror")
            .Metadata["enable_content_trust_cosign"] = "true";

        var asked = await run.Archive("inspected", run.DockerConfig, ("images", new[] { App }), ("gap_path", folder["gap.txt"]));
        Assert.Equal((0, 1), ((int)asked["counts"]!["needed"]!, (int)asked["counts"]!["unknown"]!));
        Assert.Contains("signed by cosign", (string)asked["msg"]!, StringComparison.Ordinal);
        Assert.Contains($"# unknown, the registry did not tell: {App}", await File.ReadAllTextAsync(folder["gap.txt"]),
            StringComparison.Ordinal);
        var proved = await run.Archive("verified", run.DockerConfig, ("path", set));
        proved.MustFail("signed by cosign");
        Assert.Equal("unknown", (string)proved["images"]![0]!["status"]!);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Check_mode_does_not_promise_a_removal_that_Harbor_refuses(bool mayDelete)
    {
        await using var stage = await ProductStage.Open("Harbor", folder);
        var (run, _) = await DeliveredAsync(stage);
        if (mayDelete)
            await run.Auth(("access", new[] { "pull", "push", "delete" }));
        var child = $"quay.io/team/{(mayDelete ? "app" : "other")}@{AppImage.Children[1].Digest}";
        (await run.Archive("loaded", run.DockerConfig, ("path", Write("child.tar", (child, AppImage.Children[1]))),
            ("record_path", folder["record.json"]))).MustChange();
        (string, object?)[] prune = [("path", folder["set.tar"]), ("record_path", folder["record.json"]), ("remove", true)];

        var predicted = await run.Archive("pruned", run.DockerConfig, [.. prune, ("check", true)]);
        var failed = await run.Archive("pruned", run.DockerConfig, prune);

        foreach (var answer in new[] { predicted, failed })
        {
            answer.MustFail(mayDelete ? "the index 1.0, which stays, contains this one" : "cannot remove ");
            Assert.Equal("failed", (string)answer["images"]![0]!["status"]!);
            Assert.False((bool)answer["changed"]!);
        }
    }

    [Theory]
    [InlineData("2w", "2w", "mirror-registry", true)]
    [InlineData("2w", "2w", "Quay", true)]
    [InlineData("2w", "3w", "Quay", false)]
    [InlineData("soon", "soon", "Quay", false)]
    [InlineData("2w", "2w", "Harbor", false)]
    public async Task An_image_that_Quay_removes_by_itself_is_warned_of_and_recorded(string one, string other, string product,
        bool isExpected)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        await run.Repo();
        (await run.Auth()).MustChange();
        var single = ImageBuilder.Image([ImageBuilder.Layer("single")], label: ("quay.expires-after", one));
        var index = ImageBuilder.Index([single, ImageBuilder.Image([ImageBuilder.Layer("arm")], new Platform("linux", "arm64"), label: (
            "quay.expires-after", other))]);
        var set = Write("set.tar", ("quay.io/team/nightly:1", index), ("quay.io/team/plain:1", AppImage));
        (string, object?)[] load = [("path", set), ("record_path", folder["record.json"])];

        var predicted = await run.Archive("loaded", run.DockerConfig, [.. load, ("check", true)]);
        var loaded = await run.Archive("loaded", run.DockerConfig, load);

        var record = (JObject)Core.Text.Json.Parse(await File.ReadAllBytesAsync(folder["record.json"]));
        Assert.Equal(isExpected ? "2w" : null, (string?)record["images"]![0]!["expires_after"]);
        Assert.Null(record["images"]![1]!["expires_after"]);
        foreach (var answer in new[] { predicted, loaded })
        {
            Assert.Equal(isExpected ? "2w" : null, (string?)answer["images"]![0]!["expires_after"]);
            Assert.Equal(isExpected ? 1 : 0, answer.Warnings().Count(warning => warning.Contains(
                $"{stage.Name}/mirror/quay.io/team/nightly:1 has the label quay.expires-after=2w", StringComparison.Ordinal)));
        }

        if (stage.Server is not QuayFake quay)
            return;
        quay.Clock.Advance(TimeSpan.FromDays(15));
        var later = await run.Archive("loaded", run.DockerConfig, load);
        Assert.Equal(isExpected ? ["loaded", "present"] : ["present", "present"],
            later["images"]!.Select(image => (string)image["status"]!));
    }

    [Fact]
    public async Task A_sparse_index_on_a_Quay_that_takes_it_is_completed()
    {
        await using var stage = await ProductStage.Open("Quay", folder);
        ((QuayFake)stage.Server).Settings.SparseIndex = true;
        var run = new StagedRun(stage, folder);
        await run.Repo();
        (await run.Auth()).MustChange();
        var set = Write("set.tar", (App, AppImage));
        (await run.Archive("loaded", run.DockerConfig, ("path", set))).MustChange();
        ((QuayFake)stage.Server).Forget("mirror/quay.io/team/app", AppImage.Children[0].Digest);

        (await run.Archive("verified", run.DockerConfig, ("path", set))).MustFail("has no manifest");
        (await run.Archive("loaded", run.DockerConfig, ("path", set))).MustChange();

        (await run.Archive("verified", run.DockerConfig, ("path", set), ("deep", true))).MustNotChange();
        (await run.Archive("loaded", run.DockerConfig, ("path", set))).MustNotChange();
    }

    async Task<(StagedRun Run, string Set)> DeliveredAsync(ProductStage stage)
    {
        var run = new StagedRun(stage, folder);
        await run.Repo();
        (await run.Auth()).MustChange();
        var set = Write("set.tar", (App, AppImage));
        (await run.Archive("loaded", run.DockerConfig, ("path", set), ("record_path", folder["record.json"]))).MustChange();
        return (run, set);
    }

    string Login(ProductStage stage, string user, string secret) => folder.Write("other-login.json", new JObject
    {
        ["auths"] = new JObject
        {
            [stage.Name] = new JObject { ["auth"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{user}:{secret}")) },
        },
    }.ToString());

    string Write(string name, params (string Name, BuiltImage Image)[] images)
    {
        OciLayout.WriteTar(folder[name], images.ToDictionary(image => image.Name, image => image.Image));
        return folder[name];
    }
}
