using Passthrough.Core.Text;
using Passthrough.Core.Validation;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;

namespace Passthrough.Core.Tests.Validation;

/// <summary>The proof with clients that this machine does not have: a newer skopeo, and podman on a host without skopeo. Debian's are unpacked for it, not installed.</summary>
[Trait("Category", "Long")]
public sealed class OtherClientsTests(ProofStage stage) : IClassFixture<ProofStage>
{
    [Fact]
    public async Task A_newer_skopeo_proves_it()
    {
        var unpacked = await Unpack("trixie", "skopeo-trixie", "skopeo", "libc6", "libgpgme11t64", "libassuan9", "libgpg-error0", "libsubid5|libsubid4", "libdevmapper1.02.1", "libselinux1", "libpcre2-8-0", "libudev1", "libsqlite3-0");
        var libraries = Path.Combine(unpacked, "usr", "lib", "x86_64-linux-gnu");

        await PassesWholeAndFailsBroken(Wrap("skopeo", $"{libraries}/ld-linux-x86-64.so.2 --library-path {libraries} {unpacked}/usr/bin/skopeo"), "skopeo 1.18.");
    }

    /// <summary>podman's storage wants root.</summary>
    [Fact]
    public async Task Podman_proves_it()
    {
        await PassesWholeAndFailsBroken(await Podman(), "podman ");
    }

    [Fact]
    public async Task Podman_finds_a_layer_that_is_damaged()
    {
        var scenario = new Scenario(stage) { SearchPath = await Podman() };
        await scenario.Deliver("quay.io/team/small:v1", ImageBuilder.Image([ImageBuilder.Layer("podman-small", 10)]));
        var image = await scenario.Deliver("quay.io/team/damaged:v1", ImageBuilder.Image([ImageBuilder.Layer("podman-damaged", 5000)]));
        scenario.DamageBlob(image.Image.Blobs[1].Digest);
        scenario.Redirect("quay.io");

        var report = await scenario.Prove();

        Assert.False(report.Passed);
        Assert.StartsWith("quay.io/team/damaged:v1 by tag: podman ", report.Message, StringComparison.Ordinal);
    }

    async Task PassesWholeAndFailsBroken(string searchPath, string title)
    {
        var scenario = new Scenario(stage) { SearchPath = searchPath };
        await scenario.Deliver("quay.io/team/multi:v1", ImageBuilder.MultiArch($"multi for {title}"));
        await scenario.Deliver("quay.io/team/only@", ImageBuilder.Image([ImageBuilder.Layer($"only for {title}", docker: true)], docker: true));
        scenario.Redirect("quay.io");

        var whole = await scenario.Prove();
        scenario.RemoveTag(scenario.Images[0]);
        var broken = await scenario.Prove();

        Assert.True(whole.Passed, Explain(whole));
        Assert.StartsWith(title, whole.Tool, StringComparison.Ordinal);
        Assert.Equal("L2", whole.Level);
        Assert.All(whole.Images, read => Assert.StartsWith($"{stage.Secured.Name}/{scenario.Namespace}/quay.io/team/", read.Mirror, StringComparison.Ordinal));
        Assert.Contains(" is blocked in ", Assert.Single(whole.Controls).Got, StringComparison.Ordinal);
        Assert.False(broken.Passed);
        Assert.Contains($"is not there, only its digest is: the tag was removed; {title}", broken.Message, StringComparison.Ordinal);
    }

    /// <summary>Folders with podman and what it calls, without skopeo.</summary>
    async Task<string> Podman()
    {
        var unpacked = await Unpack("host", "podman", "podman", "conmon", "crun", "libsubid4", "libgpgme11", "libassuan0");
        var libraries = Path.GetDirectoryName(Directory.GetFiles(unpacked, "libsubid.so*", SearchOption.AllDirectories)[0]);
        return $"{Wrap("podman", $"env LD_LIBRARY_PATH={libraries} {unpacked}/usr/bin/podman")}:{unpacked}/usr/bin";
    }

    static async Task<string> Unpack(string suite, string name, params string[] packages)
    {
        var folder = Checkout.PathOf("artifacts", "tools", name);
        (await Command.Run([Checkout.PathOf("scripts", "unpack-debs"), suite, folder, .. packages], new CommandSettings { Timeout = TimeSpan.FromMinutes(10) })).MustSucceed();
        return folder;
    }

    /// <summary>A folder with a program that is called as a command says.</summary>
    string Wrap(string name, string command)
    {
        var path = stage.Folder.Write(Path.Combine($"wrapped-{name}", name), $"#!/bin/bash\nPATH=$PATH:/usr/bin exec {command} \"$@\"\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return Path.GetDirectoryName(path)!;
    }

    static string Explain(ProofReport report) => $"{report.Message}\n{Json.Indented(report.ToJson())}";
}
