using System.Runtime.InteropServices;

namespace Passthrough.Core.Programs;

/// <summary>
/// Where programs of this host are looked for (docs/security.md, "Programs"): the absolute folders of <c>PATH</c>, apart from the current
/// folder and the one that this program lies in. Ansible runs modules in folders that other users may write to, and the runtime's own
/// search begins there.
/// </summary>
sealed unsafe partial class SearchPath
{
    const string Libc = "libc.so.6";
    const int LongestPath = 4096; // PATH_MAX
    const int CurrentFolder = -100; // AT_FDCWD
    const int MayExecute = 1; // X_OK
    const int EffectiveUser = 0x200; // AT_EACCESS
    const uint Mode = 0x2; // STATX_MODE, which brings the type along
    const int TypeOfFile = 0xF000; // S_IFMT
    const int RegularFile = 0x8000; // S_IFREG

    readonly string[] folders;

    /// <param name="path">Folders as in <c>PATH</c>.</param>
    public SearchPath(string path)
    {
        string?[] excluded = [Canonical("."), Canonical(AppContext.BaseDirectory)];
        folders = [.. path.Split(':').Where(folder =>
            folder.StartsWith('/') && Canonical(folder) is { } place && !excluded.Contains(place))];
    }

    /// <summary>That of this process.</summary>
    public static SearchPath OfThisProcess() => new(Environment.GetEnvironmentVariable("PATH") ?? "");

    /// <summary>
    /// The absolute path of a program: the first regular file of that name that this user may execute; null if there is none.
    /// </summary>
    public string? Find(string name) =>
        name.Length == 0 || name.Contains('/') || name.Any(char.IsControl) ? null
            : folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(IsProgram);

    /// <summary>As <c>PATH</c> for programs that start others.</summary>
    public override string ToString() => string.Join(':', folders);

    static bool IsProgram(string path)
    {
        var buffer = stackalloc byte[256]; // struct statx: stx_mode at 28
        return statx(CurrentFolder, path, flags: 0, Mode, buffer) == 0
            && (*(ushort*)(buffer + 28) & TypeOfFile) == RegularFile
            && faccessat(CurrentFolder, path, MayExecute, EffectiveUser) == 0;
    }

    // Without links, so that a folder is known under each of its names.
    static string? Canonical(string folder)
    {
        var buffer = stackalloc byte[LongestPath];
        return realpath(folder, buffer) == 0 ? null : Marshal.PtrToStringUTF8((nint)buffer);
    }

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint realpath(string path, byte* resolved);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, byte* buffer);

    [LibraryImport(Libc, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int faccessat(int folder, string path, int mode, int flags);
}
