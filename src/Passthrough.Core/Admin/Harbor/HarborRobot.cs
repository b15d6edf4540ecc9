using System.Globalization;
using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin.Harbor;

/// <summary>
/// Robot accounts on project level. Their full name is the server's: a prefix that is configured there, and that may change any day, stands before it. Their secret is
/// shown once, when it is made.
/// </summary>
sealed class HarborRobot(HarborApi api, AdminConnection connection)
{
    const string Marker = "ansible:registry_auth:";

    /// <summary>The robots of a project, until one of them is changed: two are looked for in every run, and each login costs.</summary>
    (string Project, IReadOnlyList<JObject> Robots)? listed;

    /// <param name="projectId">Null where there is no project: then there is no robot.</param>
    public async Task<AccountState> ReadAsync(AccountWish wish, string? projectId, CancellationToken cancellation)
    {
        // Harbor's own rule; told in check mode too, and before an account is made that would have another secret.
        CheckSecret(wish.Secret);
        if (projectId is null)
            return new HarborRobotState(wish.Name, Exists: false, []);
        if (listed is not { } list || list.Project != projectId)
        {
            // Both keys are needed, spelled like this; a name in q would be decoded twice.
            list = (projectId, await api.ListAsync($"robots?q={Uri.EscapeDataString($"Level=project,ProjectID={projectId}")}", $"list the robot accounts of project {wish.Namespace} on {api.Authority}", cancellation));
            listed = list;
        }

        // No short name has a plus, whatever prefix stands before it.
        if (list.Robots.FirstOrDefault(robot => HarborApi.Text(robot["name"]).Split('+')[^1] == wish.Name) is not { } found)
            return new HarborRobotState(wish.Name, Exists: false, []);
        var (username, description) = (HarborApi.Text(found["name"]), HarborApi.Text(found["description"]));
        return new HarborRobotState(wish.Name, Exists: true, found)
        {
            Username = username,
            Description = description,
            Obstacle = description.Length > 0 && !description.StartsWith(Marker, StringComparison.Ordinal)
                ? new ModuleException(ErrorCodes.Collision, $"robot account {username} on {api.Authority} was not made by registry_auth: its description is \"{description}\"", $"choose another account_name; or, if nobody else needs it, remove it or describe it as {wish.Description}")
                : null,
            IsEnabled = found["disable"] is not { Type: JTokenType.Boolean } disabled || !(bool)disabled,
            CreatedAt = Time(HarborApi.Text(found["creation_time"])),
            ExpiresAt = Expiry(found["expires_at"]),
        };
    }

    public IReadOnlyList<PlannedChange> Plan(AccountWish wish, AccountState known)
    {
        // One that is still to be made gets its rights with it.
        if (known is not HarborRobotState { Exists: true } state)
            return [];
        var changes = new List<string>();
        if (!state.IsEnabled && !wish.OnlyAdds)
            changes.Add($"enable robot account {wish.Name}");
        if (!HasRights(state.Json, wish))
            changes.Add($"{(wish.OnlyAdds ? "add to" : "set")} the rights of robot account {wish.Name} in {wish.Namespace}{(wish.OnlyAdds ? ":" : " to")} {string.Join(" and ", Actions(wish))}");
        return changes.Count == 0 ? [] : [new PlannedChange(string.Join(" and ", changes), token => UpdateAsync(wish, state, duration: null, token))];
    }

    public async Task<MintedSecret> CreateAsync(AccountWish wish, CancellationToken cancellation)
    {
        var answer = await WriteAsync(
            HttpMethod.Post,
            "robots",
            new JObject
            {
                ["name"] = wish.Name,
                ["description"] = wish.Description,
                ["duration"] = wish.ExpiresDays ?? -1,
                ["level"] = "project",
                ["permissions"] = Permissions(wish),
            },
            $"create robot account {wish.Name} in project {wish.Namespace}",
            cancellation);
        var robot = HarborApi.EnsureNoConflict(answer).Object();
        var (username, secret) = (HarborApi.Text(robot["name"]), HarborApi.Text(robot["secret"]));
        connection.Hide(secret);
        // A secret in that request would be ignored.
        if (wish.Secret is { } own)
            secret = await SetSecretAsync(wish, robot, own, cancellation);
        return username.Length > 0 && secret.Length > 0
            ? new MintedSecret(new Credential { Username = username, Password = secret }, Expiry(robot["expires_at"]))
            : throw answer.NotExpected("a robot account with its secret");
    }

    public async Task<MintedSecret> RotateAsync(AccountWish wish, AccountState known, CancellationToken cancellation)
    {
        var state = (HarborRobotState)known;
        var expires = state.ExpiresAt;
        if (wish.ExpiresDays is not null || state.ExpiresAt <= api.Now)
        {
            // Days count from the day the robot was made, and only another number of them brings one that ended back to life.
            var made = state.CreatedAt ?? api.Now;
            var duration = wish.ExpiresDays is { } days ? (int)Math.Ceiling((api.Now - made).TotalDays) + days : -1;
            expires = duration == -1 ? null : made.AddDays(duration);
            if (duration != (int?)state.Json["duration"])
                await UpdateAsync(wish, state, duration, cancellation);
        }

        return new MintedSecret(new Credential { Username = state.Username, Password = await SetSecretAsync(wish, state.Json, wish.Secret ?? "", cancellation) }, expires);
    }

    public IReadOnlyList<PlannedChange> PlanRemoval(AccountState state) =>
    [
        new PlannedChange($"remove robot account {state.Username}", async token =>
        {
            listed = null;
            HarborApi.EnsureNoConflict(await api.SendAsync(HttpMethod.Delete, $"robots/{(string?)((HarborRobotState)state).Json["id"]}", $"remove robot account {state.Username} on {api.Authority}", token), HttpStatusCode.NotFound);
        }),
    ];

    /// <param name="own">Empty lets the server make one.</param>
    async Task<string> SetSecretAsync(AccountWish wish, JObject robot, string own, CancellationToken cancellation)
    {
        var answer = await WriteAsync(HttpMethod.Patch, $"robots/{(string?)robot["id"]}", new JObject { ["secret"] = own }, $"give robot account {wish.Name} a new secret", cancellation);
        var secret = own.Length > 0 ? answer.EnsureSuccess() is not null ? own : "" : HarborApi.Text(answer.Object()["secret"]);
        connection.Hide(secret);
        return secret.Length > 0 ? secret : throw answer.NotExpected("a secret");
    }

    /// <summary>Sends all of it: what is left out would be cleared.</summary>
    async Task UpdateAsync(AccountWish wish, HarborRobotState state, int? duration, CancellationToken cancellation)
    {
        var body = new JObject
        {
            ["name"] = state.Username,
            ["description"] = HarborApi.Text(state.Json["description"]) is { Length: > 0 } description ? description : wish.Description,
            ["level"] = "project",
            ["disable"] = wish.OnlyAdds && !state.IsEnabled,
            ["duration"] = duration ?? state.Json["duration"],
            ["permissions"] = Permissions(wish, state.Json),
        };
        (await WriteAsync(HttpMethod.Put, $"robots/{(string?)state.Json["id"]}", body, $"change robot account {state.Username}", cancellation)).EnsureSuccess();
    }

    async Task<AdminAnswer> WriteAsync(HttpMethod method, string path, JObject body, string action, CancellationToken cancellation)
    {
        listed = null;
        return await api.SendAsync(method, path, $"{action} on {api.Authority}", cancellation, body);
    }

    static void CheckSecret(string? secret)
    {
        if (secret is not null && !(secret.Length is >= 8 and <= 128 && secret.Any(char.IsAsciiLetterUpper) && secret.Any(char.IsAsciiLetterLower) && secret.Any(char.IsAsciiDigit)))
            throw new ModuleException(ErrorCodes.InvalidArgument, "secret is none that Harbor takes: 8 to 128 characters with an upper-case letter, a lower-case letter and a digit", "choose another secret, or leave it out and Harbor makes one");
    }

    static IReadOnlyList<string> Actions(AccountWish wish) =>
        [.. new[] { AccountAccess.Pull, AccountAccess.Push, AccountAccess.Delete }.Where(access => wish.Access.HasFlag(access)).Select(access => access.ToString().ToLowerInvariant())];

    /// <param name="robot">Whose other rights stay, where they are to; null for one that is still to be made.</param>
    static JArray Permissions(AccountWish wish, JObject? robot = null)
    {
        var rights = Actions(wish);
        List<JToken> access = wish.OnlyAdds && AccessOf(robot, wish) is { } has ? [.. has.Where(right => !rights.Contains(RepositoryRight(right)))] : [];
        access.AddRange(rights.Select(action => new JObject { ["resource"] = "repository", ["action"] = action }));
        return [new JObject { ["kind"] = "project", ["namespace"] = wish.Namespace, ["access"] = new JArray(access) }];
    }

    static bool HasRights(JObject robot, AccountWish wish) =>
        AccessOf(robot, wish) is { } access && access.Select(RepositoryRight).ToHashSet(StringComparer.Ordinal) is var has && (wish.OnlyAdds ? has.IsSupersetOf(Actions(wish)) : has.SetEquals(Actions(wish)));

    static JArray? AccessOf(JObject? robot, AccountWish wish) =>
        robot?["permissions"] is JArray { Count: 1 } permissions && HarborApi.Text(permissions[0]["namespace"]) == wish.Namespace ? permissions[0]["access"] as JArray : null;

    /// <summary><c>pull</c>; what is no right over repositories, or one that is denied, is none of these words.</summary>
    static string RepositoryRight(JToken right) =>
        $"{(HarborApi.Text(right["resource"]) is "repository" ? "" : ":")}{HarborApi.Text(right["action"])}{(HarborApi.Text(right["effect"]) is "" or "allow" ? "" : ":")}";

    static DateTimeOffset? Expiry(JToken? seconds) => seconds is { Type: JTokenType.Integer } && (long)seconds is > 0 and < 253402300799 ? DateTimeOffset.FromUnixTimeSeconds((long)seconds) : null;

    static DateTimeOffset? Time(string text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}

/// <summary>A robot account.</summary>
/// <param name="Json">As the server tells of it.</param>
sealed record HarborRobotState(string Name, bool Exists, JObject Json) : AccountState(Name, Exists);
