using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>Opens files that grow: what is written is always added at the end.</summary>
static class AppendedFile
{
    const UnixFileMode Mode = FileSettings.Readable;
    const int Flags = PosixFile.WriteOnly | PosixFile.Append;

    /// <summary>Opens the file, which is made (0644 less the umask) where it is missing, as are folders above it.</summary>
    public static SafeFileHandle Open(string path)
    {
        using var place = Place.OfFile(path);
        place.MakeFolders(new FileSettings(), checkMode: false);
        return place.Folder.Find(place.Name) is null ? place.Folder.Create(place.Name, Mode, Flags) : place.Folder.Open(place.Name, Flags);
    }

    /// <summary>Finds in check mode what <see cref="Open"/> would.</summary>
    /// <returns>Whether a folder is missing.</returns>
    public static bool Check(string path)
    {
        using var place = Place.OfFile(path);
        if (place.MakeFolders(new FileSettings(), checkMode: true))
            return true;
        if (place.Folder.Find(place.Name) is null)
            place.Folder.RequireWritable();
        else
            place.Folder.Open(place.Name, Flags).Dispose();
        return false;
    }

    /// <summary>Adds bytes at the end, whatever others have added.</summary>
    public static void Append(SafeFileHandle file, ReadOnlySpan<byte> bytes) => RandomAccess.Write(file, bytes, fileOffset: 0);
}
