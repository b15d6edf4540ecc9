using System.Collections.Concurrent;
using Passthrough.Core;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Testing.Images;

namespace Passthrough.Testing.Registries;

/// <summary>
/// A registry in memory that is as strict as a real one (a manifest is refused while something it names is missing) and can be told to fail.
/// One instance answers for every registry host: the host of a reference is ignored.
/// </summary>
public sealed class MemoryRegistry : IImageTarget
{
    readonly MemoryContent content = new();
    readonly ConcurrentQueue<string> requests = new();
    int reading;

    public RegistryTraits Traits { get; set; } = new();

    /// <summary>What was asked, in order: <c>HEAD manifest repo:tag</c>, <c>PUT blob repo@digest</c>, ….</summary>
    public IReadOnlyList<string> Requests => [.. requests];

    public IEnumerable<string> Writes => requests.Where(request => !request.StartsWith("HEAD ", StringComparison.Ordinal) && !request.StartsWith("GET ", StringComparison.Ordinal));

    /// <summary>Refuses to mount, so that content is sent.</summary>
    public bool RefusesMounts { get; set; }

    /// <summary>Answers HEAD of a manifest as if there were none, as some proxies do.</summary>
    public bool HidesManifestsFromHead { get; set; }

    /// <summary>Called before a blob is put; may throw.</summary>
    public Action<Reference, Descriptor>? BeforePutBlob { get; set; }

    /// <summary>Called after a manifest was put.</summary>
    public Action<Reference>? AfterPutManifest { get; set; }

    /// <summary>Wraps the content of a blob that is read, from the given offset on.</summary>
    public Func<Descriptor, long, Stream, Stream>? OnOpen { get; set; }

    /// <summary>The most blobs that were open for reading at once.</summary>
    public int MostOpen { get; private set; }

    public void ClearRequests() => requests.Clear();

    /// <summary>Puts an image there, as if it had always been there.</summary>
    public void Add(BuiltImage image, string reference)
    {
        var name = Reference.Parse(reference);
        foreach (var blob in image.AllBlobs)
            content.PutBlob(name.Repository, blob.Digest, blob.Bytes);
        foreach (var manifest in image.Manifests)
            content.PutManifest(name.Repository, manifest.Manifest, tag: null);
        content.PutManifest(name.Repository, image.Manifest, name.Tag);
    }

    /// <summary>Whether the repository has everything of the image, and the tag names it.</summary>
    public bool Holds(BuiltImage image, string reference)
    {
        var name = Reference.Parse(reference);
        return name.Tag is not null && content.Manifest(name.Repository, name.Tag)?.Digest == image.Digest
            && image.Manifests.All(manifest => content.Manifest(name.Repository, manifest.Digest.ToString()) is { } raw && raw.Bytes.Span.SequenceEqual(manifest.Manifest.Bytes.Span))
            && image.AllBlobs.All(blob => content.Blob(name.Repository, blob.Digest) is { } bytes && bytes.AsSpan().SequenceEqual(blob.Bytes));
    }

    public void RemoveBlob(string repository, Digest digest) => content.RemoveBlob(repository, digest);

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation)
    {
        requests.Enqueue($"HEAD manifest {Key(image)}");
        return Task.FromResult(HidesManifestsFromHead ? null : Find(image)?.Descriptor);
    }

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation)
    {
        requests.Enqueue($"GET manifest {Key(image)}");
        return Task.FromResult(Find(image));
    }

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
    {
        requests.Enqueue($"GET blob {Key(repository, blob.Digest)} {offset}");
        if (content.Blob(repository.Repository, blob.Digest) is not { } bytes)
            throw new ModuleException(ErrorCodes.NotFound, $"blob {blob.Digest} is not in {repository.Name}") { HttpStatus = 404 };
        Stream stream = new MemoryStream(bytes, (int)offset, bytes.Length - (int)offset);
        lock (requests)
            MostOpen = Math.Max(MostOpen, ++reading);
        stream = new Counted(OnOpen?.Invoke(blob, offset, stream) ?? stream, () => Interlocked.Decrement(ref reading));
        return Task.FromResult(stream);
    }

    public Task<bool> HasBlobAsync(Reference repository, Descriptor blob, CancellationToken cancellation)
    {
        requests.Enqueue($"HEAD blob {Key(repository, blob.Digest)}");
        return Task.FromResult(content.Blob(repository.Repository, blob.Digest) is not null);
    }

    public async Task<BlobOutcome> PutBlobAsync(Reference repository, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation)
    {
        BeforePutBlob?.Invoke(repository, blob);
        if (mountFrom is not null && !RefusesMounts && content.Mount(mountFrom, repository.Repository, blob.Digest))
        {
            requests.Enqueue($"MOUNT blob {Key(repository, blob.Digest)} {mountFrom}");
            return BlobOutcome.Mounted;
        }

        requests.Enqueue($"PUT blob {Key(repository, blob.Digest)}");
        using var received = new MemoryStream();
        await using (var stream = await open(cancellation))
            await stream.CopyToAsync(received, cancellation);
        if (blob.Digest.OfSameAlgorithm(received.ToArray()) != blob.Digest)
            throw new ModuleException("DIGEST_INVALID", $"the registry refused blob {blob.Digest}") { HttpStatus = 400 };
        content.PutBlob(repository.Repository, blob.Digest, received.ToArray());
        return BlobOutcome.Uploaded;
    }

    public Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation)
    {
        requests.Enqueue($"PUT manifest {Key(image)}");
        var missing = content.Missing(image.Repository, Manifest.Parse(manifest));
        if (missing.Count > 0)
            throw new ModuleException("MANIFEST_BLOB_UNKNOWN", $"the registry refused {image}: it does not know {missing[0].Digest}") { HttpStatus = 400 };
        content.PutManifest(image.Repository, manifest, image.Tag);
        AfterPutManifest?.Invoke(image);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> ListTagsAsync(Reference repository, CancellationToken cancellation)
    {
        requests.Enqueue($"GET tags {repository.Repository}");
        return Task.FromResult(content.Tags(repository.Repository));
    }

    public Task RemoveTagAsync(Reference image, CancellationToken cancellation)
    {
        requests.Enqueue($"DELETE tag {Key(image)}");
        content.RemoveTag(image.Repository, image.Tag!);
        return Task.CompletedTask;
    }

    RawManifest? Find(Reference image) => content.Manifest(image.Repository, image.Digest?.ToString() ?? image.Tag ?? "");

    static string Key(Reference image) => image.Digest is { } digest ? $"{image.Repository}@{digest}" : $"{image.Repository}:{image.Tag}";

    static string Key(Reference repository, Digest digest) => $"{repository.Repository}@{digest}";

    /// <summary>Tells when it is closed.</summary>
    sealed class Counted(Stream inner, Action closed) : Stream
    {
        bool isClosed;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => inner.Length;

        public override long Position { get => inner.Position; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (!isClosed)
                closed();
            isClosed = true;
            inner.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>A body that breaks off after some bytes, as a dropped connection does.</summary>
public sealed class BrokenStream(Stream inner, int bytesBeforeBreak) : Stream
{
    int left = bytesBeforeBreak;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (left == 0)
            throw new IOException("the connection was reset");
        var read = inner.Read(buffer, offset, Math.Min(count, left));
        left -= read;
        return read;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }
}
