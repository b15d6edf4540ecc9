using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>
/// Tells in a file that grows what a transfer does, for whoever follows it with <c>tail -f</c>: every phase, every image, and how far it is every ten seconds.
/// <code>2026-01-31T12:00:00Z uploading: 37% 1520.4/4100.0 MiB, 12/38 images, 34.0 MiB/s, 00:01:15 left</code>
/// A run adds to what earlier ones wrote.
/// </summary>
public sealed class TransferLog : IDisposable
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    readonly SafeFileHandle file;
    readonly TransferProgress progress;
    readonly TimeProvider time;
    readonly Func<string, string> mask;
    readonly long started;
    readonly Lock gate = new();
    readonly ITimer timer;
    string last = "";

    TransferLog(SafeFileHandle file, TransferProgress progress, TimeProvider time, Func<string, string> mask)
    {
        (this.file, this.progress, this.time, this.mask) = (file, progress, time, mask);
        started = time.GetTimestamp();
        timer = time.CreateTimer(_ => TellProgress(), state: null, Interval, Interval);
        progress.Listener = Tell;
    }

    /// <summary>Opens the file, which is made where it is missing, as are folders above it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="progress">What is told.</param>
    /// <param name="time">The clock.</param>
    /// <param name="mask">Hides secrets.</param>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be written.</exception>
    public static TransferLog Start(string path, TransferProgress progress, TimeProvider time, Func<string, string> mask) =>
        FileFault.Explain(path, () => new TransferLog(AppendedFile.Open(path), progress, time, mask));

    /// <summary>Finds in check mode what <see cref="Start"/> would.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be written.</exception>
    public static void Check(string path) => FileFault.Explain(path, () => AppendedFile.Check(path));

    /// <summary>Adds one line.</summary>
    public void Tell(string text)
    {
        var line = $"{time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)} {mask(text).ReplaceLineEndings(" ")}\n";
        lock (gate)
        {
            try
            {
                AppendedFile.Append(file, Encoding.UTF8.GetBytes(line));
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // That nobody can follow it must not stop a transfer.
            }
        }
    }

    public void Dispose()
    {
        progress.Listener = null;
        timer.Dispose();
        lock (gate)
            file.Dispose();
    }

    void TellProgress()
    {
        var now = progress.Read(time.GetElapsedTime(started));
        var text = $"{now.Phase}: {now.Describe()}";
        if (now.BytesTotal > 0 && text != last)
            Tell(last = text);
    }
}
