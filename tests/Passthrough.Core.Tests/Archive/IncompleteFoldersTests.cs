using Passthrough.Core.Archive;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

/// <summary>What an interrupted <c>skopeo sync --dest dir</c> leaves: an image that is not whole is named, it never vanishes.</summary>
public sealed class IncompleteFoldersTests : IDisposable
{
    const string Version = "Directory Transport Version: 1.1\n";

    static readonly BuiltImage Whole = ImageBuilder.Image([ImageBuilder.Layer("whole")]);
    static readonly BuiltImage Other = ImageBuilder.Image([ImageBuilder.Layer("other")]);

    readonly TestFolder folder = new("sync");

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string[]> Interrupted => new()
    {
        { "without manifest.json", ["version", "blobs"] },
        { "with its version alone", ["version"] },
        { "with a blob that was being written", ["version", "unfinished"] },
        { "without version and manifest.json", ["blobs"] },
        { "with a manifest.json that is a link", ["version", "blobs", "link"] },
    };

    [Theory]
    [MemberData(nameof(Interrupted))]
    public void Its_folder_is_named(string what, string[] files)
    {
        foreach (var prefix in (string[])["", "disk/"])
        {
            using var builder = Folder(new TarBuilder(), prefix + "quay.io/a/whole:1", Whole, "version", "blobs", "manifest");
            using var archive = ArchiveFormats.Open(Folder(builder, prefix + "quay.io/a/other:2", Other, files).Write(folder["a.tar"]));

            Assert.Equal(["quay.io/a/whole:1"], archive.Images.Select(image => image.Reference!.ToString()));
            var skipped = Assert.Single(archive.Skipped);
            Assert.True(skipped.IsIncomplete, what);
            Assert.Equal("quay.io/a/other:2", skipped.Name);
            Assert.Contains("manifest.json", skipped.Reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_folder_without_its_version_is_an_image_all_the_same()
    {
        using var builder = Folder(new TarBuilder(), "quay.io/a/whole:1", Whole, "version", "blobs", "manifest");
        using var archive = ArchiveFormats.Open(Folder(builder, "quay.io/a/other:2", Other, "blobs", "manifest").Write(folder["a.tar"]));

        Assert.Equal([Whole.Digest, Other.Digest], archive.Images.Select(image => image.Root.Digest));
        Assert.Empty(archive.Skipped);
    }

    [Fact]
    public void Files_that_a_deduplicated_tree_shares_are_there_in_each_folder()
    {
        using var builder = Folder(new TarBuilder(), "quay.io/a/whole:1", Whole, "version", "blobs", "manifest");
        foreach (var file in Whole.AllBlobs.Select(blob => blob.Digest.Hex).Concat(["version", "manifest.json"]))
            builder.Link($"quay.io/b/same:1/{file}", $"quay.io/a/whole:1/{file}", System.Formats.Tar.TarEntryType.HardLink);

        using var archive = ArchiveFormats.Open(builder.Write(folder["a.tar"]));

        Assert.Equal(["quay.io/a/whole:1", "quay.io/b/same:1"], archive.Images.Select(image => image.Reference!.ToString()));
        Assert.Empty(archive.Skipped);
    }

    static TarBuilder Folder(TarBuilder builder, string name, BuiltImage image, params string[] files)
    {
        if (files.Contains("version"))
            builder.File($"{name}/version", Version);
        if (files.Contains("blobs"))
        {
            foreach (var blob in image.AllBlobs)
                builder.File($"{name}/{blob.Digest.Hex}", blob.Bytes);
        }

        if (files.Contains("unfinished"))
            builder.File($"{name}/dir-put-blob123456", [1, 2, 3]);
        if (files.Contains("manifest"))
            builder.File($"{name}/manifest.json", image.Manifest.Bytes.ToArray());
        if (files.Contains("link"))
            builder.Link($"{name}/manifest.json", "../elsewhere/manifest.json");
        return builder;
    }
}
