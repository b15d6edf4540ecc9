using System.Collections.Concurrent;
using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Http;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// Gets bearer tokens from the token service that a registry names in its challenge (distribution, "Token Authentication Specification"),
/// keeps them, and gets them anew before they expire.
/// </summary>
sealed class TokenSource(RegistryEndpoint endpoint, HttpMessageInvoker http, ConnectionOptions options, TimeProvider time) : IDisposable
{
    /// <summary>What the specification says where <c>expires_in</c> is missing.</summary>
    static readonly TimeSpan DefaultLifetime = TimeSpan.FromSeconds(60);

    const int MaxAnswerBytes = 1024 * 1024;

    readonly ConcurrentDictionary<string, Token> cache = new(StringComparer.Ordinal);
    readonly SemaphoreSlim gate = new(1);

    /// <summary>What the product is known to answer.</summary>
    public IReadOnlyList<KnownAnswer> Known { get; init; } = [];

    /// <summary>A token for the scopes; one that was got for them before while it is fresh.</summary>
    /// <param name="challenge">The registry's Bearer challenge.</param>
    /// <param name="scopes">For example <c>repository:mirror/a:pull,push</c>; none asks who we are.</param>
    /// <param name="credential">Who asks; null asks anonymously.</param>
    /// <param name="action">What it is for, for messages.</param>
    public async Task<string> GetAsync(Challenge challenge, IReadOnlyList<string> scopes, Credential? credential, string action, CancellationToken cancellation)
    {
        var sorted = scopes.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var key = Key(challenge, sorted, credential);
        if (Cached(key) is { } cached)
            return cached;
        await gate.WaitAsync(cancellation);
        try
        {
            if (Cached(key) is { } meanwhile)
                return meanwhile;
            var token = await RequestAsync(challenge, sorted, credential, action, cancellation);
            options.OnSecret?.Invoke(token.Text);
            cache[key] = token;
            return token.Text;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Forgets a token that the registry refused.</summary>
    public void Forget(string token)
    {
        foreach (var (key, value) in cache)
        {
            if (value.Text == token)
                cache.TryRemove(key, out _);
        }
    }

    string? Cached(string key) => cache.TryGetValue(key, out var token) && time.GetUtcNow() < token.RefreshAt ? token.Text : null;

    static string Key(Challenge challenge, List<string> scopes, Credential? credential) =>
        string.Join('\n', [challenge["realm"] ?? "", challenge["service"] ?? "", credential?.Username ?? "", .. scopes]);

    async Task<Token> RequestAsync(Challenge challenge, List<string> scopes, Credential? credential, string action, CancellationToken cancellation)
    {
        var realm = Realm(challenge, action);
        if (credential is not null && !options.TokenServices.Belongs(endpoint, realm))
        {
            throw new ModuleException(
                ErrorCodes.Unauthorized,
                $"cannot {action}: {endpoint.Authority} names {realm.Authority} as its token service, which is not of its domain, so "
                + "the credentials were not sent there",
                $"if the two belong together, set token_services: {{{endpoint.Authority}: {realm.Authority}}}");
        }

        using var request = Request(realm, challenge["service"], scopes, credential);
        using var watchdog = new Watchdog(options.Timeout, time, cancellation);
        try
        {
            using var response = await http.SendAsync(request, watchdog.Token);
            if (!response.IsSuccessStatusCode)
            {
                var refusal = new Refusal($"{action} (token from {realm.Authority})", realm.Authority,
                    options.RemediesFor(endpoint.Authority))
                {
                    Identity = Authorizer.Describe(credential),
                    Known = Known,
                };
                var (fault, _) = await RegistryError.FromAsync(response, refusal, watchdog.Token);
                throw Retry.MayPass(response.StatusCode) ? new PassingFault(fault, Retry.AskedPause(response, fault, time)) : fault;
            }

            var body = await BoundedBody.ReadAsync(response, MaxAnswerBytes, watchdog.Token);
            return Read(body, realm, action);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var fault = TransportError.From(e, action, PeerOf(realm));
            throw TransportError.MayPass(fault) ? new PassingFault(fault) : fault;
        }
        catch (OperationCanceledException e) when (watchdog.HasBarked && !cancellation.IsCancellationRequested)
        {
            throw new PassingFault(new ModuleException(ErrorCodes.Timeout, $"cannot {action}: the token service {realm.Authority} gave no answer in {options.Timeout.TotalSeconds} s", "raise timeout, or look at the token service", e));
        }
    }

    Peer PeerOf(Uri realm)
    {
        var peer = new Peer(realm, options, endpoint.Authority);
        return realm.Authority == endpoint.BaseUri.Authority ? peer : peer with
        {
            Via = $"{endpoint.Authority} names {realm.Authority} as its token service",
            Hint = $"check that {realm.Authority} is up and can be reached and trusted from here, or correct the token service's "
                + $"address in the registry (distribution: auth.token.realm)",
        };
    }

    Uri Realm(Challenge challenge, string action)
    {
        var text = challenge["realm"];
        if (!Uri.TryCreate(text, UriKind.Absolute, out var realm) || realm.Scheme is not ("http" or "https"))
            throw new ModuleException(ErrorCodes.NotARegistry, $"cannot {action}: {endpoint.Authority} names \"{text}\" as its token service, which is no address", "correct the registry's auth.token.realm");
        if (realm.Scheme == "http" && endpoint.Scheme != "http")
            throw new ModuleException(ErrorCodes.Tls, $"cannot {action}: {endpoint.Authority} names {text} as its token service, which would send credentials unencrypted", "let the registry name an https address (Quay: PREFERRED_URL_SCHEME)");
        return realm;
    }

    static HttpRequestMessage Request(Uri realm, string? service, List<string> scopes, Credential? credential)
    {
        if (credential is { IsIdentityToken: true })
        {
            // The refresh token goes in a form, never in an address (Docker's "OAuth2 Token Authentication").
            var form = new List<KeyValuePair<string, string>>
            {
                new("grant_type", "refresh_token"), new("service", service ?? ""), new("client_id", "registry-passthrough"), new("refresh_token", credential.Token!),
            };
            if (scopes.Count > 0)
                form.Add(new("scope", string.Join(' ', scopes)));
            return new HttpRequestMessage(HttpMethod.Post, realm) { Content = new FormUrlEncodedContent(form) };
        }

        var query = scopes.Select(scope => Field("scope", scope)).ToList();
        if (service is not null)
            query.Insert(0, Field("service", service));
        if (credential?.Username is { Length: > 0 } account)
            query.Insert(0, Field("account", account));
        var text = string.Join('&', query);
        var address = new UriBuilder(realm) { Query = realm.Query.Length > 1 ? $"{realm.Query}&{text}" : text }.Uri;
        var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.TryAddWithoutValidation("User-Agent", RegistryHttp.UserAgent);
        if (credential is not null)
            request.Headers.Authorization = Authorizer.Basic(credential);
        return request;
    }

    static string Field(string name, string value) => $"{name}={Uri.EscapeDataString(value)}";

    Token Read(byte[] body, Uri realm, string action)
    {
        var json = Json.TryParseObject(System.Text.Encoding.UTF8.GetString(body));
        // Both names are in use; the specification wants the same value in them.
        var text = Value("token") is { Length: > 0 } token ? token : Value("access_token");
        if (string.IsNullOrEmpty(text) || text.Any(c => c is <= ' ' or > '~'))
            throw new ModuleException(ErrorCodes.NotARegistry, $"cannot {action}: the token service {realm.Authority} answered without a token", "check the registry's token service, and whether a proxy answers in its place");
        var lifetime = double.TryParse(Value("expires_in"), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 1e9 ? TimeSpan.FromSeconds(seconds) : DefaultLifetime;
        return new Token(text, time.GetUtcNow() + (0.8 * lifetime));

        string? Value(string name) => json?[name] is JValue value ? (string?)value : null;
    }

    public void Dispose() => gate.Dispose();

    sealed record Token(string Text, DateTimeOffset RefreshAt);
}
