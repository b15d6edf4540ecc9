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

    /// <summary>Of the repositories whose tag promises a blob without proving it.</summary>
    const int MostCandidates = 3;

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
        {
            var holder = holders.GetOrAdd(blob.Digest, _ => new Holder());
            holder.Repository ??= repository.Repository;
            if (!ManifestTree.IsForeign(blob))
                Spare(holder, blob.Size);
        }
    }

    /// <summary>A repository of the target that has the blob, as far as is known.</summary>
    public string? HolderOf(Digest digest) => holders.TryGetValue(digest, out var holder) ? holder.Repository : null;

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

    /// <summary>The repository may have the blobs of an image: its tag says so, where tags do not prove it.</summary>
    public void AddCandidate(Reference repository, ManifestTree tree)
    {
        foreach (var blob in tree.Blobs)
            holders.GetOrAdd(blob.Digest, _ => new Holder()).AddCandidate(repository, MostCandidates);
    }

    /// <summary>
    /// Asks what a run that was killed has left in repositories whose image is not whole, so that it is mounted and not sent again by whoever needs it first now.
    /// Nothing tells such a run from none, so that this is always asked: once for each blob of each image that it can have begun, until one has it. The answers serve later.
    /// </summary>
    /// <param name="begun">The images, in the order of the plan.</param>
    public Task FindEarlierWorkAsync(IReadOnlyList<BegunImage> begun, int atOnce, CancellationToken cancellation)
    {
        var blobs = new Dictionary<Digest, Descriptor>();
        foreach (var image in begun)
            AddBegun(image, blobs);
        return Parallel.ForEachAsync(blobs.Values, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellation }, async (blob, token) => await FindAsync(blob, token));
    }

    void AddBegun(BegunImage image, Dictionary<Digest, Descriptor> blobs)
    {
        foreach (var blob in image.Tree.Blobs)
        {
            var holder = holders.GetOrAdd(blob.Digest, _ => new Holder());
            if (ManifestTree.IsForeign(blob) || holder.Repository is not null)
                continue;
            holder.AddCandidate(image.Item.Target, int.MaxValue);
            blobs.TryAdd(blob.Digest, blob);
        }
    }

    async Task FindAsync(Descriptor blob, CancellationToken cancellation)
    {
        var holder = holders[blob.Digest];
        foreach (var candidate in holder.Candidates)
        {
            try
            {
                if (await target.HasBlobAsync(candidate, blob, cancellation))
                {
                    holder.Repository = candidate.Repository;
                    return;
                }

                holder.Without.Add(candidate.Repository);
            }
            catch (ModuleException)
            {
                // Whoever needs it there is told why.
            }
        }
    }

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
                    var state = await FirstAsync(item, blob, holder, cancellation);
                    holder.Repository = item.Target.Repository;
                    return state;
                }
            }
            finally
            {
                holder.Gate.Release();
            }
        }

        if (holder.Repository == item.Target.Repository)
            return Count(BlobState.Present, blob, holder);
        // A mount of what is there already costs no more than asking; where mounts are refused or a tag proves nothing, asking may save the upload.
        if ((mountsAreRefused || !options.TrustsTags(target)) && await target.HasBlobAsync(item.Target, blob, cancellation))
            return Count(BlobState.Present, blob, holder);
        return await PutAsync(item, blob, holder.Repository, mounts, cancellation);
    }

    async Task<BlobState> FirstAsync(CopyItem item, Descriptor blob, Holder holder, CancellationToken cancellation) =>
        !holder.Without.Contains(item.Target.Repository) && await target.HasBlobAsync(item.Target, blob, cancellation)
            ? Count(BlobState.Present, blob, holder)
            : await PutAsync(item, blob, mountFrom: null, uploads, cancellation);

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
                var stream = await OpenAsync(item, blob, mountFrom, token);
                return last = new DigestCheckedStream(options.Bandwidth?.Pace(stream) ?? stream, blob, options.SourceName, progress);
            }, cancellation);
            if (outcome == BlobOutcome.Uploaded && mountFrom is not null)
                mountsAreRefused = true;
            return Count(outcome == BlobOutcome.Mounted ? BlobState.Mounted : BlobState.Uploaded, blob, holders[blob.Digest]);
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

    BlobState Count(BlobState state, Descriptor blob, Holder holder)
    {
        lock (totalsLock)
            totals = totals.With(state, blob.Size);
        if (state == BlobState.Uploaded)
            Send(holder, blob.Size);
        else
            Spare(holder, blob.Size);
        // Of the totals each blob is part once; what is sent counts as it goes.
        if (!holder.IsCounted && state != BlobState.Uploaded)
            progress.AddBytes(blob.Size);
        holder.IsCounted = true;
        return state;
    }

    void Spare(Holder holder, long size)
    {
        lock (totalsLock)
        {
            if (holder is { IsSpared: false, IsSent: false })
                totals = totals with { BytesSpared = totals.BytesSpared + size };
            holder.IsSpared = true;
        }
    }

    void Send(Holder holder, long size)
    {
        lock (totalsLock)
        {
            if (holder is { IsSpared: true, IsSent: false })
                totals = totals with { BytesSpared = totals.BytesSpared - size };
            holder.IsSent = true;
        }
    }

    /// <summary>Who in the target has a blob; the gate is held while the first one gets it.</summary>
    sealed class Holder
    {
        // Its wait handle is never asked for, so there is nothing to dispose of.
        public SemaphoreSlim Gate { get; } = new(1);

        public volatile string? Repository;

        /// <summary>Whether other repositories have been asked for it.</summary>
        public bool IsSought { get; set; }

        /// <summary>Whether its bytes are part of the progress.</summary>
        public volatile bool IsCounted;

        /// <summary>Whether a repository had the blob, or it was mounted.</summary>
        public bool IsSpared { get; set; }

        /// <summary>Whether its bytes were sent to some repository.</summary>
        public bool IsSent { get; set; }

        /// <summary>Repositories that may have it, to be asked before anything is sent.</summary>
        public List<Reference> Candidates { get; } = [];

        /// <summary>Repositories that have said that they have it not.</summary>
        public List<string> Without { get; } = [];

        public void AddCandidate(Reference repository, int most)
        {
            lock (Candidates)
            {
                if (Candidates.Count < most && !Candidates.Exists(known => known.Repository == repository.Repository))
                    Candidates.Add(repository);
            }
        }
    }
}

/// <summary>An image that is not whole in the target, and that an interrupted run may have begun.</summary>
sealed record BegunImage(CopyItem Item, ManifestTree Tree);
