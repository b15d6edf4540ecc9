using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>download-to-tar.yml a second time into the same folder: no archive loses images that nobody told it to lose.</summary>
public sealed class SecondDownloadTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Playbook = "download-to-tar.yml";

    static readonly string[] First = ["quay.io/centos/centos:stream8", "quay.io/team/tool:v1"];
    static readonly string[] Other = ["docker.io/library/web:1.27"];

    readonly TestFolder folder = new("second");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Other_images_go_into_the_next_sequence_and_every_list_finds_its_own_again()
    {
        var first = (await Run(First)).MustSucceed();
        Assert.True(first.Changed > 0);
        var before = await File.ReadAllBytesAsync(folder["images", "mirror_seq1_000000.tar"]);

        // Check mode predicts the next name, and writes nothing.
        (await Run(Other, ["--check"])).MustSucceed();
        Assert.Equal(["mirror_seq1_000000.tar"], Archives());
        var second = (await Run(Other)).MustSucceed();

        const string Kept = "mirror_seq1_000000.tar has images that this download does not name, so it is left unchanged";
        Assert.Contains(Kept, second.Output, StringComparison.Ordinal);
        Assert.Equal(["mirror_seq1_000000.tar", "mirror_seq2_000000.tar"], Archives());
        Assert.Equal(before, await File.ReadAllBytesAsync(folder["images", "mirror_seq1_000000.tar"]));
        Assert.Equal(0, (await Run(Other)).MustSucceed().Changed);
        Assert.Equal(0, (await Run(First)).MustSucceed().Changed);
        // What only adds goes into the archive that is there, and nothing is left behind.
        (await Run([.. Other, "registry.redhat.io/rhel8/httpd-24:latest"])).MustSucceed();
        Assert.Equal(["mirror_seq1_000000.tar", "mirror_seq2_000000.tar"], Archives());
        Assert.False(Path.Exists(folder["images", ".ansible_async"]));
    }

    [Fact]
    public async Task A_name_that_the_user_gives_is_overwritten_with_a_warning_that_names_what_goes()
    {
        (await Run(First, [], ("mirror_tar_file", "mine.tar"))).MustSucceed();

        var second = (await Run(Other, [], ("mirror_tar_file", "mine.tar"))).MustSucceed();

        Assert.Equal(["mine.tar"], Archives());
        Assert.Contains(second.Warnings, warning => First.All(name => warning.Contains(name, StringComparison.Ordinal)));
    }

    string[] Archives() => [.. Directory.GetFiles(folder["images"], "*.tar").Select(Path.GetFileName).Order(StringComparer.Ordinal)!];

    Task<AnsibleRun> Run(string[] images, params string[] arguments) => Run(images, arguments, []);

    Task<AnsibleRun> Run(string[] images, string[] arguments, params (string Name, object Value)[] more)
    {
        var variables = new JObject
        {
            ["target_mirror_path"] = folder["images"],
            ["images"] = new JArray(images),
            ["pull_from"] = JObject.FromObject(stage.PullFrom),
            ["progress_path"] = folder["progress.json"],
            ["transfer_poll"] = 1,
            ["passthrough_become"] = false,
        };
        foreach (var (name, value) in more)
            variables[name] = JToken.FromObject(value);
        var file = folder.Write("variables.json", Json.Compact(variables));
        var settings = new CommandSettings { WorkingDirectory = Checkout.Playbooks };
        return stage.Ansible().Playbook(Playbook, ["-i", "inventory", "-e", $"@{file}", .. arguments], settings);
    }
}
