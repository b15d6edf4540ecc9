using System.Collections.Immutable;
using System.Text;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// One member of a planned archive. There are tens of thousands, so that name and header are made when they are asked for.
/// </summary>
/// <param name="name">In the tar; null for what is called by its digest.</param>
/// <param name="digest">Of what is called by it.</param>
/// <param name="headerOffset">Where the bytes before the content begin.</param>
/// <param name="size">Of the content, without padding.</param>
public sealed class PlannedMember(string? name, Digest? digest, long headerOffset, long size)
{
    const int FileMode = 0b110_100_100;
    const int DirectoryMode = 0b111_101_101;

    /// <summary>In the tar.</summary>
    public string Name => name ?? $"blobs/{digest!.Algorithm}/{digest.Hex}";

    public bool IsDirectory { get; init; }

    /// <summary>What is known already; null for a blob.</summary>
    public ReadOnlyMemory<byte>? Content { get; init; }

    /// <summary>What must be fetched; null where the content is known.</summary>
    public Descriptor? Blob { get; init; }

    /// <summary>Where the blob can be had.</summary>
    public ImmutableArray<Reference> Origins { get; init; } = [];

    /// <summary>Where the bytes before the content begin.</summary>
    public long HeaderOffset => headerOffset;

    /// <summary>Of the content, without padding.</summary>
    public long Size => size;

    /// <summary>Where the content begins.</summary>
    public long Offset => headerOffset + HeaderLength;

    /// <summary>Where the next member begins.</summary>
    public long End => Offset + TarIndex.Padded(size);

    int HeaderLength => TarHeader.NeedsLongName(Name) ? (2 * TarHeader.BlockSize) + (int)TarIndex.Padded(Encoding.UTF8.GetByteCount(Name) + 1) : TarHeader.BlockSize;

    /// <summary>The bytes before the content. A name that does not fit (sha512) is written as GNU tar does: a member of its own before it. skopeo, containerd and oras read that.</summary>
    public byte[] Header()
    {
        var blocks = new byte[HeaderLength];
        var own = blocks.AsSpan(blocks.Length - TarHeader.BlockSize);
        TarHeader.Write(own, Name, IsDirectory ? TarHeader.Directory : TarHeader.RegularFile, IsDirectory ? DirectoryMode : FileMode, size);
        if (own.Length < blocks.Length)
        {
            TarHeader.Write(blocks, "././@LongLink", TarHeader.GnuLongName, 0, Encoding.UTF8.GetByteCount(Name) + 1);
            Encoding.UTF8.GetBytes(Name, blocks.AsSpan(TarHeader.BlockSize));
        }

        return blocks;
    }
}
