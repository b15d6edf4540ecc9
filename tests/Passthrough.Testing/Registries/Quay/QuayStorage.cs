using System.Security.Cryptography;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>
/// Bytes of blobs, one copy for all repositories, and uploads on their way there. A part of an upload without Quay's own form of Content-Range is written at the
/// beginning, over what is there, while the digest is taken over the bytes as they came: what is stored is damaged, and stays so, since a digest that is there is
/// never written again (registries.md B.5).
/// </summary>
sealed class QuayStorage
{
    readonly Dictionary<string, (byte[] Stored, long Size)> blobs = new(StringComparer.Ordinal);
    readonly Dictionary<string, QuayUpload> uploads = new(StringComparer.Ordinal);

    public QuayUpload Start(string repository)
    {
        var upload = new QuayUpload(Guid.NewGuid().ToString(), repository);
        uploads[upload.Id] = upload;
        return upload;
    }

    public QuayUpload? Find(string repository, string id) => uploads.TryGetValue(id, out var upload) && upload.Repository == repository ? upload : null;

    public void Remove(QuayUpload upload)
    {
        uploads.Remove(upload.Id);
        upload.Dispose();
    }

    /// <summary>What is stored, and the size that the database has for it.</summary>
    public (byte[] Stored, long Size)? Blob(string digest) => blobs.TryGetValue(digest, out var blob) ? blob : null;

    public void Add(string digest, byte[] bytes) => blobs.TryAdd(digest, (bytes, bytes.Length));

    /// <summary>Ends an upload.</summary>
    /// <returns>False where what came does not have that digest; the upload is gone either way.</returns>
    public bool Commit(QuayUpload upload, string digest)
    {
        var (stored, size, actual) = (upload.Stored.ToArray(), upload.Received, upload.Digest());
        Remove(upload);
        if (digest != actual)
            return false;
        blobs.TryAdd(digest, (stored, size));
        return true;
    }
}

sealed class QuayUpload(string id, string repository) : IDisposable
{
    readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public string Id => id;

    public string Repository => repository;

    /// <summary>As it lies on the disk.</summary>
    public MemoryStream Stored { get; } = new();

    /// <summary>How many bytes were counted.</summary>
    public long Received { get; private set; }

    /// <returns>False where a gap would be left.</returns>
    public bool Write(ReadOnlySpan<byte> part, long start)
    {
        if (start > Received)
            return false;
        if (start > 0 && start < Received)
        {
            // What was received before is skipped.
            var overlap = (int)Math.Min(Received - start, part.Length);
            part = part[overlap..];
            start = Received;
        }

        hash.AppendData(part);
        Stored.Position = start;
        Stored.Write(part);
        Received += part.Length;
        return true;
    }

    public string Digest() => Core.Oci.Digest.Finish(hash).ToString();

    public void Dispose()
    {
        hash.Dispose();
        Stored.Dispose();
    }
}

/// <summary>What the database has of one repository.</summary>
sealed class QuayRepositoryContent
{
    /// <summary>Blobs that were uploaded or mounted into it.</summary>
    public HashSet<string> Blobs { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, RawManifest> Manifests { get; } = new(StringComparer.Ordinal);

    /// <summary>By name: what it names now, or where <c>Until</c> is set, named last.</summary>
    public List<QuayTag> Tags { get; } = [];

    /// <summary>Manifests that were pushed by digest and named by nothing else.</summary>
    public HashSet<string> Untagged { get; } = new(StringComparer.Ordinal);

    public IEnumerable<QuayTag> Alive => Tags.Where(tag => tag.Until is null);

    public string? Resolve(string tag) => Alive.FirstOrDefault(one => one.Name == tag)?.Digest;

    /// <summary>Whether a manifest can be had by its digest: tagged, just pushed, or part of one that is.</summary>
    public bool IsAlive(string digest) =>
        Untagged.Contains(digest)
        || Alive.Any(tag => tag.Digest == digest)
        || Manifests.Values.Any(other => other.Digest.ToString() != digest && MediaTypes.IsIndex(other.MediaType) && Manifest.Parse(other).Manifests.Any(child => child.Digest.ToString() == digest) && IsAlive(other.Digest.ToString()));

    public void Point(string tag, string digest, DateTimeOffset now)
    {
        EndTag(tag, now);
        Tags.Add(new QuayTag(tag, digest, now));
    }

    /// <summary>Ends tags whose time is over.</summary>
    public void Expire(DateTimeOffset now)
    {
        foreach (var tag in Alive.Where(tag => tag.ExpiresAt <= now).ToList())
            EndTag(tag.Name, now);
    }

    public void SetExpiry(string name, DateTimeOffset at)
    {
        var index = Tags.FindIndex(tag => tag.Name == name && tag.Until is null);
        Tags[index] = Tags[index] with { ExpiresAt = at };
    }

    public bool EndTag(string name, DateTimeOffset now)
    {
        var at = Tags.FindIndex(tag => tag.Name == name && tag.Until is null);
        if (at >= 0)
            Tags[at] = Tags[at] with { Until = now };
        return at >= 0;
    }
}

sealed record QuayTag(string Name, string Digest, DateTimeOffset Since)
{
    public DateTimeOffset? Until { get; init; }

    /// <summary>When it goes by itself.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
