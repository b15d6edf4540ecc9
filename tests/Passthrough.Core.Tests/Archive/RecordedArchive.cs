using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Archive;

/// <summary>An archive that a real tool made, and what it must yield (<c>tests/fixtures/archives/index.json</c>).</summary>
sealed record RecordedArchive(string File, string Format, IReadOnlyList<RecordedImage> Images, IReadOnlyList<JObject> DockerEntries)
{
    static readonly Lazy<IReadOnlyList<RecordedArchive>> Index = new(() =>
        [.. ((JArray)Json.Parse(Fixtures.ReadText("archives/index.json"))["archives"]!).OfType<JObject>().Select(Read)]);

    public static IReadOnlyList<RecordedArchive> All => Index.Value;

    public static RecordedArchive Of(string file) => All.Single(archive => archive.File == file);

    /// <summary>What the module would be given: the file, or all files of a set.</summary>
    public IReadOnlyList<string> Paths => Directory.Exists(Path) ? [.. Directory.EnumerateFiles(Path).Order(StringComparer.Ordinal)] : [Path];

    public string Path => Fixtures.PathOf("archives/" + File);

    /// <summary>Whether the upstream's manifests are gone, as far as the archive itself can tell.</summary>
    public bool HasLostManifests => Format.StartsWith("docker-archive", StringComparison.Ordinal) || File.Contains("graphdriver", StringComparison.Ordinal);

    public IArchive Open(ImageNames? names = null) => ArchiveFormats.Open(Paths, new ArchiveOptions { Names = names ?? ImageNames.None });

    static RecordedArchive Read(JObject json) => new(
        (string)json["file"]!,
        (string)json["format"]!,
        [.. json["images"]!.OfType<JObject>().Select(RecordedImage.Read)],
        [.. (json["docker_entries"] as JArray ?? []).OfType<JObject>()]);
}

/// <summary>One image of a recorded archive.</summary>
sealed record RecordedImage(string Requested, string? Reference, string? Partial, Digest? Digest, string? MediaType, IReadOnlyList<string> Platforms, IReadOnlyList<string> MissingPlatforms, JObject Json)
{
    /// <summary>A signature, a rebuilt catalog, a chart, what another image covers: said by the record, or by its name.</summary>
    public bool IsNoImage => (bool?)Json["not_an_image"] == true || (bool?)Json["not_loadable"] == true || Requested.StartsWith("(chart)", StringComparison.Ordinal) || Requested.StartsWith("(file)", StringComparison.Ordinal)
        || Requested.StartsWith("(graph", StringComparison.Ordinal) || Requested.Contains(":sha256-", StringComparison.Ordinal);

    public bool NameHasWrongDigest => (bool?)Json["reference_digest_is_wrong"] == true;

    public bool IsAmbiguous => Json["candidates"] is not null;

    /// <summary>Null where the record does not say: all formats but oc-mirror's are complete or sparse.</summary>
    public bool? IsComplete => (bool?)Json["complete_in_archive"];

    public string? RepoTag => (string?)Json["repo_tag"];

    public static RecordedImage Read(JObject json) => new(
        (string)json["requested"]!,
        (string?)json["reference"],
        (string?)json["reference_partial"],
        (string?)json["archive_digest"] is { } digest ? Core.Oci.Digest.Parse(digest) : null,
        (string?)json["archive_media_type"],
        [.. (json["platforms"] as JArray ?? []).Select(platform => (string)platform!).Where(platform => platform is not ("" or "unknown/unknown")).Order(StringComparer.Ordinal)],
        [.. (json["missing_platforms"] as JArray ?? []).Select(platform => (string)platform!).Order(StringComparer.Ordinal)],
        json);
}

/// <summary>What an image of an archive consists of.</summary>
sealed record ImageParts(IReadOnlyList<string> Platforms, IReadOnlyList<string> MissingPlatforms, IReadOnlyList<Digest> MissingBlobs, string MediaType)
{
    public bool IsWhole => MissingPlatforms.Count == 0 && MissingBlobs.Count == 0;

    public static async Task<ImageParts> Read(IArchive archive, ArchivedImage image)
    {
        var name = new Reference("any", "where").WithDigest(image.Root.Digest);
        var tree = await ManifestTree.ReadAsync(archive, name, default);
        var missing = tree.Missing.Select(child => child.Platform?.ToString() ?? child.Digest.ToString()).Order(StringComparer.Ordinal).ToList();
        var platforms = tree.RootManifest is ImageManifest single && archive.Has(single.Config) ? await PlatformOf(archive, name, single) : tree.IndexPlatforms.Select(platform => platform.ToString());
        return new ImageParts([.. platforms.Except(missing).Order(StringComparer.Ordinal)], missing, [.. tree.Blobs.Where(blob => !archive.Has(blob)).Select(blob => blob.Digest)], tree.Root.MediaType);
    }

    static async Task<IEnumerable<string>> PlatformOf(IArchive archive, Reference name, ImageManifest manifest)
    {
        var config = Json.Parse(await Bytes(archive, name, manifest.Config)) as JObject;
        return (string?)config?["os"] is { } os && (string?)config["architecture"] is { } architecture ? [new Platform(os, architecture, (string?)config["variant"]).ToString()] : [];
    }

    public static async Task<byte[]> Bytes(IArchive archive, Reference name, Descriptor blob)
    {
        await using var stream = new DigestCheckedStream(await archive.OpenBlobAsync(name, blob, 0, default), blob, archive.Path);
        var bytes = new byte[blob.Size];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }
}
