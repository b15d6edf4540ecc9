namespace Passthrough.Testing.Registries;

/// <summary>A clock that a test moves; waiting goes by the true one.</summary>
public sealed class ManualTime(DateTimeOffset now) : TimeProvider
{
    DateTimeOffset now = now;

    public override DateTimeOffset GetUtcNow() => now;

    public void Advance(TimeSpan by) => now += by;
}
