using Passthrough.Core.Archive;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

/// <summary>Layouts with what people pack beside them: read, or what is there is named.</summary>
public sealed class PackedLayoutsTests : IDisposable
{
    static readonly BuiltImage One = ImageBuilder.MultiArch("one");
    static readonly BuiltImage Two = ImageBuilder.Image([ImageBuilder.Layer("two")]);

    readonly TestFolder folder = new("packed");

    public PackedLayoutsTests()
    {
        OciLayout.WriteTar(folder["one.tar"], new Dictionary<string, BuiltImage> { ["quay.io/a/one:1"] = One });
        OciLayout.WriteTar(folder["two.tar"], new Dictionary<string, BuiltImage> { ["quay.io/a/two:2"] = Two });
    }

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string[]> Packed => new()
    {
        { "layout/", ["._layout", ".DS_Store"] },
        { "layout/", ["README.md", "SHA256SUMS"] },
        { "layout/", ["__MACOSX/layout/._index.json", "layout/._index.json", "layout/.DS_Store"] },
        { "a/b/c/", ["a/README", "notes/today.txt", "package.json"] },
        { "/", [] },
        { "/opt/images/layout/", ["/opt/images/SHA256SUMS"] },
        { "./layout/./", ["./README"] },
        { "images/", ["zarf.yaml", "checksums.txt", "components/app/index.json"] },
    };

    [Theory]
    [MemberData(nameof(Packed))]
    public void A_layout_is_found_among_other_files(string prefix, string[] others)
    {
        using var builder = new TarBuilder();
        foreach (var other in others)
            builder.File(other, "something else");

        using var archive = ArchiveFormats.Open(builder.All(folder["one.tar"], name => prefix + name).Write(folder["a.tar"]));

        var image = Assert.Single(archive.Images);
        Assert.Equal(("quay.io/a/one:1", One.Digest), (image.Reference!.ToString(), image.Root.Digest));
        Assert.All(One.AllBlobs, blob => Assert.True(archive.Has(blob.Descriptor)));
    }

    [Fact]
    public void Two_layouts_in_one_tar_are_both_read()
    {
        using var builder = new TarBuilder();
        builder.File("README", "two").All(folder["one.tar"], name => "first/" + name)
            .All(folder["two.tar"], name => "second/deeper/" + name).Write(folder["a.tar"]);

        using var archive = ArchiveFormats.Open(folder["a.tar"]);

        Assert.Equal(["quay.io/a/one:1", "quay.io/a/two:2"], archive.Images.Select(image => image.Reference!.ToString()));
        Assert.Equal(folder["a.tar"], archive.Path);
        Assert.Equal(new FileInfo(folder["a.tar"]).Length, archive.Size);
        Assert.Single(archive.Files);
    }

    [Fact]
    public void A_folder_with_a_layout_and_other_files_is_read_too()
    {
        OciLayout.Write(Path.Combine(folder.Folder("disk"), "layout"), new Dictionary<string, BuiltImage> { ["quay.io/a/one:1"] = One });
        File.WriteAllText(Path.Combine(folder["disk"], "SHA256SUMS"), "");
        File.WriteAllText(Path.Combine(folder["disk"], "._layout"), "");

        using var archive = ArchiveFormats.Open(folder["disk"]);

        Assert.Equal("quay.io/a/one:1", Assert.Single(archive.Images).Reference!.ToString());
    }

    [Theory]
    [InlineData("notes/readme.txt", "(2 members: notes/readme.txt, other)", "give an archive made by this module")]
    [InlineData("disk/images.tar", "(2 members: disk/images.tar, other)", "it has another archive in it: unpack disk/images.tar")]
    [InlineData("site/index.json", "(2 members: site/index.json, other)", "give an archive made by this module")]
    public void What_is_there_instead_is_named(string name, string message, string hint)
    {
        using var builder = new TarBuilder();

        var error = Assert.Throws<ModuleException>(() =>
            ArchiveFormats.Open(builder.File(name, "{}").File("other", "x").Write(folder["a.tar"])));

        Assert.EndsWith(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(hint, error.Hint, StringComparison.Ordinal);
    }
}
