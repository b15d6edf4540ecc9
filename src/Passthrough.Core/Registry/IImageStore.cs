using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// A place that images can be read from: a registry or an archive. Every address is a <see cref="Reference"/>;
/// a store that holds one copy of each blob for all repositories (an archive) ignores the repository of a blob.
/// </summary>
public interface IImageStore
{
    /// <summary>Type, digest and size of the manifest that the tag or digest names; null where there is none.</summary>
    Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation);

    /// <summary>
    /// The manifest that the tag or digest names, its bytes checked against the digest asked for (or told by the server); null where there is none.
    /// </summary>
    Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation);

    /// <summary>Manifests that name the one that is given by digest as their subject; null where the store does not keep such a list, see <see cref="Referrers"/>.</summary>
    Task<IReadOnlyList<Descriptor>?> ListReferrersAsync(Reference subject, CancellationToken cancellation) => Task.FromResult<IReadOnlyList<Descriptor>?>(null);

    /// <summary>
    /// The bytes of a blob from <paramref name="offset"/> to its end. They are not checked: whoever reads all of them hashes them.
    /// </summary>
    /// <exception cref="ModuleException">The blob is not there.</exception>
    Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation);
}

/// <summary>A place that images can also be written to: a registry.</summary>
public interface IImageTarget : IImageStore
{
    RegistryTraits Traits { get; }

    /// <summary>Whether the repository itself holds the blob.</summary>
    Task<bool> HasBlobAsync(Reference repository, Descriptor blob, CancellationToken cancellation);

    /// <summary>
    /// Puts a blob into a repository: mounts it from another repository of the same registry where <paramref name="mountFrom"/> names one and
    /// the registry agrees, otherwise uploads it whole, in the form that <see cref="Traits"/> asks for. After a fault that may pass it starts again
    /// from the first byte with a stream opened anew.
    /// </summary>
    /// <exception cref="ModuleException">The registry refused it, or the bytes do not have the blob's digest (then it is not in the repository).</exception>
    Task<BlobOutcome> PutBlobAsync(Reference repository, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation);

    /// <summary>Puts a manifest under the reference's tag or, where it has none, its digest. What it refers to must be there already.</summary>
    Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation);

    /// <summary>The tags of a repository; none where there is no such repository.</summary>
    Task<IReadOnlyList<string>> ListTagsAsync(Reference repository, CancellationToken cancellation);

    /// <summary>Takes a tag away; what it named stays. That it is gone already is no error.</summary>
    Task RemoveTagAsync(Reference image, CancellationToken cancellation);
}

/// <summary>How a blob came to be in a repository.</summary>
public enum BlobOutcome
{
    Uploaded,
    Mounted,
}
