using System.IO.Compression;
using Microsoft.Win32.SafeHandles;
using Passthrough.Core.Files;

namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// Decompresses an archive once into a file without a name. Going on from any offset would need the state of the decompressor there, and reading in
/// two passes would upload blobs one by one in the order of the file: a plain copy is what serves parallel uploads, retries and verification alike.
/// </summary>
static class Spool
{
    const int BufferSize = 1024 * 1024;

    /// <summary>Beyond this size content that grows more than <see cref="MaxGrowth"/>-fold is taken for an attack: image layers shrink to a half or a tenth.</summary>
    const long MaxUnquestioned = 256L << 20;
    const int MaxGrowth = 200;

    /// <returns>What the file holds, under the path of the compressed one.</returns>
    /// <exception cref="ModuleException">It is damaged, no tar is in it, it cannot be decompressed here, or the disk is too small.</exception>
    public static ArchiveBytes Decompress(ArchiveBytes compressed, Compression compression, ArchiveOptions options, CancellationToken cancellation)
    {
        using var source = Open(compressed, compression);
        var first = new byte[TarHeader.BlockSize];
        if (Read(source, first, compressed, compression) < first.Length || !TarHeader.HasValidChecksum(first))
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{compressed.Path} is compressed with {compression.Name}, but what it holds is no tar archive", "give an archive made by this module, or by skopeo copy … oci-archive:FILE");
        CheckSpace(compressed, compression, options.SpoolFolder);
        if (options.Progress is { } progress)
            progress.Phase = $"decompressing to {options.SpoolFolder}";
        var file = Create(options.SpoolFolder, compressed.Path);
        try
        {
            return ArchiveFile.Of(compressed.Path, file, Fill(file, first, source, compressed, compression, options, cancellation), compressed.StoredSize);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    static Stream Open(ArchiveBytes compressed, Compression compression)
    {
        var bytes = compressed.OpenRange(0, compressed.Length);
        if (compression.Name == "gzip")
            return new GZipStream(bytes, CompressionMode.Decompress);
        if (compression.Name == "zstd" && ZstdStream.IsAvailable)
            return new ZstdStream(bytes);
        bytes.Dispose();
        throw compression.Name == "zstd"
            ? new ModuleException(ErrorCodes.Host, $"{compressed.Path} is compressed with zstd, and this host has no library to decompress it ({ZstdStream.LibraryName})", "install libzstd (RHEL) or libzstd1 (Debian, Ubuntu), or decompress the file first: zstd -d FILE")
            : new ModuleException(ErrorCodes.Unsupported, $"{compressed.Path} is compressed with {compression.Name}; blobs cannot be read at their offsets", $"decompress it first: {compression.Command}");
    }

    static long Fill(SafeFileHandle file, byte[] first, Stream source, ArchiveBytes compressed, Compression compression, ArchiveOptions options, CancellationToken cancellation)
    {
        var buffer = new byte[BufferSize];
        first.CopyTo(buffer, 0);
        var count = first.Length + Read(source, buffer.AsSpan(first.Length), compressed, compression);
        for (var length = 0L; ;)
        {
            cancellation.ThrowIfCancellationRequested();
            Write(file, buffer.AsSpan(0, count), length, compressed, options.SpoolFolder);
            length += count;
            if (length > MaxUnquestioned && length / MaxGrowth > compressed.Length)
                throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{compressed.Path} grows more than {MaxGrowth}-fold when it is decompressed", "this is hardly a real archive; if it is, decompress it yourself");
            count = Read(source, buffer, compressed, compression);
            if (count == 0)
                return length;
        }
    }

    static int Read(Stream source, Span<byte> buffer, ArchiveBytes compressed, Compression compression)
    {
        try
        {
            return source.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{compressed.Path} cannot be decompressed as {compression.Name}: {e.Message}", "copy it again", e);
        }
    }

    static void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset, ArchiveBytes compressed, string folder)
    {
        try
        {
            RandomAccess.Write(file, bytes, offset);
        }
        catch (Exception e) when (FileFault.IsOfSystem(e))
        {
            throw new ModuleException(
                ErrorCodes.DiskFull, $"{compressed.Path} holds more than {offset} bytes when it is decompressed, which {folder} cannot "
                    + $"take: {FileFault.Describe(e).Reason}", "set TMPDIR to a folder with more space, or decompress the file yourself",
                        e);
        }
    }

    // How much it will be is not known before; at least as much as it is now.
    static void CheckSpace(ArchiveBytes compressed, Compression compression, string folder)
    {
        if (!Directory.Exists(folder))
            throw new ModuleException(ErrorCodes.File, $"{compressed.Path} is compressed with {compression.Name} and the folder {folder}, where it would be decompressed, does not exist", "set TMPDIR to a folder that exists, or decompress the file yourself");
        var free = new DriveInfo(folder).AvailableFreeSpace;
        if (free < compressed.Length)
            throw new ModuleException(ErrorCodes.DiskFull, $"{compressed.Path} is compressed with {compression.Name}: decompressed it takes more than {compressed.Length} bytes, {folder} has {free} bytes free", "set TMPDIR to a folder with more space, or decompress the file yourself");
    }

    static SafeFileHandle Create(string folder, string archive)
    {
        var name = $".image_archive-{Guid.NewGuid():N}";
        try
        {
            using var place = Place.OfFolder(folder);
            var file = place.Folder.Create(name, FileSettings.Secret);
            // The kernel keeps it until it is closed, and frees it then, whoever closes it and how.
            place.Folder.Remove(name);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"{archive} is compressed, and the folder {folder} where it would be decompressed cannot be written to: {e.Message}", "set TMPDIR to another folder, or decompress the file yourself", e);
        }
    }
}
