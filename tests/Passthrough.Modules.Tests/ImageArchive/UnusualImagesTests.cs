using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries.Quay;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Images that the specification allows and few tools make: each is saved, loaded and read back byte for byte, from one real registry into another.</summary>
public sealed class UnusualImagesTests : IAsyncLifetime
{
    const string PlainLayer = "application/vnd.oci.image.layer.v1.tar";

    static readonly BuiltBlob Empty = new(PlainLayer, []);
    static readonly BuiltBlob Plain = new(PlainLayer, Encoding.UTF8.GetBytes(new string('p', 5000)));
    static readonly BuiltBlob Document = new("application/vnd.example.thing.v1+json", """{"thing": 1}"""u8.ToArray());

    ArchiveStage stage = null!;

    public static TheoryData<string> Names => [.. Unusual.Keys];

    static Dictionary<string, BuiltImage> Unusual { get; } = new(StringComparer.Ordinal)
    {
        ["a layer of no bytes"] = ImageBuilder.Image([Empty, SharedLayer]),
        ["no layers"] = ImageBuilder.Image([]),
        ["a layer twice"] = ImageBuilder.Image([SharedLayer, Plain, SharedLayer]),
        ["layers that are not compressed, or with zstd"] = ImageBuilder.Image([Plain, new BuiltBlob("application/vnd.oci.image.layer.v1.tar+zstd", [0x28, 0xB5, 0x2F, 0xFD, 1, 2, 3])]),
        ["a configuration that is a layer too"] = Manifest(Document, [Document, Plain]),
        ["types that nobody knows, and no artifactType"] = Manifest(Document, [new BuiltBlob("application/vnd.example.other", "other"u8.ToArray())]),
        ["content inside the descriptor"] = Manifest(Document, [Plain], json => json["config"]!["data"] = Convert.ToBase64String(Document.Bytes)),
        ["fields that nobody knows"] = Manifest(Document, [Plain], json => json["x-example"] = new JObject { ["deep"] = new JArray(1, "two", JValue.CreateNull()) }),
        ["an index in an index"] = ImageBuilder.Index([ImageBuilder.MultiArch("inner"), ImageBuilder.Image([Plain])]),
        ["an index with an artifact"] = ImageBuilder.Index([ImageBuilder.Image([SharedLayer]), ImageBuilder.Artifact("application/vnd.example+json", "what"u8.ToArray())]),
        ["an index of both kinds of manifests"] = ImageBuilder.Index([ImageBuilder.Image([SharedLayer]), ImageBuilder.Image([ImageBuilder.Layer("docker", docker: true)], new Platform("linux", "arm64"), docker: true)]),
        ["an index of nothing"] = ImageBuilder.Index([]),
    };

    public async Task InitializeAsync() => stage = await Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task It_arrives_as_it_was(string name)
    {
        const string Reference = "quay.io/team/unusual:1";
        var image = Unusual[name];
        await stage.Upstream.Push(image, "quay.io/team/unusual", "1");

        var saved = Good(await stage.Run("saved", more: ("images", new JArray(Reference))));
        Assert.Equal(image.Digest.ToString(), (string)Image(saved, Reference)["digest"]!);
        Assert.False(Changed(await stage.Run("saved", more: ("images", new JArray(Reference)))));
        Assert.Equal("complete", (string)Image(Good(await stage.Run("inspected")), Reference)["status"]!);
        Assert.True(Changed(await stage.Run("loaded")));
        Assert.False(Changed(await stage.Run("loaded")));
        Good(await stage.Run("verified", more: ("deep", true)));

        foreach (var manifest in image.Manifests)
            Assert.Equal(manifest.Manifest.Bytes.ToArray(), await Read($"manifests/{manifest.Digest}", manifest.Manifest.MediaType));
        foreach (var blob in image.AllBlobs)
            Assert.Equal(blob.Bytes, await Read($"blobs/{blob.Digest}", "*/*"));
    }

    [Fact]
    public async Task A_layer_that_stays_with_its_vendor_does_not_travel_and_is_told()
    {
        const string Reference = "quay.io/team/windows:1";
        var foreign = new Descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Digest.Sha256("windows"u8), 123_456);
        var image = Manifest(Document, [Plain], json => ((JArray)json["layers"]!).Add(new JObject { ["mediaType"] = foreign.MediaType, ["digest"] = foreign.Digest.ToString(), ["size"] = foreign.Size, ["urls"] = new JArray("https://vendor.example.com/layer") }));
        stage.WriteArchive("foreign.tar", (Reference, image));

        Good(await stage.Run("verified", more: [("path", stage.Folder["foreign.tar"]), ("registry_host", null)]));
        Assert.Equal("complete", (string)Image(Good(await stage.Run("inspected", more: ("path", stage.Folder["foreign.tar"]))), Reference)["status"]!);
        // This registry refuses such manifests in truth, unless it was told which vendors it may trust.
        Assert.True(Changed(await stage.Run("loaded", check: true, more: ("path", stage.Folder["foreign.tar"]))));

        Assert.DoesNotContain(await stage.Mirror.Requests(), request => request.Path.Contains(foreign.Digest.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_layer_that_the_product_will_hardly_take_is_told_before_anything_is_sent()
    {
        var large = new Descriptor(PlainLayer, Digest.Sha256("large"u8), 21L * 1024 * 1024 * 1024);
        var image = Manifest(Document, [Plain], json => ((JArray)json["layers"]!).Add(DescriptorJson.Write(large)));
        stage.WriteArchive("large.tar", ("quay.io/team/large:1", image));

        await using var quay = await QuayFake.Start();

        var loaded = Bad(
            await stage.Run("loaded", more:
            [
                ("path", stage.Folder["large.tar"]), ("registry_type", "quay"), ("registry_port", quay.Port), ("scheme", "http"),
                    ("ca_path", null),
                ("username", quay.Settings.User), ("password", quay.Settings.Password),
            ]), "ARCHIVE_CORRUPT", $"blob {large.Digest} ({large.Size} bytes) is not in it");

        Assert.Equal([$"blob {large.Digest} has 21.0 GiB, and Quay takes 20.0 GiB unless it is configured otherwise"], loaded["warnings"]!.Select(warning => (string)warning!));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_image_whose_digest_is_a_sha512_is_delivered_once_and_what_is_lost_is_said(bool isTagged)
    {
        var digest = Digest.Parse("sha512:" + new string('0', 128)).OfSameAlgorithm(ToolImage.Manifest.Bytes.Span);
        var image = ToolImage with { Manifest = new RawManifest(ToolImage.Manifest.MediaType, ToolImage.Manifest.Bytes, digest) };
        var reference = isTagged ? "quay.io/team/long:1" : $"quay.io/team/long@{digest}";
        var path = stage.WriteArchive("long.tar", (reference, image));

        var loaded = Good(await stage.Run("loaded", more: ("path", path)));

        Assert.Equal(isTagged ? "1" : $"sha512-{digest.Hex[..64]}.image", ((string)Image(loaded, reference)["target"]!).Split(':')[^1]);
        Assert.Contains(loaded["warnings"]!, warning =>
            ((string)warning!).Contains($"does not keep its digest {digest}", StringComparison.Ordinal));
        Assert.False(Changed(await stage.Run("loaded", more: ("path", path))));
        Assert.Equal($"{reference}: present", Assert.Single(Statuses(await stage.Run("loaded", check: true, more: ("path", path)))));
        Good(await stage.Run("verified", more: ("path", path)));
    }

    async Task<byte[]> Read(string path, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(stage.Mirror.Address, $"/v2/mirror/quay.io/team/unusual/{path}"));
        request.Headers.Accept.ParseAdd(accept);
        using var answer = await stage.Mirror.Client.SendAsync(request);
        return await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
    }

    static BuiltImage Manifest(BuiltBlob config, BuiltBlob[] layers, Action<JObject>? change = null)
    {
        var json = new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = DescriptorJson.Write(config.Descriptor),
            ["layers"] = new JArray(layers.Select(layer => DescriptorJson.Write(layer.Descriptor))),
        };
        change?.Invoke(json);
        return new BuiltImage(RawManifest.Of(MediaTypes.OciManifest, Encoding.UTF8.GetBytes(Json.Indented(json))), [], [config, .. layers]);
    }
}
