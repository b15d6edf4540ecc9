using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// <c>mirror_seq&lt;n&gt;_&lt;part&gt;.tar</c> of oc-mirror v1 (archives.md 1c). Its metadata name host, path and digest of every image, so images go to where they
/// come from, not to where the tool would put them. A sequence after the first has only what is new: what it lacks is in the archives before it, or
/// in the registry that has taken them.
/// </summary>
sealed class OcMirrorV1Archive : ImageArchive
{
    const string FormatName = "oc-mirror-v1";
    const string CatalogsFolder = "catalogs/";
    const string GraphFolder = "cincinnati/";
    const string SignaturesFolder = "release-signatures/";

    readonly ImmutableArray<OcMirrorV1Metadata> sequences;
    readonly Dictionary<Digest, List<ArchiveMember>> manifests = [];
    readonly Dictionary<Digest, List<ArchiveMember>> catalogContent = [];
    readonly Dictionary<Digest, ArchiveMember> catalogIndexes = [];
    Dictionary<Digest, List<Reference>>? holders;

    OcMirrorV1Archive(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        sequences = OcMirrorV1Metadata.ReadAll(tree);
        IndexMembers();
        var skipped = ImmutableArray.CreateBuilder<SkippedContent>();
        var images = new OrderedDictionary<string, ArchivedImage>(StringComparer.Ordinal);
        foreach (var sequence in sequences)
        {
            foreach (var image in sequence.Images)
                Place(Named(sequence, image, names), image.Type == OcMirrorV1Metadata.GraphType ? "it was built by oc-mirror and has no upstream" : null);
            foreach (var catalog in sequence.Catalogs)
            {
                if (catalog is { IsFiltered: true, Reference: not null })
                    skipped.Add(new SkippedContent($"{catalog.Name} (filtered)",
                        null, "oc-mirror v1 builds the filtered catalog only when it publishes an archive, so the archive does not have "
                            + "it as an image"));
                if (catalog.Pin is { } pin)
                    Place(Named(catalog, pin, names), catalog.Reference is null ? "it came from a folder, not from a registry" : null);
                else
                    skipped.Add(new SkippedContent(catalog.Name, null, "oc-mirror has not noted the digest of this catalog"));
            }
        }

        if (tree.Members.Any(member => member.IsFile && member.Name.StartsWith(GraphFolder, StringComparison.Ordinal)))
            skipped.Add(new SkippedContent(GraphFolder.TrimEnd('/'),
                null, "oc-mirror v1 builds the image of the update graph only when it publishes an archive, which has the data alone"));
        Images = [.. images.Values];
        Skipped = skipped.ToImmutable();
        Signatures = ReadSignatures(tree);
        var lacking = Enumerable.Range(1, sequences[^1].Sequence).Except(sequences.Select(sequence => sequence.Sequence)).ToList();
        if (lacking.Count > 0)
            WhenIncomplete = $"{Path} is sequence {sequences[^1].Sequence} of oc-mirror v1 and has only what was new; load sequence {string.Join(", ", lacking)} first, or give its archives together with this one as path";

        // A tag that has moved names what the newer sequence says; v1 itself removes the older one.
        void Place(ArchivedImage image, string? reason)
        {
            if (reason is not null && image.NameSource != ImageNames.FromReferences)
            {
                skipped.Add(new SkippedContent(image.Name, image.Root.Digest, reason + "; name it in references to take it along"));
                return;
            }

            var key = image.Reference?.ToString() ?? $"{image.Name}@{image.Root.Digest}";
            if (images.TryGetValue(key, out var older) && older.Root.Digest != image.Root.Digest)
                skipped.Add(new SkippedContent(key, older.Root.Digest, "a later archive has another image of this name"));
            images[key] = image;
        }
    }

    // ConfigMaps, one a release, as oc writes them.
    static ImmutableArray<ReleaseSignatures> ReadSignatures(ArchiveTree tree)
    {
        var found = new SignaturesByRelease();
        foreach (var member in tree.Members
            .Where(member => member.IsFile && member.Size <= Limits.DocumentBytes
                && member.Name.StartsWith(SignaturesFolder, StringComparison.Ordinal)))
        {
            try
            {
                // JSON is YAML, too.
                foreach (var document in Yaml.ParseAll(Encoding.UTF8.GetString(member.Read())))
                    ReleaseSignatures.ReadConfigMap(document as JObject, found);
            }
            catch (FormatException)
            {
                // A damaged one is none: the load says which releases have signatures.
            }
        }

        return found.ToImmutable();
    }

    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, Recognises, (tree, names) => new OcMirrorV1Archive(tree, names)) { Joins = true };

    // Only the first part of a sequence has the metadata.
    static bool Recognises(ArchiveTree tree) =>
        tree.FindFile(OcMirrorV1Metadata.FileName) is not null || tree.Members.Any(member => member.IsFile && BlobOf(member.Name) is not null);

    public override IEnumerable<Reference> HoldersOf(Digest blob)
    {
        holders ??= HoldersOfAll();
        return holders.GetValueOrDefault(blob) ?? [];
    }

    Dictionary<Digest, List<Reference>> HoldersOfAll()
    {
        var all = new Dictionary<Digest, List<Reference>>();
        foreach (var past in sequences.SelectMany(sequence => sequence.Past))
        {
            foreach (var content in past.Content)
            {
                if (!all.TryGetValue(content, out var repositories))
                    all.Add(content, repositories = []);
                if (!repositories.Contains(past.Repository))
                    repositories.Add(past.Repository);
            }
        }

        return all;
    }

    // Windows cannot write a colon into a name.
    protected override IEnumerable<ArchiveMember> Find(Digest digest) =>
        Tree.FindAll($"blobs/{digest}").Concat(Tree.FindAll($"blobs/{digest.Algorithm}-{digest.Hex}"))
            .Concat(manifests.GetValueOrDefault(digest) ?? []).Concat(catalogContent.GetValueOrDefault(digest) ?? []);

    protected override IEnumerable<ArchivedContent> ContentMembers()
    {
        foreach (var member in Tree.Members.Where(member => member.IsFile))
        {
            if ((BlobOf(member.Name) ?? ManifestOf(member.Name) ?? CatalogBlobOf(member.Name)) is { } digest)
                yield return new ArchivedContent(digest, member);
        }

        foreach (var (digest, member) in catalogIndexes)
            yield return new ArchivedContent(digest, member);
    }

    void IndexMembers()
    {
        foreach (var member in Tree.Members.Where(member => member.IsFile))
        {
            if (ManifestOf(member.Name) is { } manifest)
                Add(manifests, manifest, member);
            else if (CatalogBlobOf(member.Name) is { } blob)
                Add(catalogContent, blob, member);
            else if (member.Name.StartsWith(CatalogsFolder, StringComparison.Ordinal)
                && member.Name.EndsWith("/layout/index.json", StringComparison.Ordinal) && member.Size <= Limits.DocumentBytes)
                AddCatalogIndex(member);
        }
    }

    // For a catalog of several platforms these are the raw bytes of its index, so the digest is the upstream's.
    void AddCatalogIndex(ArchiveMember member)
    {
        var digest = Digest.Sha256(member.Read());
        Add(catalogContent, digest, member);
        catalogIndexes[digest] = member;
    }

    static void Add(Dictionary<Digest, List<ArchiveMember>> to, Digest digest, ArchiveMember member)
    {
        if (!to.TryGetValue(digest, out var members))
            to[digest] = members = [];
        members.Add(member);
    }

    ArchivedImage Named(OcMirrorV1Metadata sequence, OcMirrorV1Image image, ImageNames names)
    {
        // The digest of the name; id is another image's where two hosts have the same path and tag.
        var digest = image.Name.Digest!;
        var reference = sequence.UpstreamTag(image) is { } tag ? image.Name.WithTag(tag) : image.Name;
        return names.NameOf(Describe(digest), $"{image.Path}:{image.Tag}", reference, "publish/.metadata.json")
            with
        { HasManifest = Find(digest).Any(), DigestPreserved = true };
    }

    // The tool filters a catalog only when it publishes it.
    ArchivedImage Named(OcMirrorV1Catalog catalog, Digest pin, ImageNames names)
    {
        var image = names.NameOf(Describe(pin), catalog.Name, catalog.Reference, "publish/.metadata.json operators")
            with
        { HasManifest = Find(pin).Any(), DigestPreserved = true };
        return image with
        {
            Warning = image.Warning
            ?? (catalog.IsFiltered ? OcMirrorCatalogs.Unfiltered(image.Reference?.ToString() ?? image.Name) : null)
        };
    }

    static Digest? BlobOf(string name) => name.StartsWith("blobs/", StringComparison.Ordinal) ? DigestOf(name["blobs/".Length..]) : null;

    static Digest? ManifestOf(string name) => name.StartsWith("v2/", StringComparison.Ordinal) && name.LastIndexOf("/manifests/", StringComparison.Ordinal) is > 0 and var at ? DigestOf(name[(at + "/manifests/".Length)..]) : null;

    static Digest? CatalogBlobOf(string name) =>
        name.StartsWith(CatalogsFolder, StringComparison.Ordinal) && name.Split('/') is [.., "layout", "blobs", var algorithm, var hex] ? DigestOf($"{algorithm}:{hex}") : null;

    static Digest? DigestOf(string text)
    {
        if (Digest.TryParse(text, out var digest))
            return digest;
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash > 0 && Digest.TryParse($"{text[..dash]}:{text[(dash + 1)..]}", out digest) ? digest : null;
    }
}
