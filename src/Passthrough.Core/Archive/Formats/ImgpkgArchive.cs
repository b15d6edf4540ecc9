using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// What <c>imgpkg copy --to-tar</c> writes: a <c>manifest.json</c> of its own, which has the upstream's manifests and configurations as text, byte for byte,
/// and the layers as <c>sha256-&lt;hex&gt;.tar.gz</c>, whatever they are. So the digests are kept.
/// </summary>
sealed class ImgpkgArchive : ImageArchive
{
    const string FormatName = "imgpkg";
    const string FileName = "manifest.json";

    /// <summary>Indexes within indexes; more is an attack.</summary>
    const int MaxDepth = 8;

    ImgpkgArchive(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        var images = ImmutableArray.CreateBuilder<ArchivedImage>();
        var attachments = ImmutableArray.CreateBuilder<Descriptor>();
        foreach (var item in ReadItems(tree)!)
        {
            var index = item["ImageIndex"] as JObject;
            var image = index ?? (JObject)item["Image"]!;
            var root = index is null ? AddImage(image) : AddIndex(index, depth: 0);
            // With --cosign-signatures these travel as images of their own.
            if (DigestTag.Parse(image["Tag"] is JValue { Value: string tag } ? tag : null) is { } attached)
                attachments.Add(attached.Attach(root));
            else
                images.AddRange(Names(image, root)
                    .Select(written => names.NameOf(root, written?.ToString() ?? "", written, "manifest.json Refs"))
                        .Select(named => named with { DigestPreserved = named.DigestPreserved ?? true }));
        }

        Images = [.. images.DistinctBy(image => $"{image.Root.Digest} {image.Reference?.ToString() ?? image.Name}")];
        Attachments = attachments.ToImmutable();
    }

    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, tree => ReadItems(tree) is not null, (tree, names) => new ImgpkgArchive(tree, names));

    protected override IEnumerable<ArchiveMember> Find(Digest digest) => Tree.FindAll($"{digest.Algorithm}-{digest.Hex}.tar.gz");

    protected override IEnumerable<ArchivedContent> ContentMembers() =>
        from member in Tree.Members
        where member.IsFile && member.Name.EndsWith(".tar.gz", StringComparison.Ordinal)
        let digest = Digest.TryParse(member.Name[..^".tar.gz".Length].Replace('-', ':'), out var parsed) ? parsed : (Digest?)null
        where digest is not null
        select new ArchivedContent(digest, member);

    static List<JObject>? ReadItems(ArchiveTree tree)
    {
        try
        {
            return tree.ReadFile(FileName, Limits.DocumentBytes) is { } content && Json.Parse(content) is JArray { Count: > 0 } items
                && items.All(item => item is JObject json && (json["ImageIndex"] is JObject || json["Image"] is JObject)) ? [.. items.OfType<JObject>()] : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    Descriptor AddIndex(JObject index, int depth)
    {
        if (depth > MaxDepth)
            throw Broken($"has indexes within indexes more than {MaxDepth} deep");
        foreach (var child in Items(index, "Images"))
            AddImage(child);
        foreach (var child in Items(index, "Indexes"))
            AddIndex(child, depth + 1);
        return AddRaw(index);
    }

    Descriptor AddImage(JObject image)
    {
        if (image["Config"] is JObject { } config && config["Raw"] is JValue { Value: string })
            AddRaw(config);
        return AddRaw(image["Manifest"] as JObject ?? throw Broken("has an image without a manifest"));
    }

    // What the text was before it became a member of a JSON document is proved by its digest.
    Descriptor AddRaw(JObject json)
    {
        if (json["Raw"] is not JValue { Value: string text } || json["Digest"] is not JValue { Value: string digestText } || !Digest.TryParse(digestText, out var digest))
            throw Broken("has a manifest or configuration without its text or its digest");
        var bytes = Encoding.UTF8.GetBytes(text);
        if (digest.OfSameAlgorithm(bytes) != digest)
            throw new ModuleException(ErrorCodes.DigestMismatch, $"{digest} in {FileName} of {Path} is damaged: its text does not have that digest", "copy or make the archive again") { Blob = digest.ToString() };
        Add(bytes, digest);
        return new Descriptor(json["MediaType"] is JValue { Value: string { Length: > 0 } type } ? type : MediaTypes.OciManifest, digest, bytes.Length);
    }

    // A ref is pinned; its tag stands beside it. What a bundle's image was called before it was relocated is a name like the others.
    static List<Reference?> Names(JObject image, Descriptor root)
    {
        var tag = image["Tag"] is JValue { Value: string text } && Reference.IsTag(text) ? text : null;
        List<Reference?> names = [.. new[] { image["OrigRef"] }.Concat(image["Refs"] as JArray ?? []).OfType<JValue>().Select(value => ImageNames.FullReference(value.Value as string)).OfType<Reference>()
            .Select(reference => reference.Digest == root.Digest && tag is not null ? reference.WithTag(tag) : reference).Distinct()];
        if (names.Count == 0)
            names.Add(null);
        return names;
    }

    static IEnumerable<JObject> Items(JObject json, string name) => (json[name] as JArray ?? []).OfType<JObject>();

    ModuleException Broken(string what) => new(ErrorCodes.ArchiveCorrupt, $"{FileName} in {Path} {what}", "make the archive again");
}
