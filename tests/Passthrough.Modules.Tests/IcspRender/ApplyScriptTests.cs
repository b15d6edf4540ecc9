using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Modules.IcspRender;
using Passthrough.Testing;
using Passthrough.Testing.Kubernetes;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.IcspRender;

/// <summary>The rendered script, run by bash with a real kubectl against a fake cluster: every mode and every exit code.</summary>
public sealed class ApplyScriptTests : IDisposable
{
    const string Name = "registry-passthrough-harbor";
    const string Registry = "registry.local:8443";

    readonly TestFolder folder = new("apply-script");

    string Script => folder["out", "apply-icsp-harbor.sh"];

    public void Dispose() => folder.Dispose();

    async Task Render(params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject
        {
            ["registry_type"] = "harbor",
            ["registry_host"] = Registry,
            ["dest_dir"] = folder["out"],
            ["filename_host"] = "bastion",
            ["registries"] = new JArray("quay.io", "registry.redhat.io"),
        };
        foreach (var (name, value) in more)
            parameters[name] = value;
        var answer = await ModuleRunner.RunAsync(new IcspRenderModule(), parameters);
        Assert.Null(answer["failed"]);
    }

    Task<CommandResult> Run(FakeCluster cluster, params string[] arguments) => Run(cluster, null, arguments);

    Task<CommandResult> Run(FakeCluster cluster, IReadOnlyDictionary<string, string?>? environment, string[] arguments) =>
        Command.Run([Script, "--poll", "0.01", .. arguments], Settings(cluster, environment));

    CommandSettings Settings(FakeCluster cluster, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var variables = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["KUBECONFIG"] = cluster.KubeConfig(folder["kubeconfig"]),
            // Its cache of discovery is per address.
            ["HOME"] = folder.Folder($"home-{cluster.Port}"),
            ["OC"] = Checkout.Tool("kubectl", "usr/bin/kubectl"),
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            variables[name] = value;
        return new CommandSettings { Environment = variables };
    }

    /// <summary>Whoever runs it may stand in a folder of another user, with a PATH that leads there.</summary>
    [Theory]
    [InlineData(".:/usr/bin:/bin")]
    [InlineData(":/usr/bin:/bin")]
    [InlineData("bin:/usr/bin:/bin:")]
    public async Task Programs_of_the_current_folder_are_not_run(string path)
    {
        await Render();
        foreach (var planted in new[] { folder["planted", "bin"], folder["planted"] })
        {
            Directory.CreateDirectory(planted);
            foreach (var name in new[] { "bash", "readlink", "dirname", "diff", "oc", "kubectl", "cat" })
            {
                File.WriteAllText(Path.Combine(planted, name), $"#!/bin/sh\necho run >> {folder["marker"]}\nexit 1\n");
                File.SetUnixFileMode(Path.Combine(planted, name), UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }
        }

        var settings = new CommandSettings
        {
            WorkingDirectory = folder["planted"],
            Environment = new Dictionary<string, string?> { ["PATH"] = path },
        };
        var result = await Command.Run([Script, "--help"], settings);

        Assert.Equal(0, result.ExitCode);
        Assert.False(File.Exists(folder["marker"]), "a program of the current folder was run");
    }

    static void Ended(int code, string message, CommandResult result)
    {
        Assert.True(result.ExitCode == code && result.Error.Contains(message, StringComparison.Ordinal), $"exit code {code} and this were expected: {message}\n{result}");
        Assert.DoesNotContain("unbound variable", result.Error, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"line \d+: ", result.Error);
    }

    static JObject Entry(string source, string mirror, string? policy = null)
    {
        var entry = new JObject { ["source"] = source, ["mirrors"] = new JArray(mirror) };
        if (policy is not null)
            entry["mirrorSourcePolicy"] = policy;
        return entry;
    }

    static JObject Set(string list, string name, params JObject[] entries) => new() { ["metadata"] = new JObject { ["name"] = name }, ["spec"] = new JObject { [list] = new JArray(entries) } };

    static JArray Entries(FakeCluster cluster, string plural, string list) => (JArray)cluster.Get(plural, Name)!["spec"]![list]!;

    [Fact]
    public async Task Applied_once_it_is_on_all_nodes_and_the_second_run_changes_nothing()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();

        Ended(0, "All nodes are redirected to registry.local:8443.", await Run(cluster));
        Assert.Equal(["quay.io", "registry.redhat.io"], Entries(cluster, "imagedigestmirrorsets", "imageDigestMirrors").Select(entry => (string)entry["source"]!).Order());
        Assert.Equal(2, Entries(cluster, "imagetagmirrorsets", "imageTagMirrors").Count);
        Assert.Null(cluster.Get("imagecontentsourcepolicies", Name));
        Assert.Equal(2, cluster.Writes.Count);

        Ended(0, "The objects are as they should be:", await Run(cluster));
        Assert.Equal(2, cluster.Writes.Count);
        Ended(0, "agree with the files beside this script", await Run(cluster, "--verify"));
        Ended(0, "All nodes are redirected", await Run(cluster, "--wait-only"));
        Ended(0, "Nothing would change.", await Run(cluster, "--check"));
    }

    [Fact]
    public async Task It_tells_what_it_applied_how_to_list_it_and_whether_nodes_drain()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();

        var result = await Run(cluster);

        Ended(0, "OpenShift 4.16.3, mirrorsets", result);
        Assert.Contains("\n  imagedigestmirrorsets/registry-passthrough-harbor\n  imagetagmirrorsets/registry-passthrough-harbor\n", result.Error, StringComparison.Ordinal);
        Assert.Contains("get imagedigestmirrorset,imagetagmirrorset    (imagecontentsourcepolicy does not show them)", result.Error, StringComparison.Ordinal);
        Assert.Contains("are drained for it", result.Error, StringComparison.Ordinal);
        Assert.Contains("master: not begun, worker: not begun", result.Error, StringComparison.Ordinal);
        Assert.Contains("1 of 3 nodes", result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Output);
        Assert.DoesNotContain('\e', result.Error);
    }

    [Fact]
    public async Task Before_4_13_it_applies_the_policy_and_says_what_that_cannot_do()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Version = "4.9.59" });

        var result = await Run(cluster);

        Ended(0, "All nodes are redirected", result);
        Assert.Contains("OpenShift 4.9.59, icsp", result.Error, StringComparison.Ordinal);
        Assert.Contains("redirects pulls by digest only", result.Error, StringComparison.Ordinal);
        Assert.Contains("no drain is expected", result.Error, StringComparison.Ordinal);
        Assert.Equal(2, Entries(cluster, "imagecontentsourcepolicies", "repositoryDigestMirrors").Count);
        Ended(6, "has no ImageDigestMirrorSet", await Run(cluster, "--kind", "mirrorsets"));
        Ended(0, "agree", await Run(cluster, "--verify"));
    }

    [Fact]
    public async Task Check_shows_the_difference_and_changes_nothing()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();

        var result = await Run(cluster, "--check");

        Ended(10, "The server accepts the objects; the differences are above.", result);
        Assert.Contains("+    source: quay.io", result.Output, StringComparison.Ordinal);
        Assert.Empty(cluster.Writes);
        Assert.False(Directory.Exists(folder["out", "backup"]));
    }

    [Fact]
    public async Task Delete_takes_the_objects_back_and_rollback_restores_them()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        Ended(0, "All nodes", await Run(cluster));

        await Render(("mirror_source_policy", "NeverContactSource"));
        Ended(0, "All nodes", await Run(cluster));
        Assert.Equal("NeverContactSource", (string)Entries(cluster, "imagedigestmirrorsets", "imageDigestMirrors")[0]["mirrorSourcePolicy"]!);
        var backups = Directory.GetDirectories(folder["out", "backup"]).Order(StringComparer.Ordinal).ToList();
        Assert.Equal("imagedigestmirrorsets.config.openshift.io\nimagetagmirrorsets.config.openshift.io\n", File.ReadAllText(Path.Combine(backups[0], "absent")));

        // What was before the second run: the policy is Allow again.
        Ended(0, "All nodes have what they had.", await Run(cluster, "--rollback", backups[^1]));
        Assert.Equal("AllowContactingSource", (string)Entries(cluster, "imagedigestmirrorsets", "imageDigestMirrors")[0]["mirrorSourcePolicy"]!);

        Ended(0, "No node is redirected to registry.local:8443 by these objects.", await Run(cluster, "--delete"));
        Assert.Null(cluster.Get("imagedigestmirrorsets", Name));
        Assert.Null(cluster.Get("imagetagmirrorsets", Name));
        Ended(0, "There is no object called registry-passthrough-harbor.", await Run(cluster, "--delete"));

        // What was before the first run: nothing.
        Ended(0, "All nodes", await Run(cluster));
        Ended(0, "Deleted, as before: imagetagmirrorsets/registry-passthrough-harbor", await Run(cluster, "--rollback", backups[0]));
        Assert.Null(cluster.Get("imagetagmirrorsets", Name));
        Ended(3, "is no folder", await Run(cluster, "--rollback", folder["none"]));
        Ended(3, "holds nothing that can be restored", await Run(cluster, "--rollback", folder.Folder("empty")));
    }

    static IEnumerable<string> Parts(FakeCluster cluster, string plural = "imagedigestmirrorsets") =>
        new[] { Name, $"{Name}-0", $"{Name}-1", $"{Name}-2", $"{Name}-x" }.Where(name => cluster.Get(plural, name) is not null).Select(name => name[Name.Length..]);

    // Objects of one entry each.
    Task RenderParts(int count) => Render(("max_object_size", 800), ("registries", new JArray(Enumerable.Range(0, count).Select(i => (object)$"quay.io/{new string('a', 100)}{i}"))));

    [Fact]
    public async Task A_list_grows_into_parts_and_back_and_leaves_nothing_behind()
    {
        await using var cluster = await FakeCluster.Start();
        await RenderParts(1);
        Ended(0, "All nodes", await Run(cluster));
        Assert.Equal([""], Parts(cluster));

        // From one to three: the whole goes after its parts are there, and not before.
        await RenderParts(3);
        var predicted = await Run(cluster, "--check");
        Ended(10, $"  imagedigestmirrorsets/{Name}-2\n", predicted);
        Assert.Contains($"  imagetagmirrorsets/{Name} is deleted then: the files beside this script do not have it any more\n", predicted.Error, StringComparison.Ordinal);
        Assert.Contains($"- imagedigestmirrorsets/{Name}: deleted, for the files beside this script do not have it any more\n", predicted.Output, StringComparison.Ordinal);
        Assert.Equal([""], Parts(cluster));
        Ended(12, "has other entries than the file beside this script", await Run(cluster, "--verify"));
        Ended(0, $"Deleted, for the files beside this script do not have it any more: imagedigestmirrorsets/{Name}\n", await Run(cluster));
        Assert.Equal(["-0", "-1", "-2"], Parts(cluster));
        Assert.Equal(["-0", "-1", "-2"], Parts(cluster, "imagetagmirrorsets"));
        Assert.All(cluster.Writes.TakeLast(2), write => Assert.StartsWith("DELETE ", write, StringComparison.Ordinal));
        Ended(0, "The objects are as they should be:", await Run(cluster));
        Ended(0, "agree with the files beside this script", await Run(cluster, "--verify"));
        Ended(0, "Nothing would change.", await Run(cluster, "--check"));

        // Fewer parts, then one object again.
        await RenderParts(2);
        var result = await Run(cluster, "--json");
        Ended(0, $"Deleted, for the files beside this script do not have it any more: imagetagmirrorsets/{Name}-2\n", result);
        Assert.Equal(["-0", "-1"], Parts(cluster));
        Assert.Equal([$"imagedigestmirrorsets/{Name}-0", $"imagedigestmirrorsets/{Name}-1", $"imagetagmirrorsets/{Name}-0", $"imagetagmirrorsets/{Name}-1"], Json.Parse(result.Output)["objects"]!.Select(one => (string)one!));
        await RenderParts(1);
        Ended(0, "All nodes", await Run(cluster));
        Assert.Equal([""], Parts(cluster));
        Assert.Equal([""], Parts(cluster, "imagetagmirrorsets"));

        // Each backup is of one time: what came later goes, what was then comes back.
        var backups = Directory.GetDirectories(folder["out", "backup"]).Order(StringComparer.Ordinal).ToList();
        Ended(0, $"Deleted, as before: imagedigestmirrorsets/{Name}\n", await Run(cluster, "--rollback", backups[2]));
        Assert.Equal(["-0", "-1", "-2"], Parts(cluster));
        Ended(0, $"Deleted, as before: imagetagmirrorsets/{Name}-2\n", await Run(cluster, "--rollback", backups[3]));
        Assert.Equal(["-0", "-1"], Parts(cluster));

        await RenderParts(3);
        Ended(0, $"Deleted: imagetagmirrorsets/{Name}-1\n", await Run(cluster, "--delete"));
        Assert.Empty(Parts(cluster));
        Assert.Empty(Parts(cluster, "imagetagmirrorsets"));
        Ended(0, "All nodes have what they had.", await Run(cluster, "--rollback", Directory.GetDirectories(folder["out", "backup"]).Max()!));
        Assert.Equal(["-0", "-1"], Parts(cluster, "imagetagmirrorsets"));
        Ended(0, "Deleted, as before: ", await Run(cluster, "--rollback", backups[0]));
        Assert.Empty(Parts(cluster));
    }

    [Fact]
    public async Task What_is_called_alike_and_is_somebody_elses_stays()
    {
        await RenderParts(3);
        await using var cluster = await FakeCluster.Start(new() { Denied = ["delete imagetagmirrorsets"] });
        var alike = new[] { Name, $"{Name}-7", $"{Name}-x" };
        foreach (var name in alike)
            cluster.Put("imagedigestmirrorsets", Set("imageDigestMirrors", name, Entry("example.com", "other.local/x")));
        var other = Set("imageDigestMirrors", $"{Name}-9", Entry("example.com", "other.local/x"));
        other["metadata"]!["annotations"] = new JObject { ["ocp4-disconnected-helper.io/part-of"] = "another" };
        cluster.Put("imagedigestmirrorsets", other);

        Ended(0, $"warning: imagedigestmirrorsets {Name} is not touched: it has no label app.kubernetes.io/part-of: registry-passthrough, so somebody else made it", await Run(cluster));
        Assert.DoesNotContain(cluster.Writes, write => write.StartsWith("DELETE ", StringComparison.Ordinal));

        // Who may not delete what is left is told before anything is changed.
        await RenderParts(2);
        var before = cluster.Writes.Count;
        Ended(5, "this account may not delete imagetagmirrorsets", await Run(cluster));
        Ended(12, $"has other entries than the file beside this script", await Run(cluster, "--verify"));
        Assert.Equal(before, cluster.Writes.Count);
        Assert.All([.. alike, $"{Name}-9"], name => Assert.NotNull(cluster.Get("imagedigestmirrorsets", name)));
    }

    /// <summary>Without the right to list, ours are asked for by name.</summary>
    [Fact]
    public async Task Parts_are_found_without_the_right_to_list()
    {
        await RenderParts(2);
        await using var cluster = await FakeCluster.Start(new() { Denied = ["list imagetagmirrorsets"] });

        Ended(0, "warning: conflicts with other objects are not seen: Error from server (Forbidden)", await Run(cluster));
        Ended(0, "agree with the files beside this script", await Run(cluster, "--verify"));
        Ended(0, $"Deleted: imagetagmirrorsets/{Name}-1\n", await Run(cluster, "--delete"));
        Assert.Empty(Parts(cluster));
    }

    [Fact]
    public async Task A_mirror_that_others_list_too_is_not_waited_for_when_it_is_deleted()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        cluster.Put("imagedigestmirrorsets", Set("imageDigestMirrors", "theirs", Entry("quay.io", $"{Registry}/mirror/quay.io")));
        Ended(0, "All nodes", await Run(cluster));

        Ended(0, "No node is redirected", await Run(cluster, "--delete", "--start-timeout", "20s"));
    }

    [Fact]
    public async Task The_summary_for_programs_is_one_object_on_stdout()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Operator = FakeOperator.Ignores });

        var applied = Json.Parse((await Run(cluster, "--json", "--no-wait")).Output);
        Assert.Equal(("apply", 0, true, "mirrorsets", "yes"), ((string)applied["mode"]!, (int)applied["exit_code"]!, (bool)applied["changed"]!, (string)applied["family"]!, (string)applied["drain"]!));
        Assert.Equal([$"imagedigestmirrorsets/{Name}", $"imagetagmirrorsets/{Name}"], applied["objects"]!.Select(one => (string)one!));
        Assert.True(Directory.Exists((string)applied["backup"]!));

        var failed = Json.Parse((await Run(cluster, "--json", "--start-timeout", "0s")).Output);
        Assert.Equal(8, (int)failed["exit_code"]!);
        Assert.False((bool)failed["changed"]!);
        Assert.StartsWith("the Machine Config Operator did not take it up within 0s", (string)failed["message"]!, StringComparison.Ordinal);
    }

    /// <summary>Whoever reads it can still stop it: what, how to see it, and what nodes do, all before the first write.</summary>
    [Fact]
    public async Task Before_it_acts_it_says_what_it_will_do()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();

        var said = (await Run(cluster, "--no-wait")).Error;

        var order = new[] { "To be applied:\n", $"  imagedigestmirrorsets/{Name}\n", "List them: ", "are drained for it", "Backup: ", "Applied: imagedigestmirrorsets/" }.Select(text => said.IndexOf(text, StringComparison.Ordinal)).ToList();
        Assert.DoesNotContain(-1, order);
        Assert.Equal(order.Order(), order);
        Ended(0, "List it: ", await Run(cluster, "--kind", "icsp", "--no-wait"));
        Assert.NotNull(cluster.Get("imagecontentsourcepolicies", Name));
    }

    [Fact]
    public async Task What_nodes_lack_beside_the_redirection_is_said_every_time()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        const string Trust = "additionalTrustedCA has no certificate for registry.local:8443";
        const string Account = "pull secret has no account of registry.local:8443";

        foreach (var arguments in new string[][] { ["--check"], [], ["--no-wait"] })
        {
            var bare = await Run(cluster, arguments);
            Assert.Contains(Trust, bare.Error, StringComparison.Ordinal);
            Assert.Contains(Account, bare.Error, StringComparison.Ordinal);
        }

        cluster.Put("configmaps", new JObject { ["metadata"] = new JObject { ["name"] = "theirs", ["namespace"] = "openshift-config" }, ["data"] = new JObject { ["registry.local..8443"] = "PEM" } });
        cluster.Put("images", new JObject { ["metadata"] = new JObject { ["name"] = "cluster" }, ["spec"] = new JObject { ["additionalTrustedCA"] = new JObject { ["name"] = "theirs" } } });
        cluster.Put("secrets", new JObject { ["metadata"] = new JObject { ["name"] = "pull-secret", ["namespace"] = "openshift-config" }, ["data"] = new JObject { [".dockerconfigjson"] = Convert.ToBase64String("""{"auths":{"registry.local:8443/mirror":{"auth":"YTpi"}}}"""u8) } });
        var whole = await Run(cluster, "--verify");
        Ended(0, "agree with the files", whole);
        Assert.DoesNotContain("warning", whole.Error, StringComparison.Ordinal);

        await using var shut = await FakeCluster.Start(new() { Denied = ["get secrets", "get images"] });
        var blind = await Run(shut, "--check");
        Ended(10, "whether nodes trust registry.local:8443 is not seen: Error from server (Forbidden)", blind);
        Assert.Contains("whether nodes have an account of registry.local:8443 is not seen: ", blind.Error, StringComparison.Ordinal);
    }

    const string Asked = "(Mirrors also failed: [registry.local:8443/mirror/quay.io/registry-passthrough/control:is-nowhere: reading manifest is-nowhere: manifest unknown]): quay.io/registry-passthrough/control:is-nowhere: registry quay.io is blocked";

    [Fact]
    public async Task Pods_on_every_pool_pull_and_the_control_fails()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Pull = image => image.Contains("/control:", StringComparison.Ordinal) ? Asked : null, Pools = new Dictionary<string, int> { ["master"] = 3, ["worker"] = 2, ["empty"] = 0 } });

        var result = await Run(cluster, "--test", "quay.io/a/b:v1", "--test=quay.io/a/b@sha256:" + new string('a', 64), "--json");

        Ended(0, "node master-0 (pool master) pulled quay.io/a/b:v1, from a mirror or from the source, which it may ask\n", result);
        Assert.Contains("node worker-0 (pool worker) asked registry.local:8443 for quay.io/registry-passthrough/control:is-nowhere, which is nowhere, and failed as it must\n", result.Error, StringComparison.Ordinal);
        Assert.Equal(6, Json.Parse(result.Output)["found"]!.Count());
        Assert.False((bool)Json.Parse(result.Output)["changed"]!);
        Assert.Null(cluster.Get("namespaces", "registry-passthrough-test"));
        Assert.Equal("DELETE namespaces/registry-passthrough-test", cluster.Writes[^1]);
        await Render(("mirror_source_policy", "NeverContactSource"));
        Ended(0, "node worker-0 (pool worker) pulled quay.io/a/b:v1 from a mirror: its source is blocked\n", await Run(cluster, "--test", "quay.io/a/b:v1"));
    }

    [Theory]
    [InlineData("/a/b:", "reading manifest v1: unauthorized", "node master-0 (pool master) cannot pull quay.io/a/b:v1: Failed to pull image \"quay.io/a/b:v1\": reading manifest v1: unauthorized")]
    [InlineData("/none", "", "node master-0 (pool master) pulled quay.io/registry-passthrough/control:is-nowhere, which should be nowhere")]
    [InlineData("/control:", "dial tcp: lookup quay.io: no such host", "node master-0 (pool master) did not ask registry.local:8443 for quay.io/registry-passthrough/control:is-nowhere: Failed to pull image")]
    public async Task Pods_that_prove_nothing_are_12(string image, string words, string message)
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Pull = one => one.Contains(image, StringComparison.Ordinal) ? words : null });

        Ended(12, message, await Run(cluster, "--test", "quay.io/a/b:v1"));
        Assert.Null(cluster.Get("namespaces", "registry-passthrough-test"));
    }

    [Fact]
    public async Task A_test_needs_rights_and_a_namespace_of_its_own()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Denied = ["create pods"] });
        Ended(5, "this account may not create pods", await Run(cluster, "--test", "quay.io/a/b:v1"));
        Assert.Empty(cluster.Writes);

        await using var used = await FakeCluster.Start();
        used.Put("namespaces", new JObject { ["metadata"] = new JObject { ["name"] = "registry-passthrough-test" } });
        Ended(7, "namespace registry-passthrough-test is there: another test runs, or one was broken off", await Run(used, "--test", "quay.io/a/b:v1"));
        Assert.Empty(used.Writes);

        await using var small = await FakeCluster.Start(new() { Pools = new Dictionary<string, int>() });
        Ended(12, "no pool has a node on which a pod could run", await Run(small, "--test", "quay.io/a/b:v1"));
    }

    /// <summary>Whatever the client says that nobody foresaw.</summary>
    [Fact]
    public async Task What_nobody_foresaw_is_1()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        var odd = folder.Write("odd", "#!/bin/bash\necho 'error: the moon is full' >&2; exit 1\n");
        File.SetUnixFileMode(odd, (UnixFileMode)0b111_101_101);

        Ended(1, "asking the cluster: error: the moon is full", await Run(cluster, new Dictionary<string, string?> { ["OC"] = odd }, []));
    }

    [Theory]
    [InlineData("--nonsense is no option of this script", "--nonsense")]
    [InlineData("--kind both is none of auto, mirrorsets, icsp", "--kind", "both")]
    [InlineData("--timeout soon is no time", "--timeout", "soon")]
    [InlineData("--rollback needs a value", "--rollback")]
    [InlineData("--node goes with --verify", "--node", "n1")]
    public async Task Wrong_usage_is_2(string message, params string[] arguments)
    {
        await Render();
        await using var cluster = await FakeCluster.Start();

        Ended(2, message, await Run(cluster, arguments));
        Assert.Empty(cluster.Requests);
    }

    [Fact]
    public async Task What_is_missing_here_is_3()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        var tools = folder.Folder("bin");
        foreach (var tool in new[] { "bash", "env", "readlink", "dirname" })
            File.CreateSymbolicLink(Path.Combine(tools, tool), $"/usr/bin/{tool}");

        Ended(3, "neither oc nor kubectl is on PATH", await Run(cluster, new Dictionary<string, string?> { ["PATH"] = tools, ["OC"] = null }, []));
        Ended(3, "/no/such/oc is not there", await Run(cluster, new Dictionary<string, string?> { ["OC"] = "/no/such/oc" }, []));
        Ended(3, "is not on PATH", await Run(cluster, new Dictionary<string, string?> { ["PATH"] = tools }, []));
        File.Delete(folder["out", "itms-harbor-bastion.yml"]);
        Ended(3, "itms-harbor-bastion.yml is missing", await Run(cluster));
    }

    [Fact]
    public async Task A_cluster_that_cannot_be_reached_or_a_login_is_4()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Token = "right" });
        var nobody = folder.Write("nobody", File.ReadAllText(cluster.KubeConfig(folder["kubeconfig"])).Replace($":{cluster.Port}", ":1", StringComparison.Ordinal));

        Ended(4, "not logged in: error: You must be logged in to the server (Unauthorized)", await Run(cluster, "--kubeconfig", cluster.KubeConfig(folder["wrong"], "wrong")));
        Ended(4, "the cluster cannot be reached: The connection to the server 127.0.0.1:1 was refused", await Run(cluster, "--kubeconfig", nobody));
        Ended(4, "the cluster cannot be reached", await Run(cluster, "--kubeconfig", folder["none"]));
        Ended(4, "context \"nope\" does not exist", await Run(cluster, "--context", "nope"));
        Assert.Empty(cluster.Writes);
    }

    [Theory]
    [InlineData("patch imagetagmirrorsets", "this account may not patch imagetagmirrorsets")]
    [InlineData("create imagedigestmirrorsets", "this account may not create imagedigestmirrorsets")]
    [InlineData("list machineconfigpools", "User \"tester\" cannot list resource \"machineconfigpools\"")]
    public async Task What_the_account_may_not_is_5(string denied, string message)
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Denied = [denied] });

        Ended(5, message, await Run(cluster));
        Assert.Empty(cluster.Writes);
    }

    [Fact]
    public async Task Of_several_objects_none_is_deleted_where_one_may_not_be()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Denied = ["delete imagetagmirrorsets"] });
        Ended(0, "All nodes", await Run(cluster));

        Ended(5, "deleting imagetagmirrorsets registry-passthrough-harbor: ", await Run(cluster, "--delete"));
        Assert.DoesNotContain(cluster.Writes, write => write.StartsWith("DELETE ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_the_server_refuses_is_6()
    {
        await Render();
        await using var managed = await FakeCluster.Start(new() { Webhook = one => Regex.IsMatch(one.ToString(), "\"quay.io\"") ? "admission webhook \"imagecontentpolicies-validation.managed.openshift.io\" denied the request: Failed to create/update: quay.io is not allowed" : null });
        Ended(6, "imagecontentpolicies-validation.managed.openshift.io\" denied the request", await Run(managed));
        Assert.Empty(managed.Writes);

        await using var hosted = await FakeCluster.Start(new() { Topology = "External" });
        Ended(6, "this is a hosted cluster (HyperShift)", await Run(hosted));
        await using var plain = await FakeCluster.Start(new() { HasPools = false });
        Ended(6, "no Machine Config Operator", await Run(plain));

        var path = folder["out", "idms-harbor-bastion.yml"];
        File.WriteAllText(path, File.ReadAllText(path).Replace("NeverContactSource", "Never", StringComparison.Ordinal).Replace("AllowContactingSource", "Allow", StringComparison.Ordinal));
        await using var strict = await FakeCluster.Start();
        Ended(6, "the server refuses the objects: The ImageDigestMirrorSet \"registry-passthrough-harbor\" is invalid: ", await Run(strict));
        Assert.Empty(strict.Writes);
    }

    [Fact]
    public async Task What_conflicts_with_other_objects_is_7()
    {
        await Render(("mirror_source_policy", "NeverContactSource"));
        await using var cluster = await FakeCluster.Start();
        cluster.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", "old", Entry("quay.io", "other.local/quay")));
        Ended(7, "source quay.io is NeverContactSource here and AllowContactingSource in imagecontentsourcepolicies old: the Machine Config Operator would ignore every mirror change", await Run(cluster));

        // Of the same name but another kind, it is another object.
        await using var renamed = await FakeCluster.Start();
        renamed.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", Name, Entry("quay.io", "other.local/quay")));
        Ended(7, $"in imagecontentsourcepolicies {Name}", await Run(renamed));

        await Render();
        await using var old = await FakeCluster.Start(new() { Version = "4.13.26" });
        old.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", "old", Entry("docker.io", "other.local/docker")));
        Ended(7, "OpenShift 4.13.26 cannot have ImageContentSourcePolicy beside the newer kinds, and there is imagecontentsourcepolicies old", await Run(old));

        foreach (var (version, code, words) in new[] { ("4.13.0", 7, "cannot have"), ("4.13.26", 7, "cannot have"), ("4.13.27", 0, "All nodes"), ("4.14.2", 7, "cannot have"), ("4.14.3", 0, "All nodes"), ("5.0.1", 0, "All nodes") })
        {
            await using var boundary = await FakeCluster.Start(new() { Version = version });
            boundary.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", "old", Entry("docker.io", "other.local/docker")));
            Ended(code, words, await Run(boundary));
            // What the script would not see, admission does: the account may not list the old kind.
            await using var blind = await FakeCluster.Start(new() { Version = version, Denied = ["list imagecontentsourcepolicies"] });
            blind.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", "old", Entry("docker.io", "other.local/docker")));
            Ended(code, code == 0 ? words : "can't create ImageDigestMirrorSet when ImageContentSourcePolicy resources exist", await Run(blind));
        }

        await using var owned = await FakeCluster.Start();
        owned.Put("imagedigestmirrorsets", Set("imageDigestMirrors", Name, Entry("quay.io", "other.local/quay")), "kubectl-create");
        Ended(7, "Apply failed with 1 conflict: conflict with \"kubectl-create\" using config.openshift.io/v1: .spec.imageDigestMirrors", await Run(owned));
        Assert.Empty(owned.Writes);
        Ended(0, "All nodes", await Run(owned, "--force-conflicts"));
    }

    [Fact]
    public async Task A_narrower_entry_of_somebody_else_is_only_told()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        cluster.Put("imagedigestmirrorsets", Set("imageDigestMirrors", "image-digest-mirror", Entry("quay.io/openshift-release-dev/ocp-release", "other.local/release")));

        Ended(0, "note: imagedigestmirrorsets image-digest-mirror has its own entry for quay.io/openshift-release-dev/ocp-release; there it counts, not the one for quay.io", await Run(cluster));
    }

    /// <summary>The operator refuses in silence: image.config blocks a part of a wildcard source.</summary>
    [Fact]
    public async Task What_the_operator_does_not_take_up_is_8()
    {
        await Render(("extra_mirrors", new JArray(Entry("*.example.com", "m.local/example"))));
        await using var cluster = await FakeCluster.Start();
        cluster.Put("images", new JObject { ["metadata"] = new JObject { ["name"] = "cluster" }, ["spec"] = new JObject { ["registrySources"] = new JObject { ["blockedRegistries"] = new JArray("r.example.com") } } });

        var result = await Run(cluster, "--start-timeout", "0s");

        Ended(8, "the Machine Config Operator did not take it up within 0s: pool master worker", result);
        Assert.Contains("logs deploy/machine-config-controller | grep -iE 'image config|mirrorSourcePolicy|invalid format'", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rollout_that_does_not_end_is_9()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Operator = FakeOperator.NeverEnds });

        Ended(9, "not all nodes have it after 0s: ", await Run(cluster, "--timeout", "0s"));
        Ended(9, "not all nodes have it after 0s: master: 0 of 3 nodes, worker: 0 of 2 nodes", await Run(cluster, "--wait-only", "--timeout", "0s"));
    }

    [Fact]
    public async Task A_pool_that_is_degraded_is_11()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Operator = FakeOperator.Degrades });

        Ended(11, "pool master is degraded: NodeDegraded: Node node-1 is reporting: \"failed to drain node", await Run(cluster));
        Ended(11, "pool master is degraded: NodeDegraded", await Run(cluster, "--verify"));
        // Then nothing more is applied.
        await Render(("mirror_source_policy", "NeverContactSource"));
        var before = cluster.Writes.Count;
        Ended(11, "nothing was changed", await Run(cluster));
        Assert.Equal(before, cluster.Writes.Count);
    }

    [Fact]
    public async Task What_does_not_agree_is_12()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Operator = FakeOperator.Ignores, Denied = ["patch imagedigestmirrorsets", "create imagedigestmirrorsets"] });
        Ended(12, $"nothing was applied: there is no object called {Name}", await Run(cluster, "--verify"));
        cluster.Put("imagedigestmirrorsets", Set("imageDigestMirrors", Name, Entry("quay.io", $"{Registry}/mirror/quay.io"), Entry("registry.redhat.io", $"{Registry}/mirror/registry.redhat.io")));
        Ended(12, $"there is no imagetagmirrorsets {Name} in the cluster", await Run(cluster, "--verify"));

        await using var silent = await FakeCluster.Start(new() { Operator = FakeOperator.Ignores });
        Ended(0, "Applied: imagedigestmirrorsets/", await Run(silent, "--no-wait"));
        Ended(12, "pool master: ", await Run(silent, "--verify"));

        // Somebody else's object came later.
        await using var later = await FakeCluster.Start();
        Ended(0, "All nodes", await Run(later));
        later.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", "theirs", Entry("quay.io/a", "other.local/a")));
        Ended(0, "note: imagecontentsourcepolicies theirs has its own entry for quay.io/a", await Run(later, "--verify"));
        later.Put("imagedigestmirrorsets", Set("imageDigestMirrors", "never", Entry("quay.io", "other.local/q", "NeverContactSource")));
        Ended(7, "source quay.io is AllowContactingSource here and NeverContactSource in imagedigestmirrorsets never", await Run(later, "--verify"));

        await Render(("registries", new JArray("quay.io")));
        Ended(12, "has other entries than the file beside this script", await Run(silent, "--verify"));
    }

    [Fact]
    public async Task A_node_is_asked_itself_through_oc()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        Ended(0, "All nodes", await Run(cluster));
        var kubectl = Checkout.Tool("kubectl", "usr/bin/kubectl");
        var oc = folder.Write("oc", $"#!/bin/bash\nargs=\"$*\"\n[[ $args = *'debug node/n1'* ]] && exec cat {folder["node.conf"]}\nexec {kubectl} \"$@\"\n");
        File.SetUnixFileMode(oc, (UnixFileMode)0b111_101_101);
        var asOc = new Dictionary<string, string?> { ["OC"] = oc };

        folder.Write("node.conf", File.ReadAllText(folder["out", "registries-harbor.conf"]).Replace("location", "# location", StringComparison.Ordinal));
        Ended(12, "node n1: ", await Run(cluster, asOc, ["--verify", "--node", "n1"]));
        folder.Write("node.conf", string.Concat(new[] { "quay.io", "registry.redhat.io" }.Select(source =>
            $"[[registry]]\n  prefix = \"\"\n  location = \"{source}\"\n\n  [[registry.mirror]]\n    location = \"{Registry}/mirror/{source}\"\n    pull-from-mirror = \"digest-only\"\n\n  [[registry.mirror]]\n    location = \"{Registry}/mirror/{source}\"\n    pull-from-mirror = \"tag-only\"\n")));
        Ended(0, "agree", await Run(cluster, asOc, ["--verify", "--node", "n1"]));
        Ended(3, "--node needs oc", await Run(cluster, "--verify", "--node", "n1"));
    }

    [Fact]
    public async Task A_pool_that_is_paused_is_13()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { PausedPools = ["worker"] });

        Ended(13, "pool worker is paused and keeps the old configuration", await Run(cluster));
        Ended(13, "pool worker is paused and keeps the old configuration", await Run(cluster, "--verify"));
        Ended(0, "All nodes", await Run(cluster, "--allow-paused"));
    }

    [Fact]
    public async Task The_authority_becomes_a_part_of_the_one_that_is_trusted()
    {
        using var pki = new Pki(folder["pki"]);
        await Render(("outputs", new JArray("manifests", "script", "trusted_ca")), ("registry_ca_file", pki.CaFile));
        await using var cluster = await FakeCluster.Start();

        Ended(0, "Applied: the certificate authority", await Run(cluster, "--with-ca"));
        Assert.Equal("registry-passthrough-ca", (string)cluster.Get("images", "cluster")!["spec"]!["additionalTrustedCA"]!["name"]!);
        Assert.Contains("BEGIN CERTIFICATE", (string)cluster.Get("configmaps", "registry-passthrough-ca", "openshift-config")!["data"]!["registry.local..8443"]!, StringComparison.Ordinal);
        Ended(0, "Of the certificate authority nothing changes.", await Run(cluster, "--with-ca"));

        await using var other = await FakeCluster.Start();
        other.Put("configmaps", new JObject { ["metadata"] = new JObject { ["name"] = "theirs", ["namespace"] = "openshift-config" }, ["data"] = new JObject { ["else.local"] = "PEM" } });
        other.Put("images", new JObject { ["metadata"] = new JObject { ["name"] = "cluster" }, ["spec"] = new JObject { ["additionalTrustedCA"] = new JObject { ["name"] = "theirs" } } });
        Ended(0, "Applied: the certificate authority", await Run(other, "--with-ca"));
        Assert.Equal(["else.local", "registry.local..8443"], ((JObject)other.Get("configmaps", "theirs", "openshift-config")!["data"]!).Properties().Select(pair => pair.Name).Order());
        Assert.Null(other.Get("configmaps", "registry-passthrough-ca", "openshift-config"));
    }

    [Fact]
    public async Task The_pull_secret_is_replaced_only_where_nothing_is_lost()
    {
        const string Before = """{"auths":{"quay.io":{"auth":"YTpi"}}}""";
        var saved = folder.Write("saved.json", Before + "\n");
        var authfile = folder.Write("auth.json", new JObject { ["auths"] = new JObject { [Registry] = new JObject { ["auth"] = "cHVsbGVyOnMzY3JldA==" } } }.ToString());
        await Render(("outputs", new JArray("manifests", "script", "pull_secret")), ("pull_secret_path", saved), ("authfile", authfile));
        await using var cluster = await FakeCluster.Start();
        Put(Before);

        var result = await Run(cluster, "--with-pull-secret");
        Ended(0, "The pull secret has the registry's account.", result);
        Assert.DoesNotContain("cHVsbGVyOnMzY3JldA", result.All, StringComparison.Ordinal);
        var now = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String((string)cluster.Get("secrets", "pull-secret", "openshift-config")!["data"]![".dockerconfigjson"]!));
        Assert.Equal(["quay.io", Registry], ((JObject)((JObject)Json.Parse(now))["auths"]!).Properties().Select(entry => entry.Name));
        Assert.Equal(Before, File.ReadAllText(Assert.Single(Directory.GetFiles(folder["out", "backup"], "pull-secret.json", SearchOption.AllDirectories))).TrimEnd());
        Ended(0, "The pull secret is as it should be.", await Run(cluster, "--with-pull-secret"));

        Put("""{"auths":{"quay.io":{"auth":"YTpi"},"new.example.com":{"auth":"YTpi"}}}""");
        Ended(7, "the cluster's pull secret is not the one that pull-secret-harbor.json was made from", await Run(cluster, "--with-pull-secret"));

        void Put(string secret) => cluster.Put("secrets", new JObject { ["metadata"] = new JObject { ["name"] = "pull-secret", ["namespace"] = "openshift-config" }, ["data"] = new JObject { [".dockerconfigjson"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(secret)) } });
    }

    [Fact]
    public async Task Signatures_are_applied_where_they_lie_beside_it()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        Ended(3, "no signature-*.yaml or .json is beside this script or in release-signatures/", await Run(cluster, "--with-signatures"));

        // As oc-mirror v2 and v1, and oc adm release mirror, leave them.
        folder.Write("out/signature-configmap.yaml", Signatures("mirrored-release-signatures"));
        folder.Write("out/release-signatures/signature-sha256-1.json", Json.Indented((JObject)Yaml.ParseAll(Signatures("sha256-1")).Single()));
        folder.Write("out/signature-sha256-2.yaml", Signatures("sha256-2"));
        Ended(0, "Applied: the signatures of releases (signature-sha256-1.json)", await Run(cluster, "--with-signatures"));
        Assert.All(new[] { "mirrored-release-signatures", "sha256-1", "sha256-2" }, name => Assert.NotNull(cluster.Get("configmaps", name, "openshift-config-managed")));
        Ended(0, "Of the signatures of releases (signature-configmap.yaml) nothing changes.", await Run(cluster, "--with-signatures"));

        static string Signatures(string name) => $"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: openshift-config-managed\n  labels:\n    release.openshift.io/verification-signatures: \"\"\n";
    }

    [Fact]
    public async Task It_finds_its_files_from_elsewhere_and_with_odd_names()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        var elsewhere = folder["with space", "and 'quote'"];
        Directory.CreateDirectory(Path.GetDirectoryName(elsewhere)!);
        Directory.Move(folder["out"], elsewhere);
        File.CreateSymbolicLink(folder["link.sh"], Path.Combine(elsewhere, "apply-icsp-harbor.sh"));
        Directory.CreateDirectory(folder["out"]);
        File.CreateSymbolicLink(Script, Path.Combine(elsewhere, "apply-icsp-harbor.sh"));

        Ended(0, "All nodes are redirected", await Run(cluster));
        Assert.True(Directory.Exists(Path.Combine(elsewhere, "backup")));
    }

    [Fact]
    public async Task A_source_among_its_own_mirrors_is_not_waited_for()
    {
        await Render(("registries", new JArray(new JObject { ["source"] = "quay.io/a", ["mirrors"] = new JArray("m.local/a", "quay.io/a") })));
        await using var cluster = await FakeCluster.Start();

        Ended(0, "All nodes are redirected", await Run(cluster, "--start-timeout", "20s"));
    }

    [Fact]
    public async Task Interrupted_it_says_how_to_go_on()
    {
        await Render();
        await using var cluster = await FakeCluster.Start(new() { Operator = FakeOperator.NeverEnds });
        var begun = new TaskCompletionSource();
        var running = Command.Start([Script, "--poll", "0.01"], Settings(cluster) with
        {
            OnOutput = text =>
            {
                if (text.Contains("of 3 nodes", StringComparison.Ordinal))
                    begun.TrySetResult();
            },
        });
        await Task.WhenAny(begun.Task, running.Completion);

        (await Command.Run("kill", "-TERM", $"{running.Id}")).MustSucceed();

        var result = await running.Completion;
        Ended(130, "interrupted; the objects stay as they are now and the nodes go on without this script", result);
        Assert.Contains("apply-icsp-harbor.sh --wait-only", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_kubeconfig_may_come_as_OC_CONFIG()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();

        Ended(10, "The server accepts the objects", await Run(cluster, new Dictionary<string, string?> { ["KUBECONFIG"] = null, ["OC_CONFIG"] = cluster.KubeConfig(folder["other"]) }, ["--check"]));
    }

    /// <summary>What another object's source holds is never read as shell.</summary>
    [Fact]
    public async Task Names_of_others_are_data()
    {
        await Render();
        await using var cluster = await FakeCluster.Start();
        var trap = folder["trap"];
        cluster.Put("imagecontentsourcepolicies", Set("repositoryDigestMirrors", "odd", Entry($"$(touch {trap})", $"`touch {trap}`"), Entry($"x[$(touch {trap})]", "a|b c")));

        await Run(cluster, "--no-wait");
        await Run(cluster, "--delete", "--no-wait");

        Assert.False(File.Exists(trap));
    }
}
