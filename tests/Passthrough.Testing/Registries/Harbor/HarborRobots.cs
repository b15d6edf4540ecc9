using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>REST of robot accounts (src/server/v2.0/handler/robot.go).</summary>
sealed class HarborRobots(HarborState state, HarborVersion version)
{
    const string Root = "/api/v2.0/robots";
    const string WeakSecret = "the secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number";

    /// <summary>Whether the version checks rights and durations, and lets robots make robots.</summary>
    bool IsStrict => version != HarborVersion.V2_9_5;

    /// <summary>Null for what is none of these routes.</summary>
    public HarborAnswer? Answer(HarborCall call)
    {
        if (call.Path == Root)
            return call.Method switch { "GET" => List(call), "POST" => Create(call), _ => null };
        if (!call.Path.StartsWith(Root + "/", StringComparison.Ordinal) || call.Path[(Root.Length + 1)..] is not { } id || id.Contains('/', StringComparison.Ordinal))
            return null;
        if (!int.TryParse(id, out var number))
            return HarborAnswer.Unprocessable($"robot_id in path must be of type int64: \"{HarborText.Decode(id)}\"");
        return call.Method switch
        {
            "GET" => HarborAnswer.Json(Json(Find(call, number, "read"))),
            "PUT" => Update(call, number),
            "PATCH" => NewSecret(call, number),
            "DELETE" => Delete(Find(call, number, "delete")),
            _ => null,
        };
    }

    HarborRobot Find(HarborCall call, int id, string action)
    {
        if (!call.Who.IsKnown)
            throw new HarborRefusal(HarborAnswer.Unauthorized());
        var robot = state.Robots.Find(robot => robot.Id == id) ?? throw new HarborRefusal(HarborAnswer.NotFound($"robot {id} not found"));
        Require(call.Who, robot.ProjectId, action);
        return robot;
    }

    void Require(HarborIdentity who, int projectId, string action)
    {
        if (!who.IsKnown)
            throw new HarborRefusal(HarborAnswer.Unauthorized());
        // Robots have managed robots since 2.12.
        if ((!IsStrict && who.Robot is not null) || (projectId == 0 ? !state.MayOnServer(who, "robot", action) : state.Projects.Find(project => project.Id == projectId) is { } project && !state.May(who, project, "robot", action)))
            throw new HarborRefusal(HarborAnswer.Forbidden(projectId == 0 ? who.Name : "forbidden"));
    }

    HarborAnswer List(HarborCall call)
    {
        var filters = call.Filters();
        var projectId = 0;
        // Keys are case-sensitive; one that is not known does nothing.
        if (filters.TryGetValue("Level", out var level))
        {
            if (level is not ("project" or "system"))
                return HarborAnswer.BadRequest("bad request error level input");
            if (level == "project" && !filters.ContainsKey("ProjectID"))
                return HarborAnswer.BadRequest("must with project ID when to query project robots");
            if (level == "project" && (!int.TryParse(filters["ProjectID"], out projectId) || projectId <= 0))
                return HarborAnswer.BadRequest("ProjectID must be a positive integer");
        }

        Require(call.Who, projectId, "list");
        var name = filters.GetValueOrDefault("name");
        var found = state.Robots.Where(robot => robot.ProjectId == projectId)
            .Where(robot => name is null || (name.StartsWith('~') ? robot.Name.Contains(name[1..], StringComparison.Ordinal) : robot.Name == name))
            .OrderBy(robot => robot.Name, StringComparer.Ordinal);
        return call.Page([.. (call["sort"] == "-name" ? found.Reverse() : found).Select(Json)]);
    }

    HarborAnswer Create(HarborCall call)
    {
        var body = GoBody.Read(call, "robot", GoBody.RobotCreate);
        var name = (string?)body["name"] ?? "";
        if (!HarborText.IsName(name))
            return HarborAnswer.BadRequest("robot name is not in lower case or contains illegal characters");
        var (level, permissions) = ((string?)body["level"] ?? "", Permissions(body));
        var duration = Duration(body["duration"] ?? 0);
        Validate(level, permissions);
        var projectId = level == "project" ? ProjectOf(permissions[0]).Id : 0;
        Require(call.Who, projectId, "create");
        if (call.Who.Robot is { } creator && !Covers(creator, permissions))
            return HarborAnswer.Error(403, "DENIED", $"permission scope is invalid. It must be equal to or more restrictive than the creator robot's permissions: {call.Who.Name}");
        foreach (var permission in permissions.Where(permission => permission is { Kind: "project", Namespace: not "*" }))
            ProjectOf(permission);
        var description = (string?)body["description"] ?? "";
        var full = level == "project" ? $"{permissions[0].Namespace}+{name}" : name;
        if (name.Length > 255 || description.Length > 1024)
        {
            state.SkipRobot();
            return HarborAnswer.Internal();
        }

        if (state.Robots.Exists(robot => robot.ProjectId == projectId && robot.Name == full))
        {
            state.SkipRobot();
            return HarborAnswer.Conflict($"robot account {projectId}:{full} already exists");
        }

        // "secret" and "disable" are taken and ignored (harbor#16884).
        var added = state.AddRobot(projectId, full, call.Who, permissions, duration, description);
        return HarborAnswer.Json(
            new JObject { ["creation_time"] = HarborText.Time(added.Created), ["expires_at"] = added.ExpiresAt, ["id"] = added.Id, ["name"] = state.FullName(added), ["secret"] = added.Secret },
            201).With("Location", $"{Root}/{added.Id}");
    }

    HarborAnswer Update(HarborCall call, int id)
    {
        var body = GoBody.Read(call, "robot", GoBody.RobotUpdate);
        if (!call.Who.IsKnown)
            return HarborAnswer.Unauthorized();
        var robot = state.Robots.Find(robot => robot.Id == id) ?? throw new HarborRefusal(HarborAnswer.NotFound($"robot {id} not found"));
        Require(call.Who, robot.ProjectId, "update");
        var (level, permissions) = ((string?)body["level"] ?? "", Permissions(body));
        var duration = body["duration"] is { Type: JTokenType.Integer } days ? Duration(days) : robot.Duration;
        Validate(level, permissions);
        if ((level == "project") != robot.IsProjectLevel || (string?)body["name"] != state.FullName(robot))
            return HarborAnswer.BadRequest("cannot update the level or name of robot");
        foreach (var permission in permissions.Where(permission => permission is { Kind: "project", Namespace: not "*" }))
            ProjectOf(permission);
        if (robot.IsProjectLevel && ProjectOf(permissions[0]).Id != robot.ProjectId)
            return HarborAnswer.BadRequest("cannot update the project id of robot");
        // The same duration again revives nothing.
        if (duration != robot.Duration)
            robot.ExpiresAt = HarborState.Expiry(robot.Created, duration);
        robot.Duration = duration;
        robot.Description = (string?)body["description"] ?? "";
        robot.IsDisabled = (bool?)body["disable"] ?? false;
        robot.Permissions = [.. permissions];
        robot.Updated = state.Now;
        return new HarborAnswer(200);
    }

    HarborAnswer NewSecret(HarborCall call, int id)
    {
        var body = GoBody.Read(call, "robotSec", GoBody.RobotSecret);
        var robot = Find(call, id, "update");
        var own = (string?)body["secret"] ?? "";
        if (own.Length > 0 && !(own.Length is >= 8 and <= 128 && own.Any(char.IsAsciiLetterUpper) && own.Any(char.IsAsciiLetterLower) && own.Any(char.IsAsciiDigit)))
            return HarborAnswer.BadRequest(WeakSecret);
        robot.Secret = own.Length > 0 ? own : HarborState.NewSecret();
        robot.Updated = state.Now;
        return HarborAnswer.Json(own.Length > 0 ? [] : new JObject { ["secret"] = robot.Secret });
    }

    HarborAnswer Delete(HarborRobot robot)
    {
        state.Robots.Remove(robot);
        return new HarborAnswer(200);
    }

    int Duration(JToken given)
    {
        var days = (long)given;
        // Of old, no duration meant the system's default.
        if (!IsStrict && days == 0)
            return 30;
        return days == -1 || days is > 0 and < int.MaxValue ? (int)days : throw Bad($"bad request error duration input: {days}, duration must be either -1(Never) or a positive integer");
    }

    void Validate(string level, IReadOnlyList<HarborPermission> permissions)
    {
        if (level is not ("project" or "system"))
            throw Bad($"bad request error level input: {level}");
        if (permissions.Count == 0)
            throw Bad("bad request empty permission");
        if (IsStrict && permissions.Any(permission => permission.Access.Count == 0))
            throw Bad("bad request empty access");
        if (level == "project" && permissions.Count > 1)
            throw Bad("bad request permission");
        if (!IsStrict)
            return;
        foreach (var permission in permissions)
        {
            if (permission.Kind is not ("project" or "system"))
                throw Bad($"bad request permission level: {permission.Kind}");
            if (permission.Access.FirstOrDefault(access => !HarborPermissions.Exists(permission.Kind, access.Resource, access.Action)) is { } wrong)
                throw Bad($"bad request permission: {wrong.Resource}:{wrong.Action}");
        }
    }

    HarborProject ProjectOf(HarborPermission permission) => state.Project(permission.Namespace) ?? throw new HarborRefusal(HarborAnswer.NotFound($"project {permission.Namespace} not found"));

    /// <summary>Whether a robot has all that another is to get.</summary>
    static bool Covers(HarborRobot creator, IReadOnlyList<HarborPermission> permissions) => permissions.All(permission =>
        permission.Access.All(access => HarborState.Rights(creator, permission.Kind, permission.Namespace).Any(own => own.Resource == access.Resource && own.Action == access.Action)));

    static List<HarborPermission> Permissions(JObject body) =>
    [
        .. (body["permissions"] as JArray ?? []).OfType<JObject>().Select(permission => new HarborPermission(
            (string?)permission["kind"] ?? "",
            (string?)permission["namespace"] ?? "",
            [.. (permission["access"] as JArray ?? []).OfType<JObject>().Select(access => new HarborAccess((string?)access["resource"] ?? "", (string?)access["action"] ?? "", (string?)access["effect"])).Distinct()])),
    ];

    JObject Json(HarborRobot robot)
    {
        var json = new JObject
        {
            ["creation_time"] = HarborText.Time(robot.Created),
            ["disable"] = robot.IsDisabled,
            ["duration"] = robot.Duration,
            ["editable"] = true,
            ["expires_at"] = robot.ExpiresAt,
            ["id"] = robot.Id,
            ["level"] = robot.IsProjectLevel ? "project" : "system",
            ["name"] = state.FullName(robot),
            // Not in the order that was sent.
            ["permissions"] = new JArray(robot.Permissions.Select(permission => new JObject
            {
                ["access"] = new JArray(permission.Access.Reverse().Select(AccessJson)),
                ["kind"] = permission.Kind,
                ["namespace"] = permission.Namespace,
            })),
            ["update_time"] = HarborText.Time(robot.Updated),
        };
        if (robot.Description.Length > 0)
            json["description"] = robot.Description;
        if (IsStrict)
        {
            json["creator_ref"] = robot.CreatorRobot ?? robot.CreatorUser;
            json["creator_type"] = robot.CreatorRobot is null ? "local" : "robot";
        }

        return json;

        static JObject AccessJson(HarborAccess access)
        {
            var entry = new JObject { ["action"] = access.Action, ["resource"] = access.Resource };
            if (access.Effect is not null)
                entry["effect"] = access.Effect;
            return entry;
        }
    }

    static HarborRefusal Bad(string message) => new(HarborAnswer.BadRequest(message));
}
