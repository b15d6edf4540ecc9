using System.Collections.Immutable;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive;

/// <summary>
/// An archive of images of any format, opened for reading in place: nothing is extracted, many readers may read at once.
/// As a store it finds manifests by digest, or by the names of <see cref="Images"/>; it ignores the repository of a blob.
/// </summary>
public interface IArchive : IImageStore, IDisposable
{
    /// <summary>As the user gave it.</summary>
    string Path { get; }

    /// <summary>The format's name, for example <c>oci-archive</c>.</summary>
    string Format { get; }

    /// <summary>A UUID that depends on its images and their names only.</summary>
    string Id { get; }

    /// <summary>What is wrong with the list of its images, where the archive itself can prove that; null otherwise.</summary>
    ModuleException? IndexFault { get; }

    /// <summary>In bytes.</summary>
    long Size { get; }

    /// <summary>The files that it consists of, and parts of a split set that are missing.</summary>
    IEnumerable<ArchivePart> Files { get; }

    /// <summary>The images in the order of the archive; the same digest may have several names.</summary>
    ImmutableArray<ArchivedImage> Images { get; }

    /// <summary>
    /// Signatures, attestations and other manifests that belong to an image and are none themselves. Where the archive tells, the annotation
    /// <see cref="Annotations.ContainerdManifestSubject"/> has the digest that it belongs to and <see cref="Annotations.RefName"/> the tag that tools
    /// look for it under (<c>sha256-&lt;hex&gt;.sig</c>).
    /// </summary>
    ImmutableArray<Descriptor> Attachments { get; }

    /// <summary>Signatures of OpenShift releases, which are no content of a registry.</summary>
    ImmutableArray<ReleaseSignatures> Signatures => [];

    /// <summary>What is in the archive and is not delivered, with the reason: no image, no upstream, or covered by another.</summary>
    ImmutableArray<SkippedContent> Skipped => [];

    /// <summary>How many more names the archive has whose content is elsewhere: an oc-mirror archive lists everything that its cache ever held.</summary>
    int Dangling => 0;

    /// <summary>What to do where an image's content is neither in the archive nor in the registry; null where the archive says nothing about it.</summary>
    string? WhenIncomplete => null;

    /// <summary>
    /// Upstream repositories (no tags, no digests) that an earlier archive of the same series has delivered a blob with: a registry that has taken them
    /// can mount it from their place there.
    /// </summary>
    IEnumerable<Reference> HoldersOf(Digest blob) => [];

    /// <summary>Whether the archive leaves a blob to an earlier one on purpose: it is whole without it.</summary>
    bool IsLeftToBase(Digest blob) => false;

    /// <summary>
    /// Where the archive has only a link in the place of a blob or manifest: what is wrong with it. Null for everything else.
    /// </summary>
    ModuleException? LinkFault(Digest digest);

    /// <summary>Whether the archive has the blob (or manifest), whole by its size; its content is not read.</summary>
    bool Has(Descriptor blob);

    /// <summary>Every blob and manifest that the archive holds, referred to or not, in the order of the archive.</summary>
    IEnumerable<Descriptor> Contents { get; }
}

/// <summary>One named image of an archive.</summary>
/// <param name="Root">Its manifest or index.</param>
/// <param name="Reference">Its full reference, null where the archive has lost it.</param>
/// <param name="Name">What the archive calls it, as it stands there; empty where it has no name at all.</param>
/// <param name="NameSource">Where the reference was found: an annotation, a file of the tool that made the archive, or the user's <c>references</c> or <c>registry_map</c>.</param>
public sealed record ArchivedImage(Descriptor Root, Reference? Reference, string Name, string NameSource)
{
    /// <summary>
    /// Whether upstream has the image under this digest: true where the archive proves it, false where the tool that made the archive is
    /// known to have changed
    /// the image, null where the archive does not tell.
    /// </summary>
    public bool? DigestPreserved { get; init; }

    /// <summary>False where the archive names the image and does not have its manifest: a differential, or what a failed run left. The root's size and type are unknown then.</summary>
    public bool HasManifest { get; init; } = true;

    /// <summary>Whether only what an earlier run of the tool has left in the archive names it. Such an image is not missed where neither the archive nor the registry has it.</summary>
    public bool IsFromEarlierRun { get; init; }

    /// <summary>What the user should know about this name.</summary>
    public string? Warning { get; init; }
}

/// <summary>Something in an archive that is not delivered.</summary>
/// <param name="Name">What the archive calls it.</param>
/// <param name="Digest">Its manifest's; null where it is no image at all.</param>
/// <param name="Reason">A part of a sentence: <c>it is a chart, not an image</c>.</param>
public sealed record SkippedContent(string Name, Digest? Digest, string Reason)
{
    /// <summary>
    /// Whether it is an image that should be there and of which not even the manifest is: whoever loads or verifies the archive fails on
    /// it. Everything else
    /// that is not delivered is left out on purpose.
    /// </summary>
    public bool IsIncomplete { get; init; }
}
