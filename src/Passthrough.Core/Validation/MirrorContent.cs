using System.Collections.Concurrent;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Validation;

/// <summary>Whether all that an image consists of is in its repository of the mirror: every manifest read, every blob asked for.</summary>
sealed class MirrorContent
{
    readonly ConcurrentDictionary<string, Lazy<Task<bool>>> blobs = new();

    /// <summary>How many blobs were asked for so far.</summary>
    public int Blobs => blobs.Count;

    /// <param name="store">The mirror.</param>
    /// <param name="place">The image's name there, by digest.</param>
    /// <param name="delivered">The platforms that are to be there; empty for all.</param>
    /// <returns>Its manifests, and the first thing that is missing.</returns>
    public async Task<(ManifestTree? Tree, string? Fault)> LookAsync(IImageTarget store, Reference place, IReadOnlyCollection<Platform> delivered, CancellationToken cancellation)
    {
        try
        {
            var tree = await ManifestTree.ReadAsync(store, place, cancellation);
            if (tree.Missing.FirstOrDefault(child => IsWanted(child, delivered)) is { } missing)
                return (tree, $"the manifest {missing.Digest}{For(missing.Platform)} that its index names is not in {place.Name}");
            foreach (var manifest in tree.Manifests)
            {
                foreach (var blob in manifest.Blobs.Where(blob => !ManifestTree.IsForeign(blob)))
                {
                    if (!await HasAsync(store, place, blob, cancellation))
                        return (tree, $"the {(manifest is ImageManifest image && image.Config == blob ? "configuration" : "layer")} {blob.Digest}{For(PlatformOf(tree, manifest))} is not in {place.Name}");
                }
            }

            return (tree, null);
        }
        catch (ModuleException e)
        {
            return (null, e.Message);
        }
    }

    /// <summary>The platform that the root index gives to a manifest.</summary>
    public static Platform? PlatformOf(ManifestTree tree, Manifest manifest) =>
        tree.RootManifest.Manifests.FirstOrDefault(child => child.Digest == manifest.Raw.Digest)?.Platform;

    Task<bool> HasAsync(IImageTarget store, Reference place, Descriptor blob, CancellationToken cancellation) =>
        blobs.GetOrAdd($"{place.Name}@{blob.Digest}", _ => new Lazy<Task<bool>>(() => store.HasBlobAsync(place, blob, cancellation))).Value;

    static bool IsWanted(Descriptor child, IReadOnlyCollection<Platform> delivered) =>
        delivered.Count == 0 || (child.Platform is { } platform && delivered.Any(one => one.Matches(platform)));

    static string For(Platform? platform) => platform is null ? "" : $" of {platform}";
}
