using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

public sealed class ArchiveSetTests : IDisposable
{
    static readonly BuiltBlob Base = ImageBuilder.Layer("base");
    static readonly BuiltImage Old = ImageBuilder.Image([Base, ImageBuilder.Layer("old")]);
    static readonly BuiltImage New = ImageBuilder.Image([Base, ImageBuilder.Layer("new")]);
    static readonly BuiltImage Other = ImageBuilder.Image([ImageBuilder.Layer("other")]);

    readonly TestFolder folder = new("set");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Blobs_come_from_whichever_archive_has_them()
    {
        OciLayout.Write(folder["full"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:1"] = Old });
        OciLayout.Write(folder["differential"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:2"] = New });
        File.Delete(Path.Combine(folder["differential"], "blobs", "sha256", Base.Digest.Hex));

        using var set = Open("full", "differential");

        Assert.Equal(["quay.io/a/app:1", "quay.io/a/app:2"], set.Images.Select(image => image.Reference!.ToString()));
        Assert.Equal($"{folder["full"]}, {folder["differential"]}", set.Path);
        foreach (var image in set.Images)
        {
            foreach (var blob in (await ManifestTree.ReadAsync(set, image.Reference!, default)).Blobs)
                await ImageParts.Bytes(set, image.Reference!, blob);
        }
    }

    [Fact]
    public async Task What_is_given_later_covers_a_name_and_says_so()
    {
        OciLayout.Write(folder["one"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:1"] = Old, ["quay.io/a/other:1"] = Other });
        OciLayout.Write(folder["two"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:1"] = New, ["quay.io/a/other:1"] = Other });

        using var set = Open("one", "two");

        Assert.Equal([("quay.io/a/other:1", Other.Digest), ("quay.io/a/app:1", New.Digest)], set.Images.Select(image => (image.Reference!.ToString(), image.Root.Digest)).OrderByDescending(image => image.Item1));
        var skipped = Assert.Single(set.Skipped);
        Assert.Equal(("quay.io/a/app:1", Old.Digest, $"{folder["two"]}, which was given later, has another image of this name"), (skipped.Name, skipped.Digest, skipped.Reason));
        Assert.Equal(New.Digest, (await set.ResolveAsync(Reference.Parse("quay.io/a/app:1"), default))!.Digest);
    }

    [Fact]
    public async Task A_damaged_manifest_is_taken_from_an_archive_that_has_it_whole()
    {
        OciLayout.Write(folder["one"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:1"] = Old });
        OciLayout.Write(folder["two"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:1"] = Old });
        File.WriteAllText(Path.Combine(folder["one"], "blobs", "sha256", Old.Digest.Hex), "damaged");

        using var set = Open("one", "two");

        Assert.Equal(Old.Digest, (await set.ReadManifestAsync(set.Images.Single().Reference!, default))!.Digest);
    }

    [Fact]
    public void The_same_path_twice_is_one_archive()
    {
        OciLayout.Write(folder["one"], new Dictionary<string, BuiltImage> { ["quay.io/a/app:1"] = Old });

        using var archive = Open("one", "one");

        Assert.IsType<OciLayoutArchive>(archive);
    }

    [Fact]
    public void Formats_may_be_mixed_and_one_that_cannot_be_read_fails_all()
    {
        OciLayout.Write(folder["one"], new Dictionary<string, BuiltImage> { ["quay.io/a/own:1"] = Old });
        var docker = RecordedArchive.Of("skopeo-1.22.0-docker-twotags.tar").Path;
        using (var set = ArchiveFormats.Open([folder["one"], docker], new ArchiveOptions()))
        {
            Assert.Equal("oci-archive, docker-archive", set.Format);
            Assert.Equal(["quay.io/a/own:1", "quay.example.com/team/app:1.0", "quay.example.com/team/app:stable"], set.Images.Select(image => image.Reference!.ToString()));
        }

        Assert.Throws<ModuleException>(() => ArchiveFormats.Open([folder["one"], folder["nothing"]], new ArchiveOptions()));
    }

    IArchive Open(params string[] names) => ArchiveFormats.Open([.. names.Select(name => folder[name])], new ArchiveOptions());
}
