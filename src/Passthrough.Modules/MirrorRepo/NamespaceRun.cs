using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Admin;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.MirrorRepo;

/// <summary>One run of <c>mirror_repo</c>: what is done on the registry.</summary>
sealed class NamespaceRun(ModuleContext context, RegistryConnection connection, MirrorNaming naming)
{
    /// <summary>The one repository that is asked whether it can be written to.</summary>
    const string ProbeRepository = "passthrough-probe";

    readonly Reference probe = new(connection.Endpoint.Authority, $"{naming.Namespace}/{ProbeRepository}");

    string Authority => connection.Endpoint.Authority;

    string Name => naming.Namespace;

    public async Task<(Place Place, IReadOnlyList<ResultDiff> Diffs)> SetUpAsync(IReadOnlyList<Reference> repositories,
        CancellationToken cancellation)
    {
        var credential = connection.Credentials.Find(Authority, probe.Repository);
        using var administration = await connection.OpenAdminAsync(context, credential, cancellation);
        var admin = await connection.Product.AdminAsync(administration, cancellation);
        var wish = Wish(admin.Capabilities, repositories);
        var health = await HealthAsync(admin, cancellation);
        if (!admin.Capabilities.Namespace.IsThere)
            return (await ProbeAsync(admin, credential, wish, cancellation), []);

        var login = await LogInAsync(admin, credential, cancellation);
        var before = await ReadAsync(admin, wish, cancellation);
        var runner = new ChangeRunner(context.CheckMode, context.Actions.Add, Obstacle(login, health));
        var after = await runner.BringAboutAsync(before, state => admin.PlanNamespace(wish, state), token => ReadAsync(admin, wish, token), cancellation);
        await GrantAsync(admin, runner, cancellation);
        foreach (var risk in await admin.FindRisksAsync(after, cancellation))
            context.Warnings.Add(risk);

        var predicted = context.CheckMode && runner.HasChanged ? WithWish(admin.Capabilities, before, wish) : after;
        var isNew = before.Exists != true && predicted.Exists == true;
        return (new Place(predicted, $"{Name} on {Authority} {What(after, runner, isNew)}")
        {
            IsChanged = runner.HasChanged,
            IsCreated = isNew
        }, Diffs(before, predicted, runner));
    }

    string What(NamespaceState state, ChangeRunner runner, bool isNew) =>
        isNew && runner.HasChanged ? context.CheckMode ? "would be made" : "was made"
        : runner.HasChanged ? $"{(context.CheckMode ? "would be changed" : "was changed")} ({string.Join("; ", runner.Changes)})"
        : state.WhyHidden is { } why ? $"exists, but its settings are not known: {why}"
        : "is as it should be";

    public async Task<(Place Place, IReadOnlyList<ResultDiff> Diffs)> RemoveAsync(CancellationToken cancellation)
    {
        var credential = connection.Credentials.Find(Authority, probe.Repository);
        using var administration = await connection.OpenAdminAsync(context, credential, cancellation);
        var admin = await connection.Product.AdminAsync(administration, cancellation);
        var health = await HealthAsync(admin, cancellation);
        if (!admin.Capabilities.Namespace.IsThere)
        {
            await ProveAsync(admin, credential, cancellation);
            var empty = await admin.ReadNamespaceAsync(new NamespaceWish(Name), cancellation);
            return empty.Exists == false
                ? (new Place(empty, $"{Authority} shows "
                    + $"{(credential?.Username is { } user ? $"user {user} " : "")}no repository below {Name}"), [])
                : throw new ModuleException(
                    ErrorCodes.Unsupported,
                    $"state absent: {admin.Capabilities.Namespace.Text}, and "
                        + $"{(empty.Exists == true ? "images are" : "there may be images")} below {Name} on {Authority}",
                    "remove images with the registry's own tools; without images nothing is left to remove");
        }

        var login = await LogInAsync(admin, credential, cancellation);
        var wish = new NamespaceWish(Name);
        var before = await ReadAsync(admin, wish, cancellation);
        if (before.Exists != true)
            return (new Place(before, $"{Name} is not there on {Authority}"), []);
        var force = context.Arguments.Flag("force");
        if (before.HoldsImages != false && !force)
        {
            throw new ModuleException(
                ErrorCodes.InvalidArgument,
                before.HoldsImages == true ? $"{Name} on {Authority} holds images, so it was not removed" : $"whether {Name} on {Authority} holds images is not known, so it was not removed",
                "remove the images first, or set force: true to remove it with all of them");
        }

        var runner = new ChangeRunner(context.CheckMode, context.Actions.Add, Obstacle(login, health));
        var after = await runner.BringAboutAsync(before, state => state.Exists == true ? admin.PlanNamespaceRemoval(state, force) : [], token => ReadAsync(admin, wish, token), cancellation);
        var predicted = context.CheckMode ? new NamespaceState(Name, Exists: false) : after;
        return (new Place(predicted,
            $"{Name} on {Authority} {(context.CheckMode ? "would be" : "was")} "
                + $"removed{(before.HoldsImages == true ? " with its images" : "")}")
        { IsChanged = runner.HasChanged },
                    Diffs(before, predicted, runner));
    }

    /// <summary>A product without such objects: whether it can be pushed to.</summary>
    async Task<Place> ProbeAsync(IRegistryAdmin admin, Credential? credential, NamespaceWish wish, CancellationToken cancellation)
    {
        await ProveAsync(admin, credential, cancellation);
        var state = await ReadAsync(admin, wish, cancellation);
        // Where something was pushed, somebody could; an empty place is asked once. Check mode asks nothing that writes.
        bool? isWritable = null;
        if (state.Exists != true && !context.CheckMode)
            isWritable = (await admin.JudgePushAsync(credential, probe, PushTrial.Always, cancellation)).Require().IsGiven;

        foreach (var risk in await admin.FindRisksAsync(state, cancellation))
            context.Warnings.Add(risk);
        var how = state.Exists == true ? "holds images"
            : isWritable == true ? "can be written to"
            : state.Exists == false ? "is empty"
            : "may hold images, which the registry does not show";
        return new Place(state, $"{Authority}/{Name} {how}; {connection.Product.Title} makes repositories with the first push, so there is nothing to create") { IsWritable = isWritable };
    }

    async Task ProveAsync(IRegistryAdmin admin, Credential? credential, CancellationToken cancellation)
    {
        if ((await admin.CheckSecretAsync(credential, probe, cancellation)).Refusal is { } refusal)
            throw refusal;
    }

    async Task<RegistryHealth> HealthAsync(IRegistryAdmin admin, CancellationToken cancellation)
    {
        var health = await admin.HealthAsync(cancellation);
        var sentence = $"{Authority} says it is {health.Status}{(health.Reason is null ? "" : $": {health.Reason}")}";
        if (health.Condition == RegistryCondition.Unhealthy)
            throw new ModuleException(ErrorCodes.Server, sentence, "look at the registry's log and start what is missing; nothing was changed");
        if (health.Condition != RegistryCondition.Healthy)
            context.Warnings.Add(sentence);
        return health;
    }

    /// <summary>A service account can look, which is enough where nothing has to be changed.</summary>
    Task<AdminLogin> LogInAsync(IRegistryAdmin admin, Credential? credential, CancellationToken cancellation) =>
        credential is null
            ? Task.FromResult(new AdminLogin("nobody", MayManage: false, $"no credentials were given for {Authority}"))
            : admin.LogInAsync(Name, cancellation);

    ModuleException? Obstacle(AdminLogin login, RegistryHealth health)
    {
        var reason = health.Reason is null ? "" : $" ({health.Reason})";
        return health.Condition == RegistryCondition.ReadOnly
            ? new ModuleException(ErrorCodes.Unsupported, $"{Authority} is read-only{reason}",
                "run this again when the registry takes changes")
            : login.MayManage ? null
            : new ModuleException(ErrorCodes.Unauthorized, login.WhyNot ?? $"{login.Who} may not",
                $"give an account that may manage {Name} on {Authority}");
    }

    static async Task<NamespaceState> ReadAsync(IRegistryAdmin admin, NamespaceWish wish, CancellationToken cancellation)
    {
        var state = await admin.ReadNamespaceAsync(wish, cancellation);
        return state.Obstacle is { } obstacle ? throw obstacle : state;
    }

    /// <summary>What was asked for, as far as the product can do it.</summary>
    NamespaceWish Wish(RegistryCapabilities capabilities, IReadOnlyList<Reference> repositories)
    {
        var arguments = context.Arguments;
        if (capabilities.Namespace.IsThere)
            capabilities.NamespaceNames?.Check("namespace", Name, capabilities.Title);
        if (arguments.IsSet("visibility"))
            capabilities.Visibility.Require("visibility");
        if (arguments.Bytes("quota") is < 0)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"quota {arguments.Bytes("quota")} is less than nothing", "write 0 for no limit");
        if (arguments.IsSet("quota"))
            capabilities.Quota.Require("quota");
        if (arguments.IsSet("immutable_tags"))
            capabilities.Immutability.Require("immutable_tags");
        if (arguments.List("grant_to").Count > 0)
            capabilities.Rights.Require("grant_to");
        var start = Name + "/";
        return new NamespaceWish(Name)
        {
            IsPublic = arguments.Text("visibility") is { } visibility ? visibility == "public" : null,
            QuotaBytes = arguments.Bytes("quota"),
            HasImmutableTags = arguments.IsSet("immutable_tags") ? arguments.Flag("immutable_tags") : null,
            Description = arguments.Text("description"),
            LooksForRules = true,
            Repositories = [.. repositories.Select(repository => naming.Target(repository).Repository).Where(path => path.StartsWith(start, StringComparison.Ordinal)).Select(path => path[start.Length..]).Distinct(StringComparer.Ordinal)],
        };
    }

    /// <summary>Gives accounts that exist what pushing needs.</summary>
    async Task GrantAsync(IRegistryAdmin admin, ChangeRunner runner, CancellationToken cancellation)
    {
        foreach (var account in context.Arguments.List("grant_to").Distinct(StringComparer.Ordinal))
        {
            // The registry's own name for it is taken, too: robot$mirror+ocp-mirror.
            var wish = new AccountWish(Name, account.Split('+')[^1], AccountAccess.Pull | AccountAccess.Push) { OnlyAdds = true };
            var state = await admin.ReadAccountAsync(wish, cancellation);
            if (!state.Exists)
                throw new ModuleException(ErrorCodes.NotFound, $"grant_to names {account}, and {Name} on {Authority} has no account of that name", "make it with registry_auth first, or correct grant_to");
            await runner.BringAboutAsync(state, now => admin.PlanAccount(wish, now), token => admin.ReadAccountAsync(wish, token), cancellation);
        }
    }

    /// <summary>What the registry will tell after the changes: a new one is private.</summary>
    static NamespaceState WithWish(RegistryCapabilities capabilities, NamespaceState before, NamespaceWish wish)
    {
        var isNew = before.Exists != true;
        return before with
        {
            Exists = true,
            IsPublic = wish.IsPublic ?? (isNew && capabilities.Visibility.IsThere ? false : before.IsPublic),
            QuotaBytes = wish.QuotaBytes ?? before.QuotaBytes,
            HasImmutableTags = wish.HasImmutableTags ?? before.HasImmutableTags,
            Description = wish.Description ?? before.Description,
            HoldsImages = isNew ? false : before.HoldsImages,
        };
    }

    /// <summary>Settings that differ; the changes themselves where the settings do not show them.</summary>
    IReadOnlyList<ResultDiff> Diffs(NamespaceState before, NamespaceState after, ChangeRunner runner)
    {
        var (left, right) = (Lines(before), Lines(after));
        return left == right ? ChangesDiff.Of(Authority, runner) : [new ResultDiff($"namespace {before.Name}", left, right)];
    }

    static string Lines(NamespaceState state) =>
        state.Exists != true ? "" : string.Concat(Facts(state).Select(fact => $"{fact.Name}: {fact.Value}\n"));

    static IEnumerable<(string Name, string Value)> Facts(NamespaceState state)
    {
        yield return ("name", state.Name);
        if (state.IsPublic is { } isPublic)
            yield return ("visibility", isPublic ? "public" : "private");
        if (state.QuotaBytes is { } quota)
            yield return ("quota", quota == 0 ? "none" : quota.ToString(CultureInfo.InvariantCulture));
        if (state.HasImmutableTags is { } isImmutable)
            yield return ("immutable_tags", isImmutable ? "true" : "false");
        if (state.Description is { Length: > 0 } description)
            yield return ("description", description);
    }
}

/// <summary>The namespace after a run.</summary>
sealed record Place(NamespaceState State, string Sentence)
{
    public bool IsChanged { get; init; }

    public bool IsCreated { get; init; }

    /// <summary>Null where it was not asked.</summary>
    public bool? IsWritable { get; init; }

    public JObject ToJson() => new()
    {
        ["name"] = State.Name,
        ["exists"] = State.Exists,
        ["created"] = IsCreated,
        ["writable"] = IsWritable,
        ["visibility"] = State.IsPublic is { } isPublic ? isPublic ? "public" : "private" : null,
        ["quota"] = State.QuotaBytes,
        ["immutable_tags"] = State.HasImmutableTags,
        ["description"] = State.Description,
    };
}
