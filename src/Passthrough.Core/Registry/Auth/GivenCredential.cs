namespace Passthrough.Core.Registry.Auth;

/// <summary>The credential that the user gave for one registry; every other registry, and this one where none was given, is left to another source.</summary>
public sealed class GivenCredential(string registry, Credential? given, ICredentialSource? others = null) : ICredentialSource
{
    public Credential? Find(string authority, string repository) =>
        given is not null && authority == registry ? given : others?.Find(authority, repository);
}

/// <summary>No credential for anybody.</summary>
public sealed class NoCredentials : ICredentialSource
{
    public static readonly NoCredentials Instance = new();

    public Credential? Find(string authority, string repository) => null;
}
