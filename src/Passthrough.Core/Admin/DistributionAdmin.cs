using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>The distribution project's registry (docker-registry, registries.md E): no management API, so everything is asked of <c>/v2/</c>.</summary>
public sealed class DistributionAdmin(RegistryStore store) : IRegistryAdmin
{
    static readonly Dictionary<string, string> NoComponents = [];

    public async Task<RegistryHealth> HealthAsync(CancellationToken cancellation)
    {
        // Whether it lets us in or not: it answers.
        await store.PingAsync(cancellation);
        return new RegistryHealth(true, "healthy", NoComponents);
    }

    public Task<bool> CheckCredentialsAsync(Reference repository, CancellationToken cancellation) => store.CheckCredentialsAsync(repository, cancellation);

    public Task<bool?> HasNamespaceAsync(string name, CancellationToken cancellation) => store.HasRepositoriesBelowAsync(name, cancellation);

    public Task CheckWritableAsync(Reference repository, CancellationToken cancellation) => store.CheckWritableAsync(repository, cancellation);
}
