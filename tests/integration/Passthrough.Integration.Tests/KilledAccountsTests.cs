using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>kill -9 of <c>registry_auth</c> when the registry has made a secret and the module does not know it yet: the next run repairs that, and leaves no second account.</summary>
public sealed class KilledAccountsTests : IDisposable
{
    readonly TestFolder folder = new("killed-account");

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(ProductStage.ProductsWithAccounts), MemberType = typeof(ProductStage))]
    public async Task A_secret_survives_the_run_that_made_it(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var parameters = Parameters(stage);
        var (auth, docker) = (Path.Combine(folder["out"], $"{stage.Type}-pull-auth-config.json"), Path.Combine(folder["out"], $"{stage.Type}-pull-docker-config.json"));

        await Kill(stage, parameters);
        Assert.Single(stage.Accounts);
        Assert.False(File.Exists(docker));
        Assert.True((await NativeModule.Run("registry_auth", parameters)).MustSucceed().Changed);
        await IsWhole();
        var before = Secret();

        // Artifactory tells seconds only: what is as old as the secret in the files may be in use, and stays.
        await Task.Delay(TimeSpan.FromSeconds(1.1));
        // The same while it gets another: whoever pulls with the first one is not locked out by it.
        Dictionary<string, object?> rotation = new(parameters) { ["rotate"] = "always", ["allow_outage"] = stage.Type is "quay" or "mirror-registry" };
        await Kill(stage, rotation);
        Assert.Equal(before, Secret());
        Assert.True((await NativeModule.Run("registry_auth", parameters)).MustSucceed().Changed);
        await IsWhole();
        Assert.Equal(stage.Type is "harbor" or "jfrog", before == Secret());

        string Secret() => (string)Json.TryParseObject(File.ReadAllText(auth))!["password"]!;

        // Nothing is left to do, there is one account, and its secret is good without anybody who manages.
        async Task IsWhole()
        {
            Assert.False((await NativeModule.Run("registry_auth", parameters)).MustSucceed().Changed);
            Assert.Single(stage.Accounts);
            var alone = new Dictionary<string, object?>(parameters);
            foreach (var name in new[] { "username", "password", "token" })
                alone.Remove(name);
            Assert.False((await NativeModule.Run("registry_auth", alone)).MustSucceed().Changed);
            Assert.True(File.Exists(docker));
        }
    }

    async Task Kill(ProductStage stage, IReadOnlyDictionary<string, object?> parameters)
    {
        var killed = false;
        RunningCommand? run = null;
        var started = new TaskCompletionSource();
        stage.WhenMinted(async () =>
        {
            await started.Task;
            killed = true;
            await run!.Kill();
        });
        run = NativeModule.Start(folder, "registry_auth", parameters);
        started.SetResult();
        var result = await run.Completion;
        stage.WhenMinted(null);
        Assert.True(killed && !result.Succeeded, result.ToString());
    }

    Dictionary<string, object?> Parameters(ProductStage stage) =>
        stage.Parameters(("access", new JArray("pull")), ("dest_dir", folder["out"]), ("authfile", folder.Write("none.json", "{}")));
}
