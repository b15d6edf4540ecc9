namespace Passthrough.Core;

/// <summary>Counters of a running transfer, written by many tasks and read by whoever shows them. All members are safe to use at once.</summary>
public sealed class TransferProgress
{
    long bytesDone;
    long bytesTotal;
    int imagesDone;
    int imagesTotal;

    /// <summary>What is going on, for people: <c>reading manifests</c>, <c>uploading</c>, ….</summary>
    public string Phase { get; set; } = "starting";

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

    public void AddImage() => Interlocked.Increment(ref imagesDone);

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
public sealed record ProgressReading(string Phase, int ImagesDone, int ImagesTotal, long BytesDone, long BytesTotal, double BytesPerSecond, TimeSpan? Left);
