using System.Security.Cryptography;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>Organizations, robots, teams, default permissions; quotas, proxy caches and pruning where the features are on.</summary>
public sealed partial class QuayFake
{
    static readonly int[] TagExpirations = [0, 24 * 3600, 7 * 24 * 3600, QuayOrganization.DefaultTagExpiration, 4 * 7 * 24 * 3600];

    int quotas;

    FakeAnswer CreateOrganization(FakeCall call, Caller caller)
    {
        if (Body(call, out var fault, ["name"]) is not { } body)
            return fault;
        if (!caller.Has("user:admin") || (Settings.SuperusersOrgCreationOnly && !Settings.SuperUsers.Contains(caller.Name!)))
            return Unauthorized(caller);
        var (name, email) = ((string)body["name"]!, (string?)body["email"]);
        if (database.IsTaken(name))
            return InvalidRequest("A user or organization with this name already exists");
        if (QuayDatabase.NamespaceFault(name) is { } bad)
            return InvalidRequest($"Invalid namespace {name}: {bad}");
        if (!string.IsNullOrEmpty(email) && database.IsEmailTaken(email))
            return InvalidRequest($"Email has already been used: {email}");
        database.AddOrganization(name, string.IsNullOrEmpty(email) ? Guid.NewGuid().ToString() : email, caller.Name!);
        return Created();
    }

    FakeAnswer Organization(FakeCall call, Caller caller, string name)
    {
        var organization = database.Organizations.GetValueOrDefault(name);
        if (call.IsRead)
            return organization is null ? NotFound() : Ok(OrganizationJson(organization, caller));
        // What is not there and what is not theirs is one to it.
        if (organization is null || !IsOwner(organization, caller))
            return Unauthorized(caller);
        if (call.Method == "DELETE")
        {
            if (!IsFresh(caller))
                return FreshLoginRequired();
            database.RemoveOrganization(name);
            return Gone();
        }

        if (Body(call, out var fault, []) is not { } body)
            return fault;
        if ((string?)body["email"] is { } email && email != organization.Email)
        {
            if (database.IsEmailTaken(email))
                return InvalidRequest("E-mail address already used");
            organization.Email = email;
        }

        if ((int?)body["tag_expiration_s"] is { } expiration)
        {
            if (!TagExpirations.Contains(expiration))
                return Message(400, "Invalid tag expiration option");
            organization.TagExpiration = expiration;
        }

        return Ok(OrganizationJson(organization, caller));
    }

    bool IsOwner(QuayOrganization organization, Caller caller) => caller.Has("org:admin") && database.IsAdmin(organization, caller.Name);

    JObject OrganizationJson(QuayOrganization organization, Caller caller)
    {
        var isAdmin = IsOwner(organization, caller);
        var json = new JObject
        {
            ["name"] = organization.Name,
            ["email"] = isAdmin ? organization.Email : "",
            ["avatar"] = Avatar(organization.Name, "user"),
            ["is_admin"] = isAdmin,
            ["is_member"] = isAdmin || (caller.Has("org:admin") && database.IsMember(organization, caller.Name)),
        };
        if (!isAdmin)
            return json;
        json["teams"] = new JObject(organization.Teams.Values.Select(team => new JProperty(team.Name, new JObject
        {
            ["name"] = team.Name,
            ["description"] = team.Description,
            ["role"] = team.Role,
            ["avatar"] = Avatar(team.Name, "team"),
            ["can_view"] = true,
            ["repo_count"] = database.Repositories.Count(repository => repository.Namespace == organization.Name && repository.TeamRoles.ContainsKey(team.Name)),
            ["member_count"] = team.Members.Count,
            ["is_synced"] = false,
        })));
        json["ordered_teams"] = new JArray(organization.Teams.Keys);
        json["invoice_email"] = false;
        json["invoice_email_address"] = null;
        json["tag_expiration_s"] = organization.TagExpiration;
        json["is_free_account"] = true;
        if (Settings.QuotaManagement)
        {
            json["quotas"] = new JArray(organization.Quotas.Select(quota => new JObject { ["id"] = quota.Id, ["limit_bytes"] = quota.Limit, ["limits"] = LimitsJson(quota) }));
            json["quota_report"] = new JObject { ["quota_bytes"] = Settings.IsCounted ? Used(organization.Name) : 0, ["configured_quota"] = organization.Quotas.FirstOrDefault()?.Limit, ["running_backfill"] = BackfillStatus, ["backfill_status"] = BackfillStatus };
        }

        return json;
    }

    ApiRoute? OrganizationRoute(string name, string[] rest) => rest switch
    {
        ["robots"] => Owned(["GET"], name, (call, _) => RobotList(call, name), "repo:create"),
        ["robots", var robot] when robot.Length > 0 => Owned(["GET", "PUT", "DELETE"], name, (call, _) => Robot(call, name, robot)),
        ["robots", var robot, "regenerate"] => Owned(["POST"], name, (_, _) => Regenerate(name, robot)),
        // The one of them that wants another scope.
        ["robots", var robot, "permissions"] => new(["GET"], (_, caller) => caller.Has("user:admin") && database.Organizations.TryGetValue(name, out var organization) && database.IsAdmin(organization, caller.Name) ? RobotPermissions($"{name}+{robot}") : Unauthorized(caller)),
        ["team", var team] when team.Length > 0 => Owned(["PUT", "DELETE"], name, (call, organization) => Team(call, organization, team)),
        ["team", var team, "members"] => Owned(["GET"], name, (_, organization) => TeamMembers(organization, team)),
        ["team", var team, "permissions"] => Owned(["GET"], name, (_, organization) => TeamPermissions(organization, team)),
        ["team", var team, "members", var member] when member.Length > 0 => Owned(["PUT", "DELETE"], name, (call, organization) => TeamMember(call, organization, team, member)),
        ["members"] => Owned(["GET"], name, (_, organization) => Members(organization)),
        ["prototypes"] => Owned(["GET", "POST"], name, Prototypes),
        ["prototypes", var id] when id.Length > 0 => Owned(["PUT", "DELETE"], name, (call, organization) => Prototype(call, organization, id)),
        ["applications"] => Owned(["GET", "POST"], name, Applications),
        ["applications", var id] when id.Length > 0 => Owned(["GET", "DELETE"], name, (call, organization) => Application(call, organization, id)),
        ["logs"] => Owned(["GET"], name, (_, _) => Ok(new JObject { ["logs"] = new JArray() })),
        ["quota"] when Settings.QuotaManagement => new(["GET", "POST"], (call, caller) => Quota(call, caller, name)),
        ["quota", var id] when Settings.QuotaManagement && id.Length > 0 => new(["PUT", "DELETE"], (call, caller) => ChangeQuota(call, caller, name, id)),
        ["quota", var id, "limit"] when Settings.QuotaManagement => new(["POST"], (call, caller) => AddQuotaLimit(call, caller, name, id)),
        ["proxycache"] when Settings.ProxyCache => Owned(["GET", "POST", "DELETE"], name, ProxyCache),
        ["validateproxycache"] when Settings.ProxyCache => Owned(["POST"], name, (call, _) => ((string?)call.Json?["upstream_registry"])?.StartsWith("unreachable", StringComparison.Ordinal) == true ? InvalidRequest("Failed login to remote registry. Please verify entered details and try again.") : Loud(FakeAnswer.Json(202, "Valid"), "ACCEPTED")),
        ["autoprunepolicy", ""] when Settings.AutoPrune => Owned(["GET", "POST"], name, PrunePolicies),
        ["autoprunepolicy", var uuid] when Settings.AutoPrune && uuid.Length > 0 => Owned(["DELETE"], name, (_, organization) => RemovePrunePolicy(organization, uuid)),
        _ => null,
    };

    /// <summary>What only its owners may, and nobody where there is no such organization.</summary>
    /// <param name="also">Another scope than <c>org:admin</c> that is taken.</param>
    ApiRoute Owned(string[] methods, string name, Func<FakeCall, QuayOrganization, FakeAnswer> answer, string? also = null) => new(methods, (call, caller) =>
        database.Organizations.TryGetValue(name, out var organization) && (IsOwner(organization, caller) || (also is not null && caller.Has(also) && database.IsAdmin(organization, caller.Name)))
            ? answer(call, organization)
            : Unauthorized(caller));

    FakeAnswer RobotList(FakeCall call, string owner)
    {
        var robots = database.Robots.Values.Where(robot => robot.Owner == owner);
        if (int.TryParse(call.Parameter("limit"), out var limit))
            robots = robots.Take(limit);
        return Ok(new JObject
        {
            ["robots"] = new JArray(robots.Select(robot =>
            {
                var json = new JObject { ["name"] = robot.Name, ["created"] = Date(robot.Created), ["last_accessed"] = robot.LastAccessed is { } time ? Date(time) : null };
                if (call.Parameter("permissions") == "true")
                {
                    json["teams"] = new JArray(database.Organizations.Values.SelectMany(organization => organization.Teams.Values).Where(team => team.Members.Contains(robot.Name)).Select(team => new JObject { ["name"] = team.Name, ["avatar"] = Avatar(team.Name, "team") }));
                    json["repositories"] = new JArray(database.Repositories.Where(repository => repository.UserRoles.ContainsKey(robot.Name)).Select(repository => repository.Name));
                }

                json["description"] = robot.Description;
                if (call.Parameter("token") != "false")
                    json["token"] = robot.Token;
                return json;
            })),
        });
    }

    FakeAnswer Robot(FakeCall call, string owner, string shortName)
    {
        var robot = database.Robots.GetValueOrDefault($"{owner}+{shortName}");
        if (call.Method == "PUT")
            return CreateRobot(call, owner, shortName, robot);
        if (robot is null)
            return Message(400, "Could not find robot with specified username");
        if (call.IsRead)
            return Ok(RobotJson(robot, robot.Metadata ?? new JObject()));
        database.RemoveRobot(robot);
        return Gone();
    }

    FakeAnswer CreateRobot(FakeCall call, string owner, string shortName, QuayRobot? existing)
    {
        var body = new JObject();
        if (call.Body.Length > 0)
        {
            if (Body(call, out var fault, []) is not { } given)
                return fault;
            body = given;
        }

        if (Settings.RobotsDisallow)
            return InvalidRequest("Robot accounts have been disabled. Please contact your administrator.");
        if (QuayDatabase.NamespaceFault(shortName) is { } bad)
            return InvalidRequest($"The name for the robot '{shortName}' is invalid: {bad}");
        if (existing is not null)
            return InvalidRequest($"Existing robot with name: {existing.Name}");
        var robot = new QuayRobot(owner, shortName, Clock.GetUtcNow()) { Description = (string?)body["description"] ?? "", Metadata = body["unstructured_metadata"] };
        database.Robots[robot.Name] = robot;
        return Created(RobotJson(robot, robot.Metadata));
    }

    FakeAnswer Regenerate(string owner, string shortName)
    {
        if (!database.Robots.TryGetValue($"{owner}+{shortName}", out var robot))
            return Message(400, "Could not find robot with specified username");
        robot.Regenerate();
        var json = RobotJson(robot, null);
        json.Remove("unstructured_metadata");
        return Ok(json);
    }

    FakeAnswer RobotPermissions(string robot) => Ok(new JObject
    {
        ["permissions"] = new JArray(database.Repositories.Where(repository => repository.UserRoles.ContainsKey(robot)).Select(repository => new JObject { ["role"] = repository.UserRoles[robot], ["repository"] = new JObject { ["name"] = repository.Name, ["is_public"] = repository.IsPublic } })),
    });

    static JObject RobotJson(QuayRobot robot, JToken? metadata) => new()
    {
        ["name"] = robot.Name,
        ["created"] = Date(robot.Created),
        ["last_accessed"] = robot.LastAccessed is { } time ? Date(time) : null,
        ["description"] = robot.Description,
        ["token"] = robot.Token,
        ["unstructured_metadata"] = metadata,
    };

    FakeAnswer Team(FakeCall call, QuayOrganization organization, string name)
    {
        var team = organization.Teams.GetValueOrDefault(name);
        if (call.Method == "DELETE")
        {
            if (team is null)
                return Message(400, $"Team '{name}' is not a team in org '{organization.Name}'");
            organization.Teams.Remove(name);
            return Gone();
        }

        if (Body(call, out var fault, ["role"], ("role", ["member", "creator", "admin"])) is not { } body)
            return fault;
        if (QuayDatabase.NamespaceFault(name) is { } bad)
            return Message(400, $"Invalid team name {name}: {bad.Replace("Namespace must be", "Team must be", StringComparison.Ordinal)}");
        var isNew = team is null;
        team ??= organization.Teams[name] = new QuayTeam(name);
        team.Role = (string)body["role"]!;
        team.Description = (string?)body["description"] ?? team.Description;
        return Ok(new JObject { ["name"] = name, ["description"] = team.Description, ["can_view"] = true, ["role"] = team.Role, ["avatar"] = Avatar(name, "team"), ["new_team"] = isNew });
    }

    FakeAnswer TeamMembers(QuayOrganization organization, string name) =>
        organization.Teams.TryGetValue(name, out var team)
            ? Ok(new JObject { ["name"] = name, ["members"] = new JArray(team.Members.Select(MemberJson)), ["can_edit"] = true })
            : NotFound();

    // endpoints/api/team.py, TeamPermissions.
    FakeAnswer TeamPermissions(QuayOrganization organization, string name) =>
        organization.Teams.ContainsKey(name)
            ? Ok(new JObject
            {
                ["permissions"] = new JArray(database.Repositories
                    .Where(repository => repository.Namespace == organization.Name && repository.TeamRoles.ContainsKey(name))
                    .Select(repository => new JObject
                    {
                        ["repository"] = new JObject { ["name"] = repository.Name, ["is_public"] = repository.IsPublic },
                        ["role"] = repository.TeamRoles[name],
                    })),
            })
            : NotFound();

    FakeAnswer TeamMember(FakeCall call, QuayOrganization organization, string name, string member)
    {
        if (!organization.Teams.TryGetValue(name, out var team))
            return NotFound();
        if (call.Method == "DELETE")
            return team.Members.Remove(member) ? Gone() : Message(400, $"User {member} does not belong to team {name}");
        if (!database.Users.ContainsKey(member) && !database.Robots.ContainsKey(member))
            return InvalidRequest("Unknown user");
        if (team.Members.Contains(member))
            return Message(400, $"User {member} is already a member of team {name}");
        team.Members.Add(member);
        return Ok(MemberJson(member));
    }

    static JObject MemberJson(string name) => new()
    {
        ["name"] = name,
        ["kind"] = "user",
        ["is_robot"] = name.Contains('+'),
        ["avatar"] = Avatar(name, name.Contains('+') ? "robot" : "user"),
        ["invited"] = false,
    };

    FakeAnswer Members(QuayOrganization organization) => Ok(new JObject
    {
        ["members"] = new JArray(organization.Teams.Values.SelectMany(team => team.Members).Where(database.Users.ContainsKey).Distinct().Select(member => new JObject
        {
            ["name"] = member,
            ["kind"] = "user",
            ["avatar"] = Avatar(member, "user"),
            ["teams"] = new JArray(organization.Teams.Values.Where(team => team.Members.Contains(member)).Select(team => new JObject { ["name"] = team.Name, ["avatar"] = Avatar(team.Name, "team") })),
            ["repositories"] = new JArray(),
        })),
    });

    FakeAnswer Prototypes(FakeCall call, QuayOrganization organization)
    {
        if (call.IsRead)
            return Ok(new JObject { ["prototypes"] = new JArray(organization.Prototypes.Select(PrototypeJson)) });
        if (Body(call, out var fault, ["role", "delegate"], ("role", ["read", "write", "admin"])) is not { } body)
            return fault;
        var (name, isTeam) = ((string)body["delegate"]!["name"]!, (string?)body["delegate"]!["kind"] == "team");
        if (isTeam && !organization.Teams.ContainsKey(name))
            return Message(400, $"('Team does not exist: %s/%s', '{organization.Name}', '{name}')");
        if (!isTeam && !database.Users.ContainsKey(name) && !database.Robots.ContainsKey(name))
            return InvalidRequest("Missing delegate user or team");
        // A second one like it, or one that contradicts it, is no mistake to it.
        var prototype = new QuayPrototype(Guid.NewGuid().ToString(), (string)body["role"]!, name, isTeam);
        organization.Prototypes.Add(prototype);
        return Ok(PrototypeJson(prototype));
    }

    FakeAnswer Prototype(FakeCall call, QuayOrganization organization, string id)
    {
        var at = organization.Prototypes.FindIndex(prototype => prototype.Id == id);
        if (at < 0)
            return NotFound();
        if (call.Method == "DELETE")
        {
            organization.Prototypes.RemoveAt(at);
            return Gone();
        }

        if (Body(call, out var fault, ["role"], ("role", ["read", "write", "admin"])) is not { } body)
            return fault;
        organization.Prototypes[at] = organization.Prototypes[at] with { Role = (string)body["role"]! };
        return Ok(PrototypeJson(organization.Prototypes[at]));
    }

    static JObject PrototypeJson(QuayPrototype prototype) => new()
    {
        ["activating_user"] = null,
        ["delegate"] = prototype.IsTeam
            ? new JObject { ["name"] = prototype.Delegate, ["kind"] = "team", ["avatar"] = Avatar(prototype.Delegate, "team") }
            : new JObject { ["name"] = prototype.Delegate, ["is_robot"] = prototype.Delegate.Contains('+'), ["kind"] = "user", ["is_org_member"] = true, ["avatar"] = Avatar(prototype.Delegate, "robot") },
        ["role"] = prototype.Role,
        ["id"] = prototype.Id,
    };

    FakeAnswer Applications(FakeCall call, QuayOrganization organization)
    {
        if (call.IsRead)
            return Ok(new JObject { ["applications"] = new JArray(organization.Applications.Select(ApplicationJson)) });
        if (Body(call, out var fault, ["name"]) is not { } body)
            return fault;
        const string Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        var application = new QuayApplication((string)body["name"]!, RandomNumberGenerator.GetString(Letters, 20), RandomNumberGenerator.GetString(Letters, 40), (string?)body["redirect_uri"] ?? "");
        organization.Applications.Add(application);
        return Ok(ApplicationJson(application));
    }

    FakeAnswer Application(FakeCall call, QuayOrganization organization, string id)
    {
        if (organization.Applications.Find(application => application.ClientId == id) is not { } found)
            return NotFound();
        if (call.IsRead)
            return Ok(ApplicationJson(found));
        organization.Applications.Remove(found);
        database.Tokens.RemoveAll(token => token.Application == found);
        return Gone();
    }

    static JObject ApplicationJson(QuayApplication application) => new()
    {
        ["name"] = application.Name,
        ["description"] = "",
        ["application_uri"] = "",
        ["client_id"] = application.ClientId,
        ["client_secret"] = application.ClientSecret,
        ["redirect_uri"] = application.RedirectUri,
        ["avatar_email"] = null,
    };

    /// <summary>Gives an organization a quota.</summary>
    /// <param name="type"><c>Reject</c> or <c>Warning</c>, at 100 %.</param>
    public void AddQuota(string organization, long bytes, string type) => database.Organizations[organization].Quotas.Add(new QuayQuota(++quotas, bytes) { Limits = { (1, type, 100) } });

    FakeAnswer Quota(FakeCall call, Caller caller, string name)
    {
        var organization = database.Organizations.GetValueOrDefault(name);
        if (call.IsRead)
            return organization is not null && database.IsAdmin(organization, caller.Name) ? Ok(new JArray(organization.Quotas.Select(QuotaJson))) : Unauthorized(caller);
        if (Body(call, out var fault, ["limit_bytes"]) is not { } body)
            return fault;
        if (organization is null || caller.User is null || !Settings.SuperUsers.Contains(caller.Name!))
            return Unauthorized(caller);
        if (organization.Quotas.Count > 0)
            return InvalidRequest($"Organization quota for '{name}' already exists");
        organization.Quotas.Add(new QuayQuota(++quotas, (long)body["limit_bytes"]!));
        return Created();
    }

    FakeAnswer ChangeQuota(FakeCall call, Caller caller, string name, string id)
    {
        if (caller.User is null || !Settings.SuperUsers.Contains(caller.Name!) || !database.Organizations.TryGetValue(name, out var organization))
            return Unauthorized(caller);
        if (organization.Quotas.Find(quota => quota.Id.ToString() == id) is not { } found)
            return NotFound();
        if (call.Method == "DELETE")
        {
            organization.Quotas.Remove(found);
            return Gone();
        }

        if (Body(call, out var fault, []) is not { } body)
            return fault;
        found.Limit = (long?)body["limit_bytes"] ?? found.Limit;
        return Ok(QuotaJson(found));
    }

    FakeAnswer AddQuotaLimit(FakeCall call, Caller caller, string name, string id)
    {
        if (Body(call, out var fault, ["type", "threshold_percent"]) is not { } body)
            return fault;
        if (caller.User is null || !Settings.SuperUsers.Contains(caller.Name!) || !database.Organizations.TryGetValue(name, out var organization))
            return Unauthorized(caller);
        if (organization.Quotas.Find(quota => quota.Id.ToString() == id) is not { } found)
            return NotFound();
        found.Limits.Add((found.Limits.Count + 1, (string)body["type"]!, (int)body["threshold_percent"]!));
        return Created();
    }

    static JObject QuotaJson(QuayQuota quota) => new()
    {
        ["id"] = quota.Id,
        ["limit_bytes"] = quota.Limit,
        ["limit"] = FormattableString.Invariant($"{(quota.Limit >= 1024 * 1024 ? quota.Limit / 1048576.0 : quota.Limit / 1024.0):0.0} {(quota.Limit >= 1024 * 1024 ? "MiB" : "KiB")}"),
        ["default_config"] = false,
        ["limits"] = LimitsJson(quota),
        ["default_config_exists"] = false,
    };

    string BackfillStatus => Settings.IsCounted ? "complete" : "waiting";

    static JArray LimitsJson(QuayQuota quota) => new(quota.Limits.Select(limit => new JObject { ["id"] = limit.Id, ["type"] = limit.Type, ["limit_percent"] = limit.Percent }));

    bool IsOverQuota(string @namespace) =>
        Settings is { QuotaManagement: true, IsCounted: true } && database.Organizations.TryGetValue(@namespace, out var organization)
        && organization.Quotas.Any(quota => quota.Limits.Any(limit => limit.Type == "Reject" && Used(@namespace) > quota.Limit * limit.Percent / 100));

    long Used(string @namespace) =>
        database.Repositories.Where(repository => repository.Namespace == @namespace).SelectMany(repository => repository.Content.Blobs).Distinct().Sum(digest => storage.Blob(digest)?.Size ?? 0);

    FakeAnswer ProxyCache(FakeCall call, QuayOrganization organization)
    {
        if (call.IsRead)
        {
            return Ok(organization.ProxyCache is { } found
                ? new JObject { ["upstream_registry"] = found.Upstream, ["expiration_s"] = found.Expiration, ["insecure"] = found.Insecure }
                : new JObject { ["upstream_registry"] = "", ["expiration_s"] = "", ["insecure"] = "" });
        }

        if (call.Method == "DELETE")
        {
            if (organization.ProxyCache is null)
                return NotFound();
            organization.ProxyCache = null;
            return Created("Deleted");
        }

        if (Body(call, out var fault, ["upstream_registry"]) is not { } body)
            return fault;
        // The key is documented nowhere.
        if (body["org_name"] is null)
            return Crash();
        if (organization.ProxyCache is not null)
            return InvalidRequest("Proxy Cache Configuration already exists");
        organization.ProxyCache = ((string)body["upstream_registry"]!, (int?)body["expiration_s"] ?? 86400, (bool?)body["insecure"] ?? false);
        return Created();
    }

    FakeAnswer PrunePolicies(FakeCall call, QuayOrganization organization)
    {
        if (call.IsRead)
            return Ok(new JObject { ["policies"] = new JArray(organization.PrunePolicies.Select(policy => new JObject { ["uuid"] = policy.Uuid, ["method"] = policy.Method, ["value"] = policy.Value })) });
        if (Body(call, out var fault, ["method", "value"]) is not { } body)
            return fault;
        if (organization.PrunePolicies.Count > 0)
            return InvalidRequest("Policy for this namespace already exists, delete existing to create new policy");
        var uuid = Guid.NewGuid().ToString();
        organization.PrunePolicies.Add((uuid, (string)body["method"]!, body["value"]!));
        return Created(new JObject { ["uuid"] = uuid });
    }

    FakeAnswer RemovePrunePolicy(QuayOrganization organization, string uuid) =>
        organization.PrunePolicies.RemoveAll(policy => policy.Uuid == uuid) > 0 ? Ok(new JObject { ["uuid"] = uuid }) : NotFound();
}
