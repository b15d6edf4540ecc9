namespace Passthrough.Core.Admin;

/// <summary>
/// What a product or an edition of it can do, as data: modules refuse what it cannot with its sentence, and docs/registries.md is made of it.
/// </summary>
/// <param name="Title">The product, or the edition of it, for people: <c>mirror-registry (Go)</c>.</param>
public sealed record RegistryCapabilities(string Title)
{
    public required Ability Health { get; init; }

    /// <summary>A service account apart from the administrator's.</summary>
    public required Ability Account { get; init; }

    /// <summary>An account that may only pull.</summary>
    public required Ability PullAccount { get; init; }

    /// <summary>Reading and repairing what an account may do.</summary>
    public required Ability Rights { get; init; }

    public required Ability Rotation { get; init; }

    /// <summary>An object that holds the mirror, which can be made and removed.</summary>
    public required Ability Namespace { get; init; }

    public required Ability Quota { get; init; }

    public required Ability Visibility { get; init; }

    public required Ability Immutability { get; init; }

    /// <summary>Whether the user may choose the secret of the account.</summary>
    public required Ability OwnSecret { get; init; }

    /// <summary>Accounts that end by themselves.</summary>
    public required Ability Expiry { get; init; }

    /// <summary>What its service accounts are; <see cref="AccountMethod.User"/> where it has none.</summary>
    public AccountMethod Method { get; init; } = AccountMethod.User;

    /// <summary>How an account gets a new secret.</summary>
    public RotationKind Rotates { get; init; } = RotationKind.None;

    /// <summary>Whether the server shows the secret of an account again.</summary>
    public bool SecretIsReadable { get; init; }

    /// <summary>Whether an account can only be made where the namespace is.</summary>
    public bool AccountNeedsNamespace { get; init; }

    /// <summary>The names that accounts may have; null for any.</summary>
    public NameRule? AccountNames { get; init; }

    /// <summary>The names that the namespace may have; null for any that can be part of an image's name.</summary>
    public NameRule? NamespaceNames { get; init; }
}

/// <summary>Something that a product can do, and how; or cannot, and why.</summary>
/// <param name="IsThere">Whether it can.</param>
/// <param name="Text">For the matrix of the docs, a few words. Where it cannot, a whole sentence without full stop that an error can be made of: <c>Artifactory's OSS edition cannot …</c>.</param>
public sealed record Ability(bool IsThere, string Text)
{
    public static Ability Yes(string how) => new(true, how);

    /// <param name="sentence">What cannot be done, by whom.</param>
    /// <param name="instead">What the user can do about it: the hint of the error.</param>
    public static Ability No(string sentence, string? instead = null) => new(false, sentence) { Instead = instead };

    public string? Instead { get; init; }

    /// <exception cref="ModuleException">It cannot.</exception>
    public void Require(string asked)
    {
        if (!IsThere)
            throw new ModuleException(ErrorCodes.Unsupported, $"{asked}: {Text}", Instead);
    }
}

/// <summary>What a service account is. The words of the parameter <c>method</c>, in lower case.</summary>
public enum AccountMethod
{
    /// <summary>The account that was given.</summary>
    User,

    /// <summary>An account of the namespace that can do nothing else.</summary>
    Robot,

    /// <summary>An access token.</summary>
    Token,
}

/// <summary>How an account gets a new secret while the old one is in use somewhere.</summary>
public enum RotationKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>The old secret is dead at once; a second account cannot stand in.</summary>
    InPlace,

    /// <summary>The same; but a second account can be made, and the first removed when nobody uses it any more.</summary>
    SecondAccount,

    /// <summary>One account may have several secrets.</summary>
    SecondSecret,
}
