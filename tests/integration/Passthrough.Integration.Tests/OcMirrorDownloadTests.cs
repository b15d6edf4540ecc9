using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>download-to-tar.yml with oc-mirror of many releases: what it is called with, and what stays of earlier downloads.</summary>
public sealed class OcMirrorDownloadTests : IDisposable
{
    const string Playbook = "download-to-tar.yml";

    readonly TestFolder folder = new("oc-mirror");

    public void Dispose() => folder.Dispose();

    /// <summary>Without a choice: v2 wherever it can be used; no flag where there is none.</summary>
    [Theory]
    [InlineData("4.14", "", "v1alpha2")]
    [InlineData("4.15", "", "v1alpha2")]
    [InlineData("4.16", "--v2", "v2alpha1")]
    [InlineData("4.17", "--v2", "v2alpha1")]
    [InlineData("4.18", "--v2", "v2alpha1")]
    [InlineData("4.20", "--v2", "v2alpha1")]
    [InlineData("4.21", "--v2", "v2alpha1")]
    [InlineData("4.22", "--v2", "v2alpha1")]
    public async Task Every_release_downloads(string release, string flag, string version)
    {
        var tool = new FakeOcMirror(folder["bin"], release);

        (await Run(tool)).MustSucceed();

        var words = Assert.Single(tool.Downloads).Split(' ');
        Assert.Equal(flag, string.Join(' ', words.Where(word => word.StartsWith("--v", StringComparison.Ordinal))));
        var config = await File.ReadAllTextAsync(folder["images", "imageSetConfig.yml"]);
        Assert.Contains($"apiVersion: mirror.openshift.io/{version}\n", config, StringComparison.Ordinal);
        // The name that a push takes without being told.
        var archive = await File.ReadAllTextAsync(folder["images", "mirror_seq1_000000.tar"]);
        Assert.StartsWith($"{(flag.Length > 0 ? "v2" : "v1")} of {release}", archive, StringComparison.Ordinal);
        Assert.False(Path.Exists(folder["images", ".ansible_async"]));
    }

    [Theory]
    [InlineData("4.14", "")]
    [InlineData("4.16", "--v1 ")]
    [InlineData("4.20", "--v1 ")]
    [InlineData("4.22", "--v1 ")]
    public async Task V1_stays_a_choice(string release, string flag)
    {
        var tool = new FakeOcMirror(folder["bin"], release);

        (await Run(tool, ("oc_mirror_version", "v1"), ("max_per_registry", 3), ("continue_on_error", true))).MustSucceed();
        (await Run(tool, ("oc_mirror_version", "v1"))).MustSucceed();

        var images = folder["images"];
        Assert.Equal(
            $"--config {images}/imageSetConfig.yml {flag}--max-per-registry 3 --continue-on-error file://{images}", tool.Downloads[0]);
        Assert.Equal(["mirror_seq1_000000.tar", "mirror_seq2_000000.tar"], Archives());
    }

    /// <summary>v2 deletes mirror_*.tar of its folder before each run, its own earlier archives and those of image_archive.</summary>
    [Theory]
    [InlineData("4.17")]
    [InlineData("4.22")]
    public async Task A_second_download_leaves_the_first(string release)
    {
        var tool = new FakeOcMirror(folder["bin"], release);
        folder.Write("images/mirror_seq1_000000.tar", "of image_archive");

        (await Run(tool, ("archive_size", 4), ("max_per_registry", 7))).MustSucceed();
        (await Run(tool)).MustSucceed();

        Assert.Equal(["mirror_seq1_000000.tar", "mirror_seq2_000000.tar", "mirror_seq2_000001.tar", "mirror_seq3_000000.tar"], Archives());
        Assert.Equal("of image_archive", await File.ReadAllTextAsync(folder["images", "mirror_seq1_000000.tar"]));
        Assert.EndsWith("run 1\n", await File.ReadAllTextAsync(folder["images", "mirror_seq2_000000.tar"]), StringComparison.Ordinal);
        Assert.EndsWith("run 2\n", await File.ReadAllTextAsync(folder["images", "mirror_seq3_000000.tar"]), StringComparison.Ordinal);
        Assert.Equal(release == "4.22", tool.Downloads[0].Contains("--parallel-images 7", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_failed_download_says_why_in_one_sentence_and_its_half_archive_is_not_taken()
    {
        var tool = new FakeOcMirror(folder["bin"], "4.21");
        (await Run(tool)).MustSucceed();
        tool.Fail();

        var failed = await Run(tool);

        Assert.False(failed.Succeeded);
        Assert.Equal(
            "oc-mirror v2 ended with exit code 4: [Executor] some errors occurred during the mirroring. "
            + "Archives of earlier downloads are unchanged; run the playbook again, and oc-mirror continues",
            (string?)Assert.Single(failed.Tasks, task => task.Status == "failed").Result["msg"]);
        Assert.Equal(["mirror_seq1_000000.tar"], Archives());
        tool.Recover();
        (await Run(tool)).MustSucceed();
        Assert.Equal(["mirror_seq1_000000.tar", "mirror_seq2_000000.tar"], Archives());
    }

    [Theory]
    [InlineData("4.15", "v2", "the oc-mirror on this host has no v2: install oc-mirror 4.16 or later, or set oc_mirror_version: v1")]
    [InlineData("4.22", "v3", "oc_mirror_version v3 is not known: use v2 or v1")]
    public async Task What_the_program_cannot_do_is_said_before_it_runs(string release, string version, string message)
    {
        var tool = new FakeOcMirror(folder["bin"], release);

        var run = await Run(tool, ("oc_mirror_version", version));

        Assert.Equal(message, (string?)Assert.Single(run.Tasks, task => task.Status == "failed").Result["msg"]);
        Assert.Empty(tool.Downloads);
    }

    /// <summary>v1 that has never run in a folder begins with sequence 1, whatever has that name.</summary>
    [Fact]
    public async Task V1_overwrites_no_archive_of_others()
    {
        var tool = new FakeOcMirror(folder["bin"], "4.14");
        folder.Write("images/mirror_seq1_000000.tar", "of image_archive");

        var run = await Run(tool);

        var failure = Assert.Single(run.Tasks, task => task.Status == "failed");
        Assert.Contains("would overwrite mirror_seq1_000000.tar", (string?)failure.Result["msg"], StringComparison.Ordinal);
        Assert.Equal("of image_archive", await File.ReadAllTextAsync(folder["images", "mirror_seq1_000000.tar"]));
    }

    [Fact]
    public async Task Check_mode_says_that_it_does_not_know()
    {
        var tool = new FakeOcMirror(folder["bin"], "4.22");

        var run = (await Run(tool, ["--check"])).MustSucceed();

        Assert.Empty(tool.Downloads);
        Assert.Contains("Check mode does not run oc-mirror", run.Output, StringComparison.Ordinal);
        Assert.False(Path.Exists(folder["images"]));
    }

    /// <summary>Ctrl-C ends ansible-playbook, not the program; the next run waits for it instead of starting another.</summary>
    [Fact]
    public async Task An_interrupted_download_is_rejoined()
    {
        var tool = new FakeOcMirror(folder["bin"], "4.22");
        tool.Hold();
        var interrupted = Start(tool);
        await When(() => tool.Downloads.Length == 1);
        await Command.Run("kill", "-INT", $"{interrupted.Id}");
        Assert.False((await interrupted.Completion).Succeeded);

        var next = Run(tool);
        // Long enough for a run that does not wait to have begun a second download.
        await Task.Delay(TimeSpan.FromSeconds(15));
        Assert.Single(tool.Downloads);
        tool.GoOn();
        var run = (await next).MustSucceed();

        Assert.Matches(
            @"Process [0-9]+ of an earlier run is still at work in the background, and this run waits for it\. "
            + @"It works in .*\. Stop it: kill -- -[0-9]+",
            run.Output);
        // What the first had got is an archive of its own; the second came after it.
        Assert.Equal(["mirror_seq1_000000.tar", "mirror_seq2_000000.tar"], Archives());
        Assert.False(Path.Exists(folder["images", ".ansible_async"]));
    }

    /// <summary>What the play says to type ends oc-mirror, and all that started it.</summary>
    [Fact]
    public async Task The_running_download_stops_as_the_play_says()
    {
        var tool = new FakeOcMirror(folder["bin"], "4.22");
        tool.Hold();
        var interrupted = Start(tool);
        await When(() => tool.Downloads.Length == 1);
        await Command.Run("kill", "-INT", $"{interrupted.Id}");
        await interrupted.Completion;
        Assert.True(IsRunning());

        // Check mode only looks, so it shows the process and waits for nothing.
        var look = (await Run(tool, ["--check"])).MustSucceed();
        var process = System.Text.RegularExpressions.Regex.Match(look.Output, "Stop it: kill -- (-[0-9]+)").Groups[1].Value;
        (await Command.Run("kill", "--", process)).MustSucceed();

        await When(() => !IsRunning());
        Assert.Empty(Directory.GetFiles(folder["images"], "mirror_*.tar"));
    }

    bool IsRunning() => Directory.GetDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])).Any(path =>
    {
        try
        {
            return File.ReadAllText(Path.Combine(path, "cmdline")).Contains(folder["bin", "oc-mirror"] + "\0", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    });

    string[] Archives() =>
        [.. Directory.GetFiles(folder["images"], "mirror_*.tar").Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    Task<AnsibleRun> Run(FakeOcMirror tool, params (string Name, object Value)[] more) => Run(tool, [], more);

    Task<AnsibleRun> Run(FakeOcMirror tool, string[] arguments, params (string Name, object Value)[] more) =>
        new AnsibleRunner(folder[$"ansible-{Guid.NewGuid():N}"[..14]]).Playbook(Playbook, [.. Options(more), .. arguments], Settings(tool));

    /// <summary>Whoever runs the tests in the background has Ctrl-C ignored, and all that they start would ignore it too.</summary>
    internal static readonly string[] Interruptible = ["env", "--default-signal=INT"];

    RunningCommand Start(FakeOcMirror tool)
    {
        var environment = new AnsibleRunner(folder["interrupted"]).Environment(folder["interrupted.jsonl"]);
        environment["PATH"] = tool.SearchPath;
        string[] command = [.. Interruptible, "ansible-playbook", Playbook, .. Options([])];
        return Command.Start(command, Settings(tool) with { Environment = environment });
    }

    static CommandSettings Settings(FakeOcMirror tool) => new()
    {
        WorkingDirectory = Checkout.Playbooks,
        Environment = new Dictionary<string, string?> { ["PATH"] = tool.SearchPath },
    };

    string[] Options((string Name, object Value)[] more)
    {
        var variables = new JObject
        {
            ["target_mirror_path"] = folder["images"],
            ["openshift_releases"] = new JArray(new JObject { ["name"] = "stable-4.16" }),
            ["passthrough_become"] = false,
            ["transfer_poll"] = 1,
        };
        foreach (var (name, value) in more)
            variables[name] = JToken.FromObject(value);
        return ["-i", "inventory", "-e", Json.Compact(variables)];
    }

    static async Task When(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(100), limit.Token);
    }
}
