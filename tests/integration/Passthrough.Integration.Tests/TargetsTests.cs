using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>What platform engineers do to the way between Ansible and a host: pipelining, batches, defaults for a group, async over a line that breaks, and hosts that let no program run.</summary>
[Collection(nameof(DebianRoot))]
public sealed class TargetsTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Group = "[targets]\n";

    readonly TestFolder folder = new("targets");

    public static TheoryData<int, byte, string> Foreign => new()
    {
        // e_machine of the ELF header: aarch64. One letter within the name of the loader.
        { 18, 0xB7, "target does not run the modules, which are programs (*Exec format error*). They were built for another processor: run the playbooks where the processor is the same" },
        { -1, (byte)'?', "target cannot start the modules, which are programs (*not found*). They need glibc 2.28 or newer" },
    };

    public void Dispose() => folder.Dispose();

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Pipelining_changes_nothing(bool pipelining)
    {
        await using var target = await Target();
        var settings = Settings(("ANSIBLE_PIPELINING", pipelining.ToString()));
        var parameters = Registry(("dest_dir", "/opt/targets/auth"));

        var first = await Ansible().AdHoc("target", "registry_auth", parameters, ["-i", Inventory(target, SshTarget.Unprivileged), "--become"], settings);
        var second = await Ansible().AdHoc("target", "registry_auth", parameters, ["-i", Inventory(target, SshTarget.Unprivileged), "--become"], settings);

        Assert.True((bool?)first.MustSucceed().Result("registry_auth")["changed"]);
        Assert.False((bool?)second.MustSucceed().Result("registry_auth")["changed"]);
        Assert.Empty(first.Warnings);
    }

    [SkippableTheory]
    [InlineData("", "several hosts at once")]
    [InlineData("serial: 1", "one after the other")]
    public async Task Hosts_that_share_a_folder(string batches, string way)
    {
        await using var target = await Target();
        var play = folder.Write("play.yml", $"""
            - hosts: targets
              gather_facts: false
              {batches}
              tasks:
                - registry_auth: {Json.Compact(JObject.FromObject(Registry(("dest_dir", "/opt/targets/auth"))))}
            """);

        var run = (await Ansible().Playbook(play, ["-i", Inventory(target, "root", "one", "two", "three")], Settings())).MustSucceed();

        var written = Json.Parse(File.ReadAllText(Assert.Single(Directory.GetFiles(target.Root!["/opt/targets/auth"], "*-docker-config.json"))));
        Assert.Single(written["auths"]!.Cast<JProperty>());
        Assert.Equal(["distribution-auth-config.json", "distribution-docker-config.json"], Directory.GetFileSystemEntries(target.Root["/opt/targets/auth"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        if (batches.Length > 0)
            Assert.Equal([true, false, false], run.Results("registry_auth").Select(result => (bool?)result["changed"]));
        else
            Assert.True(run.Changed >= 1, way);
    }

    [SkippableFact]
    public async Task The_collections_group_takes_defaults()
    {
        await using var target = await Target();
        var artifact = Assert.Single(Directory.GetFiles(Checkout.PathOf("artifacts", "collection"), "*.tar.gz"));
        var installed = Settings(("ANSIBLE_COLLECTIONS_PATH", folder["collections"]));
        (await Ansible().Run(["ansible-galaxy", "collection", "install", "--offline", artifact], installed)).MustSucceed();
        var play = folder.Write("play.yml", $$"""
            - hosts: target
              gather_facts: false
              module_defaults:
                group/disconnected.passthrough.registry: {{Json.Compact(JObject.FromObject(Registry()))}}
              tasks:
                - disconnected.passthrough.mirror_repo:
                    upstreams: [quay.io]
                - disconnected.passthrough.registry_auth:
                    dest_dir: /opt/targets/auth
                - disconnected.passthrough.icsp_render:
                    dest_dir: /opt/targets/icsp
                - disconnected.passthrough.image_archive:
                    state: verified
                    references: [quay.io/nobody/nothing:v1]
                  ignore_errors: true
            """);

        var run = (await Ansible().Playbook(play, ["-i", Inventory(target)], installed)).MustSucceed();

        foreach (var file in new[] { "auth/distribution-docker-config.json", "icsp/icsp-distribution*.yml" })
            Assert.Contains($"127.0.0.1:{stage.Mirror.Port}", await File.ReadAllTextAsync(Directory.GetFiles(target.Root!["/opt/targets"], file)[0]), StringComparison.Ordinal);
        Assert.False((bool?)run.Result("mirror_repo")["failed"] ?? false);
        Assert.DoesNotContain("missing required arguments", (string?)run.Result("image_archive")["msg"], StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_load_under_async_goes_on_while_its_connection_breaks()
    {
        await using var target = await Target();
        var archive = target.Root!["/opt/targets/set.tar"];
        OciLayout.WriteTar(archive, new Dictionary<string, BuiltImage> { ["quay.io/team/large:v1"] = ImageBuilder.Image([ImageBuilder.Layer("large", 4_000_000)]) });
        await using var line = new SlowLine(stage.Mirror.Port, port: 0, bytesPerSecond: 400_000);
        var play = folder.Write("play.yml", $"""
            - hosts: target
              gather_facts: false
              tasks:
                - image_archive: {Json.Compact(JObject.FromObject(Registry(("registry_port", line.Port), ("state", "loaded"), ("path", "/opt/targets/set.tar"), ("record_path", "/opt/targets/record.json"))))}
                  async: 300
                  poll: 1
            """);

        var running = Ansible().Playbook(play, ["-i", Inventory(target), "-vvvv"], Settings());
        await line.WhenSent(200_000);
        var cut = 0;
        while (!running.IsCompleted && line.Sent < 3_000_000)
        {
            cut += target.DropConnections();
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }

        var run = (await running).MustSucceed();
        Assert.True(cut > 0, "no connection was cut");
        Assert.Contains("Exception during async poll, retrying", run.Output, StringComparison.Ordinal);
        var result = run.Results("image_archive")[^1];
        Assert.True((bool?)result["changed"]);
        // One process sent it all, once.
        Assert.InRange(line.Sent, 4_000_000, 4_400_000);
    }

    [SkippableFact]
    public async Task A_folder_where_no_program_runs_is_named_before_anything_is_done()
    {
        await using var target = await Target();
        (await Raw(target, "mkdir -p /mnt/noexec && mount -t tmpfs -o noexec none /mnt/noexec")).MustSucceed();

        var stopped = await Setup(target, "-e", "ansible_remote_tmp=/mnt/noexec/tmp");
        var mended = await Setup(target, "-e", "ansible_remote_tmp=/opt/targets/tmp");

        Assert.False(stopped.Succeeded);
        AssertSays("target does not run the modules, which are programs (*Permission denied*). Set ansible_remote_tmp for this host to a folder on a file system that is mounted without noexec, like /var/lib/ansible/tmp", stopped);
        Assert.Equal(0, stopped.Changed);
        mended.MustSucceed();
    }

    [SkippableTheory]
    [MemberData(nameof(Foreign))]
    public async Task A_host_that_cannot_start_the_program_is_told_why(int at, byte value, string sentence)
    {
        await using var target = await Target();
        var program = await File.ReadAllBytesAsync(Checkout.Module("icsp_render"));
        program[at >= 0 ? at : program.AsSpan().IndexOf("ld-linux-x86-64"u8)] = value;
        (await Command.Run("cp", "-r", Checkout.Playbooks, folder["pack"])).MustSucceed();
        foreach (var module in new[] { "icsp_render", "registry_auth", "mirror_repo", "image_archive" })
            File.Copy(Checkout.Module(module), Path.Combine(folder.Folder("modules"), module));
        await File.WriteAllBytesAsync(folder["modules/icsp_render"], program);

        var run = await Setup(target, folder["pack"]);

        Assert.False(run.Succeeded);
        AssertSays(sentence, run);
    }

    [SkippableFact]
    public async Task A_host_without_OpenSSL_is_told_what_to_install()
    {
        await using var target = await Target();
        (await Raw(target, "for file in /usr/lib/*/libssl.so*; do mount --bind /dev/null $file; done")).MustSucceed();

        var run = await Ansible().AdHoc("target", "mirror_repo", Registry(("upstreams", new[] { "quay.io" })), ["-i", Inventory(target)], Settings());

        Assert.False(run.Succeeded);
        Assert.Equal(
            "this host has no OpenSSL library (looked for libssl.so.3, libssl.so.1.1, libssl.so.1.0.2, libssl.so.1.0.0, libssl.so.10); install the package openssl-libs (RHEL) or libssl3 (Debian, Ubuntu)",
            (string?)run.Result("mirror_repo")["msg"]);
    }

    /// <summary>A host of its own system, reached over ssh, on which nobody has done anything yet.</summary>
    async Task<SshTarget> Target()
    {
        var root = await DebianRoot.Target("bookworm", "skopeo");
        await root.Clear();
        Directory.CreateDirectory(root["/opt/targets"]);
        return await SshTarget.Start(folder[$"ssh-{Guid.NewGuid():N}"], root);
    }

    AnsibleRunner Ansible() => stage.Ansible();

    CommandSettings Settings(params (string Name, string Value)[] more) => new()
    {
        Environment = more.Append((Name: "ANSIBLE_LIBRARY", Value: Checkout.PathOf("modules"))).ToDictionary(pair => pair.Name, pair => (string?)pair.Value),
    };

    /// <summary>Over ssh the controller's environment does not come along.</summary>
    Dictionary<string, object?> Registry(params (string Name, object? Value)[] more) => stage.ToMirror([("username", Stage.UserName), ("password", Stage.Password), .. more]);

    string Inventory(SshTarget target, string user = "root", params string[] names) =>
        folder.Write("inventory", Group + string.Join('\n', (names.Length > 0 ? names : ["target"]).Select(name => target.InventoryLine(name, user))) + "\n");

    Task<AnsibleRun> Raw(SshTarget target, string command) => Ansible().AdHoc("target", "ansible.builtin.raw", command, ["-i", Inventory(target)]);

    Task<AnsibleRun> Setup(SshTarget target, string playbooks) => Setup(target, playbooks, []);

    Task<AnsibleRun> Setup(SshTarget target, string option, string value) => Setup(target, Checkout.Playbooks, [option, value]);

    Task<AnsibleRun> Setup(SshTarget target, string playbooks, string[] more)
    {
        var variables = folder.Write("variables.json", Json.Compact(new JObject
        {
            ["registry_type"] = "distribution",
            ["registry_local_uri"] = "127.0.0.1",
            ["registry_local_port"] = $"{stage.Mirror.Port}",
            ["registry_ca_path"] = stage.Mirror.CaFile,
            ["passthrough_hosts"] = "targets",
        }));
        return Ansible().Playbook("setup-registry-passthrough.yml", ["-i", Inventory(target), "-e", $"@{variables}", .. more], stage.WithCredentials with { WorkingDirectory = playbooks });
    }

    /// <summary>The sentence is what the last failed task says; a star stands for what the shell of the host said.</summary>
    static void AssertSays(string sentence, AnsibleRun run)
    {
        var said = (string?)run.Tasks.Last(task => task.Status == "failed").Result["msg"];
        var parts = sentence.Split('*');
        Assert.StartsWith(parts[0], said, StringComparison.Ordinal);
        foreach (var part in parts)
            Assert.Contains(part, said, StringComparison.Ordinal);
        Assert.EndsWith(parts[^1], said, StringComparison.Ordinal);
    }
}
