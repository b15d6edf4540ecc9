namespace Passthrough.Core.Registry.Http;

/// <summary>
/// How many requests a registry gets at once: as many as come, until it answers 5xx or 429 twice in a short time. Then half of those, and
/// slowly more again
/// (additive increase, multiplicative decrease, as in RFC 5681): what a registry can take is nobody's to know beforehand.
/// </summary>
sealed class Admission(string authority, Action<string>? onTrouble, TimeProvider time)
{
    /// <summary>Two troubles within this time are one too many.</summary>
    static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    /// <summary>Answers to what was sent before a cut say nothing about it.</summary>
    static readonly TimeSpan PauseAfterCut = TimeSpan.FromSeconds(1);

    /// <summary>So many good answers in a row allow one request more.</summary>
    const int SuccessesPerStep = 20;

    /// <summary>From here on nothing is limited any more.</summary>
    const int Unlimited = 64;

    readonly Lock gate = new();
    readonly Queue<TaskCompletionSource> queue = new();
    int limit = int.MaxValue;
    int lowest = int.MaxValue;
    int underWay;
    int successes;
    long? lastTrouble;
    long? lastCut;

    /// <summary>How many may be under way; <see cref="int.MaxValue"/> for any number.</summary>
    public int Limit
    {
        get
        {
            lock (gate)
                return limit;
        }
    }

    /// <summary>Returns when a request may be sent; <see cref="Leave"/> must follow.</summary>
    public async Task EnterAsync(CancellationToken cancellation)
    {
        TaskCompletionSource turn;
        lock (gate)
        {
            if (underWay < limit)
            {
                underWay++;
                return;
            }

            queue.Enqueue(turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        await using var registration = cancellation.Register(() => turn.TrySetCanceled(cancellation));
        await turn.Task;
    }

    /// <summary>The request was answered, or was not.</summary>
    /// <param name="trouble">The status if the registry could not cope; null otherwise.</param>
    public void Leave(int? trouble)
    {
        string? news = null;
        lock (gate)
        {
            if (trouble is { } status)
                news = Cut(status);
            else
                Grow();
            underWay--;
            while (underWay < limit && queue.TryDequeue(out var next))
            {
                if (next.TrySetResult())
                    underWay++;
            }
        }

        if (news is not null)
            onTrouble?.Invoke(news);
    }

    string? Cut(int status)
    {
        successes = 0;
        var now = time.GetTimestamp();
        var isRepeated = lastTrouble is { } before && time.GetElapsedTime(before, now) <= Window;
        lastTrouble = now;
        if (!isRepeated || (lastCut is { } cut && time.GetElapsedTime(cut, now) < PauseAfterCut))
            return null;
        lastCut = now;
        limit = Math.Max(1, Math.Min(underWay, limit) / 2);
        if (limit >= lowest)
            return null;
        lowest = limit;
        return $"{authority} answered {status} repeatedly: it gets {limit} {(limit == 1 ? "request" : "requests")} at once for now; a "
            + $"lower concurrency may be faster";
    }

    void Grow()
    {
        if (limit == int.MaxValue || ++successes < SuccessesPerStep)
            return;
        successes = 0;
        limit = limit + 1 >= Unlimited ? int.MaxValue : limit + 1;
    }
}
