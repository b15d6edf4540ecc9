using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>push-tar-to-registry.yml: its variables, what it shows as left out, and what it does after an interrupted run.</summary>
public sealed class PushPlayTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Playbook = "push-tar-to-registry.yml";
    const int LayerSize = 4_000_000;

    readonly TestFolder folder = new("push");

    public void Dispose() => folder.Dispose();

    /// <summary>Two archives have one name for two images: the later one is pushed, and the other is named.</summary>
    [Fact]
    public async Task What_is_left_out_is_shown_and_variables_reach_the_module()
    {
        WriteArchive("first.tar", "left-out", "first");
        WriteArchive("second.tar", "left-out", "second");

        var archives = new JArray("first.tar", "second.tar");
        var run = await Run(("mirror_tar_file", archives), ("push_concurrency", 1), ("registry_namespace", "team-a"));
        run.MustSucceed();

        const string Task = "Show what the archive has and the registry does not get";
        var shown = Assert.Single(run.Tasks, task => task.Name == Task && task.Status == "ok");
        Assert.Matches("^quay.io/team/left-out:v1: .*has another image of this name$", (string)Assert.Single(shown.Result["msg"]!)!);
        var load = run.Results("image_archive").Last(result => result["images"] is not null);
        Assert.Equal($"{stage.Mirror.Name}/team-a/quay.io/team/left-out:v1", (string?)load["images"]![0]!["target"]);
        Assert.Equal(1, (int?)load["invocation"]!["module_args"]!["concurrency"]);
        Assert.Empty(Directory.GetDirectories(folder["out"], ".ansible_async*"));
    }

    /// <summary>Ctrl-C, and the same command again: the transfer is named and waited for, and every byte is sent once.</summary>
    [Fact]
    public async Task An_interrupted_push_is_rejoined()
    {
        WriteArchive("set.tar", "interrupted", "interrupted", LayerSize);
        await using var line = new SlowLine(stage.Mirror.Port, port: 0, bytesPerSecond: 150_000);
        (string, object)[] variables = [("mirror_tar_file", "set.tar"), ("registry_local_port", $"{line.Port}")];
        var environment = new AnsibleRunner(folder["interrupted"]).Environment(folder["interrupted.jsonl"]);
        var settings = new CommandSettings { WorkingDirectory = Checkout.Playbooks, Environment = environment };
        string[] command = [.. OcMirrorDownloadTests.Interruptible, "ansible-playbook", Playbook, .. Options(variables)];
        var interrupted = Command.Start(command, settings);
        await line.WhenSent(100_000);
        await Command.Run("kill", "-INT", $"{interrupted.Id}");
        Assert.False((await interrupted.Completion).Succeeded);

        var run = (await Run(variables)).MustSucceed();

        Assert.Matches(
            @"Process [0-9]+ of an earlier run is still at work in the background, and this run waits for it\. "
            + @"Follow it: tail -f .*/progress\.log\. Stop it: kill -- -[0-9]+",
            run.Output);
        Assert.DoesNotContain("another process", run.Output, StringComparison.Ordinal);
        Assert.False((bool?)run.Results("image_archive")[^1]["changed"]);
        Assert.InRange(line.Sent, LayerSize, LayerSize * 1.1);
        Assert.Empty(Directory.GetDirectories(folder["out"], ".ansible_async*"));
    }

    /// <summary>The process that is named is the one whose end stops the transfer; the run that waits then does the rest itself.</summary>
    [Fact]
    public async Task The_running_job_stops_as_the_play_says()
    {
        WriteArchive("set.tar", "stopped", "stopped", LayerSize);
        await using var line = new SlowLine(stage.Mirror.Port, port: 0, bytesPerSecond: 60_000);
        (string, object)[] variables = [("mirror_tar_file", "set.tar"), ("registry_local_port", $"{line.Port}")];
        var environment = new AnsibleRunner(folder["stopped"]).Environment(folder["stopped.jsonl"]);
        var settings = new CommandSettings { WorkingDirectory = Checkout.Playbooks, Environment = environment };
        string[] command = [.. OcMirrorDownloadTests.Interruptible, "ansible-playbook", Playbook, .. Options(variables)];
        var interrupted = Command.Start(command, settings);
        await line.WhenSent(50_000);
        await Command.Run("kill", "-INT", $"{interrupted.Id}");
        await interrupted.Completion;

        // Check mode only looks, so it shows the process and waits for nothing.
        var look = await Run(["--check"], variables);
        var named = System.Text.RegularExpressions.Regex.Match(look.Output, "Process ([0-9]+) of .*Stop it: kill -- (-[0-9]+)");
        Assert.True(named.Success, look.Output);
        (await Command.Run("kill", "--", named.Groups[2].Value)).MustSucceed();

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (Directory.Exists($"/proc/{named.Groups[1].Value}"))
            await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
        Assert.True(line.Sent < LayerSize, $"{line.Sent} bytes were sent");
    }

    Task<AnsibleRun> Run(params (string Name, object Value)[] more) => Run([], more);

    Task<AnsibleRun> Run(string[] arguments, (string Name, object Value)[] more) =>
        stage.Ansible().Playbook(Playbook, [.. Options(more), .. arguments], new CommandSettings { WorkingDirectory = Checkout.Playbooks });

    void WriteArchive(string file, string name, string content, int size = 1000)
    {
        Directory.CreateDirectory(folder["images"]);
        Directory.CreateDirectory(folder["out"]);
        OciLayout.WriteTar(folder["images", file], new Dictionary<string, BuiltImage>
        {
            [$"quay.io/team/{name}:v1"] = ImageBuilder.Image([ImageBuilder.Layer($"{content}-{name}", size)]),
        });
    }

    string[] Options((string Name, object Value)[] more)
    {
        var variables = new JObject
        {
            ["registry_type"] = "distribution",
            ["registry_local_uri"] = "127.0.0.1",
            ["registry_local_port"] = $"{stage.Mirror.Port}",
            ["registry_ca_path"] = stage.Mirror.CaFile,
            ["registry_username"] = Stage.UserName,
            ["registry_password"] = Stage.Password,
            ["source_mirror_path"] = folder["images"],
            ["icsp_template_dir"] = folder["out"],
            ["progress_path"] = folder["progress.json"],
            ["transfer_poll"] = 1,
            ["passthrough_become"] = false,
        };
        foreach (var (name, value) in more)
            variables[name] = JToken.FromObject(value);
        return ["-i", "inventory", "-e", $"@{folder.Write("variables.json", Json.Compact(variables))}"];
    }
}
