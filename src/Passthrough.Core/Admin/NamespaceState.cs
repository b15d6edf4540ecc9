namespace Passthrough.Core.Admin;

/// <summary>The place of the mirror as it is to be. What is null stays as it is, and is the product's careful default where it is made.</summary>
/// <param name="Name">Harbor project, Quay organization, Artifactory repository key.</param>
public sealed record NamespaceWish(string Name)
{
    /// <summary>Whether anybody may pull. A new one is private.</summary>
    public bool? IsPublic { get; init; }

    /// <summary>The most bytes that it may hold; 0 for no limit.</summary>
    public long? QuotaBytes { get; init; }

    /// <summary>Whether a tag that was pushed can never be pushed again.</summary>
    public bool? HasImmutableTags { get; init; }

    public string? Description { get; init; }

    /// <summary>Whether rules that refuse pushes or remove tags are looked for, which <see cref="IRegistryAdmin.FindRisksAsync"/> then
    /// names.</summary>
    public bool LooksForRules { get; init; }

    /// <summary>Repositories to make ready, by their path below the namespace (<c>quay.io/centos/centos</c>); only where the product gains from it.</summary>
    public IReadOnlyList<string> Repositories { get; init; } = [];
}

/// <summary>The place of the mirror as the server told of it. Products extend it with what their plans need.</summary>
/// <param name="Name">As in <see cref="NamespaceWish"/>.</param>
/// <param name="Exists">On products that have no such object: whether any repository is below it. Null where the registry does not tell.</param>
public record NamespaceState(string Name, bool? Exists)
{
    /// <summary>Why it can hold no mirror: it pulls through from elsewhere, is a user's account, of another kind, somebody else's. The message says what is in the way, the hint what to do.</summary>
    public ModuleException? Obstacle { get; init; }

    /// <summary>Why whoever asks may not look at its settings, as the end of a sentence; null if they were seen.</summary>
    public string? WhyHidden { get; init; }

    /// <summary>Whether images are in it; the probe repository does not count. Null where the registry does not tell.</summary>
    public bool? HoldsImages { get; init; }

    public bool? IsPublic { get; init; }

    /// <summary>Bytes; 0 for no limit.</summary>
    public long? QuotaBytes { get; init; }

    public bool? HasImmutableTags { get; init; }

    public string? Description { get; init; }
}
