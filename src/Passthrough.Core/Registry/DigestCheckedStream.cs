using System.Security.Cryptography;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>
/// Hashes what is read through it and throws before it hands out the last bytes if the whole is not what its digest says:
/// a receiver that waits for all bytes never gets a wrong blob complete.
/// </summary>
public sealed class DigestCheckedStream : ReadOnlyStream
{
    readonly Stream inner;
    readonly Descriptor blob;
    readonly string source;
    readonly TransferProgress? progress;
    readonly IncrementalHash hash;
    long position;

    /// <param name="inner">The blob from its first byte; disposed with this stream.</param>
    /// <param name="blob">What it should be.</param>
    /// <param name="source">What a message calls the place it comes from.</param>
    /// <param name="progress">Told about every byte; what was told is taken back when the stream is closed before its end.</param>
    public DigestCheckedStream(Stream inner, Descriptor blob, string source, TransferProgress? progress = null)
    {
        this.inner = inner;
        this.blob = blob;
        this.source = source;
        this.progress = progress;
        hash = blob.Digest.StartHash();
        // An empty blob is never read: check it here.
        if (blob.Size == 0)
            CheckEnd();
    }

    /// <summary>Whether everything was read and is what it should be.</summary>
    public bool IsComplete { get; private set; }

    public override long Length => blob.Size;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var count = inner.Read(buffer);
        Account(buffer[..count], buffer.IsEmpty);
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        Account(buffer.Span[..count], buffer.IsEmpty);
        return count;
    }

    void Account(ReadOnlySpan<byte> bytes, bool nothingAsked)
    {
        if (bytes.IsEmpty)
        {
            if (!IsComplete && !nothingAsked)
                throw Mismatch($"ends after {position} of {blob.Size} bytes");
            return;
        }

        position += bytes.Length;
        if (position > blob.Size)
            throw Mismatch($"has more than its {blob.Size} bytes");
        hash.AppendData(bytes);
        progress?.AddBytes(bytes.Length);
        if (position == blob.Size)
            CheckEnd();
    }

    void CheckEnd()
    {
        var actual = Digest.Finish(hash);
        if (actual != blob.Digest)
            throw Mismatch($"has the digest {actual}");
        IsComplete = true;
    }

    ModuleException Mismatch(string what) =>
        new(ErrorCodes.DigestMismatch, $"blob {blob.Digest} in {source} is damaged: it {what}", "get or save the archive again; nothing of this image was delivered") { Blob = blob.Digest.ToString() };

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            if (!IsComplete)
                progress?.AddBytes(-position);
            position = 0;
            hash.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
