using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Files;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// The file that an archive grows in, or the files <c>NAME.000</c>, <c>NAME.001</c>, … that are it when <c>cat</c> has joined them. Each is called
/// <c>….partial</c> until everything is written.
/// </summary>
sealed class ArchiveOutput : IDisposable
{
    /// <summary>Numbers have three digits.</summary>
    public const int MostParts = 1000;

    const string Suffix = ".partial";

    readonly string path;
    readonly long? partSize;
    readonly OpenFolder openFolder;
    readonly List<SafeFileHandle> files = [];

    ArchiveOutput(string path, OpenFolder folder, long? partSize, long length)
    {
        this.path = path;
        openFolder = folder;
        this.partSize = partSize;
        Length = length;
    }

    /// <summary>Of all parts together, in bytes.</summary>
    public long Length { get; private set; }

    /// <summary>The files of an archive of this length.</summary>
    /// <param name="path">The archive, or the name of its parts.</param>
    /// <param name="partSize">The most that a part has, in bytes; null for one file.</param>
    /// <param name="length">Of the whole, in bytes.</param>
    /// <exception cref="ModuleException">There would be too many.</exception>
    public static List<ArchivePart> PartsOf(string path, long? partSize, long length)
    {
        if (partSize is not { } size)
            return [new(path, length)];
        if (length > size * MostParts)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"the archive has {length} bytes: with part_size={size} that is more than {MostParts} parts", $"set part_size to {(length + MostParts - 1) / MostParts} or more");
        var parts = new List<ArchivePart>();
        for (var start = 0L; start < length; start += size)
            parts.Add(new(string.Create(CultureInfo.InvariantCulture, $"{path}.{parts.Count:D3}"), Math.Min(size, length - start)));
        return parts;
    }

    public static string PartialOf(string file) => file + Suffix;

    /// <summary>What is there of an interrupted run, in bytes of its files.</summary>
    public static long Unfinished(string path)
    {
        var bytes = 0L;
        foreach (var file in FindPartials(path))
            bytes += new FileInfo(file) is { Exists: true } found ? found.Length : 0;
        return bytes;
    }

    /// <summary>
    /// Opens the files of an interrupted run that was to write the same; null where they are not all there. One that had its name already, when the run ended
    /// between the first and the last, loses it again.
    /// </summary>
    public static ArchiveOutput? Reopen(string path, long? partSize, long length)
    {
        var parts = PartsOf(path, partSize, length);
        var folder = FolderOf(path);
        try
        {
            foreach (var part in parts)
            {
                var found = folder.Find(PartialName(part)) ?? (partSize is null ? null : folder.Find(NameOf(part)));
                if (found is not { } file || !IsOwn(file) || file.Size != part.Size)
                {
                    folder.Dispose();
                    return null;
                }
            }

            foreach (var part in parts)
            {
                if (folder.Find(PartialName(part)) is null)
                    folder.Rename(NameOf(part), PartialName(part));
            }
        }
        catch
        {
            folder.Dispose();
            throw;
        }

        return Open(path, folder, partSize, length, parts, isNew: false);
    }

    /// <summary>Makes the files anew, with their whole size on the disk. What an interrupted run has left under any of their names is removed.</summary>
    public static ArchiveOutput Create(string path, long? partSize, long length)
    {
        var parts = PartsOf(path, partSize, length);
        var folder = FolderOf(path);
        try
        {
            foreach (var left in FindPartials(path).Select(Path.GetFileName).OfType<string>())
            {
                // A lock tells that another run is writing it.
                if (folder.Find(left) is { IsRegular: true })
                    PosixFile.Unlock(Lock(folder, left));
                folder.Remove(left);
            }
        }
        catch
        {
            folder.Dispose();
            throw;
        }

        return Open(path, folder, partSize, length, parts, isNew: true);
    }

    static ArchiveOutput Open(string path, OpenFolder folder, long? partSize, long length, List<ArchivePart> parts, bool isNew)
    {
        var output = new ArchiveOutput(path, folder, partSize, length);
        try
        {
            foreach (var part in parts)
            {
                if (isNew)
                    folder.Create(PartialName(part), FileSettings.Readable).Dispose();
                // So that two runs never write one file.
                var file = Lock(folder, PartialName(part));
                output.files.Add(file);
                if (isNew)
                {
                    PosixFile.Allocate(file, part.Size, PartialOf(part.Path));
                    RandomAccess.SetLength(file, part.Size);
                }
            }

            return output;
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                var count = (int)Math.Min(bytes.Length, LeftInPart(offset));
                RandomAccess.Write(files[PartAt(offset)], bytes[..count], OffsetInPart(offset));
                bytes = bytes[count..];
                offset += count;
            }
        }
        catch (Exception e) when (FileFault.IsOfSystem(e))
        {
            // Never mistaken for a fault of the network, which is tried again.
            throw Unwritable(path, $" at byte {offset}", e);
        }
    }

    /// <summary>Why an archive cannot be written, and what helps then.</summary>
    /// <param name="place">Where in it; may be empty.</param>
    public static ModuleException Unwritable(string path, string place, Exception e)
    {
        var (code, reason, hint) = FileFault.Describe(e);
        hint = code == ErrorCodes.DiskFull ? "free some space, then run again: what was fetched is kept"
            : reason.Contains("that large", StringComparison.Ordinal)
                ? "set part_size, so that the archive becomes several files (FAT32 takes 4095M); or choose another file system, or raise "
                    + "the limit"
            : hint;
        return new ModuleException(code, $"the archive {path} cannot be written{place}: {reason}", hint, e);
    }

    /// <summary>Reads at least one byte, and none beyond the end of a part.</summary>
    public ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellation) =>
        RandomAccess.ReadAsync(files[PartAt(offset)], buffer[..(int)Math.Min(buffer.Length, LeftInPart(offset))], OffsetInPart(offset), cancellation);

    public int Read(Span<byte> buffer, long offset) =>
        RandomAccess.Read(files[PartAt(offset)], buffer[..(int)Math.Min(buffer.Length, LeftInPart(offset))], OffsetInPart(offset));

    /// <summary>How many bytes of its part follow an offset.</summary>
    public long LeftInPart(long offset) => Math.Min(partSize ?? Length, Length - offset + OffsetInPart(offset)) - OffsetInPart(offset);

    /// <summary>Makes it shorter.</summary>
    public void SetLength(long length)
    {
        var parts = PartsOf(path, partSize, length);
        for (var i = files.Count - 1; i >= parts.Count; i--)
        {
            PosixFile.Unlock(files[i]);
            files.RemoveAt(i);
            openFolder.Remove(PartialName(PartsOf(path, partSize, Length)[i]));
        }

        RandomAccess.SetLength(files[^1], parts[^1].Size);
        Length = length;
    }

    /// <summary>Brings everything to the disk and gives the files their names, the first part last.</summary>
    /// <param name="replaced">The files of the archive that was there; gone then.</param>
    /// <param name="writeSidecars">Called before the first part gets its name; after it where it is the only one, which is whole from then on.</param>
    public void Finish(ImmutableArray<string> replaced, Action writeSidecars)
    {
        foreach (var file in files)
            RandomAccess.FlushToDisk(file);
        var parts = PartsOf(path, partSize, Length);
        for (var i = parts.Count - 1; i >= 0; i--)
        {
            if (i == 0 && partSize is not null)
                writeSidecars();
            openFolder.Rename(PartialName(parts[i]), NameOf(parts[i]));
        }

        if (partSize is null)
            writeSidecars();
        foreach (var old in replaced)
        {
            if (!parts.Exists(part => part.Path == old))
                openFolder.Remove(Path.GetFileName(old));
        }
    }

    public void Dispose()
    {
        foreach (var file in files)
            PosixFile.Unlock(file);
        openFolder.Dispose();
    }

    static OpenFolder FolderOf(string path)
    {
        var place = Place.OfFile(path, followLast: false);
        if (place.IsFolderMissing)
            place.Dispose();
        place.RequireFolder();
        return place.Folder;
    }

    static string NameOf(ArchivePart part) => Path.GetFileName(part.Path);

    static string PartialName(ArchivePart part) => PartialOf(NameOf(part));

    // In a folder that others may write to, a file of theirs could be put where ours is expected: they would own the archive.
    static bool IsOwn(FileStatus file) => file is { IsRegular: true, Links: 1 } && file.Uid == PosixFile.ProcessUser;

    static SafeFileHandle Lock(OpenFolder folder, string name)
    {
        var file = folder.Open(name, PosixFile.ReadWrite);
        try
        {
            PosixFile.Lock(file, exclusive: true, name);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    int PartAt(long offset) => partSize is { } size ? (int)(offset / size) : 0;

    long OffsetInPart(long offset) => partSize is { } size ? offset % size : offset;

    static IEnumerable<string> FindPartials(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var name = Path.GetFileName(path);
        if (!Directory.Exists(folder))
            yield break;
        foreach (var file in Directory.EnumerateFiles(folder, "*" + Suffix, new EnumerationOptions { IgnoreInaccessible = true, AttributesToSkip = FileAttributes.None }))
        {
            var stem = Path.GetFileName(file)[..^Suffix.Length];
            if (stem == name || (SplitSet.HasNumber(stem) && stem[..stem.LastIndexOf('.')] == name))
                yield return file;
        }
    }
}
