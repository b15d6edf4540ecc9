using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Validation;

/// <summary>One image of one platform that is copied with all its bytes.</summary>
/// <param name="owner">The image it belongs to.</param>
/// <param name="image">Its upstream name, by digest.</param>
/// <param name="manifest">Its manifest.</param>
sealed class WholeCopy(ImageProof owner, Reference image, Platform? platform, ImageManifest manifest)
{
    public ImageProof Owner { get; } = owner;

    public Reference Image { get; } = image;

    /// <summary>Null where no index says it.</summary>
    public Platform? Platform { get; } = platform;

    public ImageManifest Manifest { get; } = manifest;

    /// <summary>Of configuration and layers.</summary>
    public long Bytes { get; } = manifest.Blobs.Where(blob => !ManifestTree.IsForeign(blob)).Sum(blob => blob.Size);

    public bool IsDone { get; set; }

    /// <summary>Of the images of one source: the smallest, or all.</summary>
    public static IEnumerable<WholeCopy> Choose(IReadOnlyList<ImageProof> proofs, bool all)
    {
        var copies = proofs.Where(proof => proof.Passed).SelectMany(Of).DistinctBy(copy => copy.Image);
        return all ? copies : copies.OrderBy(copy => copy.IsArtifact).ThenBy(copy => copy.Bytes).Take(1);
    }

    /// <summary>Clients of some versions copy nothing but what runs.</summary>
    bool IsArtifact { get; init; }

    static IEnumerable<WholeCopy> Of(ImageProof proof) =>
        from manifest in proof.Tree!.Manifests.OfType<ImageManifest>()
        let platform = MirrorContent.PlatformOf(proof.Tree, manifest)
        select new WholeCopy(proof, proof.Image.Image.WithDigest(manifest.Raw.Digest), platform, manifest)
        {
            IsArtifact = manifest.Config.MediaType is not (MediaTypes.OciConfig or "application/vnd.docker.container.image.v1+json") || (platform is not null && ManifestTree.IsAttestation(platform)),
        };
}
