using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>What a product's administration talks through: the management API, and <c>/v2/</c> as whoever is to be asked for.</summary>
/// <param name="endpoint">Where the registry is.</param>
/// <param name="options">Trust and patience; its <see cref="ConnectionOptions.OnSecret"/> is told every secret as soon as it is known.</param>
/// <param name="credential">Who manages; null where nobody was given.</param>
/// <param name="traits">What the product is like.</param>
/// <param name="time">The clock, for tests.</param>
/// <param name="random">Numbers from 0 to 1 for the pauses between attempts, for tests.</param>
public sealed class AdminConnection(RegistryEndpoint endpoint, ConnectionOptions options, Credential? credential, RegistryTraits traits, TimeProvider? time = null, Func<double>? random = null) : IDisposable
{
    AdminClient? client;
    RegistryStore? store;

    /// <summary>What this run knows about the server; several connections of a run share it.</summary>
    public KnownServer Server { get; init; } = new();

    public RegistryEndpoint Endpoint => endpoint;

    public Credential? Credential => credential;

    public TimeProvider Time => time ?? TimeProvider.System;

    /// <summary>The management API.</summary>
    internal AdminClient Client => client ??= new AdminClient(endpoint, options, traits, Time, random);

    /// <summary><c>/v2/</c> as whoever manages.</summary>
    public RegistryStore Store => store ??= OpenStore(credential);

    /// <summary><c>/v2/</c> as somebody else, or anew so that no token from before a change is used; the caller disposes of it.</summary>
    public RegistryStore OpenStore(Credential? other) => new(endpoint, options, new GivenCredential(endpoint.Authority, other), traits, time, random);

    /// <summary>Makes sure, once a run, that the server is the product that was given.</summary>
    /// <exception cref="ModuleException">It is another one, or nobody answers.</exception>
    public async Task RequireAsync(RegistryProduct product, CancellationToken cancellation)
    {
        if (!Server.IsIdentified)
            Server.Identify(await ServerIdentity.AskAsync(this, cancellation));
        Server.Identity?.Require(product, endpoint.Authority);
    }

    /// <summary>A secret that must never be printed; told as soon as it is known.</summary>
    public void Hide(string? secret) => options.OnSecret?.Invoke(secret);

    /// <summary>Asks <c>/v2/</c> whether it takes a credential: what <see cref="IRegistryAdmin.CheckSecretAsync"/> is where a product has nothing better. A 401 is a refusal; everything else that fails is thrown.</summary>
    public async Task<SecretCheck> CheckSecretAsync(Credential? asked, Reference repository, CancellationToken cancellation)
    {
        using var other = OpenStore(asked);
        try
        {
            return new SecretCheck(Refusal: null, await other.CheckCredentialsAsync(repository, cancellation));
        }
        catch (ModuleException e) when (e.HttpStatus == 401)
        {
            return new SecretCheck(e);
        }
    }

    public void Dispose()
    {
        client?.Dispose();
        store?.Dispose();
    }
}
