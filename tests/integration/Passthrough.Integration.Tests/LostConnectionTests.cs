using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>A push by the shipped playbook whose ssh connection is lost in the middle: Ansible's to the host that pushes, or that of the person who started it.</summary>
[Collection(nameof(DebianRoot))]
public sealed class LostConnectionTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Playbook = "push-tar-to-registry.yml";
    const int LayerSize = 4_000_000;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    readonly TestFolder folder = new("lost");

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public async Task The_play_finishes_and_reports_a_push_whose_connections_break_again_and_again()
    {
        var root = await DebianRoot.Target("bookworm", "skopeo");
        await root.Clear();
        await using var target = await SshTarget.Start(folder["ssh"], root);
        await using var line = Line();
        WriteArchive(root["/opt/images"], "again");
        // The play is for localhost; this is another machine under that name.
        string[] options = ["-i", folder.Write("inventory", target.InventoryLine("localhost", "root") + "\n"), "-e", $"@{Variables("/opt", line)}", "-vvvv"];

        var running = Run(options);
        await line.WhenSent(200_000);
        var cut = 0;
        while (!running.IsCompleted && line.Sent < 3_000_000)
        {
            cut += target.DropConnections();
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }

        var run = (await running).MustSucceed();
        var sent = line.Sent;
        Assert.True(cut > 0, "no connection was cut");
        Assert.Contains("Exception during async poll, retrying", run.Output, StringComparison.Ordinal);
        Assert.True((bool?)run.Results("image_archive")[^1]["changed"]);
        // One process sent it all, once.
        Assert.InRange(sent, LayerSize, LayerSize * 1.1);
        Assert.True(File.Exists(root["/opt/out/delivered-distribution.json"]));

        var again = (await Run(options)).MustSucceed();
        Assert.Equal(0, again.Changed);
        Assert.Contains("1 image, 4.0 MiB: all there", (string?)again.Results("image_archive")[^1]["msg"], StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_push_goes_on_when_the_session_that_started_it_is_lost_and_the_next_run_reports_it()
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "Debian's sshd lets only its own user in without root");
        await using var target = await SshTarget.Start(folder["ssh"]);
        await using var line = Line();
        WriteArchive(folder["images"], "session");
        string[] options = ["-i", folder.Write("inventory", "localhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"), "-e", $"@{Variables(folder.Path, line)}"];
        var command = string.Join(' ', new[] { "env", $"ANSIBLE_HOME={folder["home"]}", $"ANSIBLE_LOCAL_TEMP={folder["tmp"]}", $"ANSIBLE_REMOTE_TEMP={folder["remote"]}", "ansible-playbook", Playbook }.Concat(options).Select(Command.Quote));
        string[] session =
        [
            "ssh", "-tt", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-i", target.KeyFile, "-p", $"{target.Port}",
            $"{Environment.UserName}@127.0.0.1", $"cd {Command.Quote(Checkout.Playbooks)} && {command}",
        ];

        var running = Command.Run(session, new CommandSettings { Timeout = Patience });
        await Task.WhenAny(line.WhenSent(200_000), running);
        Assert.False(running.IsCompleted, running.IsCompleted ? (await running).ToString() : "");
        Assert.True(target.DropConnections() > 0);
        Assert.False((await running).Succeeded);
        var sentThen = line.Sent;
        await Finished();

        Assert.InRange(sentThen, 200_000, LayerSize / 2);
        // Nobody but the process that was left alone has sent the rest.
        Assert.InRange(line.Sent, LayerSize, LayerSize * 1.1);
        var next = (await Run(options)).MustSucceed();
        Assert.False((bool?)next.Results("image_archive")[^1]["changed"]);
        Assert.Contains("1 image, 4.0 MiB: all there", (string?)next.Results("image_archive")[^1]["msg"], StringComparison.Ordinal);
        Assert.InRange(line.Sent, LayerSize, LayerSize * 1.1);
    }

    SlowLine Line() => new(stage.Mirror.Port, port: 0, bytesPerSecond: 400_000);

    /// <summary>Waits until what goes on in the background says that it is done.</summary>
    async Task Finished()
    {
        using var limit = new CancellationTokenSource(Patience);
        while ((string?)Json.TryParseObject(await File.ReadAllTextAsync(folder["progress.json"], limit.Token))?["phase"] != "done")
            await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
    }

    static void WriteArchive(string directory, string name)
    {
        Directory.CreateDirectory(directory);
        OciLayout.WriteTar(Path.Combine(directory, "set.tar"), new Dictionary<string, BuiltImage> { [$"quay.io/team/{name}:v1"] = ImageBuilder.Image([ImageBuilder.Layer(name, LayerSize)]) });
    }

    /// <param name="place">Where the playbook's folders are, on the host that pushes.</param>
    string Variables(string place, SlowLine line) => folder.Write("variables.json", Json.Compact(JObject.FromObject(new Dictionary<string, object?>
    {
        ["registry_type"] = "distribution",
        ["registry_local_uri"] = "127.0.0.1",
        ["registry_local_port"] = $"{line.Port}",
        ["registry_ca_path"] = stage.Mirror.CaFile,
        ["registry_username"] = Stage.UserName,
        ["registry_password"] = Stage.Password,
        ["source_mirror_path"] = $"{place}/images",
        ["mirror_tar_file"] = "set.tar",
        ["icsp_template_dir"] = $"{place}/out",
        ["progress_path"] = $"{place}/progress.json",
        ["transfer_poll"] = 1,
        ["passthrough_become"] = false,
    })));

    Task<AnsibleRun> Run(string[] options) => stage.Ansible().Playbook(Playbook, options, new CommandSettings { WorkingDirectory = Checkout.Playbooks });
}
