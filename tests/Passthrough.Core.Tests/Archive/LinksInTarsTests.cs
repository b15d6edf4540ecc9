using System.Formats.Tar;
using System.Text;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Reading;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

/// <summary>Links in tars: a hard link is the member that it names, a symbolic link is named and not followed.</summary>
public sealed class LinksInTarsTests : IDisposable
{
    static readonly BuiltImage Image = ImageBuilder.Image([ImageBuilder.Layer("linked")]);
    static readonly BuiltBlob Layer = Image.AllBlobs.Last();

    readonly TestFolder folder = new("links");

    public LinksInTarsTests() => OciLayout.WriteTar(folder["plain.tar"], new Dictionary<string, BuiltImage> { ["quay.io/a/b:1"] = Image });

    public void Dispose() => folder.Dispose();

    static string Blob => $"blobs/sha256/{Layer.Digest.Hex}";

    /// <summary>Name and target of the links that stand for the layer, and whether they stand before it.</summary>
    public static TheoryData<string, (string Name, string Target)[], bool> HardLinks => new()
    {
        { "after its target", [(Blob, "store/layer")], false },
        { "before its target", [(Blob, "store/layer")], true },
        { "with a leading dot", [(Blob, "./store/layer")], false },
        { "with an absolute target", [(Blob, "/store//layer")], false },
        { "a chain", [("store/one", "store/layer"), ("store/two", "store/one"), (Blob, "store/two")], false },
        { "a chain before its target", [(Blob, "store/two"), ("store/two", "store/one"), ("store/one", "store/layer")], true },
        { "a chain in the other order", [("store/one", "store/layer"), ("store/two", "store/one"), (Blob, "store/two")], true },
    };

    [Theory]
    [MemberData(nameof(HardLinks))]
    public async Task A_hard_link_is_the_member_that_it_names(string what, (string Name, string Target)[] links, bool isBefore)
    {
        foreach (var format in (TarEntryFormat[])[TarEntryFormat.Gnu, TarEntryFormat.Ustar, TarEntryFormat.Pax])
        {
            using var archive = ArchiveFormats.Open(Write(format, links, isBefore));

            Assert.True(archive.Has(Layer.Descriptor), $"{what} ({format})");
            Assert.Equal(Layer.Bytes, await ImageParts.Bytes(archive, archive.Images[0].Reference!, Layer.Descriptor));
            var verified = await new ArchiveVerifier(archive, 1, new TransferProgress()).VerifyAsync(archive.Images, default);
            Assert.Null(verified.Fault);
        }
    }

    [Theory]
    [InlineData("store/nothing")]
    [InlineData("../outside")]
    [InlineData("blobs/sha256")]
    public async Task A_hard_link_to_nothing_is_named(string target)
    {
        using var archive = ArchiveFormats.Open(Write(TarEntryFormat.Gnu, [(Blob, target)], isBefore: false));

        var fault = (await new ArchiveVerifier(archive, 1, new TransferProgress()).VerifyAsync(archive.Images, default)).Fault;

        Assert.Contains($"is a link to {target}, which is not followed", fault!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_symbolic_link_is_named_and_not_followed(bool isInFolder)
    {
        var path = isInFolder ? folder["layout"] : folder["a.tar"];
        if (isInFolder)
        {
            TarFile.ExtractToDirectory(folder["plain.tar"], Directory.CreateDirectory(path).FullName, overwriteFiles: false);
            File.Move(Path.Combine(path, Blob), folder["elsewhere"]);
            File.CreateSymbolicLink(Path.Combine(path, Blob), folder["elsewhere"]);
        }
        else
        {
            using var builder = new TarBuilder();
            builder.All(folder["plain.tar"], name => name == Blob ? "store/layer" : name).Link(Blob, "../../store/layer").Write(path);
        }

        using var archive = ArchiveFormats.Open(path);
        var verified = await new ArchiveVerifier(archive, 1, new TransferProgress()).VerifyAsync(archive.Images, default);

        Assert.Contains(", which is not followed", verified.Fault!.Message, StringComparison.Ordinal);
        var opened = await Assert
            .ThrowsAsync<ModuleException>(() => archive.OpenBlobAsync(archive.Images[0].Reference!, Layer.Descriptor, 0, default));
        Assert.Contains(", which is not followed", opened.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_index_that_is_a_link_is_named()
    {
        using var builder = new TarBuilder();
        builder.All(folder["plain.tar"], name => name == "index.json" ? null : name).Link("index.json", "../real/index.json")
            .Write(folder["a.tar"]);

        var error = Assert.Throws<ModuleException>(() => ArchiveFormats.Open(folder["a.tar"]));

        Assert.Contains("its index.json is a link to ../real/index.json, which is not followed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hard_link_with_its_content_once_more_is_a_file()
    {
        var content = Encoding.UTF8.GetBytes("the content");
        var bytes = new byte[6 * TarHeader.BlockSize];
        TarHeader.Write(bytes, "one", TarHeader.HardLink, 0b110_100_100, content.Length);
        content.CopyTo(bytes, TarHeader.BlockSize);
        TarHeader.Write(bytes.AsSpan(2 * TarHeader.BlockSize), "two", TarHeader.RegularFile, 0b110_100_100, 0);
        File.WriteAllBytes(folder["a.tar"], bytes);

        using var file = ArchiveFile.Open(folder["a.tar"]);
        var index = TarIndex.Read(file);

        Assert.Equal(["one", "two"], index.Entries.Select(entry => entry.Name));
        Assert.Equal((content.Length, EntryKind.File), (index.FindFile("one")!.Size, index.FindFile("one")!.Kind));
    }

    string Write(TarEntryFormat format, (string Name, string Target)[] links, bool isBefore)
    {
        var path = folder["linked.tar"];
        using var source = new TarReader(File.OpenRead(folder["plain.tar"]));
        using var stream = File.Create(path);
        using var writer = new TarWriter(stream, format);
        if (isBefore)
            WriteLinks();
        while (source.GetNextEntry() is { } entry)
        {
            if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                writer.WriteEntry(Entry(entry.Name == Blob ? "store/layer" : entry.Name, TarEntryType.RegularFile, entry));
        }

        if (!isBefore)
            WriteLinks();
        return path;

        void WriteLinks()
        {
            foreach (var (name, target) in links)
            {
                var link = Entry(name, TarEntryType.HardLink, null);
                link.LinkName = target;
                writer.WriteEntry(link);
            }
        }

        TarEntry Entry(string name, TarEntryType type, TarEntry? content)
        {
            TarEntry entry = format switch
            {
                TarEntryFormat.Ustar => new UstarTarEntry(type, name),
                TarEntryFormat.Pax => new PaxTarEntry(type, name),
                _ => new GnuTarEntry(type, name),
            };
            if (content is not null)
            {
                var bytes = new MemoryStream();
                content.DataStream?.CopyTo(bytes);
                bytes.Position = 0;
                entry.DataStream = bytes;
            }

            return entry;
        }
    }
}
