using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;

namespace Passthrough.Integration.Tests;

/// <summary>What we write, skopeo reads; what skopeo writes, we read; and the bytes are the same from one end to the other.</summary>
public sealed class InteroperabilityTests(Stage stage) : IClassFixture<Stage>
{
    [Fact]
    public async Task A_mirrored_image_has_the_upstream_bytes_by_tag_and_by_digest()
    {
        (await NativeModule.Run("image_archive", stage.ToMirror(("state", "loaded"), ("path", await stage.Archive())), settings: stage.WithCredentials)).MustSucceed();
        var skopeo = stage.Skopeo();
        foreach (var (source, image) in stage.Images)
        {
            var upstream = await skopeo.RawManifest(stage.Upstream, $"{Reference.Parse(source).Name}@{image.Digest}");
            Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), upstream);
            Assert.Equal(upstream, await skopeo.RawManifest(stage.Mirror, Stage.MirrorPath(source)));
            // Every manifest below, by digest.
            foreach (var manifest in image.Manifests)
                Assert.Equal(Encoding.UTF8.GetString(manifest.Manifest.Bytes.Span), await skopeo.RawManifest(stage.Mirror, $"mirror/{Reference.Parse(source).Name}@{manifest.Digest}"));
        }
    }

    [Fact]
    public async Task Digest_only_images_get_a_tag_that_keeps_them()
    {
        (await NativeModule.Run("image_archive", stage.ToMirror(("state", "loaded"), ("path", await stage.Archive())), settings: stage.WithCredentials)).MustSucceed();
        var (source, image) = stage.Images.Single(entry => Reference.Parse(entry.Key).Digest is not null);

        var raw = await stage.Skopeo().RawManifest(stage.Mirror, $"mirror/{Reference.Parse(source).Name}:sha256-{image.Digest.Hex}.image");

        Assert.Equal(image.Digest, Digest.Sha256(Encoding.UTF8.GetBytes(raw)));
    }

    [Fact]
    public async Task Skopeo_reads_every_image_of_our_archive_by_its_full_reference()
    {
        var archive = await stage.Archive();
        var skopeo = stage.Skopeo();
        foreach (var (source, image) in stage.Images)
        {
            // Debian 12's skopeo finds only OCI types by name in a layout, and no index in an index.
            if (image.Manifest.MediaType == MediaTypes.DockerManifestList || image.Children.Any(child => child.Children.Count > 0))
                continue;
            var target = stage.Folder[$"read-{image.Digest.Hex[..8]}"];

            await skopeo.Copy($"oci-archive:{archive}:{source}", $"dir:{target}");

            Assert.Equal(image.Manifest.Bytes.ToArray(), await File.ReadAllBytesAsync(Path.Combine(target, "manifest.json")));
            Assert.All(image.AllBlobs, blob => Assert.True(File.Exists(Path.Combine(target, blob.Digest.Hex))));
        }
    }

    [Fact]
    public async Task An_oci_archive_made_by_skopeo_loads_with_unchanged_digests()
    {
        var image = ImageBuilder.MultiArch("made-by-skopeo");
        await stage.Upstream.Push(image, "quay.io/team/skopeo", "v2");
        var archive = stage.Folder["skopeo.tar"];
        var skopeo = stage.Skopeo();
        await skopeo.Copy($"docker://{stage.Upstream.Name}/quay.io/team/skopeo:v2", $"oci-archive:{archive}:quay.io/team/skopeo:v2", skopeo.From(stage.Upstream));

        var answer = (await NativeModule.Run("image_archive", stage.ToMirror(("state", "loaded"), ("path", archive)), settings: stage.WithCredentials)).MustSucceed();

        Assert.True(answer.Changed);
        Assert.Equal(image.Digest.ToString(), (string?)answer.Json.SelectToken("images[0].digest"));
        Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), await skopeo.RawManifest(stage.Mirror, "mirror/quay.io/team/skopeo:v2"));
    }

    [Fact]
    public async Task The_checksum_files_beside_an_archive_hold()
    {
        var archive = await stage.Archive();

        (await Testing.Processes.Command.Run(["sha256sum", "-c", Path.GetFileName(archive) + ".sha256"], new() { WorkingDirectory = Path.GetDirectoryName(archive) })).MustSucceed();

        var manifest = JObject.Parse(await File.ReadAllTextAsync(archive + ".manifest.json"));
        Assert.Equal(stage.Images.Keys.Order(StringComparer.Ordinal), manifest["images"]!.Select(image => (string?)image["ref"]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_shared_layer_is_uploaded_once_and_mounted_elsewhere()
    {
        using var folder = new Testing.TestFolder("mount");
        await using var empty = await Testing.Registries.DockerRegistry.Start(folder["registry"]);
        var parameters = empty.Parameters();
        (parameters["state"], parameters["path"]) = ("loaded", await stage.Archive());

        (await NativeModule.Run("image_archive", parameters)).MustSucceed();

        var writes = await empty.Writes();
        var uploads = writes.Select(write => write.UploadedBlob).OfType<string>().ToList();
        Assert.Equal(uploads.Distinct().Count(), uploads.Count);
        Assert.Equal(stage.Images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Count(), uploads.Count);
        Assert.Contains(writes, write => write.IsMount);
        Assert.All(writes, write => Assert.InRange(write.Status, 200, 299));
    }
}
