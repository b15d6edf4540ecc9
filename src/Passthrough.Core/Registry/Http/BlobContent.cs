using System.Net;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry.Http;

/// <summary>A blob as the body of an upload: sent with its length, hashed on the way, watched for progress.</summary>
sealed class BlobContent : HttpContent
{
    const int BufferSize = 256 * 1024;

    /// <summary>More than HttpClient collects before it writes, so that nothing stays behind in its buffer.</summary>
    const int SmallestFiller = 64 * 1024;

    readonly Stream source;
    readonly Descriptor blob;
    readonly Watchdog watchdog;
    readonly ConnectionOptions options;

    public BlobContent(Stream source, Descriptor blob, Watchdog watchdog, ConnectionOptions options)
    {
        this.source = source;
        this.blob = blob;
        this.watchdog = watchdog;
        this.options = options;
        Headers.ContentType = new("application/octet-stream");
        Headers.ContentLength = blob.Size;
    }

    /// <summary>What went wrong on the side that the bytes come from: HttpClient hides it in an exception of its own.</summary>
    public Exception? SourceFault { get; private set; }

    /// <summary>The digest of what was sent; null until all of it was.</summary>
    public Digest? Sent { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        using var hash = blob.Digest.StartHash();
        var buffer = new byte[(int)Math.Min(BufferSize, Math.Max(blob.Size, 1))];
        long sent = 0;
        while (await ReadAsync(buffer, sent, cancellationToken) is var count && count > 0)
        {
            hash.AppendData(buffer.AsSpan(0, count));
            try
            {
                await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            }
            catch (IOException) when (blob.Size - sent - count >= SmallestFiller)
            {
                await PretendAsync(stream, blob.Size - sent - count, cancellationToken);
                watchdog.Allow(options.Timeout);
                return;
            }

            sent += count;
            watchdog.Allow(options.StallTimeout);
        }

        Sent = Digest.Finish(hash);
        // The server hashes and moves it before it answers.
        watchdog.Allow(options.AnswerTimeout);
    }

    // A server that refuses a body answers, and closes while it is being sent. HttpClient reads that answer only if the content seems to
    // have been written; the
    // socket is dead by now, so that no byte of this goes anywhere.
    static async Task PretendAsync(Stream stream, long remaining, CancellationToken cancellationToken)
    {
        var filler = new byte[BufferSize];
        while (remaining > 0)
        {
            var count = (int)(remaining <= filler.Length ? remaining : Math.Min(filler.Length, remaining - SmallestFiller));
            try
            {
                await stream.WriteAsync(filler.AsMemory(0, count), cancellationToken);
            }
            catch (IOException)
            {
                // As expected.
            }

            remaining -= count;
        }
    }

    async Task<int> ReadAsync(byte[] buffer, long sent, CancellationToken cancellation)
    {
        try
        {
            var count = sent == blob.Size ? 0 : await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, blob.Size - sent)), cancellation);
            return count > 0 || sent == blob.Size ? count : throw new EndOfStreamException($"blob {blob.Digest} ends after {sent} of {blob.Size} bytes");
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            SourceFault = e;
            throw;
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = blob.Size;
        return true;
    }
}
