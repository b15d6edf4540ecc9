using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;
using Passthrough.Modules.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary><c>image_archive</c> with the accounts that the other two modules made, on every product: delivered whole, proved by whoever only pulls, and taken away again.</summary>
public sealed class ArchiveOnProductsTests : IAsyncLifetime, IDisposable
{
    const string App = "quay.io/team/app:1.0";
    const string Tool = "quay.io/team/tool:2";

    static readonly BuiltImage AppImage = ImageBuilder.MultiArch("app", size: 100_000);
    static readonly BuiltImage ToolImage = ImageBuilder.MultiArch("tool", docker: true);
    static readonly BuiltImage Signature = ImageBuilder.Image([ImageBuilder.Layer("signature", 500)]);
    static readonly BuiltImage Contents = ImageBuilder.Artifact("application/spdx+json", "what is in it"u8.ToArray(), AppImage);
    static readonly string SignatureTag = Referrers.TagOf(AppImage.Digest) + ".sig";

    readonly TestFolder folder = new("archive-on-product");

    string All => folder["set.tar"];

    string Wanted => folder["wanted.tar"];

    public async Task InitializeAsync()
    {
        await using var upstream = await DockerRegistry.Start(folder["upstream"]);
        await upstream.Push(AppImage, "quay.io/team/app", "1.0");
        await upstream.Push(ToolImage, "quay.io/team/tool", "2");
        await upstream.Push(Signature, "quay.io/team/app", SignatureTag);
        await upstream.Push(ImageBuilder.Index([Contents]), "quay.io/team/app", Referrers.TagOf(AppImage.Digest));
        foreach (var (path, images) in new[] { (All, new JArray(App, Tool)), (Wanted, new JArray(App)) })
        {
            (await ModuleRunner.RunAsync(new ImageArchiveModule(), new JObject
            {
                ["state"] = "saved",
                ["path"] = path,
                ["images"] = images,
                ["include_referrers"] = true,
                ["pull_from"] = new JObject { ["quay.io"] = $"http://{upstream.Name}/quay.io" },
                ["authfile"] = folder.Write("none.json", "{}"),
            })).MustChange();
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(ProductStage.Products), MemberType = typeof(ProductStage))]
    public async Task Images_and_what_is_about_them_are_delivered_once_and_proved_by_who_only_pulls(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        await run.Repo();
        (await run.Auth()).MustChange();
        if (stage.TellsAccountsApart)
            (await run.Auth(StagedRun.PullOnly)).MustChange();
        var puller = stage.TellsAccountsApart ? run.PullDockerConfig : run.DockerConfig;
        var writes = (await stage.Writes()).Count;

        var predicted = (await run.Archive("loaded", run.DockerConfig, ("path", All), ("check", true))).MustChange();
        Assert.Equal(writes, (await stage.Writes()).Count);
        var loaded = (await run.Archive("loaded", run.DockerConfig, ("path", All))).MustChange();
        Assert.Equal(predicted["images"]!.Select(image => image["digest"]), loaded["images"]!.Select(image => image["digest"]));
        Assert.Equal(new[] { Contents.Digest.ToString(), Signature.Digest.ToString() }.Order(StringComparer.Ordinal), loaded["referrers"]!.Select(referrer => (string)referrer["digest"]!).Order(StringComparer.Ordinal));

        writes = (await stage.Writes()).Count;
        (await run.Archive("loaded", run.DockerConfig, ("path", All))).MustNotChange();
        (await run.Archive("verified", puller, ("path", All), ("deep", true))).MustNotChange();
        Assert.Equal(writes, (await stage.Writes()).Count);

        // By a client that is not ours: the image as it was upstream, and its signature where cosign looks for it.
        foreach (var (image, place) in new[] { (AppImage, "app:1.0"), (ToolImage, "tool:2"), (Signature, $"app:{SignatureTag}") })
            Assert.Equal(System.Text.Encoding.UTF8.GetString(image.Manifest.Bytes.Span), (await run.Pull(puller, $"mirror/quay.io/team/{place}")).MustSucceed().Output);
        // The one that only pulls cannot change what is there.
        if (stage.TellsAccountsApart)
            (await run.Archive("loaded", puller, ("path", All), ("namespace", "mirror/second"))).MustFail("ocp-pull");
    }

    /// <summary>Upstream a tag moves; here it follows, where the registry and the account's rights let it.</summary>
    [Theory]
    [MemberData(nameof(ProductStage.Products), MemberType = typeof(ProductStage))]
    public async Task A_tag_that_moved_is_delivered_anew_or_it_is_said_what_that_needs(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        OciLayout.WriteTar(folder["moved.tar"], new Dictionary<string, BuiltImage> { [Tool] = ImageBuilder.MultiArch("moved") });
        await run.Repo();
        (await run.Auth()).MustChange();
        (await run.Archive("loaded", run.DockerConfig, ("path", All))).MustChange();

        if (product == "Artifactory")
        {
            (await run.Archive("loaded", run.DockerConfig, ("path", folder["moved.tar"]))).MustFail("manifest invalid, {\"description\":\"HTTP 403 Forbidden\"}", "let registry_auth give access: [pull, push, delete]");
            (await run.Auth(("access", new[] { "pull", "push", "delete" }))).MustChange();
        }
        else if (product == "Harbor")
        {
            (await run.Repo(("immutable_tags", true))).MustChange();
            (await run.Archive("loaded", run.DockerConfig, ("path", All))).MustNotChange();
            (await run.Archive("loaded", run.DockerConfig, ("path", folder["moved.tar"]))).MustFail("configured as immutable", "let mirror_repo set immutable_tags: false");
            (await run.Repo(("immutable_tags", false))).MustChange();
        }

        var moved = (await run.Archive("loaded", run.DockerConfig, ("path", folder["moved.tar"]))).MustChange();
        Assert.Equal("updated", (string)moved["images"]![0]!["status"]!);
        (await run.Archive("verified", run.DockerConfig, ("path", folder["moved.tar"]), ("deep", true))).MustNotChange();
        (await run.Archive("loaded", run.DockerConfig, ("path", folder["moved.tar"]))).MustNotChange();
    }

    /// <summary>Rights are told from passwords, on registries that answer 401 to both.</summary>
    [Theory]
    [InlineData("mirror-registry", "does not let user \"mirror+ocp-pull\" (401", "answered 405 UNSUPPORTED: Cannot create organization", "make the namespace with mirror_repo first")]
    [InlineData("Quay", "does not let user \"mirror+ocp-pull\" (401", "does not let user \"mirror+ocp-mirror\" (401", "mirror_repo makes it")]
    [InlineData("Harbor", "does not let user \"robot$mirror+ocp-pull\" (401", "does not let user \"robot$mirror+ocp-mirror\" (401", "mirror_repo makes it")]
    [InlineData("Artifactory", "answered 403 UNAUTHORIZED: User is unauthorized to upload", "answered 404 Not Found", "check the name, and whether the account may see it")]
    public async Task An_account_that_may_not_is_told_so_and_a_secret_that_is_stale_too(string product, string pushes, string elsewhere, string hint)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        await run.Repo();
        (await run.Auth()).MustChange();
        (await run.Auth(StagedRun.PullOnly)).MustChange();
        var (config, login) = (await File.ReadAllTextAsync(run.DockerConfig), run.Login(run.DockerConfig));
        string Entry(string secret) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{login.User}:{secret}"));
        var stale = folder.Write("stale.json", config.Replace(Entry(login.Secret), Entry("St4leSecret"), StringComparison.Ordinal));

        (await run.Archive("loaded", run.PullDockerConfig, ("path", All))).MustFail($"{stage.Name} {pushes}", "the right to do this on the registry");
        (await run.Archive("loaded", run.DockerConfig, ("path", All), ("namespace", "elsewhere"))).MustFail($"{stage.Name} {elsewhere}", hint);
        (await run.Archive("loaded", stale, ("path", All))).MustFail($"{stage.Name} refused user \"{login.User}\": wrong user name or password (401", "correct username and password");
    }

    [Theory]
    [MemberData(nameof(ProductStage.Products), MemberType = typeof(ProductStage))]
    public async Task What_is_no_longer_wanted_goes_where_the_account_may_remove(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        var record = folder["record.json"];
        await run.Repo();
        (await run.Auth()).MustChange();
        (await run.Archive("loaded", run.DockerConfig, ("path", All), ("record_path", record))).MustChange();
        (string, object?)[] prune = [("path", Wanted), ("record_path", record), ("remove", true)];

        // Whose rights do not reach that far is told, and nothing is lost.
        if (product is "Harbor" or "Artifactory")
        {
            (await run.Archive("pruned", run.DockerConfig, prune)).MustFail($"cannot remove the tag {stage.Name}/mirror/quay.io/team/tool:2: {stage.Name} {(product == "Harbor" ? "does not let user \"robot$mirror+ocp-mirror\" (401" : "answered 403")}", "the right to do this on the registry");
            (await run.Archive("verified", run.DockerConfig, ("path", All))).MustNotChange();
            (await run.Auth(("access", new[] { "pull", "push", "delete" }))).MustChange();
        }

        var predicted = (await run.Archive("pruned", run.DockerConfig, [.. prune, ("check", true)])).MustChange();
        (await run.Archive("verified", run.DockerConfig, ("path", All))).MustNotChange();
        var removed = (await run.Archive("pruned", run.DockerConfig, prune)).MustChange();

        Assert.Equal(predicted["actions"]!, removed["actions"]!, JToken.EqualityComparer);
        Assert.Equal([$"{Tool} removed"], removed["images"]!.Select(image => $"{image["ref"]} {image["status"]}"));
        Assert.False((await run.Pull(run.DockerConfig, "mirror/quay.io/team/tool:2")).Succeeded);
        (await run.Archive("verified", run.DockerConfig, ("path", Wanted), ("deep", true))).MustNotChange();
        (await run.Archive("pruned", run.DockerConfig, prune)).MustNotChange();
    }
}
