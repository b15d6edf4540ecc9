using System.Collections.Immutable;
using Passthrough.Core.Admin.Harbor;
using Passthrough.Core.Admin.Quay;

namespace Passthrough.Core.Admin;

/// <summary>The one table of products: one line each, everything else stands in the product's file.</summary>
public static class RegistryProducts
{
    /// <summary>The product where nothing is said.</summary>
    public const string Default = "mirror-registry";

    public static readonly ImmutableArray<RegistryProduct> All =
    [
        MirrorRegistryAdmin.Product,
        QuayAdmin.Product,
        HarborAdmin.Product,
        ArtifactoryAdmin.Product,
        DistributionAdmin.Product,
    ];

    public static ImmutableArray<string> Names { get; } = [.. All.Select(product => product.Name)];

    /// <exception cref="ModuleException">No such product.</exception>
    public static RegistryProduct Get(string name) =>
        All.FirstOrDefault(product => product.Name == name)
        ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_type \"{name}\" is not known", $"use one of {string.Join(", ", Names)}");
}
