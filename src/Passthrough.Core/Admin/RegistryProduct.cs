using System.Collections.Immutable;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>A registry product: its name in parameters, what a transfer must know about it, and how it is managed. Each is made in the product's own file.</summary>
/// <param name="Name">The value of <c>registry_type</c>.</param>
/// <param name="Title">Its name for people.</param>
/// <param name="Traits">Where no server was asked: what holds of all its editions.</param>
public sealed record RegistryProduct(string Name, string Title, RegistryTraits Traits)
{
    /// <summary>What each edition of it can do, as far as that is known without asking: rows of docs/registries.md.</summary>
    public ImmutableArray<RegistryCapabilities> Editions { get; init; } = [];

    /// <summary>Makes its administration; may ask the server which edition it is. Null where it cannot be managed yet.</summary>
    public Func<AdminConnection, CancellationToken, Task<IRegistryAdmin>>? Administer { get; init; }

    /// <summary>Asks a server whose password it is that was given without a user name: its installation's first user. Null where that cannot be told.</summary>
    public Func<AdminConnection, CancellationToken, Task<string>>? AskFirstUser { get; init; }

    /// <summary>Asks, with one request and as whoever pushes, how much a namespace takes; null where the product tells nobody.</summary>
    public Func<AdminConnection, string, CancellationToken, Task<FreeRoom?>>? AskRoom { get; init; }

    /// <summary>Asks a server which edition it is, where that changes what a transfer must know about it; null where it does not.</summary>
    public Func<AdminConnection, CancellationToken, Task<RegistryTraits>>? AskTraits { get; init; }

    /// <summary>What a transfer to this very server must know. May ask it; writes nothing and needs no account.</summary>
    /// <exception cref="ModuleException">It does not answer.</exception>
    public Task<RegistryTraits> TraitsAsync(AdminConnection connection, CancellationToken cancellation) => AskTraits?.Invoke(connection, cancellation) ?? Task.FromResult(Traits);

    /// <summary>Recognises the product by its answer to an anonymous <c>GET /v2/</c>: the title of the edition; null if something else
    /// answers, or it cannot tell.</summary>
    internal Func<VersionAnswer, string?>? Recognise { get; init; }

    /// <summary>Other values of <c>registry_type</c> that this product may be recognised as.</summary>
    internal ImmutableArray<string> AlsoAnswersAs { get; init; } = [];

    /// <param name="connection">Stays the caller's, who disposes of it afterwards.</param>
    /// <exception cref="ModuleException">This product cannot be managed yet, or does not answer.</exception>
    public Task<IRegistryAdmin> AdminAsync(AdminConnection connection, CancellationToken cancellation) =>
        Administer?.Invoke(connection, cancellation)
        ?? throw new ModuleException(ErrorCodes.Unsupported, $"registry_type {Name}: accounts and namespaces of {Title} cannot be managed yet", $"set them up on the registry by hand; image_archive and icsp_render work with registry_type {Name} already");
}
