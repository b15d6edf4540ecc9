using System.Collections.Immutable;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// <c>image-archive.json</c>: what an archive holds and why, for this program's next run; other tools ignore it. The sidecar
/// <c>&lt;archive&gt;.manifest.json</c> is the same with what must not stand in a reproducible file (time, tool) and where each blob is.
/// </summary>
public static class ArchiveManifestJson
{
    public const string FileName = "image-archive.json";

    /// <summary>Raised when a reader of the old form would misunderstand the new one.</summary>
    internal const int FormatVersion = 1;

    internal static IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> Write(ArchivePlan plan) =>
        Write(plan.Id, plan.Images, [.. plan.Blobs.Select(member => new UsedBlob(member.Blob!, member.Origins))], plan.ExternalBlobs, plan.LeftToBases, plan.Bases, plan.Signatures, plan.Blobs.ToDictionary(member => member.Blob!.Digest, member => member.Offset));

    /// <param name="id">Of the archive.</param>
    /// <param name="images">What is in it.</param>
    /// <param name="blobs">Those that travel.</param>
    /// <param name="foreign">Those that stay where their URLs point.</param>
    /// <param name="left">Those that earlier archives have.</param>
    /// <param name="bases">The earlier archives.</param>
    /// <param name="signatures">Of releases.</param>
    /// <param name="offsets">Where each blob that travels is; null where that is not known yet.</param>
    /// <returns>The members of the document, their entries made when they are written.</returns>
    internal static IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> Write(string id, ImmutableArray<SelectedImage> images, IReadOnlyList<UsedBlob> blobs, ImmutableArray<Descriptor> foreign, ImmutableArray<LeftBlob> left, BaseArchives bases, ImmutableArray<ReleaseSignatures> signatures, IReadOnlyDictionary<Digest, long>? offsets = null)
    {
        yield return new("format", new JValue((long)FormatVersion));
        yield return new("id", new JValue(id));
        yield return new("images", images.Select(Write));
        yield return new("blobs", blobs.OrderBy(blob => blob.Blob.Digest).Select(blob => Write(blob, offsets)));
        if (bases.All.Count > 0)
            yield return new("bases", bases.All.Select(archive => new JObject { ["id"] = archive.Id, [archive.IsRegistry ? "registry" : "name"] = archive.Name }));
        var external = new JArray(foreign.Select(blob => Write(blob, "urls", blob.Urls)));
        foreach (var blob in left.OrderBy(blob => blob.Blob.Digest))
        {
            var entry = Write(blob.Blob, "in", blob.Repositories);
            entry["base"] = blob.Base;
            external.Add(entry);
        }

        if (external.Count > 0)
            yield return new("external_blobs", external);
        if (!signatures.IsEmpty)
            yield return new("release_signatures", signatures.Select(release => release.ToJson()));
        yield return new("totals", new JObject { ["images"] = images.Length, ["blobs"] = blobs.Count, ["bytes"] = blobs.Sum(blob => blob.Blob.Size) });
    }

    static JObject Write(UsedBlob blob, IReadOnlyDictionary<Digest, long>? offsets)
    {
        var json = Write(blob.Blob, "in", blob.Origins.Take(BaseArchives.MostRepositories).Select(origin => origin.Name));
        if (offsets is not null)
            json["offset"] = offsets[blob.Blob.Digest];
        return json;
    }

    static JObject Write(SelectedImage image)
    {
        var json = new JObject
        {
            ["ref"] = image.Name.ToString(),
            ["digest"] = image.Tree.Root.Digest.ToString(),
            ["media_type"] = image.Tree.Root.MediaType,
            ["size"] = image.Tree.Blobs.Sum(blob => blob.Size),
            ["requested"] = image.Request.Image.ToString(),
        };
        if (image.Tree.IndexPlatforms.Any())
            json["platforms"] = Names(image.Tree.IndexPlatforms);
        if (!image.Request.Platforms.IsEmpty)
            json["requested_platforms"] = Names(image.Request.Platforms);
        if (image.SourceDigest != image.Tree.Root.Digest)
        {
            json["source_digest"] = image.SourceDigest.ToString();
            json["omitted_platforms"] = Names(image.OmittedPlatforms);
        }

        if (image.Request.WithReferrers || !image.Attachments.IsEmpty)
            json["referrers"] = new JArray(image.Attachments.Select(attachment => attachment.Tree.Root.Digest.ToString()).Distinct().Order(StringComparer.Ordinal));
        return json;
    }

    static JObject Write(Descriptor blob, string member, IEnumerable<string> texts) =>
        new() { ["digest"] = blob.Digest.ToString(), ["size"] = blob.Size, [member] = new JArray(texts) };

    static JArray Names(IEnumerable<Platform> platforms) => new(platforms.Select(platform => platform.ToString()));

    /// <summary>What an archive of this program recorded about its images; empty for every other archive.</summary>
    public static ImmutableArray<RecordedImage> ReadImages(OciLayoutArchive archive)
    {
        if (archive.RecordedId is null)
            return [];
        var images = ImmutableArray.CreateBuilder<RecordedImage>();
        try
        {
            using var content = archive.OpenFile(FileName)!;
            Json.Read(content, [], ["images"], (_, token) =>
            {
                if (token is JObject json && Read(json) is { } image && images.Count < Limits.Images)
                    images.Add(image);
            });
            return images.ToImmutable();
        }
        catch (JsonException)
        {
            return [];
        }
    }

    /// <summary>What an archive of this program says about itself, without its images and what they consist of; null for every other archive.</summary>
    internal static (JObject? Head, Differential? Differential) ReadHead(ImageArchive archive)
    {
        if (archive.OpenFile(FileName) is not { } content)
            return default;
        try
        {
            var differential = new Differential();
            return Json.Read(content, ["format", "id", "bases", "release_signatures"], ["external_blobs"], (_, token) =>
                differential.Add(token)) is { } json
                && json["format"] is JValue { Value: (long)FormatVersion } ? (json, differential.Of(json["bases"])) : default;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return default;
        }
        finally
        {
            content.Dispose();
        }
    }

    static RecordedImage? Read(JObject json) =>
        (string?)json["requested"] is { } requested && Digest.TryParse((string?)json["digest"], out var digest)
            ? new RecordedImage(
                requested,
                Digest.TryParse((string?)json["source_digest"], out var source) ? source : digest,
                digest,
                json["requested_platforms"] is JArray platforms ? [.. platforms.Select(platform => (string)platform!)] : [],
                json["referrers"] is JArray)
            : null;
}

/// <summary>What an archive says about an image that was asked for when it was made.</summary>
/// <param name="Requested">The reference, as it was asked for.</param>
/// <param name="SourceDigest">What the upstream registry had under it.</param>
/// <param name="Digest">What is in the archive.</param>
/// <param name="Platforms">Which platforms were asked for; empty for all.</param>
/// <param name="WithReferrers">Whether its signatures and the like were.</param>
public sealed record RecordedImage(string Requested, Digest SourceDigest, Digest Digest, ImmutableArray<string> Platforms, bool WithReferrers);
