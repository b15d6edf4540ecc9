using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>REST of the server as a whole: health, information, configuration, users, endpoints of proxy caches.</summary>
sealed partial class HarborSystem(HarborServer server, HarborState state)
{
    static readonly string[] Components = ["core", "database", "jobservice", "portal", "redis", "registry", "registryctl"];

    static readonly Dictionary<string, string> Failures = new(StringComparer.Ordinal)
    {
        ["database"] = "failed to run SQL \"SELECT 1\": failed to connect to `user=postgres database=registry`: 127.0.0.1:5433 (127.0.0.1): dial error: dial tcp 127.0.0.1:5433: connect: connection refused",
        ["redis"] = "dial tcp 127.0.0.1:6381: connect: connection refused",
        ["registry"] = "failed to check health: Get \"http://127.0.0.1:5000/\": dial tcp 127.0.0.1:5000: connect: connection refused",
        ["jobservice"] = "failed to check health: Get \"http://127.0.0.1:58082/api/v1/stats\": dial tcp 127.0.0.1:58082: connect: connection refused",
        ["registryctl"] = "failed to check health: Get \"http://127.0.0.1:58081/api/health\": dial tcp 127.0.0.1:58081: connect: connection refused",
    };

    /// <summary>Null for what is none of these routes.</summary>
    public HarborAnswer? Answer(HarborCall call) => (call.Method, call.Path) switch
    {
        ("GET", "/api/version") => HarborAnswer.Text("{\"version\":\"v2.0\"}"),
        ("GET", "/api/v2.0/ping") => HarborAnswer.Text("Pong", type: server.Version == HarborVersion.V2_9_5 ? "text/plain; charset=utf-8" : "text/plain"),
        ("GET", "/api/v2.0/health") => Health(),
        ("GET", "/api/v2.0/systeminfo") => SystemInfo(call),
        ("GET", "/api/v2.0/users/current") => CurrentUser(call),
        ("POST", "/api/v2.0/users") => CreateUser(call),
        ("GET", "/api/v2.0/configurations") => Configurations(call),
        ("PUT", "/api/v2.0/configurations") => Configure(call),
        ("POST", "/api/v2.0/registries") => CreateRegistry(call),
        ("GET", "/api/v2.0/quotas") => Quotas(call),
        (_, var path) when QuotaPath().Match(path) is { Success: true } quota => Quota(call, quota.Groups[1].Value),
        _ => null,
    };

    HarborAnswer Health()
    {
        var errors = server.HealthErrors ?? server.Down.ToDictionary(part => part, part => Failures.GetValueOrDefault(part, "failed"), StringComparer.Ordinal);
        return HarborAnswer.Json(new JObject
        {
            ["components"] = new JArray(Components.Select(name => errors.TryGetValue(name, out var error)
                ? new JObject { ["error"] = error, ["name"] = name, ["status"] = "unhealthy" }
                : new JObject { ["name"] = name, ["status"] = "healthy" })),
            ["status"] = errors.Count == 0 ? "healthy" : "unhealthy",
        });
    }

    HarborAnswer SystemInfo(HarborCall call)
    {
        if (server.Down.Contains("database"))
            return HarborAnswer.Internal();
        var version = server.Version == HarborVersion.V2_9_5 ? "-" : "v2.15.2-080b0220";
        var json = new JObject { ["auth_mode"] = "db_auth", ["banner_message"] = "", ["primary_auth_mode"] = false, ["self_registration"] = false };
        if (server.Version == HarborVersion.V2_9_5 || call.Who.IsKnown)
            json["harbor_version"] = version;
        if (server.Version != HarborVersion.V2_9_5)
            json["oidc_provider_name"] = "";
        if (call.Who.IsKnown)
        {
            json["current_time"] = HarborText.Time(state.Now);
            json["external_url"] = call.External;
            json["has_ca_root"] = false;
            json["notification_enable"] = true;
            json["project_creation_restriction"] = state.ProjectCreation;
            json["read_only"] = state.IsReadOnly;
            json["registry_storage_provider_name"] = "filesystem";
            json["registry_url"] = call.External[(call.External.IndexOf("://", StringComparison.Ordinal) + 3)..];
        }

        return HarborAnswer.Json(json);
    }

    HarborAnswer CurrentUser(HarborCall call)
    {
        if (call.Who.Robot is not null)
            return HarborAnswer.Error(412, "PRECONDITION", "get current user not available for security context: robot");
        if (call.Who.User is not { } user)
            return HarborAnswer.Unauthorized();
        var json = new JObject
        {
            ["admin_role_in_auth"] = false,
            ["creation_time"] = HarborText.Time(user.Created),
            ["realname"] = user.IsAdmin ? "system admin" : user.RealName,
            ["sysadmin_flag"] = user.IsAdmin,
            ["update_time"] = HarborText.Time(user.Created),
            ["user_id"] = user.Id,
            ["username"] = user.Name,
        };
        if (user.IsAdmin)
            json["comment"] = "admin user";
        if (user.Email.Length > 0)
            json["email"] = user.Email;
        return HarborAnswer.Json(json);
    }

    HarborAnswer CreateUser(HarborCall call)
    {
        RequireOnServer(call, "user", "create");
        var body = GoBody.Read(call, "userReq", GoBody.Anything);
        var user = state.AddUser((string)body["username"]!, (string)body["password"]!, email: (string)body["email"]!, realName: (string)body["realname"]!);
        return new HarborAnswer(201).With("Location", $"/api/v2.0/users/{user.Id}");
    }

    HarborAnswer Configurations(HarborCall call)
    {
        RequireOnServer(call, "configuration", "read");
        return HarborAnswer.Json(new JObject
        {
            ["auth_mode"] = Value("db_auth", isEditable: false),
            ["project_creation_restriction"] = Value(state.ProjectCreation),
            ["read_only"] = Value(state.IsReadOnly),
            ["robot_name_prefix"] = Value(state.RobotPrefix),
            ["robot_token_duration"] = Value(30),
            ["self_registration"] = Value(false),
        });

        static JObject Value(JToken value, bool isEditable = true) => new() { ["editable"] = isEditable, ["value"] = value };
    }

    HarborAnswer Configure(HarborCall call)
    {
        var body = GoBody.Read(call, "configurations", GoBody.Configurations);
        RequireOnServer(call, "configuration", "update");
        if (body["robot_token_duration"] is { } days && (long)days <= 0)
            return HarborAnswer.BadRequest("the robot_token_duration value must be positive");
        state.IsReadOnly = (bool?)body["read_only"] ?? state.IsReadOnly;
        state.RobotPrefix = (string?)body["robot_name_prefix"] ?? state.RobotPrefix;
        state.ProjectCreation = (string?)body["project_creation_restriction"] ?? state.ProjectCreation;
        return new HarborAnswer(200);
    }

    HarborAnswer CreateRegistry(HarborCall call)
    {
        RequireOnServer(call, "registry", "create");
        var body = GoBody.Read(call, "registry", GoBody.Anything);
        return (string?)body["type"] == "quay"
            ? HarborAnswer.BadRequest("the registry is unhealthy")
            : new HarborAnswer(201).With("Location", $"/api/v2.0/registries/{state.AddRegistry()}");
    }

    HarborAnswer Quotas(HarborCall call)
    {
        // Robots get 403 whatever they may: quota:read opens something else.
        if (!call.Who.IsAdmin)
            return call.Who.IsKnown ? HarborAnswer.Forbidden(call.Who.Name) : HarborAnswer.Unauthorized();
        return call.Page([.. state.Projects.Where(project => call["reference_id"] is not { } id || id == project.Id.ToString()).Select(project => QuotaJson(project))]);
    }

    HarborAnswer? Quota(HarborCall call, string id)
    {
        if (call.Method is not ("GET" or "PUT"))
            return null;
        var body = call.Method == "PUT" ? GoBody.Read(call, "hard", GoBody.Anything) : [];
        if (body["hard"] is JObject given && given.PropertyValues().FirstOrDefault(value => value.Type != JTokenType.Integer) is { } wrong)
            throw GoBody.Wrong("hard", $"json: cannot unmarshal {GoBody.Kind(wrong)} into Go struct field QuotaUpdateReq.hard of type int64");
        if (!call.Who.IsAdmin)
            return call.Who.IsKnown ? HarborAnswer.Forbidden(call.Who.Name) : HarborAnswer.Unauthorized();
        if (state.Projects.Find(project => project.QuotaId.ToString() == id) is not { } project)
            return HarborAnswer.NotFound($"quota {id} not found");
        if (call.Method == "GET")
            return HarborAnswer.Json(QuotaJson(project, isAlone: true));
        if (body["hard"] is not JObject { Count: > 0 } hard)
            return HarborAnswer.BadRequest("hard required in body");
        if (hard.Properties().FirstOrDefault(property => property.Name != "storage") is { } other)
            return HarborAnswer.BadRequest($"resource {other.Name} not support");
        var limit = (long)hard["storage"]!;
        if (limit is 0 or < -1)
            return HarborAnswer.BadRequest($"invalid non-positive value for quota limit, value={limit}");
        project.Quota = limit;
        return new HarborAnswer(200);
    }

    JObject QuotaJson(HarborProject project, bool isAlone = false) => new()
    {
        ["creation_time"] = HarborText.Time(project.Created),
        ["hard"] = new JObject { ["storage"] = project.Quota },
        ["id"] = project.QuotaId,
        ["ref"] = new JObject { ["id"] = project.Id, ["name"] = project.Name, ["owner_name"] = "" },
        ["update_time"] = isAlone ? "0001-01-01T00:00:00.000Z" : HarborText.Time(project.Created),
        ["used"] = new JObject { ["storage"] = state.Used(project) },
    };

    void RequireOnServer(HarborCall call, string resource, string action)
    {
        if (!call.Who.IsKnown)
            throw new HarborRefusal(HarborAnswer.Unauthorized());
        if (!state.MayOnServer(call.Who, resource, action))
            throw new HarborRefusal(HarborAnswer.Forbidden(call.Who.Name));
    }

    [GeneratedRegex(@"^/api/v2\.0/quotas/(\d+)$")]
    private static partial Regex QuotaPath();
}
