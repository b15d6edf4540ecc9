using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>A service account as it is to be.</summary>
/// <param name="Namespace">Where it works.</param>
/// <param name="Name">The short name that the user chose; the server makes the login name of it.</param>
/// <param name="Access">What it may do there, also in repositories that others make later.</param>
public sealed record AccountWish(string Namespace, string Name, AccountAccess Access)
{
    /// <summary>For how long a new secret is good; null for ever.</summary>
    public int? ExpiresDays { get; init; }

    /// <summary>The secret that the user chose, where the product takes one (<see cref="RegistryCapabilities.OwnSecret"/>).</summary>
    public string? Secret { get; init; }

    /// <summary>Whether it is somebody else's account, which gets what it lacks and keeps what it has.</summary>
    public bool OnlyAdds { get; init; }

    /// <summary>The account that this one takes turns with, of which it is the second; null where it is the first.</summary>
    public string? StandsFor { get; init; }

    /// <summary>Says on the server whose work it is.</summary>
    public string Description => $"ansible:registry_auth:{StandsFor ?? Name}";
}

/// <summary>A service account as the server told of it. Products extend it with what their plans need.</summary>
/// <param name="Name">The short name.</param>
/// <param name="Exists">Whether it is there.</param>
public record AccountState(string Name, bool Exists)
{
    /// <summary>What it logs in with: <c>robot$mirror+ocp-mirror</c>. Taken from the server, never built; null where it does not exist.</summary>
    public string? Username { get; init; }

    /// <summary>Why it is not ours to keep: it is somebody else's. The message says whose, the hint what to do. Rights may be given to it all the same, where that is asked for.</summary>
    public ModuleException? Obstacle { get; init; }

    public bool IsEnabled { get; init; } = true;

    /// <summary>As <see cref="AccountWish.Description"/>, where the server shows it.</summary>
    public string? Description { get; init; }

    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Only on products that show it again (<see cref="RegistryCapabilities.SecretIsReadable"/>).</summary>
    public string? Secret { get; init; }

    /// <summary>Where it can have several secrets (<see cref="RotationKind.SecondSecret"/>): all of them, not the secrets themselves.</summary>
    public IReadOnlyList<SecretEntry> Secrets { get; init; } = [];
}

/// <summary>One of the secrets of an account.</summary>
/// <param name="Id">As <see cref="MintedSecret.Id"/>.</param>
public sealed record SecretEntry(string Id, DateTimeOffset? CreatedAt, DateTimeOffset? ExpiresAt)
{
    /// <summary>Whether it may do what is wished, where that is a matter of the secret and not of the account.</summary>
    public bool IsAsWished { get; init; } = true;
}

/// <summary>A secret that was just made.</summary>
/// <param name="Credential">The login name, from the server's answer, and the secret as password.</param>
/// <param name="ExpiresAt">Null for never.</param>
/// <param name="Id">What tells it from other secrets of the same account, where it can have several.</param>
public sealed record MintedSecret(Credential Credential, DateTimeOffset? ExpiresAt = null, string? Id = null);

/// <summary>What a registry said of a secret.</summary>
/// <param name="Refusal">Why it is not good; null where it is.</param>
/// <param name="IsProved">False where the registry lets anybody in, so that nothing was proved.</param>
public sealed record SecretCheck(ModuleException? Refusal, bool IsProved = true)
{
    /// <summary>Where the secret itself tells: when it ends.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>As <see cref="MintedSecret.Id"/>.</summary>
    public string? Id { get; init; }
}

/// <summary>What an account may do with the repositories of a namespace.</summary>
[Flags]
public enum AccountAccess
{
    None = 0,
    Pull = 1,
    Push = 2,

    /// <summary>Remove images.</summary>
    Delete = 4,
}
