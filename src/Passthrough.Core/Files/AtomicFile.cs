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
/// forced to disk, given its mode and owner, and renamed over it. A symbolic link is followed: the file that it names is replaced, the link stays.
/// </summary>
public static class AtomicFile
{
    /// <summary>Makes the file have this content and these settings; writes nothing where it has them already or in check mode.</summary>
    /// <exception cref="ModuleException">
    /// <see cref="ErrorCodes.File"/>: the folder is missing or not writable, the path is a folder, or the owner cannot be set;
    /// <see cref="ErrorCodes.DiskFull"/>; <see cref="ErrorCodes.InvalidArgument"/>: an unknown owner or group. Check mode finds the same, the full disk apart.
    /// </exception>
    public static FileChange Write(string path, ReadOnlyMemory<byte> content, FileSettings settings, bool checkMode) => FileFault.Explain(path, () =>
    {
        var target = TargetOf(path);
        var before = ReadOwn(target);
        var wanted = ModeAndOwner.Wanted(target, before is not null, settings);
        var sameContent = before is not null && before.Value.Span.SequenceEqual(content.Span);
        var sameSettings = before is not null && ModeAndOwner.Of(target) == wanted;
        if (!sameContent || !sameSettings)
        {
            if (settings.MakeFolder)
                Folder.Make(Path.GetDirectoryName(target)!, settings, checkMode);
            else
                Folder.Require(Path.GetDirectoryName(target)!);
            wanted.RequireMaySet(target);
            if (!checkMode && sameContent)
                wanted.Set(target);
            else if (!checkMode)
                Replace(target, content, wanted);
            else if (!sameContent)
                Folder.RequireWritable(Path.GetDirectoryName(target)!);
        }

        return new FileChange(path, !sameContent || !sameSettings, Convert.ToHexStringLower(SHA256.HashData(content.Span)), before);
    });

    /// <summary>The content of a file that may be missing.</summary>
    /// <returns>Null where there is no file.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be read, or is a folder.</exception>
    public static ReadOnlyMemory<byte>? Read(string path) => FileFault.Explain(path, () => ReadOwn(TargetOf(path)), "read");

    /// <summary>Removes the file where it is there; a symbolic link itself, not what it names.</summary>
    /// <returns>Whether it was there.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it may not be removed.</exception>
    public static bool Delete(string path, bool checkMode) => FileFault.Explain(path, () =>
    {
        if (!File.Exists(path))
            return false;
        if (checkMode)
            Folder.RequireWritable(Path.GetDirectoryName(Path.GetFullPath(path))!);
        else
            File.Delete(path);
        return true;
    }, "removed");

    static string TargetOf(string path) =>
        Path.GetFullPath(new FileInfo(path) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : path);

    static ReadOnlyMemory<byte>? ReadOwn(string path)
    {
        if (Directory.Exists(path))
            throw new IOException("it is a folder");
        return File.Exists(path) ? (ReadOnlyMemory<byte>?)File.ReadAllBytes(path) : null;
    }

    static void Replace(string path, ReadOnlyMemory<byte> content, ModeAndOwner wanted)
    {
        var folder = Path.GetDirectoryName(path)!;
        var temporary = Path.Combine(folder, $".{Path.GetFileName(path)}.{Path.GetRandomFileName()}");
        // O_EXCL: nobody can have put a file or link of that name there. What fails here made nothing that is ours to remove.
        using var file = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = FileSettings.Secret });
        try
        {
            file.Write(content.Span);
            file.Flush(flushToDisk: true);
            wanted.Set(temporary);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        PosixFile.SyncFolder(folder);
    }
}
