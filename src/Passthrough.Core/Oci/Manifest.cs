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
    /// <summary>The manifest that this one signs or describes; null for most.</summary>
    public Descriptor? Subject { get; init; }

    /// <summary>Manifests that must be in the registry before this one.</summary>
    public abstract ImmutableArray<Descriptor> Manifests { get; }

    /// <summary>Blobs that must be in the repository before this manifest, in order; the same digest may stand twice.</summary>
    public abstract ImmutableArray<Descriptor> Blobs { get; }

    /// <exception cref="ModuleException">
    /// <see cref="ErrorCodes.ArchiveCorrupt"/>: not JSON, not a manifest, broken descriptors, or beyond the limits.
    /// </exception>
    public static Manifest Parse(RawManifest raw)
    {
        try
        {
            return (raw.Parsed ??= ParseAnew(raw)) as Manifest ?? throw (ModuleException)raw.Parsed;
        }
        catch (ModuleException e)
        {
            raw.Parsed = e;
            throw;
        }
    }

    static Manifest ParseAnew(RawManifest raw)
    {
        if (raw.Bytes.Length > Limits.ManifestBytes)
            throw Invalid(raw, $"is larger than {Limits.ManifestBytes} bytes");
        var (manifests, layers) = (ImmutableArray.CreateBuilder<Descriptor>(), ImmutableArray.CreateBuilder<Descriptor>());
        var document = ReadDocument(raw, (list, entry) =>
        {
            var (descriptors, type) = list == "manifests" ? (manifests, MediaTypes.OciManifest) : (layers, MediaTypes.OciLayerGzip);
            if (descriptors.Count == Limits.ManifestEntries)
                throw Invalid(raw, $"has more than {Limits.ManifestEntries} {list}");
            descriptors.Add(ReadDescriptor(raw, entry, $"{list}[{descriptors.Count}]", type));
        });
        return IsList(document)
            ? new ImageIndex(raw, manifests.ToImmutable()) { Subject = ReadSubject(raw, document) }
            : document["layers"] is JArray || document["config"] is JObject
                ? new ImageManifest(raw, ReadDescriptor(raw, document["config"], "config", MediaTypes.OciConfig),
                    layers.ToImmutable())
                { Subject = ReadSubject(raw, document) }
                : throw Invalid(raw, MediaTypes.IsSchema1(raw.MediaType) || IsVersion1(document)
                    ? "is a Docker schema 1 manifest, which registries no longer take"
                    : "is neither an image manifest nor an index");
    }

    /// <summary>The media type that the bytes of a manifest claim or show; null for what is no manifest.</summary>
    /// <exception cref="JsonException">They are not valid JSON, or beyond the limits.</exception>
    internal static string? MediaTypeOf(ReadOnlyMemory<byte> bytes) =>
        Json.Read(bytes, ["mediaType", "schemaVersion", "config"], ["manifests"], (_, _) => { }) is { } document ? MediaTypeOf(document)
            : null;

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

    /// <summary>The media type that stands in the bytes of a manifest; null where there is none, or they are no JSON.</summary>
    internal static string? OwnTypeOf(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return Json.Read(bytes, ["mediaType"], [], (_, _) => { })?["mediaType"] is JValue { Value: string type } ? type : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static bool IsVersion1(JObject document) => document["schemaVersion"] is JValue { Value: 1L };

    // Its descriptors are read one by one: the tree of a manifest of 4 MiB would take a hundred.
    static JObject ReadDocument(RawManifest raw, Action<string, JToken> read)
    {
        try
        {
            return Json.Read(raw.Bytes, ["mediaType", "schemaVersion", "config", "subject"], ["manifests", "layers"], read,
                duplicatesAreErrors: true)
                ?? throw Invalid(raw, "is no JSON object");
        }
        catch (JsonException e)
        {
            throw Invalid(raw, Json.Complaint(e));
        }
    }

    static Descriptor? ReadSubject(RawManifest raw, JObject document) =>
        document["subject"] is JObject subject ? ReadDescriptor(raw, subject, "subject", MediaTypes.OciManifest) : null;

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
