using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>
/// The distribution project's registry (docker-registry, zot: registries.md E). It has no management API: accounts are lines of a file on its host and a
/// namespace is how names begin, so everything is asked of <c>/v2/</c> and nothing is ever planned.
/// </summary>
public sealed class DistributionAdmin(AdminConnection connection) : IRegistryAdmin
{
    public static readonly RegistryProduct Product = new("distribution", "the distribution registry", new RegistryTraits())
    {
        Editions = [Describe("distribution")],
        Administer = (connection, _) => Task.FromResult<IRegistryAdmin>(new DistributionAdmin(connection)),
        // Its relatives (zot, Gitea) say the same; Quay, Harbor and Artifactory ask for a login in words of their own.
        Recognise = answer => answer is { HasVersionHeader: true, HasOwnTokens: false }
            && (answer.ErrorMessage == LoginWanted || (answer.Status == HttpStatusCode.OK && answer.Body is "{}" or ""))
            ? "a plain distribution registry"
            : null,
    };

    /// <summary>What the distribution project's code says to somebody without a login (distribution, registry/api/errcode).</summary>
    internal const string LoginWanted = "authentication required";

    public RegistryCapabilities Capabilities => Product.Editions[0];

    static RegistryCapabilities Describe(string title) => new(title)
    {
        Health = Ability.Yes("GET /v2/ answers 200 or 401"),
        Account = Ability.No("the distribution registry has no way to make accounts over the network", "add a line to its htpasswd file (htpasswd -B) and give that account"),
        PullAccount = Ability.No(
            "the distribution registry lets every account of its htpasswd file push",
            "put a proxy before it that allows GET and HEAD only, and give the cluster that"),
        Rights = Ability.No("the distribution registry gives every account all rights"),
        Rotation = Ability.No("the distribution registry cannot change a password over the network", "change the line in its htpasswd file (htpasswd -B) and give the new password"),
        Namespace = Ability.No("the distribution registry has no namespaces, they are only how the names of repositories begin", "nothing is to be made: the first push makes a repository"),
        Quota = Ability.No("the distribution registry has no quotas", "limit the file system that it stores to"),
        Visibility = Ability.No("the distribution registry shows all repositories to everybody whom it lets in", "let it want accounts (auth.htpasswd), or none"),
        Immutability = Ability.No("the distribution registry has no immutable tags"),
        OwnSecret = Ability.No("the distribution registry cannot change a password over the network", "change the line in its htpasswd file (htpasswd -B) and give the new password"),
        Expiry = Ability.No("accounts of the distribution registry do not expire"),
    };

    public async Task<RegistryHealth> HealthAsync(CancellationToken cancellation)
    {
        // Whether it lets us in or not: it answers.
        if (connection.Server.Identity is null)
            await connection.Store.PingAsync(cancellation);
        return RegistryHealth.Healthy;
    }

    public Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation) =>
        Task.FromResult(new AdminLogin($"user \"{connection.Credential?.Username}\"", MayManage: false, Capabilities.Account.Text));

    public async Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        var seen = await connection.Store.FindBelowAsync(wish.Name, cancellation);
        return new NamespaceState(wish.Name, seen.Exists) { HoldsImages = seen.Exists };
    }

    public IReadOnlyList<PlannedChange> PlanNamespace(NamespaceWish wish, NamespaceState state) => [];

    public IReadOnlyList<PlannedChange> PlanNamespaceRemoval(NamespaceState state, bool force) => [];

    public Task<AccountState> ReadAccountAsync(AccountWish wish, CancellationToken cancellation) => throw NoAccounts();

    public IReadOnlyList<PlannedChange> PlanAccount(AccountWish wish, AccountState state) => throw NoAccounts();

    public Task<MintedSecret> CreateAccountAsync(AccountWish wish, CancellationToken cancellation) => throw NoAccounts();

    public Task<MintedSecret> RotateAccountAsync(AccountWish wish, AccountState state, CancellationToken cancellation) => throw NoAccounts();

    public IReadOnlyList<PlannedChange> PlanAccountRemoval(AccountState state, IReadOnlyList<string>? ids = null) => throw NoAccounts();

    public Task<SecretCheck> CheckSecretAsync(Credential? credential, Reference repository, CancellationToken cancellation) => connection.CheckSecretAsync(credential, repository, cancellation);

    public async Task<PushRight> JudgePushAsync(Credential? credential, Reference repository, PushTrial trial,
        CancellationToken cancellation)
    {
        using var store = connection.OpenStore(credential);
        var hasRights = await store.HasExtensionsAsync(cancellation);
        // An account that is to pull only is not asked to push where every account may.
        if (trial == PushTrial.None || (trial == PushTrial.IfInDoubt && !hasRights))
            return hasRights ? PushRight.Unknown("its accessControl decides that, and only an upload would show it") : PushRight.NotTried;
        var (@namespace, asked) = (repository.Repository[..repository.Repository.LastIndexOf('/')], repository);
        if ((await store.FindBelowAsync(@namespace, cancellation)).First is { } existing)
            asked = new Reference(repository.Registry, existing);
        else if (hasRights)
            return PushRight.Unknown(
                $"no repository is below {@namespace} yet, and {connection.Endpoint.Authority} would create one for the upload that "
                    + "shows it");
        return await PushRight.TryAsync(() => store.CheckWritableAsync(asked, cancellation));
    }

    public Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation) => Task.FromResult<IReadOnlyList<string>>([]);

    public Credential? AsDockerLogin(Credential given) => given.Token is null ? given : null;

    public JObject AuthConfigFacts(string @namespace, Credential? credential) => [];

    // Callers look at Capabilities.Method first.
    ModuleException NoAccounts() => new(ErrorCodes.Unsupported, Capabilities.Account.Text, Capabilities.Account.Instead);
}
