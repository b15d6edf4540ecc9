namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// The bytes of an archive, readable at any offset by many readers at once. One file, the parts of a split set as one, or what a compressed file holds.
/// </summary>
public abstract class ArchiveBytes : IDisposable
{
    /// <summary>What messages call it: the path that the user gave.</summary>
    public abstract string Path { get; }

    /// <summary>In bytes.</summary>
    public abstract long Length { get; }

    /// <summary>What it takes on its medium, in bytes: less than its length where it is compressed.</summary>
    public virtual long StoredSize => Length;

    /// <summary>The files that it consists of.</summary>
    public virtual IEnumerable<ArchivePart> Files => [new(Path, StoredSize)];

    /// <summary>What to do where it ends too early.</summary>
    public virtual string WhenTruncated => "copy it again; sha256sum -c of the .sha256 file beside it tells whether a copy is whole";

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

    /// <summary>Whether these bytes can be read; they cannot where a part of a split set is missing.</summary>
    public virtual bool Holds(long offset, long length) => true;

    /// <summary>A stream over a part of the archive.</summary>
    public Stream OpenRange(long offset, long length) => new ArchiveRange(this, offset, length);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}
