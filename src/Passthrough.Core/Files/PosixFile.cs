using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>
/// The calls for files that .NET lacks: those that name an entry of a folder that is held open, and owners. glibc 2.28 has all of them.
/// They never follow a link in the last component unless they say so, and fail with the exceptions that .NET uses.
/// </summary>
static unsafe partial class PosixFile
{
    /// <summary>Flags of open(2).</summary>
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int Create = 0x40; // O_CREAT
    public const int MustBeNew = 0x80; // O_EXCL
    public const int Append = 0x400; // O_APPEND

    const string Libc = "libc.so.6";
    const int CurrentFolder = -100; // AT_FDCWD
    const int DoNotFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    const int RemoveFolderFlag = 0x200; // AT_REMOVEDIR
    const int OfDescriptor = 0x1000; // AT_EMPTY_PATH
    const int EffectiveUser = 0x200; // AT_EACCESS
    const int WriteAndSearch = 2 | 1; // W_OK | X_OK
    const int NonBlocking = 0x800; // O_NONBLOCK: opening a named pipe would wait for its other end
    const int NoTerminal = 0x100; // O_NOCTTY
    const int CloseOnExec = 0x80000; // O_CLOEXEC
    const int PathOnly = 0x200000; // O_PATH
    const uint BasicStatus = 0x7FF; // STATX_BASIC_STATS
    const int LockExclusive = 2; // LOCK_EX
    const int LockShared = 1; // LOCK_SH
    const int DoNotWait = 4; // LOCK_NB
    const int GiveUpLock = 8; // LOCK_UN

    const int NotPermitted = 1; // EPERM
    const int NotFound = 2; // ENOENT
    const int InterruptedSystemCall = 4; // EINTR
    const int WouldBlock = 11; // EAGAIN
    const int Denied = 13; // EACCES
    const int Exists = 17; // EEXIST
    const int NotAFolder = 20; // ENOTDIR
    const int FileTooLarge = 27; // EFBIG
    const int NoSpaceLeft = 28; // ENOSPC
    const int NoSuchAttribute = 61; // ENODATA
    const int NotSupported = 95; // EOPNOTSUPP

    // These two differ between processors (asm/fcntl.h).
    static readonly bool isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
    static readonly int folderOnly = isArm ? 0x4000 : 0x10000; // O_DIRECTORY
    static readonly int noLink = isArm ? 0x8000 : 0x20000; // O_NOFOLLOW

    /// <summary>The effective user of this process.</summary>
    public static uint ProcessUser { get; } = geteuid();

    public static uint ProcessGroup { get; } = getegid();

    /// <summary>Numbers of the user and group that own the file.</summary>
    public static (uint Uid, uint Gid) OwnerOf(string path) =>
        Status(CurrentFolder, path, DoNotFollow) is { } status ? (status.Uid, status.Gid) : throw Fault(NotFound, path);

    /// <summary>What a path names; links are followed.</summary>
    /// <returns>Null if there is nothing.</returns>
    public static FileStatus? StatusOf(string path) => Status(CurrentFolder, path, flags: 0);

    public static FileStatus StatusOf(SafeFileHandle file) => Status(Number(file), "", OfDescriptor)!.Value;

    /// <summary>What an entry of a folder is, a link itself.</summary>
    /// <returns>Null if there is none.</returns>
    public static FileStatus? StatusIn(SafeFileHandle folder, string name) => Status(Number(folder), name, DoNotFollow);

    /// <summary>The folder of this path; links are followed. Good for naming entries, not for reading them.</summary>
    public static SafeFileHandle OpenRoot() => Opened(open("/", PathOnly | folderOnly | CloseOnExec, 0), "/");

    public static SafeFileHandle OpenFolderIn(SafeFileHandle folder, string name, string path) =>
        Opened(openat(Number(folder), name, PathOnly | folderOnly | noLink | CloseOnExec, 0), path);

    /// <summary>The same folder, to read its entries, to force it to disk, or to give it away.</summary>
    public static SafeFileHandle OpenFolderToRead(SafeFileHandle folder, string path) =>
        Opened(openat(Number(folder), ".", ReadOnly | folderOnly | noLink | CloseOnExec, 0), path);

    public static SafeFileHandle OpenIn(SafeFileHandle folder, string name, int flags, UnixFileMode mode, string path) =>
        Opened(openat(Number(folder), name, flags | noLink | NonBlocking | NoTerminal | CloseOnExec, (uint)mode), path);

    /// <summary>Opens a file for reading; links are followed.</summary>
    public static SafeFileHandle Open(string path) => Opened(open(path, ReadOnly | NonBlocking | NoTerminal | CloseOnExec, 0), path);

    /// <returns>False if there is an entry of that name already.</returns>
    public static bool MakeFolderIn(SafeFileHandle folder, string name, UnixFileMode mode, string path)
    {
        if (mkdirat(Number(folder), name, (uint)mode) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == Exists ? false : throw Fault(Marshal.GetLastPInvokeError(), path);
    }

    public static void RenameIn(SafeFileHandle folder, string from, string to, string path) =>
        Require(renameat(Number(folder), from, Number(folder), to), path);

    /// <returns>Whether there was such an entry.</returns>
    public static bool RemoveIn(SafeFileHandle folder, string name, bool isFolder, string path)
    {
        if (unlinkat(Number(folder), name, isFolder ? RemoveFolderFlag : 0) == 0)
            return true;
        return Marshal.GetLastPInvokeError() == NotFound ? false : throw Fault(Marshal.GetLastPInvokeError(), path);
    }

    public static string ReadLinkIn(SafeFileHandle folder, string name, string path)
    {
        const int LongestPath = 4096; // PATH_MAX
        var buffer = stackalloc byte[LongestPath];
        var length = readlinkat(Number(folder), name, buffer, LongestPath);
        return length >= 0 ? Marshal.PtrToStringUTF8((nint)buffer, (int)length) : throw Fault(Marshal.GetLastPInvokeError(), path);
    }

    /// <summary>The names in a folder, without <c>.</c> and <c>..</c>.</summary>
    /// <param name="folder">From <see cref="OpenFolderToRead"/>.</param>
    public static List<string> NamesIn(SafeFileHandle folder, string path)
    {
        const int NameOffset = 19; // d_name of struct dirent on 64-bit Linux
        var stream = fdopendir(dup(Number(folder)));
        if (stream == 0)
            throw Fault(Marshal.GetLastPInvokeError(), path);
        var names = new List<string>();
        for (var entry = readdir(stream); entry != 0; entry = readdir(stream))
        {
            if (Marshal.PtrToStringUTF8(entry + NameOffset) is { } name and not ("." or ".."))
                names.Add(name);
        }

        _ = closedir(stream);
        return names;
    }

    /// <summary>Refuses if this process may not make and remove files in a folder, or its file system is read-only.</summary>
    public static void RequireWritable(SafeFileHandle folder, string path) =>
        Require(faccessat(Number(folder), ".", WriteAndSearch, EffectiveUser), path);

    public static void SetOwner(SafeFileHandle file, uint uid, uint gid, string path)
    {
        if (fchown(Number(file), uid, gid) != 0)
            throw new ModuleException(
                ErrorCodes.File,
                $"{path}: its owner cannot be set to {uid}:{gid}: {Marshal.GetLastPInvokeErrorMessage()}",
                "leave owner and group out, or run it with become");
    }

    public static void SetMode(SafeFileHandle file, UnixFileMode mode, string path) => Require(fchmod(Number(file), (uint)mode), path);

    /// <summary>Reserves space, so that a full disk shows at once; file systems that cannot do it are left alone.</summary>
    public static void Allocate(SafeFileHandle file, long length, string path)
    {
        if (length > 0 && fallocate(
            Number(file),
            0,
            0,
            length) != 0 && Marshal.GetLastPInvokeError() is var error and (NoSpaceLeft or FileTooLarge))
            throw Fault(error, path);
    }

    /// <summary>
    /// Fails if another process holds a lock; ours lasts until the file is closed. File systems without locks are left alone.
    /// </summary>
    public static void Lock(SafeFileHandle file, bool exclusive, string path)
    {
        if (flock(Number(file), (exclusive ? LockExclusive : LockShared) | DoNotWait) != 0 && Marshal.GetLastPInvokeError() == WouldBlock)
            throw new IOException($"another process is using {path}", WouldBlock);
    }

    /// <summary>
    /// Closes a file and gives up its lock, which a process that is being started at this moment would keep for a while (flock(2)).
    /// </summary>
    public static void Unlock(SafeFileHandle file)
    {
        if (!file.IsClosed)
            _ = flock(Number(file), GiveUpLock);
        file.Dispose();
    }

    /// <summary>Makes a rename in the folder survive a power cut; best effort, some file systems refuse.</summary>
    public static void Sync(SafeFileHandle folder) => _ = fsync(Number(folder));

    /// <summary>The number of a user given by name or number.</summary>
    public static uint UserNumber(string user) => Number(user, getpwnam(user), "user");

    /// <summary>The number of a group given by name or number.</summary>
    public static uint GroupNumber(string group) => Number(group, getgrnam(group), "group");

    /// <summary>The name of a user; the number if it has none.</summary>
    public static string UserName(uint user) => NameAt(getpwuid(user)) ?? user.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// Whether nobody but the user of this process and root is in a group: the one that has the user's name, as most systems make it for
    /// every user, or root's.
    /// </summary>
    public static bool IsPrivateGroup(uint group)
    {
        const int Members = 24; // gr_mem of struct group
        var user = UserName(ProcessUser);
        var entry = getgrgid(group);
        if (entry == 0 || (group != 0 && (group != ProcessGroup || NameAt(entry) != user)))
            return false;
        for (var member = *(nint**)(entry + Members); *member != 0; member++)
        {
            if (Marshal.PtrToStringUTF8(*member) is var name && name != user && name != "root")
                return false;
        }

        return true;
    }

    /// <summary>Whether an access control list gives further users rights in a folder.</summary>
    public static bool HasAccessList(SafeFileHandle folder) =>
        getxattr($"/proc/self/fd/{Number(folder)}", "system.posix_acl_access", null, 0) >= 0
        || Marshal.GetLastPInvokeError() is not (NoSuchAttribute or NotSupported);

    static int Number(SafeFileHandle file) => (int)file.DangerousGetHandle();

    static FileStatus? Status(int folder, string name, int flags)
    {
        var buffer = stackalloc byte[256]; // struct statx
        if (statx(folder, name, flags, BasicStatus, buffer) == 0)
            return new FileStatus(
                *(ushort*)(buffer + 28),
                *(uint*)(buffer + 20),
                *(uint*)(buffer + 24),
                *(uint*)(buffer + 16),
                *(long*)(buffer + 40));
        return Marshal.GetLastPInvokeError() is NotFound or NotAFolder ? null : throw Fault(Marshal.GetLastPInvokeError(), name);
    }

    static SafeFileHandle Opened(int descriptor, string path) =>
        descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw Fault(Marshal.GetLastPInvokeError(), path);

    static void Require(int result, string path)
    {
        if (result != 0)
            throw Fault(Marshal.GetLastPInvokeError(), path);
    }

    static Exception Fault(int error, string path) => error switch
    {
        NotPermitted or Denied => new UnauthorizedAccessException($"permission denied: {path}"),
        NotFound => new FileNotFoundException($"{path} does not exist", path),
        NotAFolder => new IOException($"{path} is not a folder", error),
        _ => new IOException(Marshal.GetPInvokeErrorMessage(error), error),
    };

    // struct passwd and struct group both begin with two pointers, the first to the name, then the number.
    static uint Number(string name, nint entry, string what) =>
        entry != 0 ? *(uint*)(entry + 2 * sizeof(nint))
        : uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new ModuleException(ErrorCodes.InvalidArgument, $"{what} \"{name}\" does not exist on this host", "name one that does, or leave it out");

    static string? NameAt(nint entry) => entry == 0 ? null : Marshal.PtrToStringUTF8(*(nint*)entry);

    [LibraryImport(Libc)]
    private static partial uint geteuid();

    [LibraryImport(Libc)]
    private static partial uint getegid();

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int faccessat(int folder, string path, int mode, int flags);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int open(string path, int flags, uint mode);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int openat(int folder, string path, int flags, uint mode);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int mkdirat(int folder, string path, uint mode);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int renameat(int fromFolder, string from, int toFolder, string to);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int unlinkat(int folder, string path, int flags);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial nint readlinkat(int folder, string path, byte* buffer, nint size);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int fchown(int descriptor, uint uid, uint gid);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int fchmod(int descriptor, uint mode);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int fallocate(int descriptor, int mode, long offset, long length);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial int flock(int descriptor, int operation);

    [LibraryImport(Libc)]
    private static partial int fsync(int descriptor);

    [LibraryImport(Libc)]
    private static partial int dup(int descriptor);

    [LibraryImport(Libc, SetLastError = true)]
    private static partial nint fdopendir(int descriptor);

    [LibraryImport(Libc)]
    private static partial nint readdir(nint stream);

    [LibraryImport(Libc)]
    private static partial int closedir(nint stream);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial nint getxattr(string path, string name, byte* value, nint size);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getpwnam(string name);

    [LibraryImport(Libc)]
    private static partial nint getpwuid(uint user);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint getgrnam(string name);

    [LibraryImport(Libc)]
    private static partial nint getgrgid(uint group);
}
