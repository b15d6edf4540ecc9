using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>What an ImageSetConfiguration (mirror.openshift.io/v2alpha1) tells about the names of images.</summary>
sealed class OcMirrorV2Configuration
{
    const long MaxBytes = 8 * 1024 * 1024;

    /// <summary>Of one list; every tag is held against those of channels and catalogs, of which there are some dozens.</summary>
    const int MostItems = 5_000;

    readonly ImmutableArray<(Version? From, Version? To)> channels;

    OcMirrorV2Configuration(JObject mirror)
    {
        var platform = mirror["platform"] as JObject;
        Images = [.. Items(mirror, "additionalImages").Select(image => ConfiguredImage.Of(Text(image["name"]), Text(image["targetRepo"]), Text(image["targetTag"]))).OfType<ConfiguredImage>()];
        Catalogs = [.. Items(mirror, "operators").Select(CatalogOf).OfType<ConfiguredImage>()];
        FilteredCatalogs = [.. Items(mirror, "operators")
            .Where(item => item["packages"] is JArray { Count: > 0 } || item["full"] is not JValue { Value: true }).Select(CatalogOf)
                .OfType<ConfiguredImage>()];
        Blocked = [.. Items(mirror, "blockedImages").Select(image => Text(image["name"])).OfType<string>()];
        Release = Text(platform?["release"]);
        channels = [.. Items(platform, "channels").Select(channel => (VersionOf(Text(channel["minVersion"])), VersionOf(Text(channel["maxVersion"]))))];
    }

    public ImmutableArray<ConfiguredImage> Images { get; }

    public ImmutableArray<ConfiguredImage> Catalogs { get; }

    /// <summary>
    /// Catalogs of which not everything is mirrored: without packages and <c>full</c> the tool takes the heads of channels.
    /// </summary>
    public ImmutableArray<ConfiguredImage> FilteredCatalogs { get; }

    /// <summary>Not mirrored now, perhaps earlier.</summary>
    public ImmutableArray<string> Blocked { get; }

    /// <summary>A release that is named and not found by a channel.</summary>
    public string? Release { get; }

    public static OcMirrorV2Configuration? TryRead(ArchiveMember member, out string? fault)
    {
        fault = member.Size > MaxBytes ? $"has {member.Size} bytes, the limit is {MaxBytes}" : null;
        if (fault is not null)
            return null;
        try
        {
            var mirror = Yaml.ParseAll(Encoding.UTF8.GetString(member.Read())).OfType<JObject>().Select(document => document["mirror"]).OfType<JObject>().FirstOrDefault();
            fault = mirror is null ? "has no section mirror" : null;
            return mirror is null ? null : new OcMirrorV2Configuration(mirror);
        }
        catch (FormatException e)
        {
            fault = $"is no valid YAML ({e.Message})";
            return null;
        }
    }

    /// <summary>Whether the configuration proves that a release (<c>4.16.0-x86_64</c>) was not asked for: its version is outside of all channels.</summary>
    public bool ExcludesRelease(string tag) =>
        Release is null && !channels.IsEmpty && VersionOf(tag) is { } version && channels.All(channel => version < channel.From || version > channel.To);

    static Version? VersionOf(string? text)
    {
        var numbers = (text ?? "").Split('-')[0].Split('.');
        return numbers.Length == 3 && numbers.All(number => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _)) && Version.TryParse(string.Join('.', numbers), out var version) ? version : null;
    }

    static ConfiguredImage? CatalogOf(JObject item) =>
        ConfiguredImage.Of(Text(item["catalog"]), Text(item["targetCatalog"]), Text(item["targetTag"]), keepsTag: true);

    static IEnumerable<JObject> Items(JObject? json, string name) =>
        (json?[name] as JArray ?? []).OfType<JObject>().Take(MostItems);

    static string? Text(JToken? token) => token is JValue { Value: string { Length: > 0 } text } ? text : null;
}

/// <summary>An image or catalog of the configuration, and where the tool puts it in its cache.</summary>
/// <param name="Name">Upstream.</param>
/// <param name="Repository">In the cache.</param>
/// <param name="Tags">In the cache, one of these.</param>
sealed record ConfiguredImage(Reference Name, string Repository, ImmutableArray<string> Tags)
{
    /// <param name="name">As it is configured; what comes from a folder (<c>oci://</c>) has no upstream.</param>
    /// <param name="targetRepository">Another place, or null.</param>
    /// <param name="targetTag">Another tag, or null.</param>
    /// <param name="keepsTag">Whether the other tag is what an image that is configured by digest is known by: a pinned catalog's.</param>
    public static ConfiguredImage? Of(string? name, string? targetRepository, string? targetTag, bool keepsTag = false)
    {
        if (name is null || CachedName.Parse(name) is not { } parsed)
            return null;
        var reference = parsed.Reference;
        ImmutableArray<string> tags = (targetTag ?? reference.Tag) is { } tag ? [tag]
            : reference.Digest is { } digest ? [$"{digest.Algorithm}-{digest.Hex}", digest.Hex]
            : [];
        if (keepsTag && reference.Tag is null && targetTag is not null && Reference.IsTag(targetTag))
            reference = reference with { Tag = targetTag };
        return new ConfiguredImage(reference, targetRepository ?? parsed.Path, tags);
    }

    public bool Fits(CachedTag tag) => tag.Repository == Repository && Tags.Contains(tag.Tag);
}
