namespace Passthrough.Core.Archive.Reading;

/// <summary>A read-only stream over a range of an archive; each has its own position, so that many can be read at once.</summary>
/// <param name="owned">Is closed with the stream.</param>
sealed class ArchiveRange(ArchiveBytes archive, long start, long length, IDisposable? owned = null) : Stream
{
    long position;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => position;
        set => position = value is >= 0 && value <= length ? value : throw new ArgumentOutOfRangeException(nameof(value));
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        var wanted = (int)Math.Min(buffer.Length, length - position);
        return wanted == 0 ? 0 : Advance(archive.Read(buffer[..wanted], start + position));
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var wanted = (int)Math.Min(buffer.Length, length - position);
        return wanted == 0 ? 0 : Advance(await archive.ReadAsync(buffer[..wanted], start + position, cancellationToken));
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => position,
        _ => length,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            owned?.Dispose();
        base.Dispose(disposing);
    }

    int Advance(int count)
    {
        if (count == 0)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{archive.Path} ended at byte {start + position} although it was longer when it was opened", "do not change an archive while it is read");
        position += count;
        return count;
    }
}
