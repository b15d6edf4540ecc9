namespace Passthrough.Core.Registry.Http;

/// <summary>Cancels a request that makes no progress for as long as it was allowed to.</summary>
sealed class Watchdog : IDisposable
{
    readonly CancellationTokenSource timer;
    readonly CancellationTokenSource linked;

    public Watchdog(TimeSpan allowed, TimeProvider time, CancellationToken cancellation)
    {
        Allowed = allowed;
        timer = new CancellationTokenSource(allowed, time);
        linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timer.Token);
    }

    /// <summary>Cancelled by the caller or because time ran out.</summary>
    public CancellationToken Token => linked.Token;

    public bool HasBarked => timer.IsCancellationRequested;

    /// <summary>How long the current wait may take.</summary>
    public TimeSpan Allowed { get; private set; }

    /// <summary>There was progress: the next may take this long.</summary>
    public void Allow(TimeSpan allowed)
    {
        Allowed = allowed;
        timer.CancelAfter(allowed);
    }

    public void Dispose()
    {
        linked.Dispose();
        timer.Dispose();
    }
}
