using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>
/// Reads files that the user names. Links are followed. Pipes, devices and sockets are refused: they would wait for another process or
/// never end.
/// What fails is an <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>, as with <see cref="File"/>.
/// </summary>
public static class InputFile
{
    const int BufferSize = 64 * 1024;

    /// <param name="path">The file.</param>
    /// <param name="shared">Whether it fails while another process writes it under a lock, and keeps such a process away.</param>
    public static SafeFileHandle Open(string path, bool shared = false)
    {
        // Looked at first: opening a device can have effects.
        (PosixFile.StatusOf(path) ?? throw new FileNotFoundException($"{path} does not exist", path)).RequireRegular();
        var file = PosixFile.Open(path);
        try
        {
            PosixFile.StatusOf(file).RequireRegular();
            if (shared)
                PosixFile.Lock(file, exclusive: false, path);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public static byte[] ReadAllBytes(string path)
    {
        using var file = Open(path);
        return ReadToEnd(file);
    }

    /// <summary>The text of a file in UTF-8, or in what its byte order mark says.</summary>
    public static string ReadAllText(string path)
    {
        using var reader = new StreamReader(new MemoryStream(ReadAllBytes(path)), Encoding.UTF8);
        return reader.ReadToEnd();
    }

    public static string[] ReadAllLines(string path)
    {
        using var reader = new StringReader(ReadAllText(path));
        var lines = new List<string>();
        while (reader.ReadLine() is { } line)
            lines.Add(line);
        return [.. lines];
    }

    // Files in /proc have no length: the end is where nothing more comes.
    internal static byte[] ReadToEnd(SafeFileHandle file)
    {
        var content = new byte[Math.Clamp(RandomAccess.GetLength(file) + 1, BufferSize, Limits.ListBytes + 1)];
        for (var length = 0; ;)
        {
            var count = RandomAccess.Read(file, content.AsSpan(length), length);
            length += count;
            if (count == 0)
                return content[..length];
            if (length > Limits.ListBytes)
                throw new FileRefusedException($"it has more than {Limits.ListBytes} bytes", "name another file");
            if (length == content.Length)
                Array.Resize(ref content, checked(content.Length * 2));
        }
    }
}
