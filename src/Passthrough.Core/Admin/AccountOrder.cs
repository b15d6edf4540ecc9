using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>What a service account is to be, what is known of it here, and when it gets a new secret.</summary>
public sealed record AccountOrder(AccountWish Wish)
{
    /// <summary>The account that the files hold; null where they hold none.</summary>
    public Credential? Stored { get; init; }

    public RotatePolicy Rotate { get; init; } = RotatePolicy.OnInvalid;

    /// <summary>A secret that ends within as many days is replaced; null for none. Not with <see cref="RotatePolicy.Never"/>.</summary>
    public int? RotateBeforeDays { get; init; }

    /// <summary>Removes what the rotation before left in place.</summary>
    public bool RetirePrevious { get; init; }

    /// <summary>Whether the old secret may die before everybody has the new one.</summary>
    public bool AllowOutage { get; init; }

    /// <summary>
    /// Whether others than this host may be using the secret (a cluster that pulls): then the old one stays until <see cref="RetirePrevious"/>. An account that
    /// pushes is used from the files alone, and its old secret goes as soon as they have the new one.
    /// </summary>
    public bool IsUsedElsewhere => !Wish.Access.HasFlag(AccountAccess.Push);
}

/// <summary>When an account that has a secret gets another one. The words of the parameter <c>rotate</c>: <c>never</c>, <c>on_invalid</c>, <c>always</c>.</summary>
public enum RotatePolicy
{
    Never,

    /// <summary>Where the server refuses the secret, or the files have none.</summary>
    OnInvalid,

    Always,
}

/// <summary>The account after it.</summary>
/// <param name="Credential">Login name and secret; null in check mode where it would be made.</param>
/// <param name="Username">The login name, as far as it is known.</param>
public sealed record AccountOutcome(Credential? Credential, string Username)
{
    public bool IsCreated { get; init; }

    public bool IsRotated { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }
}
