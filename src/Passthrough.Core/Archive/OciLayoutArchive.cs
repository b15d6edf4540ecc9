using System.Collections.Immutable;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive;

/// <summary>
/// An OCI image layout in a tar (image-spec image-layout.md), as this program, skopeo, podman, crane, regctl, oras, containerd and docker write it.
/// </summary>
public sealed class OciLayoutArchive : IArchive
{
    const string IndexName = "index.json";
    const string FormatName = "oci-archive";

    readonly ArchiveBytes bytes;
    readonly TarIndex tar;
    ImmutableDictionary<string, Descriptor>? byReference;

    OciLayoutArchive(ArchiveBytes bytes, TarIndex tar, ImageNames names)
    {
        this.bytes = bytes;
        this.tar = tar;
        var index = ReadFile(IndexName) ?? throw Broken($"is larger than {Manifest.MaxBytes} bytes");
        Id = ArchivePlan.IdOf(index);
        var listed = ReadIndex(index);
        var (images, attachments) = Separate(listed, names);
        Images = images;
        Attachments = attachments;
    }

    /// <summary>The line of <see cref="ArchiveFormats"/>. <c>oci-layout</c> may be missing (hauler), and either may stand at the end (skopeo).</summary>
    internal static ArchiveFormat ArchiveFormat { get; } =
        new(FormatName, tar => tar.FindFile(IndexName) is not null, (bytes, tar, names) => new OciLayoutArchive(bytes, tar, names));

    public string Path => bytes.Path;

    public string Format => FormatName;

    public string Id { get; }

    // Blobs prove themselves by their names; what they are called stands in the index alone, and its digest in our own file.
    public ModuleException? IndexFault =>
        ArchiveManifestJson.ReadId(this) is { } recorded && recorded != Id ? Broken("is not the one that it was made with") : null;

    public long Size => bytes.Length;

    public ImmutableArray<ArchivedImage> Images { get; }

    public ImmutableArray<Descriptor> Attachments { get; }

    public IEnumerable<Descriptor> Contents =>
        from entry in tar.Entries
        where entry.Kind == TarEntryKind.File
        let digest = DigestOf(entry.Name)
        where digest is not null
        select new Descriptor("application/octet-stream", digest.Value, entry.Size);

    public bool Has(Descriptor blob) => Find(blob.Digest) is { } entry && entry.Size == blob.Size;

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) =>
        Task.FromResult(Locate(image) is { } digest ? ReadManifest(digest)?.Descriptor : null);

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation) =>
        Task.FromResult(Locate(image) is { } digest ? ReadManifest(digest) : null);

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
    {
        if (Find(blob.Digest) is not { } entry)
            throw new ModuleException(ErrorCodes.NotFound, $"blob {blob.Digest} is not in {Path}", "the archive is incomplete: make it again, with all platforms of its images") { Blob = blob.Digest.ToString() };
        if (entry.Size != blob.Size)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"blob {blob.Digest} has {entry.Size} bytes in {Path}, its manifest says {blob.Size}", "make the archive again") { Blob = blob.Digest.ToString() };
        return Task.FromResult(bytes.OpenRange(entry.Offset + offset, entry.Size - offset));
    }

    /// <summary>A file of the archive beside the layout's own, whole; null where there is none or it is larger than a manifest may be.</summary>
    public byte[]? ReadFile(string name) =>
        tar.FindFile(name) is { Size: <= Manifest.MaxBytes } entry ? bytes.ReadExactly(entry.Offset, (int)entry.Size) : null;

    public void Dispose() => bytes.Dispose();

    Digest? Locate(Reference image)
    {
        if (image.Digest is { } digest)
            return digest;
        // Several descriptors may have one name in hand-made archives; whoever loads them reports that, the store answers with the first.
        byReference ??= Images.Where(i => i.Reference is not null).GroupBy(i => i.Reference!.ToString(), StringComparer.Ordinal)
            .ToImmutableDictionary(group => group.Key, group => group.First().Root, StringComparer.Ordinal);
        return byReference.TryGetValue(image.ToString(), out var root) ? root.Digest : null;
    }

    RawManifest? ReadManifest(Digest digest)
    {
        if (Find(digest) is not { } entry)
            return null;
        if (entry.Size > Manifest.MaxBytes)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"manifest {digest} in {Path} has {entry.Size} bytes: that is no manifest", "make the archive again") { Blob = digest.ToString() };
        var content = bytes.ReadExactly(entry.Offset, (int)entry.Size);
        if (digest.OfSameAlgorithm(content) != digest)
            throw new ModuleException(ErrorCodes.DigestMismatch, $"manifest {digest} in {Path} (byte {entry.Offset}) is damaged: its bytes do not have that digest", "copy or make the archive again") { Blob = digest.ToString() };
        var raw = new RawManifest(MediaTypes.OciManifest, content, digest);
        return raw with { MediaType = MediaTypeOf(raw) };
    }

    static string MediaTypeOf(RawManifest raw)
    {
        try
        {
            return Json.Parse(raw.Bytes.Span) is JObject document && Manifest.MediaTypeOf(document) is { } type ? type : raw.MediaType;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"manifest {raw.Digest} is no valid JSON ({e.Message})", null, e) { Blob = raw.Digest.ToString() };
        }
    }

    TarEntry? Find(Digest digest) => tar.FindFile($"blobs/{digest.Algorithm}/{digest.Hex}");

    static Digest? DigestOf(string entryName)
    {
        var parts = entryName.Split('/');
        return parts is ["blobs", var algorithm, var hex] && Digest.TryParse($"{algorithm}:{hex}", out var digest) ? digest : null;
    }

    ImmutableArray<Descriptor> ReadIndex(byte[] content)
    {
        try
        {
            // Some editors put a byte-order mark there.
            var json = Json.Parse(content.AsSpan().StartsWith("\uFEFF"u8) ? content.AsSpan(3) : content) as JObject;
            return json?["manifests"] is JArray manifests ? [.. manifests.Select(ReadDescriptor)] : throw Broken("has no list of manifests");
        }
        catch (JsonException e)
        {
            throw Broken($"is no valid JSON ({e.Message})");
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
    // signatures under digest tags, hauler gives a signature the name of its image (archives.md 1a, rules b and c).
    (ImmutableArray<ArchivedImage> Images, ImmutableArray<Descriptor> Attachments) Separate(ImmutableArray<Descriptor> listed, ImageNames names)
    {
        var named = listed.Select(names.NameOf).ToList();
        var children = named.Exists(image => image.Reference is null) ? Children(listed) : [];
        var attachments = named.Where(image => IsAttachment(image, children)).Select(image => image.Root).ToImmutableArray();
        return ([.. named.Where(image => !IsAttachment(image, children))], attachments);
    }

    bool IsAttachment(ArchivedImage image, HashSet<Digest> children)
    {
        var descriptor = image.Root;
        if (descriptor.Annotation(Annotations.ContainerdManifestSubject) is not null || IsDigestTag(descriptor.Annotation(Annotations.RefName)))
            return true;
        if (descriptor.Annotation("kind") is { } kind && kind.StartsWith("dev.hauler/", StringComparison.Ordinal))
            return kind is not ("dev.hauler/image" or "dev.hauler/imageIndex");
        return image is { Reference: null, Name: "" } && (children.Contains(descriptor.Digest) || HasSubject(descriptor));
    }

    bool HasSubject(Descriptor descriptor) =>
        Has(descriptor) && ReadManifest(descriptor.Digest) is { } raw && Manifest.Parse(raw).Subject is not null;

    HashSet<Digest> Children(ImmutableArray<Descriptor> listed)
    {
        var children = new HashSet<Digest>();
        foreach (var index in listed.Where(descriptor => MediaTypes.IsIndex(descriptor.MediaType)))
        {
            if (ReadManifest(index.Digest) is { } raw)
                children.UnionWith(Manifest.Parse(raw).Manifests.Select(child => child.Digest));
        }

        return children;
    }

    // sha256-<hex>, .sig, .att, .sbom: the referrers fallback tag and cosign's. Our own sha256-<hex>.image is a tag like any other.
    static bool IsDigestTag(string? refName)
    {
        const string Prefix = "sha256-";
        const int HexLength = 64;
        return refName is not null && refName.StartsWith(Prefix, StringComparison.Ordinal) && refName.Length >= Prefix.Length + HexLength
            && !refName.AsSpan(Prefix.Length, HexLength).ContainsAnyExcept("0123456789abcdef")
            && refName[(Prefix.Length + HexLength)..] is "" or ".sig" or ".att" or ".sbom";
    }
}
