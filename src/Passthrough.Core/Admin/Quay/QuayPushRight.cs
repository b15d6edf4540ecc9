using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin.Quay;

/// <summary>Whether an account may push on Quay: by the claims of tokens for repositories that exist, since asking for push to another one
/// creates it.</summary>
public sealed partial class QuayAdmin
{
    /// <summary>The most repositories that are asked about: one of each kind of right.</summary>
    const int MostAsked = 4;

    /// <summary>The robot that was read last: what it may do has more than one source.</summary>
    Robot? lastRobot;

    public async Task<PushRight> JudgePushAsync(Credential? credential, Reference repository, PushTrial trial,
        CancellationToken cancellation)
    {
        var (name, who) = (repository.Repository.Split('/')[0], credential?.Username ?? "nobody");
        if (!api.IsLoggedIn && connection.Credential is { } given && credential is not null
            && (credential == given || credential == AsDockerLogin(given)))
            await api.LogInAsync(given, cancellation);
        // Where nobody may look unless logged in, that is left to what the account itself sees.
        var isShown = api.IsLoggedIn || features.Contains("ANONYMOUS_ACCESS");
        var organization = isShown ? await FindOrganizationAsync(name, cancellation) : null;
        if (isShown && organization is null)
            return WithoutOrganization(name, who, repository);

        using var store = connection.OpenStore(credential);
        ModuleException? refusal = null;
        foreach (var asked in await RepositoriesToAskAsync(name, who, store, cancellation))
        {
            var claims = await store.AskForClaimsAsync(new Reference(repository.Registry, asked), ["pull", "push"], cancellation);
            if (claims?.ActionsFor(asked) is not { } actions)
                return PushRight.Unknown($"the tokens of {Authority} do not show it");
            if (actions.Contains("push"))
                return PushRight.Given;
            refusal ??= NoPush(who, $"{repository.Registry}/{asked}", name, actions.Count == 0 ? "nothing" : string.Join(" and ", actions));
        }

        return refusal is not null ? PushRight.Refused(refusal) : WithoutRepositories(name, who, organization, repository);
    }

    /// <summary>Of each kind of right that the account has there, one repository with its full name.</summary>
    async Task<IEnumerable<string>> RepositoriesToAskAsync(string organization, string who, RegistryStore store,
        CancellationToken cancellation)
    {
        if (lastRobot is { Exists: true, Repositories: { } rights } robot && robot.Username == who)
        {
            var byTeam = robot.TeamRights.Values.SelectMany(team => team ?? new Dictionary<string, string>(StringComparer.Ordinal))
                .Where(right => IsPush(right.Value)).Select(right => right.Key);
            var byKind = rights.GroupBy(right => right.Value).Select(kind => kind.First().Key);
            return byTeam.Where(rights.ContainsKey).Take(1).Concat(byKind).Distinct(StringComparer.Ordinal).Take(MostAsked)
                .Select(name => $"{organization}/{name}");
        }

        var listed = api.IsLoggedIn ? await ListRepositoriesAsync(organization, cancellation) : null;
        if (listed is not null)
            return listed.Take(1).Select(one => $"{organization}/{one.Name}");
        return (await store.FindBelowAsync(organization, cancellation)).First is { } first ? [first] : [];
    }

    PushRight WithoutOrganization(string name, string who, Reference repository) => who.Contains('+', StringComparison.Ordinal)
        ? PushRight.Refused(new ModuleException(
            ErrorCodes.Unauthorized,
            $"{who} cannot push to {repository.Name}: there is no organization {name} on {Authority}",
            $"make organization {name} with mirror_repo first: only users make organizations by pushing, robots do not"))
        : PushRight.Unknown($"there is no organization {name} on {Authority} yet");

    PushRight WithoutRepositories(string name, string who, JObject? organization, Reference repository)
    {
        var refused = PushRight.Refused(NoPush(who, repository.Name, name, "nothing"));
        if (lastRobot is { Exists: true } robot && robot.Username == who)
        {
            return robot.Memberships.Any(team => robot.Teams.GetValueOrDefault(team) is "creator" or "admin") ? PushRight.Given
                : robot.Repositories is { Count: 0 } ? refused
                : PushRight.Unknown($"the rights of {who} in the repositories of {name} may not be looked at");
        }

        var isLoggedInUser = !api.IsToken && api.IsLoggedIn && connection.Credential?.Username == who;
        if (isLoggedInUser && organization?["is_admin"] is JValue { Value: true })
            return PushRight.Given;
        return isLoggedInUser && organization?["is_member"] is JValue { Value: false }
            ? refused
            : PushRight.Unknown($"organization {name} on {Authority} shows no repository yet, and asking for push to another one would "
                + "create it");
    }

    ModuleException NoPush(string who, string where, string organization, string granted) => new(
        ErrorCodes.Unauthorized,
        $"{who} may not push to {where}: {Authority} grants {granted} there",
        $"let it write in {organization}, or give the account of somebody who owns it and leave method out: then a robot is made that may");

    static bool IsPush(string role) => role is "write" or "admin";

    // Nothing else than a login shows it: the page of features does not have this switch.
    public async Task RequireCreatableAsync(AccountWish wish, CancellationToken cancellation) =>
        await CheckAsync(new Credential { Username = $"{wish.Namespace}+{wish.Name}", Password = "-" },
            new Reference(Authority, $"{wish.Namespace}/{ProbeRepository}"), cancellation);
}
