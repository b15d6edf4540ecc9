using System.Runtime.InteropServices;

namespace Passthrough.Core.Archive.Reading;

/// <summary>Decompresses zstd with the host's library, which rpm and dpkg depend on: .NET has no decoder of its own before version 11. Reads several frames one behind the other.</summary>
sealed partial class ZstdStream : ReadOnlyStream
{
    public const string LibraryName = "libzstd.so.1";

    readonly Stream compressed;
    // Pinned, so that the library may be told where they are.
    readonly byte[] input = GC.AllocateUninitializedArray<byte>(256 * 1024, pinned: true);
    readonly byte[] output = GC.AllocateUninitializedArray<byte>(256 * 1024, pinned: true);
    Block source;
    Block target;
    int taken;
    nint context;
    bool isInFrame;

    public ZstdStream(Stream compressed)
    {
        this.compressed = compressed;
        source.Address = Marshal.UnsafeAddrOfPinnedArrayElement(input, 0);
        target.Address = Marshal.UnsafeAddrOfPinnedArrayElement(output, 0);
        context = ZSTD_createDStream();
        if (context == 0)
            throw new ModuleException(ErrorCodes.Host, $"{LibraryName} has no memory left", "decompress the file first: zstd -d FILE");
    }

    /// <summary>Whether the host has the library.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(LibraryName, out _);

    public override int Read(Span<byte> buffer)
    {
        while (taken == (int)target.Position)
        {
            if (!Decompress())
                return 0;
        }

        var count = Math.Min(buffer.Length, (int)target.Position - taken);
        output.AsSpan(taken, count).CopyTo(buffer);
        taken += count;
        return count;
    }

    /// <returns>False at the end.</returns>
    bool Decompress()
    {
        var isFull = target.Position == target.Size && target.Size > 0;
        if (source.Position == source.Size && !isFull)
        {
            source.Size = (nuint)compressed.Read(input);
            source.Position = 0;
            if (source.Size == 0)
                return isInFrame ? throw new EndOfStreamException("it ends in the middle") : false;
        }

        target.Size = (nuint)output.Length;
        target.Position = 0;
        taken = 0;
        var left = ZSTD_decompressStream(context, ref target, ref source);
        if (ZSTD_isError(left) != 0)
            throw new InvalidDataException(Marshal.PtrToStringUTF8(ZSTD_getErrorName(left)));
        // Nothing is left when a frame has ended; another may follow.
        isInFrame = left != 0;
        return true;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    protected override void Dispose(bool disposing)
    {
        if (context != 0)
            _ = ZSTD_freeDStream(context);
        context = 0;
        if (disposing)
            compressed.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>ZSTD_inBuffer and ZSTD_outBuffer (zstd.h "Streaming").</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct Block
    {
        public nint Address;
        public nuint Size;
        public nuint Position;
    }

    // Bound at the first call, and called only where the library was found.
    [LibraryImport(LibraryName)]
    private static partial nint ZSTD_createDStream();

    [LibraryImport(LibraryName)]
    private static partial nuint ZSTD_freeDStream(nint context);

    [LibraryImport(LibraryName)]
    private static partial nuint ZSTD_decompressStream(nint context, ref Block output, ref Block input);

    [LibraryImport(LibraryName)]
    private static partial uint ZSTD_isError(nuint code);

    [LibraryImport(LibraryName)]
    private static partial nint ZSTD_getErrorName(nuint code);
}
