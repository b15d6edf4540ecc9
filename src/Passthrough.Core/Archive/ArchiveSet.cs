using System.Collections.Immutable;
using System.Text;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive;

/// <summary>
/// Several archives as one: a full one with its differentials, or whatever was carried together. Each blob is taken from any that has it. Where two give one
/// name to different images the later one wins, as if they were loaded one behind the other.
/// </summary>
sealed class ArchiveSet : IArchive
{
    readonly ImmutableArray<IArchive> archives;
    readonly Dictionary<string, Digest> byReference = new(StringComparer.Ordinal);

    public ArchiveSet(ImmutableArray<IArchive> archives)
    {
        this.archives = archives;
        Path = string.Join(", ", archives.Select(archive => archive.Path).Distinct(StringComparer.Ordinal));
        Format = string.Join(", ", archives.Select(archive => archive.Format).Distinct(StringComparer.Ordinal));
        (Images, Skipped) = Join();
        Attachments = [.. archives.SelectMany(archive => archive.Attachments).DistinctBy(attachment => $"{attachment.Digest} {attachment.Annotation(Annotations.ContainerdManifestSubject)} {attachment.Annotation(Annotations.RefName)}")];
        Dangling = archives.Sum(archive => archive.Dangling);
        WhenIncomplete = archives.Select(archive => archive.WhenIncomplete).OfType<string>().FirstOrDefault();
        foreach (var image in Images.Where(image => image.Reference is not null))
            byReference.TryAdd(image.Reference!.ToString(), image.Root.Digest);
    }

    public string Path { get; }

    public string Format { get; }

    public string Id => ArchivePlan.IdOf(Encoding.UTF8.GetBytes(string.Join('\n', archives.Select(archive => archive.Id))));

    public ModuleException? IndexFault => archives.Select(archive => archive.IndexFault).OfType<ModuleException>().FirstOrDefault();

    // Two layouts may lie in one file.
    public IEnumerable<ArchivePart> Files => archives.SelectMany(archive => archive.Files).DistinctBy(part => part.Path);

    public long Size => archives.DistinctBy(archive => archive.Path).Sum(archive => archive.Size);

    public ImmutableArray<ArchivedImage> Images { get; }

    public ImmutableArray<Descriptor> Attachments { get; }

    public ImmutableArray<ReleaseSignatures> Signatures
    {
        get
        {
            var found = new SignaturesByRelease();
            foreach (var release in archives.SelectMany(archive => archive.Signatures))
                found.Add(release);
            return found.ToImmutable();
        }
    }

    public ImmutableArray<SkippedContent> Skipped { get; }

    public int Dangling { get; }

    public string? WhenIncomplete { get; }

    public IEnumerable<Descriptor> Contents => archives.SelectMany(archive => archive.Contents).DistinctBy(blob => blob.Digest);

    public bool Has(Descriptor blob) => archives.Any(archive => archive.Has(blob));

    public ModuleException? LinkFault(Digest digest) =>
        archives.Select(archive => archive.LinkFault(digest)).FirstOrDefault(fault => fault is not null);

    public bool IsLeftToBase(Digest blob) => archives.Any(archive => archive.IsLeftToBase(blob));

    public IEnumerable<Reference> HoldersOf(Digest blob) => archives.SelectMany(archive => archive.HoldersOf(blob)).Distinct();

    public async Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) => (await ReadManifestAsync(image, cancellation))?.Descriptor;

    public async Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation)
    {
        if (image.Digest is null && byReference.TryGetValue(image.ToString(), out var digest))
            image = image.WithDigest(digest);
        if (image.Digest is null)
            return null;
        ModuleException? damage = null;
        foreach (var archive in archives)
        {
            try
            {
                if (await archive.ReadManifestAsync(image, cancellation) is { } manifest)
                    return manifest;
            }
            catch (ModuleException e)
            {
                // Another one may have it whole.
                damage ??= e;
            }
        }

        return damage is null ? null : throw damage;
    }

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation) =>
        (archives.FirstOrDefault(archive => archive.Has(blob)) ?? archives[^1]).OpenBlobAsync(repository, blob, offset, cancellation);

    public void Dispose()
    {
        foreach (var archive in archives)
            archive.Dispose();
    }

    (ImmutableArray<ArchivedImage> Images, ImmutableArray<SkippedContent> Skipped) Join()
    {
        var newest = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < archives.Length; i++)
        {
            foreach (var image in archives[i].Images.Where(image => image.Reference is not null))
                newest[image.Reference!.ToString()] = i;
        }

        // Where the one that names an image lacks its manifest, another may have it.
        var whole = archives.SelectMany(archive => archive.Images).Where(image => image.HasManifest).Select(image => image.Root.Digest).ToHashSet();
        var images = ImmutableArray.CreateBuilder<ArchivedImage>();
        var skipped = ImmutableArray.CreateBuilder<SkippedContent>();
        for (var i = 0; i < archives.Length; i++)
        {
            skipped.AddRange(archives[i].Skipped);
            foreach (var image in archives[i].Images)
            {
                var winner = image.Reference is null ? i : newest[image.Reference.ToString()];
                if (winner == i)
                    images.Add(image with { HasManifest = whole.Contains(image.Root.Digest) });
                else if (!archives[winner].Images.Any(other => other.Root.Digest == image.Root.Digest && other.Reference?.ToString() == image.Reference!.ToString()))
                    skipped.Add(new SkippedContent(image.Reference!.ToString(), image.Root.Digest, $"{archives[winner].Path}, which was given later, has another image of this name"));
            }
        }

        return ([.. images.DistinctBy(image => $"{image.Root.Digest} {image.Reference?.ToString() ?? image.Name}")], skipped.ToImmutable());
    }
}
