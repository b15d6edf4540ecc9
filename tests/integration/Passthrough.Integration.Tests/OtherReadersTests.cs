using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>
/// Archives of ours read image by image by tools that nobody here wrote, from Debian's packages: podman of this suite, umoci, oras and containerd of the next.
/// Where a suite cannot be had a test says so. skopeo is in <see cref="InteroperabilityTests"/>.
/// </summary>
public sealed class OtherReadersTests(Stage stage) : IClassFixture<Stage>
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    [SkippableFact]
    public async Task Umoci()
    {
        var umoci = Path.Combine(await Unpack("trixie", "readers", "oras", "umoci", "containerd"), "umoci");
        var layout = stage.Folder.Folder("umoci-layout");
        (await Command.Run(["tar", "-xf", await stage.Archive(), "-C", layout], new CommandSettings())).MustSucceed();

        var listed = (await Command.Run([umoci, "ls", "--layout", layout], new CommandSettings())).MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(stage.Images.Keys.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        // It takes one manifest for an image, no index.
        var (name, image) = stage.Images.Single(image => image.Value.Children.Count == 0);
        var bundle = stage.Folder["umoci-bundle"];
        (await Command.Run([umoci, "unpack", "--rootless", "--image", $"{layout}:{name}", bundle], new CommandSettings())).MustSucceed();
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(bundle, "rootfs"), "*", SearchOption.AllDirectories));
        Assert.Contains(image.Digest.Hex, File.ReadAllText(Path.Combine(bundle, "umoci.json")), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Oras()
    {
        var oras = Path.Combine(await Unpack("trixie", "readers", "oras", "umoci", "containerd"), "oras");
        foreach (var (name, image) in stage.Images)
        {
            var copy = stage.Folder[$"oras-{image.Digest.Hex[..8]}"];

            (await Command.Run([oras, "cp", "--from-oci-layout", $"{await stage.Archive()}@{image.Digest}", "--to-oci-layout", $"{copy}:copy"], new CommandSettings())).MustSucceed();

            Assert.All(image.Manifests, manifest => Assert.Equal(manifest.Manifest.Bytes.ToArray(), File.ReadAllBytes(Path.Combine(copy, "blobs/sha256", manifest.Digest.Hex))));
            Assert.All(image.AllBlobs, blob => Assert.Equal(blob.Bytes, File.ReadAllBytes(Path.Combine(copy, "blobs/sha256", blob.Digest.Hex))));
            Assert.NotEmpty(name);
        }
    }

    [SkippableFact]
    public async Task Containerd()
    {
        var programs = await Unpack("trixie", "readers", "oras", "umoci", "containerd");
        Skip.IfNot(Environment.IsPrivilegedProcess, "containerd runs as root only");
        // The path of a socket has 108 characters at most.
        using var home = new TestFolder("ctr");
        var socket = Path.Combine(Path.GetTempPath(), $"ctr{Environment.ProcessId}.sock");
        if (socket.Length > 100)
            socket = $"/tmp/ctr{Environment.ProcessId}.sock";
        var configuration = home.Write("config.toml", $"""
            version = 2
            root = "{home["root"]}"
            state = "{home["state"]}"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
            [grpc]
              address = "{socket}"
            """);
        await using var daemon = await ServerProcess.Start([Path.Combine(programs, "containerd"), "-c", configuration], new Dictionary<string, string?>());
        string[] ctr = [Path.Combine(programs, "ctr"), "-a", socket];
        for (var i = 0; !File.Exists(socket) && i < 300; i++)
            await Task.Delay(TimeSpan.FromMilliseconds(100));

        (await Command.Run([.. ctr, "images", "import", "--all-platforms", "--no-unpack", await stage.Archive()], new() { Timeout = Patience })).MustSucceed();

        // REF TYPE DIGEST SIZE PLATFORMS LABELS
        var listed = (await Command.Run([.. ctr, "images", "ls"], new CommandSettings())).MustSucceed().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(words => $"{words[0]} {words[2]}");
        Assert.Equal(stage.Images.Select(image => $"{image.Key} {image.Value.Digest}").Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        foreach (var blob in stage.Images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest))
            (await Command.Run([.. ctr, "content", "get", blob.Digest.ToString()], new CommandSettings())).MustSucceed();
    }

    [SkippableFact]
    public async Task Podman()
    {
        var programs = await Unpack("host", "podman", "podman", "conmon", "crun", "libsubid4", "libgpgme11", "libassuan0");
        Skip.IfNot(Environment.IsPrivilegedProcess, "podman without root needs user namespaces");
        var libraries = Path.GetDirectoryName(Directory.GetFiles(Path.Combine(programs, "..", ".."), "libsubid.so*", SearchOption.AllDirectories)[0])!;
        // It wants at most 50 characters.
        var runRoot = $"/tmp/podman{Environment.ProcessId}";
        string[] podman =
        [
            Path.Combine(programs, "podman"), "--root", stage.Folder["podman-root"], "--runroot", runRoot, "--storage-driver", "vfs", "--conmon", Path.Combine(programs, "conmon"), "--runtime", Path.Combine(programs, "crun"), "--cgroup-manager", "cgroupfs",
            "--events-backend", "file", "pull", "--quiet", "--signature-policy", stage.Folder.Write("policy.json", """{"default": [{"type": "insecureAcceptAnything"}]}"""),
        ];
        // Version 4 finds only OCI types by name, and no index in an index.
        foreach (var (name, image) in stage.Images.Where(image => image.Value.Manifest.MediaType != MediaTypes.DockerManifestList && image.Value.Children.All(child => child.Children.Count == 0)))
        {
            var pulled = (await Command.Run([.. podman, $"oci-archive:{await stage.Archive()}:{name}"], new() { Environment = new Dictionary<string, string?> { ["LD_LIBRARY_PATH"] = libraries, ["PODMAN_IGNORE_CGROUPSV1_WARNING"] = "1" }, Timeout = Patience })).MustSucceed();

            var configuration = (image.Children.Count == 0 ? image : image.Children[0]).Blobs[0];
            Assert.EndsWith(configuration.Digest.Hex, pulled.Output.Trim(), StringComparison.Ordinal);
        }

        if (Directory.Exists(runRoot))
            Directory.Delete(runRoot, recursive: true);
    }

    static async Task<string> Unpack(string suite, string name, params string[] packages)
    {
        var folder = Checkout.PathOf("artifacts", "tools", name);
        var unpacked = await Command.Run([Checkout.PathOf("scripts", "unpack-debs"), suite, folder, .. packages], new CommandSettings { Timeout = Patience });
        Skip.IfNot(unpacked.Succeeded, unpacked.All.Trim());
        return Path.Combine(folder, "usr", "bin");
    }
}
