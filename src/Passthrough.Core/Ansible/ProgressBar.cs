namespace Passthrough.Core.Ansible;

/// <summary>One line on a terminal's stderr that says how far a transfer is; removed when disposed.</summary>
sealed class ProgressBar : IDisposable
{
    const int Width = 20;
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    readonly TransferProgress progress;
    readonly SecretMasker secrets;
    readonly long started = TimeProvider.System.GetTimestamp();
    readonly Timer timer;
    readonly Lock gate = new();
    bool shown;
    bool over;

    ProgressBar(TransferProgress progress, SecretMasker secrets)
    {
        this.progress = progress;
        this.secrets = secrets;
        timer = new Timer(_ => Draw(), state: null, Interval, Interval);
    }

    public static ProgressBar Start(TransferProgress progress, SecretMasker secrets) => new(progress, secrets);

    void Draw()
    {
        var now = progress.Read(TimeProvider.System.GetElapsedTime(started));
        if (now.BytesTotal <= 0)
            return;
        var bar = new string('#', (int)(now.Fraction * Width)).PadRight(Width, '.');
        // Without wrapping, a narrow terminal cuts the line instead of scrolling with every update.
        Show($"\r\e[?7l{secrets.Mask(now.Phase)}: [{bar}] {now.Describe()}\e[K\e[?7h");
    }

    // A last tick of the timer must not draw behind the answer.
    void Show(string line)
    {
        lock (gate)
        {
            if (over)
                return;
            shown = true;
            StandardOutput.WriteError(line);
        }
    }

    public void Dispose()
    {
        timer.Dispose();
        lock (gate)
        {
            over = true;
            if (shown)
                StandardOutput.WriteError("\r\e[K");
        }
    }
}
