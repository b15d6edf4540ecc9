using System.Globalization;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>
/// The life of a service account, the same for every product: found or made, its rights mended, its secret kept while it is good, replaced in an order without
/// outage when it is not or is to be. A secret is handed over the moment it is known, before anything else is done: whatever stops the run then, the next one finds it.
/// </summary>
/// <param name="admin">The product.</param>
/// <param name="runner">Does the changes, or only tells of them.</param>
/// <param name="probe">A repository of the namespace, to ask about secrets with.</param>
/// <param name="keep">Puts a new secret where everybody who uses it looks.</param>
/// <param name="warn">Told what the user should know.</param>
public sealed class AccountKeeper(IRegistryAdmin admin, ChangeRunner runner, Reference probe, TimeProvider time, Action<Credential> keep, Action<string> warn)
{
    /// <summary>The name of the second account that a rotation without outage needs, beside the first.</summary>
    const string SecondSuffix = "-2";

    public async Task<AccountOutcome> KeepAsync(AccountOrder order, CancellationToken cancellation)
    {
        var slot = await FindAsync(order, cancellation);
        if (!slot.State.Exists && await IsGoodUnlistedAsync(order, cancellation))
            slot = slot with { State = new AccountState(slot.Wish.Name, Exists: true) { Username = order.Stored!.Username } };
        if (!slot.State.Exists)
        {
            if (await MakeAsync(slot, cancellation) is { } made)
                return made;
            // Somebody was faster, or an answer got lost on the way: it exists, and nobody knows its secret.
            slot = slot with { State = await ReadAsync(slot.Wish, cancellation) };
            if (!slot.State.Exists)
                throw new ModuleException(ErrorCodes.Server, $"the registry says that {Title(slot.Wish.Name)} exists, and does not show it", "look whether another project or person has an account of this name, or choose another account_name");
        }

        var wasEnabled = slot.State.IsEnabled;
        slot = slot with { State = await MendAsync(slot, cancellation) };
        var known = await FindSecretAsync(order, slot, isAsked: wasEnabled || slot.State.IsEnabled, cancellation);
        if (known.Credential is null || known.Refusal is not null)
            return await RenewAsync(order, slot, known, cancellation);

        if (WhyDue(order, slot, known) is { } why)
            return await RotateAsync(order, slot, why, cancellation);
        keep(known.Credential);
        await RetireAsync(order, slot, known.Id, cancellation);
        return new AccountOutcome(known.Credential, known.Credential.Username!) { ExpiresAt = known.ExpiresAt };
    }

    /// <summary>Removes the account, with whatever a rotation left of it.</summary>
    public async Task RemoveAsync(AccountWish wish, CancellationToken cancellation)
    {
        await RemoveSlotAsync(wish, await ReadAsync(wish, cancellation), cancellation);
        if (admin.Capabilities.Rotates == RotationKind.SecondAccount && OtherOf(wish, wish) is var second)
            await RemoveSlotAsync(second, await ReadAsync(second, cancellation), cancellation);
    }

    /// <summary>Which of the two accounts, that rotation takes turns with, is in use.</summary>
    async Task<Slot> FindAsync(AccountOrder order, CancellationToken cancellation)
    {
        var first = new Slot(order.Wish, await ReadAsync(order.Wish, cancellation));
        if (admin.Capabilities.Rotates != RotationKind.SecondAccount || IsStored(first.State))
            return first;
        var second = new Slot(OtherOf(order.Wish, order.Wish), await ReadAsync(OtherOf(order.Wish, order.Wish), cancellation));
        return second.State.Exists && (!first.State.Exists || IsStored(second.State) || second.State.CreatedAt > first.State.CreatedAt) ? second : first;

        bool IsStored(AccountState state) => state.Exists && state.Username == order.Stored?.Username;
    }

    // Where secrets are told of one by one, a list that lacks ours must not bring forth another in every run.
    async Task<bool> IsGoodUnlistedAsync(AccountOrder order, CancellationToken cancellation) =>
        admin.Capabilities.Rotates == RotationKind.SecondSecret && order.Stored is { } stored && stored.Username == order.Wish.Name
        && (await admin.CheckSecretAsync(stored, probe, cancellation)).Refusal is null;

    static AccountWish OtherOf(AccountWish order, AccountWish current) => current.Name == order.Name ? order with { Name = order.Name + SecondSuffix, StandsFor = order.Name } : order;

    async Task<AccountState> ReadAsync(AccountWish wish, CancellationToken cancellation)
    {
        var state = await admin.ReadAccountAsync(wish, cancellation);
        // Another user has an account under that name; only a rotation needs it.
        if (wish.StandsFor is not null && state.Description is { Length: > 0 } description && description != wish.Description)
        {
            return new AccountState(wish.Name, Exists: false)
            {
                Obstacle = new ModuleException(
                    ErrorCodes.Collision,
                    $"{Title(wish.Name)}, which would take over, is there already and was not made for that",
                    "remove it, choose another account_name, or set allow_outage: true, which keeps the account and changes its secret"),
            };
        }

        return state.Obstacle is { } obstacle ? throw obstacle : state;
    }

    string Title(string name) => admin.Capabilities.Method == AccountMethod.Token ? $"token of {name}" : $"robot account {name}";

    /// <summary>Makes it, hands over its secret, gives it its rights. Null where it is there already.</summary>
    async Task<AccountOutcome?> MakeAsync(Slot slot, CancellationToken cancellation)
    {
        var wish = slot.Wish;
        if (runner.IsCheckMode)
            await admin.RequireCreatableAsync(wish, cancellation);
        var minted = await runner.DoAsync($"create {Title(wish.Name)} that may {Words(wish.Access)} in {wish.Namespace}", token => admin.CreateAccountAsync(wish, token), cancellation);
        if (minted is null && !runner.IsCheckMode)
            return null;
        if (minted is not null)
            keep(minted.Credential);
        slot = minted is null ? slot : slot with { State = await ReadAsync(wish, cancellation) };
        slot = slot with { State = await MendAsync(slot, cancellation) };
        if (minted is not null)
        {
            await ProveAsync(wish, minted, cancellation);
            // A request that was repeated because its answer got lost leaves a secret that nobody knows.
            await RemoveSecretsAsync(slot, slot.State, entry => entry.Id != minted.Id, cancellation);
        }

        return new AccountOutcome(minted?.Credential, minted?.Credential.Username ?? wish.Name) { IsCreated = true, ExpiresAt = minted?.ExpiresAt };
    }

    Task<AccountState> MendAsync(Slot slot, CancellationToken cancellation) =>
        runner.BringAboutAsync(slot.State, state => admin.PlanAccount(slot.Wish, state), token => ReadAsync(slot.Wish, token), cancellation);

    /// <summary>The secret that is known here, and what the server says of it.</summary>
    async Task<Known> FindSecretAsync(AccountOrder order, Slot slot, bool isAsked, CancellationToken cancellation)
    {
        var (state, username) = (slot.State, slot.State.Username!);
        var stored = state.Secret ?? (order.Stored is { Password: { Length: > 0 } password } ? password : null);
        if (state.ExpiresAt <= time.GetUtcNow())
            return new Known(null, new ModuleException(ErrorCodes.Unauthorized, $"it expired on {Day(state.ExpiresAt.Value)}"));
        Known? refused = null;
        foreach (var secret in new[] { slot.Wish.Secret, stored }.OfType<string>().Distinct(StringComparer.Ordinal))
        {
            var credential = new Credential { Username = username, Password = secret };
            // One that is still to be enabled would be refused for that alone.
            var check = isAsked ? await admin.CheckSecretAsync(credential, probe, cancellation) : new SecretCheck(Refusal: null);
            if (check.Refusal is null)
                return new Known(credential, null) { Id = check.Id, ExpiresAt = check.ExpiresAt ?? state.ExpiresAt };
            refused = new Known(credential, check.Refusal);
        }

        return refused ?? new Known(null, null);
    }

    /// <summary>A new secret for an account whose secret is unknown, refused or ended: nobody can be using it, or nobody could.</summary>
    async Task<AccountOutcome> RenewAsync(AccountOrder order, Slot slot, Known known, CancellationToken cancellation)
    {
        var username = slot.State.Username!;
        if (order.Rotate == RotatePolicy.Never)
        {
            throw known.Refusal is { } refusal
                ? new ModuleException(refusal.Code, $"the secret of {username} is not good: {refusal.Message}", "set rotate: on_invalid to give it a new one") { HttpStatus = refusal.HttpStatus }
                : new ModuleException(ErrorCodes.Unauthorized, $"{username} exists, and its secret is in none of the files; the registry shows it only once", "put the auth config back, or set rotate: on_invalid to give it a new secret");
        }

        if (known.Refusal is null)
            warn($"the secret of {username} was in none of the files, so it {(runner.IsCheckMode ? "would get" : "got")} a new one: whoever else uses the account needs it too");
        var minted = await runner.DoAsync($"give {Title(slot.Wish.Name)} a new secret", token => admin.RotateAccountAsync(slot.Wish, slot.State, token), cancellation);
        if (minted is not null)
        {
            keep(minted.Credential);
            await ProveAsync(slot.Wish, minted, cancellation);
            await RemoveSecretsAsync(slot, await ReadAsync(slot.Wish, cancellation), entry => entry.Id != minted.Id, cancellation);
        }

        return new AccountOutcome(minted?.Credential, minted?.Credential.Username ?? username) { IsRotated = true, ExpiresAt = minted?.ExpiresAt };
    }

    string? WhyDue(AccountOrder order, Slot slot, Known known)
    {
        if (slot.State.Secrets.Any(entry => entry.Id == known.Id && !entry.IsAsWished))
            return "other rights";
        if (order.Rotate == RotatePolicy.Never)
            return null;
        if (order.Rotate == RotatePolicy.Always)
            return "rotate: always";
        if (slot.Wish.Secret is { } own && own != known.Credential!.Password)
            return "another secret";
        return order.RotateBeforeDays is { } days && known.ExpiresAt - time.GetUtcNow() < TimeSpan.FromDays(days) ? $"rotate_before_days {days}" : null;
    }

    /// <summary>A new secret while the old one is good: the new one is in place before the old one dies.</summary>
    async Task<AccountOutcome> RotateAsync(AccountOrder order, Slot slot, string why, CancellationToken cancellation)
    {
        var (capabilities, username) = (admin.Capabilities, slot.State.Username!);
        capabilities.Rotation.Require(why);
        if (capabilities.Rotates == RotationKind.SecondAccount && !order.AllowOutage)
            return await HandOverAsync(order, slot, cancellation);
        if (capabilities.Rotates != RotationKind.SecondSecret && !order.AllowOutage)
        {
            throw new ModuleException(
                ErrorCodes.Unsupported,
                $"{why}: {username} would get a new secret, and {capabilities.Title} forgets the old one at once, so that whoever has it is locked out until it has the new one",
                "set allow_outage: true when nobody pulls or pushes with it, and hand the new files out right after");
        }

        var minted = await runner.DoAsync($"give {Title(slot.Wish.Name)} a new secret", token => admin.RotateAccountAsync(slot.Wish, slot.State, token), cancellation);
        if (minted is not null)
        {
            keep(minted.Credential);
            await ProveAsync(slot.Wish, minted, cancellation);
            var known = slot.State.Secrets.Select(entry => entry.Id).Append(minted.Id).ToHashSet(StringComparer.Ordinal);
            var state = await ReadAsync(slot.Wish, cancellation);
            await RemoveSecretsAsync(slot, state, entry => !known.Contains(entry.Id), cancellation);
            await RetireAsync(order, slot with { State = state with { Secrets = [.. state.Secrets.Where(entry => known.Contains(entry.Id))] } }, minted.Id, cancellation);
        }

        return new AccountOutcome(minted?.Credential, minted?.Credential.Username ?? username) { IsRotated = true, ExpiresAt = minted?.ExpiresAt };
    }

    /// <summary>Rotation with two accounts that take turns.</summary>
    async Task<AccountOutcome> HandOverAsync(AccountOrder order, Slot slot, CancellationToken cancellation)
    {
        var wish = OtherOf(order.Wish, slot.Wish);
        var next = new Slot(wish, await ReadAsync(wish, cancellation));
        if (next.State.Obstacle is { } obstacle)
            throw obstacle;
        AccountOutcome outcome;
        if (next.State.Exists && next.State.CreatedAt > slot.State.CreatedAt)
        {
            // A rotation was stopped before its secret was written down: nobody has it.
            outcome = await RenewAsync(order with { Rotate = RotatePolicy.OnInvalid }, next with { State = await MendAsync(next, cancellation) }, new Known(null, new ModuleException(ErrorCodes.Unauthorized, "it was never in use")), cancellation);
        }
        else
        {
            if (next.State.Exists && order.IsUsedElsewhere && !order.RetirePrevious)
                throw new ModuleException(ErrorCodes.InvalidArgument, $"{next.State.Username} of the rotation before is still there beside {slot.State.Username}, and somebody may be using it", "run this with retire_previous: true when the cluster has its new pull secret, then rotate again");
            await RemoveSlotAsync(next.Wish, next.State, cancellation);
            outcome = await MakeAsync(next.State.Exists ? next with { State = new AccountState(wish.Name, Exists: false) } : next, cancellation) ?? throw new ModuleException(ErrorCodes.Collision, $"{Title(wish.Name)}, which would take over, is there already and was not made for that", "remove it, choose another account_name, or set allow_outage: true, which keeps the account and changes its secret");
        }

        if (!order.IsUsedElsewhere || order.RetirePrevious)
            await RemoveSlotAsync(slot.Wish, slot.State, cancellation);
        else
            warn($"{slot.State.Username} still works: run this with retire_previous: true when the cluster has its new pull secret");
        return outcome with { IsCreated = false, IsRotated = true };
    }

    /// <summary>Removes what earlier rotations left: at once what nobody can be using, the rest where that was asked for.</summary>
    async Task RetireAsync(AccountOrder order, Slot slot, string? current, CancellationToken cancellation)
    {
        var takesOld = !order.IsUsedElsewhere || order.RetirePrevious;
        if (admin.Capabilities.Rotates == RotationKind.SecondAccount)
        {
            var other = OtherOf(order.Wish, slot.Wish);
            var state = await ReadAsync(other, cancellation);
            if (takesOld || state.CreatedAt > slot.State.CreatedAt)
                await RemoveSlotAsync(other, state, cancellation);
        }

        if (admin.Capabilities.Rotates != RotationKind.SecondSecret || current is null)
            return;
        var made = slot.State.Secrets.FirstOrDefault(entry => entry.Id == current)?.CreatedAt;
        await RemoveSecretsAsync(slot, slot.State, entry => entry.Id != current && (takesOld || entry.CreatedAt > made), cancellation);
        if (!takesOld && slot.State.Secrets.Any(entry => entry.Id != current && !(entry.CreatedAt > made)))
            warn($"an older secret of {slot.State.Username} still works: run this with retire_previous: true when the cluster has its new pull secret");
    }

    Task RemoveSecretsAsync(Slot slot, AccountState state, Func<SecretEntry, bool> which, CancellationToken cancellation) =>
        runner.BringAboutAsync(
            state,
            now => now.Secrets.Where(which).Select(entry => entry.Id).ToList() is { Count: > 0 } ids ? admin.PlanAccountRemoval(now, ids) : [],
            token => ReadAsync(slot.Wish, token),
            cancellation);

    Task RemoveSlotAsync(AccountWish wish, AccountState state, CancellationToken cancellation) =>
        runner.BringAboutAsync(state, now => now.Exists ? admin.PlanAccountRemoval(now) : [], token => ReadAsync(wish, token), cancellation);

    async Task ProveAsync(AccountWish wish, MintedSecret minted, CancellationToken cancellation)
    {
        if ((await admin.CheckSecretAsync(minted.Credential, probe, cancellation)).Refusal is { } refusal)
            throw new ModuleException(refusal.Code, $"the registry made {minted.Credential.Username} and does not take its secret: {refusal.Message}", "run this again; the secret is in the files") { HttpStatus = refusal.HttpStatus };
        if (wish.Access.HasFlag(AccountAccess.Push))
            (await admin.JudgePushAsync(minted.Credential, probe, PushTrial.Always, cancellation)).Require();
    }

    static string Words(AccountAccess access) => string.Join(", ", Enum.GetValues<AccountAccess>().Where(one => one != AccountAccess.None && access.HasFlag(one)).Select(one => one.ToString().ToLowerInvariant()));

    static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    sealed record Slot(AccountWish Wish, AccountState State);

    /// <param name="Credential">Null where the files have none and the registry shows none.</param>
    /// <param name="Refusal">Why it is not good.</param>
    sealed record Known(Credential? Credential, ModuleException? Refusal)
    {
        public string? Id { get; init; }

        public DateTimeOffset? ExpiresAt { get; init; }
    }
}
