using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>The shipped setup, by the real ansible-playbook and the native modules, on every registry of the guide; then the real skopeo with the files that it wrote.</summary>
public sealed class SetupOnProductsTests : IDisposable
{
    const string Setup = "setup-registry-passthrough.yml";

    static readonly string[] Modules = ["mirror_repo", "registry_auth"];

    readonly TestFolder folder = new("setup");

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(ProductStage.Products), MemberType = typeof(ProductStage))]
    public async Task First_run_changes_the_second_does_not_and_skopeo_may_what_it_should(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        var secrets = new SecretCollector();
        secrets.AddSecret(stage.Manager.User, stage.Manager.Secret);
        var ansible = new AnsibleRunner(folder["ansible"]) { Collector = secrets };
        var output = folder["icsp"];
        var variables = folder.Write("vars.json", Json.Indented(stage.SetupVariables(output)));
        Task<AnsibleRun> Run(params string[] arguments) =>
            ansible.Playbook(Setup, ["-i", "inventory", "-e", $"@{variables}", .. arguments], new CommandSettings { WorkingDirectory = Checkout.Playbooks, Timeout = TimeSpan.FromMinutes(5) });

        // Check mode predicts, and writes nothing, neither there nor here.
        var predicted = (await Run("--check", "--diff")).MustSucceed();
        Assert.Empty(await stage.Writes());
        Assert.False(Path.Exists(output));
        var first = (await Run("--diff", "-vvvv")).MustSucceed();
        Assert.Equal(Told(predicted), Told(first));
        Assert.True(first.Changed > 0);
        // What one task makes, the next ones find: check mode tells it of each.
        Assert.Empty(Actions(first).Except(Actions(predicted)));

        var (push, pull) = (Path.Combine(output, $"{stage.Type}-docker-config.json"), Path.Combine(output, $"{stage.Type}-pull-docker-config.json"));
        foreach (var file in new[] { push, pull })
        {
            var entry = Encoding.UTF8.GetString(Convert.FromBase64String((string)Json.TryParseObject(File.ReadAllText(file))!["auths"]![stage.Name]!["auth"]!)).Split(':', 2);
            secrets.AddSecret(entry[0], entry[1]);
        }

        // What scripts of others read.
        var account = Json.TryParseObject(File.ReadAllText(Path.Combine(output, $"{stage.Type}-auth-config.json")))!;
        string[] own = stage.Type switch { "harbor" => ["project", "robot_name"], "quay" => ["organization"], "mirror-registry" => ["token", "auth_required"], "jfrog" => ["token"], _ => [] };
        Assert.All(["registry_type", "registry_url", "auth_method", "username", "password", "created_at", .. own], key => Assert.True(account.ContainsKey(key), key));

        var stamps = Directory.GetFiles(output).Order().Select(File.GetLastWriteTimeUtc).ToList();
        var writes = await Lasting(stage);
        var second = (await Run("--diff")).MustSucceed();
        Assert.True(second.Changed == 0, $"the second run:\n{second.Command}");
        Assert.Equal(stamps, Directory.GetFiles(output).Order().Select(File.GetLastWriteTimeUtc));
        Assert.Equal(writes, await Lasting(stage));
        Assert.Equal(0, (await Run("--check")).MustSucceed().Changed);

        await Use(stage, push, pull);
        Assert.Empty(secrets.Find());
    }

    /// <summary>What our modules said of each task: whether it changes something.</summary>
    static List<string> Told(AnsibleRun run) => [.. Modules.SelectMany(module => run.Results(module).Select(result => $"{module}: {result["changed"]}"))];

    static HashSet<string> Actions(AnsibleRun run) => [.. Modules.SelectMany(run.Results).SelectMany(result => result["actions"] ?? new JArray()).Select(action => (string)action!)];

    /// <summary>A place without images is asked whether it can be written to, which leaves nothing.</summary>
    static async Task<List<string>> Lasting(ProductStage stage) => [.. (await stage.Writes()).Where(write => !write.Contains("/passthrough-probe/", StringComparison.Ordinal))];

    async Task Use(ProductStage stage, string push, string pull)
    {
        var image = ImageBuilder.MultiArch("used");
        OciLayout.Write(folder["layout"], new Dictionary<string, BuiltImage> { ["v1"] = image });
        var skopeo = new Skopeo(folder["skopeo"]);
        Task<CommandResult> Push(string authfile, string target) =>
            skopeo.Run("copy", "--all", "--preserve-digests", "--dest-authfile", authfile, "--dest-cert-dir", stage.Pki.CertDir, $"oci:{folder["layout"]}:v1", $"docker://{stage.Name}/{target}");

        (await Push(push, "mirror/quay.io/team/app:v1")).MustSucceed();
        var pulled = (await skopeo.Run("inspect", "--raw", "--authfile", pull, "--cert-dir", stage.Pki.CertDir, $"docker://{stage.Name}/mirror/quay.io/team/app:v1")).MustSucceed();
        Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), pulled.Output);
        Assert.Equal(stage.TellsAccountsApart, !(await Push(push, "elsewhere/team/app:v1")).Succeeded);
        Assert.Equal(stage.TellsAccountsApart, !(await Push(pull, "mirror/quay.io/team/app:v2")).Succeeded);
    }
}
