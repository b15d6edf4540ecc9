using System.Collections.Concurrent;
using System.Collections.Immutable;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Archive;

/// <summary>
/// Proves an archive without anything beside it: each blob and manifest against the digest that names it, the index against the archive's id, and each
/// image against what its manifests name. The file is read once, from its beginning to its end, by several cores.
/// </summary>
public sealed class ArchiveVerifier(IArchive archive, int concurrency, TransferProgress progress)
{
    const int BufferSize = 1024 * 1024;

    /// <exception cref="OperationCanceledException">Damage is a finding, not an exception.</exception>
    public async Task<ArchiveVerification> VerifyAsync(IReadOnlyList<ArchivedImage> images, CancellationToken cancellation)
    {
        var contents = archive.Contents.ToList();
        progress.SetTotals(images.Count, contents.Sum(blob => blob.Size));
        progress.Phase = "hashing the archive";
        var damaged = new ConcurrentDictionary<Digest, ModuleException>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount, 1, concurrency), CancellationToken = cancellation };
        await Parallel.ForEachAsync(contents, parallel, async (blob, token) =>
        {
            if (await FindDamageAsync(blob, token) is { } damage)
                damaged[blob.Digest] = damage;
        });

        var found = await ArchiveContents.ReadAsync(archive, images, cancellation);
        var verified = ImmutableArray.CreateBuilder<VerifiedArchiveImage>();
        foreach (var content in found.Images)
        {
            var fault = await FindFaultAsync(content, damaged, cancellation);
            verified.Add(new VerifiedArchiveImage(content, fault));
            progress.AddImage($"{content.Image.Name} {(fault is null ? "is whole" : $"failed: {fault.Message}")}");
        }

        return new ArchiveVerification(verified.ToImmutable(), archive.IndexFault, [.. damaged.OrderBy(pair => pair.Key).Select(pair => pair.Value)], contents.Count, contents.Sum(blob => blob.Size));
    }

    async Task<ModuleException?> FindDamageAsync(Descriptor blob, CancellationToken cancellation)
    {
        try
        {
            await using var stream = new DigestCheckedStream(await archive.OpenBlobAsync(new Reference("archive", "blob"), blob, 0, cancellation), blob, archive.Path, progress);
            await stream.CopyToAsync(Stream.Null, BufferSize, cancellation);
            return null;
        }
        catch (ModuleException e)
        {
            return new ModuleException(e.Code, e.Message, "copy the archive again from where it was made, or save it again", e) { Blob = blob.Digest.ToString() };
        }
    }

    async Task<ModuleException?> FindFaultAsync(ImageContent content, ConcurrentDictionary<Digest, ModuleException> damaged, CancellationToken cancellation)
    {
        var name = content.Image.Reference?.ToString() ?? content.Image.Root.Digest.ToString();
        if (content.Fault is { } fault)
            return Of(name, fault.Code, fault.Message, fault.Hint, fault.Blob);
        if (!content.Image.HasManifest)
            return Of(name, ErrorCodes.ArchiveCorrupt, $"{name} is incomplete in {archive.Path}: its manifest {content.Image.Root.Digest} is not there", archive.WhenIncomplete ?? "save it again", content.Image.Root.Digest.ToString());
        if (content.MissingManifests.FirstOrDefault() is { } manifest)
            return Of(name, ErrorCodes.ArchiveCorrupt, $"{name} is incomplete in {archive.Path}: its index names the manifest {manifest.Digest}{(manifest.Platform is null ? "" : $" ({manifest.Platform})")}, which is not there", "save it again with all its platforms", manifest.Digest.ToString());
        if (content.MissingBlobs is [var missing, ..])
            return Of(name, ErrorCodes.ArchiveCorrupt, $"{name} is incomplete in {archive.Path}: blob {missing} is not there, or not whole", archive.WhenIncomplete ?? "copy the archive again, or save it again", missing.ToString());
        if (damaged.IsEmpty)
            return null;
        var tree = await ManifestTree.ReadAsync(archive, ArchiveContents.NameOf(content.Image), cancellation);
        return tree.Blobs.Select(blob => damaged.GetValueOrDefault(blob.Digest)).OfType<ModuleException>().FirstOrDefault() is { } damage ? Of(name, damage.Code, damage.Message, damage.Hint, damage.Blob) : null;
    }

    static ModuleException Of(string image, string code, string message, string? hint, string? blob) => new(code, message, hint) { Image = image, Blob = blob };
}

/// <summary>What was found in an archive.</summary>
/// <param name="IndexFault">What is wrong with the list of images; null where nothing is.</param>
/// <param name="Damaged">Blobs and manifests whose bytes do not have their digest, whether an image needs them or not.</param>
/// <param name="BlobsHashed">Manifests too.</param>
public sealed record ArchiveVerification(ImmutableArray<VerifiedArchiveImage> Images, ModuleException? IndexFault, ImmutableArray<ModuleException> Damaged, int BlobsHashed, long BytesHashed)
{
    /// <summary>The first thing that is wrong; null where everything is proved.</summary>
    public ModuleException? Fault => IndexFault ?? Images.Select(image => image.Fault).OfType<ModuleException>().FirstOrDefault() ?? Damaged.FirstOrDefault();
}

/// <summary>One image, and what is wrong with it; null where it is whole.</summary>
public sealed record VerifiedArchiveImage(ImageContent Content, ModuleException? Fault);
