namespace Passthrough.Core.Registry;

/// <summary>What all transfers of a run together may take of a line. Safe to use by many at once.</summary>
/// <param name="bytesPerSecond">At least <see cref="Least"/>.</param>
/// <param name="time">The clock.</param>
public sealed class Bandwidth(long bytesPerSecond, TimeProvider time)
{
    /// <summary>With less, a connection would look as if it stalled.</summary>
    public const long Least = 64 * 1024;

    readonly Lock gate = new();
    long paidUntil;

    /// <summary>The stream, read no faster than its share.</summary>
    public Stream Pace(Stream stream) => new PacedStream(stream, this);

    /// <summary>How much is read before there is a pause: a tenth of a second's worth.</summary>
    int Slice => (int)Math.Clamp(bytesPerSecond / 10, 4096, 1024 * 1024);

    /// <summary>Waits as long as these bytes take.</summary>
    async ValueTask SpendAsync(int bytes, CancellationToken cancellation)
    {
        TimeSpan wait;
        lock (gate)
        {
            var now = time.GetTimestamp();
            paidUntil = Math.Max(now, paidUntil) + (long)((double)bytes / bytesPerSecond * time.TimestampFrequency);
            wait = time.GetElapsedTime(now, paidUntil);
        }

        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, cancellation);
    }

    sealed class PacedStream(Stream inner, Bandwidth bandwidth) : ReadOnlyStream
    {
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await inner.ReadAsync(buffer[..Math.Min(buffer.Length, bandwidth.Slice)], cancellationToken);
            await bandwidth.SpendAsync(count, cancellationToken);
            return count;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                inner.Dispose();
            base.Dispose(disposing);
        }
    }
}
