using System.Formats.Tar;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

/// <summary>OCI layouts as people and tools leave them: in folders, in tars of folders, with doubled and damaged members, with what is no image.</summary>
public sealed class LayoutVariantsTests : IDisposable
{
    static readonly BuiltImage Multi = ImageBuilder.MultiArch("multi");
    static readonly BuiltImage Single = ImageBuilder.Image([ImageBuilder.Layer("single")]);
    static readonly Dictionary<string, BuiltImage> Images = new() { ["quay.io/a/multi:1"] = Multi, ["r.local:5000/b/single:2"] = Single };

    readonly TestFolder folder = new("layouts");

    public LayoutVariantsTests() => OciLayout.Write(folder["layout"], Images);

    public void Dispose() => folder.Dispose();

    [Fact]
    public Task A_folder_is_read_as_it_lies_there() => AssertReads(folder["layout"]);

    [Fact]
    public Task A_folder_with_a_slash_at_its_end_too() => AssertReads(folder["layout"] + "/");

    [Fact]
    public async Task A_tar_of_the_folder_with_or_without_its_own_name_too()
    {
        TarFile.CreateFromDirectory(folder["layout"], folder["a.tar"], includeBaseDirectory: true);
        await AssertReads(folder["a.tar"]);
        using var builder = new TarBuilder();
        await AssertReads(builder.All(folder["a.tar"], name => "./outer/" + name).Write(folder["c.tar"]));
    }

    [Fact]
    public async Task A_package_that_keeps_its_layout_in_images_too()
    {
        TarFile.CreateFromDirectory(folder["layout"], folder["a.tar"], includeBaseDirectory: false);
        using var builder = new TarBuilder();

        await AssertReads(builder.File("zarf.yaml", "kind: ZarfPackageConfig\n").File("checksums.txt", "").All(folder["a.tar"], name => "images/" + name).Write(folder["z.tar"]));
    }

    [Fact]
    public async Task Links_in_a_folder_are_not_followed()
    {
        var blob = Single.AllBlobs.First();
        var path = Path.Combine(folder["layout"], "blobs", "sha256", blob.Digest.Hex);
        File.Move(path, folder["outside"]);
        File.CreateSymbolicLink(path, folder["outside"]);
        Directory.CreateSymbolicLink(Path.Combine(folder["layout"], "loop"), folder["layout"]);

        using var archive = ArchiveFormats.Open(folder["layout"]);

        Assert.False(archive.Has(blob.Descriptor));
        await Assert.ThrowsAsync<ModuleException>(() => archive.OpenBlobAsync(archive.Images[0].Reference!, blob.Descriptor, 0, default));
    }

    [Fact]
    public void A_folder_that_is_no_layout_is_called_so()
    {
        var error = Assert.Throws<ModuleException>(() => ArchiveFormats.Open(folder.Folder("empty")));

        Assert.Equal((ErrorCodes.ArchiveCorrupt, $"{folder["empty"]} is a folder without index.json: it holds no OCI image layout (0 members)"), (error.Code, error.Message));
    }

    [Fact]
    public async Task A_file_that_vanishes_while_it_is_read_is_told()
    {
        using var archive = ArchiveFormats.Open(folder["layout"]);
        var blob = Single.AllBlobs.First();
        File.Delete(Path.Combine(folder["layout"], "blobs", "sha256", blob.Digest.Hex));

        var error = await Assert.ThrowsAsync<ModuleException>(() => archive.OpenBlobAsync(archive.Images[0].Reference!, blob.Descriptor, 0, default));

        Assert.Equal(ErrorCodes.File, error.Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_two_members_with_one_name_the_one_with_its_digest_counts(bool goodFirst)
    {
        TarFile.CreateFromDirectory(folder["layout"], folder["a.tar"], includeBaseDirectory: false);
        using var builder = new TarBuilder();
        builder.All(folder["a.tar"], change: (name, content) => goodFirst || !name.StartsWith("blobs/", StringComparison.Ordinal) ? content : Damaged(content));
        builder.All(folder["a.tar"], name => name.StartsWith("blobs/", StringComparison.Ordinal) ? name : null, (_, content) => goodFirst ? Damaged(content) : content);

        await AssertReads(builder.Write(folder["b.tar"]));
    }

    [Fact]
    public async Task A_damaged_manifest_is_the_fault_of_its_image_alone()
    {
        var path = Path.Combine(folder["layout"], "blobs", "sha256", Single.Digest.Hex);
        File.WriteAllBytes(path, Damaged(await File.ReadAllBytesAsync(path)));

        using var archive = ArchiveFormats.Open(folder["layout"]);

        Assert.Equal(2, archive.Images.Length);
        Assert.Empty((await ManifestTree.ReadAsync(archive, archive.Images[0].Reference!, default)).Missing);
        var error = await Assert.ThrowsAsync<ModuleException>(() => ManifestTree.ReadAsync(archive, archive.Images[1].Reference!, default));
        Assert.Equal(ErrorCodes.DigestMismatch, error.Code);
        Assert.Equal($"manifest {Single.Digest} in {path} is damaged: its bytes do not have that digest", error.Message);
    }

    [Fact]
    public async Task A_sparse_index_lists_what_is_missing_and_an_image_without_its_manifest_says_so()
    {
        var missing = Multi.Children[1];
        File.Delete(Path.Combine(folder["layout"], "blobs", "sha256", missing.Digest.Hex));
        File.Delete(Path.Combine(folder["layout"], "blobs", "sha256", Single.Digest.Hex));

        using var archive = ArchiveFormats.Open(folder["layout"]);

        Assert.Equal([true, false], archive.Images.Select(image => image.HasManifest));
        Assert.Equal([missing.Digest], (await ManifestTree.ReadAsync(archive, archive.Images[0].Reference!, default)).Missing.Select(child => child.Digest));
    }

    [Fact]
    public void Signatures_and_referrers_belong_to_the_image_that_they_name()
    {
        var signature = ImageBuilder.Artifact("application/vnd.dev.cosign.simplesigning.v1+json", "s"u8.ToArray());
        var referrer = ImageBuilder.Artifact("application/spdx+json", "r"u8.ToArray(), Single);
        var nameless = ImageBuilder.Artifact("application/spdx+json", "n"u8.ToArray(), Single);
        WriteIndex([
            Named(Single, (Annotations.RefName, "quay.io/a/b:1")),
            Named(signature, (Annotations.RefName, $"sha256-{Single.Digest.Hex}.sig")),
            Named(referrer, (Annotations.ContainerdManifestSubject, Single.Digest.ToString())),
            Named(nameless),
            Named(Multi.Children[0]),
            Named(Multi, (Annotations.RefName, "quay.io/a/multi:1")),
        ], signature, referrer, nameless);

        using var archive = ArchiveFormats.Open(folder["layout"]);

        Assert.Equal(["quay.io/a/b:1", "quay.io/a/multi:1"], archive.Images.Select(image => image.Reference!.ToString()));
        Assert.Equal([signature.Digest, referrer.Digest, nameless.Digest], archive.Attachments.Select(attachment => attachment.Digest));
        Assert.All(archive.Attachments, attachment => Assert.Equal(Single.Digest.ToString(), attachment.Annotation(Annotations.ContainerdManifestSubject)));
        Assert.Equal([$"sha256-{Single.Digest.Hex}.sig", null, null], archive.Attachments.Select(attachment => attachment.Annotation(Annotations.RefName)));
    }

    [Fact]
    public void What_hauler_marks_is_sorted_by_its_kind()
    {
        using var archive = RecordedArchive.Of("hauler-2.1-haul.tar.zst").Open();

        Assert.Equal(["hauler/hello.txt:latest", "hauler/demo:0.1.0"], archive.Skipped.Select(skipped => skipped.Name));
        Assert.All(archive.Skipped, skipped => Assert.Equal("it is a chart or a file of hauler's, not an image; name it in references to take it along", skipped.Reason));
        var signed = archive.Images.Single(image => image.Reference!.Repository == "team/signed").Root.Digest;
        Assert.Equal(3, archive.Attachments.Length);
        Assert.All(archive.Attachments, attachment => Assert.Equal(signed.ToString(), attachment.Annotation(Annotations.ContainerdManifestSubject)));
        Assert.Equal([null, null, $"sha256-{signed.Hex}.sig"], archive.Attachments.Select(attachment => attachment.Annotation(Annotations.RefName)));
    }

    [Fact]
    public void What_cosign_and_older_haulers_mark_is_sorted_alike()
    {
        var signature = ImageBuilder.Artifact("application/vnd.dev.cosign.simplesigning.v1+json", "s"u8.ToArray());
        var attestation = ImageBuilder.Artifact("application/vnd.dsse.envelope.v1+json", "a"u8.ToArray());
        const string Name = "quay.io/team/signed:1";
        WriteIndex([
            Named(Multi, ("kind", "dev.cosignproject.cosign/imageIndex"), (Annotations.ContainerdImageName, Name), (Annotations.RefName, "team/signed:1")),
            Named(Single, ("kind", "dev.cosignproject.cosign/image"), (Annotations.RefName, "team/lost:1")),
            Named(signature, ("kind", "dev.cosignproject.cosign/sigs"), (Annotations.ContainerdImageName, Name), (Annotations.RefName, "team/signed:1")),
            Named(attestation, ("kind", "dev.cosignproject.cosign/atts"), (Annotations.RefName, Name)),
            Named(Multi, ("kind", "dev.cosignproject.cosign/imageIndex"), (Annotations.RefName, Name)),
        ], signature, attestation);

        using var archive = ArchiveFormats.Open(folder["layout"]);

        Assert.Equal([(Name, Name), (null, "team/lost:1")], archive.Images.Select(image => (image.Reference?.ToString(), image.Name)));
        Assert.Equal([$"sha256-{Multi.Digest.Hex}.sig", $"sha256-{Multi.Digest.Hex}.att"], archive.Attachments.Select(attachment => attachment.Annotation(Annotations.RefName)));
        Assert.Empty(archive.Skipped);
    }

    [Fact]
    public void A_chart_that_the_user_names_is_taken_along()
    {
        using var archive = RecordedArchive.Of("hauler-2.1-haul.tar.zst").Open(new ImageNames(new Dictionary<string, Reference> { ["hauler/demo:0.1.0"] = Reference.Parse("quay.example.com/charts/demo") }));

        Assert.Contains("quay.example.com/charts/demo:0.1.0", archive.Images.Select(image => image.Reference!.ToString()));
        Assert.Equal(["hauler/hello.txt:latest"], archive.Skipped.Select(skipped => skipped.Name));
    }

    [Fact]
    public void One_image_that_is_listed_twice_is_one()
    {
        WriteIndex([Named(Single, (Annotations.RefName, "docker.io/library/alpine:3.20")), Named(Single, (Annotations.ContainerdImageName, "index.docker.io/library/alpine:3.20"), (Annotations.RefName, "3.20"))]);

        using var archive = ArchiveFormats.Open(folder["layout"]);

        Assert.Equal("docker.io/library/alpine:3.20", Assert.Single(archive.Images).Reference!.ToString());
    }

    [Fact]
    public void A_manifest_json_of_other_tools_is_not_dockers()
    {
        foreach (var text in new[] { """{"schemaVersion":2}""", """[{"Image":{}}]""", "[]", "[5]", "{", """[{"Config":"c","Layers":5}]""", """[{"Config":"c","Layers":[]},null]""" })
        {
            using var builder = new TarBuilder();
            var error = Assert.Throws<ModuleException>(() => ArchiveFormats.Open(builder.File("manifest.json", text).Write(folder["m.tar"])));
            Assert.Equal(ErrorCodes.ArchiveCorrupt, error.Code);
        }
    }

    async Task AssertReads(string path)
    {
        using var archive = ArchiveFormats.Open(path);
        Assert.Equal(Images.Select(image => (image.Key, image.Value.Digest)), archive.Images.Select(image => (image.Reference!.ToString(), image.Root.Digest)));
        foreach (var image in archive.Images)
        {
            var tree = await ManifestTree.ReadAsync(archive, image.Reference!, default);
            Assert.Empty(tree.Missing);
            foreach (var blob in tree.Blobs)
                await ImageParts.Bytes(archive, image.Reference!, blob);
        }
    }

    void WriteIndex(IEnumerable<Descriptor> descriptors, params BuiltImage[] more)
    {
        var blobs = Path.Combine(folder["layout"], "blobs", "sha256");
        foreach (var image in more)
        {
            File.WriteAllBytes(Path.Combine(blobs, image.Digest.Hex), image.Manifest.Bytes.ToArray());
            foreach (var blob in image.AllBlobs)
                File.WriteAllBytes(Path.Combine(blobs, blob.Digest.Hex), blob.Bytes);
        }

        File.WriteAllText(Path.Combine(folder["layout"], "index.json"), Json.Compact(new JObject { ["schemaVersion"] = 2, ["manifests"] = new JArray(descriptors.Select(DescriptorJson.Write)) }));
    }

    static Descriptor Named(BuiltImage image, params (string Key, string Value)[] annotations) =>
        image.Manifest.Descriptor with { Annotations = annotations.ToDictionary(annotation => annotation.Key, annotation => annotation.Value, StringComparer.Ordinal) };

    static byte[] Damaged(byte[] content) => [(byte)(content[0] ^ 1), .. content[1..]];
}
