using Microsoft.Win32.SafeHandles;
using Passthrough.Core.Files;

namespace Passthrough.Core.Archive.Reading;

/// <summary>An archive that is one file.</summary>
public sealed class ArchiveFile : ArchiveBytes
{
    readonly SafeFileHandle handle;

    ArchiveFile(string path, SafeFileHandle handle, long length, long storedSize)
    {
        Path = path;
        Length = length;
        StoredSize = storedSize;
        this.handle = handle;
    }

    public override string Path { get; }

    public override long Length { get; }

    public override long StoredSize { get; }

    /// <summary>What was decompressed into a file that is open already.</summary>
    internal static ArchiveFile Of(string path, SafeFileHandle handle, long length, long storedSize) => new(path, handle, length, storedSize);

    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it is missing, a folder, not readable, or a pipe.</exception>
    public static ArchiveFile Open(string path)
    {
        if (Directory.Exists(path))
            throw new ModuleException(ErrorCodes.File, $"the archive {path} is a folder", "give the tar file; a layout in a folder becomes one with: tar -C FOLDER -cf archive.tar .");
        try
        {
            var file = InputFile.Open(path, shared: true);
            try
            {
                var length = RandomAccess.GetLength(file);
                return new ArchiveFile(path, file, length, length);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModuleException(ErrorCodes.File, $"the archive {path} does not exist", "give the path of an existing file on the host where the task runs", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new ModuleException(ErrorCodes.File, $"the archive {path} cannot be read: permission denied", "make it readable for the user that runs the task", e);
        }
        catch (FileRefusedException e)
        {
            throw new ModuleException(
                ErrorCodes.File,
                $"the archive {path} cannot be read: {e.Message}",
                "give a regular file: blobs are read at their offsets",
                e);
        }
        catch (IOException e)
        {
            throw new ModuleException(ErrorCodes.File, $"the archive {path} cannot be read: {e.Message}", null, e);
        }
    }

    public override int Read(Span<byte> buffer, long offset)
    {
        try
        {
            return RandomAccess.Read(handle, buffer, offset);
        }
        catch (IOException e)
        {
            throw Unreadable(offset, e);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellation)
    {
        try
        {
            return await RandomAccess.ReadAsync(handle, buffer, offset, cancellation);
        }
        catch (IOException e)
        {
            throw Unreadable(offset, e);
        }
    }

    // A fault of the disk must not look like a fault of the network, which is tried again.
    ModuleException Unreadable(long offset, IOException e) =>
        new(ErrorCodes.File, $"{Path} cannot be read at byte {offset}: {e.Message}", "check the medium it is on", e);

    protected override void Dispose(bool disposing) => PosixFile.Unlock(handle);
}
