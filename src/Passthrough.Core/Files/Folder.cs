namespace Passthrough.Core.Files;

/// <summary>Folders that files are written to.</summary>
public static class Folder
{
    /// <summary>Makes the folder and those above it where they are missing (0755 less the umask); new ones get the owner and group of the settings.</summary>
    /// <returns>Whether it was missing.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: a file is in its place, or it may not be made. Check mode finds the same.</exception>
    public static bool Make(string path, FileSettings settings, bool checkMode) => FileFault.Explain(path, () =>
    {
        var missing = new Stack<string>();
        var existing = Path.GetFullPath(path);
        for (; !Directory.Exists(existing); existing = Path.GetDirectoryName(existing)!)
        {
            if (File.Exists(existing))
                throw new ModuleException(ErrorCodes.File, $"folder {path} cannot be made: {existing} is a file", "name another folder, or move the file away");
            missing.Push(existing);
        }

        if (missing.Count == 0)
            return false;
        RequireWritable(existing);
        while (!checkMode && missing.TryPop(out var folder))
        {
            Directory.CreateDirectory(folder);
            if (settings.Owner is not null || settings.Group is not null)
                ModeAndOwner.Wanted(folder, exists: true, settings with { Mode = null }).Set(folder);
        }

        return true;
    }, "made");

    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it is missing, or no folder.</exception>
    public static void Require(string path)
    {
        if (!Directory.Exists(path))
            throw new ModuleException(ErrorCodes.File, $"folder {path} {(File.Exists(path) ? "is a file" : "does not exist")}", $"make it first, for example with the file module: path={path} state=directory");
    }

    /// <summary>What check mode asks in place of writing.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: this process may not make files there.</exception>
    public static void RequireWritable(string path)
    {
        if (Directory.Exists(path) && !PosixFile.MayWrite(path))
            throw FileFault.Denied(path, "written", null);
    }
}
