using System.Collections.Concurrent;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>What was done so that a repository has a blob.</summary>
enum BlobState
{
    Present,
    Mounted,
    Uploaded,
}

/// <summary>
/// Brings each blob into each repository that needs it, with as few bytes and requests as possible: whoever needs a blob first uploads it,
/// whoever needs it meanwhile waits, whoever needs it in another repository mounts it from the first.
/// </summary>
sealed class ImageCopierBlobs(IImageStore source, IImageTarget target, CopyOptions options, TransferProgress progress) : IDisposable
{
    /// <summary>Of the repositories that may hold a blob; what is in none of these was not delivered, or is gone.</summary>
    const int MostAsked = 20;

    readonly ConcurrentDictionary<(string Repository, Digest Digest), Lazy<Task<BlobState>>> done = new();
    readonly ConcurrentDictionary<Digest, Holder> holders = new();
    readonly SemaphoreSlim uploads = new(options.Concurrency);
    readonly SemaphoreSlim mounts = new(options.Concurrency * 2);
    readonly Lock totalsLock = new();
    CopyTotals totals = new();
    volatile bool mountsAreRefused;

    public CopyTotals Totals
    {
        get
        {
            lock (totalsLock)
                return totals;
        }
    }

    /// <summary>The repository is known to have all blobs of an image: others may mount from it.</summary>
    public void AddHolder(Reference repository, ManifestTree tree)
    {
        foreach (var blob in tree.Blobs)
            holders.GetOrAdd(blob.Digest, _ => new Holder()).Repository ??= repository.Repository;
    }

    /// <summary>Whether the blob can be had although the source lacks it: the item's repository has it, or another one that it can be mounted from.</summary>
    public async Task<bool> IsInTargetAsync(CopyItem item, Descriptor blob, CancellationToken cancellation)
    {
        if (await target.HasBlobAsync(item.Target, blob, cancellation))
            return true;
        var holder = holders.GetOrAdd(blob.Digest, _ => new Holder());
        await holder.Gate.WaitAsync(cancellation);
        try
        {
            // A base layer is in hundreds of repositories, and the answer of one is good for all.
            foreach (var other in holder.IsSought ? [] : options.OtherHolders(blob).DistinctBy(repository => repository.Repository).Take(MostAsked))
            {
                if (holder.Repository is null && await target.HasBlobAsync(other, blob, cancellation))
                    holder.Repository = other.Repository;
            }

            holder.IsSought = true;
            return holder.Repository is not null;
        }
        finally
        {
            holder.Gate.Release();
        }
    }

    /// <summary>Returns when the item's repository has the blob. Each pair of repository and blob is done once a run.</summary>
    public Task<BlobState> EnsureAsync(CopyItem item, Descriptor blob, CancellationToken cancellation) =>
        done.GetOrAdd((item.Target.Repository, blob.Digest), _ => new Lazy<Task<BlobState>>(() => BringAsync(item, blob, cancellation))).Value;

    /// <summary>Asks whether the repository has the blob after all, and uploads it where it has not.</summary>
    public async Task RepairAsync(CopyItem item, Descriptor blob, CancellationToken cancellation)
    {
        if (await target.HasBlobAsync(item.Target, blob, cancellation))
            return;
        await PutAsync(item, blob, options.SourceHas(blob) ? null : holders[blob.Digest].Repository, uploads, cancellation);
        holders[blob.Digest].Repository = item.Target.Repository;
    }

    async Task<BlobState> BringAsync(CopyItem item, Descriptor blob, CancellationToken cancellation)
    {
        var holder = holders.GetOrAdd(blob.Digest, _ => new Holder());
        if (holder.Repository is null)
        {
            await holder.Gate.WaitAsync(cancellation);
            try
            {
                if (holder.Repository is null)
                {
                    var state = await FirstAsync(item, blob, cancellation);
                    holder.Repository = item.Target.Repository;
                    return state;
                }
            }
            finally
            {
                holder.Gate.Release();
            }
        }

        // A mount of what is there already costs no more than asking; where mounts are refused or a tag proves nothing, asking may save the upload.
        if ((mountsAreRefused || !target.Traits.TagProvesContent) && await target.HasBlobAsync(item.Target, blob, cancellation))
            return Count(BlobState.Present, blob);
        var from = holder.Repository == item.Target.Repository ? null : holder.Repository;
        return await PutAsync(item, blob, from, mounts, cancellation);
    }

    async Task<BlobState> FirstAsync(CopyItem item, Descriptor blob, CancellationToken cancellation)
    {
        if (!await target.HasBlobAsync(item.Target, blob, cancellation))
            return await PutAsync(item, blob, mountFrom: null, uploads, cancellation);
        progress.AddBytes(blob.Size);
        return Count(BlobState.Present, blob);
    }

    async Task<BlobState> PutAsync(CopyItem item, Descriptor blob, string? mountFrom, SemaphoreSlim slots, CancellationToken cancellation)
    {
        await slots.WaitAsync(cancellation);
        try
        {
            DigestCheckedStream? last = null;
            var outcome = await target.PutBlobAsync(item.Target, blob, mountFrom, async token =>
            {
                // Read to its end and yet asked for again: the registry answered with a fault that may pass.
                if (last is { IsComplete: true })
                    progress.AddBytes(-blob.Size);
                return last = new DigestCheckedStream(await OpenAsync(item, blob, mountFrom, token), blob, options.SourceName, progress);
            }, cancellation);
            if (outcome == BlobOutcome.Uploaded && mountFrom is not null)
                mountsAreRefused = true;
            return Count(outcome == BlobOutcome.Mounted ? BlobState.Mounted : BlobState.Uploaded, blob);
        }
        finally
        {
            slots.Release();
        }
    }

    // Where a registry mounts nothing, what only another of its repositories has goes through us.
    Task<Stream> OpenAsync(CopyItem item, Descriptor blob, string? holder, CancellationToken cancellation) =>
        options.SourceHas(blob) || holder is null
            ? source.OpenBlobAsync(item.Source, blob, 0, cancellation)
            : target.OpenBlobAsync(new Reference(item.Target.Registry, holder), blob, 0, cancellation);

    public void Dispose()
    {
        uploads.Dispose();
        mounts.Dispose();
    }

    BlobState Count(BlobState state, Descriptor blob)
    {
        lock (totalsLock)
            totals = totals.With(state, blob.Size);
        return state;
    }

    /// <summary>Who in the target has a blob; the gate is held while the first one gets it.</summary>
    sealed class Holder
    {
        // Its wait handle is never asked for, so there is nothing to dispose of.
        public SemaphoreSlim Gate { get; } = new(1);

        public volatile string? Repository;

        /// <summary>Whether other repositories have been asked for it.</summary>
        public bool IsSought { get; set; }
    }
}
