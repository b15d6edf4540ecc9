using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// The record of what pushes have delivered into one registry, <c>delivered-&lt;type&gt;.json</c>: what validation pulls, by tag and by digest.
/// <code>
/// {
///   "format": 1,
///   "registry": "registry.example.com:8443",
///   "images": [
///     {
///       "ref": "quay.io/centos/centos:stream8",           the upstream name; a digest-only image has name@digest
///       "target": "registry.example.com:8443/mirror/quay.io/centos/centos:stream8",
///       "digest": "sha256:…",                              what both names give
///       "media_type": "application/vnd.oci.image.index.v1+json",
///       "platforms": ["linux/amd64", "linux/arm64"],       empty for artifacts
///       "archive": "0f8fad5b-…"                            the archive that it was pushed from
///     }
///   ]
/// }
/// </code>
/// One entry a target, sorted by <c>ref</c>; the same pushes give the same bytes. <c>"digest_preserved": false</c> stands only with an image that another tool
/// changed before it came into the archive: upstream has another digest. <c>"expires_after": "2w"</c> stands only with an image that the
/// registry removes by
/// itself after that time, see <see cref="ExpiryLabel"/>.
/// </summary>
public sealed class DeliveredImages
{
    const int FormatVersion = 1;

    DeliveredImages(string registry, IEnumerable<DeliveredImage> images)
    {
        Registry = registry;
        Images = [.. images.OrderBy(image => image.Source.ToString(), StringComparer.Ordinal).ThenBy(image => image.Target.ToString(), StringComparer.Ordinal)];
    }

    /// <summary><c>host[:port]</c>, as in the targets.</summary>
    public string Registry { get; }

    public ImmutableArray<DeliveredImage> Images { get; }

    /// <summary>A record of nothing.</summary>
    public static DeliveredImages Empty(string registry) => new(registry, []);

    /// <summary>Reads a record.</summary>
    /// <returns>Null where there is no such file.</returns>
    /// <exception cref="ModuleException">It cannot be read, or is no record.</exception>
    public static DeliveredImages? Read(string path) => AtomicFile.Read(path) is { } content ? Parse(path, content.Span) : null;

    /// <summary>The record of one registry, empty where there is no such file.</summary>
    /// <exception cref="ModuleException">It cannot be read, is no record, or is another registry's.</exception>
    public static DeliveredImages Of(string registry, string path)
    {
        var record = Read(path) ?? Empty(registry);
        return record.Registry == registry
            ? record
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"record_path {path} says what was delivered to {record.Registry}, and this is {registry}", "give each registry a record of its own, or remove the file if that registry is gone");
    }

    /// <summary>The record with these images too. What is there already under the same target and digest stays as it is: it was delivered then.</summary>
    public DeliveredImages With(IEnumerable<DeliveredImage> delivered)
    {
        var byTarget = Images.DistinctBy(image => image.Target).ToDictionary(image => image.Target.ToString(), StringComparer.Ordinal);
        foreach (var image in delivered)
        {
            var isKnown = byTarget.TryGetValue(image.Target.ToString(), out var before) && before.Digest == image.Digest
                && before.Source == image.Source && before.ExpiresAfter == image.ExpiresAfter;
            if (!isKnown)
                byTarget[image.Target.ToString()] = image;
        }

        return new DeliveredImages(Registry, byTarget.Values);
    }

    /// <summary>The record without what was at these targets.</summary>
    public DeliveredImages Without(IReadOnlySet<string> targets) => new(Registry, Images.Where(image => !targets.Contains(image.Target.ToString())));

    /// <summary>Writes it where it differs (0644); its folder is made where it is missing.</summary>
    /// <exception cref="ModuleException">It cannot be written.</exception>
    public FileChange Write(string path, bool checkMode) =>
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(Render()), new FileSettings(FileSettings.Readable) { MakeFolder = true }, checkMode);

    /// <summary>The file's text.</summary>
    public string Render() => Json.Indented(new JObject
    {
        ["format"] = FormatVersion,
        ["registry"] = Registry,
        ["images"] = new JArray(Images.Select(Write)),
    });

    static JObject Write(DeliveredImage image)
    {
        var json = new JObject
        {
            ["ref"] = image.Source.ToString(),
            ["target"] = image.Target.ToString(),
            ["digest"] = image.Digest.ToString(),
            ["media_type"] = image.MediaType,
            ["platforms"] = new JArray(image.Platforms),
            ["archive"] = image.ArchiveId,
        };
        if (!image.DigestPreserved)
            json["digest_preserved"] = false;
        if (image.ExpiresAfter is not null)
            json["expires_after"] = image.ExpiresAfter;
        return json;
    }

    static DeliveredImages Parse(string path, ReadOnlySpan<byte> content)
    {
        try
        {
            if (Json.Parse(content) is not JObject json || json["images"] is not JArray images || json["registry"] is not JValue { Value: string registry })
                throw Invalid(path, "it is no record of delivered images", null);
            if (json["format"] is not JValue { Value: (long)FormatVersion })
                throw Invalid(path, $"its format is {(json["format"] is { } format ? Json.Compact(format) : "not said")}, this program knows {FormatVersion}", null);
            return new DeliveredImages(registry, images.Select((image, i) => ReadImage(image) ?? throw Invalid(path, $"images[{i}] is not whole", null)));
        }
        catch (JsonException e)
        {
            throw Invalid(path, $"it {Json.Complaint(e)}", e);
        }
    }

    static DeliveredImage? ReadImage(JToken token) =>
        token is JObject json
        && json["ref"] is JValue { Value: string source } && Reference.TryParse(source, out var sourceName, out _)
        && json["target"] is JValue { Value: string target } && Reference.TryParse(target, out var targetName, out _)
        && json["digest"] is JValue { Value: string digestText } && Digest.TryParse(digestText, out var digest)
        && json["media_type"] is JValue { Value: string mediaType }
            ? new DeliveredImage(sourceName, targetName, digest, mediaType)
            {
                Platforms = json["platforms"] is JArray platforms ? [.. platforms.OfType<JValue>().Select(platform => platform.Value as string).OfType<string>()] : [],
                ArchiveId = json["archive"] is JValue { Value: string id } ? id : "",
                DigestPreserved = json["digest_preserved"] is not JValue { Value: false },
                ExpiresAfter = json["expires_after"] is JValue { Value: string time } ? time : null,
            }
            : null;

    static ModuleException Invalid(string path, string what, Exception? inner) =>
        new(ErrorCodes.File, $"record_path {path} cannot be used: {what}", "correct the path; or remove the file and load the archives again, which writes it anew and sends nothing twice", inner);
}

/// <summary>One image that is in the registry.</summary>
/// <param name="Source">Its upstream name.</param>
/// <param name="Target">Where it is; with a tag.</param>
/// <param name="Digest">Of its manifest or index, there and (where <see cref="DigestPreserved"/>) upstream.</param>
public sealed record DeliveredImage(Reference Source, Reference Target, Digest Digest, string MediaType)
{
    /// <summary><c>os/architecture[/variant]</c> each.</summary>
    public ImmutableArray<string> Platforms { get; init; } = [];

    /// <summary>The archive that it was pushed from.</summary>
    public string ArchiveId { get; init; } = "";

    public bool DigestPreserved { get; init; } = true;

    /// <summary>After which time the registry removes it by itself, as its label says it; null for never, as far as is known.</summary>
    public string? ExpiresAfter { get; init; }
}
