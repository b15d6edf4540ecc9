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
}
