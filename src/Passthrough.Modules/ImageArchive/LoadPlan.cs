using System.Collections.Immutable;
using Passthrough.Core;
using Passthrough.Core.Archive;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>What of an archive goes where: known, and without contradiction, before the first byte is sent.</summary>
/// <param name="Items">What is copied.</param>
/// <param name="Contents">The same images, in the same order.</param>
/// <param name="Naming">Where the registry has what was delivered before.</param>
sealed record LoadPlan(ImmutableArray<CopyItem> Items, ArchiveContents Contents, MirrorNaming Naming)
{
    public static async Task<LoadPlan> MakeAsync(IArchive archive, IEnumerable<ArchivedImage> images, MirrorNaming naming, CancellationToken cancellation)
    {
        var placed = PlaceImages(archive, images, naming);
        return new LoadPlan([.. placed.Select(pair => pair.Item)], await ArchiveContents.ReadAsync(archive, placed.Select(pair => pair.Image), cancellation), naming);
    }

    /// <summary>Where each image goes; an image that stands in the archive twice goes there once.</summary>
    /// <exception cref="ModuleException">An image has no name, or two claim one target.</exception>
    public static IEnumerable<CopyItem> Place(IArchive archive, IEnumerable<ArchivedImage> images, MirrorNaming naming) => PlaceImages(archive, images, naming).Select(pair => pair.Item);

    static IReadOnlyCollection<(CopyItem Item, ArchivedImage Image)> PlaceImages(IArchive archive, IEnumerable<ArchivedImage> images, MirrorNaming naming)
    {
        // What an earlier run has left in the archive is the names of images: what was delivered then is there, and what was not is not asked for now.
        var named = images.Where(image => image.HasManifest || !image.IsFromEarlierRun).ToList();
        if (named.Find(image => image.Reference is null) is { } nameless)
            throw Nameless(archive, nameless, named.Count(image => image.Reference is null) - 1);
        var targets = naming.Targets(named.Select(image => image.Reference!));
        var placed = new OrderedDictionary<string, (CopyItem Item, ArchivedImage Image)>(StringComparer.Ordinal);
        foreach (var image in named)
        {
            var item = new CopyItem(image.Reference!, image.Root, targets[image.Reference!]);
            if (placed.TryAdd(item.Target.ToString(), (item, image)) || placed[item.Target.ToString()].Item is var other && other.Root.Digest == item.Root.Digest)
                continue;
            throw new ModuleException(
                ErrorCodes.Collision,
                $"{archive.Path} has two images that would be {item.Target}: {other.Source} is {other.Root.Digest}, {item.Source} is {item.Root.Digest}",
                "leave one of them out with exclude, by its digest if both have one name")
            {
                Image = item.Source.ToString(),
            };
        }

        return placed.Values;
    }

    static ModuleException Nameless(IArchive archive, ArchivedImage image, int others) =>
        new(
            ErrorCodes.InvalidArgument,
            $"{archive.Path} has lost the name of {image.Root.Digest}{(image.Name.Length > 0 ? $", which it calls \"{image.Name}\"" : "")}{(others > 0 ? $", and of {others} more" : "")}",
            "give the full reference in references, by that name or digest, or leave the image out with exclude");

    /// <summary>What the record says of those images that are in the registry then.</summary>
    /// <param name="isThere">Whether an item is, by its position.</param>
    /// <param name="expiries">After which time the registry removes it, by its position.</param>
    public IEnumerable<DeliveredImage> Delivered(Func<int, bool> isThere, IReadOnlyDictionary<int, string> expiries) =>
        Items.Select((item, i) => new DeliveredImage(item.Source, item.Target, item.Root.Digest, item.Root.MediaType)
        {
            Platforms = [.. Contents.Images[i].Platforms.Select(platform => platform.ToString())],
            ArchiveId = Contents.Archive.Id,
            DigestPreserved = Contents.Images[i].Image.DigestPreserved is not false,
            ExpiresAfter = expiries.GetValueOrDefault(i),
        }).Where((_, i) => isThere(i) && Contents.Images[i].Image.HasManifest);

    /// <summary>Copies, or with a target that only reads says what would be copied.</summary>
    /// <param name="room">What the registry takes; null where it tells nobody.</param>
    public Task<CopyReport> CopyAsync(ArchiveRun run, IImageTarget target, ITargetRoom? room, bool continueOnError, CancellationToken cancellation) =>
        CopyAsync(run, target, Items, run.Context.Progress, continueOnError, cancellation, room);

    /// <summary>Copies other content of the archive.</summary>
    public Task<CopyReport> CopyAsync(ArchiveRun run, IImageTarget target, ImmutableArray<CopyItem> items, TransferProgress progress, bool continueOnError, CancellationToken cancellation, ITargetRoom? room = null)
    {
        var options = new CopyOptions
        {
            Concurrency = run.Concurrency,
            ContinueOnError = continueOnError,
            Room = room,
            AsksForEveryBlob = run.IsDeep,
            Bandwidth = run.Limit,
            SourceName = Contents.Archive.Path,
            SourceHas = Contents.Archive.Has,
            OtherHolders = blob => Contents.Archive.HoldersOf(blob.Digest).Select(Naming.Target),
            TakesWhatIsThere = run.AllowsMissingParts && Contents.Archive.Files.Any(part => part.IsMissing),
            WhenIncomplete = Contents.Archive.WhenIncomplete ?? "make the archive again",
        };
        return new ImageCopier(Contents.Archive, target, options, progress).CopyAsync(items, cancellation);
    }
}
