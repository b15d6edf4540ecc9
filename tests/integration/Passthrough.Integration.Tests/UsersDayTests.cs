using Passthrough.Core.Oci;
using Passthrough.Testing;

namespace Passthrough.Integration.Tests;

/// <summary>The user's day by the shipped playbooks and the real ansible-playbook, the commands as the guide has them.</summary>
public sealed class UsersDayTests(Stage stage) : IClassFixture<Stage>
{
    [Fact]
    public async Task Download_setup_push_validate_then_everything_again_without_a_change()
    {
        var day = new UsersDay(stage, "day");
        foreach (var playbook in UsersDay.Playbooks)
        {
            // Validation has nothing to write, so nothing that check mode could predict.
            if (playbook != UsersDay.Validate)
            {
                var files = day.Files();
                var mark = await stage.Mirror.Mark();
                var predicted = (await day.Run(playbook, "--check")).MustSucceed();
                Assert.True(predicted.Changed > 0, $"{playbook} --check predicts nothing:\n{predicted.Command}");
                Assert.Empty(await stage.Mirror.Writes(mark));
                Assert.Equal(files, day.Files());
            }

            (await day.Run(playbook, "-vvvv")).MustSucceed();
        }

        // What was validated is every image by tag and by digest, and the negative control.
        var validation = await day.Validation();
        Assert.True((bool?)validation["passed"]);
        foreach (var source in stage.Images.Keys)
            Assert.Contains(validation["images"]!, image => ((string?)image["source"])!.StartsWith(Reference.Parse(source).Name, StringComparison.Ordinal) && (string?)image["by"] == "digest");
        Assert.All(validation["images"]!, image => Assert.Equal((string?)image["expected"], (string?)image["got"]));
        Assert.NotEmpty(validation["controls"]!);
        Assert.All(validation["controls"]!, control => Assert.Contains("is blocked", (string?)control["got"], StringComparison.Ordinal));

        var settled = day.Files();
        var start = await stage.Mirror.Mark();
        foreach (var playbook in UsersDay.Playbooks)
        {
            var again = (await day.Run(playbook)).MustSucceed();
            Assert.True(again.Changed == 0, $"{playbook}, the second time:\n{again.Command}");
        }

        Assert.Equal(settled, day.Files());
        Assert.Empty(await stage.Mirror.Writes(start));
        Assert.Empty(day.Secrets.Find());
        Assert.True(day.Secrets.Length > 10_000);
        Assert.All(Directory.GetFiles(day.Output, "*-config.json"), file =>
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    /// <summary>Upstream's DAG calls setup like this; the groups `registry` and `orchestration` are missing, which must not end as "no hosts matched".</summary>
    [Fact]
    public async Task From_the_root_with_localhost_as_the_only_inventory()
    {
        var day = new UsersDay(stage, "root") { WorkingDirectory = Checkout.Root, Inventory = ["-i", "localhost,", "-c", "local"] };
        foreach (var playbook in UsersDay.Playbooks)
        {
            var run = (await day.Run(playbook)).MustSucceed();
            Assert.DoesNotContain("no hosts matched", run.Output, StringComparison.OrdinalIgnoreCase);
            Assert.True(run.Recap["localhost"].Ok > 0, run.Command.ToString());
        }

        Assert.True((bool?)(await day.Validation())["passed"]);
    }

    [Fact]
    public async Task Without_an_inventory_setup_falls_back_to_localhost_and_says_so()
    {
        var day = new UsersDay(stage, "bare") { Inventory = ["-i", "no-such-inventory"] };

        var run = (await day.Run(UsersDay.Setup)).MustSucceed();

        Assert.True(run.Recap["localhost"].Ok > 0, run.Command.ToString());
        Assert.Contains("localhost", string.Join(' ', run.Tasks.Select(task => task.Result["msg"]?.ToString()).OfType<string>()), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(day.Output, "icsp-distribution-localhost.yml")));
    }

    [Fact]
    public async Task Validation_of_nothing_fails()
    {
        var day = new UsersDay(stage, "nothing");
        (await day.Run(UsersDay.Setup)).MustSucceed();

        var run = await day.Run(UsersDay.Validate);

        Assert.False(run.Succeeded);
        Assert.Contains("nothing delivered, not proved", run.Output, StringComparison.Ordinal);
    }
}
