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
    readonly ConcurrentDictionary<string, byte[]> blobs = new();
    readonly ConcurrentDictionary<string, RawManifest> manifests = new();
    readonly ConcurrentQueue<string> requests = new();
    int reading;

    public RegistryTraits Traits { get; set; } = new();

    /// <summary>What was asked, in order: <c>HEAD manifest repo:tag</c>, <c>PUT blob repo@digest</c>, ….</summary>
    public IReadOnlyList<string> Requests => [.. requests];

    public IEnumerable<string> Writes => requests.Where(request => !request.StartsWith("HEAD ", StringComparison.Ordinal) && !request.StartsWith("GET ", StringComparison.Ordinal));

    /// <summary>Refuses to mount, so that content is sent.</summary>
    public bool RefusesMounts { get; set; }

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
            blobs[Key(name, blob.Digest)] = blob.Bytes;
        foreach (var manifest in image.Manifests)
            manifests[Key(name, manifest.Digest)] = manifest.Manifest;
        if (name.Tag is not null)
            manifests[$"{name.Repository}:{name.Tag}"] = image.Manifest;
    }

    /// <summary>Whether the repository has everything of the image, and the tag names it.</summary>
    public bool Holds(BuiltImage image, string reference)
    {
        var name = Reference.Parse(reference);
        return manifests.TryGetValue($"{name.Repository}:{name.Tag}", out var tagged) && tagged.Digest == image.Digest
            && image.Manifests.All(manifest => manifests.TryGetValue(Key(name, manifest.Digest), out var raw) && raw.Bytes.Span.SequenceEqual(manifest.Manifest.Bytes.Span))
            && image.AllBlobs.All(blob => blobs.TryGetValue(Key(name, blob.Digest), out var bytes) && bytes.AsSpan().SequenceEqual(blob.Bytes));
    }

    public void RemoveBlob(string repository, Digest digest) => blobs.TryRemove($"{repository}@{digest}", out _);

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation)
    {
        requests.Enqueue($"HEAD manifest {Key(image)}");
        return Task.FromResult(manifests.GetValueOrDefault(Key(image))?.Descriptor);
    }

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation)
    {
        requests.Enqueue($"GET manifest {Key(image)}");
        return Task.FromResult(manifests.GetValueOrDefault(Key(image)));
    }

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
    {
        requests.Enqueue($"GET blob {Key(repository, blob.Digest)} {offset}");
        if (!blobs.TryGetValue(Key(repository, blob.Digest), out var bytes))
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
        return Task.FromResult(blobs.ContainsKey(Key(repository, blob.Digest)));
    }

    public async Task<BlobOutcome> PutBlobAsync(Reference repository, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation)
    {
        BeforePutBlob?.Invoke(repository, blob);
        if (mountFrom is not null && !RefusesMounts && blobs.TryGetValue($"{mountFrom}@{blob.Digest}", out var mounted))
        {
            requests.Enqueue($"MOUNT blob {Key(repository, blob.Digest)} {mountFrom}");
            blobs[Key(repository, blob.Digest)] = mounted;
            return BlobOutcome.Mounted;
        }

        requests.Enqueue($"PUT blob {Key(repository, blob.Digest)}");
        using var content = new MemoryStream();
        await using (var stream = await open(cancellation))
            await stream.CopyToAsync(content, cancellation);
        if (blob.Digest.OfSameAlgorithm(content.ToArray()) != blob.Digest)
            throw new ModuleException("DIGEST_INVALID", $"the registry refused blob {blob.Digest}") { HttpStatus = 400 };
        blobs[Key(repository, blob.Digest)] = content.ToArray();
        return BlobOutcome.Uploaded;
    }

    public Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation)
    {
        requests.Enqueue($"PUT manifest {Key(image)}");
        var parsed = Manifest.Parse(manifest);
        var missing = parsed.Blobs.Where(blob => !ManifestTree.IsForeign(blob) && !blobs.ContainsKey(Key(image, blob.Digest)))
            .Concat(parsed.Manifests.Where(child => !manifests.ContainsKey(Key(image, child.Digest)))).ToList();
        if (missing.Count > 0)
            throw new ModuleException("MANIFEST_BLOB_UNKNOWN", $"the registry refused {image}: it does not know {missing[0].Digest}") { HttpStatus = 400 };
        manifests[Key(image, manifest.Digest)] = manifest;
        if (image.Tag is not null)
            manifests[Key(image)] = manifest;
        AfterPutManifest?.Invoke(image);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> ListTagsAsync(Reference repository, CancellationToken cancellation)
    {
        requests.Enqueue($"GET tags {repository.Repository}");
        return Task.FromResult<IReadOnlyList<string>>([.. manifests.Keys.Where(key => key.StartsWith(repository.Repository + ":", StringComparison.Ordinal)).Select(key => key[(repository.Repository.Length + 1)..])]);
    }

    public Task RemoveTagAsync(Reference image, CancellationToken cancellation)
    {
        requests.Enqueue($"DELETE tag {Key(image)}");
        manifests.TryRemove(Key(image), out _);
        return Task.CompletedTask;
    }

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
