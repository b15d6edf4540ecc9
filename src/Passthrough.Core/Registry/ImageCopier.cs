using System.Collections.Concurrent;
using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// Copies images from a store (an archive) to a registry, digests unchanged. Each blob is uploaded once and mounted wherever else it is needed;
/// images are finished one by one, since some registries collect what no manifest refers to; the tag comes last, so that it never names half an image.
/// The registry itself is the memory: what it already has is not sent again, in this run or the next.
/// </summary>
public sealed class ImageCopier(IImageStore source, IImageTarget target, CopyOptions options, TransferProgress progress)
{
    /// <summary>Requests without a body may wait on the registry more often than uploads do on the disk.</summary>
    const int SmallRequestsPerUpload = 4;

    readonly TemporaryTags temporaryTags = new(target);
    readonly ConcurrentDictionary<int, bool> incomplete = new();
    readonly ConcurrentDictionary<(string Repository, Digest Digest), Lazy<Task>> children = new();
    readonly ConcurrentDictionary<(string Repository, Digest Digest), Lazy<Task<Descriptor?>>> askedChildren = new();

    /// <summary>How many images are pushed side by side.</summary>
    int ImagesAtOnce => options.Concurrency * 2;

    /// <summary>
    /// What a request that decides about a tag may still take after the run was stopped: an image whose tag was set is known to be
    /// delivered then.
    /// </summary>
    static readonly TimeSpan GraceForTags = TimeSpan.FromSeconds(2);

    /// <summary>A read from a disk that hangs cannot be cancelled: after this, what is known is reported without waiting for it.</summary>
    static readonly TimeSpan GraceForAll = TimeSpan.FromSeconds(3);

    /// <summary>Copies all images, or with a target that <see cref="ReadOnlyTarget"/> wraps says what would be copied.</summary>
    /// <returns>
    /// One outcome an item, in their order. A failed image is an outcome, not an exception; a run that was stopped reports what it had
    /// delivered.
    /// </returns>
    public async Task<CopyReport> CopyAsync(IReadOnlyList<CopyItem> items, CancellationToken cancellation)
    {
        var outcomes = new ConcurrentDictionary<int, CopyOutcome>();
        using var blobs = new ImageCopierBlobs(source, target, options, progress);
        using var overdue = new Grace(GraceForAll, cancellation);
        var isStopped = false;
        try
        {
            await RunAsync(items, outcomes, blobs, cancellation).WaitAsync(overdue.Token);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            isStopped = true;
        }

        var all = items.Select((item, i) => outcomes.GetValueOrDefault(i) ?? new CopyOutcome(item, CopyStatus.Skipped));
        return new CopyReport([.. all], blobs.Totals) { IsStopped = isStopped };
    }

    async Task RunAsync(IReadOnlyList<CopyItem> items, ConcurrentDictionary<int, CopyOutcome> outcomes, ImageCopierBlobs blobs,
        CancellationToken cancellation)
    {
        progress.Phase = "asking what the registry has";
        var pending = await FindPendingAsync(items, outcomes, cancellation);
        if (await PrepareAsync(items, pending, outcomes, blobs, cancellation))
            await PushAllAsync(items, pending, outcomes, blobs, cancellation);
    }

    // One HEAD an image, and one for each manifest below an index, finds what needs no work.
    async Task<ConcurrentDictionary<int, Digest?>> FindPendingAsync(IReadOnlyList<CopyItem> items, ConcurrentDictionary<int, CopyOutcome> outcomes, CancellationToken cancellation)
    {
        var pending = new ConcurrentDictionary<int, Digest?>();
        await ForEachAsync(Enumerable.Range(0, items.Count), options.Concurrency * SmallRequestsPerUpload, async (i, token) =>
        {
            Digest? before;
            bool isPresent;
            try
            {
                var there = await target.ResolveAsync(items[i].Target, token);
                before = await SameAsync(items[i], there?.Digest, token);
                isPresent = there is not null && before == items[i].Root.Digest && options.TrustsTags(target)
                    && await HasChildrenAsync(items[i], there, token);
            }
            catch (ModuleException e) when (options.ContinueOnError)
            {
                outcomes[i] = Failed(items[i], before: null, e) with { IsUnknown = true };
                return;
            }

            if (isPresent)
            {
                outcomes[i] = new CopyOutcome(items[i], CopyStatus.Present) { Before = before };
                progress.AddImage($"{items[i].Target} is there already");
            }
            else
            {
                pending[i] = before;
            }
        }, cancellation);
        await AskByGetAsync(items, pending, outcomes, cancellation);
        return pending;
    }

    // A tag proves its own manifest. Those below an index can be gone all the same: garbage-collect --delete-untagged of distribution
    // removes them, as does
    // a DELETE by digest, and some registries take an index without them.
    async Task<bool> HasChildrenAsync(CopyItem item, Descriptor there, CancellationToken cancellation)
    {
        if (!MediaTypes.IsIndex(there.MediaType))
            return true;
        ManifestTree tree;
        try
        {
            tree = await ReadAsync(item, cancellation);
        }
        catch (ModuleException e) when (e.Code is ErrorCodes.ArchiveCorrupt or ErrorCodes.DigestMismatch)
        {
            // A damaged copy in the source says nothing about the one in the registry.
            return (await ManifestTree.ReadAsync(target, item.Target.WithDigest(item.Root.Digest), cancellation)).Missing.IsEmpty;
        }

        foreach (var child in tree.Manifests[..^1].Select(manifest => manifest.Raw.Digest)
            .Concat(tree.Missing.Select(child => child.Digest)))
        {
            if (await AskForChildAsync(item.Target.WithDigest(child), cancellation) is null)
                return false;
        }

        return true;
    }

    // Tags of one repository often share their children: each is asked for once.
    Task<Descriptor?> AskForChildAsync(Reference child, CancellationToken cancellation) =>
        askedChildren.GetOrAdd((child.Repository, child.Digest!), _ => new(() => target.ResolveAsync(child, cancellation))).Value;

    // Some proxies answer HEAD with 404 where GET has the image. Where HEAD has found nothing at all, GET decides: of a few, and if it
    // finds one, of all.
    async Task AskByGetAsync(
        IReadOnlyList<CopyItem> items,
        ConcurrentDictionary<int, Digest?> pending,
        ConcurrentDictionary<int, CopyOutcome> outcomes,
        CancellationToken cancellation)
    {
        const int Enough = 2;
        if (pending.Count < items.Count || pending.Values.Any(before => before is not null))
            return;
        var misses = 0;
        foreach (var i in pending.Keys.Order().TakeWhile(_ => misses < Enough))
        {
            Digest? there = null;
            try
            {
                there = (await target.ReadManifestAsync(items[i].Target, cancellation))?.Digest;
            }
            catch (ModuleException)
            {
                // HEAD has been answered, and the push finds out.
            }

            if (there is null)
            {
                misses++;
                continue;
            }

            misses = int.MinValue;
            pending[i] = await SameAsync(items[i], there, cancellation);
            if (pending[i] != items[i].Root.Digest || !options.TrustsTags(target))
                continue;
            if (!(await ManifestTree.ReadAsync(target, items[i].Target.WithDigest(there), cancellation)).Missing.IsEmpty)
                continue;
            outcomes[i] = new CopyOutcome(items[i], CopyStatus.Present) { Before = there };
            pending.TryRemove(i, out _);
        }
    }

    // Registries name a manifest by its sha256, whatever the archive names it by: the same bytes are the same image.
    async Task<Digest?> SameAsync(CopyItem item, Digest? there, CancellationToken cancellation)
    {
        if (there is null || there.Algorithm == item.Root.Digest.Algorithm)
            return there;
        var raw = await source.ReadManifestAsync(item.Source.WithDigest(item.Root.Digest), cancellation);
        return raw is not null && there.OfSameAlgorithm(raw.Bytes.Span) == there ? item.Root.Digest : there;
    }

    // Before the first byte is sent: everything that is bound to fail is known. False where nothing may be sent at all.
    async Task<bool> PrepareAsync(IReadOnlyList<CopyItem> items, ConcurrentDictionary<int, Digest?> pending, ConcurrentDictionary<int, CopyOutcome> outcomes, ImageCopierBlobs blobs, CancellationToken cancellation)
    {
        if (pending.IsEmpty)
        {
            progress.SetTotals(items.Count, 0);
            return false;
        }

        var unique = new ConcurrentDictionary<Digest, long>();
        var room = options.Room is null ? null : new ImageCopierRoom(options.Room);
        // Images are pushed in their order, so many at once: those of an interrupted run that were begun are the first of what is left.
        var first = pending.Where(pair => pair.Value != items[pair.Key].Root.Digest).Select(pair => pair.Key).Order().Take(ImagesAtOnce).ToHashSet();
        var begun = new BegunImage?[items.Count];
        await ForEachAsync(Enumerable.Range(0, items.Count), options.Concurrency, async (i, token) =>
        {
            var item = items[i];
            var isPending = pending.TryGetValue(i, out var before);
            if (!isPending && outcomes[i].Status != CopyStatus.Present)
                return;
            try
            {
                var tree = await ReadAsync(item, token);
                if (!isPending)
                {
                    blobs.AddHolder(item.Target, tree);
                    return;
                }

                if (!await CheckAsync(item, tree, blobs, token))
                    incomplete[i] = true;
                if (first.Contains(i))
                    begun[i] = new BegunImage(item, tree);
                else if (before == item.Root.Digest)
                    blobs.AddCandidate(item.Target, tree);
                foreach (var blob in tree.Blobs.Where(blob => !incomplete.ContainsKey(i) || options.SourceHas(blob)))
                {
                    unique.TryAdd(blob.Digest, blob.Size);
                    if (!ManifestTree.IsForeign(blob))
                        room?.Add(item, blob);
                }
            }
            catch (ModuleException e)
            {
                // What the registry has is well there, however its copy in the source is.
                if (isPending)
                    outcomes[i] = Failed(item, before, e);
            }
        }, cancellation);
        progress.SetTotals(items.Count, unique.Values.Sum());
        await blobs.FindEarlierWorkAsync([.. begun.OfType<BegunImage>()], options.Concurrency * SmallRequestsPerUpload, cancellation);
        if (room is not null && await room.FindShortageAsync(blobs, cancellation) is not null)
        {
            // Other images may have something in the registry, too: only now is that worth asking.
            foreach (var i in pending.Keys.Where(i => !outcomes.ContainsKey(i)))
                begun[i] ??= new BegunImage(items[i], await ReadAsync(items[i], cancellation));
            await blobs.FindEarlierWorkAsync([.. begun.OfType<BegunImage>()], options.Concurrency * SmallRequestsPerUpload, cancellation);
            if (await room.FindShortageAsync(blobs, cancellation) is { } shortage)
                throw shortage;
        }

        return options.ContinueOnError || !outcomes.Values.Any(outcome => outcome.Status == CopyStatus.Failed);
    }

    async Task<ManifestTree> ReadAsync(CopyItem item, CancellationToken cancellation)
    {
        var name = item.Source.WithDigest(item.Root.Digest);
        try
        {
            return await ManifestTree.ReadAsync(source, name, cancellation);
        }
        catch (ModuleException e) when (e.Code == ErrorCodes.NotFound)
        {
            // A differential may name an image and leave all of it to an earlier delivery.
            return await ManifestTree.ReadAsync(new DeliveredManifests(source, target, item, options), name, cancellation);
        }
    }

    /// <returns>False where blobs are missing and may come later.</returns>
    async Task<bool> CheckAsync(CopyItem item, ManifestTree tree, ImageCopierBlobs blobs, CancellationToken cancellation)
    {
        var traits = target.Traits;
        if (item.Target.Name.Length > traits.MaxNameLength)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"the name {item.Target.Name} has {item.Target.Name.Length} characters, the registry and its clients take {traits.MaxNameLength}", "shorten namespace or mirror_path_template");
        if (traits.MaxPathComponents is { } components && item.Target.Repository.Split('/').Length > components)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"the repository {item.Target.Repository} has more than the {components} path components that the registry takes", "shorten mirror_path_template");
        if (tree.Manifests.FirstOrDefault(manifest => manifest.Raw.Bytes.Length > traits.MaxManifestBytes) is { } large)
            throw new ModuleException(ErrorCodes.Unsupported, $"manifest {large.Raw.Digest} of {item.Source} has {large.Raw.Bytes.Length} bytes, the registry takes {traits.MaxManifestBytes}", "leave the image out with exclude");
        if (!traits.TakesNestedIndexes && tree.Manifests[..^1].Any(manifest => !manifest.Manifests.IsEmpty))
            throw new ModuleException(ErrorCodes.Unsupported, $"{item.Source} has an index within its index, which the registry does not take", "leave the image out with exclude; registry_type=distribution or harbor take such images");

        var missing = new List<Descriptor>();
        foreach (var child in tree.Missing)
        {
            if (!traits.DigestProvesContent || await target.ResolveAsync(item.Target.WithDigest(child.Digest), cancellation) is null)
                missing.Add(child);
        }

        if (missing.Count > 0)
        {
            var platforms = string.Join(", ", missing.Select(child => child.Platform?.ToString() ?? child.Digest.ToString()));
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{item.Source} is incomplete in the archive: of its index {tree.Root.Digest} the manifests of {platforms} are missing, and a registry takes no partial index", "save it again with all its platforms, or with on_partial=child for one platform");
        }

        foreach (var blob in tree.Blobs)
        {
            if (ManifestTree.IsForeign(blob) || options.SourceHas(blob) || await blobs.IsInTargetAsync(item, blob, cancellation))
                continue;
            if (options.TakesWhatIsThere)
                return false;
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{item.Source} is incomplete in the archive: blob {blob.Digest} ({blob.Size} bytes) is not in it, or not whole, nor in the registry", options.WhenIncomplete) { Blob = blob.Digest.ToString() };
        }

        return true;
    }

    async Task PushAllAsync(IReadOnlyList<CopyItem> items, ConcurrentDictionary<int, Digest?> pending, ConcurrentDictionary<int, CopyOutcome> outcomes, ImageCopierBlobs blobs, CancellationToken cancellation)
    {
        progress.Phase = "uploading";
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await ForEachAsync(pending.Keys.Where(i => !outcomes.ContainsKey(i)).Order(), ImagesAtOnce, async (i, _) =>
        {
            if (stop.IsCancellationRequested)
                return;
            try
            {
                outcomes[i] = await PushAsync(items[i], pending[i], incomplete.ContainsKey(i), blobs, stop.Token);
                progress.AddImage($"{items[i].Target} is delivered");
            }
            catch (ModuleException e)
            {
                progress.Tell($"{items[i].Target} failed: {e.Message}");
                outcomes[i] = Failed(items[i], pending[i], e);
                if (!options.ContinueOnError)
                    await stop.CancelAsync();
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                // Another image failed: this one is left for the next run.
            }
        }, cancellation);
        cancellation.ThrowIfCancellationRequested();
    }

    async Task<CopyOutcome> PushAsync(CopyItem item, Digest? before, bool isIncomplete, ImageCopierBlobs blobs, CancellationToken cancellation)
    {
        var tree = await ReadAsync(item, cancellation);
        var wanted = tree.Blobs.Where(blob => !ManifestTree.IsForeign(blob) && (!isIncomplete || options.SourceHas(blob))).ToList();
        var states = await Task.WhenAll(wanted.Select(blob => blobs.EnsureAsync(item, blob, cancellation)));
        var sent = wanted.Zip(states).Where(pair => pair.Second == BlobState.Uploaded).Sum(pair => pair.First.Size);
        if (isIncomplete)
            return new CopyOutcome(item, CopyStatus.Incomplete) { Before = before, BytesUploaded = sent };
        var left = await temporaryTags.FindLeftAsync(item.Target, tree, cancellation);
        if (before == item.Root.Digest && states.All(state => state == BlobState.Present)
            && await HasChildrenAsync(item, tree.Root, cancellation))
        {
            await temporaryTags.RemoveAsync(item.Target, left, cancellation);
            return new CopyOutcome(item, left.Count == 0 ? CopyStatus.Present : CopyStatus.Updated) { Before = before };
        }

        int manifests;
        try
        {
            manifests = await PutManifestsAsync(item, tree, before, cancellation);
        }
        catch (ModuleException e) when (e.Code is "MANIFEST_BLOB_UNKNOWN" or "DIGEST_INVALID")
        {
            // A registry has collected a blob between upload and manifest, or took a mount for done that was not, or (distribution) has read its own note
            // of a child while somebody else was writing that: ask for each, once.
            foreach (var child in tree.Manifests)
                children.TryRemove((item.Target.Repository, child.Raw.Digest), out _);
            foreach (var blob in wanted)
                await blobs.RepairAsync(item, blob, cancellation);
            manifests = await PutManifestsAsync(item, tree, before, cancellation);
        }

        await RemoveTemporaryTagsAsync(item, tree, cancellation);
        return new CopyOutcome(item, before is null ? CopyStatus.Loaded : CopyStatus.Updated)
        {
            Before = before,
            BytesUploaded = sent,
            Manifests = manifests,
        };
    }

    // The image is delivered by now. Tags that stay because the run was stopped are removed by the next one.
    async Task RemoveTemporaryTagsAsync(CopyItem item, ManifestTree tree, CancellationToken cancellation)
    {
        using var grace = new Grace(GraceForTags, cancellation);
        try
        {
            await temporaryTags.RemoveAsync(item.Target, temporaryTags.Of(tree), grace.Token);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
    }

    /// <returns>How many were put.</returns>
    async Task<int> PutManifestsAsync(CopyItem item, ManifestTree tree, Digest? before, CancellationToken cancellation)
    {
        var count = 1;
        // Manifests of single images first and side by side, then indexes from the innermost outwards, the tag last.
        var below = tree.Manifests[..^1];
        await ForEachAsync(below.Where(manifest => manifest.Manifests.IsEmpty), options.Concurrency, async (manifest, _) =>
        {
            if (await PutChildAsync(item, manifest.Raw, cancellation))
                Interlocked.Increment(ref count);
        }, cancellation);
        foreach (var index in below.Where(manifest => !manifest.Manifests.IsEmpty))
            count += await PutChildAsync(item, index.Raw, cancellation) ? 1 : 0;
        cancellation.ThrowIfCancellationRequested();
        using var grace = new Grace(GraceForTags, cancellation);
        try
        {
            await target.PutManifestAsync(item.Target, tree.RootManifest.Raw, grace.Token);
        }
        catch (ModuleException e) when (before == item.Root.Digest && e.HttpStatus == 412)
        {
            // Harbor refuses to put what an immutable tag names already; what was missing below it is put by now.
            count--;
        }

        return count;
    }

    // Two tags of one repository often share their children. Each is put once: distribution, asked whether it has a child that is being put again, says now
    // and then that it has not. What one image failed at, the next tries itself.
    async Task<bool> PutChildAsync(CopyItem item, RawManifest child, CancellationToken cancellation)
    {
        var own = new Lazy<Task>(() => target.PutManifestAsync(temporaryTags.NameOf(item.Target, child.Digest), child, cancellation));
        var put = children.GetOrAdd((item.Target.Repository, child.Digest), own);
        try
        {
            await put.Value;
            return put == own;
        }
        catch
        {
            children.TryRemove((item.Target.Repository, child.Digest), out _);
            throw;
        }
    }

    static CopyOutcome Failed(CopyItem item, Digest? before, ModuleException e) => new(item, CopyStatus.Failed)
    {
        Before = before,
        Error = new ModuleException(e.Code, e.Message, e.Hint, e) { HttpStatus = e.HttpStatus, Image = item.Source.ToString(), Blob = e.Blob },
    };

    static Task ForEachAsync<T>(IEnumerable<T> things, int atOnce, Func<T, CancellationToken, ValueTask> body, CancellationToken cancellation) =>
        Parallel.ForEachAsync(things, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellation }, body);
}
