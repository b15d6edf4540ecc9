using System.Collections.Immutable;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>For which platforms an image is. An index says so itself; of a single manifest it stands in the configuration (OCI image-spec config.md).</summary>
public static class ImagePlatforms
{
    /// <summary>Limits what is read of a configuration; real ones have some kilobytes.</summary>
    const int MaxConfigBytes = 4 * 1024 * 1024;

    /// <param name="store">Asked for the configuration of a single manifest, once.</param>
    /// <param name="repository">Where the store has it.</param>
    /// <param name="tree">The image.</param>
    /// <returns>Empty where nothing says it: artifacts have no platform.</returns>
    public static async Task<ImmutableArray<Platform>> ReadAsync(IImageStore store, Reference repository, ManifestTree tree, CancellationToken cancellation)
    {
        if (tree.RootManifest is not ImageManifest { Config: { Size: <= MaxConfigBytes, MediaType: MediaTypes.OciConfig or MediaTypes.DockerConfig } config })
            return [.. tree.IndexPlatforms];
        var bytes = new byte[config.Size];
        await using (var stream = await store.OpenBlobAsync(repository, config, 0, cancellation))
            await stream.ReadExactlyAsync(bytes, cancellation);
        try
        {
            return Json.Parse(bytes) is JObject json && json["os"] is JValue { Value: string os } && json["architecture"] is JValue { Value: string architecture }
                ? [new Platform(os, architecture, json["variant"] is JValue { Value: string { Length: > 0 } variant } ? variant : null)]
                : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
