namespace Passthrough.Core.Files;

/// <summary>Folders that files are written to.</summary>
public static class Folder
{
    /// <summary>Makes the folder and those above it where they are missing (0755 less the umask); new ones get the owner and group of the settings.</summary>
    /// <returns>Whether it was missing.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: a file is in its place, or it may not be made. Check mode finds the same.</exception>
    public static bool Make(string path, FileSettings settings, bool checkMode) => FileFault.Explain(path, () =>
    {
        using var place = Place.OfFolder(path);
        return place.MakeFolders(settings, checkMode);
    }, "made");

    /// <summary>What check mode asks in place of writing.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: this process may not make files there.</exception>
    public static void RequireWritable(string path) => FileFault.Explain(path, () =>
    {
        using var place = Place.OfFolder(path);
        if (!place.IsFolderMissing)
            place.Folder.RequireWritable();
        return true;
    });
}
