using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>Quay (registries.md B).</summary>
public static class QuayAdmin
{
    public static readonly RegistryProduct Product = new("quay", "Quay", new RegistryTraits { HasReferrersApi = true });
}
