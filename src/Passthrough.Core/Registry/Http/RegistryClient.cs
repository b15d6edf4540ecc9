using System.Collections.Concurrent;
using System.Net;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Sends requests to one registry: authorized, again after faults that may pass, with a limit on every wait. What goes wrong on the way is a
/// <see cref="ModuleException"/>; what a final answer means is the caller's business.
/// </summary>
sealed class RegistryClient : IDisposable
{
    readonly HttpMessageInvoker http;
    readonly RegistryTraits traits;
    readonly TokenSource tokens;
    readonly Authorizer authorizer;
    readonly SemaphoreSlim pingGate = new(1);
    readonly Outage outage;
    readonly Admission admission;
    readonly ConcurrentDictionary<string, IReadOnlyList<string>> demanded = new(StringComparer.Ordinal);

    /// <param name="traits">What the product answers, and how it is asked for its health.</param>
    /// <param name="random">Numbers from 0 to 1 that the pauses between attempts depend on; null for true ones.</param>
    public RegistryClient(RegistryEndpoint endpoint, ConnectionOptions options, ICredentialSource credentials, RegistryTraits traits,
        TimeProvider time, Func<double>? random = null)
    {
        Endpoint = endpoint;
        Options = options;
        Time = time;
        this.traits = traits;
        http = new HttpMessageInvoker(RegistryHttp.Connect(options), disposeHandler: true);
        outage = new Outage(endpoint, http, traits.Health, options, time);
        admission = new Admission(endpoint.Authority, options.OnTrouble, time);
        Retry = new Retry(options.Retries, time, random, options.Requests.AddRetry, outage);
        tokens = new TokenSource(endpoint, http, options, time) { Known = traits.KnownAnswers };
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
        return await GuardAsync(() =>
            BoundedBody.ReadAsync(response, limit, watchdog.Token), watchdog, action, PeerOf(Endpoint.BaseUri), cancellation);
    }

    /// <summary>The fault that an answer tells of.</summary>
    public async Task<ModuleException> FaultAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation) =>
        (await JudgeAsync(response, call, cancellation)).Fault;

    /// <param name="illness">What the registry's own health check says is wrong; null for nothing, or not asked.</param>
    async Task<Verdict> JudgeAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation, string? illness = null)
    {
        using var watchdog = new Watchdog(Options.Timeout, Time, cancellation);
        var asked = response.RequestMessage?.RequestUri;
        var isOwn = asked is null || IsOwn(asked);
        var identity = isOwn ? authorizer.Identity(call.Repository) : null;
        var refusal = new Refusal(call.Action, isOwn ? Endpoint.Authority : asked!.Authority, Options.RemediesFor(Endpoint.Authority))
        {
            Identity = identity,
            PasswordIsGood = authorizer.UsesTokenService,
            Method = call.Method,
            Known = isOwn ? traits.KnownAnswers : [],
            OnDeniedPush = traits.OnDeniedPush,
            Via = isOwn || !call.MayBeRedirected ? null : Redirected(asked!),
            Proxy = asked?.Scheme == Uri.UriSchemeHttp ? PeerOf(asked).Proxy : null,
            Illness = illness,
        };
        if (illness is null && response.StatusCode == HttpStatusCode.Unauthorized
            && TokenRefusal.Of(response, Endpoint.Authority, call.Action) is { } ofToken)
            return new Verdict(ofToken, IsFinal: false);
        if (authorizer.TurnedToBasic && identity is not null && response.StatusCode == HttpStatusCode.Unauthorized && illness is null)
        {
            try
            {
                var ping = Ping(call) with { Repository = call.Repository };
                using var answer = await SendOnceAsync(ping, ping.Address, watchdog, cancellation);
                refusal = refusal with { PasswordIsGood = answer.IsSuccessStatusCode };
            }
            catch (Exception e) when (e is PassingFault or ModuleException)
            {
                // The refusal is told as it came.
            }
        }

        var verdict = await RegistryError.FromAsync(response, refusal, watchdog.Token);
        cancellation.ThrowIfCancellationRequested();
        return verdict;
    }

    /// <summary>One attempt, with one fresh token more where the registry refuses the first.</summary>
    /// <param name="watchdog">Watches a body; null for the limit on headers.</param>
    /// <exception cref="PassingFault">It may succeed next time.</exception>
    public async Task<HttpResponseMessage> AttemptAsync(RegistryCall call, CancellationToken cancellation, Watchdog? watchdog = null)
    {
        if (!authorizer.IsReady)
            await AskForChallengeAsync(call, cancellation);
        var response = await SendAdmittedAsync(Widened(call), watchdog, cancellation);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
        {
            authorizer.Learn(response);
            LearnScopes(response, call);
            // A body that is watched is used up: its owner begins again.
            if (authorizer.MayBeLetIn(response.RequestMessage!, call.Repository) && watchdog is null)
            {
                response.Dispose();
                response = await SendAdmittedAsync(Widened(call), watchdog, cancellation);
            }
        }

        response = await FollowAsync(call, response, watchdog is not null, cancellation);
        if (response.StatusCode == HttpStatusCode.Unauthorized && await FindIllnessAsync(call, cancellation) is { } illness)
        {
            using (response)
                throw new PassingFault((await JudgeAsync(response, call, cancellation, illness)).Fault);
        }

        if (Retry.MayPass(response.StatusCode))
            await ThrowAsync(response, call, cancellation);
        return response;
    }

    async Task ThrowAsync(HttpResponseMessage response, RegistryCall call, CancellationToken cancellation)
    {
        using (response)
        {
            var (fault, isFinal) = await JudgeAsync(response, call, cancellation);
            throw isFinal ? fault : new PassingFault(fault, Retry.AskedPause(response, fault, Time));
        }
    }

    // A product whose database is down refuses every account. Where a refusal of a read is how it says "missing", nothing is asked: a
    // first load would ask for each image.
    async Task<string?> FindIllnessAsync(RegistryCall call, CancellationToken cancellation)
    {
        var isRead = call.Method == HttpMethod.Get || call.Method == HttpMethod.Head;
        if (traits.Health is null || authorizer.Identity(call.Repository) is null
            || (isRead && traits.RefusesWhatIsMissing && IsKnownFor(call.Repository)))
            return null;
        return await outage.AskAsync(cancellation);
    }

    async Task<HttpResponseMessage> SendAdmittedAsync(RegistryCall call, Watchdog? watchdog, CancellationToken cancellation)
    {
        await admission.EnterAsync(cancellation);
        int? trouble = null;
        try
        {
            var response = await SendOnceAsync(call, call.Address, watchdog, cancellation);
            if (response.StatusCode == HttpStatusCode.TooManyRequests
                || (int)response.StatusCode is >= 500 and not 501 and not 505 and not 507)
                trouble = (int)response.StatusCode;
            return response;
        }
        finally
        {
            admission.Leave(trouble);
        }
    }

    // RFC 6750 3.1: the challenge of a refused token names the scope that is needed, which may be another than was asked for. From then
    // on it is asked for at once.
    void LearnScopes(HttpResponseMessage refused, RegistryCall call)
    {
        if (!IsOwn(refused.RequestMessage!.RequestUri!) || !refused.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines))
            return;
        var wanted = Challenge.Parse(lines).FirstOrDefault(one => one.IsBearer && one["error"] is "insufficient_scope")?["scope"];
        var additional = (wanted ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(scope => !Covers(call.Scopes, scope))
            .Take(10).ToList();
        if (additional.Count > 0)
            demanded[Key(call)] = [.. call.Scopes, .. additional];
    }

    RegistryCall Widened(RegistryCall call) => demanded.TryGetValue(Key(call), out var scopes) ? call with { Scopes = scopes } : call;

    static string Key(RegistryCall call) => string.Join(' ', call.Scopes.Prepend(call.Repository));

    // "repository:a:pull" is part of "repository:a:pull,push"; names may have colons of their own.
    static bool Covers(IReadOnlyList<string> scopes, string wanted)
    {
        var end = wanted.LastIndexOf(':') + 1;
        return end > 0 && wanted[end..].Split(',')
            .All(action => scopes.Any(scope =>
                scope.StartsWith(wanted[..end], StringComparison.Ordinal) && scope[end..].Split(',').Contains(action)));
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
                await ThrowAsync(response, call, cancellation);
            if (response.StatusCode == HttpStatusCode.BadRequest && Endpoint.Scheme == "http")
                await ThrowIfTlsIsWantedAsync(response, call, cancellation);
            if (response.IsSuccessStatusCode && response.Content.Headers.ContentType?.MediaType is "text/html")
            {
                var fault = await FaultAsync(response, call, cancellation);
                throw new ModuleException(ErrorCodes.NotARegistry, $"{fault.Message}, which is no registry's answer",
                    $"{Remedies.Address}; perhaps a portal or a proxy answers in the registry's place")
                { HttpStatus = fault.HttpStatus };
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
            throw new ModuleException(ErrorCodes.Tls,
                $"cannot {call.Action}: {Endpoint.Authority} speaks TLS, "
                    + $"and {(Options.Upstream is null ? "scheme is http" : "pull_from says http://")}",
                        Remedies.NeedsTls)
            { HttpStatus = fault.HttpStatus };
    }

    async Task<HttpResponseMessage> SendOnceAsync(RegistryCall call, Uri address, Watchdog? watchdog, CancellationToken cancellation)
    {
        var request = call.ToRequest(address);
        await authorizer.ApplyAsync(request, call.Repository, call.Scopes, call.Action, cancellation);
        var peer = PeerOf(address, call.MayBeRedirected);
        if (watchdog is not null)
            return await GuardAsync(() => http.SendAsync(request, watchdog.Token), watchdog, call.Action, peer, cancellation);
        using var own = new Watchdog(Options.Timeout, Time, cancellation);
        return await GuardAsync(() => http.SendAsync(request, own.Token), own, call.Action, peer, cancellation);
    }

    /// <summary>Whom a request to an address goes to.</summary>
    public Peer PeerOf(Uri address, bool mayBeRedirected = false)
    {
        var peer = new Peer(address, Options, Endpoint.Authority);
        return IsOwn(address) || !mayBeRedirected ? peer : peer with
        {
            Via = Redirected(address),
            Hint = $"check what {Endpoint.Authority} redirects to: storage or a login page that this host must reach, trust, or be "
                + $"kept from",
        };
    }

    public Remedies Remedies => Options.RemediesFor(Endpoint.Authority);

    string Redirected(Uri address) => $"{Endpoint.Authority} redirected to {address.Authority}";

    // Blobs often lie elsewhere, behind an address that is signed for us: credentials stay here. A write goes on at this very registry
    // only (RFC 9110 15.4.8 and
    // 15.4.9: method and body stay), and one whose body is used up is sent on by its owner.
    async Task<HttpResponseMessage> FollowAsync(RegistryCall call, HttpResponseMessage response, bool isUsedUp,
        CancellationToken cancellation)
    {
        var address = call.Address;
        for (var hops = 0; hops < Limits.Redirects && response.Headers.Location is { } location; hops++)
        {
            var follows = call.MayBeRedirected
                ? (int)response.StatusCode is 301 or 302 or 303 or 307 or 308
                : (int)response.StatusCode is 307 or 308 && !isUsedUp && IsOwn(ServerAddress.Redirect(address, location, call.Action));
            if (!follows)
                return response;
            response.Dispose();
            address = ServerAddress.Redirect(address, location, call.Action);
            response = await SendOnceAsync(Widened(call), address, watchdog: null, cancellation);
        }

        return response;
    }

    static async Task<T> GuardAsync<T>(Func<Task<T>> work, Watchdog watchdog, string action, Peer peer, CancellationToken cancellation)
    {
        try
        {
            return await work();
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var fault = TransportError.From(e, action, peer);
            throw TransportError.MayPass(fault) ? new PassingFault(fault) : fault;
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            // The watchdog, or the handler's limit on connecting.
            var via = peer.Via is null ? "" : $"{peer.Via}: ";
            throw new PassingFault(new ModuleException(ErrorCodes.Timeout,
                $"cannot {action}: {via}{peer.Where} gave no answer in {watchdog.Allowed.TotalSeconds} s",
                    "raise timeout, or look at the registry and the network", e));
        }
    }

    public void Dispose()
    {
        outage.Dispose();
        http.Dispose();
        tokens.Dispose();
        pingGate.Dispose();
    }
}
