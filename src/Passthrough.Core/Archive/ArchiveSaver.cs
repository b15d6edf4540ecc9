using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive;

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
        using var previous = OpenPrevious(path, out var damaged);
        if (previous is null)
            ArchiveWriter.MakeFolder(path, checkMode: true);
        var recorded = previous is null ? [] : ArchiveManifestJson.ReadImages(previous);
        progress.Phase = "reading manifests";
        if (previous is not null && await IsUnchangedAsync(requests, recorded, previous, cancellation))
            return await KeepAsync(previous, await PlanFromAsync(previous, recorded, requests, cancellation), path, checkMode, cancellation);

        var refused = new ConcurrentBag<FailedRequest>();
        var selected = await SelectAllAsync(requests, refused, cancellation);
        ImmutableArray<FailedRequest> failed = [.. refused];
        if (selected.IsEmpty)
            throw failed[0].Error;
        var plan = ArchivePlan.Create(selected);
        if (previous is not null && IsSame(plan, previous) && await IsWholeAsync(previous, cancellation))
            return await KeepAsync(previous, plan, path, checkMode, cancellation) with { Failed = failed };
        var report = new SaveReport(plan, Changed: true)
        {
            Before = previous is null ? [] : [.. previous.Images.Where(image => image.Reference is not null)],
            Failed = failed,
            Replaced = damaged,
            BytesToFetch = plan.Blobs.Where(member => previous is null || !previous.Has(member.Blob!)).Sum(member => member.Size),
        };
        if (checkMode)
        {
            ArchiveWriter.CheckSpace(plan, path);
            return report;
        }

        var written = await new ArchiveWriter(upstream, options, progress, time).WriteAsync(plan, path, previous, cancellation);
        WriteSidecars(path, written.Plan, written.Sha256);
        return report with
        {
            Plan = written.Plan,
            Failed = [.. failed, .. written.Failed.Select(failure => new FailedRequest(failure.Image.Request, failure.Error))],
            BytesFetched = written.BytesFetched,
            BytesReused = written.BytesReused,
            Sha256 = written.Sha256,
        };
    }

    /// <summary>Path of the sidecar that says what is in an archive.</summary>
    public static string ManifestPath(string path) => path + ".manifest.json";

    /// <summary>Path of the sidecar for <c>sha256sum -c</c>.</summary>
    public static string ChecksumPath(string path) => path + ".sha256";

    // A file that is no archive of ours is somebody's: it is not overwritten. One of ours that is damaged is made again.
    static OciLayoutArchive? OpenPrevious(string path, out string? damaged)
    {
        damaged = null;
        if (!File.Exists(path))
            return Directory.Exists(path) ? throw new ModuleException(ErrorCodes.File, $"{path} is a folder", "give the path of the archive file to write") : null;
        try
        {
            var archive = ArchiveFormats.Open(path);
            if (archive is OciLayoutArchive layout && layout.ReadFile(ArchiveManifestJson.FileName) is not null)
                return layout;
            archive.Dispose();
        }
        catch (ModuleException e) when (File.Exists(ManifestPath(path)) && e.Code != ErrorCodes.File)
        {
            damaged = e.Message;
            return null;
        }
        catch (ModuleException e)
        {
            throw new ModuleException(ErrorCodes.File, $"{path} exists and is no archive of this module ({e.Message})", "remove it, or choose another path", e);
        }

        throw new ModuleException(ErrorCodes.File, $"{path} exists and was not made by this module", "remove it, or choose another path");
    }

    // One HEAD an image: the same names, the same digests upstream, the same platforms, and the archive whole by its structure.
    async Task<bool> IsUnchangedAsync(IReadOnlyList<ImageRequest> requests, ImmutableArray<RecordedImage> recorded, OciLayoutArchive previous, CancellationToken cancellation)
    {
        var byName = recorded.GroupBy(image => image.Requested, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        if (byName.Count != requests.Count || !requests.All(request => byName.TryGetValue(request.Image.ToString(), out var image) && IsSameChoice(request, image)))
            return false;
        var same = true;
        await ForEachAsync(requests, async (request, token) =>
        {
            var resolved = await upstream.ResolveAsync(ImageSelection.Asked(request), token);
            if (resolved?.Digest != byName[request.Image.ToString()].SourceDigest)
                Volatile.Write(ref same, false);
        }, cancellation);
        return same && await IsWholeAsync(previous, cancellation);
    }

    static bool IsSameChoice(ImageRequest request, RecordedImage image) =>
        request.Platforms.Select(platform => platform.ToString()).SequenceEqual(image.Platforms, StringComparer.Ordinal)
        && (request.TakeChild || image.SourceDigest == image.Digest);

    static async Task<bool> IsWholeAsync(OciLayoutArchive archive, CancellationToken cancellation)
    {
        try
        {
            foreach (var image in archive.Images)
            {
                var tree = await ManifestTree.ReadAsync(archive, new Reference("archive", "image").WithDigest(image.Root.Digest), cancellation);
                if (!tree.Missing.IsEmpty || !tree.Blobs.All(blob => ManifestTree.IsForeign(blob) || archive.Has(blob)))
                    return false;
            }

            return true;
        }
        catch (ModuleException)
        {
            return false;
        }
    }

    // What could be had is what is there: the images that failed today failed before.
    static bool IsSame(ArchivePlan plan, OciLayoutArchive previous) =>
        plan.Members.Single(member => member.Name == ArchiveManifestJson.FileName).Content is { } content && previous.ReadFile(ArchiveManifestJson.FileName).AsSpan().SequenceEqual(content.Span);

    static async Task<ArchivePlan> PlanFromAsync(OciLayoutArchive previous, ImmutableArray<RecordedImage> images, IReadOnlyList<ImageRequest> requests, CancellationToken cancellation)
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

        return ArchivePlan.Create(selected);
    }

    async Task<SaveReport> KeepAsync(OciLayoutArchive previous, ArchivePlan plan, string path, bool checkMode, CancellationToken cancellation)
    {
        // A run that was killed between giving the archive its name and tidying up has left its journal.
        var hasSidecars = File.Exists(ManifestPath(path)) && File.Exists(ChecksumPath(path));
        var report = new SaveReport(plan, Changed: !hasSidecars) { Before = previous.Images, SidecarsOnly = true, Sha256 = hasSidecars ? ReadChecksum(path) : null };
        if (!checkMode && !File.Exists(ArchiveWriter.PartialPath(path)))
            File.Delete(SaveJournal.PathFor(ArchiveWriter.PartialPath(path)));
        if (hasSidecars || checkMode)
            return report;
        progress.Phase = "hashing the archive";
        var sha256 = await HashFileAsync(path, cancellation);
        WriteSidecars(path, plan, sha256);
        return report with { Sha256 = sha256 };
    }

    async Task<ImmutableArray<SelectedImage>> SelectAllAsync(IReadOnlyList<ImageRequest> requests, ConcurrentBag<FailedRequest> failed, CancellationToken cancellation)
    {
        var selected = new ConcurrentBag<SelectedImage>();
        await ForEachAsync(requests, async (request, token) =>
        {
            try
            {
                selected.Add(await ImageSelection.SelectAsync(upstream, request, token));
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

    void WriteSidecars(string path, ArchivePlan plan, string sha256)
    {
        var json = ArchiveManifestJson.Write(plan.Id, plan.Images, [.. plan.Blobs.Select(member => member.Blob!)], plan.ExternalBlobs);
        json["created"] = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        json["tool"] = $"image_archive {typeof(ArchiveSaver).Assembly.GetName().Version?.ToString(3)}";
        json["layout_size"] = plan.Size;
        json["parts"] = new JArray(new JObject { ["name"] = Path.GetFileName(path), ["size"] = plan.Size, ["sha256"] = sha256 });
        var offsets = plan.Blobs.ToDictionary(member => member.Blob!.Digest.ToString(), member => member.Offset, StringComparer.Ordinal);
        foreach (var blob in (JArray)json["blobs"]!)
            blob["offset"] = offsets[(string)blob["digest"]!];
        Write(ManifestPath(path), Json.Indented(json));
        Write(ChecksumPath(path), $"{sha256}  {Path.GetFileName(path)}\n");
    }

    static void Write(string path, string text) =>
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(text), new FileSettings(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead), checkMode: false);

    static string? ReadChecksum(string path) => File.ReadAllText(ChecksumPath(path)).Split(' ')[0] is { Length: 64 } sha256 ? sha256 : null;

    static async Task<string> HashFileAsync(string path, CancellationToken cancellation)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(await System.Security.Cryptography.SHA256.HashDataAsync(file, cancellation));
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

    /// <summary>Before the run: what the archive that was there cannot give.</summary>
    public long BytesToFetch { get; init; }

    public long BytesFetched { get; init; }

    public long BytesReused { get; init; }

    /// <summary>Of the archive file; null in check mode.</summary>
    public string? Sha256 { get; init; }
}

/// <summary>An image that was asked for and cannot be had, and why.</summary>
public sealed record FailedRequest(ImageRequest Request, ModuleException Error);
