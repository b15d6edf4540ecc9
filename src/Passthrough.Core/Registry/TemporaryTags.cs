using System.Collections.Concurrent;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// Keeps the manifests below an index on registries that collect whatever has no tag (<see cref="RegistryTraits.CollectsUntaggedChildren"/>): each gets a tag of its
/// own, and loses it when the index has its tag. The names follow from the digests, so that the next run removes what one that was killed has left.
/// On all other registries it does nothing.
/// </summary>
sealed class TemporaryTags(IImageTarget target)
{
    const string Prefix = "passthrough-child-";

    /// <summary>A tag has at most 128 characters; sha512 alone has as many.</summary>
    const int DigestCharacters = 64;

    readonly ConcurrentDictionary<string, Lazy<Task<HashSet<string>>>> found = new(StringComparer.Ordinal);

    /// <summary>Where a manifest below an index is put: under its temporary tag or, where none is needed, its digest.</summary>
    public Reference NameOf(Reference repository, Digest child) =>
        target.Traits.CollectsUntaggedChildren ? repository.WithTag(Tag(child)) : repository.WithDigest(child);

    /// <summary>The tags that an image needs while it is pushed.</summary>
    public IReadOnlyList<string> Of(ManifestTree tree) =>
        target.Traits.CollectsUntaggedChildren ? [.. tree.Manifests[..^1].Select(manifest => Tag(manifest.Raw.Digest))] : [];

    /// <summary>Those of an image's tags that an earlier run left. Asks once for each repository.</summary>
    public async Task<IReadOnlyList<string>> FindLeftAsync(Reference repository, ManifestTree tree, CancellationToken cancellation)
    {
        var own = Of(tree);
        if (own.Count == 0)
            return own;
        var tags = await found.GetOrAdd(repository.Repository, _ => new Lazy<Task<HashSet<string>>>(async () => [.. await target.ListTagsAsync(repository, cancellation)])).Value;
        return [.. own.Where(tags.Contains)];
    }

    public async Task RemoveAsync(Reference repository, IReadOnlyList<string> tags, CancellationToken cancellation)
    {
        foreach (var tag in tags)
            await target.RemoveTagAsync(repository.WithTag(tag), cancellation);
    }

    static string Tag(Digest child) => Prefix + child.Hex[..DigestCharacters];
}
