using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Modules.ImageArchive;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>A <c>registry_type</c> that is another product's: what is safe on one loses images or spreads a password on another.</summary>
public sealed class IdentityTests : IDisposable
{
    readonly TestFolder folder = new("identity");

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "mirror-registry (Go)", "distribution", "mirror-registry" },
        { "mirror-registry (Go)", "quay", "mirror-registry" },
        { "mirror-registry (Go)", "harbor", "mirror-registry" },
        { "mirror-registry (Go)", "jfrog", "mirror-registry" },
        { "Harbor", "distribution", "harbor" },
        { "Harbor", "quay", "harbor" },
        { "Harbor", "mirror-registry", "harbor" },
        { "Quay", "harbor", "quay" },
        { "Quay", "distribution", "quay" },
        { "Artifactory", "distribution", "jfrog" },
        { "Artifactory", "mirror-registry", "jfrog" },
        { "distribution", "harbor", "distribution" },
        { "distribution", "mirror-registry", "distribution" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Another_products_type_is_refused_with_the_right_one(string product, string given, string right)
    {
        await using var stage = await ProductStage.Open(product, folder);
        foreach (var module in new IAnsibleModule[] { new RegistryAuthModule(), new MirrorRepoModule(), new ImageArchiveModule() })
        {
            var result = await Run(stage, module, given);

            result.MustFail($"registry_type {given} is wrong for {stage.Name}", $"registry_type: {right}");
            Assert.Empty((JArray)result["actions"]!);
        }

        Assert.False(Path.Exists(folder["out"]));
        Assert.Empty(await stage.Writes());
    }

    [Fact]
    public async Task Quay_is_what_the_classic_mirror_registry_is()
    {
        await using var stage = await ProductStage.Open("Quay", folder);

        (await Run(stage, new MirrorRepoModule(), "mirror-registry")).MustChange();
    }

    [Fact]
    public async Task A_plain_registry_of_another_make_is_told_by_its_words()
    {
        await using var zot = await ZotFake.Start();
        zot.AddAccount("pusher", "zot-pushes-1", mayPush: true);
        using var run = new ProductRun("quay", zot, "pusher", "zot-pushes-1");

        (await run.Repo()).MustFail("registry_type quay is wrong", "registry_type: distribution");
        Assert.Single(zot.Requests);
    }

    [Theory]
    [InlineData("<html>sign in</html>", "text/html", 200)]
    [InlineData("<html>moved</html>", "text/html", 302)]
    [InlineData("{\"error\":\"not yet\"}", "application/json", 503)]
    public async Task What_cannot_be_recognised_is_not_refused(string body, string type, int status)
    {
        await using var quay = await Passthrough.Testing.Registries.Quay.QuayFake.Start();
        quay.Before = call => call.RawPath == "/v2/" && call.Header("Authorization") is null && call.Header("User-Agent") is not null
            && quay.Requests.Count == 0 ? FakeAnswer.Text(status, body, type).With("Location", "https://sso.example.com/") : null;
        using var run = new ProductRun("quay", quay, quay.Settings.User, quay.Settings.Password);

        (await run.Repo()).MustChange();
    }

    Task<JObject> Run(ProductStage stage, IAnsibleModule module, string type)
    {
        var parameters = stage.Parameters(("registry_type", type), ("authfile", folder.Write("none.json", "{}")));
        if (stage.Type == "jfrog")
        {
            parameters.Remove("token");
            (parameters["username"], parameters["password"]) = stage.Manager;
        }

        if (module is RegistryAuthModule)
            parameters["dest_dir"] = folder["out"];
        if (module is ImageArchiveModule)
        {
            var archive = folder["set.tar"];
            OciLayout.WriteTar(archive, new Dictionary<string, BuiltImage> { ["quay.io/team/app:1.0"] = ImageBuilder.MultiArch("app") });
            (parameters["state"], parameters["path"]) = ("loaded", archive);
        }

        return ModuleRunner.RunAsync(module, JObject.FromObject(parameters), check: false, diff: true);
    }
}
