using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Kubernetes;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>The DAG's file, run by a small stand-in for Airflow 2 and 3: its interface, its order, and what becomes of a run that fails.</summary>
public sealed class AirflowDagTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string GuidesConf = """{"target_registry": "mirror-registry", "enable_passthrough": true}""";

    static readonly string Dag = Checkout.PathOf("airflow", "dags", "ocp_registry_sync.py");

    static readonly string[] Chain =
    [
        "preflight_checks", "resolve_versions", "download_images", "setup_registry_passthrough", "push_to_registry", "apply_icsp_policy", "validate_passthrough_mode", "sync_report",
    ];

    readonly TestFolder folder = new("airflow");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("2")]
    [InlineData("3")]
    public async Task The_guides_two_keys_are_enough(string airflow)
    {
        var run = await Run(GuidesConf, airflow);

        Assert.Equal("ocp_registry_sync", (string?)run["dag_id"]);
        Assert.Equal("success", (string?)run["state"]);
        Assert.Equal(
            ["source_version", "target_version", "upgrade_type", "target_registry", "enable_passthrough", "skip_download", "clean_mirror", "auto_resolve_versions"],
            ((JObject)run["params"]!).Properties().Select(property => property.Name));
        var upstream = (JObject)run["upstream"]!;
        foreach (var (before, after) in Chain.Zip(Chain[1..]))
            Assert.Equal([before], upstream[after]!.Values<string>());
        Assert.Equal(Chain[..^1], upstream["cleanup_on_failure"]!.Values<string>());
        Assert.Equal(Chain.Append("cleanup_on_failure").Order(), upstream.Properties().Select(property => property.Name).Order());
        Assert.Equal(
            ["download-to-tar.yml", "setup-registry-passthrough.yml", "push-tar-to-registry.yml", "apply-icsp-policy.yml", "validate-passthrough-mode.yml"],
            Calls().Select(call => call.Split(' ')[2]));
        Assert.All(Calls(), call => Assert.Equal($"-i {Pack}/playbooks/inventory {call.Split(' ')[2]} -e @{Pack}/extra_vars/passthrough-vars.yml -e registry_type=mirror-registry", call));
        // The playbooks that it names are there.
        Assert.All(Calls(), call => Assert.True(File.Exists(Path.Combine(Checkout.Playbooks, call.Split(' ')[2])), call));
    }

    [Theory]
    [InlineData("download-to-tar.yml", "download_images")]
    [InlineData("push-tar-to-registry.yml", "push_to_registry")]
    [InlineData("validate-passthrough-mode.yml", "validate_passthrough_mode")]
    public async Task What_fails_makes_the_run_fail_and_deletes_nothing(string playbook, string task)
    {
        var images = folder.Folder("images");
        string[] kept = ["mirror_seq1_000000.tar", "mirror_seq1_000001.tar.partial", "oc-mirror-workspace/results-1/imageContentSourcePolicy.yaml", "publish/.metadata.json"];
        foreach (var file in kept)
            folder.Write($"images/{file}", "delivered");
        folder.Write("images/oc-mirror-workspace/working-17/half", "half");
        Variables($"target_mirror_path: \"{images}\"  # big\n");

        var run = await Run(GuidesConf, fails: playbook);

        Assert.Equal("failed", (string?)run["state"]);
        Assert.Equal("failed", (string?)run["states"]![task]);
        Assert.Equal("upstream_failed", (string?)run["states"]!["sync_report"]);
        Assert.Equal("success", (string?)run["states"]!["cleanup_on_failure"]);
        Assert.Contains("it goes on where it stopped", (string?)run["printed"]!["cleanup_on_failure"], StringComparison.Ordinal);
        Assert.All(kept, file => Assert.True(File.Exists(Path.Combine(images, file)), file));
        Assert.False(Directory.Exists(Path.Combine(images, "oc-mirror-workspace", "working-17")));
    }

    [Fact]
    public async Task Without_passthrough_mode_the_images_are_pushed_below_their_plain_path()
    {
        var run = await Run("""{"target_registry": "harbor", "enable_passthrough": false, "skip_download": true}""");

        Assert.Equal("success", (string?)run["state"]);
        foreach (var task in new[] { "resolve_versions", "download_images", "setup_registry_passthrough", "apply_icsp_policy", "validate_passthrough_mode" })
            Assert.Equal("skipped", (string?)run["states"]![task]);
        Assert.Equal($"-i {Pack}/playbooks/inventory push-tar-to-registry.yml -e @{Pack}/extra_vars/passthrough-vars.yml -e registry_type=harbor -e enable_passthrough=false", Assert.Single(Calls()));
    }

    [Theory]
    [InlineData("""{"target_registry": "nexus"}""")]
    [InlineData("""{"enable_passthrough": "false"}""")]
    [InlineData("""{"target_version": "4.20; rm -rf /"}""")]
    public async Task A_wrong_value_is_refused_before_anything_runs(string conf)
    {
        var result = await Start(conf, "3", null, []);

        Assert.NotEqual(0, result.ExitCode);
        Assert.Empty(Calls());
    }

    [Theory]
    [InlineData("major", """[["stable-4.19", "4.19.9", "4.19.9"], ["stable-4.20", "4.20.11", "4.20.11"]]""")]
    [InlineData("patch", """[["stable-4.20", "4.20.2", "4.20.11"]]""")]
    public async Task Versions_that_are_asked_for_are_the_newest(string upgrade, string expected)
    {
        foreach (var (minor, versions) in new (string, string[])[] { ("4.19", ["4.19.9", "4.19.8", "4.18.30"]), ("4.20", ["4.20.2", "4.20.11", "4.20.0-rc.1", "4.19.9"]) })
            folder.Write($"stable-{minor}.json", new JObject { ["nodes"] = new JArray(versions.Select(version => new JObject { ["version"] = version })) }.ToString());

        var run = await Run($$"""{"source_version": "4.19", "target_version": "4.20", "upgrade_type": "{{upgrade}}"}""", graph: $"file://{folder}/{{channel}}.json");

        Assert.Equal("success", (string?)run["states"]!["resolve_versions"]);
        var file = $"{Pack}/extra_vars/ocp-registry-sync-releases.json";
        Assert.Equal(
            JArray.Parse(expected).Select(release => string.Join(' ', release.Values<string>())),
            Json.TryParseObject(File.ReadAllText(file))!["openshift_releases"]!.Select(release => $"{release["name"]} {release["minVersion"]} {release["maxVersion"]}"));
        Assert.EndsWith($"-e @{file}", Calls()[0], StringComparison.Ordinal);

        // A later run that asks for none does not take those.
        await Run(GuidesConf);
        Assert.DoesNotContain(file, Calls()[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_variables_the_first_task_says_what_to_do()
    {
        Variables("");
        File.Delete($"{Pack}/extra_vars/passthrough-vars.yml");

        var run = await Run(GuidesConf);

        Assert.Equal("failed", (string?)run["states"]!["preflight_checks"]);
        Assert.Contains("passthrough-vars.yml cannot be read: copy extra_vars/passthrough-example.yml there", (string?)run["printed"]!["preflight_checks"], StringComparison.Ordinal);
        Assert.Empty(Calls());
    }

    /// <summary>The real playbooks, registries and kubectl.</summary>
    [Fact]
    public async Task From_upstream_to_the_proof()
    {
        await using var cluster = await FakeCluster.Start();
        var day = new UsersDay(stage, "dag");
        var variables = Json.TryParseObject(File.ReadAllText(day.Variables))!;
        variables["oc_config_path"] = cluster.KubeConfig(folder["kubeconfig"]);
        variables["apply_arguments"] = new JArray("--poll", "0.01");
        var file = folder.Write("vars.json", Json.Indented(variables));
        var environment = stage.Ansible().Environment(folder["results"]);
        foreach (var (name, value) in stage.Credentials)
            environment[name] = value;
        environment["OC"] = Checkout.Tool("kubectl", "usr/bin/kubectl");

        var result = await Command.Run(
            ["/usr/bin/python3", Runner, Dag, "3", """{"target_registry": "distribution"}""", Json.Compact(new JObject { ["ocp_registry_sync_path"] = Checkout.Root, ["ocp_registry_sync_vars"] = file })],
            new CommandSettings { Environment = environment, Timeout = TimeSpan.FromMinutes(5) });

        var run = Json.TryParseObject(result.MustSucceed().Output)!;
        Assert.True((string?)run["state"] == "success", result.Output.Replace("\\n", "\n", StringComparison.Ordinal));
        Assert.Contains("All nodes are redirected to", (string?)run["printed"]!["apply_icsp_policy"], StringComparison.Ordinal);
        Assert.Contains("Status:   PASS", (string?)run["printed"]!["validate_passthrough_mode"], StringComparison.Ordinal);
        Assert.NotNull(cluster.Get("imagedigestmirrorsets", "registry-passthrough-distribution"));
        Assert.DoesNotContain(Stage.Password, result.All, StringComparison.Ordinal);
    }

    static string Runner => Checkout.PathOf("tests", "Passthrough.Testing", "Airflow", "run_dag.py");

    string Pack => folder["pack"];

    string[] Calls() => File.Exists(folder["calls"]) ? File.ReadAllLines(folder["calls"]) : [];

    void Variables(string text)
    {
        Directory.CreateDirectory($"{Pack}/playbooks");
        Directory.CreateDirectory($"{Pack}/extra_vars");
        File.WriteAllText($"{Pack}/extra_vars/passthrough-vars.yml", text);
    }

    /// <summary>One run with an ansible-playbook that only notes its arguments.</summary>
    async Task<JObject> Run(string conf, string airflow = "2", string? fails = null, string? graph = null)
    {
        var variables = new JObject { ["ocp_registry_sync_path"] = Pack };
        if (graph is not null)
            variables["ocp_registry_sync_graph_url"] = graph;
        return Json.TryParseObject((await Start(conf, airflow, fails, variables)).MustSucceed().Output)!;
    }

    Task<CommandResult> Start(string conf, string airflow, string? fails, JObject variables)
    {
        if (!Directory.Exists(Pack))
            Variables("");
        File.Delete(folder["calls"]);
        Program(folder["bin", "ansible-playbook"], $"""
            echo "$@" >>'{folder["calls"]}'
            case "$*" in *'{fails ?? "nothing"}'*) exit 2 ;; esac
            """);
        return Command.Run(
            ["/usr/bin/python3", Runner, Dag, airflow, conf, Json.Compact(variables)],
            new CommandSettings { Environment = new Dictionary<string, string?> { ["PATH"] = $"{folder["bin"]}:{Environment.GetEnvironmentVariable("PATH")}" } });
    }

    static void Program(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, $"#!/bin/sh\n{text}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
