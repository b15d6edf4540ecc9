using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>The manifests of an image that a source names and does not hold: they are read from where an earlier copy has put them. Its blobs are asked for like all others.</summary>
sealed class DeliveredManifests(IImageStore source, IImageTarget target, CopyItem item, CopyOptions options) : IImageStore
{
    public async Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation)
    {
        var manifest = await source.ReadManifestAsync(image, cancellation) ?? await target.ReadManifestAsync(item.Target.WithDigest(image.Digest!), cancellation);
        return manifest is null && image.Digest == item.Root.Digest
            ? throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{item.Source} is incomplete in the archive: its manifest {item.Root.Digest} is neither in it nor in the registry", options.WhenIncomplete)
            : manifest;
    }

    public async Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) => (await ReadManifestAsync(image, cancellation))?.Descriptor;

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation) => source.OpenBlobAsync(repository, blob, offset, cancellation);
}
