using System.Net;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// Which token services may be given a registry's credentials (docs/security.md, "Credentials"): the registry's own host, one of the
/// registry's domain, one that is known for a public registry, or one that the user named. docker and podman send them wherever a
/// registry says.
/// </summary>
public sealed class TokenServices
{
    /// <summary>Public registries whose token service has another domain: each pair has one owner.</summary>
    static readonly (string Registry, string Service)[] WellKnown =
    [
        ("registry.hub.docker.com", "auth.docker.io"),
        ("nvcr.io", "authn.nvidia.com"),
        ("registry.redhat.io", "sso.redhat.com"),
        ("registry.connect.redhat.com", "sso.redhat.com"),
        ("icr.io", "iam.cloud.ibm.com"),
    ];

    /// <summary>
    /// Domains below which names belong to different owners, in addition to those of a country's second level such as co.uk.
    /// </summary>
    static readonly string[] SharedDomains =
    [
        "azurecr.io", "azurecr.us", "azurecr.cn", "azure.com", "azurewebsites.net", "cloudapp.net", "windows.net", "amazonaws.com",
        "on.aws", "cloudfront.net",
        "pkg.dev", "run.app", "appspot.com", "web.app", "jfrog.io", "jfrog.info", "github.io", "gitlab.io", "gitbook.io",
        "herokuapp.com", "ondigitalocean.app",
        "fly.dev", "onrender.com", "vercel.app", "netlify.app", "workers.dev", "pages.dev", "openshiftapps.com", "rhcloud.com",
        "appdomain.cloud", "codes.ibm.com",
        "scw.cloud", "vultrcr.com", "ovh.net", "oraclecloud.com", "aliyuncs.com", "myhuaweicloud.com", "tencentcloudcr.com", "ngrok.io",
        "ngrok.app", "ngrok.dev",
        "duckdns.org", "dyndns.org", "ddns.net", "no-ip.org", "nip.io", "sslip.io", "xip.io", "traefik.me",
    ];

    /// <summary>What the user says of nobody.</summary>
    public static readonly TokenServices None = new(new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase));

    readonly Dictionary<string, string> named;

    TokenServices(Dictionary<string, string> named) => this.named = named;

    /// <param name="entries">The parameter <c>token_services</c>: registry to token service, each <c>host[:port]</c>.</param>
    /// <exception cref="ModuleException">An entry is not such a pair.</exception>
    public static TokenServices Parse(IEnumerable<KeyValuePair<string, string>> entries)
    {
        var services = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (registry, service) in entries)
        {
            if (new[] { registry, service }.FirstOrDefault(text => !Reference.IsRegistry(text)) is { } wrong)
            {
                throw new ModuleException(
                    ErrorCodes.InvalidArgument, $"token_services: \"{wrong}\" is not a host",
                    "write host[:port]: host[:port], like registry.example.com: sso.example.net");
            }

            services[Hub(registry)] = service;
        }

        return new TokenServices(services);
    }

    /// <summary>Whether the token service at an address may be given the credentials of a registry.</summary>
    public bool Belongs(RegistryEndpoint registry, Uri service) =>
        Belongs(registry.Host, service.Host)
        || (named.TryGetValue(Hub(registry.Authority), out var own) && own.Equals(service.Authority, StringComparison.OrdinalIgnoreCase));

    /// <summary>The same without what the user named.</summary>
    internal static bool Belongs(string registry, string service)
    {
        (registry, service) = (registry.ToLowerInvariant().TrimEnd('.'), service.ToLowerInvariant().TrimEnd('.'));
        if (registry == service)
            return true;
        if (IPAddress.TryParse(registry, out _) || IPAddress.TryParse(service, out _))
            return false;
        return Domain(registry) is { } domain && (service == domain || service.EndsWith("." + domain, StringComparison.Ordinal))
            || WellKnown.Contains((registry, service));
    }

    // The part that one owner has: two labels, three under a country's second level such as co.uk; the whole name if others have names
    // next to it.
    static string? Domain(string registry)
    {
        var labels = registry.Split('.');
        var count = labels is [.., { Length: <= 3 }, { Length: 2 }] && labels.Length > 2 ? 3 : 2;
        return labels.Length < 2 ? null : IsShared(registry) ? registry : string.Join('.', labels.TakeLast(count));
    }

    static bool IsShared(string registry) =>
        // The default domain of an OpenShift cluster's routes, in which every project makes names.
        registry.Contains(".apps.", StringComparison.Ordinal)
        || SharedDomains.Any(shared => registry == shared || registry.EndsWith("." + shared, StringComparison.Ordinal));

    static string Hub(string registry) => registry is "registry-1.docker.io" or "index.docker.io" ? "docker.io" : registry;
}
