using System.Collections.Concurrent;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Registry;

/// <summary>
/// All registries of the world as one store: each reference is asked of its own registry, or of the place that stands in for it.
/// A place that stands in is asked with its own credentials, never with those of the original.
/// </summary>
public sealed class UpstreamStores : IImageStore, IDisposable
{
    readonly Dictionary<string, PullSource> pullFrom;
    readonly ICredentialSource credentials;
    readonly ConnectionOptions options;
    readonly TimeProvider? time;
    readonly ConcurrentDictionary<RegistryEndpoint, Lazy<RegistryStore>> stores = new();

    /// <param name="pullFrom">Registry to the place asked in its stead, <c>[http[s]://]host[:port][/prefix]</c>.</param>
    /// <param name="credentials">For every registry; mostly <see cref="AuthFiles"/>.</param>
    /// <param name="options">Patience and proxy. Trust comes from certs.d folders and the system: a CA given for the target says nothing about others.</param>
    /// <exception cref="ModuleException">An entry of <paramref name="pullFrom"/> is no place.</exception>
    public UpstreamStores(IEnumerable<KeyValuePair<string, string>> pullFrom, ICredentialSource credentials, ConnectionOptions options, TimeProvider? time = null)
    {
        this.pullFrom = new(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, place) in pullFrom)
        {
            var registry = PullSource.Registry(key);
            if (!this.pullFrom.TryAdd(registry, PullSource.Parse(key, place)))
                throw new ModuleException(ErrorCodes.InvalidArgument, $"pull_from names {registry} twice", "name each registry once; docker.io, index.docker.io and registry-1.docker.io are one");
        }

        this.credentials = credentials;
        this.options = options with { CaPath = null, TrustedCertificates = [], ClientCertificate = null, ClientKey = null, ValidateCertificates = true };
        this.time = time;
    }

    /// <summary>Of all registries together.</summary>
    public RequestCounts Requests => options.Requests;

    public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation)
    {
        var (store, own) = Route(image);
        return store.ResolveAsync(own, cancellation);
    }

    public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation)
    {
        var (store, own) = Route(image);
        return store.ReadManifestAsync(own, cancellation);
    }

    public Task<IReadOnlyList<Descriptor>?> ListReferrersAsync(Reference subject, CancellationToken cancellation)
    {
        var (store, own) = Route(subject);
        return store.ListReferrersAsync(own, cancellation);
    }

    public Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
    {
        var (store, own) = Route(repository);
        return store.OpenBlobAsync(own, blob, offset, cancellation);
    }

    /// <summary>The tags of a repository.</summary>
    public Task<IReadOnlyList<string>> ListTagsAsync(Reference repository, CancellationToken cancellation)
    {
        var (store, own) = Route(repository);
        return store.ListTagsAsync(own, cancellation);
    }

    (RegistryStore Store, Reference Own) Route(Reference image)
    {
        if (!pullFrom.TryGetValue(image.Registry, out var source))
            return (Open(RegistryEndpoint.Parse(image.Registry), standsIn: false), image);
        var repository = source.Prefix.Length == 0 ? image.Repository : $"{source.Prefix}/{image.Repository}";
        return (Open(source.Endpoint, standsIn: true), image with { Registry = source.Endpoint.Authority, Repository = repository });
    }

    RegistryStore Open(RegistryEndpoint endpoint, bool standsIn) =>
        stores.GetOrAdd(endpoint, one => new Lazy<RegistryStore>(() => Connect(one, standsIn))).Value;

    RegistryStore Connect(RegistryEndpoint endpoint, bool standsIn)
    {
        // Names say docker.io; the registry answers elsewhere. Certificates and credentials are looked up under the name.
        var isDockerHub = endpoint is { Host: "docker.io", Port: null };
        var own = options.WithCertificatesOf(endpoint) with { Upstream = new UpstreamRole(endpoint.Authority, standsIn) };
        return new RegistryStore(isDockerHub ? endpoint with { Host = "registry-1.docker.io" } : endpoint, own, isDockerHub ? new Renamed(credentials) : credentials, time: time);
    }

    public void Dispose()
    {
        foreach (var store in stores.Values.Where(store => store.IsValueCreated))
            store.Value.Dispose();
    }

    sealed class Renamed(ICredentialSource inner) : ICredentialSource
    {
        public Credential? Find(string authority, string repository) => inner.Find(authority == "registry-1.docker.io" ? "docker.io" : authority, repository);
    }
}

/// <summary>A place that stands in for a registry.</summary>
/// <param name="Prefix">Goes before every repository; empty for none.</param>
sealed record PullSource(RegistryEndpoint Endpoint, string Prefix)
{
    /// <summary>A key of <c>pull_from</c>: a registry, as references name it.</summary>
    public static string Registry(string text) =>
        Reference.IsRegistry(text)
            ? text is "index.docker.io" or "registry-1.docker.io" ? "docker.io" : text.ToLowerInvariant()
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"pull_from names \"{text}\", which is no registry", "write host[:port], like quay.io: pull.example.com:8443/quay");

    /// <exception cref="ModuleException">The text is not <c>[http[s]://]host[:port][/prefix]</c>.</exception>
    public static PullSource Parse(string registry, string text)
    {
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        var hostStart = schemeEnd < 0 ? 0 : schemeEnd + 3;
        var slash = text.IndexOf('/', hostStart);
        var prefix = slash < 0 ? "" : text[(slash + 1)..].Trim('/');
        if (prefix.Length > 0 && !Reference.IsRepository(prefix))
            throw new ModuleException(ErrorCodes.InvalidArgument, $"pull_from for {registry}: \"{text}\" has the path \"{prefix}\", which no repository can begin with", "paths are lower case, like pull.example.com:8443/quay");
        try
        {
            return new PullSource(RegistryEndpoint.Parse(slash < 0 ? text : text[..slash]), prefix);
        }
        catch (ModuleException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"pull_from for {registry}: {e.Message.Replace("registry_host ", "", StringComparison.Ordinal)}", "write [http[s]://]host[:port][/prefix]", e);
        }
    }
}
