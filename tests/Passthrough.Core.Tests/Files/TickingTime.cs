namespace Passthrough.Core.Tests.Files;

/// <summary>A clock that goes when it is told to, and then calls its timers.</summary>
/// <param name="interval">What timers must be set to.</param>
sealed class TickingTime(TimeSpan interval) : TimeProvider
{
    readonly List<Action> timers = [];
    long seconds;

    public override long TimestampFrequency => 1;

    public override long GetTimestamp() => seconds;

    public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddSeconds(seconds);

    public void Advance(int by)
    {
        seconds += by;
        foreach (var timer in timers.ToList())
            timer();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Assert.Equal((interval, interval), (dueTime, period));
        void Tick() => callback(state);
        timers.Add(Tick);
        return new Timer(() => timers.Remove(Tick));
    }

    sealed class Timer(Action stop) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose() => stop();

        public ValueTask DisposeAsync()
        {
            stop();
            return ValueTask.CompletedTask;
        }
    }
}
