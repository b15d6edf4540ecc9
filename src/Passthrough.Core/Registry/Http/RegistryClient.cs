using System.Net;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Sends requests to one registry: authorized, again after faults that may pass, with a limit on every wait. What goes wrong on the way is a
/// <see cref="ModuleException"/>; what a final answer means is the caller's business.
/// </summary>
sealed class RegistryClient : IDisposable
{
    const int MaxRedirects = 5;

    readonly HttpMessageInvoker http;
    readonly TokenSource tokens;
    readonly Authorizer authorizer;
    readonly SemaphoreSlim pingGate = new(1);

    /// <param name="random">Numbers from 0 to 1 that the pauses between attempts depend on; null for true ones.</param>
    public RegistryClient(RegistryEndpoint endpoint, ConnectionOptions options, ICredentialSource credentials, TimeProvider time, Func<double>? random = null)
    {
        Endpoint = endpoint;
        Options = options;
        Time = time;
        Retry = new Retry(options.Retries, time, random, options.Requests.AddRetry);
        http = new HttpMessageInvoker(new CountingHandler(options.Requests, RegistryHttp.Connect(options)), disposeHandler: true);
        tokens = new TokenSource(endpoint, http, options, time);
        authorizer = new Authorizer(endpoint, credentials, tokens);
    }

    public RegistryEndpoint Endpoint { get; }

    public ConnectionOptions Options { get; }

    public TimeProvider Time { get; }

    public Retry Retry { get; }

    /// <summary>Whether an address is the registry's own; any other gets no credentials.</summary>
    public bool IsOwn(Uri address) => authorizer.IsOwn(address);

    /// <summary>Whether the registry wants to know who we are.</summary>
    public bool AsksForCredentials => authorizer.AsksForCredentials;

    /// <summary>Whether the registry's token service took the credential for a repository, so that a refusal is about rights.</summary>
    public bool IsKnownFor(string repository) => authorizer.UsesTokenService && authorizer.Identity(repository) is not null;

    /// <summary>Sends until there is a final answer: any status that will be the same next time.</summary>
    /// <returns>The answer, its body not read yet; the caller disposes of it.</returns>
    public Task<HttpResponseMessage> SendAsync(RegistryCall call, CancellationToken cancellation) =>
        Retry.RunAsync(token => AttemptAsync(call, token), cancellation);

    /// <summary>Sends until there is a final answer and its body was read.</summary>
    public Task<T> SendAsync<T>(RegistryCall call, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellation) =>
        Retry.RunAsync(async token =>
        {
            using var response = await AttemptAsync(call, token);
            return await read(response, token);
        }, cancellation);

    /// <summary>The token that would be sent with a call; null where the registry wants none.</summary>
    public Task<string?> TokenAsync(RegistryCall call, CancellationToken cancellation) =>
        Retry.RunAsync(async token =>
        {
            if (!authorizer.IsReady)
                await AskForChallengeAsync(call, token);
            return await authorizer.TokenAsync(call.Repository, call.Scopes, call.Action, token);
        }, cancellation);

    /// <summary>Reads a small body, within an attempt.</summary>
    public async Task<byte[]> ReadAsync(HttpResponseMessage response, int limit, string action, CancellationToken cancellation)
    {
        using var watchdog = new Watchdog(Options.StallTimeout, Time, cancellation);
        return await GuardAsync(() => BoundedBody.ReadAsync(response, limit, watchdog.Token), watchdog, action, Endpoint.BaseUri, cancellation);
    }

    /// <summary>The fault that an answer tells of.</summary>
    public async Task<ModuleException> FaultAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation)
    {
        using var watchdog = new Watchdog(Options.Timeout, Time, cancellation);
        var (authority, identity) = response.RequestMessage?.RequestUri is { } asked && !IsOwn(asked)
            ? (asked.Authority, null)
            : (Endpoint.Authority, authorizer.Identity(call.Repository));
        var isGood = authorizer.UsesTokenService;
        if (authorizer.TurnedToBasic && identity is not null && response.StatusCode == HttpStatusCode.Unauthorized)
        {
            try
            {
                using var answer = await SendOnceAsync(Ping(call) with { Repository = call.Repository }, Ping(call).Address, watchdog, cancellation);
                isGood = answer.IsSuccessStatusCode;
            }
            catch (Exception e) when (e is PassingFault or ModuleException)
            {
                // The refusal is told as it came.
            }
        }

        var fault = await RegistryError.FromAsync(response, call.Action, authority, identity, isGood, watchdog.Token);
        cancellation.ThrowIfCancellationRequested();
        return fault;
    }

    /// <summary>One attempt, with one fresh token more where the registry refuses the first.</summary>
    /// <param name="watchdog">Watches a body; null for the limit on headers.</param>
    /// <exception cref="PassingFault">It may succeed next time.</exception>
    public async Task<HttpResponseMessage> AttemptAsync(RegistryCall call, CancellationToken cancellation, Watchdog? watchdog = null)
    {
        if (!authorizer.IsReady)
            await AskForChallengeAsync(call, cancellation);
        var response = await SendOnceAsync(call, call.Address, watchdog, cancellation);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
        {
            authorizer.Learn(response);
            // A body that is watched is used up: its owner begins again.
            if (authorizer.MayBeLetIn(response.RequestMessage!, call.Repository) && watchdog is null)
            {
                response.Dispose();
                response = await SendOnceAsync(call, call.Address, watchdog, cancellation);
            }
        }

        response = await FollowAsync(call, response, cancellation);
        if (!Retry.MayPass(response.StatusCode))
            return response;
        using (response)
        {
            var fault = await FaultAsync(response, call, cancellation);
            throw new PassingFault(fault, Retry.AskedPause(response, fault, Time));
        }
    }

    // What the registry wants must be known before a body is sent, and a public repository takes wrong credentials without a word.
    async Task AskForChallengeAsync(RegistryCall call, CancellationToken cancellation)
    {
        await pingGate.WaitAsync(cancellation);
        try
        {
            if (authorizer.IsReady)
                return;
            var ping = Ping(call);
            using var response = await SendOnceAsync(ping, ping.Address, watchdog: null, cancellation);
            if (Retry.MayPass(response.StatusCode))
            {
                var fault = await FaultAsync(response, call, cancellation);
                throw new PassingFault(fault, Retry.AskedPause(response, fault, Time));
            }

            if (response.StatusCode == HttpStatusCode.BadRequest && Endpoint.Scheme == "http")
                await ThrowIfTlsIsWantedAsync(response, call, cancellation);
            if (response.IsSuccessStatusCode && response.Content.Headers.ContentType?.MediaType is "text/html")
            {
                var fault = await FaultAsync(response, call, cancellation);
                throw new ModuleException(ErrorCodes.NotARegistry, $"{fault.Message}, which is no registry's answer", "correct registry_host and registry_port; perhaps a portal or a proxy answers in the registry's place") { HttpStatus = fault.HttpStatus };
            }

            authorizer.Learn(response);
        }
        finally
        {
            pingGate.Release();
        }
    }

    RegistryCall Ping(RegistryCall call) => new(HttpMethod.Get, new Uri(Endpoint.BaseUri, "v2/")) { Action = call.Action };

    // Go's servers, nginx and Apache answer plain HTTP on a TLS port with a 400 that says so.
    async Task ThrowIfTlsIsWantedAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation)
    {
        var fault = await FaultAsync(response, call, cancellation);
        if (fault.Message.Contains("HTTPS", StringComparison.Ordinal) || fault.Message.Contains("SSL-enabled", StringComparison.Ordinal))
            throw new ModuleException(ErrorCodes.Tls, $"cannot {call.Action}: {Endpoint.Authority} speaks TLS, and scheme is http", "set scheme: https") { HttpStatus = fault.HttpStatus };
    }

    async Task<HttpResponseMessage> SendOnceAsync(RegistryCall call, Uri address, Watchdog? watchdog, CancellationToken cancellation)
    {
        var request = call.ToRequest(address);
        await authorizer.ApplyAsync(request, call.Repository, call.Scopes, call.Action, cancellation);
        if (watchdog is not null)
            return await GuardAsync(() => http.SendAsync(request, watchdog.Token), watchdog, call.Action, address, cancellation);
        using var own = new Watchdog(Options.Timeout, Time, cancellation);
        return await GuardAsync(() => http.SendAsync(request, own.Token), own, call.Action, address, cancellation);
    }

    // Blobs often lie elsewhere, behind an address that is signed for us: credentials stay here.
    async Task<HttpResponseMessage> FollowAsync(RegistryCall call, HttpResponseMessage response, CancellationToken cancellation)
    {
        var address = call.Address;
        for (var hops = 0; hops < MaxRedirects && call.MayBeRedirected && (int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location; hops++)
        {
            response.Dispose();
            address = ServerAddress.Redirect(address, location, call.Action);
            response = await SendOnceAsync(call, address, watchdog: null, cancellation);
        }

        return response;
    }

    static async Task<T> GuardAsync<T>(Func<Task<T>> work, Watchdog watchdog, string action, Uri address, CancellationToken cancellation)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var fault = TransportError.From(e, action, address);
            throw TransportError.MayPass(fault) ? new PassingFault(fault) : fault;
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            // The watchdog, or the handler's limit on connecting.
            throw new PassingFault(new ModuleException(ErrorCodes.Timeout, $"cannot {action}: {address.Host}:{address.Port} gave no answer in {watchdog.Allowed.TotalSeconds} s", "raise timeout, or look at the registry and the network", e));
        }
    }

    public void Dispose()
    {
        http.Dispose();
        tokens.Dispose();
        pingGate.Dispose();
    }
}
