using System.Text.RegularExpressions;
using System.Xml.Linq;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Kubernetes;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>
/// The validation playbook as a classifier: each case is a host of one inventory with a folder of its own, whole or broken in one way. Where a client can tell, the
/// expected verdict is what the real skopeo does with the case's registries.conf and no way out; where the cluster tells, it is the fake cluster's state.
/// </summary>
public sealed class ValidationTests(Stage stage) : IClassFixture<Stage>, IAsyncLifetime
{
    /// <summary>The words of registries and clients differ.</summary>
    const string AnyRefusal = "(?i)refuse|credential|unauthorized|authentication|not allowed|reject|password";

    const string PullFile = "distribution-pull-docker-config.json";

    readonly List<FakeCluster> clusters = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var cluster in clusters)
            await cluster.DisposeAsync();
    }

    [Fact]
    [Trait("Category", "Long")]
    public Task What_is_broken_in_the_mirror_or_its_access_fails() => Judge("broken-mirror",
    [
        new("tag-removed", "only its digest is: the tag was removed", one => one.Delete("_manifests", "tags", "v1")),
        new("tag-moved", "the tag .* was moved", async one => await stage.Mirror.Push(ImageBuilder.Image([ImageBuilder.Layer($"moved {one.Name}")]), one.Repository, "v1")),
        new("architecture-gone", "the manifest sha256:.* of linux/.* that its index names is not in", one => one.Delete("_manifests", "revisions", "sha256", one.Image.Children[0].Digest.Hex)),
        new("layer-gone", "the layer sha256:.* is not in", one => one.Delete("_layers", "sha256", one.Image.Children[0].Blobs[1].Digest.Hex)),
        new("configuration-gone", "the configuration sha256:.* is not in", one => one.Delete("_layers", "sha256", one.Image.Children[0].Blobs[0].Digest.Hex)),
        new("never-pushed", "is not there: it was never pushed, or was removed", one => one.Delete()),
        new("wrong-authority", "is not trusted", one => one.Variables["registry_ca_path"] = new Pki(stage.Folder[$"other-{one.Name}"], "Another CA").CaFile),
        new("wrong-password", "refuses|authentication required|unauthorized", one => one.Authorize("wrong")),
        new("no-account", "wants credentials|no credentials|authentication required", one => one.Write("distribution-docker-config.json", "{}")),
        new("nothing-delivered", "nothing delivered, not proved", one => one.Write("delivered-distribution.json", Record(stage, []))),
    ]);

    [Fact]
    [Trait("Category", "Long")]
    public Task What_is_broken_in_the_redirection_fails() => Judge("broken-redirection",
    [
        new("no-tag-mirrors", "does not redirect pulls by tag of quay.io: an ImageTagMirrorSet is what redirects tags", one => one.Redirect($"{one.Mirror}\", pull-from-mirror = \"digest-only")),
        new("no-digest-mirrors", "does not redirect pulls by digest of quay.io", one => one.Redirect($"{one.Mirror}\", pull-from-mirror = \"tag-only")),
        new("shadowed", "in its entry quay.io/case, which is longer than quay.io and hides it", one => one.Append("\n[[registry]]\nlocation = \"quay.io/case\"\n")),
        new("stale-render", "is not there; registries-distribution.conf leads to .*/old/quay.io/.*, but it was delivered to", one => one.Redirect(one.Mirror.Replace("/mirror/", "/old/", StringComparison.Ordinal))),
        new("mirror-down", "nobody listens there", one => one.Redirect("127.0.0.1:9/mirror/quay.io")),
        new("not-redirected", "has no entry for quay.io", one => one.Write("registries-distribution.conf", "# nothing\n")),
        new("no-client-reads-it", "loading registries configuration|cannot be read|is no TOML|line", one => one.Append("[[registry]\n")),
        new("two-policies-in-the-objects", "appears with two policies", one => one.Replace("itms-distribution-x.yml", "AllowContactingSource", "NeverContactSource")) { IsOnlyInTheCluster = true },
    ]);

    [Fact]
    public Task What_is_broken_in_the_cluster_fails() => Judge("broken-cluster",
    [
        new("paused", "pool worker is paused and keeps the old configuration", one => Applied(one, new() { PausedPools = ["worker"] }, "--allow-paused")) { IsOnlyInTheCluster = true },
        new("policy-mismatch", "the Machine Config Operator would ignore every mirror change", async one => (await Applied(one, new())).Put("imagedigestmirrorsets", new JObject
        {
            ["metadata"] = new JObject { ["name"] = "theirs" },
            ["spec"] = new JObject { ["imageDigestMirrors"] = new JArray(new JObject { ["source"] = "quay.io", ["mirrors"] = new JArray("other.local/q"), ["mirrorSourcePolicy"] = "NeverContactSource" }) },
        })) { IsOnlyInTheCluster = true },
        new("older-objects", "has other entries than the file beside this script", async one =>
        {
            await Applied(one, new());
            await one.Render("quay.io", "docker.io");
        }) { IsOnlyInTheCluster = true },
        new("one-kind-missing", "there is no imagetagmirrorsets registry-passthrough-distribution in the cluster, or it is empty", async one =>
        {
            await Applied(one, new());
            (await Command.Run(Checkout.Tool("kubectl", "usr/bin/kubectl"), "--kubeconfig", (string)one.Variables["oc_config_path"]!, "delete", "imagetagmirrorset", "registry-passthrough-distribution")).MustSucceed();
        }) { IsOnlyInTheCluster = true },
        new("degraded", "pool master is degraded", one => Applied(one, new() { Operator = FakeOperator.Degrades }, "--no-wait", "--wait-only")) { IsOnlyInTheCluster = true },
        new("nodes-cannot-pull", "node master-0 .* cannot pull quay.io/case/nodes-cannot-pull:v1: .*x509", one => Applied(one, new() { Pull = image => image.Contains("/control:", StringComparison.Ordinal) ? Control(one) : "x509: certificate signed by unknown authority" })) { IsOnlyInTheCluster = true },
        new("nodes-go-elsewhere", "did not ask 127.0.0.1:.* for quay.io/registry-passthrough/control:is-nowhere", one => Applied(one, new() { Pull = image => image.Contains("/control:", StringComparison.Ordinal) ? "no such host" : null })) { IsOnlyInTheCluster = true },
    ]);

    /// <summary>What the cluster pulls with is tried, whatever the account that fills the mirror may do.</summary>
    [Fact]
    public Task What_the_clusters_account_cannot_read_fails() => Judge("cluster-account",
    [
        new("account-removed", AnyRefusal, one => one.Authorize("removed", PullFile)) { IsOnlyInTheCluster = true },
        new("account-without-entry", AnyRefusal, one => one.Write(PullFile, "{\"auths\": {}}")) { IsOnlyInTheCluster = true },
        new("only-the-pusher-removed", null, one =>
        {
            one.Authorize(stage.Mirror.Password!, PullFile);
            one.Authorize("removed");
        }) { IsOnlyInTheCluster = true },
    ]);

    /// <summary>
    /// Check mode after a run that proved as much as it could: it says no more than that run, changes nothing, and makes no pods.
    /// Where the cluster is redirected it says that it made none.
    /// </summary>
    [Fact]
    public async Task Check_mode_claims_nothing_that_it_did_not_see()
    {
        Case[] cases =
        [
            new("no-cluster", null, one => one.Variables["validation_cluster"] = true) { Level = "L2" },
            new("no-objects", null, one => one.Reach(Start(new()))) { Level = "L2" },
            new("redirected", null, one => Applied(one, new())) { Level = "L3" },
            new("no-pods", null, one =>
            {
                one.Variables["validation_pods"] = false;
                return Applied(one, new());
            }) { Level = "L3" },
        ];
        var (hosts, inventory) = await Prepare("check", cases);
        (await Validate(inventory)).MustSucceed();
        var pods = clusters.Sum(cluster => cluster.Requests.Count(IsNewPod));

        var run = (await Validate(inventory, "--check")).MustSucceed();

        Assert.Equal(0, run.Changed);
        Assert.Equal(pods, clusters.Sum(cluster => cluster.Requests.Count(IsNewPod)));
        foreach (var (one, host) in cases.Zip(hosts))
        {
            var report = run.Tasks.Single(task => task.Host == host.Name && task.Name == "Show the report");
            var shown = report.Result["msg"]!.Values<string>().ToList();
            Assert.Contains($"Level:    {one.Level}", shown);
            var open = shown[shown.IndexOf("Not proved:")..];
            Assert.Contains(one.Name switch { "redirected" => "- check mode makes no pods", _ => "- no node was asked to pull" }, open);
        }
    }

    [Fact]
    public Task What_works_passes() => Judge("healthy",
    [
        new("as-rendered", null, _ => { }),
        new("sources-blocked", null, one => one.Render(["quay.io"], "NeverContactSource")),
        new("the-ten", null, one => one.Render()),
        new("mirror-for-both", null, one => one.Redirect($"{one.Mirror}")),
        new("longer-entry-to-the-same-place", null, one => one.Append($"\n[[registry]]\nlocation = \"quay.io/case\"\n[[registry.mirror]]\nlocation = \"{one.Mirror}/case\"\n")),
        new("dead-mirror-first", null, one => one.Write("registries-distribution.conf", $"[[registry]]\nlocation = \"quay.io\"\n[[registry.mirror]]\nlocation = \"127.0.0.1:9/x\"\n[[registry.mirror]]\nlocation = \"{one.Mirror}\"\n")),
        new("nothing-applied", null, one => one.Reach(Start(new()))) { Level = "L2" },
        new("no-cluster-there", null, one => one.Variables["validation_cluster"] = true) { Level = "L2" },
        new("on-the-nodes", null, one => Applied(one, new())) { Level = "L4" },
        new("no-pods-wanted", null, one =>
        {
            one.Variables["validation_pods"] = false;
            return Applied(one, new());
        }) { Level = "L3" },
    ]);

    async Task<(List<CaseHost> Hosts, string Inventory)> Prepare(string name, Case[] cases)
    {
        var hosts = new List<CaseHost>();
        foreach (var one in cases)
        {
            var host = new CaseHost(stage, one.Name);
            await host.Make();
            await one.Change(host);
            hosts.Add(host);
        }

        var inventory = stage.Folder.Write($"{name}-inventory.json", Json.Indented(new JObject { ["orchestration"] = new JObject { ["hosts"] = new JObject(hosts.Select(host => new JProperty(host.Name, host.Variables))) } }));
        return (hosts, Renamed(inventory));
    }

    Task<AnsibleRun> Validate(string inventory, params string[] arguments) =>
        stage.Ansible().Playbook(
            "validate-passthrough-mode.yml",
            ["-i", inventory, "-e", "passthrough_become=false", .. arguments],
            new CommandSettings
            {
                WorkingDirectory = Checkout.Playbooks,
                Environment = new Dictionary<string, string?>
                {
                    ["PATH"] = $"{KubectlFolder}:{Environment.GetEnvironmentVariable("PATH")}",
                    ["KUBECONFIG"] = null,
                    ["HOME"] = stage.Folder.Folder("home"),
                },
            });

    static string? KubectlFolder => Path.GetDirectoryName(Checkout.Tool("kubectl", "usr/bin/kubectl"));

    async Task Judge(string name, Case[] cases)
    {
        var (hosts, inventory) = await Prepare(name, cases);
        var run = await Validate(inventory);

        var wrong = new List<string>();
        foreach (var (one, host) in cases.Zip(hosts))
        {
            var report = host.Report();
            var passes = one.Cause is null;
            if ((string?)report["status"] != (passes ? "PASS" : "FAIL") || run.Recap[host.Name].Failed != (passes ? 0 : 1))
                wrong.Add($"{one.Name}: FALSE {report["status"]}\n{Json.Indented(report)}");
            else if (one.Cause is { } cause && !Regex.IsMatch((string)report["message"]!, cause, RegexOptions.Singleline, TimeSpan.FromSeconds(5)))
                wrong.Add($"{one.Name}: the cause is not named ({cause})\n{Json.Indented(report)}");
            else if (one.Level is { } level && (string?)report["level"] != level)
                wrong.Add($"{one.Name}: not {level}\n{Json.Indented(report)}");
            else if (!one.IsOnlyInTheCluster && report["images"]!.Any() && passes != await host.SkopeoCopies())
                wrong.Add($"{one.Name}: skopeo does not agree\n{File.ReadAllText(host["registries-distribution.conf"])}");
            host.ReadsAsPage(report);
        }

        Assert.True(wrong.Count == 0, string.Join("\n\n", wrong));
    }

    static bool IsNewPod(string request) =>
        request.StartsWith("POST ", StringComparison.Ordinal) && request.Contains("/pods", StringComparison.Ordinal);

    // Ansible takes a file for YAML by its name.
    static string Renamed(string path)
    {
        var renamed = Path.ChangeExtension(path, ".yml");
        File.Move(path, renamed, overwrite: true);
        return renamed;
    }

    FakeCluster Start(FakeClusterSettings settings)
    {
        var cluster = FakeCluster.Start(settings).GetAwaiter().GetResult();
        clusters.Add(cluster);
        return cluster;
    }

    async Task<FakeCluster> Applied(CaseHost one, FakeClusterSettings settings, params string[] arguments)
    {
        var cluster = Start(settings);
        one.Reach(cluster);
        foreach (var argument in arguments.DefaultIfEmpty("--apply"))
            await Command.Run([one["apply-icsp-distribution.sh"], "--poll", "0.01", "--kubeconfig", (string)one.Variables["oc_config_path"]!, argument], new CommandSettings { Environment = new Dictionary<string, string?> { ["OC"] = Checkout.Tool("kubectl", "usr/bin/kubectl"), ["HOME"] = stage.Folder.Folder("home") } });
        return cluster;
    }

    string Control(CaseHost one) => $"(Mirrors also failed: [{one.Mirror}/registry-passthrough/control:is-nowhere: reading manifest is-nowhere: manifest unknown]): quay.io/registry-passthrough/control:is-nowhere: no such host";

    static string Record(Stage stage, IEnumerable<JObject> images) => Json.Indented(new JObject { ["format"] = 1, ["registry"] = stage.Mirror.Name, ["images"] = new JArray(images) });

    /// <summary>One way to be.</summary>
    /// <param name="Cause">What the report must say; null where it must pass.</param>
    sealed record Case(string Name, string? Cause, Func<CaseHost, Task> Change)
    {
        public Case(string name, string? cause, Action<CaseHost> change)
            : this(name, cause, one =>
            {
                change(one);
                return Task.CompletedTask;
            })
        {
        }

        /// <summary>No client of this host can see it.</summary>
        public bool IsOnlyInTheCluster { get; init; }

        public string? Level { get; init; }
    }

    sealed class CaseHost(Stage stage, string name)
    {
        public string Name { get; } = name;

        public BuiltImage Image { get; } = ImageBuilder.MultiArch($"case {name}");

        public string Repository { get; } = $"mirror/quay.io/case/{name}";

        /// <summary>Where quay.io is led to.</summary>
        public string Mirror => $"{stage.Mirror.Name}/mirror/quay.io";

        public JObject Variables { get; } = [];

        string Folder => stage.Folder[$"case-{Name}"];

        public string this[string file] => Path.Combine(Folder, file);

        public async Task Make()
        {
            foreach (var (key, value) in new JObject
            {
                ["ansible_connection"] = "local",
                ["registry_type"] = "distribution",
                ["registry_local_uri"] = "127.0.0.1",
                ["registry_local_port"] = $"{stage.Mirror.Port}",
                ["registry_ca_path"] = stage.Mirror.CaFile,
                ["icsp_template_dir"] = Folder,
                ["validation_cluster"] = false,
            })
            {
                Variables[key] = value;
            }

            await stage.Mirror.Push(Image, Repository, "v1");
            await Render("quay.io");
            Authorize(stage.Mirror.Password!);
            Write("delivered-distribution.json", Record(stage,
            [
                new JObject
                {
                    ["ref"] = $"quay.io/case/{Name}:v1",
                    ["target"] = $"{stage.Mirror.Name}/{Repository}:v1",
                    ["digest"] = Image.Digest.ToString(),
                    ["media_type"] = MediaTypes.OciIndex,
                    ["platforms"] = new JArray(Image.Children.Select(child => child.Platform!.ToString())),
                    ["archive"] = "0f8fad5b-d9cb-469f-a165-70867728950e",
                },
            ]));
        }

        public Task Render(params string[] sources) => Render(sources, "AllowContactingSource");

        public async Task Render(string[] sources, string policy)
        {
            var parameters = stage.ToMirror(("dest_dir", Folder), ("filename_host", "x"), ("mirror_source_policy", policy));
            foreach (var other in parameters.Keys.Where(key => key is not ("registry_type" or "registry_host" or "registry_port" or "dest_dir" or "filename_host" or "mirror_source_policy")).ToList())
                parameters.Remove(other);
            if (sources.Length > 0)
                parameters["registries"] = sources;
            (await NativeModule.Run("icsp_render", parameters)).MustSucceed();
        }

        public void Write(string file, string text) => File.WriteAllText(this[file], text);

        public void Append(string text) => File.AppendAllText(this["registries-distribution.conf"], text);

        public void Replace(string file, string old, string text) => Write(file, File.ReadAllText(this[file]).Replace(old, text, StringComparison.Ordinal));

        /// <summary>An entry with one mirror; a key may follow its location.</summary>
        public void Redirect(string mirror) => Write("registries-distribution.conf", $"[[registry]]\nlocation = \"quay.io\"\n[[registry.mirror]]\nlocation = \"{mirror.Replace("\", ", "\"\n", StringComparison.Ordinal)}\"\n");

        public void Authorize(string password, string file = "distribution-docker-config.json") => Write(file, Json.Indented(new JObject
        {
            ["auths"] = new JObject { [stage.Mirror.Name] = new JObject { ["auth"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{stage.Mirror.UserName}:{password}")) } },
        }));

        /// <summary>Takes something out of the repository's storage, or all of it.</summary>
        public void Delete(params string[] path) => Directory.Delete(Path.Combine([stage.Mirror.Storage, "docker", "registry", "v2", "repositories", Repository, .. path]), recursive: true);

        public void Reach(FakeCluster cluster)
        {
            Variables["oc_config_path"] = cluster.KubeConfig(this["kubeconfig"]);
            Variables["validation_cluster"] = true;
        }

        public JObject Report() => Json.TryParseObject(File.ReadAllText(Assert.Single(Directory.GetFiles(Folder, "validation-report-*.json"))))!;

        /// <summary>The page and the text say the same as the JSON.</summary>
        public void ReadsAsPage(JObject report)
        {
            var page = File.ReadAllText(Assert.Single(Directory.GetFiles(Folder, "validation-report-*.html")));
            var html = XDocument.Parse(page);
            Assert.Equal((string)report["status"]!, html.Descendants("p").First().Value);
            Assert.Equal((string)report["message"]!, html.Descendants("h1").Single().Value);
            Assert.Empty(html.Descendants("script"));
            Assert.DoesNotContain(html.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href");
            Assert.All(report["images"]!, image => Assert.Contains(html.Descendants("td"), cell => cell.Value == (string)image["source"]!));
            Assert.All(report["proved"]!.Concat(report["not_proved"]!), sentence => Assert.Contains(html.Descendants("li"), item => item.Value == (string)sentence!));
            var text = File.ReadAllText(Assert.Single(Directory.GetFiles(Folder, "validation-report-*.txt")));
            Assert.Contains($"Status:   {report["status"]}\n", text, StringComparison.Ordinal);
            Assert.Contains($"- ICSP redirection: {report["redirection"]}\n", text, StringComparison.Ordinal);
            Assert.Contains($"- Mirrored images: {report["mirrored"]}\n", text, StringComparison.Ordinal);
            // The two verdicts are of the same reads, and neither can pass where the other fails.
            var mirrored = (string)report["mirrored"]!;
            Assert.Equal((string?)report["redirection"] == "PASS", mirrored.StartsWith("PASS", StringComparison.Ordinal));
            Assert.All(report["proved"]!.Concat(report["not_proved"]!), sentence => Assert.Contains($"- {sentence}\n", text, StringComparison.Ordinal));
        }

        /// <summary>What the real skopeo does with this folder and no way to the upstream.</summary>
        public async Task<bool> SkopeoCopies()
        {
            var certs = Path.Combine(Directory.CreateDirectory(this["oracle-certs"]).FullName, "ca.crt");
            File.Copy((string)Variables["registry_ca_path"]!, certs, overwrite: true);
            foreach (var name in new[] { $"quay.io/case/{Name}:v1", $"quay.io/case/{Name}@{Image.Digest}" })
            {
                var target = this[$"oracle-{Guid.NewGuid():N}"];
                var result = await Command.Run(
                    ["skopeo", "--registries-conf", this["registries-distribution.conf"], "--insecure-policy", "copy", "--quiet", "--all", "--src-cert-dir", Path.GetDirectoryName(certs)!, "--src-authfile", this["distribution-docker-config.json"], $"docker://{name}", $"dir:{target}"],
                    new CommandSettings { Environment = new Dictionary<string, string?> { ["HOME"] = stage.Folder.Folder("home"), ["HTTPS_PROXY"] = "http://127.0.0.1:1", ["HTTP_PROXY"] = "http://127.0.0.1:1" } });
                if (!result.Succeeded || Digest.Sha256(File.ReadAllBytes(Path.Combine(target, "manifest.json"))) != Image.Digest)
                    return false;
            }

            return true;
        }
    }
}
