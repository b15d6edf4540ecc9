using System.Globalization;

namespace Passthrough.Core;

/// <summary>Counters of a running transfer, written by many tasks and read by whoever shows them. All members are safe to use at once.</summary>
public sealed class TransferProgress
{
    long bytesDone;
    long bytesTotal;
    int imagesDone;
    int imagesTotal;

    /// <summary>What is going on, for people: <c>reading manifests</c>, <c>uploading</c>, ….</summary>
    public string Phase
    {
        get;
        set
        {
            field = value;
            Tell(value);
        }
    } = "starting";

    /// <summary>Is told every phase and every image, in words.</summary>
    public Action<string>? Listener { get; set; }

    public long BytesDone => Interlocked.Read(ref bytesDone);

    public long BytesTotal => Interlocked.Read(ref bytesTotal);

    public int ImagesDone => Volatile.Read(ref imagesDone);

    public int ImagesTotal => Volatile.Read(ref imagesTotal);

    public void SetTotals(int images, long bytes)
    {
        Volatile.Write(ref imagesTotal, images);
        Interlocked.Exchange(ref bytesTotal, bytes);
    }

    /// <summary>Negative where a failed upload starts again.</summary>
    public void AddBytes(long count) => Interlocked.Add(ref bytesDone, count);

    /// <param name="outcome">The image and what became of it, in words.</param>
    public void AddImage(string outcome)
    {
        Interlocked.Increment(ref imagesDone);
        Tell(outcome);
    }

    /// <summary>Tells the listener something that is not counted.</summary>
    public void Tell(string text) => Listener?.Invoke(text);

    /// <summary>How it stands.</summary>
    /// <param name="elapsed">Since it began.</param>
    public ProgressReading Read(TimeSpan elapsed)
    {
        var (done, total) = (BytesDone, BytesTotal);
        var rate = done / Math.Max(elapsed.TotalSeconds, 0.001);
        return new ProgressReading(Phase, ImagesDone, ImagesTotal, done, total, rate, done > 0 ? TimeSpan.FromSeconds(Math.Clamp((total - done) / rate, 0, LongestGuess)) : null);
    }

    /// <summary>In seconds; who looks longer into the future than this has no rate to guess by.</summary>
    const double LongestGuess = 100 * 3600 - 1;
}

/// <summary>How a transfer stands at one moment.</summary>
/// <param name="BytesPerSecond">On average since the beginning.</param>
/// <param name="Left">The time that the rest takes at that rate; null before the first byte.</param>
public sealed record ProgressReading(string Phase, int ImagesDone, int ImagesTotal, long BytesDone, long BytesTotal, double BytesPerSecond, TimeSpan? Left)
{
    const double MiB = 1024 * 1024;

    /// <summary>Between 0 and 1.</summary>
    public double Fraction => Math.Clamp((double)BytesDone / Math.Max(BytesTotal, 1), 0, 1);

    /// <summary><c>37% 1520.4/4100.0 MiB, 12/38 images, 34.0 MiB/s, 00:01:15 left</c></summary>
    public string Describe()
    {
        var left = (int)(Left?.TotalSeconds ?? 0);
        return string.Create(CultureInfo.InvariantCulture,
            $"{Fraction * 100:0}% {BytesDone / MiB:0.0}/{BytesTotal / MiB:0.0} MiB, {ImagesDone}/{ImagesTotal} images, {BytesPerSecond / MiB:0.0} MiB/s, {left / 3600:00}:{left / 60 % 60:00}:{left % 60:00} left");
    }
}
