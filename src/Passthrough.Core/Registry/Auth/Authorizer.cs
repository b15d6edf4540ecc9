using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// Puts the right Authorization on requests to one registry: what its challenge asks for, with the credential of the repository.
/// Nothing is ever put on a request to another host.
/// </summary>
sealed class Authorizer(RegistryEndpoint endpoint, ICredentialSource credentials, TokenSource tokens)
{
    volatile Challenge? challenge;

    volatile bool isReady;

    volatile bool turnedToBasic;

    /// <summary>Whether the registry was asked what it wants.</summary>
    public bool IsReady => isReady;

    public bool AsksForCredentials => challenge is not null;

    /// <summary>Who we say to be in requests for the repository, for messages: <c>user "bob"</c>; null where we are anonymous.</summary>
    public string? Identity(string repository) => Describe(credentials.Find(endpoint.Authority, repository));

    /// <summary>Whether a refusal cannot be the password's fault, because the token service took it.</summary>
    public bool UsesTokenService => challenge is { IsBearer: true };

    /// <summary>Whether the registry wants a password after it refused a token: Harbor does, for a wrong password and for a right that is lacking.</summary>
    public bool TurnedToBasic => turnedToBasic;

    public static string? Describe(Credential? credential) =>
        credential is null ? null : credential.Token is not null && !credential.IsIdentityToken ? "the token" : $"user \"{credential.Username}\"";

    public static AuthenticationHeaderValue Basic(Credential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}")));

    /// <summary>Reads what the registry wants from an answer; what another host wants (an upload may be sent on) is its own affair.</summary>
    public void Learn(HttpResponseMessage response)
    {
        if (response.StatusCode == HttpStatusCode.Unauthorized && IsOwn(response.RequestMessage!.RequestUri!) && response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines))
        {
            var (offered, before) = (Challenge.Parse(lines), challenge);
            // A token is narrower than a password: prefer it where both are offered.
            challenge = offered.FirstOrDefault(one => one.IsBearer && one["realm"] is not null) ?? offered.FirstOrDefault(one => one.IsBasic) ?? before;
            turnedToBasic |= before is { IsBearer: true } && challenge is { IsBasic: true };
        }

        // Last: whoever sees it goes on without asking, and must find the challenge.
        isReady = true;
    }

    /// <summary>Authorizes a request to the registry; any other host's goes without.</summary>
    public async Task ApplyAsync(HttpRequestMessage request, string repository, IReadOnlyList<string> scopes, string action, CancellationToken cancellation)
    {
        if (!IsOwn(request.RequestUri!))
            return;
        var credential = credentials.Find(endpoint.Authority, repository);
        if (credential is { Token: not null, IsIdentityToken: false })
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", credential.Token);
        else if (challenge is { IsBearer: true } bearer)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await tokens.GetAsync(bearer, scopes, credential, action, cancellation));
        else if (challenge is { IsBasic: true } && credential is { IsIdentityToken: false })
            request.Headers.Authorization = Basic(credential);
    }

    /// <summary>The token that a request would get; null where the registry wants none, or ours is sent as it is.</summary>
    public async Task<string?> TokenAsync(string repository, IReadOnlyList<string> scopes, string action, CancellationToken cancellation)
    {
        var credential = credentials.Find(endpoint.Authority, repository);
        return challenge is { IsBearer: true } bearer && credential is not { Token: not null, IsIdentityToken: false }
            ? await tokens.GetAsync(bearer, scopes, credential, action, cancellation)
            : null;
    }

    /// <summary>
    /// Whether the registry may let a request in that it refused, were it sent again: with a fresh token, or with credentials that it went without.
    /// Judged by what the request carried, not by who learned first: many may be refused at once. Forgets the token that was refused.
    /// </summary>
    public bool MayBeLetIn(HttpRequestMessage refused, string repository)
    {
        if (challenge is not { } wanted || !IsOwn(refused.RequestUri!))
            return false;
        var (sent, credential) = (refused.Headers.Authorization, credentials.Find(endpoint.Authority, repository));
        if (credential is { Token: not null, IsIdentityToken: false })
            return false;
        if (wanted.IsBearer && sent is { Scheme: "Bearer", Parameter: { } token })
            tokens.Forget(token);
        // The same password is not tried again: accounts get locked.
        return wanted.IsBearer || (credential is { IsIdentityToken: false } && sent?.Scheme != "Basic");
    }

    /// <summary>Whether an address is the registry's own, which alone gets credentials.</summary>
    public bool IsOwn(Uri address) =>
        address.Scheme == endpoint.Scheme && address.Port == endpoint.BaseUri.Port && address.Host.Equals(endpoint.BaseUri.Host, StringComparison.OrdinalIgnoreCase);
}
