using System.Collections.Immutable;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive;

/// <summary>What belongs to an image in a registry and is not part of it: its referrers, and what cosign keeps under tags of its digest.</summary>
static class ImageAttachments
{
    /// <summary>Signatures of lists of contents of … : what is deeper belongs to something else.</summary>
    const int MostSubjects = 1000;

    static readonly string[] CosignSuffixes = [".sig", ".att", ".sbom"];

    /// <exception cref="ModuleException">One of them is listed and cannot be read.</exception>
    public static async Task<ImmutableArray<SelectedAttachment>> FindAsync(IImageStore upstream, SelectedImage image, CancellationToken cancellation)
    {
        var found = ImmutableArray.CreateBuilder<SelectedAttachment>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        List<Digest> subjects = [.. image.Tree.Manifests.Select(manifest => manifest.Raw.Digest)];
        var own = subjects.Count;
        for (var i = 0; i < subjects.Count && i < MostSubjects; i++)
        {
            var subject = subjects[i];
            foreach (var referrer in await Referrers.FindAsync(upstream, image.Name.WithDigest(subject), cancellation))
                await AddAsync(subject, referrer.Digest, tag: null);
            foreach (var suffix in i < own ? CosignSuffixes : [])
            {
                var tag = Referrers.TagOf(subject) + suffix;
                if (await upstream.ResolveAsync(image.Name.WithTag(tag), cancellation) is { } signature)
                    await AddAsync(subject, signature.Digest, tag);
            }
        }

        return found.ToImmutable();

        async Task AddAsync(Digest subject, Digest digest, string? tag)
        {
            if (!seen.Add($"{subject} {digest} {tag}"))
                return;
            var tree = await ManifestTree.ReadAsync(upstream, image.Name.WithDigest(digest), cancellation);
            found.Add(new SelectedAttachment(subject, tag, tree));
            subjects.Add(digest);
        }
    }
}

/// <summary>A manifest that belongs to an image without being part of it.</summary>
/// <param name="Subject">The manifest that it is about.</param>
/// <param name="Tag">Where cosign looks for it; null for a referrer.</param>
/// <param name="Tree">Its manifests.</param>
public sealed record SelectedAttachment(Digest Subject, string? Tag, ManifestTree Tree)
{
    /// <summary>As the index of an archive lists it.</summary>
    public Descriptor Descriptor => Tree.Root.WithAnnotation(Annotations.ContainerdManifestSubject, Subject.ToString()).WithAnnotation(Annotations.RefName, Tag);
}
