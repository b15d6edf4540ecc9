namespace Passthrough.Core.Ansible;

/// <summary>
/// Keeps the heap near what is alive on it: a run over thousands of images shares its host with a registry, and the collector alone would let it grow by
/// what the machine has. Small runs never reach the threshold.
/// </summary>
sealed class HeapLimit : IDisposable
{
    const long Threshold = 24 * 1024 * 1024;
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    readonly Timer timer;
    long next = Threshold;
    int isCollecting;

    public HeapLimit() => timer = new Timer(_ => Check(), state: null, Interval, Interval);

    void Check()
    {
        if (GC.GetTotalMemory(forceFullCollection: false) < Volatile.Read(ref next) || Interlocked.Exchange(ref isCollecting, 1) == 1)
            return;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        // Half as much again may come before the next, or a large set of images would be collected for without end.
        Volatile.Write(ref next, Math.Max(Threshold, GC.GetTotalMemory(forceFullCollection: false) * 3 / 2));
        Volatile.Write(ref isCollecting, 0);
    }

    public void Dispose() => timer.Dispose();
}
