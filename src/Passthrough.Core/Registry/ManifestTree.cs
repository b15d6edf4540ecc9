using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// Everything that one image consists of, read from a store: its manifest, the manifests below it (an index may hold indexes), and the blobs they name.
/// </summary>
public sealed class ManifestTree
{
    ManifestTree(Descriptor root, ImmutableArray<Manifest> manifests, ImmutableArray<Descriptor> missing)
    {
        Root = root;
        Manifests = manifests;
        Missing = missing;
        Blobs = [.. manifests.SelectMany(manifest => manifest.Blobs).DistinctBy(blob => blob.Digest)];
    }

    public Descriptor Root { get; }

    /// <summary>Each manifest once, children before their parents, the root last: the order in which a registry takes them.</summary>
    public ImmutableArray<Manifest> Manifests { get; }

    /// <summary>Manifests that an index names and the store does not have: the children of a sparse index.</summary>
    public ImmutableArray<Descriptor> Missing { get; }

    /// <summary>Each configuration and layer once, in the order of first use.</summary>
    public ImmutableArray<Descriptor> Blobs { get; }

    public Manifest RootManifest => Manifests[^1];

    /// <summary>The platforms that the root index gives to its manifests; empty for a single manifest, whose platform stands in its configuration.</summary>
    public IEnumerable<Platform> IndexPlatforms =>
        RootManifest.Manifests.Select(child => child.Platform).OfType<Platform>().Where(platform => !IsAttestation(platform)).Distinct();

    /// <summary>BuildKit lists attestations as children of an index with the platform unknown/unknown.</summary>
    public static bool IsAttestation(Platform platform) => platform is { Os: "unknown", Architecture: "unknown" };

    /// <summary>A layer that registries need not hold because another place serves it; it does not travel.</summary>
    public static bool IsForeign(Descriptor blob) => MediaTypes.IsNonDistributable(blob.MediaType) && !blob.Urls.IsEmpty;

    /// <summary>Reads the image. A missing root or a child that is there but damaged is an error; a missing child is listed in <see cref="Missing"/>.</summary>
    /// <exception cref="ModuleException">The root is not there, or something is no manifest, or a digest does not fit.</exception>
    public static async Task<ManifestTree> ReadAsync(IImageStore store, Reference image, CancellationToken cancellation)
    {
        var root = await store.ReadManifestAsync(image, cancellation)
            ?? throw new ModuleException(ErrorCodes.NotFound, $"{image} is not there: no such tag or digest", "look at the tags of the repository, and whether the account may pull from it") { Image = image.ToString() };
        var reader = new Reader(store, image);
        await reader.AddAsync(root, depth: 1, cancellation);
        return new ManifestTree(root.Descriptor, [.. reader.Manifests], [.. reader.Missing]);
    }

    sealed class Reader(IImageStore store, Reference image)
    {
        readonly HashSet<Digest> seen = [];
        long bytes;
        int entries;

        public List<Manifest> Manifests { get; } = [];

        public List<Descriptor> Missing { get; } = [];

        // A loop would need a digest that contains itself; the depth and the set stop what claims to be one.
        public async Task AddAsync(RawManifest raw, int depth, CancellationToken cancellation)
        {
            if (!seen.Add(raw.Digest))
                return;
            bytes += raw.Bytes.Length;
            Require(depth <= Limits.ImageDepth, $"indexes within indexes more than {Limits.ImageDepth} deep");
            Require(bytes <= Limits.ImageManifestBytes, $"manifests of more than {Limits.ImageManifestBytes} bytes together");
            var manifest = Manifest.Parse(raw);
            if (manifest.Manifests.FirstOrDefault(child => MediaTypes.IsPartOfImage(child.MediaType)) is { } part)
                throw new ModuleException(
                    ErrorCodes.Unsupported,
                    $"{image} is not an image: its index lists {part.MediaType} {part.Digest}, as build caches of BuildKit do",
                    "leave it out; a build cache that was exported with image-manifest=true can be copied like an image")
                {
                    Image = image
                        .ToString()
                };
            foreach (var child in manifest.Manifests)
            {
                if (seen.Contains(child.Digest))
                    continue;
                Require(seen.Count < Limits.ImageManifests, $"more than {Limits.ImageManifests} manifests");
                if (await store.ReadManifestAsync(image.WithDigest(child.Digest), cancellation) is { } childRaw)
                    await AddAsync(childRaw, depth + 1, cancellation);
                else if (seen.Add(child.Digest))
                    Missing.Add(child);
            }

            Manifests.Add(manifest);
            entries += manifest.Blobs.Length;
            Require(entries <= Limits.ImageEntries, $"more than {Limits.ImageEntries} configurations and layers");
        }

        void Require(bool isWithin, string what)
        {
            if (!isWithin)
                throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{image} has {what}",
                    "this is no real image; leave it out with exclude")
                { Image = image.ToString() };
        }
    }
}
