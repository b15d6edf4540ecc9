using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Core.Validation;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Validation;

/// <summary>The proof with the real skopeo and real registries: what passes, and what the report says of it.</summary>
public sealed class RedirectionProofTests(ProofStage stage) : IClassFixture<ProofStage>
{
    const string Damage =
        "pushing again does not replace damaged content: delete the images that use it from the registry, "
        + "run its garbage collection, then push them again";

    static string Explain(ProofReport report) => $"{report.Message}\n{Json.Indented(report.ToJson())}";

    static string HomeOf(ProofRead read) => read.Command!.Split(' ')[0]["HOME=".Length..];

    [Fact]
    public async Task Every_kind_of_image_passes_by_tag_and_by_digest()
    {
        var scenario = new Scenario(stage);
        var multi = await scenario.Deliver("quay.io/centos/centos:stream8", ImageBuilder.MultiArch("proof-multi"));
        await scenario.Deliver("quay.io/team/single:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-single", 300)]));
        await scenario.Deliver("registry.redhat.io/ubi9/docker-list:1", ImageBuilder.MultiArch("proof-docker", docker: true));
        await scenario.Deliver("registry.redhat.io/ubi9/docker:1", ImageBuilder.Image([ImageBuilder.Layer("proof-docker-one", docker: true)], docker: true));
        var untagged = await scenario.Deliver("registry.redhat.io/ubi9/only@", ImageBuilder.MultiArch("proof-only"));
        scenario.Redirect("quay.io");
        scenario.Redirect("registry.redhat.io", blocked: true);

        var report = await scenario.Prove();

        Assert.True(report.Passed, Explain(report));
        Assert.Equal("L2", report.Level);
        Assert.StartsWith("skopeo ", report.Tool, StringComparison.Ordinal);
        Assert.Equal("5 images read by upstream name through registries-distribution.conf with every upstream blocked: 9 reads gave the digest that was delivered", report.Message);
        Assert.Equal(9, report.Images.Length);
        Assert.All(report.Images, read => Assert.Equal(read.Expected, read.Got));
        var byTag = Assert.Single(report.Images, read => read.Source.ToString() == "quay.io/centos/centos:stream8");
        Assert.Equal($"{stage.Secured.Name}/{scenario.Namespace}/quay.io/centos/centos:stream8", byTag.Mirror);
        Assert.Equal(multi.Image.Digest, byTag.Got);
        Assert.EndsWith("docker://quay.io/centos/centos:stream8", byTag.Command, StringComparison.Ordinal);
        Assert.Equal([untagged.Upstream], report.Images.Where(read => read.Source.Repository == "ubi9/only").Select(read => read.Source));
        Assert.Equal(["quay.io", "registry.redhat.io"], report.Controls.Select(control => control.Source));
        Assert.All(report.Controls, control => Assert.Contains(" is blocked in ", control.Got, StringComparison.Ordinal));
        Assert.Contains(report.Proved, sentence => sentence.StartsWith($"quay.io/team/single@", StringComparison.Ordinal) && sentence.Contains("was copied whole", StringComparison.Ordinal));
        Assert.DoesNotContain(ProofStage.Password, Explain(report), StringComparison.Ordinal);
        Assert.All(report.Images, read => Assert.False(Directory.Exists(HomeOf(read)), read.Command));
    }

    [Fact]
    public async Task Nothing_delivered_is_not_proved()
    {
        var scenario = new Scenario(stage);

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.Equal("nothing delivered, not proved", report.Message);
        Assert.Equal("push images first (push-tar-to-registry.yml), or name some in validation_images", report.Hint);
        Assert.Equal("""{"passed":false,"level":null,"tool":null,"images":[],"controls":[],"proved":[],"not_proved":["anything: no image was delivered and none was named, so nothing was tried"]}""", Json.Compact(report.ToJson()));
    }

    [Fact]
    public async Task Images_that_the_user_names_are_held_to_what_the_mirror_has_and_the_report_says_so()
    {
        var scenario = new Scenario(stage);
        var image = await scenario.Deliver("docker.io/library/nginx:latest", ImageBuilder.MultiArch("proof-named"));
        scenario.Images.Clear();
        scenario.Named.Add("nginx");
        scenario.Named.Add($"nginx:latest@{image.Image.Digest}");
        scenario.Redirect("docker.io");

        var report = await scenario.Prove();

        Assert.True(report.Passed, Explain(report));
        Assert.Equal(
            ["docker.io/library/nginx:latest", $"docker.io/library/nginx@{image.Image.Digest}"],
            report.Images.Select(read => read.Source.ToString()).Distinct().Order(StringComparer.Ordinal));
        Assert.Single(report.NotProved, "that docker.io/library/nginx:latest is what it is upstream: no delivery recorded its digest, so what the mirror has under the tag was expected");
    }

    [Fact]
    public async Task A_named_image_that_the_mirror_does_not_have_fails()
    {
        var scenario = new Scenario(stage);
        scenario.Named.Add("quay.io/team/none:v1");
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.StartsWith($"quay.io/team/none:v1 by tag: {stage.Secured.Name}/{scenario.Namespace}/quay.io/team/none:v1 is not there: it was never pushed, or was removed; skopeo 1", report.Message, StringComparison.Ordinal);
        Assert.True(Assert.Single(report.Controls).Passed);
    }

    [Theory]
    [InlineData("another CA", "give the PEM file of its CA in ca_path (registry_ca_path in the playbooks)")]
    [InlineData("tag removed", "push it again: push-tar-to-registry.yml")]
    [InlineData("tag moved", "push it again: push-tar-to-registry.yml")]
    [InlineData("layer gone from storage", "push it again: push-tar-to-registry.yml")]
    [InlineData("no tag mirrors", "correct the mirrors and render them again: setup-registry-passthrough.yml")]
    [InlineData("mirror with another host", "correct the mirrors and render them again: setup-registry-passthrough.yml")]
    [InlineData("layer damaged", Damage)]
    [InlineData("layer emptied", Damage)]
    public async Task The_hint_says_what_to_do(string breakage, string hint)
    {
        var scenario = new Scenario(stage);
        await scenario.Deliver("quay.io/team/hint:v1", ImageBuilder.MultiArch($"proof-hint-{breakage}"));
        scenario.Redirect("quay.io");
        await Breakage.All.Single(one => one.Kind == breakage).Break(scenario, new Random(1));

        Assert.Equal(hint, (await scenario.Prove()).Hint);
    }

    /// <summary>The remedy, done as it says; and that a push alone, the usual remedy, would not have helped.</summary>
    [Theory]
    [InlineData("layer damaged")]
    [InlineData("layer emptied")]
    public async Task What_is_said_of_damage_helps(string breakage)
    {
        // Garbage is collected while the registry is down, which would disturb the others.
        using var own = new ProofStage();
        await own.InitializeAsync();
        try
        {
            await DamageAndMend(new Scenario(own), breakage);
        }
        finally
        {
            await own.DisposeAsync();
        }
    }

    static async Task DamageAndMend(Scenario scenario, string breakage)
    {
        var registry = scenario.Registry;
        var image = ImageBuilder.MultiArch($"proof-remedy-{breakage}");
        var delivered = await scenario.Deliver("quay.io/team/remedy:v1", image);
        scenario.Redirect("quay.io");
        await Breakage.All.Single(one => one.Kind == breakage).Break(scenario, new Random(1));

        var broken = await scenario.Prove();
        Assert.False(broken.Passed);
        Assert.Equal("FAIL - 0 of 1 image complete in the mirror with the digest of the upstream", broken.Mirrored?.Message);
        await registry.Push(image, delivered.Repository, delivered.Tag);
        Assert.False((await scenario.Prove()).Passed, "a push alone helped");

        await registry.Delete(delivered.Repository, [image.Digest, .. image.Children.Select(child => child.Digest)]);
        await registry.CollectGarbage(deleteUntagged: false);
        await registry.Push(image, delivered.Repository, delivered.Tag);
        var mended = await scenario.Prove();

        Assert.True(mended.Passed, Explain(mended));
        Assert.Equal("PASS - 1 of 1 image complete in the mirror with the digest of the upstream", mended.Mirrored?.Message);
    }

    /// <summary>Whatever the fault is, the two verdicts of one run are the same.</summary>
    [Theory]
    [InlineData("layer emptied", "FAIL")]
    [InlineData("tag moved", "FAIL")]
    [InlineData("configuration gone", "FAIL")]
    [InlineData("manifest of one platform gone", "FAIL")]
    public async Task The_verdict_on_the_images_is_the_verdict_of_the_proof(string breakage, string verdict)
    {
        var scenario = new Scenario(stage);
        await scenario.Deliver("quay.io/team/verdict:v1", ImageBuilder.MultiArch($"proof-verdict-{breakage}"));
        await scenario.Deliver("quay.io/team/other:v1", ImageBuilder.MultiArch($"proof-verdict-other-{breakage}"));
        scenario.Redirect("quay.io");
        await Breakage.All.Single(one => one.Kind == breakage).Break(scenario, new Random(1));

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.Equal($"{verdict} - 1 of 2 images complete in the mirror with the digest of the upstream", report.Mirrored?.Message);
        var passed = report.Images.GroupBy(read => read.Source.Name).Count(reads => reads.All(read => read.Passed));
        Assert.Equal(1, passed);
    }

    [Fact]
    public async Task Complete_images_are_not_proved_where_no_client_was_asked()
    {
        var scenario = new Scenario(stage) { SearchPath = "/nonexistent" };
        await scenario.Deliver("quay.io/team/unasked:v1", ImageBuilder.MultiArch("proof-unasked"));
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.Equal("NOT PROVED - 1 of 1 image complete in the mirror with the digest of the upstream", report.Mirrored?.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_report_says_whose_account_read_the_images(bool clusters)
    {
        var scenario = new Scenario(stage);
        await scenario.Deliver("quay.io/team/whose:v1", ImageBuilder.MultiArch("proof-whose"));
        scenario.Redirect("quay.io");

        var report = await RedirectionProof.RunAsync(scenario.Request() with { IsClusterAccount = clusters }, CancellationToken.None);

        Assert.True(report.Passed, Explain(report));
        Assert.Equal($"user \"{ProofStage.UserName}\"", report.Account);
        Assert.Equal(clusters, report.Proved.Contains($"the cluster's account (user \"{ProofStage.UserName}\") may pull these images"));
        const string Open = "that the cluster's account may pull: ";
        Assert.Equal(!clusters, report.NotProved.Any(sentence => sentence.StartsWith(Open, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_name_in_the_mirror_is_no_upstream_name()
    {
        var scenario = new Scenario(stage);
        var image = await scenario.Deliver("quay.io/team/direct:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-direct")]));
        scenario.Named.Add($"{stage.Secured.Name}/{image.Repository}:v1");
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.StartsWith($"{stage.Secured.Name}/{image.Repository}:v1 by tag: {stage.Secured.Name}/{image.Repository} is a name in the mirror itself, which nothing redirects: give the name that the image has upstream", report.Message, StringComparison.Ordinal);
    }

    /// <summary>skopeo copies no index within an index; what it consists of can be pulled all the same.</summary>
    [Fact]
    public async Task Nested_indexes_and_artifacts_pass()
    {
        var scenario = new Scenario(stage);
        await scenario.Deliver("quay.io/team/nested:v1", ImageBuilder.Index([ImageBuilder.MultiArch("proof-inner"), ImageBuilder.Image([ImageBuilder.Layer("proof-outer")], new("linux", "s390x"))]));
        await scenario.Deliver("quay.io/team/chart:v1", ImageBuilder.Artifact("application/vnd.example.chart", "a chart"u8.ToArray()));
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.True(report.Passed, Explain(report));
    }

    /// <summary>A platform that was not delivered need not be there.</summary>
    [Theory]
    [InlineData("linux/amd64", true)]
    [InlineData("linux/arm64", false)]
    public async Task Of_an_index_the_delivered_platforms_must_be_there(string delivered, bool passes)
    {
        var scenario = new Scenario(stage);
        var image = await scenario.Deliver("quay.io/team/sparse:v1", ImageBuilder.MultiArch($"proof-sparse-{passes}"));
        scenario.RemoveManifest(image, image.Image.Children[1].Digest);
        scenario.Redirect("quay.io");
        var request = scenario.Request();

        var report = await RedirectionProof.RunAsync(request with { Images = [request.Images[0] with { Platforms = [Platform.Parse(delivered)] }] }, default);

        Assert.True(report.Passed == passes, Explain(report));
    }

    [Fact]
    public async Task Without_a_client_it_finds_what_is_wrong_and_proves_nothing()
    {
        var scenario = new Scenario(stage) { SearchPath = stage.Folder.Folder("no-programs") };
        await scenario.Deliver("quay.io/team/self:v1", ImageBuilder.MultiArch("proof-self"));
        scenario.Redirect("quay.io");

        var whole = await scenario.Prove();
        scenario.RemoveTag(scenario.Images[0]);
        var broken = await scenario.Prove();

        Assert.False(whole.Passed);
        Assert.Equal("not proved: neither skopeo nor podman is on this host", whole.Message);
        Assert.Equal("install skopeo (dnf install skopeo, apt-get install skopeo) and run the validation again", whole.Hint);
        Assert.Equal("L1-self", whole.Level);
        Assert.Equal("our own reading of the redirection", whole.Tool);
        Assert.All(whole.Images, read => Assert.Equal(read.Expected, read.Got));
        Assert.Empty(whole.Controls);
        Assert.Empty(whole.Proved);
        Assert.Equal($"quay.io/team/self:v1 by tag: {stage.Secured.Name}/{scenario.Namespace}/quay.io/team/self:v1 is not there, only its digest is: the tag was removed", broken.Message);
    }

    /// <summary>A client that knows no pull-from-mirror would find tags at mirrors for digests.</summary>
    [Fact]
    public async Task A_client_that_goes_where_the_redirection_does_not_lead_proves_nothing()
    {
        var scenario = new Scenario(stage) { SearchPath = OldSkopeo() };
        var image = await scenario.Deliver("quay.io/team/old:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-old")]));
        scenario.Redirect("quay.io").Mirrors.RemoveAll(mirror => mirror.Pull == "tag-only");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.Equal($"quay.io/team/old:v1 by tag: skopeo 1.2.0 read it from {stage.Secured.Name}/{image.Repository}:v1, where the redirection does not lead pulls by tag: a skopeo before 1.8 does not know pull-from-mirror", report.Message);
    }

    [Fact]
    public async Task A_control_that_does_not_fail_as_it_must_fails_the_proof()
    {
        var scenario = new Scenario(stage) { SearchPath = Fake("control", """[[ $HOME != */control ]] || { echo 'level=fatal msg="no such host"' >&2; exit 1; }""") };
        await scenario.Deliver("quay.io/team/control:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-control")]));
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.Equal("the negative control for quay.io did not fail as it must: no such host", report.Message);
        Assert.False(Assert.Single(report.Controls).Passed);
    }

    /// <summary>As one that reads drop-ins of the host beside the private ones.</summary>
    [Fact]
    public async Task A_client_that_reads_other_files_too_proves_nothing()
    {
        var scenario = new Scenario(stage) { SearchPath = Fake("drop-in", """[ "$1" = --version ] || echo 'level=debug msg="Loading registries configuration \"/etc/containers/registries.conf.d/site.conf\""' >&2""") };
        await scenario.Deliver("quay.io/team/drop-in:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-drop-in")]));
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.Contains("it also read /etc/containers/registries.conf.d/site.conf, which may lead elsewhere", report.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_are_in_no_argument_and_files_are_the_users_own()
    {
        var log = stage.Folder["arguments.log"];
        var scenario = new Scenario(stage) { SearchPath = Fake("arguments", $"""echo "$@" >> {log}; for word; do case $word in */auth.json) stat -c '%a %n' "$word" "$(dirname "$word")" >> {log};; esac; done""") };
        await scenario.Deliver("quay.io/team/secret:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-secret")]));
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.True(report.Passed, Explain(report));
        var lines = File.ReadAllLines(log);
        Assert.DoesNotContain(ProofStage.Password, string.Join('\n', lines), StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("600 ", StringComparison.Ordinal) && line.EndsWith("/auth.json", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.StartsWith("700 ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Cancelled_it_leaves_neither_processes_nor_files()
    {
        var started = stage.Folder["started"];
        var scenario = new Scenario(stage) { SearchPath = Fake("slow", $"""[ "$1" = --version ] || {"{"} sleep 600 & echo $$ $! $HOME > {started}.new; mv {started}.new {started}; wait; {"}"}""") };
        await scenario.Deliver("quay.io/team/slow:v1", ImageBuilder.Image([ImageBuilder.Layer("proof-slow")]));
        scenario.Redirect("quay.io");
        using var stop = new CancellationTokenSource();

        var proof = scenario.Prove(stop.Token);
        while (!File.Exists(started))
            await Task.Delay(20);
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => proof);
        var words = File.ReadAllText(started).Split(' ', '\n');
        Assert.False(Runs(words[0]));
        Assert.False(Runs(words[1]));
        Assert.False(Directory.Exists(words[2]));
    }

    [Fact]
    public async Task What_cannot_be_read_is_said_before_anything_runs()
    {
        var scenario = new Scenario(stage);
        scenario.Named.Add("quay.io/team/app:v1");
        scenario.Redirect("quay.io");
        var request = scenario.Request();

        var missing = await Assert.ThrowsAsync<ModuleException>(() => RedirectionProof.RunAsync(request with { RegistriesConf = "/none/registries-quay.conf" }, default));
        scenario.AuthFile = "/none/auth.json";
        var authfile = await Assert.ThrowsAsync<ModuleException>(() => scenario.Prove());
        scenario.AuthFile = null;
        scenario.Credential = new Core.Registry.Auth.Credential { Token = "bare" };
        var token = await Assert.ThrowsAsync<ModuleException>(() => scenario.Prove());

        Assert.Equal("/none/registries-quay.conf does not exist, so there is no redirection to prove | render it first: setup-registry-passthrough.yml", $"{missing.Message} | {missing.Hint}");
        Assert.Equal("auth file /none/auth.json does not exist | correct authfile (or REGISTRY_AUTH_FILE); the file must be on the host that runs the module", $"{authfile.Message} | {authfile.Hint}");
        Assert.Equal($"the token for {stage.Secured.Name} cannot be given to skopeo or podman: they take a bare token on their command line only, where everybody sees it | give username and password, or authfile", $"{token.Message} | {token.Hint}");
    }

    // What is dead may still wait for its parent to notice.
    static bool Runs(string process) => File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    /// <summary>A folder with a skopeo that does something first and is the real one then.</summary>
    string Fake(string name, string first)
    {
        var path = stage.Folder.Write(Path.Combine(name, "skopeo"), $"#!/bin/bash\n{first}\nexec {Checkout.Tool("skopeo", "usr/bin/skopeo")} \"$@\"\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return $"{Path.GetDirectoryName(path)}:{Environment.GetEnvironmentVariable("PATH")}";
    }

    // It says that it is old, and takes no notice of pull-from-mirror.
    string OldSkopeo() => Fake("old", """[ "$1" != --version ] || { echo skopeo version 1.2.0; exit; }; sed -i /pull-from-mirror/d "$HOME"/.config/containers/registries.conf "$HOME"/.config/containers/registries.conf.d/*""");
}
