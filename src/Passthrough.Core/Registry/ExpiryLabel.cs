using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>
/// A label that makes a registry remove the tag after a while: <c>quay.expires-after=2w</c>. Quay reads it from the configuration of an
/// image and from the
/// annotations of its manifest; of an index, it takes what all manifests of it agree on (Quay's documentation, "Managing tags", "Setting
/// tag expirations").
/// </summary>
public static partial class ExpiryLabel
{
    /// <summary>Quay's, for images that go into an archive before anybody knows where they are loaded.</summary>
    public const string Quay = "quay.expires-after";

    /// <summary>Limits what is read of a configuration; real ones have some kilobytes.</summary>
    const int MaxConfigBytes = 4 * 1024 * 1024;

    /// <param name="store">An archive.</param>
    /// <param name="has">Whether it has a blob.</param>
    /// <param name="image">By its digest.</param>
    /// <param name="label">The label's name.</param>
    /// <returns>The time, as it stands there; null where there is none, or nothing can be read.</returns>
    public static async Task<string?> ReadAsync(IImageStore store, Func<Descriptor, bool> has, Reference image, string label,
        CancellationToken cancellation)
    {
        try
        {
            return await ReadAsync(store, has, image, await ManifestTree.ReadAsync(store, image, cancellation), label, cancellation);
        }
        catch (ModuleException)
        {
            // The load says what is wrong with the image.
            return null;
        }
    }

    /// <summary>The same of an image whose manifests are read already.</summary>
    public static async Task<string?> ReadAsync(IImageStore store, Func<Descriptor, bool> has, Reference image, ManifestTree tree,
        string label, CancellationToken cancellation)
    {
        string? common = null;
        foreach (var manifest in tree.Manifests.OfType<ImageManifest>())
        {
            if (await ReadAsync(store, has, image, manifest, label, cancellation) is not { } own || (common is not null && common != own))
                return null;
            common = own;
        }

        return tree.Missing.IsEmpty ? common : null;
    }

    /// <summary>What the user is told.</summary>
    /// <param name="image">Its name.</param>
    /// <param name="label">The label's name.</param>
    /// <param name="time">As the label has it.</param>
    /// <param name="product">Whose registry removes it.</param>
    public static string Warn(string image, string label, string time, string product) =>
        $"{image} has the label {label}={time}: {product} removes it {time} after each push. Save an image without the label, or set "
            + $"the tag's expiration to \"Never\" in {product} after the load";

    static async Task<string?> ReadAsync(IImageStore store, Func<Descriptor, bool> has, Reference image, ImageManifest manifest,
        string label, CancellationToken cancellation)
    {
        if (Value(manifest.Raw.Bytes, label, json => json["annotations"]) is { } annotated)
            return annotated;
        if (manifest.Config is not { Size: <= MaxConfigBytes, MediaType: MediaTypes.OciConfig or MediaTypes.DockerConfig } config
            || !has(config))
            return null;
        var bytes = new byte[config.Size];
        await using (var stream = await store.OpenBlobAsync(image, config, 0, cancellation))
            await stream.ReadExactlyAsync(bytes, cancellation);
        return Value(bytes, label, json => json["config"] is JObject settings ? settings["Labels"] : null);
    }

    // Hardly any image has it: only those that do are parsed.
    static string? Value(ReadOnlyMemory<byte> document, string label, Func<JObject, JToken?> labels)
    {
        if (document.Span.IndexOf(Encoding.UTF8.GetBytes(label)) < 0)
            return null;
        try
        {
            return Json.Parse(document.Span) is JObject json && labels(json) is JObject found
                && found[label] is JValue { Value: string time } && Time().IsMatch(time.AsSpan()) ? time : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [GeneratedRegex(@"^[0-9]{1,9}[smhdw]\z", RegexOptions.None, 1000)]
    private static partial Regex Time();
}
