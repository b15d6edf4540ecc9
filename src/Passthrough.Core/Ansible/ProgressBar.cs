using System.Globalization;

namespace Passthrough.Core.Ansible;

/// <summary>One line on a terminal's stderr that says how far a transfer is; removed when disposed.</summary>
sealed class ProgressBar : IDisposable
{
    const int Width = 28;
    const double MiB = 1024 * 1024;
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    readonly TransferProgress progress;
    readonly long started = TimeProvider.System.GetTimestamp();
    readonly Timer timer;
    bool shown;

    ProgressBar(TransferProgress progress)
    {
        this.progress = progress;
        timer = new Timer(_ => Draw(), state: null, Interval, Interval);
    }

    public static ProgressBar Start(TransferProgress progress) => new(progress);

    void Draw()
    {
        var (done, total) = (progress.BytesDone, progress.BytesTotal);
        if (total <= 0)
            return;
        shown = true;
        var fraction = Math.Clamp((double)done / total, 0, 1);
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        var rate = done / Math.Max(seconds, 0.001);
        var left = rate > 0 ? TimeSpan.FromSeconds((total - done) / rate) : TimeSpan.Zero;
        var bar = new string('#', (int)(fraction * Width)).PadRight(Width, '.');
        StandardOutput.WriteError(string.Create(CultureInfo.InvariantCulture,
            $"\r{progress.Phase}: [{bar}] {fraction * 100:0}% {done / MiB:0.0}/{total / MiB:0.0} MiB, {progress.ImagesDone}/{progress.ImagesTotal} images, {rate / MiB:0.0} MiB/s, {left:hh\\:mm\\:ss} left\e[K"));
    }

    public void Dispose()
    {
        timer.Dispose();
        if (shown)
            StandardOutput.WriteError("\r\e[K");
    }
}
