using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>
/// Where a path that we write to leads: a folder that is held open and a name in it. The path is walked folder by folder. A symbolic link
/// is followed in a
/// folder that only root and the user of this process can write to; in any other folder it may be a trap that another user has set, and is
/// refused.
/// </summary>
sealed class Place : IDisposable
{
    const int MostLinks = 40; // as many as Linux follows (path_resolution(7))
    const int TooManyLinks = 40; // ELOOP

    readonly string wantedFolder;
    readonly List<string> missingFolders;
    readonly string? obstacle;

    Place(string wantedFolder, OpenFolder folder, string name, List<string> missing, string? obstacle)
    {
        (this.wantedFolder, missingFolders, this.obstacle) = (wantedFolder, missing, obstacle);
        Folder = folder;
        Name = name;
    }

    /// <summary>The folder, or the last one on the way that exists.</summary>
    public OpenFolder Folder { get; private set; }

    /// <summary>Name of the file; a link only if it was not to be followed.</summary>
    public string Name { get; }

    /// <summary>Whether the folder is missing.</summary>
    public bool IsFolderMissing => missingFolders.Count > 0 || obstacle is not null;

    /// <param name="path">A file, which need not exist.</param>
    /// <param name="followLast">Whether a link at its end is followed.</param>
    /// <exception cref="FileRefusedException">A link on the way is not to be trusted.</exception>
    public static Place OfFile(
        string path,
        bool followLast = true) => Walk(path, Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/", isFolder: false, followLast);

    /// <param name="path">A folder, which need not exist.</param>
    /// <exception cref="FileRefusedException">A link on the way is not to be trusted.</exception>
    public static Place OfFolder(string path) => Walk(path, path, isFolder: true, followLast: true);

    /// <summary>What is there: a regular file or nothing.</summary>
    /// <exception cref="FileRefusedException">It is something else.</exception>
    public SafeFileHandle? OpenToRead() => IsFolderMissing || Folder.Find(Name) is null ? null : Folder.Open(Name, PosixFile.ReadOnly);

    /// <summary>Makes missing folders, or checks that it could.</summary>
    /// <returns>Whether any were missing.</returns>
    public bool MakeFolders(FileSettings settings, bool checkMode)
    {
        if (obstacle is not null)
            throw new ModuleException(
                ErrorCodes.File,
                $"folder {wantedFolder} cannot be made: {obstacle} is a file",
                "name another folder, or move the file away");
        if (missingFolders.Count == 0)
            return false;
        Folder.RequireWritable();
        if (checkMode)
            return true;
        foreach (var name in missingFolders)
        {
            var made = Folder.Make(name, settings);
            Folder.Dispose();
            Folder = made;
        }

        missingFolders.Clear();
        return true;
    }

    public void RequireFolder()
    {
        if (IsFolderMissing)
            throw new ModuleException(
                ErrorCodes.File,
                $"folder {wantedFolder} {(obstacle == wantedFolder ? "is a file" : "does not exist")}",
                $"make it first, for example with the file module: path={wantedFolder} state=directory");
    }

    public void Dispose() => Folder.Dispose();

    static Place Walk(string path, string wantedFolder, bool isFolder, bool followLast)
    {
        var folder = OpenFolder.Root();
        try
        {
            var left = new Stack<string>(Split(Path.GetFullPath(path)).Reverse());
            for (var links = 0; left.TryPop(out var name);)
            {
                var isLast = left.Count == 0 && !isFolder;
                var entry = name == ".." ? null : folder.Find(name);
                if (entry is { IsLink: true } && (followLast || !isLast))
                {
                    if (!folder.IsOurs)
                        throw Untrusted(folder, name);
                    if (++links > MostLinks)
                        throw new IOException("too many links", TooManyLinks);
                    var target = folder.ReadLink(name);
                    foreach (var part in Split(target).Reverse())
                        left.Push(part);
                    if (Path.IsPathRooted(target))
                        Exchange(ref folder, OpenFolder.Root());
                }
                else if (isLast && name != "..")
                {
                    return new Place(wantedFolder, folder, name, [], null);
                }
                else if (entry is { IsFolder: false })
                {
                    return new Place(wantedFolder, folder, name, [], folder.PathOf(name));
                }
                else if (entry is null && name != "..")
                {
                    List<string> missing = [name, .. left];
                    if (missing.Contains(".."))
                        throw new DirectoryNotFoundException($"{folder.PathOf(name)} does not exist");
                    var last = isFolder ? "." : missing[^1];
                    return new Place(wantedFolder, folder, last, isFolder ? missing : missing[..^1], null);
                }
                else
                {
                    Exchange(ref folder, folder.Enter(name));
                }
            }

            return new Place(wantedFolder, folder, ".", [], null);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    static IEnumerable<string> Split(string path) => path.Split('/').Where(part => part is not ("" or "."));

    static void Exchange(ref OpenFolder folder, OpenFolder next)
    {
        folder.Dispose();
        folder = next;
    }

    static FileRefusedException Untrusted(OpenFolder folder, string name) => new(
        $"{folder.PathOf(name)} is a symbolic link in a folder that {folder.Others} may write to, and is not followed",
        "give the path without the link, or put the link into a folder that only the user of this task can write to");
}
