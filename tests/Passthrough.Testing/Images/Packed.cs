using System.IO.Compression;

namespace Passthrough.Testing.Images;

/// <summary>Compressed content, without the tools that a machine may lack.</summary>
public static class Packed
{
    public static byte[] Gzip(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(content);
        return packed.ToArray();
    }

    /// <summary>A zstd frame of raw blocks, which every decoder takes (RFC 8878); no checksum.</summary>
    public static byte[] Zstd(byte[] content)
    {
        const int LargestBlock = 128 * 1024;
        using var packed = new MemoryStream();
        // The size of the content in eight bytes, which is the window, too.
        packed.Write([0x28, 0xB5, 0x2F, 0xFD, 0xE0, .. BitConverter.GetBytes((long)content.Length)]);
        for (var at = 0; at < content.Length || at == 0;)
        {
            var size = Math.Min(LargestBlock, content.Length - at);
            var isLast = at + size == content.Length;
            var header = (size << 3) | (isLast ? 1 : 0);
            packed.Write([(byte)header, (byte)(header >> 8), (byte)(header >> 16)]);
            packed.Write(content, at, size);
            at += size;
            if (isLast)
                break;
        }

        return packed.ToArray();
    }
}
