using System.Collections.Concurrent;
using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// Proves that images are whole in a registry: the tag names the digest that it should, every manifest is fetched and hashed, every blob is asked for in its
/// own repository; in depth also each blob's bytes are fetched, once, and hashed. Nothing is written.
/// </summary>
public sealed class RegistryVerifier(IImageTarget registry, int concurrency, bool deep, TransferProgress progress)
{
    /// <summary>Requests without a body may wait on the registry more often than bodies do.</summary>
    const int SmallRequestsPerBody = 4;
    const int BufferSize = 256 * 1024;

    /// <summary>Which images need a blob, by their position; and one of the repositories that have it.</summary>
    readonly ConcurrentDictionary<Digest, BlobUsers> blobs = new();

    /// <summary>
    /// What to do about bytes that the registry has and that are not those of the digest: it keeps them, whatever is uploaded.
    /// </summary>
    const string WhenDamaged =
        "a registry does not replace bytes that it has: delete every image that uses this blob from the registry, let it collect its "
        + "garbage, restart it, and load them again with deep=true";

    const string WhenMissing = "load it again with deep=true, which asks for every blob and uploads what is missing";

    /// <summary>Whether the other images are still asked for when the registry gives no answer about one.</summary>
    public bool ContinueOnError { get; init; }

    /// <summary>Told of each image that is whole, from several threads.</summary>
    public Action<ExpectedImage, ManifestTree>? WhenWhole { get; init; }

    /// <exception cref="ModuleException">
    /// The registry cannot be asked. What it lacks, or has otherwise, is a finding and no exception; that it refuses to tell of one image
    /// makes that one unknown.
    /// </exception>
    public async Task<ImmutableArray<VerifiedImage>> VerifyAsync(IReadOnlyList<ExpectedImage> images, CancellationToken cancellation)
    {
        progress.SetTotals(images.Count, 0);
        progress.Phase = "asking for manifests and blobs";
        var verified = new VerifiedImage[images.Count];
        await ForEachAsync(Enumerable.Range(0, images.Count), concurrency * SmallRequestsPerBody, async (i, token) =>
        {
            verified[i] = await VerifyAsync(i, images[i], token);
            progress.AddImage($"{images[i].Target} was looked at");
        }, cancellation);
        if (deep)
            await ReadBlobsAsync(verified, cancellation);
        return [.. verified];
    }

    async Task<VerifiedImage> VerifyAsync(int position, ExpectedImage image, CancellationToken cancellation)
    {
        Digest? got = null;
        try
        {
            var root = await registry.ReadManifestAsync(image.Target, cancellation)
                ?? throw new ModuleException(ErrorCodes.NotFound, $"{image.Source} is not in the registry: there is no {image.Target}", "load it: state=loaded");
            got = root.Digest;
            // Most registries name a manifest of another algorithm by its sha256.
            if (image.Digest is { } expected && expected != root.Digest && expected.OfSameAlgorithm(root.Bytes.Span) != expected)
                throw new ModuleException(ErrorCodes.DigestMismatch, $"{image.Target} is {root.Digest} instead of {expected}", $"somebody pushed another image to that tag; load {image.Source} again: state=loaded");
            return await VerifyTreeAsync(position, image, root, cancellation);
        }
        catch (ModuleException e) when (IsFinding(e))
        {
            return new VerifiedImage(image, got) { Fault = Of(image, e) };
        }
        catch (ModuleException e) when (ContinueOnError || IsOfOneImage(e))
        {
            return new VerifiedImage(image, got) { Fault = Of(image, e), IsUnknown = true };
        }
        catch (ModuleException e)
        {
            throw Of(image, e);
        }
    }

    async Task<VerifiedImage> VerifyTreeAsync(int position, ExpectedImage image, RawManifest root, CancellationToken cancellation)
    {
        var tree = await ManifestTree.ReadAsync(registry, image.Target.WithDigest(root.Digest), cancellation);
        if (tree.Missing.FirstOrDefault() is { } manifest)
            throw new ModuleException(ErrorCodes.NotFound, $"{image.Target} is incomplete: {image.Target.Name} has no manifest {manifest.Digest}{(manifest.Platform is null ? "" : $" ({manifest.Platform})")}", "load it again: state=loaded") { Blob = manifest.Digest.ToString() };
        var wanted = tree.Blobs.Where(blob => !ManifestTree.IsForeign(blob)).ToList();
        foreach (var blob in wanted)
        {
            if (!await registry.HasBlobAsync(image.Target, blob, cancellation))
                throw new ModuleException(ErrorCodes.NotFound,
                    $"{image.Target} is incomplete: {image.Target.Name} has no blob {blob.Digest} ({blob.Size} bytes)",
                    WhenMissing)
                { Blob = blob.Digest.ToString() };
            if (deep)
                blobs.GetOrAdd(blob.Digest, _ => new BlobUsers(blob, image.Target)).Add(position);
        }

        WhenWhole?.Invoke(image, tree);
        return new VerifiedImage(image, root.Digest) { MediaType = root.MediaType, Platforms = [.. tree.IndexPlatforms], Bytes = wanted.Sum(blob => blob.Size), Blobs = wanted.Count };
    }

    async Task ReadBlobsAsync(VerifiedImage[] verified, CancellationToken cancellation)
    {
        progress.SetTotals(verified.Length, blobs.Values.Sum(blob => blob.Blob.Size));
        progress.Phase = "reading blobs";
        await ForEachAsync(blobs.Values.OrderBy(blob => blob.Blob.Digest), concurrency, async (blob, token) =>
        {
            try
            {
                await using var stream = new DigestCheckedStream(await registry.OpenBlobAsync(blob.Repository, blob.Blob, 0, token), blob.Blob, blob.Repository.Name, progress);
                await stream.CopyToAsync(Stream.Null, BufferSize, token);
            }
            catch (ModuleException e) when (IsFinding(e))
            {
                foreach (var user in blob.Users)
                {
                    var fault = new ModuleException(e.Code, e.Message, e.HttpStatus == 404 ? WhenMissing : WhenDamaged, e)
                    {
                        HttpStatus = e.HttpStatus,
                        Blob = blob.Blob.Digest.ToString(),
                    };
                    verified[user] = verified[user] with { Fault = Of(verified[user].Image, fault) };
                }
            }
        }, cancellation);
    }

    static bool IsFinding(ModuleException e) => e.Code is ErrorCodes.NotFound or ErrorCodes.DigestMismatch or ErrorCodes.ArchiveCorrupt || e.HttpStatus is 404;

    // A policy of the registry (unsigned, vulnerable, quarantined: 412 of Harbor) is about one image; a wrong password, a missing right or
    // an outage is about all.
    static bool IsOfOneImage(ModuleException e) => e.HttpStatus is >= 400 and < 500 and not (401 or 403 or 407 or 408 or 429);

    static ModuleException Of(ExpectedImage image, ModuleException e) => new(e.Code, e.Message, e.Hint, e) { HttpStatus = e.HttpStatus, Image = image.Source.ToString(), Blob = e.Blob };

    static Task ForEachAsync<T>(IEnumerable<T> things, int atOnce, Func<T, CancellationToken, ValueTask> body, CancellationToken cancellation) =>
        Parallel.ForEachAsync(things, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellation }, body);

    sealed record BlobUsers(Descriptor Blob, Reference Repository)
    {
        readonly List<int> users = [];

        public IReadOnlyList<int> Users => users;

        public void Add(int user)
        {
            lock (users)
                users.Add(user);
        }
    }
}

/// <summary>An image that should be in the registry.</summary>
/// <param name="Source">Its upstream name.</param>
/// <param name="Target">Where it should be; with a tag.</param>
/// <param name="Digest">What it should be; null where only its being whole can be proved.</param>
public sealed record ExpectedImage(Reference Source, Reference Target, Digest? Digest)
{
    /// <summary>Whether it is a signature or another manifest that belongs to an image, and no image itself.</summary>
    public bool IsReferrer { get; init; }
}

/// <summary>What was found of one image.</summary>
/// <param name="Digest">What the tag names; null where it is not there.</param>
public sealed record VerifiedImage(ExpectedImage Image, Digest? Digest)
{
    public string? MediaType { get; init; }

    /// <summary>As its index tells; empty for a single manifest.</summary>
    public ImmutableArray<Platform> Platforms { get; init; } = [];

    /// <summary>Of its configurations and layers, each once.</summary>
    public long Bytes { get; init; }

    public int Blobs { get; init; }

    /// <summary>What is wrong with it; null where it is proved.</summary>
    public ModuleException? Fault { get; init; }

    /// <summary>Whether <see cref="Fault"/> is the reason why nothing is known about it.</summary>
    public bool IsUnknown { get; init; }
}
