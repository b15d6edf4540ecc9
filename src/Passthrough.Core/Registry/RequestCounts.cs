namespace Passthrough.Core.Registry;

/// <summary>How many HTTP requests were sent, tokens and redirected ones included. Shared by all stores of one connection's options; safe to use from many tasks.</summary>
public sealed class RequestCounts
{
    int total;
    int retries;
    int throttled;

    public int Total => Volatile.Read(ref total);

    /// <summary>How often something was tried again after a fault that may pass.</summary>
    public int Retries => Volatile.Read(ref retries);

    /// <summary>Answers 429: the server asked for patience.</summary>
    public int Throttled => Volatile.Read(ref throttled);

    internal void AddRequest() => Interlocked.Increment(ref total);

    internal void AddRetry() => Interlocked.Increment(ref retries);

    internal void AddThrottled() => Interlocked.Increment(ref throttled);
}
