namespace Passthrough.Core.Archive;

/// <summary>
/// The bytes of an archive, readable at any offset by many readers at once. One file today; a split set is another implementation of the same.
/// </summary>
public abstract class ArchiveBytes : IDisposable
{
    /// <summary>What messages call it: the path that the user gave.</summary>
    public abstract string Path { get; }

    /// <summary>In bytes.</summary>
    public abstract long Length { get; }

    /// <summary>Reads at least one byte unless the offset is at the end.</summary>
    public abstract int Read(Span<byte> buffer, long offset);

    /// <inheritdoc cref="Read(Span{byte}, long)"/>
    public abstract ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellation);

    /// <exception cref="ModuleException">The file ends before.</exception>
    public void ReadExactly(Span<byte> buffer, long offset)
    {
        while (!buffer.IsEmpty)
        {
            var count = Read(buffer, offset);
            if (count == 0)
                throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{Path} ended at byte {offset} although it was longer when it was opened", "do not change an archive while it is read");
            buffer = buffer[count..];
            offset += count;
        }
    }

    public byte[] ReadExactly(long offset, int count)
    {
        var bytes = new byte[count];
        ReadExactly(bytes, offset);
        return bytes;
    }

    /// <summary>A stream over a part of the archive.</summary>
    public Stream OpenRange(long offset, long length) => new ArchiveRange(this, offset, length);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
