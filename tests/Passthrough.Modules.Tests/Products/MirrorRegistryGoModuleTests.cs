using Newtonsoft.Json.Linq;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.MirrorRegistryGo;

namespace Passthrough.Modules.Tests.Products;

/// <summary>The Go edition of mirror-registry, under the same <c>registry_type</c> as the classic one.</summary>
public sealed class MirrorRegistryGoModuleTests : IAsyncLifetime, IDisposable
{
    MirrorRegistryGoFake registry = null!;
    ProductRun run = null!;

    public async Task InitializeAsync()
    {
        registry = await MirrorRegistryGoFake.Start();
        run = new ProductRun("mirror-registry", registry, "admin", "Throwaway-Pw1");
    }

    public Task DisposeAsync() => registry.DisposeAsync().AsTask();

    public void Dispose() => run.Dispose();

    [Fact]
    public async Task Its_one_user_goes_into_the_files_and_pushes()
    {
        (await run.PredictAuth()).MustChange();
        Assert.False(Path.Exists(run.Out));
        var first = (await run.Auth()).MustChange();
        Assert.Equal(("admin", "user"), ((string)first["account"]!["username"]!, (string)first["account"]!["method"]!));
        Assert.Contains(first.Warnings(), warning => warning.StartsWith($"{registry.Name} is the Go edition of mirror-registry: what is pushed to it is public", StringComparison.Ordinal));
        (await run.Auth()).MustNotChange();
        (await run.Repo()).MustNotChange();
        Assert.Empty(registry.Writes);

        (await run.Push("mirror/quay.io/ns/app:v1", run.DockerConfig)).MustSucceed();
        (await run.Pull("mirror/quay.io/ns/app:v1", run.DockerConfig)).MustSucceed();
        // Nobody is kept out.
        (await run.Pull("mirror/quay.io/ns/app:v1", Write("nobody.json", "{}"))).MustSucceed();
        Assert.False((await run.Push("mirror/quay.io/ns/app:v2", Write("nobody.json", "{}"))).Succeeded);
        Assert.Contains("\"v1\"", (await run.Skopeo(run.DockerConfig, "list-tags", "--tls-verify=false", $"docker://{registry.Name}/mirror/quay.io/ns/app")).MustSucceed().Output, StringComparison.Ordinal);
        (await run.Skopeo(run.DockerConfig, "delete", "--tls-verify=false", $"docker://{registry.Name}/mirror/quay.io/ns/app:v1")).MustSucceed();
    }

    [Fact]
    public async Task What_is_loaded_stays_though_it_forgets_what_has_no_tag()
    {
        (await run.Auth()).MustChange();
        registry.Before = call =>
        {
            // More than a round of its collection between any two manifests.
            if (call.Method == "PUT" && call.Path.Contains("/manifests/", StringComparison.Ordinal))
                registry.Clock.Advance(TimeSpan.FromSeconds(35));
            return null;
        };

        (await run.Archive("loaded", run.DockerConfig)).MustChange();

        registry.Before = null;
        registry.Clock.Advance(TimeSpan.FromHours(2));
        (await run.Archive("verified", run.DockerConfig, ("deep", true))).MustNotChange();
        registry.ClearRequests();
        (await run.Archive("loaded", run.DockerConfig)).MustNotChange();
        Assert.Empty(registry.Writes);
        Assert.Contains("\"Tags\": [\n        \"1.0\"\n    ]", (await run.Skopeo(run.DockerConfig, "list-tags", "--tls-verify=false", $"docker://{registry.Name}/mirror/quay.io/team/app")).MustSucceed().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_it_cannot_do_it_says()
    {
        (await run.Auth(("method", "robot"))).MustFail("method: robot: mirror-registry (Go) has only the user that its installation made", "use method: user");
        (await run.Auth(("rotate", "always"))).MustFail("rotate: always: mirror-registry (Go) cannot change a password over the network", "change it on its host and give the new one");
        (await run.Auth(("secret", "An0ther-secret"))).MustFail("secret: mirror-registry (Go) cannot change a password over the network");
        (await run.Repo(("visibility", "private"))).MustFail("visibility: mirror-registry (Go) makes public repositories", "CREATE_PRIVATE_REPO_ON_PUSH");
        (await run.Repo(("quota", "1GiB"))).MustFail("quota: mirror-registry (Go) has no quotas");
        (await run.Repo(("state", "absent"))).MustFail("state absent: mirror-registry (Go) has no organizations");

        var pull = (await run.Auth(("access", new JArray("pull")))).MustChange();
        Assert.Contains(pull.Warnings(), warning => warning.StartsWith("access is pull alone, but mirror-registry (Go) has no account that may only pull: its repositories are public", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Mistakes_and_faults_have_their_sentences()
    {
        (await run.Auth(("username", "admin"), ("password", "mistyped"))).MustFail($"{registry.Name} refused user \"admin\": wrong user name or password");
        registry.IsHealthy = false;
        (await run.Auth()).MustFail($"{registry.Name} says it is unhealthy: /healthz says unhealthy");
        registry.IsHealthy = true;
        registry.Before = _ => FakeAnswer.Text(502, "<html><head><title>Bad Gateway</title></head></html>", "text/html");
        (await run.Auth()).MustFail($"{registry.Name} answered 502");
        registry.Before = null;
        Assert.False(Path.Exists(run.Out));
    }

    [Fact]
    public async Task A_configuration_file_takes_rights_away_and_the_token_tells()
    {
        await using var configured = await MirrorRegistryGoFake.Start(new MirrorRegistryGoSettings { HasConfigFile = true });
        using var other = new ProductRun("mirror-registry", configured, "admin", "Throwaway-Pw1");

        (await other.Auth()).MustFail($"user \"admin\" may not push to {configured.Name}/mirror/passthrough-probe", "FEATURE_SUPERUSERS_FULL_ACCESS: true");
        (await other.Repo()).MustFail("may not push to");
        (await other.Auth(("namespace", "admin"))).MustChange();
    }

    [Fact]
    public async Task The_certificate_that_it_makes_itself_is_what_is_trusted()
    {
        var certificates = InstallerCertificates.Go("localhost");
        await using var secure = await MirrorRegistryGoFake.Start(new MirrorRegistryGoSettings { Host = "localhost", Certificate = certificates.Server });
        using var other = new ProductRun("mirror-registry", secure, "admin", "Throwaway-Pw1");
        (await other.Auth()).MustFail("certificate");
        await File.WriteAllTextAsync(other["ssl.cert"], certificates.CaPem);
        other.Always["ca_path"] = other["ssl.cert"];

        (await other.Auth()).MustChange();
        (await other.Auth()).MustNotChange();
    }

    string Write(string name, string content)
    {
        File.WriteAllText(run[name], content);
        return run[name];
    }
}
