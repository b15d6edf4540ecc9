using System.Collections.Immutable;
using System.IO.Compression;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// An OpenShift release: an image whose file <c>release-manifests/image-references</c> (an ImageStream) names, by digest, every image that the release consists of.
/// </summary>
public static class ReleasePayload
{
    const string FileName = "release-manifests/image-references";

    /// <summary>Real ones have about 100 KiB.</summary>
    const int MostBytes = 4 * 1024 * 1024;

    /// <summary>Puts the images of releases behind those that ask for them. Each image is asked for once.</summary>
    /// <param name="store">Where the signatures of releases are; null where they stay there.</param>
    /// <param name="known">What an earlier run found; counts where the default store cannot be asked.</param>
    /// <exception cref="ModuleException">One is no release, its list cannot be read, or a store that was named cannot be asked.</exception>
    public static async Task<ExpandedRequests> ExpandAsync(IImageStore upstream, SignatureStore? store, ImmutableArray<ReleaseSignatures> known, IReadOnlyList<ImageRequest> requests, CancellationToken cancellation)
    {
        var signatures = new SignaturesByRelease();
        var unsigned = new List<Reference>();
        ModuleException? fault = null;
        var expanded = new List<ImageRequest>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var request in requests)
        {
            if (seen.Add(request.Image.ToString()))
                expanded.Add(request);
        }

        foreach (var request in requests)
        {
            if (!request.ExpandsRelease)
                continue;
            var tree = await ManifestTree.ReadAsync(upstream, ImageSelection.Asked(request), cancellation);
            if (store is not null && !await IsSignedAsync(request.Image, tree))
                unsigned.Add(request.Image);
            foreach (var image in await ReadAsync(upstream, request, tree, cancellation))
            {
                if (seen.Add(image.ToString()))
                    expanded.Add(request with { Image = image, ExpandsRelease = false });
            }
        }

        return new ExpandedRequests(expanded, signatures.ToImmutable(), unsigned, fault);

        async Task<bool> IsSignedAsync(Reference release, ManifestTree tree)
        {
            try
            {
                // What could not be asked once is not asked again.
                if (fault is null)
                    return await SignAsync(store, release, tree, signatures, cancellation);
            }
            catch (ModuleException e) when (store.MayBeOutOfReach)
            {
                fault = e;
            }

            return Take(known, tree, signatures);
        }
    }

    static bool Take(ImmutableArray<ReleaseSignatures> known, ManifestTree tree, SignaturesByRelease signatures)
    {
        var isSigned = false;
        foreach (var release in known.Where(release => tree.Manifests.Any(manifest => manifest.Raw.Digest == release.Release)))
        {
            foreach (var signature in release.Signatures)
                signatures.Add(release.Release.ToString(), signature);
            isSigned = true;
        }

        return isSigned;
    }

    // Of a release of several architectures the index is signed, and each of its images may be.
    static async Task<bool> SignAsync(SignatureStore store, Reference release, ManifestTree tree, SignaturesByRelease signatures, CancellationToken cancellation)
    {
        var isSigned = false;
        foreach (var digest in tree.Manifests.Select(manifest => manifest.Raw.Digest))
        {
            try
            {
                foreach (var signature in await store.ReadAsync(digest, cancellation))
                {
                    signatures.Add(digest.ToString(), signature);
                    isSigned = true;
                }
            }
            catch (ModuleException e)
            {
                throw new ModuleException(e.Code, $"{e.Message}, for {release}", "signature_store names another place that has them, a URL or a folder; signature_store: \"\" saves the release without them, and a cluster will not upgrade to it unforced", e) { HttpStatus = e.HttpStatus, Image = release.ToString() };
            }
        }

        return isSigned;
    }

    static async Task<IReadOnlyList<Reference>> ReadAsync(IImageStore upstream, ImageRequest request, ManifestTree tree, CancellationToken cancellation)
    {
        var images = new List<Reference>();
        foreach (var manifest in tree.Manifests)
        {
            // The list of a release of several architectures stands in each of its images.
            if (manifest is not ImageManifest image)
                continue;
            var list = await FindAsync(upstream, request.Image, image, cancellation)
                ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"{request.Image} is no OpenShift release: none of its layers has {FileName}", "set expand=release only with images like quay.io/openshift-release-dev/ocp-release:4.20.4-x86_64") { Image = request.Image.ToString() };
            Read(list, request.Image, images);
        }

        return images;
    }

    static void Read(byte[] list, Reference release, List<Reference> images)
    {
        var spec = Json.TryParseObject(System.Text.Encoding.UTF8.GetString(list))?["spec"] as JObject;
        foreach (var tag in spec?["tags"] as JArray ?? [])
        {
            if (((tag as JObject)?["from"] as JObject)?["name"] is JValue { Value: string name } && Reference.TryParse(name, out var image, out _))
                images.Add(image.WithDefaultTag());
        }

        if (images.Count == 0)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{FileName} of the release {release} names no image", "the release is damaged, or of a form that this version does not know") { Image = release.ToString() };
    }

    // The list is in one of the last layers, which are small: what is above covers what is below.
    static async Task<byte[]?> FindAsync(IImageStore upstream, Reference release, ImageManifest image, CancellationToken cancellation)
    {
        for (var i = image.Layers.Length - 1; i >= 0; i--)
        {
            await using var blob = await upstream.OpenBlobAsync(release, image.Layers[i], 0, cancellation);
            await using Stream layer = image.Layers[i].MediaType.EndsWith("gzip", StringComparison.Ordinal) ? new GZipStream(blob, CompressionMode.Decompress) : blob;
            try
            {
                if (await FindAsync(layer, cancellation) is { } list)
                    return list;
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"layer {image.Layers[i].Digest} of the release {release} cannot be read: {e.Message}", "the registry sends something else than the layer; try again") { Image = release.ToString(), Blob = image.Layers[i].Digest.ToString() };
            }
        }

        return null;
    }

    static async Task<byte[]?> FindAsync(Stream layer, CancellationToken cancellation)
    {
        var block = new byte[TarHeader.BlockSize];
        var skipped = new byte[64 * 1024];
        while (await layer.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellation) == block.Length && TarHeader.HasValidChecksum(block) && TarHeader.Size(block) is { } size)
        {
            if (TarHeader.Name(block) is var name && (name == FileName || name == "./" + FileName) && size <= MostBytes)
            {
                var content = new byte[size];
                await layer.ReadExactlyAsync(content, cancellation);
                return content;
            }

            for (var left = TarIndex.Padded(size); left > 0;)
            {
                var count = await layer.ReadAsync(skipped.AsMemory(0, (int)Math.Min(skipped.Length, left)), cancellation);
                if (count == 0)
                    throw new EndOfStreamException("it ends too early");
                left -= count;
            }
        }

        return null;
    }
}

/// <summary>What is saved where releases are asked for with all that they consist of.</summary>
/// <param name="Requests">With the images of the releases.</param>
/// <param name="Signatures">Of the releases.</param>
/// <param name="Unsigned">Releases without any.</param>
/// <param name="Fault">Why the default store could not be asked; null where it was.</param>
public sealed record ExpandedRequests(IReadOnlyList<ImageRequest> Requests, ImmutableArray<ReleaseSignatures> Signatures, IReadOnlyList<Reference> Unsigned, ModuleException? Fault);
