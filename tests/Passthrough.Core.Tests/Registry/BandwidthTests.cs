using Passthrough.Core.Registry;

namespace Passthrough.Core.Tests.Registry;

public sealed class BandwidthTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task All_transfers_together_take_as_long_as_the_limit_says(int streams)
    {
        var time = new JumpingTime();
        var bandwidth = new Bandwidth(100_000, time);
        var content = new byte[250_000];
        Random.Shared.NextBytes(content);

        await Task.WhenAll(Enumerable.Range(0, streams).Select(async _ =>
        {
            using var copy = new MemoryStream();
            await using var paced = bandwidth.Pace(new MemoryStream(content));
            await paced.CopyToAsync(copy);
            Assert.Equal(content, copy.ToArray());
        }));

        Assert.True(time.Elapsed.TotalSeconds > 2.5 * streams - 0.001, $"{time.Elapsed}");
        // Waits that overlap make this clock go too fast.
        if (streams == 1)
            Assert.Equal(2.5, time.Elapsed.TotalSeconds, tolerance: 0.001);
    }

    /// <summary>A clock that goes on when somebody waits.</summary>
    sealed class JumpingTime : TimeProvider
    {
        long ticks;

        public TimeSpan Elapsed => TimeSpan.FromTicks(Interlocked.Read(ref ticks));

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref ticks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Add(ref ticks, dueTime.Ticks);
            return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
