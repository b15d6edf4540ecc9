using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>JFrog Artifactory (registries.md D).</summary>
public static class ArtifactoryAdmin
{
    public static readonly RegistryProduct Product = new("jfrog", "Artifactory", new RegistryTraits());
}
