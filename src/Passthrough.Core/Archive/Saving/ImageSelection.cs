using System.Collections.Immutable;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive.Saving;

/// <summary>An image that the user wants in an archive.</summary>
public sealed record ImageRequest(Reference Image)
{
    /// <summary>Empty for all. Whole indexes travel: a choice that leaves some platforms out is refused, or see <see cref="TakeChild"/>.</summary>
    public ImmutableArray<Platform> Platforms { get; init; } = [];

    /// <summary>Whether it is an OpenShift release whose images are wanted too, see <see cref="ReleasePayload"/>.</summary>
    public bool ExpandsRelease { get; init; }

    /// <summary>Whether its signatures and other referrers go with it.</summary>
    public bool WithReferrers { get; init; }

    /// <summary>
    /// Whether at least its cosign signatures go with it, where upstream has some: a cluster may refuse a release without them.
    /// </summary>
    public bool WithSignatures { get; init; }

    /// <summary>Whether, instead of a refusal, the one platform's own manifest is taken under the tag.</summary>
    public bool TakeChild { get; init; }
}

/// <summary>What goes into the archive for a request: its manifests are read, its blobs are not.</summary>
/// <param name="Request">What was asked for.</param>
/// <param name="Name">Its name in the archive.</param>
/// <param name="Tree">Its manifests.</param>
/// <param name="SourceDigest">What the upstream registry has under the name; differs from the tree's root where a platform's manifest was taken.</param>
public sealed record SelectedImage(ImageRequest Request, Reference Name, ManifestTree Tree, Digest SourceDigest)
{
    /// <summary>Platforms of the upstream index that are not in the archive.</summary>
    public ImmutableArray<Platform> OmittedPlatforms { get; init; } = [];

    /// <summary>Signatures and other manifests that belong to it.</summary>
    public ImmutableArray<SelectedAttachment> Attachments { get; init; } = [];

    /// <summary>What belongs to it and could not be had, and why: one sentence each.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>Its own manifests, and those that belong to it.</summary>
    public IEnumerable<ManifestTree> Trees => Attachments.Select(attachment => attachment.Tree).Prepend(Tree);

    /// <summary>The same without what turned out not to be there, with a warning for each.</summary>
    internal SelectedImage Without(IReadOnlyDictionary<SelectedAttachment, ModuleException> lost) =>
        !Attachments.Any(lost.ContainsKey) ? this : this with
        {
            Attachments = [.. Attachments.Where(attachment => !lost.ContainsKey(attachment))],
            Warnings = [.. Warnings,
            .. Attachments.Where(lost.ContainsKey)
                .Select(attachment => $"{Name} is saved without its referrer {attachment.Tree.Root.Digest}: {lost[attachment].Message}")],
        };

    /// <summary>The repository that serves the blobs.</summary>
    public Reference Origin => Name.WithDigest(Tree.Root.Digest);
}

/// <summary>Decides what of an upstream image goes into an archive.</summary>
public static class ImageSelection
{
    /// <exception cref="ModuleException">The image is not there, or the choice of platforms would leave a partial index.</exception>
    public static async Task<SelectedImage> SelectAsync(IImageStore upstream, ImageRequest request, CancellationToken cancellation)
    {
        var image = await SelectImageAsync(upstream, request, cancellation);
        if (!request.WithReferrers && !request.WithSignatures)
            return image;
        var found = await ImageAttachments.FindAsync(upstream, image, cancellation);
        return image with { Attachments = found.Attachments, Warnings = found.Warnings };
    }

    static async Task<SelectedImage> SelectImageAsync(IImageStore upstream, ImageRequest request, CancellationToken cancellation)
    {
        var asked = Asked(request);
        var tree = await ManifestTree.ReadAsync(upstream, asked, cancellation);
        if (tree.Missing.FirstOrDefault() is { } missing)
            throw new ModuleException(ErrorCodes.NotFound, $"the registry of {request.Image} does not have the manifest {missing.Digest} ({missing.Platform}) that its index names", "the image is incomplete upstream; on_partial=child with one of its platforms takes that one") { Image = request.Image.ToString() };
        var whole = new SelectedImage(request, request.Image.Tag is null ? asked : request.Image.WithTag(request.Image.Tag), tree, tree.Root.Digest);
        if (request.Platforms.IsEmpty || tree.RootManifest is not ImageIndex index)
            return whole;

        var real = index.Children.Where(child => child.Platform is { } platform && !ManifestTree.IsAttestation(platform)).ToList();
        var kept = real.Where(child => request.Platforms.Any(wanted => wanted.Matches(child.Platform!))).ToList();
        if (kept.Count == real.Count)
            return whole;
        if (kept.Count == 0)
            throw new ModuleException(ErrorCodes.NotFound, $"{request.Image} has no manifest for {List(request.Platforms)}; it has {List(real)}", "choose among its platforms, or leave platforms out") { Image = request.Image.ToString() };
        if (!request.TakeChild)
            throw Partial(request, $"{List(request.Platforms)} alone would leave a partial index ({List(real)} are in it), which registries refuse", "leave platforms out to take the whole image, or set on_partial=child to deliver one platform's manifest under the tag");
        if (kept.Count > 1)
            throw Partial(request, $"on_partial=child takes one platform's manifest, but {List(kept)} were chosen of {List(real)}", "choose one platform, or all");
        if (request.Image.Digest is not null)
            throw Partial(request, $"it is asked for by the digest of its index, and the manifest of {kept[0].Platform} has another ({kept[0].Digest})", "ask for the tag, or for the digest of the platform's manifest");
        return whole with
        {
            Tree = await ManifestTree.ReadAsync(upstream, asked.WithDigest(kept[0].Digest), cancellation),
            OmittedPlatforms = [.. real.Except(kept).Select(child => child.Platform!)],
        };
    }

    /// <summary>What the registry is asked for: a digest wins over a tag beside it.</summary>
    public static Reference Asked(ImageRequest request) =>
        request.Image.Digest is { } digest ? request.Image.WithDigest(digest) : request.Image;

    static ModuleException Partial(ImageRequest request, string what, string hint) =>
        new(ErrorCodes.InvalidArgument, $"{request.Image} cannot be saved for chosen platforms: {what}", hint) { Image = request.Image.ToString() };

    static string List(IEnumerable<Platform> platforms) => string.Join(", ", platforms);

    static string List(IEnumerable<Descriptor> children) => List(children.Select(child => child.Platform!));
}
