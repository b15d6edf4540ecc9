using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive;

/// <summary>
/// What archives of all formats do alike: manifests by digest, their bytes checked; blobs where the format keeps them. A format says what its images
/// are and where the content of a digest stands.
/// </summary>
public abstract class ImageArchive(ArchiveTree tree, string format) : IArchive
{
    /// <summary>Archives are written by appending, so a name may stand twice; more often is an attack on our time.</summary>
    const int MostOfOneName = 16;

    readonly Dictionary<Digest, ReadOnlyMemory<byte>> known = [];
    readonly Dictionary<Digest, bool> whole = [];
    readonly Dictionary<Digest, ManifestFacts> facts = [];
    readonly RecentManifests recent = new();
    long knownBytes;
    Dictionary<string, Digest>? byReference;

    public string Path => tree.Path;

    public string Format => format;

    public virtual string Id => ArchivePlan.IdOf(Encoding.UTF8.GetBytes(string.Join('\n', Images.Select(image => $"{image.Reference?.ToString() ?? image.Name} {image.Root.Digest}").Order(StringComparer.Ordinal))));

    public virtual ModuleException? IndexFault => null;

    public long Size => tree.Size;

    public IEnumerable<ArchivePart> Files => tree.Files;

    public ImmutableArray<ArchivedImage> Images { get; protected set; } = [];

    public ImmutableArray<Descriptor> Attachments { get; protected set; } = [];

    public ImmutableArray<ReleaseSignatures> Signatures { get; protected set; } = [];

    public ImmutableArray<SkippedContent> Skipped { get; protected set; } = [];

    public int Dangling { get; protected set; }

    public string? WhenIncomplete { get; protected set; }

    public virtual IEnumerable<Descriptor> Contents =>
        ContentMembers().DistinctBy(content => content.Digest).Select(content => new Descriptor("application/octet-stream", content.Digest, content.Member.Size))
            .Concat(known.Select(content => new Descriptor("application/octet-stream", content.Key, content.Value.Length)));

    protected ArchiveTree Tree => tree;

    public bool Has(Descriptor blob) =>
        known.TryGetValue(blob.Digest, out var bytes) ? bytes.Length == blob.Size : Candidates(blob.Digest).Any(member => member.Size == blob.Size && member.IsPresent);

    public ModuleException? LinkFault(Digest digest) =>
        known.ContainsKey(digest)
            || Find(digest).Take(MostOfOneName).ToList() is not [{ IsFile: false, Entry.LinkName.Length: > 0 } link, ..] found
                || found.Exists(member => member.IsFile)
            ? null
            : new ModuleException(
                ErrorCodes.ArchiveCorrupt,
                $"{digest} in {Path} is a link to {link.Entry.LinkName}, which is not followed",
                "make the archive again with the files instead of links to them (tar --dereference)")
            { Blob = digest.ToString() };

    public virtual bool IsLeftToBase(Digest blob) => false;

    public virtual IEnumerable<Reference> HoldersOf(Digest blob) => [];

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) =>
        Task.FromResult(Locate(image) is { } digest ? ReadManifest(digest)?.Descriptor : null);

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation) =>
        Task.FromResult(Locate(image) is { } digest ? ReadManifest(digest) : null);

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
    {
        if (known.TryGetValue(blob.Digest, out var bytes) && bytes.Length == blob.Size)
            return Task.FromResult<Stream>(new MemoryStream(bytes[(int)offset..].ToArray(), writable: false));
        var candidates = Candidates(blob.Digest).ToList();
        if (candidates.Count == 0)
            throw LinkFault(blob.Digest)
                ?? new ModuleException(ErrorCodes.NotFound, $"blob {blob.Digest} is not in {Path}", WhenIncomplete
                    ?? "the archive is incomplete: make it again, with all platforms of its images")
                { Blob = blob.Digest.ToString() };
        var fitting = candidates.Where(member => member.Size == blob.Size).ToList();
        if (fitting.Count == 0)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"blob {blob.Digest} has {candidates[0].Size} bytes in {Path}, its manifest says {blob.Size}", "make the archive again") { Blob = blob.Digest.ToString() };
        // Of several with one name and one size, the one that is what it is called.
        var chosen = fitting is [var only] ? only : fitting.Find(member => HasDigest(member, blob.Digest)) is { Tree: not null } right ? right : fitting[0];
        return Task.FromResult(chosen.Open(offset));
    }

    /// <summary>A file of the archive beside its images, whole; null where there is none or it is larger than an index may be.</summary>
    public byte[]? ReadFile(string name) => tree.ReadFile(name, Limits.IndexBytes);

    /// <summary>The same, to be read entry by entry; null where there is none or it is larger than a list may be.</summary>
    internal Stream? OpenFile(string name) => tree.FindFile(name) is { Size: <= Limits.ListBytes, IsPresent: true } file ? file.Open()
        : null;

    /// <summary>Where the content of a digest stands, by name; the names of damaged and doubled ones too.</summary>
    protected abstract IEnumerable<ArchiveMember> Find(Digest digest);

    /// <summary>All members that hold content, with the digest that their names claim.</summary>
    protected abstract IEnumerable<ArchivedContent> ContentMembers();

    /// <summary>Adds content that is no file of the archive: a manifest that had to be composed, or that stands inside another file.</summary>
    protected Digest Add(ReadOnlyMemory<byte> content)
    {
        var digest = Digest.Sha256(content.Span);
        Add(content, digest);
        return digest;
    }

    /// <param name="content">What it is.</param>
    /// <param name="digest">Its digest, which the caller has checked.</param>
    protected void Add(ReadOnlyMemory<byte> content, Digest digest)
    {
        if (!known.TryAdd(digest, content))
            return;
        knownBytes += content.Length;
        if (knownBytes > Limits.ComposedBytes)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt,
                $"{Path} holds manifests of more than {Limits.ComposedBytes} bytes that are no files of it",
                    "save its images in several archives");
    }

    /// <summary>The manifest, or null where the archive does not have it.</summary>
    /// <exception cref="ModuleException">It is damaged.</exception>
    protected RawManifest? ReadManifest(Digest digest)
    {
        if (recent.Find(digest) is { } manifest)
            return manifest;
        if (known.TryGetValue(digest, out var bytes))
            return recent.Keep(WithMediaType(bytes, digest));
        ArchiveMember? damaged = null;
        foreach (var member in Candidates(digest).Where(member => member.IsPresent))
        {
            damaged ??= member;
            if (member.Size > Limits.ManifestBytes)
                continue;
            var content = member.Read();
            if (digest.OfSameAlgorithm(content) == digest)
                return recent.Keep(WithMediaType(content, digest));
        }

        return damaged is not { } first ? LinkFault(digest) is { } link ? throw link : null
            : throw (first.Size > Limits.ManifestBytes
                ? new ModuleException(
                    ErrorCodes.ArchiveCorrupt,
                    $"manifest {digest} in {Path} has {first.Size} bytes, the limit is {Limits.ManifestBytes}",
                    "make the archive again")
                { Blob = digest.ToString() }
                : new ModuleException(ErrorCodes.DigestMismatch, $"manifest {digest} in {first.Place} is damaged: its bytes do not have that digest", "copy or make the archive again") { Blob = digest.ToString() });
    }

    /// <summary>What an image's manifest is called by, also where it is damaged (whoever reads it says so) or not there at all.</summary>
    protected Descriptor Describe(Digest digest) => FactsOf(digest).Descriptor;

    /// <summary>What is asked of a manifest without its blobs; asked again and again, for one manifest may have many names.</summary>
    protected ManifestFacts FactsOf(Digest digest)
    {
        if (!facts.TryGetValue(digest, out var known))
            facts[digest] = known = ReadFacts(digest);
        return known;
    }

    // A damaged manifest is found by whoever needs it.
    ManifestFacts ReadFacts(Digest digest)
    {
        RawManifest? raw = null;
        try
        {
            raw = ReadManifest(digest);
            var manifest = raw is null ? null : Manifest.Parse(raw);
            return new ManifestFacts(raw?.Descriptor ?? new Descriptor(MediaTypes.OciManifest, digest, 0), manifest?.Subject?.Digest,
                (manifest as ImageManifest)?.Config);
        }
        catch (ModuleException)
        {
            return new ManifestFacts(raw?.Descriptor
                ?? new Descriptor(MediaTypes.OciManifest, digest, Candidates(digest).FirstOrDefault()?.Size ?? 0), null, null);
        }
    }

    /// <summary>Whether everything that a manifest refers to is in the archive; the content of blobs is not read.</summary>
    internal bool IsWhole(Digest root) => IsWhole(root, depth: 1);

    // Many indexes may name one child, and many times: what was found out about it holds.
    bool IsWhole(Digest digest, int depth)
    {
        if (whole.TryGetValue(digest, out var isWhole))
            return isWhole;
        try
        {
            isWhole = depth <= Limits.ImageDepth && ReadManifest(digest) is { } raw && Manifest.Parse(raw) is var manifest
                && manifest.Blobs.All(blob => ManifestTree.IsForeign(blob) || Has(blob)) && manifest.Manifests.All(child => IsWhole(child.Digest, depth + 1));
        }
        catch (ModuleException)
        {
            isWhole = false;
        }

        return whole[digest] = isWhole;
    }

    IEnumerable<ArchiveMember> Candidates(Digest digest) => Find(digest).Where(member => member.IsFile).Take(MostOfOneName);

    static bool HasDigest(ArchiveMember member, Digest digest)
    {
        using var hash = digest.StartHash();
        using var stream = member.Open();
        var buffer = new byte[64 * 1024];
        for (int count; (count = stream.Read(buffer)) > 0;)
            hash.AppendData(buffer.AsSpan(0, count));
        return Digest.Finish(hash) == digest;
    }

    Digest? Locate(Reference image)
    {
        if (image.Digest is { } digest)
            return digest;
        // Several descriptors may have one name in hand-made archives; whoever loads them reports that, the store answers with the first.
        byReference ??= Images.Where(i => i.Reference is not null).DistinctBy(i => i.Reference!.ToString(), StringComparer.Ordinal)
            .ToDictionary(i => i.Reference!.ToString(), i => i.Root.Digest, StringComparer.Ordinal);
        return byReference.TryGetValue(image.ToString(), out var root) ? root : null;
    }

    static RawManifest WithMediaType(ReadOnlyMemory<byte> content, Digest digest)
    {
        try
        {
            return new RawManifest(Manifest.MediaTypeOf(content) ?? MediaTypes.OciManifest, content, digest);
        }
        catch (JsonException e)
        {
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"manifest {digest} {Json.Complaint(e)}", null,
                e)
            { Blob = digest.ToString() };
        }
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) => tree.Dispose();
}

/// <summary>Content that a member of an archive holds, by the digest that its name claims.</summary>
public sealed record ArchivedContent(Digest Digest, ArchiveMember Member);

/// <summary>What a manifest says beside its blobs.</summary>
/// <param name="Descriptor">How it is called; without a size where it is not there.</param>
/// <param name="Subject">What it is about.</param>
/// <param name="Config">The configuration of what is no index.</param>
public sealed record ManifestFacts(Descriptor Descriptor, Digest? Subject, Descriptor? Config);
