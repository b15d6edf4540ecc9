using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Passthrough.Core.Archive.Reading;

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
    readonly List<SafeFileHandle> files = [];

    ArchiveOutput(string path, long? partSize, long length)
    {
        this.path = path;
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
            bytes += new FileInfo(file).Length;
        return bytes;
    }

    /// <summary>
    /// Opens the files of an interrupted run that was to write the same; null where they are not all there. One that had its name already, when the run ended
    /// between the first and the last, loses it again.
    /// </summary>
    public static ArchiveOutput? Reopen(string path, long? partSize, long length)
    {
        var parts = PartsOf(path, partSize, length);
        foreach (var part in parts)
        {
            var file = new FileInfo(PartialOf(part.Path));
            if (!file.Exists && partSize is not null && File.Exists(part.Path))
                file = new FileInfo(part.Path);
            if (!file.Exists || file.Length != part.Size)
                return null;
        }

        foreach (var part in parts)
        {
            if (!File.Exists(PartialOf(part.Path)))
                File.Move(part.Path, PartialOf(part.Path));
        }

        return Open(path, partSize, length, parts, FileMode.Open);
    }

    /// <summary>Makes the files anew, with their whole size on the disk. What an interrupted run has left under any of their names is removed.</summary>
    public static ArchiveOutput Create(string path, long? partSize, long length)
    {
        var parts = PartsOf(path, partSize, length);
        foreach (var left in FindPartials(path))
        {
            // A lock tells that another run is writing it.
            File.OpenHandle(left, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            File.Delete(left);
        }

        return Open(path, partSize, length, parts, FileMode.CreateNew);
    }

    static ArchiveOutput Open(string path, long? partSize, long length, List<ArchivePart> parts, FileMode mode)
    {
        var output = new ArchiveOutput(path, partSize, length);
        try
        {
            foreach (var part in parts)
            {
                // FileShare.None takes a lock, so that two runs never write one file.
                var file = File.OpenHandle(PartialOf(part.Path), mode, FileAccess.ReadWrite, FileShare.None, FileOptions.Asynchronous, mode == FileMode.CreateNew ? part.Size : 0);
                output.files.Add(file);
                if (mode == FileMode.CreateNew)
                    RandomAccess.SetLength(file, part.Size);
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
        catch (IOException e)
        {
            // Never mistaken for a fault of the network, which is tried again.
            throw new ModuleException(ErrorCodes.File, $"the archive cannot be written at byte {offset}: {e.Message}", "free space on the disk, then run again: what was fetched is kept", e);
        }
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
            files[i].Dispose();
            files.RemoveAt(i);
            File.Delete(PartialOf(PartsOf(path, partSize, Length)[i].Path));
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
            File.Move(PartialOf(parts[i].Path), parts[i].Path, overwrite: true);
        }

        if (partSize is null)
            writeSidecars();
        foreach (var old in replaced)
        {
            if (!parts.Exists(part => part.Path == old))
                File.Delete(old);
        }
    }

    public void Dispose()
    {
        foreach (var file in files)
            file.Dispose();
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
