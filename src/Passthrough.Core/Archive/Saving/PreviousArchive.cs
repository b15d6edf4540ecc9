using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>What is where an archive is to be saved: one of ours, whole or not, or nothing.</summary>
sealed class PreviousArchive : IDisposable
{
    PreviousArchive(OciLayoutArchive? archive, string? damage, ImmutableArray<string> files)
    {
        Archive = archive;
        Damage = damage;
        Files = files;
        Images = archive is null ? [] : ArchiveManifestJson.ReadImages(archive);
    }

    /// <summary>Null where there is none that can be read.</summary>
    public OciLayoutArchive? Archive { get; }

    /// <summary>What is wrong with it, where it cannot be read.</summary>
    public string? Damage { get; }

    /// <summary>Its files.</summary>
    public ImmutableArray<string> Files { get; }

    /// <summary>What it recorded about its images.</summary>
    public ImmutableArray<RecordedImage> Images { get; }

    /// <summary>
    /// Whether its list of images says what is in it. Not so for parts of which a run that was killed has replaced some and others not: the sidecar,
    /// which is written before the first part, names another archive then, or is not there.
    /// </summary>
    public bool IsOfOnePiece { get; private init; }

    /// <exception cref="ModuleException">It is somebody else's.</exception>
    public static PreviousArchive Open(string path)
    {
        var isFile = File.Exists(path);
        if (!isFile && Directory.Exists(path))
            throw new ModuleException(ErrorCodes.File, $"{path} is a folder", "give the path of the archive file to write");
        if (!isFile && SplitSet.NameOf(path) is null)
            return new PreviousArchive(null, null, []);
        ImmutableArray<string> files = isFile ? [path] : [.. SplitSet.PartsOn(path)];
        try
        {
            var archive = ArchiveFormats.Open(path);
            if (archive is OciLayoutArchive { IsOurs: true } layout)
                return new PreviousArchive(layout, null, files) { IsOfOnePiece = isFile || SidecarId(path) == layout.RecordedId };
            archive.Dispose();
        }
        // A file that is no archive of ours is somebody's: it is not overwritten. One of ours that is damaged is made again.
        catch (ModuleException e) when (e.Code != ErrorCodes.File && (File.Exists(ArchiveSaver.ManifestPath(path)) || File.Exists(ArchiveWriter.JournalPath(path))))
        {
            return new PreviousArchive(null, e.Message, files);
        }
        catch (ModuleException e)
        {
            throw new ModuleException(ErrorCodes.File, $"{path} exists and is no archive of this module ({e.Message})", "remove it, or choose another path", e);
        }

        throw new ModuleException(ErrorCodes.File, $"{path} exists and was not made by this module", "remove it, or choose another path");
    }

    /// <summary>Its images that a plan does not have, by their names.</summary>
    public ImmutableArray<string> LostBy(ArchivePlan plan)
    {
        var kept = plan.Images.Select(image => image.Name.ToString()).ToHashSet(StringComparer.Ordinal);
        return Archive is null || !IsOfOnePiece ? []
            : [.. Archive.Images.Select(image => image.Reference?.ToString()).OfType<string>().Where(name => !kept.Contains(name))
                .Distinct(StringComparer.Ordinal)];
    }

    /// <exception cref="ModuleException"><see cref="ErrorCodes.WouldLoseImages"/>: the plan would replace it and lacks some of its
    /// images.</exception>
    public void RequireKept(ArchivePlan plan, bool mayLose, string path)
    {
        if (mayLose || LostBy(plan) is not { IsEmpty: false } lost)
            return;
        throw new ModuleException(
            ErrorCodes.WouldLoseImages,
            $"{path} was not replaced: it has {lost.Length} {(lost.Length == 1 ? "image" : "images")} that the new archive would not "
                + $"have: {Names(lost)}",
            "choose another path, add these images to images, or set force=true to replace it");
    }

    /// <summary>The first few, and how many more.</summary>
    internal static string Names(ImmutableArray<string> names)
    {
        const int Most = 5;
        return $"{string.Join(", ", names.Take(Most))}{(names.Length > Most ? $" and {names.Length - Most} more" : "")}";
    }

    /// <summary>Whether it is cut like this.</summary>
    public bool IsCut(string path, long? partSize)
    {
        if (Archive is null)
            return false;
        var parts = ArchiveOutput.PartsOf(path, partSize, Archive.Size);
        if (parts.Count != Files.Length)
            return false;
        for (var i = 0; i < parts.Count; i++)
        {
            if (parts[i].Path != Files[i] || new FileInfo(Files[i]).Length != parts[i].Size)
                return false;
        }

        return true;
    }

    /// <summary>Whether it is a differential to just these; no differential where there are none.</summary>
    public bool HasBases(BaseArchives bases)
    {
        var own = Archive?.Differential?.Bases;
        return own is null ? bases.All.Count == 0 : own.SequenceEqual(bases.All.Select(archive => archive.Id), StringComparer.Ordinal);
    }

    /// <summary>Whether it has just these signatures of releases.</summary>
    public bool HasSignatures(ImmutableArray<ReleaseSignatures> signatures) => Archive is not null
        && Archive.Signatures.Select(release => release.ConfigMap()).SequenceEqual(signatures.Select(release => release.ConfigMap()), StringComparer.Ordinal);

    /// <summary>Whether everything that its images consist of is in it; the content of blobs is not read.</summary>
    public async Task<bool> IsWholeAsync(CancellationToken cancellation)
    {
        if (Archive is not { } archive || !IsOfOnePiece)
            return false;
        try
        {
            foreach (var image in archive.Images)
            {
                var tree = await ManifestTree.ReadAsync(archive, new Reference("archive", "image").WithDigest(image.Root.Digest), cancellation);
                if (!tree.Missing.IsEmpty || !tree.Blobs.All(blob => ManifestTree.IsForeign(blob) || archive.Has(blob) || archive.IsLeftToBase(blob.Digest)))
                    return false;
            }

            return true;
        }
        catch (ModuleException)
        {
            return false;
        }
    }

    static string? SidecarId(string path)
    {
        var sidecar = ArchiveSaver.ManifestPath(path);
        var json = File.Exists(sidecar) ? Json.TryParseObject(InputFile.ReadAllText(sidecar)) : null;
        return json?["id"] is JValue { Value: string id } ? id : null;
    }

    public void Dispose() => Archive?.Dispose();
}
