using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Modules.ImageArchive;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;

namespace Passthrough.Modules.Tests.BadInput;

/// <summary>
/// A password in an address is refused, and not repeated: not in the sentence, and not in the parameters that Ansible shows.
/// </summary>
public sealed class PasswordsInAddressesTests
{
    const string Secret = "S3cret-word";

    [Theory]
    [InlineData("https://bob:S3cret-word@registry.local")]
    [InlineData("bob:S3cret-word@registry.local:8443")]
    [InlineData("http://bob:S3cret-word@registry.local/mirror")]
    public async Task In_registry_host(string host)
    {
        foreach (var module in new IAnsibleModule[] { new MirrorRepoModule(), new RegistryAuthModule(), new ImageArchiveModule() })
        {
            var parameters = new JObject { ["registry_type"] = "distribution", ["registry_host"] = host, ["state"] = StateOf(module) };
            if (module is RegistryAuthModule)
                parameters["dest_dir"] = "out";
            var message = await Refusal(module, parameters);

            Assert.Equal(
                $"registry_host \"{host.Replace(Secret, "********")}\" cannot be used: a user name and a password do not belong in it; "
                + "give username and password, or authfile",
                message);
        }
    }

    [Theory]
    [InlineData("bob:S3cret-word@quay.io/a/b:1")]
    [InlineData("https://bob:S3cret-word@quay.io/a/b:1")]
    public async Task In_images(string image)
    {
        var message = await Refusal(new ImageArchiveModule(),
            new JObject { ["state"] = "saved", ["path"] = "set.tar", ["images"] = new JArray(image) });

        Assert.Equal(
            $"image reference \"{image.Replace(Secret, "********")}\": a user name and a password do not belong in it; "
            + "put them into an auth file (authfile)",
            message);
    }

    [Fact]
    public async Task In_pull_from()
    {
        var message = await Refusal(
            new ImageArchiveModule(),
            new JObject
            {
                ["state"] = "saved",
                ["path"] = "set.tar",
                ["images"] = new JArray("quay.io/a/b:1"),
                ["pull_from"] = new JObject { ["quay.io"] = "https://bob:S3cret-word@cache.local/quay" },
            });

        Assert.StartsWith("pull_from for quay.io: \"https://bob:********@cache.local\" cannot be used", message);
    }

    static string StateOf(IAnsibleModule module) => module is ImageArchiveModule ? "loaded" : "present";

    static async Task<string> Refusal(IAnsibleModule module, JObject parameters)
    {
        if (module is ImageArchiveModule && (string?)parameters["state"] == "loaded")
            parameters["path"] = "set.tar";
        var command = new ModuleCommand(module, parameters, new RunOptions { InjectInvocation = true, Verbosity = 4 });
        var answer = await ModuleHost.ExecuteAsync(command, new Dictionary<string, string>(), CancellationToken.None);

        Assert.True((bool)answer["failed"]!);
        Assert.DoesNotContain(Secret, Json.Compact(answer));
        return (string)answer["msg"]!;
    }
}
