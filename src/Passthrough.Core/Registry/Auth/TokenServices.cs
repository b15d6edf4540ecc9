using System.Net;

namespace Passthrough.Core.Registry.Auth;

/// <summary>Which token services may be given a registry's credentials.</summary>
static class TokenServices
{
    // Registries whose token service has another domain.
    static readonly (string Registry, string Service)[] WellKnown =
    [
        ("docker.io", "docker.com"),
        ("nvcr.io", "nvidia.com"),
        ("redhat.io", "redhat.com"),
        ("icr.io", "ibm.com"),
    ];

    /// <summary>Whether the service is the registry's own host, of the same domain, or known to be its service.</summary>
    public static bool Belongs(string registry, string service)
    {
        if (registry.Equals(service, StringComparison.OrdinalIgnoreCase))
            return true;
        if (IPAddress.TryParse(registry, out _) || IPAddress.TryParse(service, out _))
            return false;
        var (domain, serviceDomain) = (Domain(registry), Domain(service));
        return domain.Contains('.') && domain == serviceDomain || WellKnown.Contains((domain, serviceDomain));
    }

    // The part that one owner has: two labels, three under a country's second level such as co.uk.
    static string Domain(string host)
    {
        var labels = host.ToLowerInvariant().TrimEnd('.').Split('.');
        var count = labels is [.., { Length: <= 3 }, { Length: 2 }] && labels.Length > 2 ? 3 : 2;
        return string.Join('.', labels.TakeLast(count));
    }
}
