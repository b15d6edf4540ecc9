using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// Tags of a mirror's repositories that are there only for the sake of an image: where cosign looks for its signatures, the list of its referrers, and the
/// tags that keep those referrers. Repositories are asked for their tags once.
/// </summary>
/// <param name="registry">The mirror.</param>
/// <param name="going">Targets of images that are about to go.</param>
/// <param name="delivered">Targets of all images that were delivered, those too.</param>
public sealed class AttachedTags(IImageTarget registry, IReadOnlySet<string> going, IReadOnlySet<string> delivered)
{
    /// <summary>None is the list of referrers of a registry without the API for them.</summary>
    static readonly string[] Suffixes = ["", ".sig", ".att", ".sbom"];

    readonly Dictionary<string, MirrorTags> repositories = new(StringComparer.Ordinal);

    /// <summary>The tags of an image's repository, those that were removed taken out.</summary>
    public async Task<MirrorTags> TagsAsync(Reference image, CancellationToken cancellation)
    {
        if (!repositories.TryGetValue(image.Repository, out var tags))
            repositories[image.Repository] = tags = new MirrorTags(registry, image, await registry.ListTagsAsync(image, cancellation));
        return tags;
    }

    /// <summary>What goes with an image, the inner before the outer, so that what is left after an interruption is still found. Empty where the image stays under another tag.</summary>
    /// <param name="image">Its target.</param>
    /// <param name="root">What that names.</param>
    public async Task<IReadOnlyList<Reference>> FindAsync(Reference image, Digest root, CancellationToken cancellation)
    {
        var found = new List<Reference>();
        var tags = await TagsAsync(image, cancellation);
        if (!tags.Any(tag => tag.StartsWith("sha256-", StringComparison.Ordinal) && tag != image.Tag))
            return found;
        var used = await UsedAsync(image, tags, cancellation);
        List<Digest> subjects = [.. (await tags.ManifestsAsync(image.WithDigest(root), cancellation))
            .Where(digest => !used.ContainsKey(digest))];
        var seen = subjects.ToHashSet();
        for (var i = 0; i < subjects.Count; i++)
        {
            foreach (var suffix in Suffixes)
                Take(image.WithTag(Referrers.TagOf(subjects[i]) + suffix));
            foreach (var referrer in await Referrers.FindAsync(registry, image.WithDigest(subjects[i]), cancellation))
            {
                Take(image.WithTag(Referrers.TagOf(referrer.Digest) + ".image"));
                if (seen.Add(referrer.Digest))
                    subjects.Add(referrer.Digest);
                if (seen.Count > Limits.ImageManifests + Limits.ImageReferrers)
                    throw new ModuleException(ErrorCodes.Unsupported, $"{image} has more than {Limits.ImageReferrers} referrers",
                        "remove them on the registry first")
                    { Image = image.ToString() };
            }
        }

        found.Reverse();
        return found;

        void Take(Reference tag)
        {
            if (tags.Contains(tag.Tag!) && !delivered.Contains(tag.ToString()) && !found.Contains(tag))
                found.Add(tag);
        }
    }

    /// <summary>The tag that stays and needs a manifest, because it names it or an index that contains it; null where none does.</summary>
    /// <param name="image">A target in the manifest's repository.</param>
    /// <param name="manifest">The manifest.</param>
    public async Task<string?> FindUserAsync(Reference image, Digest manifest, CancellationToken cancellation) =>
        (await UsedAsync(image, await TagsAsync(image, cancellation), cancellation)).GetValueOrDefault(manifest);

    /// <summary>The manifests below an index that no tag of its repository needs any more once the index is gone.</summary>
    public async Task<IReadOnlyList<Digest>> FindOrphansAsync(Reference image, Digest root, CancellationToken cancellation)
    {
        var tags = await TagsAsync(image, cancellation);
        var used = await UsedAsync(image, tags, cancellation);
        var orphans = new List<Digest>();
        foreach (var child in await tags.ManifestsAsync(image.WithDigest(root), cancellation))
        {
            // A child with a tag of its own goes with that, or stays.
            if (child != root && !used.ContainsKey(child) && (await tags.NamingAsync(child, cancellation)).Count == 0)
                orphans.Add(child);
        }

        return orphans;
    }

    Task<IReadOnlyDictionary<Digest, string>> UsedAsync(Reference image, MirrorTags tags, CancellationToken cancellation) =>
        tags.UsedAsync(tag =>
            !going.Contains(image.WithTag(tag).ToString()) && (!IsDerived(tag) || delivered.Contains(image.WithTag(tag).ToString())),
            cancellation);

    static bool IsDerived(string tag) => tag.StartsWith("sha256-", StringComparison.Ordinal) && tag.Length >= 71;
}

/// <summary>The tags of one repository and what they name, asked for once.</summary>
public sealed class MirrorTags(IImageTarget registry, Reference repository, IEnumerable<string> listed)
{
    readonly HashSet<string> tags = new(listed, StringComparer.Ordinal);
    Dictionary<string, Digest>? digests;
    Dictionary<Digest, string>? used;

    public bool Contains(string tag) => tags.Contains(tag);

    public bool Any(Func<string, bool> condition) => tags.Any(condition);

    /// <summary>Tags that name a manifest.</summary>
    public async Task<IReadOnlyList<string>> NamingAsync(Digest digest, CancellationToken cancellation)
    {
        if (digests is null)
        {
            digests = new(StringComparer.Ordinal);
            foreach (var tag in tags)
            {
                if (await registry.ResolveAsync(repository.WithTag(tag), cancellation) is { } found)
                    digests[tag] = found.Digest;
            }
        }

        return [.. tags.Where(tag => digests.TryGetValue(tag, out var named) && named == digest)];
    }

    public void Remove(string tag) => tags.Remove(tag);

    /// <summary>Every manifest of the images that some of the tags name, with the first such tag.</summary>
    internal async Task<IReadOnlyDictionary<Digest, string>> UsedAsync(Func<string, bool> stays, CancellationToken cancellation)
    {
        if (used is not null)
            return used;
        var found = new Dictionary<Digest, string>();
        foreach (var tag in tags.Where(stays))
        {
            foreach (var digest in await ManifestsAsync(repository.WithTag(tag), cancellation))
                found.TryAdd(digest, tag);
        }

        return used = found;
    }

    /// <summary>Every manifest of an image; none where it cannot be read.</summary>
    internal async Task<IEnumerable<Digest>> ManifestsAsync(Reference image, CancellationToken cancellation)
    {
        try
        {
            return (await ManifestTree.ReadAsync(registry, image, cancellation)).Manifests.Select(manifest => manifest.Raw.Digest);
        }
        catch (ModuleException e) when (e.Code is ErrorCodes.NotFound or ErrorCodes.ArchiveCorrupt or ErrorCodes.DigestMismatch)
        {
            return [];
        }
    }
}
