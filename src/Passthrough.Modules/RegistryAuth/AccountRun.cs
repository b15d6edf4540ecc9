using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Admin;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.RegistryAuth;

/// <summary>One run of <c>registry_auth</c>.</summary>
sealed class AccountRun
{
    /// <summary>The one repository that is asked whether it can be written to.</summary>
    const string ProbeRepository = "passthrough-probe";

    /// <summary>Stands for a secret that check mode does not make.</summary>
    const string SecretToBe = "(a new secret)";

    readonly ModuleContext context;
    readonly RegistryConnection connection;
    readonly CredentialFiles files;
    readonly AccountAccess access;
    readonly string @namespace;
    readonly string name;
    readonly Reference probe;
    readonly Credential? given;
    readonly (Credential Credential, string AuthMethod)? stored;

    public AccountRun(ModuleContext context, RegistryConnection connection)
    {
        this.context = context;
        this.connection = connection;
        files = new CredentialFiles(context, connection);
        var arguments = context.Arguments;
        foreach (var word in arguments.List("access"))
            access |= Enum.Parse<AccountAccess>(word, ignoreCase: true);
        if (access == AccountAccess.None)
            throw new ModuleException(ErrorCodes.InvalidArgument, "access is empty", "write access: [pull], or [pull, push]");
        RequirePositive("expires_days");
        RequirePositive("rotate_before_days");
        context.Secrets.Add(arguments.Text("secret"));
        @namespace = new MirrorNaming(connection.Endpoint, arguments.RequiredText("namespace")).Namespace;
        // Pushing needs pulling on every registry, and an account that may only pull is another one.
        name = arguments.Text("account_name") is { Length: > 0 } own ? own : MayPush ? "ocp-mirror" : "ocp-pull";
        probe = new Reference(connection.Endpoint.Authority, $"{@namespace}/{ProbeRepository}");
        stored = files.InAuthConfig();
        given = connection.Credentials.Find(connection.Endpoint.Authority, probe.Repository);
        // The service account itself, given by the file that an earlier run wrote: it manages nothing.
        if (stored?.AuthMethod is "robot" or "token" && given is { Token: null } && given.Username == stored?.Credential.Username && given.Password == stored?.Credential.Password)
            given = null;
        // Who manages needs no docker config to be read, which may name a program to be asked.
        if (given is null)
            stored ??= files.InDockerConfig(probe);
    }

    bool MayPush => access.HasFlag(AccountAccess.Push);

    string Authority => connection.Endpoint.Authority;

    AccountWish Wish => new(@namespace, name, access | AccountAccess.Pull) { ExpiresDays = context.Arguments.Number("expires_days"), Secret = context.Arguments.Text("secret") };

    public async Task<ModuleResult> SetUpAsync(CancellationToken cancellation)
    {
        using var administration = await connection.OpenAdminAsync(context, given ?? stored?.Credential, cancellation);
        var admin = await connection.Product.AdminAsync(administration, cancellation);
        CheckRequest(admin.Capabilities);
        var health = await admin.HealthAsync(cancellation);
        RequireHealth(health);

        var runner = new ChangeRunner(context.CheckMode, context.Actions.Add, ReadOnlyObstacle(health));
        var account = await ChooseAsync(admin, runner, cancellation);
        foreach (var risk in await admin.FindRisksAsync(account.Namespace, cancellation))
            context.Warnings.Add(risk);
        var data = new JObject
        {
            ["username"] = account.Username,
            ["method"] = account.Method,
            // What the cluster's account may do beyond pulling is said if it was seen.
            ["access"] = new JArray(context.Arguments.List("access").Concat(!MayPush && account.MayPush == true ? ["push"] : [])),
            ["created"] = account.IsCreated,
            ["rotated"] = account.IsRotated,
            ["expires_at"] = account.ExpiresAt?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        };
        if (!MayPush)
            data["may_push"] = account.MayPush;
        return new ModuleResult
        {
            Changed = files.Changed || runner.HasChanged,
            Message = $"{account.Sentence}; {(files.Changed ? $"{(context.CheckMode ? "would write" : "wrote")} {files.ChangedPaths}" : "the files are as they should be")}",
            Diffs = [.. ChangesDiff.Of(Authority, runner), .. files.Diffs],
            Data = new JObject
            {
                ["registry"] = RegistryData(health),
                ["account"] = data,
                ["files"] = files.Data,
            },
        };
    }

    /// <summary>Removes the account where somebody who may do that was given, and our entry from the files.</summary>
    public async Task<ModuleResult> RemoveAsync(CancellationToken cancellation)
    {
        var runner = new ChangeRunner(context.CheckMode, context.Actions.Add);
        var why = await RemoveAccountAsync(runner, cancellation);
        files.Remove();
        var left = why is null ? "" : $"; {why}";
        return new ModuleResult
        {
            Changed = runner.HasChanged || files.Changed,
            Message = runner.HasChanged || files.Changed
                ? $"{(context.CheckMode ? "would remove" : "removed")} {(runner.HasChanged ? $"account {name}{(files.Changed ? " and " : "")}" : "")}{(files.Changed ? $"the credentials for {Authority} from {files.ChangedPaths}" : "")}{left}"
                : $"no file has credentials for {Authority}{left}",
            Diffs = files.Diffs,
            Data = new JObject { ["registry"] = RegistryData(health: null), ["files"] = files.Data },
        };
    }

    /// <returns>What is left on the registry; null for nothing.</returns>
    async Task<string?> RemoveAccountAsync(ChangeRunner runner, CancellationToken cancellation)
    {
        if (context.Arguments.Text("method") == "user" || connection.Product.Editions.All(edition => edition.Method == AccountMethod.User))
            return Given;
        if (given is null)
            return await LeftAsync("no administrator was given", cancellation);
        using var administration = await connection.OpenAdminAsync(context, given, cancellation);
        var admin = await connection.Product.AdminAsync(administration, cancellation);
        if (admin.Capabilities.Method == AccountMethod.User)
            return Given;
        RequireHealth(await admin.HealthAsync(cancellation));
        var login = await admin.LogInAsync(@namespace, cancellation);
        if (!login.MayManage)
            return await LeftAsync(login.WhyNot ?? $"{login.Who} may not manage accounts", cancellation);
        await Keeper(admin, runner, keep: null).RemoveAsync(Wish, cancellation);
        return null;
    }

    /// <summary>An account that was not created here is not removed here.</summary>
    string Given => (stored?.Credential ?? given)?.Username is { Length: > 0 } user
        ? $"user {user} was not created by this module and was left as it is"
        : $"no account was created by this module on {Authority}";

    /// <summary>What is known of the account where it cannot be removed: the registry is asked whether it still takes it.</summary>
    async Task<string> LeftAsync(string whyNot, CancellationToken cancellation)
    {
        var file = stored ?? files.InDockerConfig(probe);
        if (file is not { } account)
            return $"whether the registry has an account {name} is not known: {whyNot}, and no file has its secret";
        var user = account.Credential.Username;
        try
        {
            var quick = connection with { Options = connection.Options with { Retries = 0 } };
            using var administration = await quick.OpenAdminAsync(context, account.Credential, cancellation);
            var admin = await connection.Product.AdminAsync(administration, cancellation);
            RequireHealth(await admin.HealthAsync(cancellation));
            var check = await admin.CheckSecretAsync(account.Credential, probe, cancellation);
            return check.Refusal is null
                ? $"account {user} stays on the registry, which still accepts it: {whyNot}"
                : $"the registry does not accept account {user} any more: it was removed, disabled or has another secret";
        }
        catch (ModuleException e)
        {
            return $"whether account {user} is still on the registry is not known: {e.Message}";
        }
    }

    void RequireHealth(RegistryHealth health)
    {
        var sentence = $"{Authority} says it is {health.Status}{(health.Reason is null ? "" : $": {health.Reason}")}";
        if (health.Condition == RegistryCondition.Unhealthy)
            throw new ModuleException(ErrorCodes.Server, sentence, "look at the registry's log and start what is missing; no account was touched and nothing was written");
        if (health.Condition != RegistryCondition.Healthy)
            context.Warnings.Add(sentence);
    }

    /// <summary>Refuses what the product cannot do, and names that it does not take, before anything is asked.</summary>
    void CheckRequest(RegistryCapabilities capabilities)
    {
        var (arguments, method) = (context.Arguments, context.Arguments.Text("method"));
        if (method is "robot" or "token" && method != Word(capabilities.Method))
        {
            throw capabilities.Method == AccountMethod.User
                ? new ModuleException(ErrorCodes.Unsupported, $"method: {method}: {capabilities.Account.Text}", capabilities.Account.Instead)
                : new ModuleException(ErrorCodes.Unsupported, $"method: {method}: the service accounts of {capabilities.Title} are {Word(capabilities.Method)}s", $"set method: {Word(capabilities.Method)}, or auto");
        }

        if (arguments.IsSet("secret"))
            capabilities.OwnSecret.Require("secret");
        if (arguments.IsSet("expires_days"))
            capabilities.Expiry.Require("expires_days");
        if (capabilities.Method == AccountMethod.User)
            return;
        capabilities.NamespaceNames?.Check("namespace", @namespace, capabilities.Title);
        capabilities.AccountNames?.Check("account_name", name, capabilities.Title);
    }

    async Task<Account> ChooseAsync(IRegistryAdmin admin, ChangeRunner runner, CancellationToken cancellation)
    {
        var (capabilities, method) = (admin.Capabilities, context.Arguments.Text("method"));
        if (method == "user" || capabilities.Method == AccountMethod.User)
            return await UseGivenAsync(admin, given ?? stored?.Credential, cancellation);
        if (given is null)
            return await UseStoredAsync(admin, cancellation);
        var login = await admin.LogInAsync(@namespace, cancellation);
        if (login.MayManage)
            return await UseServiceAccountAsync(admin, runner, cancellation);
        if (method != "auto")
            throw new ModuleException(ErrorCodes.Unauthorized, $"method: {method}: {login.WhyNot}", $"give an account that may manage {@namespace} on {Authority}");
        var account = await UseGivenAsync(admin, given, cancellation);
        context.Warnings.Add($"no service account was made, {login.Who} itself goes into the files: {login.WhyNot}");
        return account;
    }

    /// <summary>The account that was given is the one that goes into the files.</summary>
    async Task<Account> UseGivenAsync(IRegistryAdmin admin, Credential? account, CancellationToken cancellation)
    {
        if (context.Arguments.Text("rotate") == "always")
        {
            admin.Capabilities.Rotation.Require("rotate: always");
            throw new ModuleException(ErrorCodes.Unsupported, "rotate: always: the account was given and not made here, so its password is not changed here", "change it on the registry and give the new one");
        }

        var credential = account is null ? null : admin.AsDockerLogin(account)
            ?? throw new ModuleException(ErrorCodes.Unsupported, $"for {Authority} there is a token and no password; registry_type {connection.Product.Name} has nothing to make a lasting account from it", "give username and password");
        var check = await admin.CheckSecretAsync(credential, probe, cancellation);
        if (check.Refusal is { } refusal)
            throw refusal;
        if (!check.IsProved)
            context.Warnings.Add($"{Authority} lets anybody in: {(credential is null ? "no credentials are needed" : $"the password of {credential.Username} was not asked for, so it is not proved")}. Anybody who reaches it can replace images");

        files.Prepare(credential, check.IsProved ? "basic" : "none", admin.AuthConfigFacts(@namespace, credential));
        // An account that is in the files already was asked when it was put there: a second run sends nothing that writes.
        var mayAsk = files.Changed && !context.CheckMode;
        PushRight? right = null;
        if (!MayPush)
            right = await JudgeForClusterAsync(admin, credential, mayAsk ? PushTrial.IfInDoubt : PushTrial.None, cancellation);
        else if (mayAsk)
            right = (await admin.JudgePushAsync(credential, probe, PushTrial.Always, cancellation)).Require();
        files.Write();
        return new Account(
            credential?.Username ?? "",
            credential is null ? "none" : "user",
            $"{(credential is null ? "anybody" : $"user {credential.Username}")} may use {Authority}{(right is null ? "" : Words(right))}")
        { ExpiresAt = check.ExpiresAt, MayPush = right?.IsGiven };
    }

    string Words(PushRight right) => right.IsGiven switch
    {
        true => $" and push to {@namespace}",
        false => $" and may only pull in {@namespace}",
        null when right == PushRight.NotTried => "",
        null => $"; whether it may push to {@namespace} is not known: {right.WhyUnknown}",
    };

    /// <summary>An account that may push gets into the cluster's files only if the user says so: every node and every image could use
    /// it.</summary>
    async Task<PushRight> JudgeForClusterAsync(IRegistryAdmin admin, Credential? credential, PushTrial trial,
        CancellationToken cancellation)
    {
        var (right, able) = (await admin.JudgePushAsync(credential, probe, trial, cancellation), admin.Capabilities.PullAccount);
        var who = credential is null ? "everyone" : $"user {credential.Username}";
        if (right.IsGiven == false)
            return right;
        var known = right.IsGiven == true ? $"{who} may also push to {@namespace}"
            : $"whether {who} may also push to {@namespace} is not known ({right.WhyUnknown})";
        if (able.IsThere && context.Arguments.Text("method") != "user")
        {
            throw new ModuleException(
                ErrorCodes.Unauthorized,
                $"access is pull alone, but {known} on {Authority}, so it was not written where the cluster reads",
                "give an account that may create a pull-only one, or one that may only pull (in playbooks registry_pull_username and "
                    + "registry_pull_password); method: user writes the given account all the same");
        }

        context.Warnings.Add(able.IsThere || (right.IsGiven is null && right != PushRight.NotTried)
            ? $"access is pull alone, but {known}: whoever reads the cluster's pull secret may be able to replace images"
            : $"access is pull alone, but {able.Text}{(able.Instead is { } instead ? $": {instead}" : "")}");
        return right;
    }

    /// <summary>Nobody was given who could manage: the account of an earlier run, as far as it tells by itself.</summary>
    async Task<Account> UseStoredAsync(IRegistryAdmin admin, CancellationToken cancellation)
    {
        const string GiveManager = "give username and password (or a token) of somebody who may manage accounts";
        if (stored is not { } account)
            throw new ModuleException(ErrorCodes.Unauthorized, $"no credentials were given for {Authority}, and no file has an account of an earlier run", GiveManager);
        if (context.Arguments.Text("rotate") == "always" || context.Arguments.Flag("retire_previous"))
            throw new ModuleException(ErrorCodes.Unauthorized, $"{(context.Arguments.Flag("retire_previous") ? "retire_previous" : "rotate: always")}: {account.Credential.Username} cannot change itself", GiveManager);
        if (context.Arguments.Text("method") is var wanted && wanted != "auto" && account.AuthMethod == "basic")
            throw new ModuleException(ErrorCodes.Unauthorized, $"method: {wanted}: the files have user {account.Credential.Username}, which is none", GiveManager);
        var check = await admin.CheckSecretAsync(account.Credential, probe, cancellation);
        if (check.Refusal is { } refusal)
            throw new ModuleException(refusal.Code, refusal.Message, GiveManager + ", and it gets a new secret") { HttpStatus = refusal.HttpStatus };
        WarnOfExpiry(account.Credential.Username, check.ExpiresAt);
        var right = MayPush ? null : await admin.JudgePushAsync(account.Credential, probe, PushTrial.None, cancellation);
        if (right?.IsGiven == true)
            await JudgeForClusterAsync(admin, account.Credential, PushTrial.None, cancellation);
        var method = account.AuthMethod is "robot" or "token" or "basic" ? account.AuthMethod : Word(admin.Capabilities.Method);
        files.Prepare(account.Credential, method, admin.AuthConfigFacts(@namespace, account.Credential));
        files.Write();
        return new Account(
            account.Credential.Username ?? "",
            method == "basic" ? "user" : method,
            $"{account.Credential.Username} may use {Authority}{(right?.IsGiven is null ? "" : Words(right))}")
        { ExpiresAt = check.ExpiresAt, MayPush = right?.IsGiven };
    }

    /// <summary>An account cannot renew itself, so <c>rotate_before_days</c> can only be answered with a warning.</summary>
    void WarnOfExpiry(string? user, DateTimeOffset? expires)
    {
        if (context.Arguments.Number("rotate_before_days") is not { } days || expires - context.Time.GetUtcNow() >= TimeSpan.FromDays(days))
            return;
        var when = expires is { } day
            ? $"{user} expires on {day.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)} and cannot renew itself"
            : $"when {user} expires is not known without an administrator, and it cannot renew itself";
        context.Warnings.Add($"rotate_before_days {days}: {when}; give username and password of an account that may manage it");
    }

    async Task<Account> UseServiceAccountAsync(IRegistryAdmin admin, ChangeRunner runner, CancellationToken cancellation)
    {
        var (arguments, capabilities) = (context.Arguments, admin.Capabilities);
        var state = capabilities.AccountNeedsNamespace ? await MakeNamespaceAsync(admin, runner, cancellation) : null;
        var order = new AccountOrder(Wish)
        {
            Stored = (stored ?? files.InDockerConfig(probe))?.Credential is { } known && known.Username != given!.Username ? known : null,
            Rotate = arguments.Text("rotate") switch { "never" => RotatePolicy.Never, "always" => RotatePolicy.Always, _ => RotatePolicy.OnInvalid },
            RotateBeforeDays = arguments.Number("rotate_before_days"),
            RetirePrevious = arguments.Flag("retire_previous"),
            AllowOutage = arguments.Flag("allow_outage"),
        };
        var outcome = await Keeper(admin, runner, Keep).KeepAsync(order, cancellation);
        if (outcome.Credential is null)
            Keep(new Credential { Username = outcome.Username, Password = SecretToBe });
        if (outcome.IsRotated && !MayPush && arguments.Text("pull_secret_path") is { } path)
            context.Warnings.Add($"{path} has the new account; the cluster has it when you have applied the file: oc set data secret/pull-secret -n openshift-config --from-file=.dockerconfigjson={path}");

        var right = MayPush || outcome.Credential is not { } credential ? null
            : await admin.JudgePushAsync(credential, probe, PushTrial.None, cancellation);
        if (right?.IsGiven == true)
            context.Warnings.Add(
                $"{outcome.Username} is to pull only, but its tokens also allow pushing to {@namespace} on {Authority}: look for a right "
                    + "that somebody else gave it");
        var method = Word(capabilities.Method);
        var rights = right?.IsGiven == true ? "pull and push" : string.Join(" and ", arguments.List("access"));
        return new Account(outcome.Username, method,
            $"{method} {outcome.Username} {What(outcome, runner)}: it may {rights} in {@namespace} on {Authority}")
        {
            MayPush = right?.IsGiven,
            Namespace = state,
            IsCreated = outcome.IsCreated,
            IsRotated = outcome.IsRotated,
            ExpiresAt = outcome.ExpiresAt,
        };

        void Keep(Credential credential)
        {
            if (credential.Password != SecretToBe)
                context.Secrets.AddCredential(credential.Username ?? "", credential.Password ?? "");
            files.Prepare(credential, Word(capabilities.Method), admin.AuthConfigFacts(@namespace, credential));
            files.Write();
        }
    }

    string What(AccountOutcome outcome, ChangeRunner runner) =>
        outcome.IsCreated ? context.CheckMode ? "would be made" : "was made"
        : outcome.IsRotated ? context.CheckMode ? "would get a new secret" : "has a new secret"
        : runner.HasChanged ? $"{(context.CheckMode ? "would be changed" : "was changed")} ({string.Join("; ", runner.Changes)})"
        : "is as it should be";

    ModuleException? ReadOnlyObstacle(RegistryHealth health) => health.Condition == RegistryCondition.ReadOnly
        ? new ModuleException(ErrorCodes.Unsupported, $"{Authority} is read-only ({health.Reason})",
            "run this again when the registry takes changes")
        : null;

    async Task<NamespaceState> MakeNamespaceAsync(IRegistryAdmin admin, ChangeRunner runner, CancellationToken cancellation)
    {
        var wish = new NamespaceWish(@namespace);
        var state = await ReadAsync(cancellation);
        return await runner.BringAboutAsync(state, now => admin.PlanNamespace(wish, now), ReadAsync, cancellation);

        async Task<NamespaceState> ReadAsync(CancellationToken token)
        {
            var read = await admin.ReadNamespaceAsync(wish, token);
            return read.Obstacle is { } obstacle ? throw obstacle : read;
        }
    }

    AccountKeeper Keeper(IRegistryAdmin admin, ChangeRunner runner, Action<Credential>? keep) =>
        new(admin, runner, probe, context.Time, keep ?? (_ => { }), context.Warnings.Add);

    void RequirePositive(string parameter)
    {
        if (context.Arguments.Number(parameter) is < 1)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{parameter} {context.Arguments.Number(parameter)} is not a number of days from 1 on", $"leave {parameter} out for none");
    }

    static string Word(AccountMethod method) => method.ToString().ToLowerInvariant();

    JObject RegistryData(RegistryHealth? health)
    {
        var json = new JObject { ["url"] = connection.Endpoint.ToString(), ["type"] = connection.Product.Name };
        if (health is not null)
            json["health"] = new JObject { ["status"] = health.Status, ["reason"] = health.Reason, ["components"] = new JObject(health.Components.Select(part => new JProperty(part.Key, part.Value))) };
        return json;
    }

    /// <summary>The account that the files have now.</summary>
    /// <param name="Method"><c>user</c>, <c>robot</c>, <c>token</c> or <c>none</c>.</param>
    sealed record Account(string Username, string Method, string Sentence)
    {
        public NamespaceState? Namespace { get; init; }

        /// <summary>Null where it was not seen.</summary>
        public bool? MayPush { get; init; }

        public bool IsCreated { get; init; }

        public bool IsRotated { get; init; }

        public DateTimeOffset? ExpiresAt { get; init; }
    }
}
