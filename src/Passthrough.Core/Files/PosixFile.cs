using System.Globalization;
using System.Runtime.InteropServices;

namespace Passthrough.Core.Files;

/// <summary>What .NET lacks for files: owners, and forcing a folder to disk. glibc 2.28 has all of it.</summary>
static unsafe partial class PosixFile
{
    const string Libc = "libc.so.6";
    const int CurrentFolder = -100; // AT_FDCWD
    const int DoNotFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    const int WriteAndSearch = 2 | 1; // W_OK | X_OK
    const int EffectiveUser = 0x200; // AT_EACCESS
    const uint UidAndGid = 0x8 | 0x10; // STATX_UID | STATX_GID

    /// <summary>Numbers of the user and group that own the file.</summary>
    public static (uint Uid, uint Gid) OwnerOf(string path)
    {
        var buffer = stackalloc byte[256]; // struct statx: stx_uid at 20, stx_gid at 24
        return statx(CurrentFolder, path, DoNotFollow, UidAndGid, buffer) == 0
            ? (*(uint*)(buffer + 20), *(uint*)(buffer + 24))
            : throw Failure(path, "its owner cannot be read");
    }

    /// <summary>The effective user of this process.</summary>
    public static uint ProcessUser { get; } = geteuid();

    public static uint ProcessGroup { get; } = getegid();

    /// <summary>Whether this process may make and remove files in a folder.</summary>
    public static bool MayWrite(string folder) => faccessat(CurrentFolder, folder, WriteAndSearch, EffectiveUser) == 0;

    public static void SetOwner(string path, uint uid, uint gid)
    {
        if (chown(path, uid, gid) != 0)
            throw Failure(path, $"its owner cannot be set to {uid}:{gid}");
    }

    /// <summary>The number of a user given by name or number.</summary>
    public static uint UserNumber(string user) => Number(user, getpwnam(user), "user");

    /// <summary>The number of a group given by name or number.</summary>
    public static uint GroupNumber(string group) => Number(group, getgrnam(group), "group");

    /// <summary>Makes a rename in the folder survive a power cut; best effort, some file systems refuse.</summary>
    public static void SyncFolder(string folder)
    {
        var descriptor = open(folder, flags: 0);
        if (descriptor < 0)
            return;
        _ = fsync(descriptor);
        _ = close(descriptor);
    }

    // struct passwd and struct group both begin with two pointers, then the number.
    static uint Number(string name, nint entry, string what) =>
        entry != 0 ? *(uint*)(entry + 2 * sizeof(nint))
        : uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new ModuleException(ErrorCodes.InvalidArgument, $"{what} \"{name}\" does not exist on this host", "name one that does, or leave it out");

    static ModuleException Failure(string path, string what) =>
        new(ErrorCodes.File, $"{path}: {what}: {Marshal.GetLastPInvokeErrorMessage()}", "leave owner and group out, or run it with become");

    [LibraryImport(Libc)]
    private static partial uint geteuid();

    [LibraryImport(Libc)]
    private static partial uint getegid();

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int faccessat(int folder, string path, int mode, int flags);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int chown(string path, uint uid, uint gid);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getpwnam(string name);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getgrnam(string name);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int open(string path, int flags);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int fsync(int descriptor);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int close(int descriptor);
}
