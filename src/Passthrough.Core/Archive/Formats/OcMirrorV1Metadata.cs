using System.Collections.Immutable;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary><c>publish/.metadata.json</c> of oc-mirror v1 (its API v1alpha2): what one sequence brings, and what all before it have brought.</summary>
sealed class OcMirrorV1Metadata
{
    public const string FileName = "publish/.metadata.json";

    /// <summary>An image that the tool has built.</summary>
    public const string GraphType = "cincinnatiGraph";

    const string Associations = "pastMirror.associations";
    const string PastAssociations = "pastAssociations";
    const string ReleaseType = "ocpRelease";
    const string GenericType = "generic";
    const string CatalogType = "operatorCatalog";

    readonly ILookup<string, Reference> asked;

    OcMirrorV1Metadata(JObject past, ImmutableArray<OcMirrorV1Image> images, ImmutableArray<OcMirrorV1Past> all)
    {
        Sequence = past["sequence"] is JValue { Value: long and >= 0 and <= int.MaxValue and var number } ? (int)number : 1;
        Images = images;
        Past = all;
        asked = Items(past["mirror"] as JObject, "additionalImages").Select(image => Text(image["name"])).OfType<string>()
            .Select(Parse).OfType<Reference>().ToLookup(image => image.Name);
        var whole = Items(past["mirror"] as JObject, "operators")
            .Where(item => item["full"] is JValue { Value: true } && item["packages"] is not JArray { Count: > 0 })
                .Select(item => Text(item["catalog"])).ToHashSet(StringComparer.Ordinal);
        Catalogs = [.. Items(past, "operators").Select(ReadCatalog)
            .Select(catalog => catalog with { IsFiltered = !whole.Contains(catalog.Name) })];
    }

    /// <summary>From 1.</summary>
    public int Sequence { get; }

    /// <summary>New in this sequence.</summary>
    public ImmutableArray<OcMirrorV1Image> Images { get; }

    public ImmutableArray<OcMirrorV1Catalog> Catalogs { get; }

    /// <summary>Everything ever brought.</summary>
    public ImmutableArray<OcMirrorV1Past> Past { get; }

    /// <summary>The metadata of all sequences in an archive, the oldest first.</summary>
    /// <exception cref="ModuleException">There are none, or they are damaged.</exception>
    public static ImmutableArray<OcMirrorV1Metadata> ReadAll(ArchiveTree tree)
    {
        var found = tree.FindAll(FileName).Where(member => member.IsFile).Reverse().Select(Read).OrderBy(metadata => metadata.Sequence).ToImmutableArray();
        return found.IsEmpty
            ? throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{tree.Path} is a later part of an oc-mirror v1 archive: the names of its images are in the first one (mirror_seq…_000000.tar)", "give all parts together as path")
            : found;
    }

    static OcMirrorV1Metadata Read(ArchiveMember member)
    {
        if (member.Size > Limits.ListBytes)
            throw Broken(member.Place, $"has {member.Size} bytes, the limit is {Limits.ListBytes}");
        var (images, past, digests) = (ImmutableArray.CreateBuilder<OcMirrorV1Image>(), ImmutableArray.CreateBuilder<OcMirrorV1Past>(),
            new Dictionary<Digest, Digest>());
        try
        {
            var json = Json.Read(member.Open(), ["pastMirror"], [Associations, PastAssociations], Add)
                ?? throw Broken(member.Place, "is no JSON object");
            return new OcMirrorV1Metadata(json["pastMirror"] as JObject ?? throw Broken(member.Place, "has no pastMirror"),
                images.ToImmutable(), past.ToImmutable());
        }
        catch (JsonException e)
        {
            throw Broken(member.Place, Json.Complaint(e));
        }

        void Add(string list, JToken token)
        {
            if (token is not JObject json)
                return;
            if (list == Associations && ReadImage(json) is { } image)
                images.Add(image);
            if (list == PastAssociations && ReadPast(json, digests) is { } association)
                past.Add(association);

            if (images.Count > Limits.Images)
                throw Broken(member.Place, $"names more than {Limits.Images} images");
            if (digests.Count > Limits.Members)
                throw Broken(member.Place, $"names more than {Limits.Members} blobs and manifests");
        }
    }

    /// <summary>
    /// The tag, where it is the upstream's. The tool invents one for everything that was asked by digest: <c>latest</c> for an additional image, eight hex
    /// digits for an operator's, <c>&lt;release&gt;-&lt;component&gt;</c>.
    /// </summary>
    public string? UpstreamTag(OcMirrorV1Image image)
    {
        if (!Reference.IsTag(image.Tag) || image.Type is not (ReleaseType or GenericType or CatalogType))
            return null;
        if (image.Type == ReleaseType)
            return image.Tag;
        var askedHere = asked[image.Name.Name].ToList();
        if (askedHere.Exists(one => one.WithDefaultTag().Tag == image.Tag))
            return image.Tag;
        // Charts name images too; those by digest get "latest".
        return image.Tag == "latest" || askedHere.Exists(one => one.Tag is null && one.Digest == image.Name.Digest) ? null : image.Tag;
    }

    // A child of an index has only a digest for a name: it comes with its index.
    static OcMirrorV1Image? ReadImage(JObject json) =>
        Text(json["name"]) is { } name && Parse(name) is { Digest: not null } reference
            ? new OcMirrorV1Image(reference, Text(json["path"]) ?? "", Text(json["tagSymlink"]) ?? "", Text(json["type"]) ?? "")
            : null;

    // Images share their layers: each digest is kept once.
    static OcMirrorV1Past? ReadPast(JObject json, Dictionary<Digest, Digest> digests)
    {
        if (Text(json["name"]) is not { } name || Parse(name) is not { Digest: { } digest } reference)
            return null;
        var content = (json["layerDigests"] as JArray ?? []).Concat(json["manifestDigests"] as JArray ?? []).Select(item => Digest.TryParse(Text(item), out var parsed) ? parsed : null).OfType<Digest>();
        return new OcMirrorV1Past(new Reference(reference.Registry, reference.Repository), [.. content.Prepend(digest).Select(Kept)]);

        Digest Kept(Digest found) => digests.TryAdd(found, found) ? found : digests[found];
    }

    // The tool notes what a tag named when it was pulled. What a catalog in a folder (oci://) is called is not upstream's.
    static OcMirrorV1Catalog ReadCatalog(JObject json)
    {
        var reference = Text(json["catalog"]) is { } name ? Parse(name) : null;
        var pin = Text(json["imagePin"]) is { } text ? Parse(text)?.Digest : reference?.Digest;
        return new OcMirrorV1Catalog(Text(json["catalog"]) ?? "", reference?.WithDefaultTag(), pin);
    }

    static Reference? Parse(string text) =>
        !text.Contains("://", StringComparison.Ordinal) && Reference.TryParse(text, out var reference, out _) && text.Contains('/', StringComparison.Ordinal) ? reference : null;

    static IEnumerable<JObject> Items(JObject? json, string name) => (json?[name] as JArray ?? []).OfType<JObject>();

    static string? Text(JToken? token) => token is JValue { Value: string text } ? text : null;

    static ModuleException Broken(string place, string what) =>
        new(ErrorCodes.ArchiveCorrupt, $"{FileName} in {place} {what}", "copy the archive again, or make it again with oc-mirror");
}

/// <summary>An image of an oc-mirror v1 archive.</summary>
/// <param name="Name">Upstream, with the digest.</param>
/// <param name="Path">Its repository in the archive.</param>
/// <param name="Tag">There; often invented.</param>
/// <param name="Type">What it is to the tool.</param>
sealed record OcMirrorV1Image(Reference Name, string Path, string Tag, string Type);

/// <summary>An operator catalog of an oc-mirror v1 archive, as it was before the tool filters it.</summary>
/// <param name="Name">As it was asked for.</param>
/// <param name="Reference">The same, where it is in a registry.</param>
/// <param name="Pin">Its digest; null where the tool did not note it.</param>
sealed record OcMirrorV1Catalog(string Name, Reference? Reference, Digest? Pin)
{
    /// <summary>Whether the tool takes only a part of it: without packages and <c>full</c> the heads of its channels.</summary>
    public bool IsFiltered { get; init; }
}

/// <summary>An upstream repository, and the blobs and manifests that were brought with it.</summary>
sealed record OcMirrorV1Past(Reference Repository, ImmutableArray<Digest> Content);
