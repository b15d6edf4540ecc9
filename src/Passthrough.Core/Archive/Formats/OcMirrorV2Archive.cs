using System.Collections.Immutable;
using System.Text;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// <c>mirror_&lt;part&gt;.tar</c> of oc-mirror v2 (archives.md 1d): the storage of a registry, in which every image has lost the host it came from, and the
/// tool's working folder, from which most hosts can be found again. All tags of the tool's cache are listed in it, but only the content that is new in
/// its run is there.
/// </summary>
sealed class OcMirrorV2Archive : ImageArchive
{
    const string FormatName = "oc-mirror-v2";
    const string Storage = "docker/registry/v2/";
    const string Repositories = Storage + "repositories/";
    const string Blobs = Storage + "blobs/";
    const string TagsFolder = "/_manifests/tags/";
    const string LinkOfTag = "/current/link";
    const string LayersFolder = "/_layers/";
    const string WorkingFolder = "working-dir/";
    const string SignaturesFolder = WorkingFolder + "signatures/";
    const string ConfigurationPrefix = "isc_";
    const int HexLength = 64;

    /// <summary>Built by the tool for the update service.</summary>
    const string GraphRepository = "openshift/graph-image";

    /// <summary>A link is a digest.</summary>
    const int MaxLinkSize = 256;

    readonly ImmutableArray<CachedTag> tags;
    Dictionary<Digest, List<string>>? repositoriesOf;
    ILookup<string, ArchivedImage>? imagesOf;

    OcMirrorV2Archive(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        var skipped = ImmutableArray.CreateBuilder<SkippedContent>();
        tags = ReadTags(tree, skipped);
        var filters = tree.Members.Select(member => FilterIn(member.Name)).OfType<(string Catalog, string Filter)>()
            .ToLookup(found => found.Filter, found => found.Catalog, StringComparer.Ordinal);
        var ordinary = tags.Where(tag => tag is { IsAttachment: false, Repository: not GraphRepository } && !filters.Contains(tag.Tag)).ToList();
        var origins = OcMirrorV2Origins.Recover(tree, ordinary);
        skipped.AddRange(origins.Unreadable);

        var images = ImmutableArray.CreateBuilder<ArchivedImage>();
        var attachments = ImmutableArray.CreateBuilder<Descriptor>();
        var filtered = ordinary.Where(tag => !tag.IsDigestOnly && !IsKnown(tag)).Select(tag => (Catalog: tag, Filtered: FilteredOf(tag)))
            .Where(pair => pair.Filtered is not null).ToDictionary(pair => pair.Catalog, pair => pair.Filtered!);
        foreach (var tag in tags)
        {
            if (tag.IsAttachment && !IsKnown(tag))
            {
                if (Find(tag.Digest).Any())
                    attachments.Add(DigestTag.Parse(tag.Tag)!.Attach(Describe(tag.Digest)));
                else
                    Dangling++;
            }
            else if (tag.Repository == GraphRepository && !IsKnown(tag))
            {
                if (origins.RegistryOfReleases is { } registry)
                    images.Add(Graph(tag, registry));
                else
                    skipped.Add(new SkippedContent(tag.Name,
                        tag.Digest, "it was built by oc-mirror for the update service and has no upstream; name it in references to take "
                            + "it along"));
            }
            else if (filtered.TryGetValue(tag, out var catalog))
            {
                images.AddRange(Named(tag, catalog, origins, names));
                skipped.Add(new SkippedContent(tag.Name,
                    tag.Digest, "it is the catalog as upstream has it; the one that oc-mirror has filtered goes to its tag; name it in "
                        + "references to take it along"));
            }
            else if (filters.Contains(tag.Tag) && !IsKnown(tag))
            {
                if (!filtered.ContainsValue(tag))
                    skipped.Add(new SkippedContent(tag.Name,
                        tag.Digest, "it is a catalog that oc-mirror has filtered, and the archive does not tell which tag it belongs to; "
                            + "name it in references to take it along"));
            }
            else
            {
                images.AddRange(Named(tag, tag, origins, names));
            }
        }

        Images = [.. images.DistinctBy(image => $"{image.Root.Digest} {image.Reference?.ToString() ?? image.Name}")];
        Attachments = attachments.ToImmutable();
        Signatures = ReadSignatures(tree);
        Skipped = skipped.ToImmutable();
        WhenIncomplete = tree.Members.Any(member => member.Name.StartsWith(WorkingFolder + ".history/", StringComparison.Ordinal))
            ? $"{Path} is a differential of oc-mirror v2 and has only what was new: load the archives of the runs before it first, or give them together with it as path"
            : $"give all mirror_*.tar files of the run as path; if these are all, the run that made {Path} has failed: make it again with oc-mirror";

        bool IsKnown(CachedTag tag) => names.Names(tag.Name, tag.Digest.ToString());

        // The tool pushes it in the catalog's place. Filters of earlier runs stay in its cache, and their content in earlier archives.
        CachedTag? FilteredOf(CachedTag catalog)
        {
            var candidates = tags
                .Where(tag => tag.Repository == catalog.Repository && filters[tag.Tag].Contains(catalog.Digest.Hex) && !IsKnown(tag))
                    .ToList();
            var present = candidates.Where(tag => Find(tag.Digest).Any()).ToList();
            return present is [var only] || (present.Count == 0 && candidates is [var _])
                ? (present.Count == 1 ? present[0] : candidates[0]) : null;
        }

        ArchivedImage Graph(CachedTag tag, string registry)
        {
            var reference = new Reference(registry, tag.Repository).WithTag(tag.Tag);
            var hasManifest = Find(tag.Digest).Any();
            return names.NameOf(Describe(tag.Digest), tag.Name, reference, "oc-mirror, which built it",
                OcMirrorCatalogs.Graph(tag.Name, reference.ToString()))
                with
            { HasManifest = hasManifest, IsFromEarlierRun = !hasManifest };
        }
    }

    // <hex> until 4.17, <tag>-sha256-<hex> since.
    static ImmutableArray<ReleaseSignatures> ReadSignatures(ArchiveTree tree)
    {
        var found = new SignaturesByRelease();
        foreach (var member in tree.Members)
        {
            if (member.IsFile && member.Size <= SignaturesByRelease.MaxBytes && member.Name.Length >= SignaturesFolder.Length + HexLength && member.Name.StartsWith(SignaturesFolder, StringComparison.Ordinal))
                found.Add($"sha256:{member.Name[^HexLength..]}", member.Read());
        }

        return found.ToImmutable();
    }

    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, Recognises, (tree, names) => new OcMirrorV2Archive(tree, names)) { Joins = true };

    // A part may hold nothing but a log.
    static bool Recognises(ArchiveTree tree) =>
        tree.Members.Any(member => member.Name.StartsWith(Repositories, StringComparison.Ordinal) || member.Name.StartsWith(Blobs, StringComparison.Ordinal))
        || (tree.Members.Any() && tree.Members.All(member => member.Name.StartsWith(WorkingFolder, StringComparison.Ordinal) || member.Name.StartsWith(ConfigurationPrefix, StringComparison.Ordinal)));

    public override IEnumerable<Reference> HoldersOf(Digest blob)
    {
        repositoriesOf ??= LinkedLayers().GroupBy(link => link.Digest, link => link.Repository).ToDictionary(group => group.Key, group => group.Distinct(StringComparer.Ordinal).ToList());
        imagesOf ??= Images.Where(image => image.Reference is not null)
            .ToLookup(image => CachedTag.RepositoryOf(image.Name), StringComparer.Ordinal);
        return (repositoriesOf.GetValueOrDefault(blob) ?? []).SelectMany(repository => imagesOf[repository])
            .Select(image => new Reference(image.Reference!.Registry, image.Reference.Repository)).Distinct();
    }

    protected override IEnumerable<ArchiveMember> Find(Digest digest) => Tree.FindAll($"{Blobs}{digest.Algorithm}/{digest.Hex[..2]}/{digest.Hex}/data");

    protected override IEnumerable<ArchivedContent> ContentMembers() =>
        from member in Tree.Members
        where member.IsFile && member.Name.StartsWith(Blobs, StringComparison.Ordinal)
        let digest = member.Name.Split('/') is [.., var algorithm, _, var hex, "data"] && Digest.TryParse($"{algorithm}:{hex}", out var parsed) ? parsed : (Digest?)null
        where digest is not null
        select new ArchivedContent(digest, member);

    // Of several archives of one cache the later one says what a tag names now.
    static ImmutableArray<CachedTag> ReadTags(ArchiveTree tree, ImmutableArray<SkippedContent>.Builder skipped)
    {
        var found = new OrderedDictionary<string, CachedTag>(StringComparer.Ordinal);
        foreach (var member in tree.Members)
        {
            if (!member.IsFile || member.Size > MaxLinkSize || ReadTag(member) is not { } tag)
                continue;
            if (found.TryGetValue(tag.Name, out var older) && older.Digest != tag.Digest)
                skipped.Add(new SkippedContent(tag.Name, older.Digest, "an archive that was given later has another image of this name"));
            found[tag.Name] = tag;
            if (found.Count > Limits.Images)
                throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{tree.Path} has more than {Limits.Images} tags",
                    "give the archives one by one");
        }

        return [.. found.Values];
    }

    static CachedTag? ReadTag(ArchiveMember member)
    {
        if (!member.Name.StartsWith(Repositories, StringComparison.Ordinal) || !member.Name.EndsWith(LinkOfTag, StringComparison.Ordinal))
            return null;
        var name = member.Name[Repositories.Length..^LinkOfTag.Length];
        var at = name.IndexOf(TagsFolder, StringComparison.Ordinal);
        if (at < 1)
            return null;
        var (repository, tag) = (name[..at], name[(at + TagsFolder.Length)..]);
        if (!Reference.IsRepository(repository) || !Reference.IsTag(tag))
            return null;
        return Digest.TryParse(Encoding.ASCII.GetString(member.Read()).Trim(), out var digest) ? new CachedTag(repository, tag, digest) : null;
    }

    IEnumerable<(string Repository, Digest Digest)> LinkedLayers()
    {
        foreach (var member in Tree.Members.Where(member => member.Name.StartsWith(Repositories, StringComparison.Ordinal)))
        {
            var at = member.Name.IndexOf(LayersFolder, StringComparison.Ordinal);
            if (at > 0 && member.Name[(at + LayersFolder.Length)..].Split('/') is [var algorithm, var hex, "link"] && Digest.TryParse($"{algorithm}:{hex}", out var digest))
                yield return (member.Name[Repositories.Length..at], digest);
        }
    }

    /// <param name="tag">What the image is known by.</param>
    /// <param name="content">What it is: of a catalog the filtered one.</param>
    IEnumerable<ArchivedImage> Named(CachedTag tag, CachedTag content, OcMirrorV2Origins origins, ImageNames names)
    {
        var root = Describe(content.Digest);
        var hasManifest = Find(content.Digest).Any();
        var found = origins.Of(tag);
        if (found is { Names: [_, ..] } and { IsAmbiguous: false })
            return found.Names.Select(name =>
                Marked(names.NameOf(root, content.Name, name, found.Source))
                    with
                { HasManifest = hasManifest, IsFromEarlierRun = found.IsEarlier });

        var mapped = names.RepositoryOf(tag.Repository) is { } repository ? tag.IsDigestOnly || tag.IsComponent ? repository.WithDigest(tag.Digest) : repository.WithTag(tag.Tag) : null;
        var image = Marked(names.NameOf(root, content.Name, mapped, ImageNames.FromRegistryMap)) with { HasManifest = hasManifest };
        if (image.Reference is not null)
            return [image];
        if (found is not null)
            return [image with { Warning = $"{tag.Name} may be {string.Join(" or ", found.Names)}: oc-mirror drops the registry, one of them has covered the other, and which one is not recorded; say it in references" }];
        // What is whole was meant to be here; everything else is what the cache remembers of earlier runs.
        if (IsWhole(content.Digest))
            return [image with { Warning = $"{tag.Name} has lost its registry, and nothing in the archive tells it; say it in registry_map ({tag.Repository}: HOST) or in references" }];
        Dangling++;
        return [];

        // The tool keeps manifests as they are, all but the catalogs that it filters.
        ArchivedImage Marked(ArchivedImage named)
        {
            var name = named.Reference?.ToString() ?? named.Name;
            return content != tag ? named with { DigestPreserved = false, Warning = named.Warning ?? OcMirrorCatalogs.Filtered(name) }
                : origins.IsFiltered(tag) ? named
                    with
                { DigestPreserved = named.DigestPreserved ?? true, Warning = named.Warning ?? OcMirrorCatalogs.Unfiltered(name) }
                : named with { DigestPreserved = named.DigestPreserved ?? true };
        }
    }

    // working-dir/operator-catalogs/<name>/<digest>/filtered-catalogs/<filter>/…: the filter is the rebuilt catalog's tag.
    static (string Catalog, string Filter)? FilterIn(string name)
    {
        const int FilterLength = 32;
        return name.StartsWith(WorkingFolder, StringComparison.Ordinal)
            && name.Split('/') is [_, "operator-catalogs", _, var catalog, "filtered-catalogs", { Length: FilterLength } filter, _, ..]
                ? (catalog, filter) : null;
    }
}

/// <summary>A tag of oc-mirror's cache.</summary>
/// <param name="Repository">Without a host.</param>
/// <param name="Tag">Of the upstream, or made of a digest.</param>
/// <param name="Digest">What it names.</param>
sealed record CachedTag(string Repository, string Tag, Digest Digest)
{
    /// <summary>The component images of releases.</summary>
    public const string ComponentRepository = "openshift/release";

    public string Name => $"{Repository}:{Tag}";

    /// <summary>Made for an image that was asked for by digest: <c>sha256-&lt;hex&gt;</c>, before 4.18 also the digits alone.</summary>
    public bool IsDigestOnly => Tag == Digest.Hex || Tag == $"{Digest.Algorithm}-{Digest.Hex}";

    /// <summary>A signature, or a list of referrers.</summary>
    public bool IsAttachment => !IsDigestOnly && DigestTag.Parse(Tag) is not null;

    /// <summary>Its tag, <c>&lt;release&gt;-&lt;component&gt;</c>, is the tool's.</summary>
    public bool IsComponent => Repository == ComponentRepository;

    public static string RepositoryOf(string name) => name[..Math.Max(0, name.LastIndexOf(':'))];
}
