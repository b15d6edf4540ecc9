using System.IO.Compression;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Reading;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

public sealed class CompressedArchiveTests : IDisposable
{
    static readonly BuiltImage Image = ImageBuilder.MultiArch("packed", size: 300_000);

    readonly TestFolder folder = new("compressed");
    readonly byte[] tar;

    public CompressedArchiveTests()
    {
        OciLayout.WriteTar(folder["plain.tar"], new Dictionary<string, BuiltImage> { ["quay.io/a/b:1"] = Image });
        tar = File.ReadAllBytes(folder["plain.tar"]);
    }

    public void Dispose() => folder.Dispose();

    string SpoolFolder => folder.Folder("spool");

    [Fact]
    public async Task Gzip_is_read_in_one_member_or_many_whatever_the_file_is_called()
    {
        await AssertReads(Packed.Gzip(tar));
        await AssertReads([.. Packed.Gzip(tar[..1000]), .. Packed.Gzip(tar[1000..70_000]), .. Packed.Gzip([]), .. Packed.Gzip(tar[70_000..])]);
    }

    [Fact]
    public async Task Zstd_is_read_in_one_frame_or_many()
    {
        await AssertReads(Packed.Zstd(tar));
        await AssertReads([.. Packed.Zstd(tar[..1000]), .. Packed.Zstd(tar[1000..]), .. Packed.Zstd([])]);
    }

    [Fact]
    public async Task The_size_told_is_that_of_the_file()
    {
        var packed = Packed.Gzip(tar);
        await File.WriteAllBytesAsync(folder["a.tar"], packed);

        using var archive = Open();
        Assert.Equal(packed.Length, archive.Size);
        Assert.Equal(folder["a.tar"], archive.Path);
    }

    [Fact]
    public async Task Nothing_is_left_of_the_spool_even_while_it_is_read()
    {
        await File.WriteAllBytesAsync(folder["a.tar"], Packed.Gzip(tar));

        using var archive = Open();

        Assert.Empty(Directory.EnumerateFileSystemEntries(SpoolFolder));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    public async Task Every_cut_is_found(string compression)
    {
        var packed = compression == "gzip" ? Packed.Gzip(tar) : Packed.Zstd(tar);
        // The last bytes of gzip are a checksum, which a whole tar of blobs with digests does not need.
        foreach (var length in new[] { 6, 20, 600, packed.Length / 2, packed.Length - 100 })
        {
            await File.WriteAllBytesAsync(folder["a.tar"], packed[..length]);
            Assert.Equal(ErrorCodes.ArchiveCorrupt, Assert.Throws<ModuleException>(Open).Code);
        }
    }

    [Theory]
    [InlineData("docker-20.10.24-save-repo.tar.gz", "gzip")]
    [InlineData("hauler-2.1-haul.tar.zst", "zstd")]
    public async Task A_flipped_byte_is_found(string file, string compression)
    {
        var packed = await File.ReadAllBytesAsync(RecordedArchive.Of(file).Path);
        packed[packed.Length - 100] ^= 0x10;
        await File.WriteAllBytesAsync(folder["a.tar"], packed);

        var error = Assert.Throws<ModuleException>(Open);

        Assert.Equal(ErrorCodes.ArchiveCorrupt, error.Code);
        Assert.StartsWith($"{folder["a.tar"]} cannot be decompressed as {compression}: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_in_it_must_be_a_tar()
    {
        await File.WriteAllBytesAsync(folder["a.tar"], Packed.Gzip(new byte[5000]));
        Assert.Equal($"{folder["a.tar"]} is compressed with gzip, but what it holds is no tar archive", Assert.Throws<ModuleException>(Open).Message);
        await File.WriteAllBytesAsync(folder["a.tar"], Packed.Gzip(Packed.Gzip(tar)));
        Assert.Equal($"{folder["a.tar"]} is compressed with gzip, but what it holds is no tar archive", Assert.Throws<ModuleException>(Open).Message);
    }

    [Theory]
    [InlineData(new byte[] { 0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00 }, "xz", "xz -d FILE")]
    [InlineData(new byte[] { 0x42, 0x5A, 0x68 }, "bzip2", "bunzip2 FILE")]
    [InlineData(new byte[] { 0x50, 0x4B, 3, 4 }, "zip", "unzip FILE")]
    public async Task Other_compressions_are_named_with_what_undoes_them(byte[] magic, string name, string command)
    {
        await File.WriteAllBytesAsync(folder["a.tar"], [.. magic, .. tar]);

        var error = Assert.Throws<ModuleException>(Open);

        Assert.Equal((ErrorCodes.Unsupported, $"{folder["a.tar"]} is compressed with {name}; blobs cannot be read at their offsets", $"decompress it first: {command}"), (error.Code, error.Message, error.Hint));
    }

    [Fact]
    public async Task Where_it_cannot_be_decompressed_is_said_with_what_to_do()
    {
        await File.WriteAllBytesAsync(folder["a.tar"], Packed.Gzip(tar));

        var error = Assert.Throws<ModuleException>(() => ArchiveFormats.Open([folder["a.tar"]], new ArchiveOptions { SpoolFolder = folder["nowhere"] }));

        Assert.Equal(ErrorCodes.File, error.Code);
        Assert.Equal($"{folder["a.tar"]} is compressed with gzip and the folder {folder["nowhere"]}, where it would be decompressed, does not exist", error.Message);
        Assert.Equal("set TMPDIR to a folder that exists, or decompress the file yourself", error.Hint);
    }

    [Fact]
    public void A_bomb_is_given_up_before_it_fills_the_disk()
    {
        // One real header, then zeros: 300 MiB of them in 300 KiB.
        using (var file = File.Create(folder["a.tar"]))
        using (var gzip = new GZipStream(file, CompressionLevel.Optimal))
        {
            var header = new byte[TarHeader.BlockSize];
            TarHeader.Write(header, "index.json", TarHeader.RegularFile, 0, TarHeader.MaxOctalSize);
            gzip.Write(header);
            var zeros = new byte[1 << 20];
            for (var i = 0; i < 300; i++)
                gzip.Write(zeros);
        }

        Assert.Equal($"{folder["a.tar"]} grows more than 200-fold when it is decompressed", Assert.Throws<ModuleException>(Open).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(SpoolFolder));
    }

    [Fact]
    public void Giving_up_leaves_nothing()
    {
        File.WriteAllBytes(folder["a.tar"], Packed.Gzip(tar));
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Assert.Throws<OperationCanceledException>(() => ArchiveFormats.Open([folder["a.tar"]], new ArchiveOptions { SpoolFolder = SpoolFolder }, cancelled.Token));

        Assert.Empty(Directory.EnumerateFileSystemEntries(SpoolFolder));
    }

    async Task AssertReads(byte[] packed)
    {
        await File.WriteAllBytesAsync(folder["a.tar"], packed);
        using var archive = Open();
        var image = Assert.Single(archive.Images);
        Assert.Equal(("quay.io/a/b:1", Image.Digest), (image.Reference!.ToString(), image.Root.Digest));
        foreach (var blob in Image.AllBlobs)
            Assert.Equal(blob.Bytes, await ImageParts.Bytes(archive, image.Reference, blob.Descriptor));
    }

    IArchive Open() => ArchiveFormats.Open([folder["a.tar"]], new ArchiveOptions { SpoolFolder = SpoolFolder });
}
