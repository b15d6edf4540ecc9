using Passthrough.Core.Oci;

namespace Passthrough.Testing.Images;

/// <summary>A manifest with everything it refers to, in memory.</summary>
/// <param name="Manifest">Its bytes and type.</param>
/// <param name="Children">The manifests of an index, in order; they may be indexes themselves.</param>
/// <param name="Blobs">The configuration and the layers, in order.</param>
/// <param name="Platform">What an index says about it; null for indexes and artifacts.</param>
public sealed record BuiltImage(RawManifest Manifest, IReadOnlyList<BuiltImage> Children, IReadOnlyList<BuiltBlob> Blobs, Platform? Platform = null)
{
    public Digest Digest => Manifest.Digest;

    /// <summary>This manifest and all below it, children first.</summary>
    public IEnumerable<BuiltImage> Manifests => Children.SelectMany(child => child.Manifests).Append(this);

    /// <summary>Every blob below it, each once.</summary>
    public IEnumerable<BuiltBlob> AllBlobs => Manifests.SelectMany(manifest => manifest.Blobs).DistinctBy(blob => blob.Digest);
}

/// <summary>A configuration or a layer.</summary>
public sealed record BuiltBlob(string MediaType, byte[] Bytes)
{
    public Digest Digest { get; } = Digest.Sha256(Bytes);

    /// <summary>The digest of a layer before compression, for the configuration's <c>rootfs</c>; its own digest for others.</summary>
    public Digest? DiffId { get; init; }

    public Descriptor Descriptor => new(MediaType, Digest, Bytes.Length);
}
