using System.Runtime.InteropServices;

namespace Passthrough.Core.Files;

/// <summary>What the system knows about an entry of a folder (statx(2)).</summary>
/// <param name="TypeAndMode">Its type and permission bits together.</param>
/// <param name="Uid">Number of its owner.</param>
/// <param name="Gid">Number of its group.</param>
/// <param name="Links">How many names it has.</param>
/// <param name="Size">In bytes.</param>
[StructLayout(LayoutKind.Auto)]
readonly record struct FileStatus(ushort TypeAndMode, uint Uid, uint Gid, uint Links, long Size)
{
    const int TypeBits = 0xF000; // S_IFMT

    public UnixFileMode Mode => (UnixFileMode)(TypeAndMode & 0xFFF);

    public bool IsFolder => Type == 0x4000;

    public bool IsLink => Type == 0xA000;

    public bool IsRegular => Type == 0x8000;

    /// <summary>Whether it belongs to root or to the user of this process.</summary>
    public bool IsOurs => Uid == 0 || Uid == PosixFile.ProcessUser;

    /// <summary>Refuses everything but a regular file.</summary>
    /// <exception cref="FileRefusedException">It is something else.</exception>
    public void RequireRegular()
    {
        if (IsFolder)
            throw new FileRefusedException("it is a folder", "give the path of a file");
        if (!IsRegular)
            throw new FileRefusedException($"it is a {Kind}, not a regular file", "give the path of a regular file");
    }

    int Type => TypeAndMode & TypeBits;

    string Kind => Type switch
    {
        0x1000 => "named pipe",
        0x2000 or 0x6000 => "device",
        0xC000 => "socket",
        0xA000 => "symbolic link",
        _ => "special file",
    };
}
