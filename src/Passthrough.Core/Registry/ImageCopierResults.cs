using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>How images are copied.</summary>
public sealed record CopyOptions
{
    /// <summary>How many blobs are uploaded at once. Bounds the memory too.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Whether the other images go on when one fails.</summary>
    public bool ContinueOnError { get; init; }

    /// <summary>What uploads may take of the line; null for all.</summary>
    public Bandwidth? Bandwidth { get; init; }

    /// <summary>What the target takes; null where it tells nobody.</summary>
    public ITargetRoom? Room { get; init; }

    /// <summary>What messages call the source: the archive's path.</summary>
    public string SourceName { get; init; } = "the source";

    /// <summary>Whether the source has a blob, told without reading it; a source that cannot tell says yes.</summary>
    public Func<Descriptor, bool> SourceHas { get; init; } = _ => true;

    /// <summary>Repositories of the target that may hold a blob which the source lacks; it is mounted from the first that does. What a differential needs.</summary>
    public Func<Descriptor, IEnumerable<Reference>> OtherHolders { get; init; } = _ => [];

    /// <summary>Whether each blob is asked for although the tag is right: what mends an image whose blobs the registry has lost.</summary>
    public bool AsksForEveryBlob { get; init; }

    /// <summary>Whether an image whose tag is right needs no blob to be asked for.</summary>
    internal bool TrustsTags(IImageTarget target) => target.Traits.TagProvesContent && !AsksForEveryBlob;

    /// <summary>Whether an image that lacks blobs keeps the place of those that there are, and waits for a run that has the others.</summary>
    public bool TakesWhatIsThere { get; init; }

    /// <summary>What to do about content that neither the source nor the target has.</summary>
    public string WhenIncomplete { get; init; } = "make the archive again";
}

/// <summary>One image to copy.</summary>
/// <param name="Source">Its upstream name.</param>
/// <param name="Root">What the source has under that name.</param>
/// <param name="Target">Where it goes; always with a tag.</param>
public sealed record CopyItem(Reference Source, Descriptor Root, Reference Target);

public enum CopyStatus
{
    /// <summary>The target did not have the tag.</summary>
    Loaded,

    /// <summary>The target had it all before.</summary>
    Present,

    /// <summary>The tag named another digest before, or something was missing, or a run that was cut off had left something.</summary>
    Updated,

    Failed,

    /// <summary>Some of its blobs are neither in the source nor in the target; those that there are were brought, see <see cref="CopyOptions.TakesWhatIsThere"/>.</summary>
    Incomplete,

    /// <summary>Not tried, or given up, since another image failed or the run was stopped.</summary>
    Skipped,
}

/// <summary>What became of one image.</summary>
public sealed record CopyOutcome(CopyItem Item, CopyStatus Status)
{
    /// <summary>What the tag named before; null where it did not exist.</summary>
    public Digest? Before { get; init; }

    /// <summary>Bytes of blobs that were sent on behalf of this image; what another image needed first counts there.</summary>
    public long BytesUploaded { get; init; }

    /// <summary>How many manifests were put.</summary>
    public int Manifests { get; init; }

    public ModuleException? Error { get; init; }

    /// <summary>Whether the target was asked for the image and gave no answer: it may have it or not.</summary>
    public bool IsUnknown { get; init; }

    /// <summary>Whether the target was or, in check mode, would be changed so that it has the image now.</summary>
    public bool IsDelivered => Status is CopyStatus.Loaded or CopyStatus.Updated;

    /// <summary>Whether the target has the image now, as far as was asked.</summary>
    public bool IsThere => IsDelivered || Status == CopyStatus.Present;

    /// <summary>The digest that the tag named before, where the image took it from another one; null otherwise.</summary>
    public Digest? MovedFrom => IsDelivered && Before is not null && Before != Item.Root.Digest ? Before : null;

    /// <summary>Whether the tag was right, and something that it promises was missing.</summary>
    public bool IsRepaired => IsDelivered && Before == Item.Root.Digest;
}

/// <summary>What became of all images.</summary>
public sealed record CopyReport(ImmutableArray<CopyOutcome> Outcomes, CopyTotals Totals)
{
    /// <summary>
    /// Whether it was told to stop before the end: outcomes that were not reached by then say <see cref="CopyStatus.Skipped"/>.
    /// </summary>
    public bool IsStopped { get; init; }
}

/// <summary>Blobs and bytes over all images; each pair of repository and blob counts once.</summary>
public sealed record CopyTotals
{
    public int BlobsUploaded { get; init; }

    public int BlobsMounted { get; init; }

    public int BlobsPresent { get; init; }

    public long BytesUploaded { get; init; }

    public long BytesMounted { get; init; }

    public long BytesPresent { get; init; }

    /// <summary>
    /// Of blobs that no image made it send, each once: they were mounted, or were in the registry before. Blobs that nobody asked for are
    /// not counted.
    /// </summary>
    public long BytesSpared { get; init; }

    internal CopyTotals With(BlobState state, long size) => state switch
    {
        BlobState.Uploaded => this with { BlobsUploaded = BlobsUploaded + 1, BytesUploaded = BytesUploaded + size },
        BlobState.Mounted => this with { BlobsMounted = BlobsMounted + 1, BytesMounted = BytesMounted + size },
        _ => this with { BlobsPresent = BlobsPresent + 1, BytesPresent = BytesPresent + size },
    };
}
