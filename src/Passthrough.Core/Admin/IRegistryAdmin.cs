using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>
/// What a product offers beside moving images: whether it is well, the place of the mirror, and the accounts that use it. One implementation a product, in one file.
/// It reads state and says which changes lead from it to what is wanted; <see cref="ChangeRunner"/> does them (or, in check mode, only tells of them) and reads again.
/// So none of the methods that read may write anything, not even by a side effect (a token request with push makes repositories on Quay).
/// </summary>
public interface IRegistryAdmin
{
    /// <summary>What this very server can do: it may be less than its product (an edition, a feature that is off).</summary>
    RegistryCapabilities Capabilities { get; }

    /// <summary>Whether the registry serves, judged by what it says and not by a status. A registry that answers "not well" is an answer, not a fault.</summary>
    /// <exception cref="ModuleException">Nobody answers, or no registry.</exception>
    Task<RegistryHealth> HealthAsync(CancellationToken cancellation);

    /// <summary>Logs in to the management API with the account that was given, and finds out whether it may manage the namespace. Called once, after <see cref="HealthAsync"/>.</summary>
    /// <exception cref="ModuleException">The account is refused (with what a locked login looks like on this product), or none was given.</exception>
    Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation);

    /// <summary>The place of the mirror.</summary>
    /// <param name="wish">What is asked for: only that much is read.</param>
    Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation);

    /// <summary>The changes from the state to the wish, in order; none where it is as wished. Wishes that are null stay as they are. Judges by the state alone.</summary>
    /// <exception cref="ModuleException">This server cannot be brought there.</exception>
    IReadOnlyList<PlannedChange> PlanNamespace(NamespaceWish wish, NamespaceState state);

    /// <summary>The changes that remove it. Whether images may go with it was asked before.</summary>
    /// <param name="force">With all images.</param>
    IReadOnlyList<PlannedChange> PlanNamespaceRemoval(NamespaceState state, bool force);

    /// <summary>A service account, its rights in the namespace included.</summary>
    /// <exception cref="ModuleException">Its name belongs to somebody else, or may not be looked at.</exception>
    Task<AccountState> ReadAccountAsync(AccountWish wish, CancellationToken cancellation);

    /// <summary>
    /// The changes that give an account what is wished: rights, enabled. Judges by the state alone. For one that does not exist yet: those that will be
    /// needed once <see cref="CreateAccountAsync"/> has made it, so that check mode can tell of them.
    /// </summary>
    IReadOnlyList<PlannedChange> PlanAccount(AccountWish wish, AccountState state);

    /// <summary>Makes the account. Its secret may never be shown again.</summary>
    /// <exception cref="ConflictFault">It is there already: read again.</exception>
    Task<MintedSecret> CreateAccountAsync(AccountWish wish, CancellationToken cancellation);

    /// <summary>Gives an account that exists a new secret, and a new lifetime where it has one. Where <see cref="RegistryCapabilities.Rotates"/> is <see cref="RotationKind.SecondSecret"/> the older ones stay good.</summary>
    Task<MintedSecret> RotateAccountAsync(AccountWish wish, AccountState state, CancellationToken cancellation);

    /// <summary>The changes that remove the account.</summary>
    /// <param name="ids">Where it can have several secrets (<see cref="AccountState.Secrets"/>): only these die; null removes all of it.</param>
    IReadOnlyList<PlannedChange> PlanAccountRemoval(AccountState state, IReadOnlyList<string>? ids = null);

    /// <summary>Asks the registry whether a secret is good, without asking for push and without writing. Never says "refused" because a server is ill or a login locked: that is thrown.</summary>
    /// <param name="credential">The account; null asks whether the registry lets anybody in.</param>
    /// <param name="repository">The repository that it will be used for.</param>
    Task<SecretCheck> CheckSecretAsync(Credential? credential, Reference repository, CancellationToken cancellation);

    /// <summary>Finds out whether an account may push, by the claims of its tokens if the product has such. Leaves nothing
    /// behind.</summary>
    /// <param name="credential">The account; null for everyone.</param>
    /// <param name="repository">A repository of the namespace, which need not exist.</param>
    /// <param name="trial">Whether an upload may be started, on products where nothing else shows it.</param>
    Task<PushRight> JudgePushAsync(Credential? credential, Reference repository, PushTrial trial, CancellationToken cancellation);

    /// <summary>For check mode: throws what would keep an account from being created, as far as that can be known without creating
    /// it.</summary>
    Task RequireCreatableAsync(AccountWish wish, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>What a careful administrator would want to know about this server: open sign-up, public repositories. Finds out without changing anything; sentences.</summary>
    /// <param name="namespace">Where it was read.</param>
    Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation);

    /// <summary>The account that was given as user name and password that docker can send (<c>$oauthtoken</c> and a token, on Quay); null where a token cannot be used so.</summary>
    Credential? AsDockerLogin(Credential given);

    /// <summary>What the auth config of this product has beside the keys of all (interface.md, "Files written"): <c>project</c>, <c>organization</c>, <c>token</c>, ….</summary>
    JObject AuthConfigFacts(string @namespace, Credential? credential);
}

/// <summary>Who manages.</summary>
/// <param name="Who">For sentences: <c>user "admin"</c>, <c>the token</c>.</param>
/// <param name="MayManage">Whether accounts can be made in the namespace.</param>
/// <param name="WhyNot">A sentence's end where not: <c>user "bob" is no administrator of organization mirror</c>.</param>
public sealed record AdminLogin(string Who, bool MayManage, string? WhyNot = null);
