using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Images;

/// <summary>Builds small images whose bytes depend on nothing but the arguments: the same call gives the same digest, today and tomorrow.</summary>
public static class ImageBuilder
{
    public const string EmptyConfigType = "application/vnd.oci.empty.v1+json";

    static readonly Platform Amd64 = new("linux", "amd64");
    static readonly Platform Arm64 = new("linux", "arm64");

    /// <summary>A gzip layer with one file of pseudo-random content, so that it does not shrink.</summary>
    /// <param name="name">The file's name; also seeds the content.</param>
    /// <param name="size">Bytes of the file.</param>
    /// <param name="docker">Gives the layer Docker's media type.</param>
    public static BuiltBlob Layer(string name, int size = 1000, bool docker = false)
    {
        var content = new byte[size];
        new Random(name.Aggregate(17, (hash, c) => unchecked((hash * 31) + c))).NextBytes(content);
        return Layer([(name, content, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead)], docker);
    }

    /// <summary>A gzip layer of the given files.</summary>
    public static BuiltBlob Layer(IEnumerable<(string Name, byte[] Content, UnixFileMode Mode)> files, bool docker = false)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var (name, content, mode) in files)
                writer.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { Mode = mode, ModificationTime = DateTimeOffset.UnixEpoch, DataStream = new MemoryStream(content) });
        }

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(tar.ToArray());
        return new BuiltBlob(docker ? "application/vnd.docker.image.rootfs.diff.tar.gzip" : MediaTypes.OciLayerGzip, packed.ToArray()) { DiffId = Digest.Sha256(tar.ToArray()) };
    }

    /// <summary>An image of one platform, linux/amd64 by default; OCI types or Docker's schema 2.</summary>
    public static BuiltImage Image(IReadOnlyList<BuiltBlob> layers, Platform? platform = null, bool docker = false,
        (string Name, string Value)? label = null)
    {
        platform ??= Amd64;
        var config = new JObject
        {
            ["architecture"] = platform.Architecture,
            ["os"] = platform.Os,
            ["created"] = "1970-01-01T00:00:00Z",
            ["config"] = new JObject { ["Labels"] = new JObject { ["made.by"] = "passthrough tests" } },
            ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(layers.Select(layer => layer.DiffId?.ToString())) },
        };
        if (label is { } more)
            config["config"]!["Labels"]![more.Name] = more.Value;
        if (platform.Variant is not null)
            config["variant"] = platform.Variant;
        var configBlob = Blob(docker ? "application/vnd.docker.container.image.v1+json" : MediaTypes.OciConfig, config);
        return Manifest(docker ? MediaTypes.DockerManifest : MediaTypes.OciManifest, configBlob, layers) with { Platform = platform };
    }

    /// <summary>A true multi-arch image: linux/amd64 and linux/arm64, each with a layer of its own on top of the shared ones.</summary>
    public static BuiltImage MultiArch(string name, IReadOnlyList<BuiltBlob>? shared = null, int size = 1000, bool docker = false) =>
        Index([.. new[] { Amd64, Arm64 }.Select(platform => Image([.. shared ?? [], Layer($"{name}-{platform.Architecture}", size, docker)], platform, docker))], docker);

    /// <summary>An index over the given manifests, which may be indexes.</summary>
    public static BuiltImage Index(IReadOnlyList<BuiltImage> children, bool docker = false)
    {
        var type = docker ? MediaTypes.DockerManifestList : MediaTypes.OciIndex;
        var document = new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = type,
            ["manifests"] = new JArray(children.Select(child => DescriptorJson.Write(child.Manifest.Descriptor with { Platform = child.Platform }))),
        };
        return new BuiltImage(Raw(type, document), children, []);
    }

    /// <summary>An artifact as the image-spec wants it: an empty configuration, an artifact type, any layers; with a subject it is a referrer.</summary>
    public static BuiltImage Artifact(string artifactType, byte[] content, BuiltImage? subject = null)
    {
        var config = new BuiltBlob(EmptyConfigType, "{}"u8.ToArray());
        return Manifest(MediaTypes.OciManifest, config, [new BuiltBlob("text/plain", content)], document =>
        {
            document["artifactType"] = artifactType;
            if (subject is not null)
                document["subject"] = DescriptorJson.Write(subject.Manifest.Descriptor);
        });
    }

    static BuiltImage Manifest(string type, BuiltBlob config, IReadOnlyList<BuiltBlob> layers, Action<JObject>? change = null)
    {
        var document = new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = type,
            ["config"] = DescriptorJson.Write(config.Descriptor),
            ["layers"] = new JArray(layers.Select(layer => DescriptorJson.Write(layer.Descriptor))),
        };
        change?.Invoke(document);
        return new BuiltImage(Raw(type, document), [], [config, .. layers]);
    }

    static BuiltBlob Blob(string type, JToken json) => new(type, Encoding.UTF8.GetBytes(Json.Compact(json)));

    // Indented on purpose: whoever re-serialises a manifest changes its digest.
    static RawManifest Raw(string type, JObject document) => RawManifest.Of(type, Encoding.UTF8.GetBytes(Json.Indented(document)));
}
