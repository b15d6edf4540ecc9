using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin.Quay;

/// <summary>The service accounts on Quay: robots of the organization (registries.md B.2b).</summary>
public sealed partial class QuayAdmin
{
    /// <summary>Who is in it may make repositories, as the first push of an image does.</summary>
    const string CreatorTeam = "passthrough-creators";

    const string RobotsHint = "set ROBOTS_DISALLOW: false in its config.yaml, or use method: user";

    public async Task<AccountState> ReadAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        var answer = await api.GetAsync(RobotPath(wish), $"look for robot {wish.Name} of organization {wish.Namespace} on {Authority}", cancellation);
        var isMissing = answer.Status is HttpStatusCode.NotFound or HttpStatusCode.BadRequest;
        if (await FindOrganizationAsync(wish.Namespace, cancellation) is not { } organization)
            return new Robot(wish.Name, Exists: false);
        var teams = (organization["teams"] as JObject)?.Properties().ToDictionary(team => team.Name, team => team.Value, StringComparer.Ordinal) ?? [];
        var repositories = isMissing || answer.IsSuccess ? await ListRepositoriesAsync(wish.Namespace, cancellation) : [];
        if (isMissing)
            return new Robot(wish.Name, Exists: false) { Teams = RolesOf(teams), Repositories = repositories?.ToDictionary(one => one.Name, _ => (string?)null, StringComparer.Ordinal) };

        if (answer.Status == HttpStatusCode.Forbidden)
            throw new ModuleException(ErrorCodes.Unauthorized, $"{answer.Fault!.Message}; {api.Who} is no owner of organization {wish.Namespace}", api.RightsHint) { HttpStatus = 403 };
        var robot = answer.Object();
        var username = QuayApi.Text(robot, "name") is { Length: > 0 } name ? name : throw answer.NotExpected("a robot");
        var secret = QuayApi.Text(robot, "token");
        connection.Hide(secret);
        var memberships = await ListTeamsAsync(wish.Namespace, username, cancellation);
        return lastRobot = new Robot(wish.Name, Exists: true)
        {
            Username = username,
            Secret = secret,
            CreatedAt = QuayApi.Time(robot, "created"),
            Obstacle = WhoseElse(robot, username),
            Teams = RolesOf(teams),
            Memberships = memberships,
            TeamRights = await ReadTeamRightsAsync(wish, [.. memberships.Where(team => team != CreatorTeam)], cancellation),
            OthersInTeam = teams.TryGetValue(CreatorTeam, out var own) && own["member_count"] is JValue { Value: > 1L },
            Defaults = await ListDefaultsAsync(wish.Namespace, username, cancellation),
            Repositories = await ReadRightsAsync(wish, username, repositories, cancellation),
        };
    }

    static string RobotPath(AccountWish wish) => $"organization/{Escape(wish.Namespace)}/robots/{Escape(wish.Name)}";

    static Dictionary<string, string> RolesOf(IReadOnlyDictionary<string, JToken> teams) => teams.ToDictionary(team => team.Key, team => QuayApi.Text(team.Value, "role") ?? "", StringComparer.Ordinal);

    // What people write there when they make one by hand says what it is for; ours says that it is ours.
    static ModuleException? WhoseElse(JObject robot, string username) =>
        QuayApi.Text(robot, "description") is { Length: > 0 } description && !description.StartsWith("ansible:registry_auth:", StringComparison.Ordinal)
            ? new ModuleException(ErrorCodes.Collision, $"robot {username} exists and was not made by registry_auth: its description is \"{description}\"", "choose another account_name, or remove that robot if nobody needs it")
            : null;

    /// <summary>The teams that a robot is in.</summary>
    async Task<IReadOnlyList<string>> ListTeamsAsync(string organization, string robot, CancellationToken cancellation)
    {
        var answer = await api.GetAsync($"organization/{Escape(organization)}/robots?permissions=true&token=false", $"list the robots of organization {organization} on {Authority}", cancellation);
        return Ids((answer.Object()["robots"] as JArray ?? []).FirstOrDefault(one => QuayApi.Text(one, "name") == robot)?["teams"], "name");
    }

    /// <summary>What each team gives its members in repositories; null for a team that may not be looked at.</summary>
    async Task<IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>?>> ReadTeamRightsAsync(
        AccountWish wish, IReadOnlyList<string> teams, CancellationToken cancellation)
    {
        var rights = new Dictionary<string, IReadOnlyDictionary<string, string>?>(StringComparer.Ordinal);
        foreach (var team in teams)
        {
            var path = $"organization/{Escape(wish.Namespace)}/team/{Escape(team)}/permissions";
            var answer = await api.GetAsync(path, $"list the rights of team {team} of organization {wish.Namespace} on {Authority}",
                cancellation);
            rights[team] = answer.IsSuccess && (answer.Json as JObject)?["permissions"] is JArray permissions
                ? permissions.Select(right => (Name: QuayApi.Text(right["repository"], "name"), Role: QuayApi.Text(right, "role") ?? ""))
                    .Where(right => right.Name is not null).ToDictionary(right => right.Name!, right => right.Role, StringComparer.Ordinal)
                : null;
            var unknown = $"robot {wish.Name} is in team {team} of organization {wish.Namespace} on {Authority}, and what that gives it "
                + "in repositories may not be looked at";
            if (rights[team] is null && !risks.Contains(unknown))
                risks.Add(unknown);
        }

        return rights;
    }

    /// <summary>Its default permissions: several may be there, that contradict each other.</summary>
    async Task<IReadOnlyList<DefaultPermission>> ListDefaultsAsync(string organization, string robot, CancellationToken cancellation)
    {
        var answer = await api.GetAsync($"organization/{Escape(organization)}/prototypes", $"list the default permissions of organization {organization} on {Authority}", cancellation);
        return [.. (answer.Object()["prototypes"] as JArray ?? []).OfType<JObject>()
            .Where(one => QuayApi.Text(one["delegate"], "name") == robot && QuayApi.Text(one["delegate"], "kind") != "team")
            .Select(one => new DefaultPermission(QuayApi.Text(one, "id") ?? "", QuayApi.Text(one, "role") ?? "", one["activating_user"] is JObject))];
    }

    /// <summary>What the robot may do in each repository that is there: read, write, admin, or null for nothing. Null where that cannot be read.</summary>
    async Task<IReadOnlyDictionary<string, string?>?> ReadRightsAsync(AccountWish wish, string username, IReadOnlyList<QuayRepository>? repositories, CancellationToken cancellation)
    {
        var rights = repositories?.ToDictionary(one => one.Name, _ => (string?)null, StringComparer.Ordinal);
        if (rights is { Count: 0 })
            return rights;
        var answer = await api.GetAsync($"{RobotPath(wish)}/permissions", $"list the rights of robot {wish.Name} on {Authority}", cancellation);
        if (rights is not null && answer.IsSuccess)
        {
            foreach (var right in (answer.Object()["permissions"] as JArray ?? []).OfType<JObject>())
            {
                if (QuayApi.Text(right["repository"], "name") is { } name && rights.ContainsKey(name))
                    rights[name] = QuayApi.Text(right, "role");
            }

            return rights;
        }

        // That list wants the scope user:admin of a token. One without it can be asked about each repository, where it may at least change rights.
        foreach (var name in rights?.Keys.ToList() ?? [])
        {
            var one = await api.GetAsync($"repository/{Escape(wish.Namespace)}/{name}/permissions/user/{username}", $"read the right of robot {wish.Name} in {wish.Namespace}/{name} on {Authority}", cancellation);
            if (one.Status == HttpStatusCode.Forbidden)
            {
                rights = null;
                break;
            }

            rights![name] = one.IsSuccess ? QuayApi.Text(one.Object(), "role") : null;
        }

        if (rights is null && risks.Count == 0)
            risks.Add($"the token may not read or change what robots may do in repositories that are in {wish.Namespace} on {Authority} already (it lacks the scope repo:admin): make sure of it for {username} by hand, or give a token with that scope");
        return rights;
    }

    public IReadOnlyList<PlannedChange> PlanAccount(AccountWish wish, AccountState state)
    {
        if (wish.Access.HasFlag(AccountAccess.Delete) && !wish.Access.HasFlag(AccountAccess.Push))
            throw new ModuleException(ErrorCodes.Unsupported, $"access: {Capabilities.Title} lets robots remove images only where they may push too", "write access: [pull, push, delete], or leave delete out");
        var robot = state as Robot ?? new Robot(wish.Name, Exists: false);
        var changes = new List<PlannedChange>();
        PlanTeams(wish, robot, changes);
        PlanDefaults(wish, robot, changes);
        PlanRights(wish, robot, changes);
        return changes;
    }

    void PlanTeams(AccountWish wish, Robot robot, List<PlannedChange> changes)
    {
        var (mayPush, organization) = (wish.Access.HasFlag(AccountAccess.Push), $"organization/{Escape(wish.Namespace)}");
        var username = robot.Username ?? "";
        if (mayPush && robot.Teams.GetValueOrDefault(CreatorTeam) != "creator")
        {
            changes.Add(Change(
                $"make team {CreatorTeam} of organization {wish.Namespace}, whose members may create repositories",
                HttpMethod.Put,
                $"{organization}/team/{CreatorTeam}",
                new JObject { ["role"] = "creator", ["description"] = "Robots that push mirrored images" }));
        }

        if (mayPush && !robot.Memberships.Contains(CreatorTeam))
            changes.Add(Change($"put robot {wish.Name} into team {CreatorTeam}", HttpMethod.Put, $"{organization}/team/{CreatorTeam}/members/{username}", null));
        // More than it needs: an owner can do everything, and one that only pulls has nothing to create or to write.
        changes.AddRange(robot.Memberships
            .Where(team => !wish.OnlyAdds && !(mayPush && team == CreatorTeam)
                && (robot.Teams.GetValueOrDefault(team) == "admin"
                    || (!mayPush && (robot.Teams.GetValueOrDefault(team) == "creator" || GivesPush(team)))))
            .Select(team => Change($"take robot {wish.Name} out of team {team}, which gives it more than it needs", HttpMethod.Delete, $"{organization}/team/{Escape(team)}/members/{username}", null)));

        bool GivesPush(string team) => robot.TeamRights.GetValueOrDefault(team)?.Values.Any(IsPush) == true;
    }

    /// <summary>Exactly one default permission: the server takes a second one, and one that contradicts it.</summary>
    void PlanDefaults(AccountWish wish, Robot robot, List<PlannedChange> changes)
    {
        var (role, path) = (RoleOf(wish), $"organization/{Escape(wish.Namespace)}/prototypes");
        var kept = robot.Defaults.FirstOrDefault(one => one.Role == role && !one.IsForOneMaker) ?? robot.Defaults.FirstOrDefault(one => !one.IsForOneMaker);
        var text = $"let robot {wish.Name} {role} in all repositories that others make in {wish.Namespace} later";
        if (kept is null)
            changes.Add(Change(text, HttpMethod.Post, path, new JObject { ["role"] = role, ["delegate"] = new JObject { ["name"] = robot.Username ?? "", ["kind"] = "user" } }));
        else if (kept.Role != role && !(wish.OnlyAdds && kept.Role == "admin"))
            changes.Add(Change(text, HttpMethod.Put, $"{path}/{Escape(kept.Id)}", new JObject { ["role"] = role }));
        changes.AddRange(robot.Defaults.Where(one => one != kept && !wish.OnlyAdds).Select(one => Change($"remove a second default permission of robot {wish.Name} ({one.Role})", HttpMethod.Delete, $"{path}/{Escape(one.Id)}", null)));
    }

    void PlanRights(AccountWish wish, Robot robot, List<PlannedChange> changes)
    {
        var role = RoleOf(wish);
        // It is admin of what it made itself, which a pushing one may stay. One that only pulls has nothing to look for where others probe.
        List<string> wrong =
        [
            .. (robot.Repositories ?? new Dictionary<string, string?>(StringComparer.Ordinal))
                .Where(right => right.Value != role && (role == "write" ? right.Value != "admin" : right.Key != ProbeRepository || right.Value is not null)).Select(right => right.Key),
        ];
        if (wrong.Count == 0)
            return;
        changes.Add(PlannedChange.OfEach(
            wrong,
            names => $"let robot {wish.Name} {role} in {names.Count} repositories of {wish.Namespace} that are there ({Some(names)})",
            (repository, cancellation) => DoAsync(
                $"let robot {wish.Name} {role} in {wish.Namespace}/{repository}",
                HttpMethod.Put,
                $"repository/{Escape(wish.Namespace)}/{repository}/permissions/user/{robot.Username}",
                new JObject { ["role"] = role },
                cancellation)));
    }

    static string RoleOf(AccountWish wish) => wish.Access.HasFlag(AccountAccess.Push) ? "write" : "read";

    public async Task<MintedSecret> CreateAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        var action = $"create robot {wish.Name} of organization {wish.Namespace} on {Authority}";
        var answer = await api.WriteAsync(HttpMethod.Put, RobotPath(wish), new JObject { ["description"] = wish.Description }, action, cancellation);
        // Whatever it says: whether the robot is there tells whether somebody was faster.
        if (answer.Status == HttpStatusCode.BadRequest && (await api.GetAsync(RobotPath(wish), action, cancellation)).IsSuccess)
            throw new ConflictFault(answer.Fault!);
        if (answer.Words.Contains("have been disabled", StringComparison.Ordinal))
            throw new ModuleException(ErrorCodes.Unsupported, $"cannot {action}: {answer.Words}", RobotsHint) { HttpStatus = (int)answer.Status };
        return Minted(answer);
    }

    public async Task<MintedSecret> RotateAccountAsync(AccountWish wish, AccountState state, CancellationToken cancellation) =>
        Minted(await api.WriteAsync(HttpMethod.Post, $"{RobotPath(wish)}/regenerate", null, $"give robot {wish.Name} of organization {wish.Namespace} on {Authority} a new token", cancellation));

    MintedSecret Minted(AdminAnswer answer)
    {
        var robot = answer.Object();
        connection.Hide(QuayApi.Text(robot, "token"));
        return QuayApi.Text(robot, "name") is { Length: > 0 } name && QuayApi.Text(robot, "token") is { Length: > 0 } token
            ? new MintedSecret(new Credential { Username = name, Password = token })
            : throw answer.NotExpected("a robot and its token");
    }

    public IReadOnlyList<PlannedChange> PlanAccountRemoval(AccountState state, IReadOnlyList<string>? ids = null)
    {
        var robot = (Robot)state;
        var organization = $"organization/{Escape(robot.Username!.Split('+')[0])}";
        var changes = new List<PlannedChange> { Change($"remove robot {robot.Username}", HttpMethod.Delete, $"{organization}/robots/{Escape(robot.Name)}", null) };
        if (robot.Teams.ContainsKey(CreatorTeam) && !robot.OthersInTeam && robot.Memberships.Contains(CreatorTeam))
            changes.Add(Change($"remove team {CreatorTeam}, which is empty then", HttpMethod.Delete, $"{organization}/team/{CreatorTeam}", null));
        return changes;
    }

    /// <param name="IsForOneMaker">Whether it holds only for repositories that a certain user makes.</param>
    sealed record DefaultPermission(string Id, string Role, bool IsForOneMaker);

    sealed record Robot(string Name, bool Exists) : AccountState(Name, Exists)
    {
        /// <summary>The role of each team of the organization.</summary>
        public IReadOnlyDictionary<string, string> Teams { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

        /// <summary>The teams that it is in.</summary>
        public IReadOnlyList<string> Memberships { get; init; } = [];

        /// <summary>By team, what its members may do in repositories; null for a team that may not be looked at.</summary>
        public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>?> TeamRights { get; init; } =
            new Dictionary<string, IReadOnlyDictionary<string, string>?>(StringComparer.Ordinal);

        public bool OthersInTeam { get; init; }

        public IReadOnlyList<DefaultPermission> Defaults { get; init; } = [];

        /// <summary>Its right in each repository of the organization; null where that cannot be read.</summary>
        public IReadOnlyDictionary<string, string?>? Repositories { get; init; }
    }
}
