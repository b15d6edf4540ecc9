using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Security.Cryptography;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive.Saving;

/// <summary>How an archive is written.</summary>
public sealed record SaveOptions
{
    /// <summary>How many blobs are fetched at once. Bounds the memory too.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>How often a body that broke off without a byte of progress is asked for again.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>Whether the other images are saved when one cannot be had.</summary>
    public bool ContinueOnError { get; init; }

    /// <summary>What downloads may take of the line; null for all.</summary>
    public Bandwidth? Bandwidth { get; init; }

    /// <summary>Earlier archives, whose layers stay out of this one.</summary>
    public BaseArchives Bases { get; init; } = BaseArchives.None;

    /// <summary>Of releases, which travel with the images.</summary>
    public ImmutableArray<ReleaseSignatures> Signatures { get; init; } = [];

    /// <summary>Whether an archive may be replaced although images of it are not in the new one.</summary>
    public bool MayLoseImages { get; init; }

    /// <summary>The most bytes that a file may have: the archive is cut into parts then. Null for one file.</summary>
    public long? PartSize { get; init; }
}

/// <summary>An archive that was written.</summary>
/// <param name="Plan">What is in it; less than was planned where images failed.</param>
/// <param name="Parts">The files that it is.</param>
/// <param name="Failed">Images that were planned and are not in it, with the reason.</param>
/// <param name="BytesFetched">From registries.</param>
/// <param name="BytesReused">From the archive that was there before, or from an interrupted run.</param>
public sealed record WrittenArchive(ArchivePlan Plan, ImmutableArray<SavedPart> Parts, ImmutableArray<UnsavedImage> Failed, long BytesFetched, long BytesReused);

/// <summary>An image that was planned and is not in the archive, and why.</summary>
public sealed record UnsavedImage(SelectedImage Image, ModuleException Error);

/// <summary>
/// Writes a planned archive: blobs are fetched side by side straight to their final place in <c>&lt;path&gt;.partial</c>, hashed on the way, and a broken
/// body goes on where it broke; the file gets its name when everything is in it and on the disk. An interrupted run is taken up by the next.
/// With a part size it is several files, <c>&lt;path&gt;.000.partial</c> and so on.
/// </summary>
sealed class ArchiveWriter(IImageStore upstream, SaveOptions options, TransferProgress progress, TimeProvider time)
{
    const int BufferSize = 256 * 1024;

    /// <summary>How much at most is fetched again after a crash, per blob in flight.</summary>
    const long NoteEvery = 16 * 1024 * 1024;

    long bytesFetched;
    long bytesReused;

    /// <summary>The journal of a run that writes this archive.</summary>
    public static string JournalPath(string path) => SaveJournal.PathFor(ArchiveOutput.PartialOf(path));

    /// <param name="plan">What to write.</param>
    /// <param name="path">The archive.</param>
    /// <param name="previous">What is there. Its blobs need not be fetched again; it is replaced at the end.</param>
    /// <param name="writeSidecars">Called when everything is on the disk.</param>
    /// <param name="cancellation">Stops the run; what was done is kept for the next.</param>
    /// <exception cref="ModuleException">The folder cannot be made, the disk is too small, or a blob cannot be had.</exception>
    public async Task<WrittenArchive> WriteAsync(ArchivePlan plan, string path, PreviousArchive previous, Action<WrittenArchive> writeSidecars, CancellationToken cancellation)
    {
        using var run = Begin(plan, path);
        progress.SetTotals(plan.Images.Length, plan.Blobs.Sum(member => member.Size));
        progress.Phase = "fetching";
        WriteKnown(run.Output, plan);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        // The checksum of the whole follows the blobs as they arrive, so that it costs no second pass over the file.
        var follower = HashAsync(run, plan, stop.Token);
        Losses lost;
        try
        {
            lost = await FetchAllAsync(run, plan, previous.Archive, stop, cancellation);
        }
        catch
        {
            await GiveUpAsync(stop, follower);
            throw;
        }

        List<string> sums;
        if (lost.Images.IsEmpty && lost.Attachments.IsEmpty)
        {
            sums = await follower;
        }
        else
        {
            await GiveUpAsync(stop, follower);
            var kept = plan.Without(lost.Images.Keys.ToHashSet(), lost.Attachments);
            if (!lost.Images.IsEmpty && (!options.ContinueOnError || kept.Images.IsEmpty))
                throw lost.Images.Values.First();
            previous.RequireKept(kept, options.MayLoseImages, path);
            Compact(run, plan, kept);
            sums = await HashAsync(run, kept, cancellation);
            plan = kept;
        }

        progress.Phase = "writing to disk";
        var parts = ArchiveOutput.PartsOf(path, options.PartSize, plan.Size);
        var written = new WrittenArchive(plan, SavedPart.Of(parts, sums),
            [.. lost.Images.Select(pair => new UnsavedImage(pair.Key, pair.Value))], bytesFetched, bytesReused);
        // Several files cannot get their names at once: until the first has its, the sidecar says that the set is not whole.
        if (options.PartSize is not null)
            ArchiveSaver.RemoveSidecars(path);
        run.Output.Finish(previous.Files, () => writeSidecars(written));
        AtomicFile.Delete(JournalPath(path), checkMode: false);
        return written;
    }

    static async Task GiveUpAsync(CancellationTokenSource stop, Task follower)
    {
        await stop.CancelAsync();
        await follower.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Whether the disk has room for the plan, counting what an interrupted run already holds there.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.DiskFull"/>.</exception>
    public static void CheckSpace(ArchivePlan plan, string path)
    {
        var folder = FolderOf(path);
        while (!Directory.Exists(folder))
            folder = Path.GetDirectoryName(folder)!;
        var needed = plan.Size - Math.Min(ArchiveOutput.Unfinished(path), plan.Size);
        var free = new DriveInfo(folder).AvailableFreeSpace;
        if (needed > free)
            throw new ModuleException(ErrorCodes.DiskFull, $"{folder} has {free} bytes free, the archive needs {needed} more", "free space, or choose another path; an archive that is there already stays until the new one is whole");
    }

    /// <summary>Makes the folder of the archive where it is missing.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: a file is in its place, or it may not be made. Check mode finds the same.</exception>
    public static void MakeFolder(string path, bool checkMode)
    {
        Folder.Make(FolderOf(path), new FileSettings(), checkMode);
        if (checkMode)
            Folder.RequireWritable(FolderOf(path));
    }

    static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    // A run on this plan is gone on with, everything else starts anew.
    Run Begin(ArchivePlan plan, string path)
    {
        CheckSpace(plan, path);
        MakeFolder(path, checkMode: false);
        var journal = JournalPath(path);
        var fingerprint = options.PartSize is { } size ? $"{plan.Fingerprint}/{size}" : plan.Fingerprint;
        try
        {
            if (SaveJournal.Read(journal, fingerprint) is { } done && ArchiveOutput.Reopen(path, options.PartSize, plan.Size) is { } left)
                return new Run(left, SaveJournal.Open(journal, fingerprint, goOn: true), done, plan);
            var fresh = ArchiveOutput.Create(path, options.PartSize, plan.Size);
            return new Run(fresh, SaveJournal.Open(journal, fingerprint, goOn: false), new Dictionary<Digest, long>(), plan);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ModuleException(ErrorCodes.File, $"{ArchiveOutput.PartialOf(path)} cannot be written: permission denied", "choose a folder that the user of the task may write to", e);
        }
        catch (Exception e) when (FileFault.IsOfSystem(e))
        {
            var unwritable = ArchiveOutput.Unwritable(path, "", e);
            throw unwritable.Hint is null
                ? new ModuleException(unwritable.Code, unwritable.Message, "if another run is saving to the same path, let it finish", e)
                    : unwritable;
        }
    }

    static void WriteKnown(ArchiveOutput output, ArchivePlan plan)
    {
        foreach (var member in plan.Members)
        {
            output.Write(member.Header(), member.HeaderOffset);
            if (member.Content is { } content)
                output.Write(content.Span, member.Offset);
        }
    }

    async Task<Losses> FetchAllAsync(Run run, ArchivePlan plan, IArchive? previous, CancellationTokenSource stop,
        CancellationToken cancellation)
    {
        var users = UsersOf(plan);
        var lost = new Losses();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(plan.Blobs, parallel, async (member, _) =>
        {
            // A blob that only failed images need is not fetched any more.
            if (stop.IsCancellationRequested || users[member.Blob!.Digest].TrueForAll(lost.IsLost))
                return;
            try
            {
                await FetchAsync(run, member, previous, stop.Token);
                run.Complete(member);
            }
            catch (ModuleException e)
            {
                if (lost.Add(users[member.Blob.Digest], member.Blob.Digest, e) && !options.ContinueOnError)
                    await stop.CancelAsync();
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                // Another blob failed.
            }
        });
        cancellation.ThrowIfCancellationRequested();
        return lost;
    }

    static Dictionary<Digest, List<BlobUser>> UsersOf(ArchivePlan plan)
    {
        var users = new Dictionary<Digest, List<BlobUser>>();
        foreach (var image in plan.Images)
        {
            Use(image.Tree, new BlobUser(image, null));
            foreach (var attachment in image.Attachments)
                Use(attachment.Tree, new BlobUser(image, attachment));
        }

        return users;

        void Use(ManifestTree tree, BlobUser user)
        {
            foreach (var blob in tree.Blobs)
            {
                if (!users.TryGetValue(blob.Digest, out var known))
                    users[blob.Digest] = known = [];
                known.Add(user);
            }
        }
    }

    /// <summary>Who needs a blob: an image, or something that belongs to it.</summary>
    sealed record BlobUser(SelectedImage Image, SelectedAttachment? Attachment);

    /// <summary>What cannot be written, and why.</summary>
    sealed class Losses
    {
        public ConcurrentDictionary<SelectedImage, ModuleException> Images { get; } = new();

        /// <summary>Signatures and the like: their images are saved all the same.</summary>
        public ConcurrentDictionary<SelectedAttachment, ModuleException> Attachments { get; } = new(ReferenceEqualityComparer.Instance);

        public bool IsLost(BlobUser user) =>
            Images.ContainsKey(user.Image) || (user.Attachment is not null && Attachments.ContainsKey(user.Attachment));

        /// <returns>Whether an image is lost.</returns>
        public bool Add(List<BlobUser> users, Digest blob, ModuleException e)
        {
            var losesImage = false;
            foreach (var user in users)
            {
                var fault = new ModuleException(e.Code, e.Message, e.Hint, e)
                {
                    HttpStatus = e.HttpStatus,
                    Image = user.Image.Name.ToString(),
                    Blob = blob.ToString()
                };
                losesImage |= user.Attachment is null;
                if (user.Attachment is null)
                    Images.TryAdd(user.Image, fault);
                else
                    Attachments.TryAdd(user.Attachment, fault);
            }

            return losesImage;
        }
    }

    async Task FetchAsync(Run run, PlannedMember member, IArchive? previous, CancellationToken cancellation)
    {
        var blob = member.Blob!;
        if (previous is not null && previous.Has(blob))
        {
            // Damaged there: fetched like any other.
            if (await TryFetchAsync(run, member, previous, 0, isLocal: true, cancellation))
                return;
        }

        var resumeAt = Math.Min(run.Done.GetValueOrDefault(blob.Digest), blob.Size);
        if (resumeAt > 0 && await TryFetchAsync(run, member, upstream, resumeAt, isLocal: false, cancellation))
            return;
        if (!await TryFetchAsync(run, member, upstream, 0, isLocal: false, cancellation))
            throw new ModuleException(ErrorCodes.DigestMismatch, $"blob {blob.Digest} from {member.Origins[0].Name} is damaged: what the registry sends does not have that digest", "the registry, or a proxy on the way, serves wrong content; try again, or from another registry with pull_from");
    }

    // False where all bytes came and their digest is another.
    async Task<bool> TryFetchAsync(Run run, PlannedMember member, IImageStore store, long start, bool isLocal, CancellationToken cancellation)
    {
        var blob = member.Blob!;
        using var hash = blob.Digest.StartHash();
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        var position = 0L;
        try
        {
            position = await RehashAsync(run.Output, member, start, hash, buffer, cancellation);
            progress.AddBytes(position);
            Interlocked.Add(ref bytesReused, position);
            var noted = position;
            var broken = 0;
            while (position < blob.Size)
            {
                var before = position;
                await using var opened = await OpenAsync(store, member, position, cancellation);
                await using var body = isLocal || options.Bandwidth is null ? opened : options.Bandwidth.Pace(opened);
                while (position < blob.Size)
                {
                    int count;
                    try
                    {
                        count = await body.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, blob.Size - position)), cancellation);
                    }
                    catch (Exception e) when (IsBrokenBody(e))
                    {
                        count = 0;
                    }

                    if (count == 0)
                        break;
                    run.Output.Write(buffer.AsSpan(0, count), member.Offset + position);
                    hash.AppendData(buffer, 0, count);
                    position += count;
                    progress.AddBytes(count);
                    Interlocked.Add(ref isLocal ? ref bytesReused : ref bytesFetched, count);
                    if (position - noted >= NoteEvery)
                        run.Journal.Note(blob.Digest, noted = position);
                }

                if (position < blob.Size)
                    await PauseAsync(blob, member, broken = position > before ? 1 : broken + 1, position, cancellation);
            }

            if (Digest.Finish(hash) == blob.Digest)
            {
                run.Journal.Note(blob.Digest, blob.Size);
                return true;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        progress.AddBytes(-position);
        return false;
    }

    async Task PauseAsync(Descriptor blob, PlannedMember member, int broken, long position, CancellationToken cancellation)
    {
        if (broken > options.Retries)
            throw new ModuleException(ErrorCodes.Connection, $"blob {blob.Digest} from {member.Origins[0].Name} broke off at byte {position} of {blob.Size}, {broken} times without progress", "run again: what was fetched is kept");
        // Full jitter between nothing and half a second, doubled each time (design 5).
        var ceiling = Math.Min(30_000, 500 << (broken - 1));
        await Task.Delay(TimeSpan.FromMilliseconds(RandomNumberGenerator.GetInt32(ceiling)), time, cancellation);
    }

    static async Task<Stream> OpenAsync(IImageStore store, PlannedMember member, long position, CancellationToken cancellation)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                return await store.OpenBlobAsync(member.Origins[i], member.Blob!, position, cancellation);
            }
            catch (ModuleException e) when (i + 1 < member.Origins.Length && (e.Code == ErrorCodes.NotFound || e.HttpStatus is 404 or 403 or 401))
            {
                // Another image with the same layer comes from a repository that may have it.
            }
        }
    }

    static bool IsBrokenBody(Exception e) =>
        e is IOException or HttpRequestException or ModuleException { Code: ErrorCodes.Connection or ErrorCodes.Timeout };

    static async Task<long> RehashAsync(ArchiveOutput output, PlannedMember member, long until, IncrementalHash hash, byte[] buffer, CancellationToken cancellation)
    {
        var position = 0L;
        while (position < until)
        {
            var count = await output.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, until - position)), member.Offset + position, cancellation);
            if (count == 0)
                break;
            hash.AppendData(buffer, 0, count);
            position += count;
        }

        return position;
    }

    // Goes through the archive in order, waiting for each blob until it is whole. One checksum a part.
    static async Task<List<string>> HashAsync(Run run, ArchivePlan plan, CancellationToken cancellation)
    {
        await Task.Yield();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferSize];
        var sums = new List<string>();
        var position = 0L;
        foreach (var member in plan.Members)
        {
            await run.WhenComplete(member, cancellation);
            position = await HashUntilAsync(member.End);
        }

        await HashUntilAsync(plan.Size);
        return sums;

        async Task<long> HashUntilAsync(long end)
        {
            while (position < end)
            {
                var left = run.Output.LeftInPart(position);
                var count = await run.Output.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, end - position)), position, cancellation);
                hash.AppendData(buffer, 0, count);
                position += count;
                if (count == left)
                    sums.Add(Convert.ToHexStringLower(hash.GetHashAndReset()));
            }

            return position;
        }
    }

    // Every member of the smaller plan lies at or before its old place, so moving in order overwrites nothing that is still needed.
    static void Compact(Run run, ArchivePlan old, ArchivePlan kept)
    {
        // From here on an interrupted run cannot be gone on with.
        run.Journal.Dispose();
        AtomicFile.Delete(run.JournalPath, checkMode: false);
        var places = old.Members.ToDictionary(member => member.Name, member => member.Offset, StringComparer.Ordinal);
        var buffer = new byte[BufferSize];
        foreach (var member in kept.Members)
        {
            if (member.Content is null)
            {
                for (var moved = 0L; moved < member.Size;)
                {
                    var count = run.Output.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, member.Size - moved)), places[member.Name] + moved);
                    run.Output.Write(buffer.AsSpan(0, count), member.Offset + moved);
                    moved += count;
                }
            }

            run.Output.Write(member.Header(), member.HeaderOffset);
            if (member.Content is { } content)
                run.Output.Write(content.Span, member.Offset);
            run.Output.Write(new byte[member.End - member.Offset - member.Size], member.Offset + member.Size);
        }

        run.Output.Write(new byte[kept.Size - kept.Members[^1].End], kept.Members[^1].End);
        run.Output.SetLength(kept.Size);
    }

    /// <summary>The open files of one run, and which blobs are whole.</summary>
    sealed class Run(ArchiveOutput output, SaveJournal journal, IReadOnlyDictionary<Digest, long> done, ArchivePlan plan) : IDisposable
    {
        readonly Dictionary<Digest, TaskCompletionSource> complete = plan.Blobs.ToDictionary(member => member.Blob!.Digest, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

        public ArchiveOutput Output => output;

        public SaveJournal Journal => journal;

        public string JournalPath => journal.Path;

        public IReadOnlyDictionary<Digest, long> Done => done;

        public void Complete(PlannedMember member) => complete[member.Blob!.Digest].TrySetResult();

        public Task WhenComplete(PlannedMember member, CancellationToken cancellation) =>
            member.Blob is null ? Task.CompletedTask : complete[member.Blob.Digest].Task.WaitAsync(cancellation);

        public void Dispose()
        {
            journal.Dispose();
            output.Dispose();
        }
    }
}
