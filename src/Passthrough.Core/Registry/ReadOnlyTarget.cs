using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>A registry in check mode: it is asked, and nothing is written to it; what would be written counts as done.</summary>
public sealed class ReadOnlyTarget(IImageTarget inner) : IImageTarget
{
    public RegistryTraits Traits => inner.Traits;

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) => inner.ResolveAsync(image, cancellation);

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation) => inner.ReadManifestAsync(image, cancellation);

    public Task<IReadOnlyList<Descriptor>?> ListReferrersAsync(Reference subject, CancellationToken cancellation) => inner.ListReferrersAsync(subject, cancellation);

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation) =>
        inner.OpenBlobAsync(repository, blob, offset, cancellation);

    public Task<bool> HasBlobAsync(Reference repository, Descriptor blob, CancellationToken cancellation) =>
        inner.HasBlobAsync(repository, blob, cancellation);

    public Task<BlobOutcome> PutBlobAsync(Reference repository, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) =>
        Task.FromResult(mountFrom is null ? BlobOutcome.Uploaded : BlobOutcome.Mounted);

    public Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation) => Task.CompletedTask;

    public Task<IReadOnlyList<string>> ListTagsAsync(Reference repository, CancellationToken cancellation) => inner.ListTagsAsync(repository, cancellation);

    public Task RemoveTagAsync(Reference image, CancellationToken cancellation) => Task.CompletedTask;
}
