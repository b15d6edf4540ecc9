using System.Collections.Immutable;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>A registry product: its name in parameters, what a transfer must know about it, and how it is managed.</summary>
/// <param name="Name">The value of <c>registry_type</c>.</param>
/// <param name="Title">Its name for people.</param>
public sealed record RegistryProduct(string Name, string Title, RegistryTraits Traits)
{
    /// <summary>Makes its administration; null where it cannot be managed yet.</summary>
    public Func<RegistryStore, IRegistryAdmin>? Administer { get; init; }

    /// <exception cref="ModuleException">This product cannot be managed yet.</exception>
    public IRegistryAdmin Admin(RegistryStore store) =>
        Administer?.Invoke(store)
        ?? throw new ModuleException(ErrorCodes.Unsupported, $"registry_type {Name}: accounts and namespaces of {Title} cannot be managed yet", $"set them up on the registry by hand; image_archive and icsp_render work with registry_type {Name} already");
}

/// <summary>The one table of products. What the values rest on is in registries.md (sections 0 and A to E).</summary>
public static class RegistryProducts
{
    /// <summary>The product where nothing is said.</summary>
    public const string Default = "mirror-registry";

    public static readonly ImmutableArray<RegistryProduct> All =
    [
        // The Go edition answers for digests of other repositories too; both are sold under this name, so the careful value holds.
        new("mirror-registry", "mirror-registry", new RegistryTraits { HasReferrersApi = true, DigestProvesContent = false, TagProvesContent = false }),
        new("quay", "Quay", new RegistryTraits { HasReferrersApi = true }),
        new("harbor", "Harbor", new RegistryTraits { HasReferrersApi = true, Upload = UploadForm.PostPatchPut }),
        new("jfrog", "Artifactory", new RegistryTraits()),
        new("distribution", "the distribution registry", new RegistryTraits()) { Administer = store => new DistributionAdmin(store) },
    ];

    public static ImmutableArray<string> Names { get; } = [.. All.Select(product => product.Name)];

    /// <exception cref="ModuleException">No such product.</exception>
    public static RegistryProduct Get(string name) =>
        All.FirstOrDefault(product => product.Name == name)
        ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_type \"{name}\" is not known", $"use one of {string.Join(", ", Names)}");
}
