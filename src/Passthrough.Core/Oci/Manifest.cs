using System.Collections.Immutable;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Oci;

/// <summary>
/// What a manifest refers to: a read-only view on a <see cref="RawManifest"/>. Either an <see cref="ImageManifest"/> or an <see cref="ImageIndex"/>.
/// </summary>
public abstract record Manifest(RawManifest Raw)
{
    /// <summary>Limits the parsed size: distribution and Quay refuse more than 4 MiB; what is larger than this is no manifest.</summary>
    public const int MaxBytes = 32 * 1024 * 1024;

    /// <summary>The manifest that this one signs or describes; null for most.</summary>
    public Descriptor? Subject { get; init; }

    /// <summary>Manifests that must be in the registry before this one.</summary>
    public abstract ImmutableArray<Descriptor> Manifests { get; }

    /// <summary>Blobs that must be in the repository before this manifest, in order; the same digest may stand twice.</summary>
    public abstract ImmutableArray<Descriptor> Blobs { get; }

    /// <exception cref="ModuleException"><see cref="ErrorCodes.ArchiveCorrupt"/>: not JSON, not a manifest, or broken descriptors.</exception>
    public static Manifest Parse(RawManifest raw)
    {
        var document = ParseObject(raw);
        return IsList(document)
            ? new ImageIndex(raw, ReadDescriptors(raw, document, "manifests", MediaTypes.OciManifest)) { Subject = ReadSubject(raw, document) }
            : document["layers"] is JArray || document["config"] is JObject
                ? new ImageManifest(raw, ReadDescriptor(raw, document["config"], "config", MediaTypes.OciConfig), ReadDescriptors(raw, document, "layers", MediaTypes.OciLayerGzip)) { Subject = ReadSubject(raw, document) }
                : throw Invalid(raw, MediaTypes.IsSchema1(raw.MediaType) || IsVersion1(document)
                    ? "is a Docker schema 1 manifest, which registries no longer take"
                    : "is neither an image manifest nor an index");
    }

    /// <summary>The media type that a manifest document claims or, where it claims none, shows by its members; null for what is no manifest.</summary>
    public static string? MediaTypeOf(JObject document) =>
        document["mediaType"] is JValue { Value: string type } ? type
        : IsList(document) ? MediaTypes.OciIndex
        : IsVersion1(document) ? MediaTypes.DockerSchema1Signed
        : document["config"] is JObject ? MediaTypes.OciManifest
        : null;

    // Go writes a list of nothing as null.
    static bool IsList(JObject document) =>
        document["manifests"] is JArray
            || (document["manifests"] is JValue { Type: JTokenType.Null } && document["layers"] is null && document["config"] is null);

    static bool IsVersion1(JObject document) => document["schemaVersion"] is JValue { Value: 1L };

    static JObject ParseObject(RawManifest raw)
    {
        if (raw.Bytes.Length > MaxBytes)
            throw Invalid(raw, $"is larger than {MaxBytes} bytes");
        try
        {
            return Json.Parse(raw.Bytes.Span, duplicatesAreErrors: true) as JObject ?? throw Invalid(raw, "is no JSON object");
        }
        catch (JsonException e)
        {
            throw Invalid(raw, $"is no valid JSON ({e.Message})");
        }
    }

    static Descriptor? ReadSubject(RawManifest raw, JObject document) =>
        document["subject"] is JObject subject ? ReadDescriptor(raw, subject, "subject", MediaTypes.OciManifest) : null;

    static ImmutableArray<Descriptor> ReadDescriptors(RawManifest raw, JObject document, string name, string defaultType) =>
        document[name] is JArray items ? [.. items.Select((item, i) => ReadDescriptor(raw, item, $"{name}[{i}]", defaultType))] : [];

    static Descriptor ReadDescriptor(RawManifest raw, JToken? token, string where, string defaultType)
    {
        if (token is not JObject descriptor)
            throw Invalid(raw, $"has no {where}");
        return DescriptorJson.TryRead(descriptor, defaultType, out var reason) ?? throw Invalid(raw, $"has a bad {where}: {reason}");
    }

    static ModuleException Invalid(RawManifest raw, string what) =>
        new(ErrorCodes.ArchiveCorrupt, $"manifest {raw.Digest} {what}") { Blob = raw.Digest.ToString() };
}

/// <summary>A manifest of one image or artifact: a configuration and layers (OCI image-spec manifest.md; Docker schema 2).</summary>
public sealed record ImageManifest(RawManifest Raw, Descriptor Config, ImmutableArray<Descriptor> Layers) : Manifest(Raw)
{
    public override ImmutableArray<Descriptor> Manifests => [];

    public override ImmutableArray<Descriptor> Blobs => [Config, .. Layers];
}

/// <summary>A list of manifests, mostly one a platform (OCI image-spec image-index.md; Docker manifest list).</summary>
public sealed record ImageIndex(RawManifest Raw, ImmutableArray<Descriptor> Children) : Manifest(Raw)
{
    public override ImmutableArray<Descriptor> Manifests => Children;

    public override ImmutableArray<Descriptor> Blobs => [];
}
