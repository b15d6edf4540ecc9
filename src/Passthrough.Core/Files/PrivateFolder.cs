namespace Passthrough.Core.Files;

/// <summary>
/// A new folder for temporary files that only the user of this process can enter (0700); gone with everything in it when disposed of.
/// </summary>
sealed class PrivateFolder : IDisposable
{
    const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    readonly OpenFolder parent;
    readonly OpenFolder folder;

    PrivateFolder(OpenFolder parent, string name)
    {
        this.parent = parent;
        folder = parent.Make(name, new FileSettings(), Mode);
    }

    public string Path => folder.Path;

    /// <param name="prefix">How its name begins.</param>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be made, or other users could exchange it.</exception>
    public static PrivateFolder Create(string prefix) => FileFault.Explain(System.IO.Path.GetTempPath(), () =>
    {
        var place = Place.OfFolder(System.IO.Path.GetTempPath());
        try
        {
            place.RequireFolder();
            if (!place.Folder.IsSafe)
                throw new FileRefusedException(
                    "other users can exchange files in it or in a folder above it",
                    "set TMPDIR to /tmp, or to a folder that only the user of this task can write to");
            return new PrivateFolder(place.Folder, prefix + System.IO.Path.GetRandomFileName());
        }
        catch
        {
            place.Dispose();
            throw;
        }
    });

    /// <summary>Writes a file (0600); folders on the way are made.</summary>
    /// <param name="path">Below this folder, relative to it.</param>
    /// <returns>Its full path.</returns>
    public string Write(string path, ReadOnlySpan<byte> content)
    {
        using var into = Enter(System.IO.Path.GetDirectoryName(path)!);
        into.Replace(System.IO.Path.GetFileName(path), content, ModeAndOwner.OfNew with { Mode = FileSettings.Secret }, toDisk: false);
        return System.IO.Path.Combine(Path, path);
    }

    /// <summary>Makes a folder below it.</summary>
    /// <returns>Its full path.</returns>
    public string Make(string path)
    {
        using var made = Enter(path);
        return made.Path;
    }

    public void Remove(string name) => folder.RemoveAll(name);

    public void Dispose()
    {
        var name = System.IO.Path.GetFileName(Path);
        folder.Dispose();
        parent.RemoveAll(name);
        parent.Dispose();
    }

    OpenFolder Enter(string path)
    {
        var current = folder.Enter(".");
        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            using var above = current;
            current = above.Make(name, new FileSettings());
        }

        return current;
    }
}
