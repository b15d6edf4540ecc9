using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry;

/// <summary>What is offered for an upstream works for an upstream: each remedy is applied, and the fault is gone.</summary>
public sealed class UpstreamRemedyTests : IDisposable
{
    readonly TestFolder folder = new("upstream");

    public void Dispose() => folder.Dispose();

    static readonly string[] OfTheTarget = ["scheme", "ca_path", "username", "registry_host", "registry_port"];

    static async Task<ModuleException?> Pull(string registry, ICredentialSource? credentials = null,
        params (string Key, string Place)[] pullFrom)
    {
        using var stores = new UpstreamStores(
            pullFrom.Select(pair => KeyValuePair.Create(pair.Key, pair.Place)), credentials ?? NoCredentials.Instance,
                new ConnectionOptions { Retries = 0 });
        try
        {
            await stores.ReadManifestAsync(new Reference(registry, "team/app") { Tag = "v1" }, default);
            return null;
        }
        catch (ModuleException e)
        {
            Assert.DoesNotContain(OfTheTarget, word => e.Hint!.Contains(word, StringComparison.Ordinal));
            return e;
        }
    }

    static async Task<ScriptedServer> Start(X509Certificate2? certificate = null)
    {
        var server = await ScriptedServer.Start(certificate);
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        return server;
    }

    [Fact]
    public async Task Plain_http_is_named_in_pull_from()
    {
        await using var server = await Start();

        var fault = (await Pull(server.Name))!;

        Assert.Contains($"pull_from: {{\"{server.Name}\": \"http://{server.Name}\"}}", fault.Hint, StringComparison.Ordinal);
        Assert.Null(await Pull(server.Name, pullFrom: (server.Name, $"http://{server.Name}")));
    }

    [Fact]
    public async Task A_place_that_wants_TLS_gets_https_in_pull_from()
    {
        using var pki = new Pki(folder["pki"]);
        var (certificateFile, keyFile) = pki.Issue("registry");
        using var certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        await using var server = await Start(certificate);

        var fault = (await Pull("quay.io", pullFrom: ("quay.io", $"http://{server.Name}")))!;

        Assert.Contains($"write https:// before {server.Name} in pull_from", fault.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_private_CA_goes_into_certs_d()
    {
        using var pki = new Pki(folder["pki"]);
        var (certificateFile, keyFile) = pki.Issue("registry");
        using var certificate = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        await using var server = await Start(certificate);

        Assert.Contains($"/etc/containers/certs.d/{server.Name}/ca.crt", (await Pull(server.Name))!.Hint, StringComparison.Ordinal);

        var certsDirectory = Directory.CreateDirectory(Path.Combine(folder["config"], "containers", "certs.d", server.Name)).FullName;
        File.Copy(pki.CaFile, Path.Combine(certsDirectory, "ca.crt"));
        var endpoint = RegistryEndpoint.Parse(server.Name);
        var options = new ConnectionOptions { Retries = 0 }.WithCertificatesOf(endpoint, name =>
            name == "XDG_CONFIG_HOME" ? folder["config"] : null);
        using var store = new RegistryStore(endpoint, options, NoCredentials.Instance);
        Assert.NotNull(await store.ReadManifestAsync(new Reference(server.Name, "team/app") { Tag = "v1" }, default));
    }

    [Fact]
    public async Task An_account_goes_into_the_auth_file()
    {
        await using var server = await Start();
        server.Ping = context => ScriptedServer.Answer(context, 401, "", headers: ("WWW-Authenticate", "Basic realm=\"r\""));
        server.Script = (context, _) => context.Request.Headers.Authorization.Count == 0
            ? ScriptedServer.Answer(context, 401, "", headers: ("WWW-Authenticate", "Basic realm=\"r\""))
            : ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        var place = (server.Name, $"http://{server.Name}");

        Assert.Contains($"podman login {server.Name}", (await Pull(server.Name, pullFrom: place))!.Hint, StringComparison.Ordinal);
        Assert.Null(await Pull(server.Name, new GivenCredential(server.Name, new Credential { Username = "bob", Password = "s3cret" }),
            place));
    }

    [Theory]
    [InlineData("nohost.invalid:5000", "correct the image reference, or name another place for nohost.invalid:5000 in pull_from")]
    [InlineData("127.0.0.1:1", "name another place for 127.0.0.1:1 in pull_from")]
    public async Task What_cannot_be_reached_is_asked_elsewhere(string registry, string hint)
    {
        await using var server = await Start();

        Assert.Contains(hint, (await Pull(registry))!.Hint, StringComparison.Ordinal);
        Assert.Null(await Pull(registry, pullFrom: (registry, $"http://{server.Name}")));
    }

    [Fact]
    public async Task A_stand_in_that_cannot_be_reached_is_named_with_its_entry() =>
        Assert.Contains("correct the entry of pull_from that names 127.0.0.1:1",
            (await Pull("quay.io", pullFrom: ("quay.io", "127.0.0.1:1")))!.Hint, StringComparison.Ordinal);
}
