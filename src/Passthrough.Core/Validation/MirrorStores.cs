using System.Collections.Concurrent;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using PullSource = Passthrough.Core.Mirroring.Clients.PullSource;

namespace Passthrough.Core.Validation;

/// <summary>The registries that a redirection leads to, asked by ourselves: for every blob, and for why a client failed.</summary>
sealed class MirrorStores(ProofRequest request) : IDisposable
{
    readonly ConcurrentDictionary<string, Lazy<Task<MirrorStore>>> stores = new();

    /// <summary>The registry of a place; one that does not answer comes with its fault.</summary>
    public Task<MirrorStore> OpenAsync(PullSource place, CancellationToken cancellation)
    {
        var insecure = place.Insecure || !request.Options.ValidateCertificates;
        return stores.GetOrAdd(
            $"{place.Image.Registry} {insecure}",
            _ => new Lazy<Task<MirrorStore>>(() => OpenAsync(place.Image.Registry, insecure, cancellation))).Value;
    }

    /// <summary>The trust that is for one registry: what the user gave is the endpoint's, every other has its certs.d folder.</summary>
    /// <exception cref="ModuleException">The folder holds a certificate without its key, or the reverse.</exception>
    public ConnectionOptions OptionsFor(string authority) => authority == request.Endpoint.Authority
        ? request.Options
        : (request.Options with { CaPath = null, ClientCertificate = null, ClientKey = null, TrustedCertificates = [] }).WithCertificatesOf(RegistryEndpoint.Parse(authority));

    /// <summary>The credentials for repositories as an auth file.</summary>
    /// <exception cref="ModuleException">A credential cannot be put into a file, or the user's own files cannot be read.</exception>
    public JObject AuthFile(IEnumerable<Reference> repositories)
    {
        var auths = new JObject();
        foreach (var registry in repositories.DistinctBy(repository => repository.Name).GroupBy(repository => repository.Registry))
        {
            var credentials = registry.ToDictionary(repository => repository.Name, repository => request.Credentials.Find(registry.Key, repository.Repository), StringComparer.Ordinal);
            if (credentials.Values.Distinct().Count() == 1)
                credentials = new(StringComparer.Ordinal) { [registry.Key] = credentials.Values.First() };
            foreach (var (key, credential) in credentials)
            {
                if (credential is not null)
                    auths[key] = Entry(registry.Key, credential);
            }
        }

        return new JObject { ["auths"] = auths };
    }

    // What a client that is insecure does: TLS with any certificate, else plain HTTP.
    async Task<MirrorStore> OpenAsync(string authority, bool insecure, CancellationToken cancellation)
    {
        var endpoint = authority == request.Endpoint.Authority ? request.Endpoint : RegistryEndpoint.Parse(authority);
        if (!insecure)
            return await ReachAsync(endpoint, OptionsFor(authority), cancellation);
        var options = OptionsFor(authority) with { ValidateCertificates = false };
        var encrypted = await ReachAsync(endpoint with { Scheme = Uri.UriSchemeHttps }, options, cancellation);
        if (encrypted.Fault is null)
            return encrypted;
        var plain = await ReachAsync(endpoint with { Scheme = Uri.UriSchemeHttp }, options, cancellation);
        var (taken, left) = plain.Fault is null ? (plain, encrypted) : (encrypted, plain);
        left.Store.Dispose();
        return taken;
    }

    async Task<MirrorStore> ReachAsync(RegistryEndpoint endpoint, ConnectionOptions options, CancellationToken cancellation)
    {
        var store = new RegistryStore(endpoint, options, request.Credentials);
        try
        {
            await store.PingAsync(cancellation);
            return new MirrorStore(store, null);
        }
        catch (ModuleException e)
        {
            return new MirrorStore(store, e);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    static JObject Entry(string registry, Credential credential)
    {
        if (credential is { Token: not null, IsIdentityToken: false, Username: null })
            throw new ModuleException(ErrorCodes.InvalidArgument, $"the token for {registry} cannot be given to skopeo or podman: they take a bare token on their command line only, where everybody sees it", "give username and password, or authfile");
        var password = credential.IsIdentityToken ? credential.Password : credential.Token ?? credential.Password;
        var entry = new JObject { ["auth"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{password}")) };
        if (credential.IsIdentityToken)
            entry["identitytoken"] = credential.Token;
        return entry;
    }

    public void Dispose()
    {
        foreach (var store in stores.Values.Where(store => store.IsValueCreated && store.Value.IsCompletedSuccessfully))
            store.Value.Result.Store.Dispose();
    }
}

/// <summary>A registry that a redirection leads to.</summary>
/// <param name="Fault">Why it does not answer; null where it does.</param>
sealed record MirrorStore(RegistryStore Store, ModuleException? Fault);
