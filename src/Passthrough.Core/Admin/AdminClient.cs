using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Http;
using Passthrough.Core.Text;

namespace Passthrough.Core.Admin;

/// <summary>
/// Sends requests to a registry's management API: never to another host, no redirects, no cookies of its own, again after faults that may pass, with a limit on
/// every wait. How it is authorized is the product's affair (<see cref="Headers"/>). What a final answer means, too.
/// </summary>
/// <param name="traits">What the product answers, and how it is asked for its health.</param>
sealed class AdminClient(RegistryEndpoint endpoint, ConnectionOptions options, RegistryTraits traits, TimeProvider time,
    Func<double>? random = null) : IDisposable
{

    readonly HttpMessageInvoker http = new(RegistryHttp.Connect(options), disposeHandler: true);
    readonly Retry retry = new(options.Retries, time, random);

    public RegistryEndpoint Endpoint => endpoint;

    /// <summary>Go with every request that is not anonymous: <c>Authorization</c>, or Quay's session.</summary>
    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Who we say to be, for messages: <c>user "admin"</c>; null where anonymous.</summary>
    public string? Identity { get; set; }

    /// <summary>Sends until there is a final answer: a status that will be the same next time, or one that the call takes as an answer.</summary>
    /// <exception cref="ModuleException">There was none; or a broken connection, TLS, a timeout.</exception>
    public Task<AdminAnswer> SendAsync(AdminCall call, CancellationToken cancellation) => retry.RunAsync(token => AttemptAsync(call, token), cancellation);

    async Task<AdminAnswer> AttemptAsync(AdminCall call, CancellationToken cancellation)
    {
        var address = new Uri(endpoint.BaseUri, call.Path);
        using var request = ToRequest(call, address);
        using var watchdog = new Watchdog(options.Timeout, time, cancellation);
        try
        {
            using var response = await http.SendAsync(request, watchdog.Token);
            watchdog.Allow(options.StallTimeout);
            var body = await BoundedBody.ReadAsync(response, Limits.PageBytes, watchdog.Token);
            var mediaType = response.Content.Headers.ContentType?.MediaType;
            var answer = new AdminAnswer(response.StatusCode, Flatten(response), mediaType, body, Fault: null, call.Action, endpoint.Authority);
            if (response.IsSuccessStatusCode)
                return answer;
            using var unread = response.Content;
            response.Content = new ByteArrayContent(body);
            response.Content.Headers.ContentType = mediaType is null ? null : new MediaTypeHeaderValue(mediaType);
            var refusal = new Refusal(call.Action, endpoint.Authority, options.RemediesFor(endpoint.Authority))
            {
                Identity = call.IsAnonymous ? null : Identity,
                Method = call.Method,
                Known = traits.KnownAnswers,
                Proxy = endpoint.Scheme == "http" && options.UseProxy ? options.Proxies.GetProxy(address) : null,
            };
            var (fault, _) = await RegistryError.FromAsync(response, refusal, watchdog.Token);
            if (Retry.MayPass(response.StatusCode) && !call.Final.Contains(response.StatusCode) && call.IsFinal?.Invoke(answer) != true)
                throw new PassingFault(fault, Retry.AskedPause(response, fault, time));
            return answer with { Fault = fault };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var fault = TransportError.From(e, call.Action, new Peer(address, options, endpoint.Authority));
            throw TransportError.MayPass(fault) ? new PassingFault(fault) : fault;
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new PassingFault(new ModuleException(ErrorCodes.Timeout, $"cannot {call.Action}: {address.Host}:{address.Port} gave no answer in {watchdog.Allowed.TotalSeconds} s", "raise timeout, or look at the registry and the network", e));
        }
    }

    HttpRequestMessage ToRequest(AdminCall call, Uri address)
    {
        var request = new HttpRequestMessage(call.Method, address)
        {
            Version = new Version(1, 1),
            VersionPolicy = call.HasBody ? HttpVersionPolicy.RequestVersionExact : HttpVersionPolicy.RequestVersionOrHigher,
        };
        if (call.Json is { } json)
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Json.Compact(json))) { Headers = { ContentType = new("application/json") } };
        else if (call.Form is { } form)
            request.Content = new FormUrlEncodedContent(form);
        request.Headers.TryAddWithoutValidation("User-Agent", RegistryHttp.UserAgent);
        request.Headers.TryAddWithoutValidation("Accept", "application/json, */*;q=0.5");
        foreach (var (name, value) in call.IsAnonymous ? call.Headers : Headers.Concat(call.Headers))
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    static Dictionary<string, string[]> Flatten(HttpResponseMessage response) =>
        response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
            .ToDictionary(header => header.Key, header => header.Value.ToArray(), StringComparer.OrdinalIgnoreCase);

    public void Dispose() => http.Dispose();
}

/// <summary>One request to a management API.</summary>
/// <param name="Path">With query, below the registry's address; encoded as it is to be sent.</param>
sealed record AdminCall(HttpMethod Method, string Path)
{
    /// <summary>What is tried, after "cannot": <c>create project mirror on harbor.example.com</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The body; null for none.</summary>
    public JToken? Json { get; init; }

    /// <summary>A form as the body, in place of <see cref="Json"/>.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Form { get; init; }

    /// <summary>Headers of this request alone.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Whether it goes without <see cref="AdminClient.Headers"/>.</summary>
    public bool IsAnonymous { get; init; }

    /// <summary>Statuses that are an answer although they look like trouble that passes: a health check's 503.</summary>
    public IReadOnlyList<HttpStatusCode> Final { get; init; } = [];

    /// <summary>The same, for what the status alone does not tell: a proxy's 503 passes, the registry's own may not.</summary>
    public Func<AdminAnswer, bool>? IsFinal { get; init; }

    public bool HasBody => Json is not null || Form is not null;
}

/// <summary>A final answer of a management API, read completely.</summary>
/// <param name="Headers">Names without case.</param>
/// <param name="Fault">What a user is told where it is no success and the product knows nothing better; null where it is one.</param>
sealed record AdminAnswer(HttpStatusCode Status, IReadOnlyDictionary<string, string[]> Headers, string? MediaType, ReadOnlyMemory<byte> Body, ModuleException? Fault, string Action, string Authority)
{
    public bool IsSuccess => Fault is null;

    public string Text => Encoding.UTF8.GetString(Body.Span);

    /// <summary>The body; null where it is no JSON, whatever its label says.</summary>
    public JToken? Json
    {
        get
        {
            try
            {
                return Core.Text.Json.Parse(Body.Span);
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }

    /// <summary>The server's own words for what went wrong, from whichever member its errors have them in; empty where there are none.</summary>
    public string Words => RegistryError.Explain(Text, MediaType).Words;

    /// <summary>The same answer, which is a success.</summary>
    /// <exception cref="ModuleException">It is none.</exception>
    public AdminAnswer EnsureSuccess() => Fault is null ? this : throw Fault;

    /// <exception cref="ModuleException">No success, or not this.</exception>
    public JObject Object() => EnsureSuccess().Json as JObject ?? throw NotExpected("a JSON object");

    /// <exception cref="ModuleException">No success, or not this.</exception>
    public JArray Array() => EnsureSuccess().Json as JArray ?? throw NotExpected("a JSON list");

    /// <summary>What to throw where the answer is nothing that this product gives: a portal's page with 200, above all.</summary>
    public ModuleException NotExpected(string expected) => new(
        ErrorCodes.NotARegistry,
        $"cannot {Action}: {Authority} answered {(int)Status} with {(MediaType is "text/html" ? "a web page" : MediaType ?? "nothing")}{(Words.Length > 0 && MediaType is "text/html" ? $" ({Words})" : "")} in place of {expected}",
        "correct registry_type, registry_host and registry_port; perhaps a portal or a proxy answers in the registry's place")
    { HttpStatus = (int)Status };
}
