using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Files;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// Saves images into an archive, or finds that the archive has them already: references → manifests → plan → file → sidecars
/// (<c>&lt;archive&gt;.manifest.json</c> and <c>&lt;archive&gt;.sha256</c>).
/// </summary>
public sealed class ArchiveSaver(IImageStore upstream, SaveOptions options, TransferProgress progress, TimeProvider time)
{
    const int ManifestRequestsPerBlob = 2;

    /// <summary>Saves, or in check mode says what would be saved.</summary>
    /// <exception cref="ModuleException">Nothing could be saved; an archive that was there before is untouched.</exception>
    public async Task<SaveReport> SaveAsync(IReadOnlyList<ImageRequest> requests, string path, bool checkMode, CancellationToken cancellation)
    {
        using var previous = PreviousArchive.Open(path);
        if (previous.Archive is null)
            ArchiveWriter.MakeFolder(path, checkMode: true);
        progress.Phase = "reading manifests";
        if (previous.Archive is not null && previous.IsCut(path, options.PartSize) && previous.HasBases(options.Bases) && previous.HasSignatures(options.Signatures) && await IsUnchangedAsync(requests, previous, cancellation))
            return await KeepAsync(previous, await PlanFromAsync(previous.Archive, previous.Images, requests, cancellation), path, checkMode, cancellation);

        var refused = new ConcurrentBag<FailedRequest>();
        var selected = await SelectAllAsync(requests, refused, cancellation);
        ImmutableArray<FailedRequest> failed = [.. refused];
        if (selected.IsEmpty)
            throw failed[0].Error;
        var plan = PlanOf(selected);
        if (previous.Archive is not null && IsSame(plan, previous.Archive) && previous.IsCut(path, options.PartSize) && await previous.IsWholeAsync(cancellation))
            return await KeepAsync(previous, plan, path, checkMode, cancellation) with { Failed = failed };
        previous.RequireKept(plan, options.MayLoseImages, path);
        return await WriteAsync(plan, previous, path, failed, checkMode, cancellation);
    }

    /// <summary>The signatures of releases that an archive has already; none where there is no archive of ours.</summary>
    /// <exception cref="ModuleException">What is there is somebody else's.</exception>
    public static ImmutableArray<ReleaseSignatures> SignaturesIn(string path)
    {
        using var previous = PreviousArchive.Open(path);
        return previous.Archive?.Signatures ?? [];
    }

    async Task<SaveReport> WriteAsync(ArchivePlan plan, PreviousArchive previous, string path, ImmutableArray<FailedRequest> failed, bool checkMode, CancellationToken cancellation)
    {
        var report = new SaveReport(plan, Changed: true)
        {
            Before = previous.Archive is null ? [] : [.. previous.Archive.Images.Where(image => image.Reference is not null)],
            Failed = failed,
            Replaced = previous.Damage,
            Lost = previous.LostBy(plan),
            KeptManifest = previous.LostBy(plan).IsEmpty || !File.Exists(ManifestPath(path)) ? null
                : KeptManifestPath(path, previous.Archive!),
            BytesToFetch = plan.Blobs.Where(member => previous.Archive is null || !previous.Archive.Has(member.Blob!)).Sum(member => member.Size),
            Parts = SavedPart.Of(ArchiveOutput.PartsOf(path, options.PartSize, plan.Size), sums: null),
        };
        AtomicFile.Check(ManifestPath(path));
        AtomicFile.Check(ChecksumPath(path));
        if (checkMode)
        {
            ArchiveWriter.CheckSpace(plan, path);
            return report;
        }

        KeepManifest(path, report.KeptManifest);
        var written = await new ArchiveWriter(upstream, options, progress, time).WriteAsync(plan, path, previous, archive => WriteSidecars(path, archive.Plan, archive.Parts), cancellation);
        return report with
        {
            Plan = written.Plan,
            Failed = [.. failed, .. written.Failed.Select(failure => new FailedRequest(failure.Image.Request, failure.Error))],
            BytesFetched = written.BytesFetched,
            BytesReused = written.BytesReused,
            Parts = written.Parts,
        };
    }

    /// <summary>Path of the sidecar that says what is in an archive.</summary>
    public static string ManifestPath(string path) => path + ".manifest.json";

    // An archive that was carried away is still a base of the next, however its file was used since.
    static void KeepManifest(string path, string? kept)
    {
        if (kept is not null)
            Write(kept, InputFile.ReadAllBytes(ManifestPath(path)));
    }

    static string KeptManifestPath(string path, OciLayoutArchive previous) => $"{path}.{previous.Id}.manifest.json";

    /// <summary>Path of the sidecar for <c>sha256sum -c</c>.</summary>
    public static string ChecksumPath(string path) => path + ".sha256";

    /// <summary>Takes the sidecars away, so that nothing says that files are a whole archive.</summary>
    internal static void RemoveSidecars(string path)
    {
        AtomicFile.Delete(ManifestPath(path), checkMode: false);
        AtomicFile.Delete(ChecksumPath(path), checkMode: false);
    }

    // One HEAD an image: the same names, the same digests upstream, the same platforms, and the archive whole by its structure.
    async Task<bool> IsUnchangedAsync(IReadOnlyList<ImageRequest> requests, PreviousArchive previous, CancellationToken cancellation)
    {
        var byName = previous.Images.GroupBy(image => image.Requested, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        if (byName.Count != requests.Count || !requests.All(request => byName.TryGetValue(request.Image.ToString(), out var image) && IsSameChoice(request, image)))
            return false;
        var same = true;
        await ForEachAsync(requests, async (request, token) =>
        {
            var resolved = await upstream.ResolveAsync(ImageSelection.Asked(request), token);
            if (resolved?.Digest != byName[request.Image.ToString()].SourceDigest)
                Volatile.Write(ref same, false);
        }, cancellation);
        return same && await previous.IsWholeAsync(cancellation);
    }

    static bool IsSameChoice(ImageRequest request, RecordedImage image) =>
        request.Platforms.Select(platform => platform.ToString()).SequenceEqual(image.Platforms, StringComparer.Ordinal)
        && (request.TakeChild || image.SourceDigest == image.Digest)
        // A signature that is new upstream shows in no digest of the image.
        && !request.WithReferrers && !request.WithSignatures && !image.WithReferrers;

    // What could be had is what is there: the images that failed today failed before.
    static bool IsSame(ArchivePlan plan, OciLayoutArchive previous) =>
        plan.Members.Single(member => member.Name == ArchiveManifestJson.FileName).Content is { } content && previous.ReadFile(ArchiveManifestJson.FileName).AsSpan().SequenceEqual(content.Span);

    async Task<ArchivePlan> PlanFromAsync(OciLayoutArchive previous, ImmutableArray<RecordedImage> images, IReadOnlyList<ImageRequest> requests, CancellationToken cancellation)
    {
        var byName = previous.Images.Where(image => image.Reference is not null).ToDictionary(image => image.Reference!.ToString(), StringComparer.Ordinal);
        var selected = new List<SelectedImage>();
        var recorded = images.ToDictionary(image => image.Requested, StringComparer.Ordinal);
        foreach (var request in requests)
        {
            var name = request.Image.Tag is null ? ImageSelection.Asked(request) : request.Image.WithTag(request.Image.Tag);
            var tree = await ManifestTree.ReadAsync(previous, name.WithDigest(byName[name.ToString()].Root.Digest), cancellation);
            selected.Add(new SelectedImage(request, name, tree, recorded[request.Image.ToString()].SourceDigest));
        }

        return PlanOf(selected);
    }

    // What thousands of answers have left behind is given back before the layout is made, which is when most is alive.
    ArchivePlan PlanOf(IEnumerable<SelectedImage> images)
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
        return ArchivePlan.Create(images, options.Bases, options.Signatures);
    }

    async Task<SaveReport> KeepAsync(PreviousArchive previous, ArchivePlan plan, string path, bool checkMode, CancellationToken cancellation)
    {
        var parts = ArchiveOutput.PartsOf(path, options.PartSize, previous.Archive!.Size);
        var sums = File.Exists(ManifestPath(path)) ? ReadChecksums(path, parts) : null;
        var report = new SaveReport(plan, Changed: sums is null) { Before = previous.Archive.Images, SidecarsOnly = true, Parts = SavedPart.Of(parts, sums) };
        // A run that was killed between giving the archive its name and tidying up has left its journal.
        if (!checkMode && ArchiveOutput.Unfinished(path) == 0)
            AtomicFile.Delete(ArchiveWriter.JournalPath(path), checkMode: false);
        if (sums is not null || checkMode)
            return report;
        progress.Phase = "hashing the archive";
        sums = [];
        foreach (var part in parts)
            sums.Add(await HashFileAsync(part.Path, cancellation));
        report = report with { Parts = SavedPart.Of(parts, sums) };
        WriteSidecars(path, plan, report.Parts);
        return report;
    }

    async Task<ImmutableArray<SelectedImage>> SelectAllAsync(IReadOnlyList<ImageRequest> requests, ConcurrentBag<FailedRequest> failed, CancellationToken cancellation)
    {
        var selected = new ConcurrentBag<SelectedImage>();
        var held = new HeldManifests();
        await ForEachAsync(requests, async (request, token) =>
        {
            try
            {
                var image = await ImageSelection.SelectAsync(upstream, request, token);
                held.Add(image);
                selected.Add(image);
            }
            catch (ModuleException e) when (options.ContinueOnError)
            {
                failed.Add(new FailedRequest(request, e));
            }
            catch (ModuleException e) when (e.Image is null)
            {
                throw new ModuleException(e.Code, e.Message, e.Hint, e) { HttpStatus = e.HttpStatus, Image = request.Image.ToString(), Blob = e.Blob };
            }
        }, cancellation);
        return [.. selected];
    }

    Task ForEachAsync(IReadOnlyList<ImageRequest> requests, Func<ImageRequest, CancellationToken, ValueTask> body, CancellationToken cancellation) =>
        Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = options.Concurrency * ManifestRequestsPerBlob, CancellationToken = cancellation }, body);

    void WriteSidecars(string path, ArchivePlan plan, ImmutableArray<SavedPart> parts)
    {
        Write(ManifestPath(path), Json.IndentedBytes(
        [
            .. ArchiveManifestJson.Write(plan),
            new("created", new JValue(time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture))),
            new("tool", new JValue($"image_archive {typeof(ArchiveSaver).Assembly.GetName().Version?.ToString(3)}")),
            new("layout_size", new JValue(plan.Size)),
            new("parts", parts.Select(part => new JObject { ["name"] = part.Name, ["size"] = part.Size, ["sha256"] = part.Sha256 })),
        ]));
        Write(ChecksumPath(path), Encoding.UTF8.GetBytes(string.Concat(parts.Select(part => $"{part.Sha256}  {part.Name}\n"))));
    }

    static void Write(string path, byte[] content) =>
        AtomicFile.Write(path, content, new FileSettings(FileSettings.Readable), checkMode: false);

    // Null where it is not about these files.
    static List<string>? ReadChecksums(string path, List<ArchivePart> parts)
    {
        if (!File.Exists(ChecksumPath(path)))
            return null;
        var lines = InputFile.ReadAllLines(ChecksumPath(path));
        if (lines.Length != parts.Count)
            return null;
        var sums = new List<string>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Split("  ") is not [{ Length: 64 } sum, var name] || name != parts[i].Name)
                return null;
            sums.Add(sum);
        }

        return sums;
    }

    static async Task<string> HashFileAsync(string path, CancellationToken cancellation)
    {
        using var file = ArchiveFile.Open(path);
        await using var bytes = file.OpenRange(0, file.Length);
        return Convert.ToHexStringLower(await System.Security.Cryptography.SHA256.HashDataAsync(bytes, cancellation));
    }
}

/// <summary>What was saved, or would be.</summary>
/// <param name="Plan">What the archive holds.</param>
/// <param name="Changed">Whether anything was (or would be) written.</param>
public sealed record SaveReport(ArchivePlan Plan, bool Changed)
{
    /// <summary>What the archive held before.</summary>
    public ImmutableArray<ArchivedImage> Before { get; init; } = [];

    public ImmutableArray<FailedRequest> Failed { get; init; } = [];

    /// <summary>Whether the archive itself is as it was and at most its sidecars were missing.</summary>
    public bool SidecarsOnly { get; init; }

    /// <summary>What was wrong with the archive that was there, where it had to be made again.</summary>
    public string? Replaced { get; init; }

    /// <summary>Names of images that the archive before had and this one has not.</summary>
    public ImmutableArray<string> Lost { get; init; } = [];

    /// <summary>Where the sidecar of the archive before stays, so that it can be a base; null where nothing is lost.</summary>
    public string? KeptManifest { get; init; }

    /// <summary>Before the run: what the archive that was there cannot give.</summary>
    public long BytesToFetch { get; init; }

    public long BytesFetched { get; init; }

    public long BytesReused { get; init; }

    /// <summary>The files that it is.</summary>
    public ImmutableArray<SavedPart> Parts { get; init; } = [];
}

/// <summary>An image that was asked for and cannot be had, and why.</summary>
public sealed record FailedRequest(ImageRequest Request, ModuleException Error);
