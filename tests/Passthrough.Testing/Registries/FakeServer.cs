using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Passthrough.Testing.Registries;

/// <summary>
/// A stand-in for a registry product on a free port of 127.0.0.1. What a product answers is computed by its class from what it was told before;
/// here stands what all share: the record of requests, and the places where a test may step in.
/// </summary>
/// <param name="host">The name in addresses and references; resolves to 127.0.0.1.</param>
/// <param name="certificate">Serves TLS with it; null serves plain HTTP.</param>
public abstract class FakeServer(string host, X509Certificate2? certificate) : IAsyncDisposable
{
    readonly ConcurrentQueue<FakeRequest> requests = new();
    readonly SemaphoreSlim gate = new(1);
    LocalServer? server;

    public string Host => host;

    public int Port => server!.Port;

    /// <summary><c>host:port</c>, as references and auth files name it.</summary>
    public string Name => $"{host}:{Port}";

    public Uri Address => new($"{(certificate is null ? "http" : "https")}://{Name}/");

    /// <summary>What was asked and answered, in the order of the answers.</summary>
    public IReadOnlyList<FakeRequest> Requests => [.. requests];

    /// <summary>The requests that asked it to change something.</summary>
    public IEnumerable<FakeRequest> Writes => Requests.Where(request => request.IsWrite);

    /// <summary>Asked first: an answer of its own stands for a proxy before the registry; null goes on.</summary>
    public Func<FakeCall, FakeAnswer?>? Before { get; set; }

    /// <summary>Called when the server has done what it was asked and has not answered yet: the moment to kill a client.</summary>
    public Func<FakeCall, FakeAnswer, Task>? Done { get; set; }

    public void ClearRequests() => requests.Clear();

    /// <summary>Computes an answer and changes what is remembered; one call at a time.</summary>
    protected abstract FakeAnswer Answer(FakeCall call);

    protected async Task ListenAsync() => server = await LocalServer.Start(ServeAsync, given: certificate);

    async Task ServeAsync(HttpContext context)
    {
        var call = await FakeCall.ReadAsync(context);
        FakeAnswer answer;
        await gate.WaitAsync();
        try
        {
            answer = Before?.Invoke(call) ?? Answer(call);
        }
        finally
        {
            gate.Release();
        }

        requests.Enqueue(new FakeRequest(call.Method, call.Target, answer.Status, call.Header("Authorization") ?? "", call.Header("User-Agent") ?? "", call.Text));
        if (Done is not null)
            await Done(call, answer);
        await SendAsync(context, answer);
    }

    static async Task SendAsync(HttpContext context, FakeAnswer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        if (answer.Phrase is not null && context.Features.Get<IHttpResponseFeature>() is { } feature)
            feature.ReasonPhrase = answer.Phrase;
        foreach (var (name, value) in answer.Headers)
        {
            if (name != "Connection" || context.Request.Protocol == "HTTP/1.1")
                response.Headers.Append(name, value);
        }

        if (answer.Status is 204 or 304)
            return;
        response.ContentLength = answer.DeclaredLength ?? answer.Body.Length;
        if (context.Request.Method == "HEAD")
            return;
        await response.Body.WriteAsync(answer.Body);
        // Less than was declared: the connection breaks off, as it does when a server's disk has less than its database says.
        if (answer.DeclaredLength > answer.Body.Length)
        {
            await response.Body.FlushAsync();
            context.Abort();
        }
    }

    public virtual async ValueTask DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
        gate.Dispose();
        certificate?.Dispose();
    }
}

/// <summary>One request and its answer, for assertions.</summary>
/// <param name="Target">Path and query as they were sent.</param>
/// <param name="Body">The body where it is text of moderate length; empty otherwise.</param>
public sealed record FakeRequest(string Method, string Target, int Status, string Authorization, string UserAgent, string Body)
{
    public bool IsWrite => Method is not ("GET" or "HEAD");

    public override string ToString() => $"{Method} {Target} -> {Status}";
}
