using System.Collections.Immutable;

namespace Passthrough.Core.Archive.Reading;

/// <summary>A way in which a whole file may be compressed, told by its first bytes and never by its name: a .tar.gz of hauler is really zstd.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Command">What undoes it by hand.</param>
sealed record Compression(string Name, ImmutableArray<byte> Magic, string Command)
{
    /// <summary>How many first bytes tell.</summary>
    public const int MagicLength = 6;

    static readonly ImmutableArray<Compression> All =
    [
        new("gzip", [0x1F, 0x8B], "gunzip FILE"),
        new("zstd", [0x28, 0xB5, 0x2F, 0xFD], "zstd -d FILE"),
        new("xz", [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0], "xz -d FILE"),
        new("bzip2", [(byte)'B', (byte)'Z', (byte)'h'], "bunzip2 FILE"),
        new("lz4", [0x04, 0x22, 0x4D, 0x18], "lz4 -d FILE"),
        new("lzip", [(byte)'L', (byte)'Z', (byte)'I', (byte)'P'], "lzip -d FILE"),
        new("lzma", [0x5D, 0, 0], "unlzma FILE"),
        new("compress", [0x1F, 0x9D], "uncompress FILE"),
        new("zip", [(byte)'P', (byte)'K', 3, 4], "unzip FILE"),
    ];

    /// <summary>Null for what is not compressed in a way that we know.</summary>
    public static Compression? Of(ReadOnlySpan<byte> start)
    {
        foreach (var compression in All)
        {
            if (start.StartsWith(compression.Magic.AsSpan()))
                return compression;
        }

        return null;
    }
}
