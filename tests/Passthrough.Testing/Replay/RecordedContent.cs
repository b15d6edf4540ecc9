using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Passthrough.Testing.Replay;

/// <summary>Bytes for bodies that a transcript only names: <c>@b1(1024000 bytes)</c>, <c>@b1[0:500000](500000 bytes)</c>, <c>@chunk1(5000)</c>. The same name has the same bytes.</summary>
public static partial class RecordedContent
{
    /// <summary>Null where the text is the body.</summary>
    public static byte[]? Of(string body)
    {
        if (Named().Match(body) is not { Success: true } named)
            return null;
        var size = Number(named.Groups["size"]);
        if (!named.Groups["from"].Success)
            return Bytes(named.Groups["name"].Value, size);
        var from = Number(named.Groups["from"]);
        return Bytes(named.Groups["name"].Value, from + size)[from..];
    }

    /// <summary>The first bytes of a content without end that depends on nothing but the name.</summary>
    public static byte[] Bytes(string name, int size)
    {
        // A name that is its own size was written with digits.
        if (name == size.ToString(CultureInfo.InvariantCulture) && size <= 10)
            return Encoding.ASCII.GetBytes("0123456789"[..size]);
        var state = name.Aggregate(2166136261u, (hash, letter) => (hash ^ letter) * 16777619u) | 1u;
        var bytes = new byte[size];
        for (var i = 0; i < size; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            bytes[i] = (byte)state;
        }

        return bytes;
    }

    static int Number(Group group) => group.ValueSpan.Length == 0 ? 0 : int.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^@(?<name>\w+)(?:\[(?<from>\d*):\d*\])?\((?<size>\d+)(?: bytes)?\)$")]
    private static partial Regex Named();
}
