using System.Formats.Tar;
using System.Text;
using Passthrough.Core.Archive.Reading;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Archive;

public sealed class TarIndexTests : IDisposable
{
    readonly TestFolder folder = new("tar");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(TarEntryFormat.V7)]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Pax)]
    [InlineData(TarEntryFormat.Gnu)]
    public void Reads_what_the_platform_writes(TarEntryFormat format)
    {
        var names = new List<string> { "index.json", "./dotted/name", "blobs/sha256/" + new string('a', 64) };
        if (format is TarEntryFormat.Pax or TarEntryFormat.Gnu)
            names.AddRange(["long/" + new string('b', 180), "very/" + string.Join('/', Enumerable.Repeat("deep", 120))]);
        if (format != TarEntryFormat.V7)
            names.Add("prefix/" + string.Join('/', Enumerable.Repeat("p234567890", 12)));
        var path = folder["a.tar"];
        using (var writer = new TarWriter(File.Create(path), format))
        {
            foreach (var name in names)
                writer.WriteEntry(Entry(format, name, Encoding.UTF8.GetBytes("content of " + name)));
        }

        using var archive = ArchiveFile.Open(path);
        var index = TarIndex.Read(archive);

        Assert.Equal(names.Select(name => name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name), index.Entries.Select(entry => entry.Name));
        foreach (var entry in index.Entries)
            Assert.EndsWith(entry.Name, Encoding.UTF8.GetString(archive.ReadExactly(entry.Offset, (int)entry.Size)), StringComparison.Ordinal);
    }

    [Fact]
    public void Links_and_directories_have_no_content()
    {
        var path = folder["a.tar"];
        using (var writer = new TarWriter(File.Create(path), TarEntryFormat.Gnu))
        {
            writer.WriteEntry(new GnuTarEntry(TarEntryType.Directory, "blobs/"));
            writer.WriteEntry(new GnuTarEntry(TarEntryType.SymbolicLink, "link") { LinkName = "../" + new string('x', 150) });
            writer.WriteEntry(Entry(TarEntryFormat.Gnu, "file", [1, 2, 3]));
            writer.WriteEntry(new GnuTarEntry(TarEntryType.HardLink, "hard") { LinkName = "file" });
        }

        using var archive = ArchiveFile.Open(path);
        var index = TarIndex.Read(archive);

        Assert.Equal(["blobs", "link", "file", "hard"], index.Entries.Select(entry => entry.Name));
        Assert.Equal([EntryKind.Directory, EntryKind.SymbolicLink, EntryKind.File, EntryKind.File],
            index.Entries.Select(entry => entry.Kind));
        Assert.Equal("../" + new string('x', 150), index.Entries[1].LinkName);
        Assert.Null(index.FindFile("link"));
        Assert.Equal(3, index.FindFile("file")!.Size);
        Assert.Equal(index.FindFile("file")!.Offset, index.FindFile("hard")!.Offset);
    }

    [Fact]
    public void Devices_and_pipes_are_nothing_and_attributes_of_the_whole_archive_hold_for_all()
    {
        var path = folder["a.tar"];
        using (var writer = new TarWriter(File.Create(path), TarEntryFormat.Pax))
        {
            writer.WriteEntry(new PaxGlobalExtendedAttributesTarEntry(new Dictionary<string, string>(StringComparer.Ordinal) { ["comment"] = "of all", ["uname"] = "somebody" }));
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Fifo, "pipe"));
            writer.WriteEntry(new PaxTarEntry(TarEntryType.CharacterDevice, "index.json") { DeviceMajor = 1, DeviceMinor = 5 });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.BlockDevice, "disk") { DeviceMajor = 8, DeviceMinor = 0 });
            writer.WriteEntry(Entry(TarEntryFormat.Pax, "file", [1, 2, 3]));
        }

        using var archive = ArchiveFile.Open(path);
        var index = TarIndex.Read(archive);

        Assert.All(["pipe", "index.json", "disk"], name => Assert.Null(index.FindFile(name)));
        Assert.Equal(3, index.FindFile("file")!.Size);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(TarHeader.MaxOctalSize)]
    [InlineData(TarHeader.MaxOctalSize + 1)]
    [InlineData(long.MaxValue / 2)]
    public void Sizes_come_back_as_they_were_written(long size)
    {
        var block = new byte[TarHeader.BlockSize];
        TarHeader.Write(block, "a", TarHeader.RegularFile, 0b110_100_100, size);

        Assert.True(TarHeader.HasValidChecksum(block));
        Assert.Equal(size, TarHeader.Size(block));
        // The oracle reads the header too; it needs no content to do so.
        using var reader = new TarReader(new MemoryStream([.. block, .. new byte[1024]]));
        if (size == 0)
            Assert.Equal("a", reader.GetNextEntry()!.Name);
    }

    [Fact]
    public void A_file_larger_than_eight_gibibytes_is_read_through_its_base_256_size()
    {
        const long Size = TarHeader.MaxOctalSize + 5000;
        var path = folder["large.tar"];
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite))
        {
            var block = new byte[TarHeader.BlockSize];
            TarHeader.Write(block, "blob", TarHeader.RegularFile, 0b110_100_100, Size);
            RandomAccess.Write(file, block, 0);
            // Sparse on the disk: the content is never written.
            RandomAccess.SetLength(file, TarHeader.BlockSize + TarIndex.Padded(Size) + 1024);
        }

        using var archive = ArchiveFile.Open(path);
        Assert.Equal(Size, TarIndex.Read(archive).FindFile("blob")!.Size);
        using var oracle = new TarReader(File.OpenRead(path));
        Assert.Equal(Size, oracle.GetNextEntry()!.Length);
    }

    [Fact]
    public void The_last_of_two_files_with_one_name_counts()
    {
        var path = Write(Block("a", 1), Content("x"), Block("a", 1), Content("y"), End);

        using var archive = ArchiveFile.Open(path);
        var entry = TarIndex.Read(archive).FindFile("a")!;
        Assert.Equal((byte)'y', archive.ReadExactly(entry.Offset, 1)[0]);
    }

    [Fact]
    public void Every_truncation_is_found()
    {
        var whole = File.ReadAllBytes(Write(Block("index.json", 700), new byte[1024], Block("b", 3), Content("abc"), End));
        for (var length = 0; length < whole.Length - TarHeader.BlockSize; length++)
        {
            var path = folder["cut.tar"];
            File.WriteAllBytes(path, whole[..length]);
            var error = Assert.Throws<ModuleException>(() => Open(path));
            Assert.Equal(ErrorCodes.ArchiveCorrupt, error.Code);
            if (length >= TarHeader.BlockSize)
                Assert.Contains($"truncated at byte {length}", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_flipped_bit_of_a_header_is_found()
    {
        var bytes = File.ReadAllBytes(Write(Block("a", 3), Content("abc"), Block("b", 3), Content("abc"), End));
        bytes[1024 + 3] ^= 1;
        File.WriteAllBytes(folder["flipped.tar"], bytes);

        var error = Assert.Throws<ModuleException>(() => Open(folder["flipped.tar"]));
        Assert.Contains("damaged at byte 1024: the checksum of a header is wrong", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0x1F, 0x8B, 8, 0 }, "gzip", "gunzip")]
    [InlineData(new byte[] { 0x28, 0xB5, 0x2F, 0xFD }, "zstd", "zstd -d")]
    [InlineData(new byte[] { 0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00 }, "xz", "xz -d")]
    public void Compressed_archives_are_named_by_their_content(byte[] magic, string name, string command)
    {
        foreach (var length in new[] { 20, 5000 })
        {
            var path = folder["a.tar"];
            File.WriteAllBytes(path, [.. magic, .. Enumerable.Repeat((byte)7, length)]);
            var error = Assert.Throws<ModuleException>(() => Open(path));
            Assert.Contains($"is compressed with {name}", error.Message, StringComparison.Ordinal);
            Assert.Contains(command, error.Hint!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_no_tar_is_called_so()
    {
        File.WriteAllText(folder["a.txt"], new string('x', 3000));
        Assert.EndsWith("a.txt is not a tar archive", Assert.Throws<ModuleException>(() => Open(folder["a.txt"])).Message, StringComparison.Ordinal);
        File.WriteAllText(folder["empty"], "");
        Assert.EndsWith("is empty", Assert.Throws<ModuleException>(() => Open(folder["empty"])).Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<ModuleException>(() => Open(folder["nothing"])).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<ModuleException>(() => Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Claims_of_a_hostile_header_are_not_believed()
    {
        Assert.Contains("truncated", Error(Block("a", long.MaxValue / 2), End), StringComparison.Ordinal);
        Assert.Contains("extended header of", Error(Block("x", 2_000_000, TarHeader.PaxHeader), new byte[2_000_384], End), StringComparison.Ordinal);
        Assert.Contains("malformed", Error(Block("x", 14, TarHeader.PaxHeader), Content("999999 path=a\n"), Block("a", 0), End), StringComparison.Ordinal);
        Assert.Contains("no number", Error(Block("x", 12, TarHeader.PaxHeader), Content("12 size=-11\n"), Block("a", 0), End), StringComparison.Ordinal);
        Assert.Contains("truncated", Error(Block("x", 28, TarHeader.PaxHeader), Content("28 size=9223372036854775807\n"), Block("a", 0), End), StringComparison.Ordinal);
        Assert.Contains("sparse", Error(Block("a", 0, TarHeader.GnuSparse), End), StringComparison.Ordinal);
        Assert.Contains("sparse", Error(Block("x", 22, TarHeader.PaxHeader), Content("22 GNU.sparse.major=1\n"), Block("a", 0), End), StringComparison.Ordinal);
    }

    [Fact]
    public void Names_are_only_keys()
    {
        var path = Write(Block("../../etc/passwd", 1), Content("x"), Block("/index.json", 1), Content("x"), Block("blobs//sha256/./x", 1), Content("x"), End);

        using var archive = ArchiveFile.Open(path);
        var index = TarIndex.Read(archive);
        Assert.Equal(["../../etc/passwd", "index.json", "blobs/sha256/x"], index.Entries.Select(entry => entry.Name));
    }

    [Fact]
    public void What_follows_the_end_marker_is_not_read()
    {
        var path = Write(Block("a", 0), End, Block("b", 0), End);

        using var archive = ArchiveFile.Open(path);
        Assert.Equal(["a"], TarIndex.Read(archive).Entries.Select(entry => entry.Name));
    }

    static byte[] End => new byte[1024];

    static byte[] Block(string name, long size, byte type = TarHeader.RegularFile)
    {
        var block = new byte[TarHeader.BlockSize];
        TarHeader.Write(block, name, type, 0b110_100_100, size);
        return block;
    }

    static byte[] Content(string text)
    {
        var block = new byte[TarHeader.BlockSize];
        Encoding.UTF8.GetBytes(text, block);
        return block;
    }

    string Write(params byte[][] blocks)
    {
        var path = folder["a.tar"];
        File.WriteAllBytes(path, [.. blocks.SelectMany(block => block)]);
        return path;
    }

    string Error(params byte[][] blocks) => Assert.Throws<ModuleException>(() => Open(Write(blocks))).Message;

    static void Open(string path)
    {
        using var archive = ArchiveFile.Open(path);
        TarIndex.Read(archive);
    }

    static System.Formats.Tar.TarEntry Entry(TarEntryFormat format, string name, byte[] content)
    {
        System.Formats.Tar.TarEntry entry = format switch
        {
            TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name),
            TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
            TarEntryFormat.Pax => new PaxTarEntry(TarEntryType.RegularFile, name),
            _ => new GnuTarEntry(TarEntryType.RegularFile, name),
        };
        entry.DataStream = new MemoryStream(content);
        return entry;
    }
}
