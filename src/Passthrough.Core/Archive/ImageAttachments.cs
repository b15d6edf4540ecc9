using System.Collections.Immutable;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive;

/// <summary>What belongs to an image in a registry and is not part of it: its referrers, and what cosign keeps under tags of its digest.</summary>
static class ImageAttachments
{
    const string SignatureSuffix = ".sig";

    static readonly string[] CosignSuffixes = [SignatureSuffix, ".att", ".sbom"];

    /// <summary>What belongs to an image, as far as it can be had: the image is not lost because one of its signatures is.</summary>
    public static async Task<FoundAttachments> FindAsync(IImageStore upstream, SelectedImage image, CancellationToken cancellation)
    {
        var found = new Finder(upstream, image);
        if (image.Request.WithReferrers)
            await found.FindAllAsync(cancellation);
        else
            await found.FindSignaturesAsync(cancellation);
        return new FoundAttachments([.. found.Attachments], [.. found.Warnings]);
    }

    sealed class Finder(IImageStore upstream, SelectedImage image)
    {
        readonly HashSet<string> seen = new(StringComparer.Ordinal);
        readonly List<Digest> subjects = [.. image.Tree.Manifests.Select(manifest => manifest.Raw.Digest)];

        public List<SelectedAttachment> Attachments { get; } = [];

        public List<string> Warnings { get; } = [];

        public async Task FindAllAsync(CancellationToken cancellation)
        {
            var own = subjects.Count;
            for (var i = 0; i < subjects.Count; i++)
            {
                await FindReferrersAsync(subjects[i], cancellation);
                foreach (var suffix in i < own ? CosignSuffixes : [])
                    await FindTaggedAsync(subjects[i], suffix, cancellation);
            }
        }

        /// <summary>One request a manifest.</summary>
        public async Task FindSignaturesAsync(CancellationToken cancellation)
        {
            foreach (var subject in subjects.ToList())
                await FindTaggedAsync(subject, SignatureSuffix, cancellation);
        }

        async Task FindReferrersAsync(Digest subject, CancellationToken cancellation)
        {
            IReadOnlyList<Descriptor> listed = [];
            await TryAsync($"the referrers of {subject}", async () =>
                listed = await Referrers.FindAsync(upstream, image.Name.WithDigest(subject), cancellation));
            foreach (var referrer in listed)
                await TryAsync($"its referrer {referrer.Digest}", () => AddAsync(subject, referrer.Digest, tag: null, cancellation));
        }

        async Task FindTaggedAsync(Digest subject, string suffix, CancellationToken cancellation)
        {
            var tag = Referrers.TagOf(subject) + suffix;
            await TryAsync($"what may be under its tag {tag}", async () =>
            {
                if (await upstream.ResolveAsync(image.Name.WithTag(tag), cancellation) is { } signature)
                    await AddAsync(subject, signature.Digest, tag, cancellation);
            });
        }

        async Task AddAsync(Digest subject, Digest digest, string? tag, CancellationToken cancellation)
        {
            if (!seen.Add($"{subject} {digest} {tag}"))
                return;
            if (Attachments.Count == Limits.ImageReferrers)
            {
                throw new ModuleException(
                    ErrorCodes.Unsupported,
                    $"{image.Name} has more than {Limits.ImageReferrers} referrers",
                    "save it without: include_referrers=false")
                { Image = image.Name.ToString() };
            }

            var tree = await ManifestTree.ReadAsync(upstream, image.Name.WithDigest(digest), cancellation);
            // A registry may list what is about something else: what tools keep under the same tag.
            if (tag is null && tree.RootManifest.Subject?.Digest != subject)
                return;
            if (tree.Missing.FirstOrDefault() is { } missing)
                throw new ModuleException(ErrorCodes.NotFound, $"the registry does not have the manifest {missing.Digest} that it names");
            Attachments.Add(new SelectedAttachment(subject, tag, tree));
            subjects.Add(digest);
        }

        async Task TryAsync(string what, Func<Task> work)
        {
            try
            {
                await work();
            }
            catch (ModuleException e) when (e.Code != ErrorCodes.Unsupported)
            {
                Warnings.Add($"{image.Name} is saved without {what}: {e.Message}");
            }
        }
    }
}

/// <summary>What belongs to an image.</summary>
/// <param name="Attachments">What can be had.</param>
/// <param name="Warnings">What cannot, and why: one sentence each.</param>
sealed record FoundAttachments(ImmutableArray<SelectedAttachment> Attachments, ImmutableArray<string> Warnings);

/// <summary>A manifest that belongs to an image without being part of it.</summary>
/// <param name="Subject">The manifest that it is about.</param>
/// <param name="Tag">Where cosign looks for it; null for a referrer.</param>
/// <param name="Tree">Its manifests.</param>
public sealed record SelectedAttachment(Digest Subject, string? Tag, ManifestTree Tree)
{
    /// <summary>As the index of an archive lists it.</summary>
    public Descriptor Descriptor => Tree.Root.WithAnnotation(Annotations.ContainerdManifestSubject, Subject.ToString()).WithAnnotation(Annotations.RefName, Tag);
}
