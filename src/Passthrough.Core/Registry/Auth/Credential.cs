namespace Passthrough.Core.Registry.Auth;

/// <summary>What proves who we are to one registry: a user name with a password, or a token that is sent as it is.</summary>
public sealed record Credential
{
    public string? Username { get; init; }

    public string? Password { get; init; }

    /// <summary>A bearer token given by the user, or the <c>identitytoken</c> of an auth file (then <see cref="IsIdentityToken"/>).</summary>
    public string? Token { get; init; }

    /// <summary>Whether <see cref="Token"/> is a refresh token to be exchanged at the token service, not to be sent to the registry.</summary>
    public bool IsIdentityToken { get; init; }

    // Never show a secret in a debugger's or a message's rendering of this value.
    public override string ToString() => $"Credential({Username ?? "token"})";
}

/// <summary>Where credentials for a repository come from: parameters, or auth files in podman's order.</summary>
public interface ICredentialSource
{
    /// <summary>The credential for a repository of a registry; null to go without.</summary>
    /// <param name="authority"><c>host[:port]</c>.</param>
    /// <param name="repository">Path without the host; empty for the registry itself.</param>
    /// <exception cref="ModuleException">An auth file cannot be read or parsed; it is named.</exception>
    Credential? Find(string authority, string repository);
}
