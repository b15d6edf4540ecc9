using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

public sealed class SplitSetTests : IDisposable
{
    static readonly BuiltImage One = ImageBuilder.Image([ImageBuilder.Layer("one", 200_000)]);
    static readonly BuiltImage Two = ImageBuilder.Image([ImageBuilder.Layer("two", 200_000), ImageBuilder.Layer("three", 200_000)]);
    static readonly Dictionary<string, BuiltImage> Images = new() { ["quay.io/a/one:1"] = One, ["quay.io/a/two:1"] = Two };

    readonly TestFolder folder = new("split");
    readonly byte[] whole;

    public SplitSetTests()
    {
        OciLayout.WriteTar(folder["whole.tar"], Images);
        whole = File.ReadAllBytes(folder["whole.tar"]);
    }

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(512)]
    [InlineData(1000)]
    [InlineData(65_536)]
    [InlineData(300_001)]
    public async Task Parts_are_read_as_if_they_were_joined(int size)
    {
        Split(whole, Math.Max(size, whole.Length / 900));

        await AssertReads(folder["set.tar"]);
        await AssertReads(folder["set.tar.000"]);
        await AssertReads(folder["set.tar.001"], folder["set.tar.000"], folder["set.tar.002"]);
    }

    [Fact]
    public async Task Parts_that_are_counted_from_one_are_a_set_too() =>
        await AssertReads(Split(whole, 100_000, first: 1));

    [Fact]
    public async Task A_compressed_set_is_joined_and_then_decompressed() =>
        await AssertReads(Split(Packed.Gzip(whole), 100_000, first: 1));

    [Fact]
    public async Task A_part_in_the_middle_is_missed_by_name()
    {
        Split(whole, 100_000);
        File.Delete(folder["set.tar.002"]);

        var error = await Assert.ThrowsAsync<ModuleException>(() => AssertReads(folder["set.tar"]));

        Assert.Equal(ErrorCodes.NotFound, error.Code);
        Assert.Equal($"of {folder["set.tar"]} the parts set.tar.002 are not there (which images are in it cannot be told)", error.Message);
    }

    [Fact]
    public async Task The_first_part_is_missed_by_name()
    {
        Split(whole, 100_000);
        File.Delete(folder["set.tar.000"]);

        var error = await Assert.ThrowsAsync<ModuleException>(() => AssertReads(folder["set.tar.003"]));

        Assert.Contains("the parts set.tar.000 are not there", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_last_part_is_missing_the_set_ends_too_early()
    {
        Split(whole, 100_000);
        var last = Directory.EnumerateFiles(folder.Path, "set.tar.*").Order(StringComparer.Ordinal).Last();
        File.Delete(last);

        var error = await Assert.ThrowsAsync<ModuleException>(() => AssertReads(folder["set.tar"]));

        Assert.Equal(ErrorCodes.ArchiveCorrupt, error.Code);
        Assert.Contains("is truncated at byte", error.Message, StringComparison.Ordinal);
        Assert.Equal($"bring the parts after set.tar.{int.Parse(last[^3..]) - 1:D3} to the same folder, or copy the set again", error.Hint);
    }

    [Fact]
    public async Task With_a_sidecar_the_images_that_a_missing_part_belongs_to_are_named_and_the_others_can_be_had()
    {
        Split(whole, 100_000, sidecar: true);
        var layer = Two.AllBlobs.First(blob => blob.Bytes.Length > 100_000);
        File.Delete(folder[$"set.tar.{OffsetOf(layer.Digest) / 100_000 + 1:D3}"]);

        var error = await Assert.ThrowsAsync<ModuleException>(() => AssertReads(folder["set.tar"]));
        Assert.Contains("incomplete without them: quay.io/a/", error.Message, StringComparison.Ordinal);
        Assert.Contains("quay.io/a/two:1", error.Message, StringComparison.Ordinal);
        Assert.Equal("bring them to the folder of the other parts, or set allow_missing_parts to take what is whole", error.Hint);

        using var archive = ArchiveFormats.Open([folder["set.tar"]], new ArchiveOptions { AllowMissingParts = true });
        Assert.Equal(Images.Keys, archive.Images.Select(image => image.Reference!.ToString()));
        Assert.False(archive.Has(layer.Descriptor));
        await Assert.ThrowsAsync<ModuleException>(async () => await ImageParts.Bytes(archive, archive.Images[0].Reference!, layer.Descriptor));
        var present = Images.Values.SelectMany(image => image.AllBlobs).Where(blob => archive.Has(blob.Descriptor)).ToList();
        Assert.NotEmpty(present);
        foreach (var blob in present)
            Assert.Equal(blob.Bytes, await ImageParts.Bytes(archive, archive.Images[0].Reference!, blob.Descriptor));
    }

    [Fact]
    public async Task A_sidecar_tells_the_last_part_that_is_missing_and_one_that_is_too_short()
    {
        var last = Split(whole, 100_000, sidecar: true);
        last = Directory.EnumerateFiles(folder.Path, "set.tar.0*").Order(StringComparer.Ordinal).Last();
        File.Delete(last);
        Assert.Contains($"the parts {Path.GetFileName(last)} are not there", (await Assert.ThrowsAsync<ModuleException>(() => AssertReads(folder["set.tar"]))).Message, StringComparison.Ordinal);

        Split(whole, 100_000, sidecar: true);
        File.WriteAllBytes(folder["set.tar.001"], new byte[99_999]);
        var error = await Assert.ThrowsAsync<ModuleException>(() => AssertReads(folder["set.tar"]));
        Assert.Equal($"the part {folder["set.tar.001"]} has 99999 bytes, {folder["set.tar"]}.manifest.json says 100000", error.Message);
    }

    [Fact]
    public async Task A_file_with_a_number_that_stands_alone_is_a_file()
    {
        File.WriteAllBytes(folder["backup.001"], whole);

        await AssertReads(folder["backup.001"]);
    }

    [Fact]
    public void A_set_that_is_not_there_is_told_like_a_file() =>
        Assert.Equal($"the archive {folder["nothing.tar"]} does not exist", Assert.Throws<ModuleException>(() => ArchiveFormats.Open(folder["nothing.tar"])).Message);

    async Task AssertReads(params string[] paths)
    {
        using var archive = ArchiveFormats.Open(paths, new ArchiveOptions { SpoolFolder = folder.Path });
        Assert.Equal(Images.Select(image => (image.Key, image.Value.Digest)), archive.Images.Select(image => (image.Reference!.ToString(), image.Root.Digest)));
        foreach (var blob in Images.Values.SelectMany(image => image.AllBlobs))
            Assert.Equal(blob.Bytes, await ImageParts.Bytes(archive, archive.Images[0].Reference!, blob.Descriptor));
    }

    /// <returns>The set's name.</returns>
    string Split(byte[] content, int size, int first = 0, bool sidecar = false)
    {
        var parts = content.Chunk(size).Select((part, i) => (Name: $"set.tar.{i + first:D3}", Bytes: part)).ToList();
        foreach (var (name, bytes) in parts)
            File.WriteAllBytes(folder[name], bytes);
        if (sidecar)
        {
            File.WriteAllText(folder["set.tar.manifest.json"], Json.Indented(new JObject
            {
                ["parts"] = new JArray(parts.Select(part => new JObject { ["name"] = part.Name, ["size"] = part.Bytes.Length, ["sha256"] = Digest.Sha256(part.Bytes).Hex })),
                ["blobs"] = new JArray(Images.Values.SelectMany(image => image.AllBlobs.Select(blob => (blob.Digest, Size: blob.Bytes.Length)).Concat(image.Manifests.Select(manifest => (manifest.Digest, Size: manifest.Manifest.Bytes.Length)))).DistinctBy(blob => blob.Digest)
                    .Select(blob => new JObject { ["digest"] = blob.Digest.ToString(), ["size"] = blob.Size, ["offset"] = OffsetOf(blob.Digest) })),
            }));
        }

        return folder["set.tar"];
    }

    long OffsetOf(Digest digest)
    {
        using var bytes = ArchiveFile.Open(folder["whole.tar"]);
        return TarIndex.Read(bytes).FindFile($"blobs/sha256/{digest.Hex}")!.Offset;
    }
}
