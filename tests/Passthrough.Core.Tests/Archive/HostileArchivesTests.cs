using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Archive;

/// <summary>
/// Damaged and hostile archives of every format: nothing is written, nothing but <see cref="ModuleException"/> is thrown, and what is read has its digest.
/// The seed is printed, so that a find can be had again: PASSTHROUGH_SEED=n.
/// </summary>
public sealed class HostileArchivesTests : IDisposable
{
    const int Places = 50;

    readonly TestFolder folder = new("hostile");
    readonly ITestOutputHelper output;
    readonly int seed = int.TryParse(Environment.GetEnvironmentVariable("PASSTHROUGH_SEED"), out var given) ? given : Random.Shared.Next();

    public HostileArchivesTests(ITestOutputHelper output)
    {
        this.output = output;
        output.WriteLine($"PASSTHROUGH_SEED={seed}");
    }

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Files => [.. RecordedArchive.All.Where(archive => File.Exists(archive.Path)).Select(archive => archive.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_cut_archive_never_passes_for_a_whole_one(string file)
    {
        var whole = await File.ReadAllBytesAsync(RecordedArchive.Of(file).Path);
        var random = new Random(seed);
        var path = folder[file];
        for (var i = 0; i < Places; i++)
        {
            var length = random.Next(whole.Length);
            await File.WriteAllBytesAsync(path, whole[..length]);

            // Behind a tar's end marker stands only padding, which nobody misses; a compressed one ends with a checksum of what has digests.
            const int CompressedEnd = 40;
            var misses = file.EndsWith(".tar", StringComparison.Ordinal) ? whole.AsSpan(length).ContainsAnyExcept((byte)0) : length < whole.Length - CompressedEnd;
            if (await Read(path) is null && misses)
                Assert.Fail($"{file} cut at {length} was read");
        }

        AssertNothingWritten(path);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_flipped_byte_is_told_or_harmless(string file)
    {
        var bytes = await File.ReadAllBytesAsync(RecordedArchive.Of(file).Path);
        var random = new Random(seed);
        var path = folder[file];
        for (var i = 0; i < Places; i++)
        {
            var (place, bit) = (random.Next(bytes.Length), (byte)(1 << random.Next(8)));
            bytes[place] ^= bit;
            await File.WriteAllBytesAsync(path, bytes);
            await Read(path);
            bytes[place] ^= bit;
        }

        AssertNothingWritten(path);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Documents_that_are_something_else_are_told(string file)
    {
        var plain = RecordedArchive.Of(file).Path;
        if (!file.EndsWith(".tar", StringComparison.Ordinal))
            return;
        foreach (var nonsense in Nonsense)
        {
            using var builder = new TarBuilder();
            builder.All(plain, change: (name, content) => IsDocument(name) ? Encoding.UTF8.GetBytes(nonsense) : content).Write(folder["a.tar"]);
            await Read(folder["a.tar"]);
        }
    }

    /// <summary>Every value of every document in turn becomes something that is not expected there.</summary>
    [Theory]
    [InlineData("skopeo-1.22.0-oci-multiarch.tar")]
    [InlineData("docker-28.5.2-graphdriver-save-byid.tar")]
    [InlineData("crane-0.20.7-tarball-digest.tar")]
    [InlineData("imgpkg-0.43.0-31-image.tar")]
    [InlineData("oc-mirror-v1-seq2.tar")]
    [InlineData("oc-mirror-v2-4.17-collision.tar")]
    public async Task Values_of_other_types_are_told(string file)
    {
        var random = new Random(seed);
        var plain = RecordedArchive.Of(file).Path;
        for (var i = 0; i < Places; i++)
        {
            using var builder = new TarBuilder();
            builder.All(plain, change: (name, content) => IsDocument(name) && Json.TryParseObject(Encoding.UTF8.GetString(content)) is { } json ? Mutated(json, random) : IsDocument(name) && TryParseArray(content) is { } array ? Mutated(array, random) : content).Write(folder["a.tar"]);
            await Read(folder["a.tar"]);
        }
    }

    [Fact]
    public async Task Indexes_that_go_on_for_ever_are_given_up()
    {
        var files = new Dictionary<string, byte[]>();
        var child = Add(files, new JObject { ["schemaVersion"] = 2, ["config"] = Descriptor("{}"u8.ToArray()), ["layers"] = new JArray() });
        for (var i = 0; i < 20; i++)
            child = Add(files, new JObject { ["schemaVersion"] = 2, ["manifests"] = new JArray(child) });
        child["annotations"] = new JObject { [Annotations.RefName] = "quay.io/a/deep:1" };
        using var builder = new TarBuilder();
        foreach (var (name, content) in files)
            builder.File(name, content);
        builder.File("index.json", Json.Compact(new JObject { ["manifests"] = new JArray(child) })).Write(folder["a.tar"]);

        using var archive = ArchiveFormats.Open(folder["a.tar"]);
        var error = await Assert.ThrowsAsync<ModuleException>(() => ManifestTree.ReadAsync(archive, archive.Images.Single().Reference!, default));

        Assert.Contains("indexes within indexes more than 8 deep", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_that_lead_out_are_only_names()
    {
        using var builder = new TarBuilder();
        var outside = folder["outside"];
        builder.File("../outside", "x").File("/" + outside, "x").File(outside, "x").Link("blobs", "/etc").Link("blobs/sha256/x", "/etc/passwd").File("index.json", """{"manifests":[]}""").Write(folder["a.tar"]);

        Assert.Null(await Read(folder["a.tar"]));

        Assert.False(File.Exists(outside));
    }

    [Fact]
    public async Task Sizes_in_descriptors_are_held_against_what_is_there()
    {
        var content = "{}"u8.ToArray();
        foreach (var size in new[] { 0L, 1, 3, long.MaxValue })
        {
            var config = Descriptor(content);
            config["size"] = size;
            var files = new Dictionary<string, byte[]> { [$"blobs/sha256/{Digest.Sha256(content).Hex}"] = content };
            var root = Add(files, new JObject { ["schemaVersion"] = 2, ["config"] = config, ["layers"] = new JArray() });
            root["annotations"] = new JObject { [Annotations.RefName] = "quay.io/a/lie:1" };
            using var builder = new TarBuilder();
            foreach (var (name, bytes) in files)
                builder.File(name, bytes);
            builder.File("index.json", Json.Compact(new JObject { ["manifests"] = new JArray(root) })).Write(folder["a.tar"]);

            using var archive = ArchiveFormats.Open(folder["a.tar"]);
            var blob = (await ManifestTree.ReadAsync(archive, archive.Images.Single().Reference!, default)).Blobs.Single();
            Assert.False(archive.Has(blob));
            Assert.Equal(ErrorCodes.ArchiveCorrupt, (await Assert.ThrowsAsync<ModuleException>(() => archive.OpenBlobAsync(archive.Images[0].Reference!, blob, 0, default))).Code);
        }
    }

    [Fact]
    public void A_million_members_are_read_and_more_are_refused()
    {
        // Half a gigabyte of headers would take long to write: a sparse file with one name a hundred thousand times is enough to find what is quadratic.
        const int Count = 100_000;
        var block = new byte[TarHeader.BlockSize];
        TarHeader.Write(block, "blobs/sha256/" + new string('0', 64), TarHeader.RegularFile, 0, 0);
        using (var file = File.Create(folder["a.tar"]))
        {
            for (var i = 0; i < Count; i++)
                file.Write(block);
            TarHeader.Write(block, "index.json", TarHeader.RegularFile, 0, 16);
            file.Write(block);
            file.Write("{\"manifests\":[]}"u8);
            file.SetLength(file.Length + 496 + 1024);
        }

        using var archive = ArchiveFormats.Open(folder["a.tar"]);

        Assert.Single(archive.Contents);
    }

    static readonly string[] Nonsense =
    [
        "", " ", "\0", "{", "[", "[]", "{}", "null", "1", "\"x\"", "\uFEFF{}", "[[[]]]", "[null]", "[{}]", """{"manifests":null}""", """{"manifests":[null]}""", """{"manifests":[{}]}""", """{"manifests":{}}""",
        """{"manifests":[{"digest":"sha256:../../x","size":1}]}""", """{"manifests":[{"digest":"md5:00","size":-1}]}""", """{"schemaVersion":1}""", """{"schemaVersion":{}}""", """{"schemaVersion":99999999999999999999,"mediaType":{}}""",
        """{"mediaType":[],"layers":[],"config":{}}""", """[{"Config":"../../etc/passwd","Layers":["/etc/passwd"]}]""", """[{"Image":{}}]""", """[{"ImageIndex":{"Raw":"x","Digest":"y"}}]""", new string('[', 100_000), "{\"a\":" + new string('{', 1000),
    ];

    static bool IsDocument(string name) =>
        name.EndsWith(".json", StringComparison.Ordinal) || name.EndsWith("/link", StringComparison.Ordinal) || name.EndsWith("image-references", StringComparison.Ordinal) || name.StartsWith("isc_", StringComparison.Ordinal)
        || (name.StartsWith("sha256:", StringComparison.Ordinal) && !name.Contains('.', StringComparison.Ordinal)) || name == "publish/.metadata.json";

    static JArray? TryParseArray(byte[] content)
    {
        try
        {
            return Json.Parse(content) as JArray;
        }
        catch (Newtonsoft.Json.JsonException)
        {
            return null;
        }
    }

    static byte[] Mutated(JContainer document, Random random)
    {
        var values = document.DescendantsAndSelf().Where(token => token.Parent is JProperty or JArray).ToList();
        JToken[] others = [JValue.CreateNull(), 5, -1, long.MaxValue, 1.5, true, "", "x", "sha256:x", new JArray(), new JObject(), new JArray(new JObject()), new JObject { ["a"] = 1 }, "../../../etc/passwd", new string('a', 5000)];
        if (values.Count > 0)
            values[random.Next(values.Count)].Replace(others[random.Next(others.Length)].DeepClone());
        return Encoding.UTF8.GetBytes(Json.Compact(document));
    }

    static JObject Descriptor(byte[] content) => new() { ["mediaType"] = MediaTypes.OciConfig, ["digest"] = Digest.Sha256(content).ToString(), ["size"] = content.Length };

    static JObject Add(Dictionary<string, byte[]> files, JObject document)
    {
        var bytes = Encoding.UTF8.GetBytes(Json.Compact(document));
        files[$"blobs/sha256/{Digest.Sha256(bytes).Hex}"] = bytes;
        return new JObject { ["mediaType"] = document["manifests"] is null ? MediaTypes.OciManifest : MediaTypes.OciIndex, ["digest"] = Digest.Sha256(bytes).ToString(), ["size"] = bytes.Length };
    }

    /// <summary>Reads everything that a load would; whatever is not a <see cref="ModuleException"/> fails the test.</summary>
    /// <returns>What was told; null where all of it was whole.</returns>
    async Task<string?> Read(string path)
    {
        string? told = null;
        try
        {
            using var archive = ArchiveFormats.Open([path], new ArchiveOptions { SpoolFolder = folder.Path });
            foreach (var image in archive.Images)
            {
                try
                {
                    var name = (image.Reference ?? new Reference("any", "where")).WithDigest(image.Root.Digest);
                    var tree = await ManifestTree.ReadAsync(archive, name, default);
                    if (!tree.Missing.IsEmpty)
                        told ??= "a manifest is missing";
                    foreach (var blob in tree.Blobs)
                        await ImageParts.Bytes(archive, name, blob);
                }
                catch (ModuleException e)
                {
                    told ??= e.Message;
                }
            }

            foreach (var blob in archive.Contents)
            {
                try
                {
                    await ImageParts.Bytes(archive, new Reference("any", "where"), blob);
                }
                catch (ModuleException e)
                {
                    told ??= e.Message;
                }
            }
        }
        catch (ModuleException e)
        {
            told ??= e.Message;
        }
        catch (Exception e)
        {
            output.WriteLine($"{path}: {e}");
            throw;
        }

        return told;
    }

    void AssertNothingWritten(string path) => Assert.Equal([path], Directory.EnumerateFileSystemEntries(folder.Path));
}
