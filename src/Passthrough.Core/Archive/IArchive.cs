using System.Collections.Immutable;
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

    /// <summary>The images in the order of the archive; the same digest may have several names.</summary>
    ImmutableArray<ArchivedImage> Images { get; }

    /// <summary>Signatures, attestations and other manifests that belong to an image and are none themselves.</summary>
    ImmutableArray<Descriptor> Attachments { get; }

    /// <summary>Whether the archive has the blob (or manifest), whole by its size; its content is not read.</summary>
    bool Has(Descriptor blob);

    /// <summary>Every blob and manifest that the archive holds, referred to or not, in the order of the archive.</summary>
    IEnumerable<Descriptor> Contents { get; }
}

/// <summary>One named image of an archive.</summary>
/// <param name="Root">Its manifest or index.</param>
/// <param name="Reference">Its full reference, null where the archive has lost it.</param>
/// <param name="Name">What the archive calls it, as it stands there; empty where it has no name at all.</param>
/// <param name="NameSource">Where the reference was found: the annotation, or the <c>references</c> map.</param>
public sealed record ArchivedImage(Descriptor Root, Reference? Reference, string Name, string NameSource)
{
    /// <summary>False where the name claims a digest that the manifest does not have: the tool that made the archive changed the image.</summary>
    public bool DigestPreserved { get; init; } = true;

    /// <summary>What the user should know about this name.</summary>
    public string? Warning { get; init; }
}
