using System.Formats.Tar;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Core.Tests.Archive;

public sealed class DockerArchiveTests : IDisposable
{
    static readonly byte[] Base = Layer("base");
    static readonly byte[] Top = Layer("top");

    readonly TestFolder folder = new("docker-archive");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_manifest_is_composed_over_the_layers_as_they_are()
    {
        using var archive = Open(new TarBuilder().File("c.json", Config(Base, Top)).File("1.tar", Base).File("2.tar", Top), Manifest("c.json", ["alpine:3.20"], "1.tar", "2.tar"));

        var image = Assert.Single(archive.Images);
        Assert.Equal("docker.io/library/alpine:3.20", image.Reference!.ToString());
        Assert.False(image.DigestPreserved);
        Assert.Equal($"docker.io/library/alpine:3.20 has lost its upstream digest, since docker's archives keep no manifests: it is delivered as {image.Root.Digest}, and pulls by the upstream's digest will not find it", image.Warning);
        Assert.Equal(MediaTypes.OciManifest, image.Root.MediaType);
        var manifest = Assert.IsType<ImageManifest>((await ManifestTree.ReadAsync(archive, image.Reference, default)).RootManifest);
        Assert.Equal([Digest.Sha256(Base), Digest.Sha256(Top)], manifest.Layers.Select(layer => layer.Digest));
        Assert.All(manifest.Layers, layer => Assert.Equal("application/vnd.oci.image.layer.v1.tar", layer.MediaType));
        using var again = ArchiveFormats.Open(folder["a.tar"]);
        Assert.Equal(image.Root.Digest, again.Images[0].Root.Digest);
    }

    [Fact]
    public async Task Compressed_layers_stay_compressed_and_their_names_are_not_believed_where_they_are_diff_ids()
    {
        var (first, second, third) = (Packed.Gzip(Base), Packed.Gzip(Top), Packed.Zstd(Top));
        var builder = new TarBuilder().File("c.json", Config(Base, Top, Top)).File($"{Digest.Sha256(first).Hex}.tar.gz", first).File($"{Digest.Sha256(Top).Hex}.tar.gz", second).File("layer.tar", third);
        using var archive = Open(builder, Manifest("c.json", ["quay.io/a/b:1"], $"{Digest.Sha256(first).Hex}.tar.gz", $"{Digest.Sha256(Top).Hex}.tar.gz", "layer.tar"));

        var manifest = (ImageManifest)(await ManifestTree.ReadAsync(archive, archive.Images[0].Reference!, default)).RootManifest;
        Assert.Equal([Digest.Sha256(first), Digest.Sha256(second), Digest.Sha256(third)], manifest.Layers.Select(layer => layer.Digest));
        Assert.Equal(["+gzip", "+gzip", "+zstd"], manifest.Layers.Select(layer => layer.MediaType["application/vnd.oci.image.layer.v1.tar".Length..]));
        foreach (var layer in manifest.Layers)
            await ImageParts.Bytes(archive, archive.Images[0].Reference!, layer);
    }

    [Theory]
    [InlineData("x/layer.tar", "../1.tar", TarEntryType.SymbolicLink)]
    [InlineData("x/y/layer.tar", "./../../1.tar", TarEntryType.SymbolicLink)]
    [InlineData("layer.tar", "1.tar", TarEntryType.SymbolicLink)]
    [InlineData("x/layer.tar", "1.tar", TarEntryType.HardLink)]
    public void A_link_to_a_file_of_the_archive_is_that_file(string name, string target, TarEntryType type)
    {
        using var archive = Open(new TarBuilder().File("c.json", Config(Base, Base)).File("1.tar", Base).Link(name, target, type), Manifest("c.json", ["quay.io/a/b:1"], "1.tar", name));

        Assert.Single(archive.Images);
    }

    [Theory]
    [InlineData("/etc/passwd", TarEntryType.SymbolicLink)]
    [InlineData("../../../../etc/passwd", TarEntryType.SymbolicLink)]
    [InlineData("../x/layer.tar", TarEntryType.SymbolicLink)]
    [InlineData("../other/layer.tar", TarEntryType.SymbolicLink)]
    [InlineData("../nothing.tar", TarEntryType.SymbolicLink)]
    [InlineData("../folder", TarEntryType.SymbolicLink)]
    [InlineData("..", TarEntryType.SymbolicLink)]
    [InlineData("/etc/passwd", TarEntryType.HardLink)]
    public void A_link_anywhere_else_is_refused(string target, TarEntryType type)
    {
        var builder = new TarBuilder().File("c.json", Config(Base)).File("1.tar", Base).Folder("folder/").Link("other/layer.tar", "../1.tar").Link("x/layer.tar", target, type);

        var error = Assert.Throws<ModuleException>(() => Open(builder, Manifest("c.json", ["quay.io/a/b:1"], "x/layer.tar")));

        Assert.Equal(ErrorCodes.ArchiveCorrupt, error.Code);
        Assert.Equal($"quay.io/a/b:1 in {folder["a.tar"]} needs the file x/layer.tar, which is a link to {target}, no file of the archive", error.Message);
    }

    public static TheoryData<string, byte[]> Packings => new()
    {
        { "xz", [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, 1, 2] },
        { "bzip2", "BZh91AY"u8.ToArray() },
        { "lz4", [0x04, 0x22, 0x4D, 0x18, 0x40] },
        { "lzma", [0x5D, 0, 0, 0x80, 0] },
    };

    [Theory]
    [MemberData(nameof(Packings))]
    public void A_layer_that_is_packed_in_a_way_that_registries_do_not_take_is_called_what_it_is(string name, byte[] start)
    {
        var error = Assert.Throws<ModuleException>(() =>
            Open(new TarBuilder().File("c.json", Config(Base)).File("1.tar", start), Manifest("c.json", ["quay.io/a/b:1"], "1.tar")));

        Assert.Equal((ErrorCodes.Unsupported, "load it with podman or docker and save it again"), (error.Code, error.Hint));
        Assert.Contains($"has the layer 1.tar, which is compressed with {name}: registries take layers with gzip, zstd or no compression",
            error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_fit_together_is_named()
    {
        Assert.Contains("has 1 layers, its configuration c.json names 2", Error(new TarBuilder().File("c.json", Config(Base, Top)).File("1.tar", Base), "1.tar"), StringComparison.Ordinal);
        Assert.Contains("needs the file 2.tar, which is not in the archive", Error(new TarBuilder().File("c.json", Config(Base)), "2.tar"), StringComparison.Ordinal);
        Assert.Contains("needs the file x, which is no file", Error(new TarBuilder().File("c.json", Config(Base)).Folder("x/"), "x"), StringComparison.Ordinal);
        Assert.Contains("needs the file c.json, which is not in the archive", Error(new TarBuilder(), "1.tar"), StringComparison.Ordinal);
        Assert.Contains("that is no valid JSON", Error(new TarBuilder().File("c.json", "{"), "1.tar"), StringComparison.Ordinal);
        Assert.Contains("that is no JSON object", Error(new TarBuilder().File("c.json", "[]"), "1.tar"), StringComparison.Ordinal);
        Assert.Contains("without rootfs", Error(new TarBuilder().File("c.json", "{}"), "1.tar"), StringComparison.Ordinal);
        Assert.Contains("the diff_id 5, which is no digest", Error(new TarBuilder().File("c.json", """{"rootfs":{"diff_ids":[5]}}""").File("1.tar", Base), "1.tar"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_layer_that_is_not_what_its_configuration_says_is_never_read_whole()
    {
        using var archive = Open(new TarBuilder().File("c.json", Config(Base)).File("1.tar", Top), Manifest("c.json", ["quay.io/a/b:1"], "1.tar"));
        var tree = await ManifestTree.ReadAsync(archive, archive.Images[0].Reference!, default);

        var error = await Assert.ThrowsAsync<ModuleException>(() => ImageParts.Bytes(archive, archive.Images[0].Reference!, tree.Blobs[1]));

        Assert.Equal(ErrorCodes.DigestMismatch, error.Code);
    }

    [Fact]
    public void Images_without_a_name_take_the_users_by_the_digest_of_their_configuration()
    {
        var config = Config(Base);
        var builder = new TarBuilder().File("c.json", config).File("1.tar", Base);
        var id = Digest.Sha256(Encoding.UTF8.GetBytes(config)).ToString();
        using (var archive = Open(builder, Manifest("c.json", null, "1.tar")))
            Assert.Equal((null, ""), (archive.Images.Single().Reference, archive.Images.Single().Name));

        using var named = ArchiveFormats.Open(folder["a.tar"], new ImageNames(new Dictionary<string, Reference> { [id] = Reference.Parse("quay.io/team/tool:2.1") }));
        Assert.Equal(("quay.io/team/tool:2.1", ImageNames.FromReferences), (named.Images.Single().Reference!.ToString(), named.Images.Single().NameSource));
    }

    [Fact]
    public void The_tag_that_crane_invents_is_none_and_the_users_takes_its_place()
    {
        const string Invented = "quay.io/a/b:i-was-a-digest";
        var builder = new TarBuilder().File("c.json", Config(Base)).File("1.tar", Base);
        using (var archive = Open(builder, Manifest("c.json", [Invented], "1.tar")))
            Assert.Equal((null, Invented), (archive.Images.Single().Reference, archive.Images.Single().Name));

        using var named = ArchiveFormats.Open(folder["a.tar"], new ImageNames(new Dictionary<string, Reference> { [Invented] = Reference.Parse("quay.io/a/b:7") }));
        Assert.Equal("quay.io/a/b:7", named.Images.Single().Reference!.ToString());
    }

    [Fact]
    public async Task Layers_that_stay_with_their_vendor_keep_their_urls()
    {
        var diffId = Digest.Sha256(Base).ToString();
        var foreign = Digest.Sha256(Top);
        var manifest = (JArray)Json.Parse(Manifest("c.json", ["quay.io/a/windows:1"], "1.tar"));
        manifest[0]["LayerSources"] = new JObject { [diffId] = new JObject { ["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", ["digest"] = foreign.ToString(), ["size"] = 7, ["urls"] = new JArray("https://vendor.example.com/l") } };
        using var archive = Open(new TarBuilder().File("c.json", Config(Base)), Json.Compact(manifest));

        var layer = ((ImageManifest)(await ManifestTree.ReadAsync(archive, archive.Images[0].Reference!, default)).RootManifest).Layers.Single();
        Assert.Equal((foreign, 7, true), (layer.Digest, layer.Size, ManifestTree.IsForeign(layer)));
    }

    [Fact]
    public void What_docker_wrote_before_version_1_10_is_refused_with_what_to_do()
    {
        var error = Assert.Throws<ModuleException>(() => ArchiveFormats.Open(new TarBuilder().File("repositories", "{}").File("x/layer.tar", Base).Write(folder["old.tar"])));

        Assert.Equal((ErrorCodes.Unsupported, $"{folder["old.tar"]} is a docker-archive without manifest.json, as docker before 1.10 wrote it", "load it with docker and save it again"), (error.Code, error.Message, error.Hint));
    }

    IArchive Open(TarBuilder builder, string manifest) => ArchiveFormats.Open(builder.File("manifest.json", manifest).Write(folder["a.tar"]));

    string Error(TarBuilder builder, params string[] layers) => Assert.Throws<ModuleException>(() => Open(builder, Manifest("c.json", ["quay.io/a/b:1"], layers))).Message;

    static string Manifest(string config, string[]? tags, params string[] layers) =>
        Json.Compact(new JArray(new JObject { ["Config"] = config, ["RepoTags"] = tags is null ? null : new JArray(tags), ["Layers"] = new JArray(layers) }));

    static string Config(params byte[][] layers) => Json.Compact(new JObject
    {
        ["architecture"] = "amd64",
        ["os"] = "linux",
        ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(layers.Select(layer => Digest.Sha256(layer).ToString())) },
    });

    static byte[] Layer(string name) => new TarBuilder().File(name, name).ToBytes();
}
