using System.Globalization;
using System.Net;
using Polly;
using Polly.Retry;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Does something again after a fault that may pass: exponential pauses from half a second to half a minute with full jitter;
/// what the server asks for in Retry-After wins. A server that is down is waited for first, which costs none of the attempts.
/// </summary>
sealed class Retry
{
    static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(0.5);
    static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    static readonly TimeSpan ShortestAskedPause = TimeSpan.FromSeconds(2);
    static readonly TimeSpan LongestAskedPause = TimeSpan.FromMinutes(10);

    readonly ResiliencePipeline pipeline;
    readonly Func<double> random;
    readonly TimeProvider time;

    /// <param name="retries">How often at most, after the first attempt.</param>
    /// <param name="random">Gives numbers from 0 to 1, so that tests know the pauses.</param>
    /// <param name="onRetry">Told about every attempt after the first.</param>
    /// <param name="outage">Waits for a server that is down; null does not wait for it.</param>
    public Retry(int retries, TimeProvider time, Func<double>? random = null, Action? onRetry = null, Outage? outage = null)
    {
        (this.random, this.time) = (random ?? Random.Shared.NextDouble, time);
        var builder = new ResiliencePipelineBuilder { TimeProvider = time };
        if (retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = retries,
                ShouldHandle = static attempt => ValueTask.FromResult(attempt.Outcome.Exception is PassingFault),
                OnRetry = async attempt =>
                {
                    onRetry?.Invoke();
                    var passing = (PassingFault)attempt.Outcome.Exception!;
                    if (outage is not null && await outage.WaitAsync(passing, attempt.Context.CancellationToken) is { } illness)
                        throw With(passing.Fault, $"{passing.Fault.Message} (waited for it, and it is still down: {illness})",
                            passing.Fault.Hint);
                },
                DelayGenerator = attempt => ValueTask.FromResult<TimeSpan?>(Pause(attempt.AttemptNumber, ((PassingFault)attempt.Outcome.Exception!).RetryAfter)),
            });
        }

        pipeline = builder.Build();
    }

    /// <summary>Whether an answer of this status may be another one a moment later.</summary>
    public static bool MayPass(HttpStatusCode status) =>
        (int)status is 408 or 425 or 429 or 499 or (>= 500 and <= 599 and not 501 and not 505);

    /// <summary>Runs the attempt until it gives a value, throws something other than <see cref="PassingFault"/>, or the retries are used up.</summary>
    /// <exception cref="ModuleException">The last fault; it says how often was tried.</exception>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> attempt, CancellationToken cancellation)
    {
        var attempts = 0;
        T value = default!;
        try
        {
            // The value goes past the pipeline, which would be compiled again for every type of value.
            await pipeline.ExecuteAsync(async token =>
            {
                attempts++;
                value = await attempt(token);
            }, cancellation);
            return value;
        }
        catch (PassingFault passing)
        {
            var fault = passing.Fault;
            throw attempts == 1 ? fault : With(fault, $"{fault.Message} (tried {attempts} times)", fault.Hint);
        }
    }

    /// <summary>The pause before an attempt, for work that is not an attempt of this one.</summary>
    /// <param name="attempt">From 0 on.</param>
    public Task PauseAsync(int attempt, CancellationToken cancellation) => Task.Delay(Pause(attempt, asked: null), time, cancellation);

    /// <summary>The pause that Retry-After asks for; null where the answer has none.</summary>
    /// <exception cref="ModuleException">It is longer than anybody would wait; the message names the time.</exception>
    public static TimeSpan? AskedPause(HttpResponseMessage response, ModuleException fault, TimeProvider time)
    {
        var header = response.Headers.RetryAfter;
        var pause = header?.Delta ?? (header?.Date is { } date ? date - time.GetUtcNow() : null);
        if (pause is null)
            return null;
        if (pause > LongestAskedPause)
            throw With(fault, $"{fault.Message}; it asks to come back at {(time.GetUtcNow() + pause.Value).UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)} UTC", "run this again then; what is done already is not done twice");
        return pause < ShortestAskedPause ? ShortestAskedPause : pause;
    }

    TimeSpan Pause(int attempt, TimeSpan? asked) =>
        asked ?? (random() * Math.Pow(2, Math.Min(attempt, 16)) * FirstPause is var pause && pause < LongestPause ? pause : LongestPause);

    static ModuleException With(ModuleException fault, string message, string? hint) =>
        new(fault.Code, message, hint, fault.InnerException) { HttpStatus = fault.HttpStatus, Image = fault.Image, Blob = fault.Blob };
}
