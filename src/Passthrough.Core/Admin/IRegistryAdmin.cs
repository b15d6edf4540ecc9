using Passthrough.Core.Oci;

namespace Passthrough.Core.Admin;

/// <summary>What a product offers beside moving images: whether it is well, and whether an account may do what it must.</summary>
public interface IRegistryAdmin
{
    /// <summary>Whether the registry serves. A registry that answers "not well" is an answer, not a fault.</summary>
    /// <exception cref="ModuleException">Nobody answers, or no registry.</exception>
    Task<RegistryHealth> HealthAsync(CancellationToken cancellation);

    /// <summary>Proves the credential without pulling or writing anything.</summary>
    /// <param name="repository">The repository that it will be used for: auth files may have one for each.</param>
    /// <returns>False where the registry lets anybody in, so that nothing was proved.</returns>
    /// <exception cref="ModuleException">The registry refuses the credential, or wants one and there is none.</exception>
    Task<bool> CheckCredentialsAsync(Reference repository, CancellationToken cancellation);

    /// <summary>Whether the namespace is there; on products that have no such object, whether any repository is below it.</summary>
    /// <returns>Null where the registry does not tell.</returns>
    Task<bool?> HasNamespaceAsync(string name, CancellationToken cancellation);

    /// <summary>Begins an upload to the repository and cancels it. Not for check mode: some products make the repository by this alone.</summary>
    /// <exception cref="ModuleException">The credential may not write there.</exception>
    Task CheckWritableAsync(Reference repository, CancellationToken cancellation);
}

/// <summary>How a registry is.</summary>
/// <param name="Status"><c>healthy</c>, or the product's own word.</param>
/// <param name="Components">The parts that the product tells about, each with its word; empty where it tells of none.</param>
public sealed record RegistryHealth(bool IsHealthy, string Status, IReadOnlyDictionary<string, string> Components);
