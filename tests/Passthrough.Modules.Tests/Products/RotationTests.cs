using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>The cluster's account gets a new secret while the cluster pulls with the old one; the real skopeo is the cluster.</summary>
public sealed class RotationTests : IDisposable
{
    const string Image = "mirror/quay.io/team/app:1.0";

    readonly TestFolder folder = new("rotation");

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(ProductStage.ProductsWithAccounts), MemberType = typeof(ProductStage))]
    public async Task Nobody_is_locked_out_who_was_not_told(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        OciLayout.WriteTar(folder["set.tar"], new Dictionary<string, BuiltImage> { ["quay.io/team/app:1.0"] = ImageBuilder.MultiArch("app") });
        await run.Repo();
        (await run.Auth()).MustChange();
        (await run.Auth(StagedRun.PullOnly)).MustChange();
        (await run.Archive("loaded", run.DockerConfig, ("path", folder["set.tar"]))).MustChange();
        var cluster = folder["cluster.json"];
        File.Copy(run.PullDockerConfig, cluster);

        (string, object?)[] rotate = [StagedRun.PullOnly, ("rotate", "always")];
        if (product is "Quay" or "mirror-registry")
        {
            // The server forgets the old one at once, so it is kept until somebody says that this may be.
            (await run.Auth(rotate)).MustFail("locked out until it has the new one", "set allow_outage: true");
            (await run.Pull(cluster, Image)).MustSucceed();
            (await run.Auth([.. rotate, ("allow_outage", true)])).MustChange();
            Assert.False((await run.Pull(cluster, Image)).Succeeded);
            (await run.Pull(run.PullDockerConfig, Image)).MustSucceed();
            return;
        }

        var rotated = (await run.Auth(rotate)).MustChange();
        Assert.Contains(rotated.Warnings(), warning => warning.Contains("still works: run this with retire_previous: true when the cluster has its new pull secret", StringComparison.Ordinal));
        Assert.NotEqual(await File.ReadAllTextAsync(cluster), await File.ReadAllTextAsync(run.PullDockerConfig));
        (await run.Auth(StagedRun.PullOnly)).MustNotChange();
        foreach (var config in new[] { cluster, run.PullDockerConfig })
            (await run.Pull(config, Image)).MustSucceed();

        (await run.Auth(StagedRun.PullOnly, ("retire_previous", true))).MustChange();
        Assert.False((await run.Pull(cluster, Image)).Succeeded);
        (await run.Pull(run.PullDockerConfig, Image)).MustSucceed();
        (await run.Auth(StagedRun.PullOnly, ("retire_previous", true))).MustNotChange();
        Assert.Equal(2, stage.Accounts.Count);
    }

    /// <summary>Somebody changed the secret on the server, or the files are of another day.</summary>
    [Theory]
    [MemberData(nameof(ProductStage.ProductsWithAccounts), MemberType = typeof(ProductStage))]
    public async Task What_stands_in_the_files_and_is_refused_is_told_and_mended_by_who_manages(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var run = new StagedRun(stage, folder);
        await run.Repo();
        (await run.Auth()).MustChange();
        var (user, good) = run.Login(run.DockerConfig);
        foreach (var file in Directory.GetFiles(folder["out"]))
        {
            var text = await File.ReadAllTextAsync(file);
            await File.WriteAllTextAsync(file, text.Replace(good, "St4leSecret", StringComparison.Ordinal).Replace(Entry(good), Entry("St4leSecret"), StringComparison.Ordinal));
        }

        var alone = await run.Auth(("username", null), ("password", null), ("token", null));
        alone.MustFail(user, "give username and password (or a token) of somebody who may manage accounts, and it gets a new secret");
        Assert.Equal(401, (int)alone["error"]!["http_status"]!);
        Assert.Equal("St4leSecret", run.Login(run.DockerConfig).Secret);

        (await run.Auth()).MustChange();
        Assert.Single(stage.Accounts);
        Assert.NotEqual("St4leSecret", run.Login(run.DockerConfig).Secret);
        (await run.Auth(("username", null), ("password", null), ("token", null))).MustNotChange();

        string Entry(string secret) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{user}:{secret}"));
    }
}
