using Newtonsoft.Json.Linq;
using Passthrough.Core.Admin.Quay;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>
/// The Go edition of mirror-registry (registries.md C.2). It has one user and nothing to manage: no robots, no organizations, no rights. What a push makes is public.
/// </summary>
sealed class MirrorRegistryGoAdmin(AdminConnection connection) : IRegistryAdmin
{
    const string Title = "mirror-registry (Go)";

    /// <summary>
    /// It forgets manifests that have no tag, and then their layers, also of images that an index holds together; and it serves digests of other repositories.
    /// </summary>
    public static RegistryTraits OwnTraits => new()
    {
        HasReferrersApi = true,
        TagProvesContent = false,
        DigestProvesContent = false,
        CollectsUntaggedChildren = true,
        RemovesTags = true,
        Health = new HealthProbe(["healthz"], (status, _) => status >= 500 ? $"/healthz answers {status}" : null),
    };

    public static RegistryCapabilities Edition => new(Title)
    {
        Health = Ability.Yes("`GET /healthz`"),
        Account = Ability.No($"{Title} has only the user that its installation made, and no way to make another account", "use method: user (or auto) with that user, whose password stands in auth/admin-password of its data directory"),
        PullAccount = Ability.No($"{Title} has no account that may only pull", "its repositories are public, so the cluster can pull without any account; or give it this one, which may push too"),
        Rights = Ability.No($"{Title} gives its one user all rights"),
        Rotation = Ability.No($"{Title} cannot change a password over the network", "change it on its host and give the new one"),
        Namespace = Ability.No($"{Title} has no organizations, they are only how the names of repositories begin", "nothing is to be made: the first push makes a repository"),
        Quota = Ability.No($"{Title} has no quotas", "limit the file system that it stores to"),
        Visibility = Ability.No($"{Title} makes public repositories, and cannot change that over the network", "set CREATE_PRIVATE_REPO_ON_PUSH: true in a config.yaml and start it with --config; that holds for repositories made later"),
        Immutability = Ability.No($"{Title} has no immutable tags"),
        OwnSecret = Ability.No($"{Title} cannot change a password over the network", "change it on its host and give the new one"),
        Expiry = Ability.No($"the user of {Title} does not expire"),
    };

    public RegistryCapabilities Capabilities { get; } = Edition;

    string Authority => connection.Endpoint.Authority;

    public async Task<RegistryHealth> HealthAsync(CancellationToken cancellation)
    {
        var answer = await MirrorRegistryAdmin.AskHealthAsync(connection, cancellation);
        return MirrorRegistryAdmin.StatusOf(answer) switch
        {
            "ok" => RegistryHealth.Healthy,
            { } word => new RegistryHealth(RegistryCondition.Unhealthy, RegistryHealth.Healthy.Components) { Reason = $"/healthz says {word}" },
            null => throw answer.NotExpected($"the health of a {Title}"),
        };
    }

    public Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation) =>
        Task.FromResult(new AdminLogin($"user \"{connection.Credential?.Username}\"", MayManage: false, Capabilities.Account.Text));

    // Its catalogue answers nobody, and nothing else tells what is there.
    public Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation) => Task.FromResult(new NamespaceState(wish.Name, Exists: null));

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
        // Asking for push makes nothing here. What it grants stands in the token: a pull proves nothing, since anybody may.
        using var store = connection.OpenStore(credential);
        var claims = await store.AskForClaimsAsync(repository, ["pull", "push"], cancellation);
        return claims?.ActionsFor(repository.Repository).Contains("push") == true
            ? PushRight.Given
            : PushRight.Refused(new ModuleException(
                ErrorCodes.Unauthorized,
                $"{(credential is null ? "nobody" : $"user \"{credential.Username}\"")} may not push to {repository.Name} on {Title}",
                $"where it is started with a config.yaml (as after migrate), set FEATURE_SUPERUSERS_FULL_ACCESS: true and the user in "
                    + $"SUPER_USERS there, or set namespace to {credential?.Username ?? "the user's name"}"));
    }

    public Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation) => Task.FromResult<IReadOnlyList<string>>(
        [$"{Authority} is the Go edition of mirror-registry: what is pushed to it is public, so anybody who reaches it can pull it all without an account, unless it was started with CREATE_PRIVATE_REPO_ON_PUSH: true in a config.yaml"]);

    public Credential? AsDockerLogin(Credential given) => given.Token is null ? given : null;

    public JObject AuthConfigFacts(string @namespace, Credential? credential) => new() { ["token"] = credential?.Password ?? "", ["auth_required"] = credential is not null };

    // Callers look at Capabilities.Method first.
    ModuleException NoAccounts() => new(ErrorCodes.Unsupported, Capabilities.Account.Text, Capabilities.Account.Instead);
}
