using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Kubernetes;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>The shipped undo on every registry of the guide: what setup made goes, images stay, check mode predicts, and a second run changes nothing.</summary>
public sealed class UndoTests : IDisposable
{
    const string Setup = "setup-registry-passthrough.yml";
    const string Apply = "apply-icsp-policy.yml";
    const string Undo = "undo-registry-passthrough.yml";

    readonly TestFolder folder = new("undo");

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(ProductStage.Products), MemberType = typeof(ProductStage))]
    public async Task What_setup_made_goes_and_images_stay(string product)
    {
        await using var stage = await ProductStage.Open(product, folder);
        await using var cluster = await FakeCluster.Start();
        var ansible = new AnsibleRunner(folder["ansible"]);
        var output = folder.Folder("icsp");
        var pullSecret = folder.Write("pull-secret.json", """{"auths":{"registry.example.com":{"auth":"dTpw"}}}""");
        var variables = folder.Write("vars.json", Json.Indented(new JObject(stage.SetupVariables(output))
        {
            ["registry_pull_secret_path"] = pullSecret,
            ["oc_config_path"] = cluster.KubeConfig(folder["kubeconfig"]),
            ["apply_arguments"] = new JArray("--poll", "0.01"),
        }));
        var settings = new CommandSettings
        {
            WorkingDirectory = Checkout.Playbooks,
            Timeout = TimeSpan.FromMinutes(5),
            Environment = new Dictionary<string, string?> { ["OC"] = Checkout.Tool("kubectl", "usr/bin/kubectl"), ["HOME"] = folder.Folder("home") },
        };
        Task<AnsibleRun> Run(string playbook, params string[] arguments) => ansible.Playbook(playbook, ["-i", "inventory", "-e", $"@{variables}", .. arguments], settings);

        (await Run(Setup)).MustSucceed();
        Assert.Contains(stage.Name, File.ReadAllText(pullSecret), StringComparison.Ordinal);
        var image = ImageBuilder.MultiArch("kept");
        OciLayout.Write(folder["layout"], new Dictionary<string, BuiltImage> { ["v1"] = image });
        var skopeo = new Skopeo(folder["skopeo"]);
        var account = Path.Combine(output, $"{stage.Type}-docker-config.json");
        var login = Encoding.UTF8.GetString(Convert.FromBase64String((string)Json.TryParseObject(File.ReadAllText(account))!["auths"]![stage.Name]!["auth"]!));
        (await skopeo.Run("copy", "--all", "--preserve-digests", "--dest-authfile", account, "--dest-cert-dir", stage.Pki.CertDir, $"oci:{folder["layout"]}:v1", $"docker://{stage.Name}/mirror/quay.io/team/app:v1")).MustSucceed();
        (await Run(Apply)).MustSucceed();
        Assert.Equal(0, (await Run(Apply)).MustSucceed().Changed);
        var name = $"registry-passthrough-{stage.Type}";
        Assert.NotNull(cluster.Get("imagedigestmirrorsets", name));
        string[] kept = ["delivered-harbor.json", "validation-report-2026-01-31.txt", "icsp-other-host.yml"];
        foreach (var file in kept)
            await File.WriteAllTextAsync(Path.Combine(output, file), "kept");

        var files = Files(output);
        var (writes, clusterWrites) = ((await stage.Writes()).Count, cluster.Writes.Count);
        var predicted = (await Run(Undo, "--check", "-e", "undo_cluster=true")).MustSucceed();
        Assert.True(predicted.Changed > 0);
        Assert.Equal(files, Files(output));
        Assert.Equal((writes, clusterWrites), ((await stage.Writes()).Count, cluster.Writes.Count));

        // Not asked for, the cluster stays as it is, and the user is told.
        if (product == "Harbor")
        {
            var run = (await Run(Undo)).MustSucceed();
            Assert.Contains("undo_cluster: true deletes them, too", run.Output, StringComparison.Ordinal);
            Assert.NotNull(cluster.Get("imagedigestmirrorsets", name));
            Assert.Equal(0, (await Run(Undo)).MustSucceed().Changed);
            (await Run(Setup)).MustSucceed();
            login = Encoding.UTF8.GetString(Convert.FromBase64String((string)Json.TryParseObject(File.ReadAllText(account))!["auths"]![stage.Name]!["auth"]!));
        }

        // A part of an earlier, longer list.
        cluster.Put("imagetagmirrorsets", new JObject
        {
            ["metadata"] = new JObject { ["name"] = $"{name}-3", ["annotations"] = new JObject { ["ocp4-disconnected-helper.io/part-of"] = name } },
            ["spec"] = new JObject { ["imageTagMirrors"] = new JArray(new JObject { ["source"] = "example.com", ["mirrors"] = new JArray("old.local/example.com") }) },
        });
        var undone = (await Run(Undo, "-e", "undo_cluster=true")).MustSucceed();
        Assert.Null(cluster.Get("imagetagmirrorsets", $"{name}-3"));
        Assert.Equal(predicted.Changed, undone.Changed);
        Assert.Null(cluster.Get("imagedigestmirrorsets", name));
        Assert.Null(cluster.Get("imagetagmirrorsets", name));
        Assert.Equal(kept.Order(), Directory.GetFiles(output).Select(Path.GetFileName).Order());
        Assert.Equal("""{"auths":{"registry.example.com":{"auth":"dTpw"}}}""", JObject.Parse(File.ReadAllText(pullSecret)).ToString(Newtonsoft.Json.Formatting.None));
        var second = (await Run(Undo, "-e", "undo_cluster=true")).MustSucceed();
        Assert.True(second.Changed == 0, $"the second run:\n{second.Command}");

        // The account that setup made is dead; the image is there for who may manage.
        Task<CommandResult> Inspect(string who) => skopeo.Run("inspect", "--raw", "--creds", who, "--cert-dir", stage.Pki.CertDir, $"docker://{stage.Name}/mirror/quay.io/team/app:v1");
        var made = login.Split(':')[0] != stage.Manager.User && product is not ("distribution" or "mirror-registry (Go)");
        Assert.Equal(stage.TellsAccountsApart, made);
        if (made)
            Assert.False((await Inspect(login)).Succeeded);
        Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), (await Inspect($"{stage.Manager.User}:{stage.Manager.Secret}")).MustSucceed().Output);
    }

    static List<string> Files(string path) => [.. new DirectoryInfo(path).EnumerateFiles().Select(file => $"{file.Name} {file.Length} {file.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal)];
}
