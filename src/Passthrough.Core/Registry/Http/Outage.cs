using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Waits for a registry that is down, a restart above all: asks a cheap question every two seconds until it is well again, so that no
/// layer is sent into a
/// registry that cannot take it. All requests that wait share the questions.
/// </summary>
sealed class Outage(RegistryEndpoint endpoint, HttpMessageInvoker http, HealthProbe? health, ConnectionOptions options,
    TimeProvider time) : IDisposable
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    static readonly TimeSpan LongestQuestion = TimeSpan.FromSeconds(15);

    const int MaxBodyBytes = 256 * 1024;

    readonly HealthProbe probe = health ?? HealthProbe.OfEveryRegistry;
    readonly CancellationTokenSource closing = new();
    readonly Lock gate = new();
    Task<string?>? waiting;

    /// <summary>Waits if the fault may come of a registry that is down.</summary>
    /// <returns>What is wrong with it still when the budget is used up; null if it is well.</returns>
    public Task<string?> WaitAsync(PassingFault fault, CancellationToken cancellation)
    {
        if (!Suggests(fault) || options.OutageBudget == TimeSpan.Zero)
            return Task.FromResult<string?>(null);
        lock (gate)
        {
            if (waiting is null or { IsCompleted: true })
                waiting = PollAsync();
            return waiting.WaitAsync(cancellation);
        }
    }

    /// <summary>Asks once.</summary>
    /// <returns>What is wrong, as the end of a sentence; null if nothing is, as far as that can be asked.</returns>
    public async Task<string?> AskAsync(CancellationToken cancellation)
    {
        foreach (var path in probe.Paths)
        {
            if (await AskAsync(new Uri(endpoint.BaseUri, path), cancellation) is { } illness)
                return illness;
        }

        return null;
    }

    // What answers a request of its own accord with Retry-After is up and knows best.
    bool Suggests(PassingFault fault) =>
        fault.RetryAfter is null
        && (fault.Fault.Code is ErrorCodes.Connection or ErrorCodes.Timeout
            || fault.Fault.HttpStatus is 502 or 503 or 504
            || (health is not null && fault.Fault.HttpStatus is 401 or 500));

    async Task<string?> PollAsync()
    {
        var start = time.GetTimestamp();
        for (var isTold = false; ;)
        {
            var illness = await AskAsync(closing.Token);
            var elapsed = time.GetElapsedTime(start);
            if ((illness is null && elapsed >= probe.Lag) || elapsed >= options.OutageBudget)
                return illness;
            if (illness is not null && !isTold)
            {
                options.OnTrouble?.Invoke($"{endpoint.Authority} is down ({illness}): waiting up "
                    + $"to {options.OutageBudget.TotalSeconds} s for it");
                isTold = true;
            }

            await Task.Delay(Interval, time, closing.Token);
        }
    }

    async Task<string?> AskAsync(Uri address, CancellationToken cancellation)
    {
        var limit = options.Timeout < LongestQuestion ? options.Timeout : LongestQuestion;
        using var watchdog = new Watchdog(limit, time, cancellation);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.TryAddWithoutValidation("User-Agent", RegistryHttp.UserAgent);
            using var response = await http.SendAsync(request, watchdog.Token);
            return probe.Judge((int)response.StatusCode, await ReadAsync(response, watchdog.Token));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            const string Action = "ask";
            return TransportError.From(e, Action, new Peer(address, options, endpoint.Authority)).Message[$"cannot {Action}: ".Length..];
        }
        catch (OperationCanceledException) when (watchdog.HasBarked && !cancellation.IsCancellationRequested)
        {
            return $"no answer in {limit.TotalSeconds} s";
        }
    }

    static async Task<JObject?> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentType?.MediaType is not "application/json")
            return null;
        return Json.TryParseObject(System.Text.Encoding.UTF8.GetString(await BoundedBody.ReadAsync(response, MaxBodyBytes, cancellation)));
    }

    public void Dispose()
    {
        closing.Cancel();
        closing.Dispose();
    }
}
