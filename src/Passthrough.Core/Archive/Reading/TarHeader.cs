using System.Buffers.Binary;
using System.Text;

namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// The 512-byte block before each member of a tar (POSIX.1-1988 ustar, with the GNU and V7 forms that tools still write).
/// </summary>
static class TarHeader
{
    public const int BlockSize = 512;

    /// <summary>The largest size that eleven octal digits can say: 8 GiB − 1. What is larger is written in base 256, as GNU tar does; a PAX record would hide it from oras.</summary>
    public const long MaxOctalSize = 0x1_FFFF_FFFF;

    /// <summary>Name, prefix and link name fields, in bytes.</summary>
    const int NameLength = 100;
    const int PrefixLength = 155;

    public const byte RegularFile = (byte)'0';
    public const byte HardLink = (byte)'1';
    public const byte SymbolicLink = (byte)'2';
    public const byte Directory = (byte)'5';
    public const byte PaxHeader = (byte)'x';
    public const byte PaxGlobalHeader = (byte)'g';
    public const byte GnuLongName = (byte)'L';
    public const byte GnuLongLink = (byte)'K';
    public const byte GnuSparse = (byte)'S';

    public static byte TypeFlag(ReadOnlySpan<byte> block) => block[156];

    public static string Name(ReadOnlySpan<byte> block)
    {
        var name = Text(block[..NameLength]);
        // Only POSIX headers ("ustar" and NUL) have a prefix there; GNU's ("ustar" and blanks) keep times in it.
        var prefix = block[257..263].SequenceEqual("ustar\0"u8) ? Text(block.Slice(345, PrefixLength)) : "";
        return prefix.Length == 0 ? name : prefix + "/" + name;
    }

    public static string LinkName(ReadOnlySpan<byte> block) => Text(block.Slice(157, NameLength));

    /// <summary>The size in bytes; null where the field is no number or a negative one.</summary>
    public static long? Size(ReadOnlySpan<byte> block) => Number(block.Slice(124, 12));

    /// <summary>Whether the checksum in the block is the sum of its bytes, taken as unsigned or, as some old tools did, as signed.</summary>
    public static bool HasValidChecksum(ReadOnlySpan<byte> block)
    {
        long unsigned = 0, signed = 0;
        for (var i = 0; i < BlockSize; i++)
        {
            // The field itself counts as blanks.
            var value = i is >= 148 and < 156 ? (byte)' ' : block[i];
            unsigned += value;
            signed += (sbyte)value;
        }

        return Number(block.Slice(148, 8)) is { } stored && (stored == unsigned || stored == signed);
    }

    /// <summary>Writes a header as this program always writes it: owner 0, time 0, so that the same content gives the same bytes.</summary>
    public static void Write(Span<byte> block, string name, byte typeFlag, int mode, long size)
    {
        block[..BlockSize].Clear();
        var nameBytes = Encoding.UTF8.GetBytes(name);
        nameBytes.AsSpan(0, Math.Min(nameBytes.Length, NameLength)).CopyTo(block);
        WriteOctal(block.Slice(100, 8), mode);
        WriteOctal(block.Slice(108, 8), 0);
        WriteOctal(block.Slice(116, 8), 0);
        if (size <= MaxOctalSize)
        {
            WriteOctal(block.Slice(124, 12), size);
        }
        else
        {
            block[124] = 0x80;
            BinaryPrimitives.WriteInt64BigEndian(block.Slice(128, 8), size);
        }

        WriteOctal(block.Slice(136, 12), 0);
        block[156] = typeFlag;
        "ustar\0"u8.CopyTo(block[257..]);
        "00"u8.CopyTo(block[263..]);
        block.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var value in block[..BlockSize])
            sum += value;
        WriteOctal(block.Slice(148, 7), sum);
    }

    /// <summary>Whether a name needs a GNU long-name member before its own.</summary>
    public static bool NeedsLongName(string name) => Encoding.UTF8.GetByteCount(name) > NameLength;

    static void WriteOctal(Span<byte> field, long value)
    {
        field[^1] = 0;
        for (var i = field.Length - 2; i >= 0; i--, value >>= 3)
            field[i] = (byte)('0' + (value & 7));
    }

    static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    static long? Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) != 0)
            return Base256(field);
        var digits = field.Trim((byte)' ').TrimEnd((byte)0).Trim((byte)' ');
        long value = 0;
        foreach (var digit in digits)
        {
            if (digit == 0)
                break;
            if (digit is < (byte)'0' or > (byte)'7')
                return null;
            value = (value << 3) + (digit - '0');
        }

        return value;
    }

    // GNU: the first bit says so, the next one is the sign, the rest a big-endian number.
    static long? Base256(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x40) != 0)
            return null;
        long value = field[0] & 0x3F;
        foreach (var part in field[1..])
        {
            if (value >> 55 != 0)
                return null;
            value = (value << 8) | part;
        }

        return value;
    }
}
