using System.Collections.Immutable;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive;

/// <summary>What is in an archive, image by image: manifests and configurations are read, layers are not.</summary>
public sealed class ArchiveContents
{
    readonly Dictionary<Digest, BlobUse> blobs = [];

    ArchiveContents(IArchive archive) => Archive = archive;

    public IArchive Archive { get; }

    /// <summary>In the order they were asked for.</summary>
    public ImmutableArray<ImageContent> Images { get; private set; }

    /// <summary>Every configuration and layer of the images, each once.</summary>
    public IReadOnlyCollection<BlobUse> Blobs => blobs.Values;

    /// <summary>What all images hold together, in bytes, if each had its own copy.</summary>
    public long LogicalBytes => Images.Sum(image => image.Bytes);

    /// <summary>The same with what they share counted once.</summary>
    public long UniqueBytes => blobs.Values.Sum(blob => blob.Size);

    public static async Task<ArchiveContents> ReadAsync(IArchive archive, IEnumerable<ArchivedImage> images, CancellationToken cancellation)
    {
        var contents = new ArchiveContents(archive);
        var read = ImmutableArray.CreateBuilder<ImageContent>();
        foreach (var image in images)
            read.Add(await contents.ReadAsync(image, cancellation));
        contents.Images = read.ToImmutable();
        return contents;
    }

    async Task<ImageContent> ReadAsync(ArchivedImage image, CancellationToken cancellation)
    {
        if (!image.HasManifest)
            return new ImageContent(image) { MissingManifests = [image.Root] };
        // The trees are not kept: ten thousand of them would be hundreds of megabytes.
        var name = NameOf(image);
        try
        {
            var tree = await ManifestTree.ReadAsync(Archive, name, cancellation);
            var travelling = tree.Blobs.Where(blob => !ManifestTree.IsForeign(blob)).ToList();
            foreach (var blob in travelling)
                blobs[blob.Digest] = blobs.TryGetValue(blob.Digest, out var known) ? known with { Images = known.Images + 1 } : new BlobUse(blob.Digest, blob.Size, 1);
            var absent = travelling.Where(blob => !Archive.Has(blob)).ToList();
            var missing = absent.Where(blob => !Archive.IsLeftToBase(blob.Digest)).Select(blob => blob.Digest).ToImmutableArray();
            return new ImageContent(image)
            {
                Bytes = travelling.Sum(blob => blob.Size),
                Platforms = tree.RootManifest is ImageManifest single && missing.Contains(single.Config.Digest) ? [] : await ImagePlatforms.ReadAsync(Archive, name, tree, cancellation),
                MissingManifests = tree.Missing,
                MissingBlobs = missing,
                Fault = missing.Select(Archive.LinkFault).FirstOrDefault(fault => fault is not null),
                BytesLeftToBases = absent.Where(blob => Archive.IsLeftToBase(blob.Digest)).Sum(blob => blob.Size),
            };
        }
        catch (ModuleException e)
        {
            return new ImageContent(image) { Fault = e };
        }
    }

    /// <summary>How an archive finds the image, also one that has lost its name.</summary>
    internal static Reference NameOf(ArchivedImage image) => (image.Reference ?? new Reference("archive", "image")).WithDigest(image.Root.Digest);
}

/// <summary>One image of an archive.</summary>
public sealed record ImageContent(ArchivedImage Image)
{
    /// <summary>Of its configurations and layers, each once; layers that stay elsewhere do not count.</summary>
    public long Bytes { get; init; }

    /// <summary>Empty for artifacts.</summary>
    public ImmutableArray<Platform> Platforms { get; init; } = [];

    /// <summary>Children of its index that are not in the archive; the image's own manifest, where that is not.</summary>
    public ImmutableArray<Descriptor> MissingManifests { get; init; } = [];

    /// <summary>Configurations and layers that are not in the archive, or not whole.</summary>
    public ImmutableArray<Digest> MissingBlobs { get; init; } = [];

    /// <summary>Of blobs that the archive leaves to an earlier one.</summary>
    public long BytesLeftToBases { get; init; }

    /// <summary>Why its manifests cannot be read; null where they can.</summary>
    public ModuleException? Fault { get; init; }

    public bool IsWhole => Fault is null && MissingManifests.IsEmpty && MissingBlobs.IsEmpty;
}

/// <summary>A blob, and how many images need it.</summary>
public sealed record BlobUse(Digest Digest, long Size, int Images);
