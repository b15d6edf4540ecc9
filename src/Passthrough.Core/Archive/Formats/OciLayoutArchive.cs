using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// An OCI image layout (image-spec image-layout.md) in a tar or a folder, as this program, skopeo, podman, buildah, umoci, crane, regctl, oras, hauler,
/// containerd, BuildKit and docker since 25 write it. What docker puts beside it for its older self is read where it tells more.
/// </summary>
public sealed class OciLayoutArchive : ImageArchive
{
    const string IndexName = "index.json";
    const string FormatName = "oci-archive";

    OciLayoutArchive(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        var index = ReadFile(IndexName) ?? throw Broken($"is larger than {Limits.IndexBytes} bytes");
        Id = ArchivePlan.IdOf(index);
        Sort(ReadIndex(index), names);
        var (head, differential) = ArchiveManifestJson.ReadHead(this);
        RecordedId = head?["id"] is JValue { Value: string id } ? id : null;
        Differential = differential;
        Signatures = ReleaseSignatures.Read(head?["release_signatures"]);
        WhenIncomplete = Differential?.WhenIncomplete;
        // This program never changes a manifest.
        if (RecordedId == Id)
            Images = [.. Images.Select(image => image with { DigestPreserved = image.DigestPreserved ?? true })];
    }

    /// <summary>The line of <see cref="ArchiveFormats"/>. <c>oci-layout</c> may be missing (hauler), and either may stand at the end (skopeo).</summary>
    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, tree => tree.FindFile(IndexName) is not null, (tree, names) => new OciLayoutArchive(tree, names));

    /// <summary>Whether a folder that lies anywhere in an archive is a layout: many other things have an index.json.</summary>
    internal static bool IsLayout(ArchiveTree tree) =>
        tree.FindFile("oci-layout") is not null || tree.Members.Any(member => member.Name.StartsWith("blobs/", StringComparison.Ordinal));

    public override string Id { get; }

    /// <summary>The id that an archive of this program was made with; null for every other archive.</summary>
    public string? RecordedId { get; }

    /// <summary>Whether this program made it.</summary>
    public bool IsOurs => Tree.FindFile(ArchiveManifestJson.FileName) is not null;

    /// <summary>What it leaves to earlier archives; null for one that has everything.</summary>
    internal Differential? Differential { get; }

    // Blobs prove themselves by their names; what they are called stands in the index alone, and its digest in our own file.
    public override ModuleException? IndexFault =>
        RecordedId is { } recorded && recorded != Id ? Broken("is not the one that it was made with") : null;

    public override bool IsLeftToBase(Digest blob) => Differential is not null && Differential.Leaves(blob);

    public override IEnumerable<Reference> HoldersOf(Digest blob) => Differential?.HoldersOf(blob) ?? [];

    protected override IEnumerable<ArchiveMember> Find(Digest digest) => Tree.FindAll($"blobs/{digest.Algorithm}/{digest.Hex}");

    protected override IEnumerable<ArchivedContent> ContentMembers() =>
        from member in Tree.Members
        where member.IsFile
        let digest = DigestOf(member.Name)
        where digest is not null
        select new ArchivedContent(digest, member);

    static Digest? DigestOf(string name)
    {
        var parts = name.Split('/');
        return parts is ["blobs", var algorithm, var hex] && Digest.TryParse($"{algorithm}:{hex}", out var digest) ? digest : null;
    }

    // The same entry, however often it stands there, is one.
    ImmutableArray<Descriptor> ReadIndex(byte[] content)
    {
        try
        {
            var descriptors = ImmutableArray.CreateBuilder<Descriptor>();
            var (seen, position) = (new HashSet<Digest>(), 0);
            return Json.ReadList(content, "manifests", Add) ? descriptors.ToImmutable() : throw Broken("has no list of manifests");

            void Add(JToken token)
            {
                var descriptor = ReadDescriptor(token, position++);
                if (!seen.Add(Digest.Sha256(Encoding.UTF8.GetBytes(Json.Compact(token)))))
                    return;
                if (descriptors.Count == Limits.Images)
                    throw Broken($"lists more than {Limits.Images} images");
                descriptors.Add(descriptor);
            }
        }
        catch (JsonException e)
        {
            throw Broken(Json.Complaint(e));
        }
    }

    Descriptor ReadDescriptor(JToken token, int index)
    {
        if (token is not JObject json)
            throw Broken($"has something else than an object in manifests[{index}]");
        return DescriptorJson.TryRead(json, MediaTypes.OciManifest, out var reason) ?? throw Broken($"has a bad manifests[{index}]: {reason}");
    }

    ModuleException Broken(string what) =>
        new(ErrorCodes.ArchiveCorrupt, $"index.json in {Path} {what}", "copy or make the archive again");

    // Not every descriptor of the index is an image of its own: oras lists children and referrers again, regctl and cosign keep
    // signatures under digest tags, hauler gives a signature the name of its image and lists charts and files (archives.md 1a, rules b and c).
    void Sort(ImmutableArray<Descriptor> listed, ImageNames names)
    {
        var composed = DockerManifestJson.ComposedBy(Tree);
        var named = listed.Select(descriptor => Named(descriptor, names, composed)).ToList();
        var images = named.Where(image => !IsAttachment(image.Root)).ToList();
        var children = images.Exists(image => image.Reference is null) ? Children(listed) : [];
        var kept = new OrderedDictionary<string, ArchivedImage>(StringComparer.Ordinal);
        var attached = Attached(named, images);
        var skipped = ImmutableArray.CreateBuilder<SkippedContent>();
        foreach (var image in images)
        {
            var isNameless = image is { Reference: null, Name: "" };
            if (isNameless && children.Contains(image.Root.Digest))
                continue;
            if (isNameless && FactsOf(image.Root.Digest).Subject is { } subject)
                attached.Add(WithAnnotations(image.Root, subject.ToString(), tag: null));
            else if (image.Reference is null && Hauler.IsMarked(image.Root)
                && FactsOf(image.Root.Digest).Config is { MediaType: not (MediaTypes.OciConfig or MediaTypes.DockerConfig) })
                skipped.Add(new SkippedContent(image.Name, image.Root.Digest, "it is a chart or a file of hauler's, not an image; name it in references to take it along"));
            else
                kept.TryAdd($"{image.Root.Digest} {image.Reference?.ToString() ?? image.Name}", image);
        }

        // What was said about them has been understood, and there may be thousands.
        Images = [.. kept.Values.Select(image => image with { Root = image.Root with { Annotations = Descriptor.EmptyAnnotations } })];
        Attachments = [.. attached.DistinctBy(attachment => $"{attachment.Digest} {attachment.Annotation(Annotations.RefName)}")];
        Skipped = skipped.ToImmutable();
    }

    ArchivedImage Named(Descriptor descriptor, ImageNames names, IReadOnlyDictionary<Digest, Reference?> composed)
    {
        var image = names.NameOf(descriptor) with { HasManifest = Find(descriptor.Digest).Any() };
        if (image.DigestPreserved is null && IsAsPulled(descriptor))
            image = image with { DigestPreserved = true };
        if (composed.Count == 0 || FactsOf(descriptor.Digest).Config?.Digest is not { } config
            || !composed.TryGetValue(config, out var repoTag))
            return image;
        if (image.Reference is null && repoTag is not null)
            image = names.NameOf(descriptor, image.Name, repoTag, DockerManifestJson.RepoTags);
        return image with { DigestPreserved = false, Warning = DockerManifestJson.Lost(image.Reference?.ToString() ?? image.Name, descriptor.Digest) };
    }

    // containerd notes the registry that content was pulled from, and hauler copies without a change; podman and skopeo leave nothing that
    // tells.
    static bool IsAsPulled(Descriptor descriptor) =>
        Hauler.IsMarked(descriptor)
            || descriptor.Annotations.Keys.Any(name => name.StartsWith(ImageNames.DistributionSource, StringComparison.Ordinal));

    static bool IsAttachment(Descriptor descriptor) =>
        descriptor.Annotation(Annotations.ContainerdManifestSubject) is not null || Hauler.IsAttachment(descriptor)
        // Some tools tag the image itself with its digest.
        || (DigestTag.Parse(descriptor.Annotation(Annotations.RefName)) is { } tag && tag.Subject != descriptor.Digest);

    // What was said about attachments in one of several ways, said in one.
    static List<Descriptor> Attached(List<ArchivedImage> named, List<ArchivedImage> images)
    {
        var digests = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var image in images.Where(image => image.Reference is not null))
            digests.TryAdd(image.Reference!.ToString(), image.Root.Digest.ToString());
        var attached = new List<Descriptor>();
        foreach (var attachment in named.Where(image => IsAttachment(image.Root)))
        {
            var tag = DigestTag.Parse(attachment.Root.Annotation(Annotations.RefName));
            var subject = attachment.Root.Annotation(Annotations.ContainerdManifestSubject) ?? tag?.Subject.ToString() ?? digests.GetValueOrDefault(attachment.Reference?.ToString() ?? "");
            // In a store the name is the image's.
            attached.Add(WithAnnotations(attachment.Root, subject, Hauler.IsMarked(attachment.Root) ? Hauler.TagOf(attachment.Root, subject) : attachment.Root.Annotation(Annotations.RefName)));
        }

        return attached;
    }

    static Descriptor WithAnnotations(Descriptor descriptor, string? subject, string? tag)
    {
        var named = descriptor.WithAnnotation(Annotations.RefName, tag);
        return subject is null ? named : named.WithAnnotation(Annotations.ContainerdManifestSubject, subject);
    }

    // A damaged manifest is found by whoever needs it.
    Manifest? TryRead(Digest digest)
    {
        try
        {
            return ReadManifest(digest) is { } raw ? Manifest.Parse(raw) : null;
        }
        catch (ModuleException)
        {
            return null;
        }
    }

    HashSet<Digest> Children(ImmutableArray<Descriptor> listed) =>
        [.. listed.Where(descriptor => MediaTypes.IsIndex(descriptor.MediaType)).DistinctBy(descriptor => descriptor.Digest)
            .SelectMany(index => TryRead(index.Digest)?.Manifests ?? []).Select(child => child.Digest)];

    /// <summary>The stores of hauler and of cosign save: every descriptor has a kind, and what belongs to an image carries the image's name.</summary>
    static class Hauler
    {
        const string Kind = "kind";

        /// <summary>Its own, and that of cosign, which hauler used before version 2.</summary>
        static readonly string[] Prefixes = ["dev.hauler/", "dev.cosignproject.cosign/"];

        public static bool IsMarked(Descriptor descriptor) => KindOf(descriptor) is not null;

        public static bool IsAttachment(Descriptor descriptor) => KindOf(descriptor) is not (null or "image" or "imageIndex");

        /// <summary>The tag that cosign looks for; referrers are found by their subject.</summary>
        public static string? TagOf(Descriptor descriptor, string? subject) => KindOf(descriptor) switch
        {
            "sigs" => Tag(subject, ".sig"),
            "atts" => Tag(subject, ".att"),
            "sboms" => Tag(subject, ".sbom"),
            _ => null,
        };

        static string? Tag(string? subject, string suffix) => subject is null ? null : subject.Replace(':', '-') + suffix;

        static string? KindOf(Descriptor descriptor) =>
            descriptor.Annotation(Kind) is { } kind && Prefixes.FirstOrDefault(prefix => kind.StartsWith(prefix, StringComparison.Ordinal)) is { } prefix ? kind[prefix.Length..] : null;
    }
}
