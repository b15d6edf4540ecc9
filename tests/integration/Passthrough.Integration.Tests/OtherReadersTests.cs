using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>
/// Archives of ours read image by image by tools that nobody here wrote, from Debian's packages: podman of this suite, umoci, oras and containerd
/// of the next, podman and skopeo of the newest. Where a suite cannot be had a test says so. This suite's skopeo is in <see cref="InteroperabilityTests"/>.
/// </summary>
public sealed class OtherReadersTests(Stage stage) : IClassFixture<Stage>
{
    [SkippableFact]
    public async Task Umoci()
    {
        var umoci = Path.Combine(await Readers(), "umoci");
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
        var oras = Path.Combine(await Readers(), "oras");
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
        var programs = await Readers();
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

        (await Command.Run([.. ctr, "images", "import", "--all-platforms", "--no-unpack", await stage.Archive()], new() { Timeout = TimeSpan.FromMinutes(10) })).MustSucceed();

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
        using var folder = new TestFolder("podman");
        using var tools = await ContainerTools.Of(ContainerTools.Host, folder);
        // Version 4 finds only OCI types by name.
        foreach (var (name, image) in Findable(stage.Images).Where(image => image.Value.Manifest.MediaType != MediaTypes.DockerManifestList))
            await PullByPodman(tools, await stage.Archive(), name, image);
    }

    [SkippableFact]
    public async Task The_newest_skopeo_and_podman_find_docker_types_by_name_too()
    {
        // skopeo 1.18 does not yet.
        using var folder = new TestFolder("docker-types");
        using var tools = await ContainerTools.Of("sid", folder);
        var images = new Dictionary<string, BuiltImage>(stage.Images) { ["quay.io/team/docker:v1"] = ImageBuilder.Image([ImageBuilder.Layer("docker", docker: true)], docker: true) };
        await stage.Upstream.Push(images["quay.io/team/docker:v1"], "quay.io/team/docker", "v1");
        var parameters = stage.SaveAll(folder["set.tar"]);
        parameters["images"] = images.Keys.ToArray();
        (await NativeModule.Run("image_archive", parameters)).MustSucceed();
        foreach (var (name, image) in Findable(images))
        {
            var copy = folder[image.Digest.Hex[..8]];

            await tools.Run("skopeo", "copy", "--quiet", "--all", "--preserve-digests", $"oci-archive:{folder["set.tar"]}:{name}", $"dir:{copy}");
            await PullByPodman(tools, folder["set.tar"], name, image);

            Assert.Equal(image.Manifest.Bytes.ToArray(), await File.ReadAllBytesAsync(Path.Combine(copy, "manifest.json")));
            Assert.All(image.AllBlobs, blob => Assert.Equal(blob.Bytes, File.ReadAllBytes(Path.Combine(copy, blob.Digest.Hex))));
        }
    }

    // No version finds what an index in an index has.
    static IEnumerable<KeyValuePair<string, BuiltImage>> Findable(IReadOnlyDictionary<string, BuiltImage> images) => images.Where(image => image.Value.Children.All(child => child.Children.Count == 0));

    static async Task PullByPodman(ContainerTools tools, string archive, string name, BuiltImage image)
    {
        var pulled = await tools.Run("podman", "pull", "--quiet", $"oci-archive:{archive}:{name}");

        var configuration = (image.Children.Count == 0 ? image : image.Children[0]).Blobs[0];
        Assert.EndsWith(configuration.Digest.Hex, pulled.Trim(), StringComparison.Ordinal);
    }

    static async Task<string> Readers() => Path.Combine(await UnpackedTools.Unpack("trixie", "readers", "oras", "umoci", "containerd"), "usr", "bin");
}
