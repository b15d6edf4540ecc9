namespace Passthrough.Testing.Registries;

/// <summary>The clock of a fake: runs as the world's does, and can be put forward.</summary>
public sealed class TestClock : TimeProvider
{
    long ahead;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref ahead));

    public void Advance(TimeSpan time) => Interlocked.Add(ref ahead, time.Ticks);
}
