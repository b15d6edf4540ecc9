using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>
/// A folder that is held open. Its entries are named through the descriptor, so that it stays the same folder whatever others do to the
/// path that led to it,
/// and no link among its entries is followed. Files are created anew (O_EXCL), and get owner and mode through their own descriptor.
/// </summary>
sealed class OpenFolder : IDisposable
{
    /// <summary>What new folders have, less the umask (0755).</summary>
    public const UnixFileMode FolderMode = FileSettings.Executable;

    readonly SafeFileHandle handle;
    readonly FileStatus status;

    OpenFolder(SafeFileHandle handle, string path, bool isParentSafe)
    {
        this.handle = handle;
        Path = path;
        status = PosixFile.StatusOf(handle);
        IsOurs = status.IsOurs && !MayOthersWrite();
        IsSafe = isParentSafe && (IsOurs || (status.IsOurs && status.Mode.HasFlag(UnixFileMode.StickyBit)));
    }

    /// <summary>Without links.</summary>
    public string Path { get; }

    /// <summary>Whether only root and the user of this process can change its entries: links in it are theirs.</summary>
    public bool IsOurs { get; }

    /// <summary>
    /// Whether what we put here stays what the path names: no other user can exchange it or a folder above it. So in /tmp, which is sticky.
    /// </summary>
    public bool IsSafe { get; }

    public uint Owner => status.Uid;

    /// <summary>Who else may change entries, for a sentence.</summary>
    public string Others => status.IsOurs ? "other users" : $"user {PosixFile.UserName(Owner)}";

    public static OpenFolder Root() => new(PosixFile.OpenRoot(), "/", isParentSafe: true);

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>What an entry is, a link itself; null if there is none.</summary>
    public FileStatus? Find(string name) => PosixFile.StatusIn(handle, name);

    /// <summary>A folder in this one; <c>..</c> for the one above.</summary>
    public OpenFolder Enter(string name)
    {
        var path = name switch
        {
            "." => Path,
            ".." => System.IO.Path.GetDirectoryName(Path) ?? "/",
            _ => PathOf(name),
        };
        return new OpenFolder(PosixFile.OpenFolderIn(handle, name, path), path, IsSafe);
    }

    public string ReadLink(string name) => PosixFile.ReadLinkIn(handle, name, PathOf(name));

    /// <summary>Makes a folder, and gives it to the owner and group of the settings.</summary>
    public OpenFolder Make(string name, FileSettings settings, UnixFileMode mode = FolderMode)
    {
        var isNew = PosixFile.MakeFolderIn(handle, name, mode, PathOf(name));
        var made = Enter(name);
        try
        {
            if (isNew && (settings.Owner is not null || settings.Group is not null))
                made.GiveAway(settings);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file that is there; refuses links and special files.</summary>
    /// <param name="flags">Of open(2).</param>
    public SafeFileHandle Open(string name, int flags)
    {
        // Looked at first: opening a device can have effects.
        var before = Find(name) ?? throw new FileNotFoundException($"{PathOf(name)} does not exist", PathOf(name));
        before.RequireRegular();
        var file = PosixFile.OpenIn(handle, name, flags, UnixFileMode.None, PathOf(name));
        try
        {
            var opened = PosixFile.StatusOf(file);
            opened.RequireRegular();
            // Its owner has put a second name of another user's file here.
            if (!IsOurs && opened.Links > 1 && opened.Uid != Owner)
                throw new FileRefusedException(
                    $"it is a hard link to a file of user {PosixFile.UserName(opened.Uid)} in a folder that {Others} may write to",
                    "remove it");
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes a file that nobody has put there.</summary>
    public SafeFileHandle Create(string name, UnixFileMode mode, int flags = PosixFile.ReadWrite) =>
        PosixFile.OpenIn(handle, name, flags | PosixFile.Create | PosixFile.MustBeNew, mode, PathOf(name));

    /// <summary>
    /// Makes the file have this content, owner and mode: under a name that cannot be guessed first, so that readers see all of it or
    /// nothing.
    /// </summary>
    /// <param name="toDisk">Whether it survives a power cut.</param>
    public void Replace(string name, ReadOnlySpan<byte> content, ModeAndOwner wanted, bool toDisk = true)
    {
        var temporary = $".{name}.{System.IO.Path.GetRandomFileName()}";
        using var file = Create(temporary, FileSettings.Secret);
        try
        {
            RandomAccess.Write(file, content, 0);
            wanted.Set(file, PathOf(name));
            if (toDisk)
                RandomAccess.FlushToDisk(file);
            Rename(temporary, name);
        }
        catch
        {
            Remove(temporary);
            throw;
        }

        if (toDisk)
            Sync();
    }

    public void Rename(string from, string to) => PosixFile.RenameIn(handle, from, to, PathOf(to));

    /// <summary>Removes a file, or a link itself.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(string name) => PosixFile.RemoveIn(handle, name, isFolder: false, PathOf(name));

    /// <summary>Removes a file, or a folder with everything in it.</summary>
    public void RemoveAll(string name)
    {
        if (Find(name) is not { } entry)
            return;
        if (entry.IsFolder)
        {
            using var folder = Enter(name);
            foreach (var inner in folder.Names())
                folder.RemoveAll(inner);
        }

        PosixFile.RemoveIn(handle, name, entry.IsFolder, PathOf(name));
    }

    public List<string> Names()
    {
        using var readable = PosixFile.OpenFolderToRead(handle, Path);
        return PosixFile.NamesIn(readable, Path);
    }

    /// <exception cref="UnauthorizedAccessException">This process may not make files in it.</exception>
    /// <exception cref="IOException">Its file system is read-only.</exception>
    public void RequireWritable() => PosixFile.RequireWritable(handle, Path);

    public void Dispose() => handle.Dispose();

    void Sync()
    {
        try
        {
            using var readable = PosixFile.OpenFolderToRead(handle, Path);
            PosixFile.Sync(readable);
        }
        catch (UnauthorizedAccessException)
        {
            // A folder that may be written to but not read cannot be forced to disk.
        }
    }

    // Between making and opening it, whoever owns the folder above can put another in its place. One that has entries or another owner is
    // not ours to give.
    void GiveAway(FileSettings settings)
    {
        using var folder = PosixFile.OpenFolderToRead(handle, Path);
        if (status.Uid != PosixFile.ProcessUser || PosixFile.NamesIn(folder, Path).Count > 0)
            throw new FileRefusedException(
                $"another process has exchanged the folder {Path}",
                "look who writes to the folder above it, then run it again");
        var wanted = ModeAndOwner.Wanted(Path, status, settings with { Mode = null });
        PosixFile.SetOwner(folder, wanted.Uid, wanted.Gid, Path);
    }

    // With an access control list, the bits of the group say what any entry of the list may give at most (acl(5)).
    bool MayOthersWrite() => status.Mode.HasFlag(UnixFileMode.OtherWrite)
        || (status.Mode.HasFlag(UnixFileMode.GroupWrite) && !(PosixFile.IsPrivateGroup(status.Gid) && !PosixFile.HasAccessList(handle)));
}
