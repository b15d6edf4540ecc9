using Newtonsoft.Json.Linq;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.MirrorRegistryGo;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Modules.Tests.Shared;

/// <summary>A mirror-registry whose password is known and whose first user is not: the server says which edition it is, and so who that is.</summary>
public sealed class FirstUserTests : IDisposable
{
    readonly TestFolder folder = new("first-user");

    public void Dispose() => folder.Dispose();

    JObject Parameters(FakeServer server, string password) => new()
    {
        ["registry_host"] = server.Host,
        ["registry_port"] = server.Port,
        ["scheme"] = "http",
        ["password"] = password,
        ["username"] = "",
        ["authfile"] = folder.Write("none.json", "{}"),
        ["retries"] = 0,
    };

    [Fact]
    public async Task Of_the_classic_edition_is_init()
    {
        await using var server = await QuayFake.Start();
        var parameters = Parameters(server, server.Settings.Password);

        Assert.True((bool)(await ModuleRunner.RunAsync(new MirrorRepoModule(), parameters))["changed"]!);
        parameters["dest_dir"] = folder["out"];
        var account = await ModuleRunner.RunAsync(new RegistryAuthModule(), parameters);

        Assert.Equal("mirror+ocp-mirror", (string)account["account"]!["username"]!);
    }

    [Fact]
    public async Task Of_the_Go_edition_is_admin()
    {
        var settings = new MirrorRegistryGoSettings();
        await using var server = await MirrorRegistryGoFake.Start(settings);
        var parameters = Parameters(server, settings.Password);
        parameters["dest_dir"] = folder["out"];

        var account = await ModuleRunner.RunAsync(new RegistryAuthModule(), parameters);

        Assert.Equal("admin", (string)account["account"]!["username"]!);
    }

    [Fact]
    public async Task Is_not_guessed_on_other_products()
    {
        await using var server = await QuayFake.Start();
        var parameters = Parameters(server, "x");
        parameters["registry_type"] = "quay";

        var answer = await ModuleRunner.RunAsync(new MirrorRepoModule(), parameters);

        Assert.StartsWith("password is given without username", (string)answer["msg"]!, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }
}
