using System.Security.Cryptography;

namespace Passthrough.Core.Files;

/// <summary>What became of one file.</summary>
/// <param name="Path">The path as it was given.</param>
/// <param name="Changed">Whether content, mode, owner or group differ (in check mode: would be made to differ).</param>
/// <param name="Sha256">64 hex digits over the wanted content.</param>
/// <param name="Before">What was there before; null where there was no file.</param>
public sealed record FileChange(string Path, bool Changed, string Sha256, ReadOnlyMemory<byte>? Before);

/// <summary>
/// Writes whole files: a reader sees the old content or the new, never a part (promise 5). The new content is written beside the target with mode 0600,
/// given its mode and owner, forced to disk, and renamed over it. A symbolic link that can be trusted (see <see cref="Place"/>) is
/// followed: the file that it
/// names is replaced, the link stays.
/// </summary>
public static class AtomicFile
{
    /// <summary>Makes the file have this content and these settings; writes nothing where it has them already or in check mode.</summary>
    /// <exception cref="ModuleException">
    /// <see cref="ErrorCodes.File"/>: the folder is missing or not writable, the path is not a regular file, a link on the way is not to be
    /// trusted, a secret
    /// would get into another user's file, or the owner cannot be set; <see cref="ErrorCodes.DiskFull"/>; <see
    /// cref="ErrorCodes.InvalidArgument"/>: an unknown
    /// owner or group. Check mode finds the same, the full disk apart.
    /// </exception>
    public static FileChange Write(string path, ReadOnlyMemory<byte> content, FileSettings settings, bool checkMode) => FileFault.Explain(path, () =>
    {
        using var place = Place.OfFile(path);
        var (before, existing) = ReadAt(place);
        var wanted = ModeAndOwner.Wanted(path, existing, settings);
        var changed = before is null || !before.Value.Span.SequenceEqual(content.Span) || ModeAndOwner.Of(existing!.Value) != wanted;
        if (changed)
        {
            wanted.RequireMaySet(path);
            if (!settings.MakeFolder)
                place.RequireFolder();
            else if (place.MakeFolders(settings, checkMode) && checkMode)
                return Change();
            if (checkMode)
                place.Folder.RequireWritable();
            else
                place.Folder.Replace(place.Name, content.Span, wanted);
        }

        return Change();

        FileChange Change() => new(path, changed, Convert.ToHexStringLower(SHA256.HashData(content.Span)), before);
    });

    /// <summary>Finds, before the work whose result it gets, why a file could not be written.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>, as <see cref="Write"/> would.</exception>
    public static void Check(string path) => FileFault.Explain(path, () =>
    {
        using var place = Place.OfFile(path);
        place.OpenToRead()?.Dispose();
        if (!place.MakeFolders(new FileSettings(), checkMode: true))
            place.Folder.RequireWritable();
        return true;
    });

    /// <summary>The content of a file that may be missing.</summary>
    /// <returns>Null where there is no file.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be read, is not a regular file, or a link on the way is
    /// not to be trusted.</exception>
    public static ReadOnlyMemory<byte>? Read(string path) => FileFault.Explain(path, () =>
    {
        using var place = Place.OfFile(path);
        return ReadAt(place).Content;
    }, "read");

    /// <summary>Removes the file where it is there; a symbolic link itself, not what it names.</summary>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it may not be removed.</exception>
    public static bool Delete(string path, bool checkMode) => FileFault.Explain(path, () =>
    {
        using var place = Place.OfFile(path, followLast: false);
        if (place.IsFolderMissing || place.Folder.Find(place.Name) is null or { IsFolder: true })
            return false;
        if (checkMode)
            place.Folder.RequireWritable();
        else
            place.Folder.Remove(place.Name);
        return true;
    }, "removed");

    static (ReadOnlyMemory<byte>? Content, FileStatus? Status) ReadAt(Place place)
    {
        using var file = place.OpenToRead();
        return file is null ? (null, null) : (InputFile.ReadToEnd(file), PosixFile.StatusOf(file));
    }
}
