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

    /// <summary>Whether the registry was asked what it wants.</summary>
    public bool IsReady { get; private set; }

    public bool AsksForCredentials => challenge is not null;

    /// <summary>Who we say to be in requests for the repository, for messages: <c>user "bob"</c>; null where we are anonymous.</summary>
    public string? Identity(string repository) => Describe(credentials.Find(endpoint.Authority, repository));

    /// <summary>Whether a refusal cannot be the password's fault, because the token service took it.</summary>
    public bool UsesTokenService => challenge is { IsBearer: true };

    public static string? Describe(Credential? credential) =>
        credential is null ? null : credential.Token is not null && !credential.IsIdentityToken ? "the token" : $"user \"{credential.Username}\"";

    public static AuthenticationHeaderValue Basic(Credential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}")));

    /// <summary>Reads what the registry wants from an answer of it.</summary>
    /// <returns>Whether it wants something else than before.</returns>
    public bool Learn(HttpResponseMessage response)
    {
        IsReady = true;
        if (response.StatusCode != HttpStatusCode.Unauthorized || !response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines))
            return false;
        var offered = Challenge.Parse(lines);
        // The same password is not tried again because a realm is called otherwise: accounts get locked.
        // A token is narrower than a password: prefer it where both are offered.
        var chosen = offered.FirstOrDefault(one => one.IsBearer && one["realm"] is not null) ?? offered.FirstOrDefault(one => one.IsBasic);
        var isNew = chosen is not null && (challenge is null || challenge.IsBearer != chosen.IsBearer || (chosen.IsBearer && (challenge["realm"] != chosen["realm"] || challenge["service"] != chosen["service"])));
        challenge = chosen ?? challenge;
        return isNew;
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

    /// <summary>The registry refused the request: forgets its token.</summary>
    /// <returns>Whether a fresh token may help.</returns>
    public bool Refused(HttpRequestMessage request)
    {
        if (challenge is not { IsBearer: true } || request.Headers.Authorization is not { Scheme: "Bearer", Parameter: { } token })
            return false;
        tokens.Forget(token);
        return true;
    }

    bool IsOwn(Uri address) =>
        address.Scheme == endpoint.Scheme && address.Port == endpoint.BaseUri.Port && address.Host.Equals(endpoint.BaseUri.Host, StringComparison.OrdinalIgnoreCase);
}
