using Newtonsoft.Json.Linq;
using Passthrough.Core.Admin;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Admin;

/// <summary>A product on paper: accounts with one secret or several, of any way to rotate. It remembers what was done to it.</summary>
sealed class PaperAdmin(RotationKind rotates, TimeProvider time) : IRegistryAdmin
{
    static readonly Ability Yes = Ability.Yes("yes");

    int minted;

    /// <summary>What was written, in order.</summary>
    public List<string> Writes { get; } = [];

    public Dictionary<string, PaperAccount> Accounts { get; } = new(StringComparer.Ordinal);

    /// <summary>Called when a secret was made and nobody knows it yet: where a run is stopped.</summary>
    public Action AfterMint { get; set; } = () => { };

    /// <summary>Takes changes of rights and forgets them.</summary>
    public bool ForgetsRights { get; set; }

    /// <summary>Somebody else makes the account between reading and making.</summary>
    public bool IsRaced { get; set; }

    public RegistryCapabilities Capabilities { get; init; } = new("Paper")
    {
        Health = Yes,
        Account = Yes,
        PullAccount = Yes,
        Rights = Yes,
        Rotation = rotates == RotationKind.None ? Ability.No("Paper cannot change secrets", "write a new one") : Yes,
        Namespace = Yes,
        Quota = Yes,
        Visibility = Yes,
        Immutability = Yes,
        OwnSecret = Yes,
        Expiry = Yes,
        Method = rotates == RotationKind.SecondSecret ? AccountMethod.Token : AccountMethod.Robot,
        Rotates = rotates,
    };

    public Task<RegistryHealth> HealthAsync(CancellationToken cancellation) => Task.FromResult(RegistryHealth.Healthy);

    public Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation) => Task.FromResult(new AdminLogin("user \"boss\"", MayManage: true));

    public Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation) => Task.FromResult(new NamespaceState(wish.Name, true));

    public IReadOnlyList<PlannedChange> PlanNamespace(NamespaceWish wish, NamespaceState state) => [];

    public IReadOnlyList<PlannedChange> PlanNamespaceRemoval(NamespaceState state, bool force) => [];

    public Task<AccountState> ReadAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        if (!Accounts.TryGetValue(wish.Name, out var account))
            return Task.FromResult(new AccountState(wish.Name, Exists: false));
        return Task.FromResult<AccountState>(new PaperState(wish.Name, account.Access)
        {
            Username = Login(wish.Name),
            IsEnabled = account.IsEnabled,
            CreatedAt = account.CreatedAt,
            ExpiresAt = account.ExpiresAt,
            Secret = Capabilities.SecretIsReadable ? account.Secrets[^1].Secret : null,
            Secrets = rotates == RotationKind.SecondSecret ? [.. account.Secrets.Select(secret => new SecretEntry(secret.Id, secret.CreatedAt, null))] : [],
        });
    }

    public IReadOnlyList<PlannedChange> PlanAccount(AccountWish wish, AccountState state) =>
        state.Exists && state is PaperState { } paper && (paper.Access != wish.Access || !state.IsEnabled)
            ? [Change($"let {wish.Name} {wish.Access}", () => Accounts[wish.Name] = Accounts[wish.Name] with { Access = ForgetsRights ? AccountAccess.None : wish.Access, IsEnabled = true })]
            : [];

    public Task<MintedSecret> CreateAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        if (IsRaced)
            Accounts[wish.Name] = new PaperAccount([new("0", "somebody's", time.GetUtcNow())], wish.Access, time.GetUtcNow());
        if (Accounts.ContainsKey(wish.Name))
            throw new ConflictFault(new ModuleException(ErrorCodes.Server, "exists"));
        Writes.Add($"create {wish.Name}");
        var secret = NewSecret(wish);
        Accounts[wish.Name] = new PaperAccount([secret], wish.Access, time.GetUtcNow()) { ExpiresAt = End(wish) };
        AfterMint();
        return Task.FromResult(Minted(wish, secret));
    }

    public Task<MintedSecret> RotateAccountAsync(AccountWish wish, AccountState state, CancellationToken cancellation)
    {
        Writes.Add($"rotate {wish.Name}");
        var (account, secret) = (Accounts[wish.Name], NewSecret(wish));
        Accounts[wish.Name] = account with { Secrets = rotates == RotationKind.SecondSecret ? [.. account.Secrets, secret] : [secret], ExpiresAt = End(wish) };
        AfterMint();
        return Task.FromResult(Minted(wish, secret));
    }

    public IReadOnlyList<PlannedChange> PlanAccountRemoval(AccountState state, IReadOnlyList<string>? ids = null) =>
        ids is null
            ? [Change($"remove {state.Name}", () => Accounts.Remove(state.Name))]
            : [Change($"remove secrets {string.Join(' ', ids)} of {state.Name}", () => Accounts[state.Name] = Accounts[state.Name] with { Secrets = [.. Accounts[state.Name].Secrets.Where(secret => !ids.Contains(secret.Id))] })];

    public Task<SecretCheck> CheckSecretAsync(Credential? credential, Reference repository, CancellationToken cancellation)
    {
        var account = Accounts.FirstOrDefault(account => Login(account.Key) == credential?.Username).Value;
        var secret = account is { IsEnabled: true } && !(account.ExpiresAt <= time.GetUtcNow()) ? account.Secrets.FirstOrDefault(secret => secret.Secret == credential!.Password) : null;
        return Task.FromResult(secret is null ? new SecretCheck(new ModuleException(ErrorCodes.Unauthorized, "unauthorized") { HttpStatus = 401 }) : new SecretCheck(Refusal: null) { Id = rotates == RotationKind.SecondSecret ? secret.Id : null });
    }

    public Task<PushRight> JudgePushAsync(Credential? credential, Reference repository, PushTrial trial, CancellationToken cancellation) =>
        Task.FromResult(PushRight.Given);

    public Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation) => Task.FromResult<IReadOnlyList<string>>([]);

    public Credential? AsDockerLogin(Credential given) => given;

    public JObject AuthConfigFacts(string @namespace, Credential? credential) => [];

    public static string Login(string name) => $"robot${name}";

    PlannedChange Change(string text, Action work) => new(text, _ =>
    {
        Writes.Add(text);
        work();
        return Task.CompletedTask;
    });

    PaperSecret NewSecret(AccountWish wish) => new($"{++minted}", wish.Secret ?? $"secret-{minted}", time.GetUtcNow());

    DateTimeOffset? End(AccountWish wish) => wish.ExpiresDays is { } days ? time.GetUtcNow().AddDays(days) : null;

    MintedSecret Minted(AccountWish wish, PaperSecret secret) =>
        new(new Credential { Username = Login(wish.Name), Password = secret.Secret }, End(wish), rotates == RotationKind.SecondSecret ? secret.Id : null);

    sealed record PaperState(string Name, AccountAccess Access) : AccountState(Name, Exists: true);
}

sealed record PaperSecret(string Id, string Secret, DateTimeOffset CreatedAt);

sealed record PaperAccount(IReadOnlyList<PaperSecret> Secrets, AccountAccess Access, DateTimeOffset CreatedAt)
{
    public bool IsEnabled { get; init; } = true;

    public DateTimeOffset? ExpiresAt { get; init; }
}
