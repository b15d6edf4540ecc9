using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Registry;

/// <summary>How to talk to one registry: trust, client certificate, proxy and patience (design 5, "One network policy for everything").</summary>
public sealed record ConnectionOptions
{
    public bool ValidateCertificates { get; init; } = true;

    /// <summary>PEM file with one or more CAs that are trusted beside the system's; null for none.</summary>
    public string? CaPath { get; init; }

    /// <summary>More certificates that are trusted beside the system's: those of a certs.d folder.</summary>
    public ImmutableArray<X509Certificate2> TrustedCertificates { get; init; } = [];

    /// <summary>PEM file of the client certificate; goes with <see cref="ClientKey"/>.</summary>
    public string? ClientCertificate { get; init; }

    public string? ClientKey { get; init; }

    /// <summary>Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY are followed; a loopback address never goes through a proxy.</summary>
    public bool UseProxy { get; init; } = true;

    /// <summary>What <see cref="UseProxy"/> follows.</summary>
    internal ProxyRules Proxies { get; init; } = ProxyRules.OfEnvironment();

    /// <summary>Set for a registry that images are read from; null for the target, which the parameters describe.</summary>
    public UpstreamRole? Upstream { get; init; }

    /// <summary>For connecting and for the headers of an answer.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Without a byte moved on a body.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>For the answer after a body was sent: servers hash and move it first.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often a request that failed for a reason that may pass is sent again; what a registry that is down is waited for
    /// grows with it.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>Token services that the user named for registries of another domain.</summary>
    public TokenServices TokenServices { get; init; } = TokenServices.None;

    /// <summary>How long a registry that does not answer at all is waited for, in one piece: 75 s by default, which covers a restart of a
    /// minute.</summary>
    public TimeSpan OutageBudget => Retries * TimeSpan.FromSeconds(15);

    /// <summary>Told what slows the work down although it goes on: a sentence. Null where nobody listens.</summary>
    public Action<string>? OnTrouble { get; init; }

    /// <summary>Told every token that a token service gives, so that it can be masked; null where nobody prints.</summary>
    public Action<string?>? OnSecret { get; init; }

    /// <summary>Shown the certificate of the server at every handshake, before it is judged; null where nobody looks.</summary>
    public Action<X509Certificate2>? OnCertificate { get; init; }

    /// <summary>Counts every request that is sent with these options, or with options made from them.</summary>
    public RequestCounts Requests { get; init; } = new();

    /// <summary>The same with what podman's and docker's certs.d folders of this host hold for a registry; what was given in files of its own wins over all of it.</summary>
    /// <exception cref="ModuleException">The registry's folder holds a client certificate without its key, or the reverse.</exception>
    public ConnectionOptions WithCertificatesOf(RegistryEndpoint endpoint) => WithCertificatesOf(endpoint, Environment.GetEnvironmentVariable);

    internal Remedies RemediesFor(string authority) => new(Upstream, authority);

    internal ConnectionOptions WithCertificatesOf(RegistryEndpoint endpoint, Func<string, string?> environment)
    {
        if (CaPath is not null || ClientCertificate is not null || endpoint.Scheme != Uri.UriSchemeHttps)
            return this;
        var certificates = CertsDirectory.Find(CertsDirectory.Bases(environment), endpoint.Authority);
        return this with { TrustedCertificates = certificates.Authorities, ClientCertificate = certificates.ClientCertificate, ClientKey = certificates.ClientKey };
    }
}
