using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// The exact layout of an archive before its first blob is fetched: manifests tell the size of every blob, so every offset is known, blobs can be
/// written side by side to their final place, and the same images give the same bytes. Layout (archives.md 7.1): <c>oci-layout</c>, <c>index.json</c>,
/// <c>image-archive.json</c>, small blobs sorted by digest, layers in the order of first use.
/// </summary>
public sealed class ArchivePlan
{
    readonly HashSet<Digest> small;

    ArchivePlan(ImmutableArray<SelectedImage> images, ImmutableArray<PlannedMember> members, HashSet<Digest> small, ImmutableArray<Descriptor> external, ImmutableArray<LeftBlob> left, BaseArchives bases, ImmutableArray<ReleaseSignatures> signatures, string id)
    {
        this.small = small;
        Images = images;
        Members = members;
        ExternalBlobs = external;
        LeftToBases = left;
        Bases = bases;
        Signatures = signatures;
        Id = id;
        // Two blocks of zeros end a tar.
        Size = members[^1].End + (2 * TarHeader.BlockSize);
        Fingerprint = FingerprintOf(members);
    }

    /// <summary>Sorted by name.</summary>
    public ImmutableArray<SelectedImage> Images { get; }

    /// <summary>In the order of the file.</summary>
    public ImmutableArray<PlannedMember> Members { get; }

    /// <summary>Layers that stay where their URLs point.</summary>
    public ImmutableArray<Descriptor> ExternalBlobs { get; }

    /// <summary>Layers that an earlier archive has.</summary>
    public ImmutableArray<LeftBlob> LeftToBases { get; }

    /// <summary>The earlier archives.</summary>
    public BaseArchives Bases { get; }

    /// <summary>Signatures of releases, which travel in <see cref="ArchiveManifestJson"/>.</summary>
    public ImmutableArray<ReleaseSignatures> Signatures { get; }

    /// <summary>A UUID that depends on the images only.</summary>
    public string Id { get; }

    /// <summary>Of the whole file, in bytes.</summary>
    public long Size { get; }

    /// <summary>Equal for plans with the same layout: what was written under one holds under the other.</summary>
    public string Fingerprint { get; }

    /// <summary>The members that must be fetched.</summary>
    public IEnumerable<PlannedMember> Blobs => Members.Where(member => member.Blob is not null);

    /// <param name="images">What goes into it.</param>
    /// <param name="bases">Whose layers stay out of it.</param>
    /// <param name="signatures">Of releases among the images.</param>
    /// <exception cref="ModuleException">Two images claim one name, or two manifests give a blob different sizes.</exception>
    public static ArchivePlan Create(IEnumerable<SelectedImage> images, BaseArchives? bases = null, ImmutableArray<ReleaseSignatures> signatures = default) =>
        Create(images, bases ?? BaseArchives.None, signatures.IsDefault ? [] : signatures, before: null);

    /// <summary>
    /// The plan without some of its images and of what belongs to images; what stays keeps its order, so that it only moves towards the
    /// start of the file.
    /// </summary>
    public ArchivePlan Without(IReadOnlySet<SelectedImage> failed, IReadOnlyDictionary<SelectedAttachment, ModuleException> lost) =>
        Create(Images.Where(image => !failed.Contains(image)).Select(image => image.Without(lost)), Bases, Signatures, this);

    static ArchivePlan Create(IEnumerable<SelectedImage> images, BaseArchives bases, ImmutableArray<ReleaseSignatures> signatures, ArchivePlan? before)
    {
        ImmutableArray<SelectedImage> sorted = [.. images.OrderBy(image => image.Name.ToString(), StringComparer.Ordinal)];
        for (var i = 1; i < sorted.Length; i++)
        {
            if (sorted[i].Name == sorted[i - 1].Name)
                throw new ModuleException(ErrorCodes.Collision, $"{sorted[i].Name} is asked for twice, as {sorted[i - 1].Request.Image} and {sorted[i].Request.Image}", "an archive has one image of a name: remove one");
        }

        var manifests = sorted.SelectMany(image => image.Trees).SelectMany(tree => tree.Manifests).DistinctBy(manifest => manifest.Raw.Digest).ToDictionary(manifest => manifest.Raw.Digest);
        var blobs = UniqueBlobs(sorted);
        var external = blobs.Values.Where(blob => ManifestTree.IsForeign(blob.Blob)).Select(blob => blob.Blob).OrderBy(blob => blob.Digest).ToImmutableArray();
        var smallBlobs = before?.small ?? [.. manifests.Values.OfType<ImageManifest>().Select(manifest => manifest.Config.Digest)];
        var left = ImmutableArray.CreateBuilder<LeftBlob>();
        var travelling = new List<UsedBlob>();
        foreach (var blob in blobs.Values)
        {
            if (ManifestTree.IsForeign(blob.Blob) || manifests.ContainsKey(blob.Blob.Digest))
                continue;
            // Whoever reads a differential can look into all its images: what is small is always there.
            if (!smallBlobs.Contains(blob.Blob.Digest) && bases.Find(blob.Blob) is { } known)
                left.Add(known);
            else
                travelling.Add(blob);
        }

        var layout = new Layout();
        layout.AddFile("oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray());
        var index = WriteIndex(sorted);
        var id = IdOf(index);
        layout.AddFile("index.json", index);
        layout.AddFile(ArchiveManifestJson.FileName, Json.IndentedBytes(ArchiveManifestJson.Write(id, sorted, travelling, external, left.ToImmutable(), bases, signatures)));
        layout.AddDirectory("blobs/");
        foreach (var algorithm in manifests.Keys.Concat(travelling.Select(blob => blob.Blob.Digest)).Select(digest => digest.Algorithm).Distinct().Order(StringComparer.Ordinal))
            layout.AddDirectory($"blobs/{algorithm}/");

        foreach (var digest in manifests.Keys.Concat(travelling.Select(blob => blob.Blob.Digest).Where(smallBlobs.Contains)).Order())
        {
            if (manifests.TryGetValue(digest, out var manifest))
                layout.AddManifest(manifest.Raw);
            else
                layout.AddBlob(blobs[digest]);
        }

        IEnumerable<UsedBlob> layers = travelling.Where(blob => !smallBlobs.Contains(blob.Blob.Digest));
        if (before is not null)
        {
            var rank = new Dictionary<Digest, int>();
            foreach (var member in before.Blobs)
                rank.Add(member.Blob!.Digest, rank.Count);
            layers = layers.OrderBy(layer => rank[layer.Blob.Digest]);
        }

        foreach (var layer in layers)
            layout.AddBlob(layer);
        return new ArchivePlan(sorted, layout.Finish(), smallBlobs, external, left.ToImmutable(), bases, signatures, id);
    }

    static string FingerprintOf(ImmutableArray<PlannedMember> members)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var member in members)
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{member.Name} {member.Offset} {member.Size}\n")));
        return Digest.Finish(hash).ToString();
    }

    static Dictionary<Digest, UsedBlob> UniqueBlobs(ImmutableArray<SelectedImage> images)
    {
        var blobs = new Dictionary<Digest, UsedBlob>();
        foreach (var image in images)
        {
            foreach (var blob in image.Trees.SelectMany(tree => tree.Blobs))
            {
                if (!blobs.TryGetValue(blob.Digest, out var known))
                    blobs[blob.Digest] = new UsedBlob(blob, [image.Origin]);
                else if (known.Blob.Size != blob.Size)
                    throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"blob {blob.Digest} has {blob.Size} bytes for {image.Name} and {known.Blob.Size} for another image", "one of the manifests is wrong") { Image = image.Name.ToString(), Blob = blob.Digest.ToString() };
                else if (!known.Origins.Any(origin => origin.Name == image.Origin.Name))
                    blobs[blob.Digest] = known with { Origins = known.Origins.Add(image.Origin) };
            }
        }

        return blobs;
    }

    static byte[] WriteIndex(ImmutableArray<SelectedImage> images)
    {
        var named = images.Select(image => image.Tree.Root with
        {
            Annotations = new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                [Annotations.ContainerdImageName] = image.Name.ToString(),
                [Annotations.RefName] = image.Name.ToString(),
            },
        });
        var attachments = new SortedDictionary<string, Descriptor>(StringComparer.Ordinal);
        foreach (var attachment in images.SelectMany(image => image.Attachments))
            attachments.TryAdd($"{attachment.Subject} {attachment.Tag} {attachment.Tree.Root.Digest}", attachment.Descriptor);
        return Json.IndentedBytes(
        [
            new("schemaVersion", new JValue(2L)),
            new("mediaType", new JValue(MediaTypes.OciIndex)),
            new("manifests", named.Concat(attachments.Values).Select(DescriptorJson.Write)),
        ]);
    }

    // UUID version 8 (RFC 9562): the first bits of the SHA-256 over the index, which names everything else by digest.
    internal static string IdOf(byte[] index)
    {
        var hash = SHA256.HashData(index).AsSpan(0, 16);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash, bigEndian: true).ToString();
    }

    /// <summary>Lays members one behind the other.</summary>
    sealed class Layout
    {
        readonly ImmutableArray<PlannedMember>.Builder members = ImmutableArray.CreateBuilder<PlannedMember>();
        long end;

        public void AddDirectory(string name) => Add(new PlannedMember(name, null, end, 0) { IsDirectory = true, Content = ReadOnlyMemory<byte>.Empty });

        public void AddFile(string name, ReadOnlyMemory<byte> content) => Add(new PlannedMember(name, null, end, content.Length) { Content = content });

        public void AddManifest(RawManifest manifest) => Add(new PlannedMember(null, manifest.Digest, end, manifest.Bytes.Length) { Content = manifest.Bytes });

        public void AddBlob(UsedBlob blob) => Add(new PlannedMember(null, blob.Blob.Digest, end, blob.Blob.Size) { Blob = blob.Blob, Origins = blob.Origins });

        public ImmutableArray<PlannedMember> Finish() => members.ToImmutable();

        void Add(PlannedMember member)
        {
            members.Add(member);
            end = member.End;
        }
    }
}
