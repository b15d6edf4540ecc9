using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>mirror-registry: the classic one, which is a Quay, and its Go successor (registries.md C and C.2).</summary>
public static class MirrorRegistryAdmin
{
    // The Go edition answers for digests of other repositories too; both are sold under this name, so the careful value holds.
    public static readonly RegistryProduct Product = new("mirror-registry", "mirror-registry", new RegistryTraits { HasReferrersApi = true, DigestProvesContent = false, TagProvesContent = false });
}
