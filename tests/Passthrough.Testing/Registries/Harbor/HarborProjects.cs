using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>REST of projects: themselves, their members, immutability rules, retention, and what is in them.</summary>
sealed class HarborProjects(HarborState state)
{
    const string Root = "/api/v2.0/projects";

    /// <summary>Null for what is none of these routes.</summary>
    public HarborAnswer? Answer(HarborCall call)
    {
        if (call.Path == Root)
            return call.Method switch
            {
                "GET" => List(call),
                "HEAD" => Exists(call),
                "POST" => Create(call),
                _ => null,
            };
        if (call.Path.StartsWith("/api/v2.0/retentions", StringComparison.Ordinal))
            return Retention(call);
        if (!call.Path.StartsWith(Root + "/", StringComparison.Ordinal))
            return null;
        // A name in a path is decoded by the router, and then once more.
        string[] parts = [.. call.Path[(Root.Length + 1)..].Split('/').Select(part => HarborText.Decode(HarborText.Decode(part.Replace("+", "%2B", StringComparison.Ordinal))))];
        return (call.Method, parts) switch
        {
            ("GET", [var name]) => Get(call, Find(call, name, "project", "read")),
            ("PUT", [var name]) => Update(call, Find(call, name, "project", "update")),
            ("DELETE", [var name]) => Delete(Find(call, name, "project", "delete")),
            ("GET", [var name, "summary"]) => Summary(call, Find(call, name, "project", "read")),
            ("GET", [var name, "_deletable"]) => Deletable(Find(call, name, "project", "delete")),
            ("GET", [var name, "metadatas", ""]) => HarborAnswer.Json(Metadata(Find(call, name, "metadata", "read"))),
            ("GET", [var name, "members"]) => Members(call, Find(call, name, "member", "list")),
            ("POST", [var name, "members"]) => AddMember(call, Find(call, name, "member", "create")),
            ("GET", [var name, "immutabletagrules"]) => Rules(call, Find(call, name, "immutable-tag", "list")),
            ("POST", [var name, "immutabletagrules"]) => AddRule(call, Find(call, name, "immutable-tag", "create")),
            ("PUT", [var name, "immutabletagrules", var id]) => ChangeRule(call, Find(call, name, "immutable-tag", "update"), id),
            ("DELETE", [var name, "immutabletagrules", var id]) => DeleteRule(Find(call, name, "immutable-tag", "delete"), id),
            ("GET", [var name, "repositories"]) => Repositories(call, Find(call, name, "repository", "list")),
            ("GET", [var name, "repositories", var repository]) => Repository(Find(call, name, "repository", "read"), repository),
            ("DELETE", [var name, "repositories", var repository]) => DeleteRepository(Find(call, name, "repository", "delete"), repository),
            _ => null,
        };
    }

    /// <summary>By name, or by number where the name is one and nothing says that it is a name.</summary>
    HarborProject Find(HarborCall call, string name, string resource, string action)
    {
        var isNumber = name.All(char.IsAsciiDigit) && call.Header("X-Is-Resource-Name") is null;
        var project = state.Projects.Find(project => isNumber ? project.Id.ToString() == name : project.Name == name);
        if (project is null)
        {
            // Only who may see all projects is told that there is none; everyone else gets what a project of others gives.
            throw new HarborRefusal(call.Who.IsAdmin ? HarborAnswer.NotFound($"project {name} not found")
                : call.Who.IsKnown ? HarborAnswer.Forbidden() : HarborAnswer.Unauthorized());
        }

        if (!state.May(call.Who, project, resource, action))
            throw new HarborRefusal(call.Who.IsKnown ? HarborAnswer.Forbidden() : HarborAnswer.Unauthorized());
        return project;
    }

    HarborAnswer List(HarborCall call)
    {
        var name = call["name"] is { } given ? "~" + given : call.Filters().GetValueOrDefault("name");
        var visible = state.Projects.Where(project => state.May(call.Who, project, "project", "read") || state.MayOnServer(call.Who, "project", "list") || OfRobot(call.Who, project));
        return call.Page([.. visible.Where(project => name is null || (name.StartsWith('~') ? project.Name.Contains(name[1..], StringComparison.Ordinal) : project.Name == name))
            .OrderBy(project => project.Name, StringComparer.Ordinal).Select(project => ProjectJson(call, project))]);
    }

    static bool OfRobot(HarborIdentity who, HarborProject project) => who.Robot is { IsProjectLevel: true } robot && robot.ProjectId == project.Id;

    HarborAnswer Exists(HarborCall call)
    {
        if (!call.Who.IsKnown)
            return HarborAnswer.Unauthorized();
        // Whoever logged in is told, also of projects that are not theirs.
        return call["project_name"] is { } name && state.Project(name) is not null ? new HarborAnswer(200) : HarborAnswer.NotFound($"project {call["project_name"]} not found");
    }

    HarborAnswer Create(HarborCall call)
    {
        var body = GoBody.Read(call, "project", GoBody.Project);
        var name = (string?)body["project_name"] ?? "";
        if (name.Length > 255)
            return HarborAnswer.Unprocessable("validation failure list:\nproject_name in body should be at most 255 chars long");
        if (!call.Who.IsKnown)
            return HarborAnswer.Unauthorized();
        if (call.Who.Robot is not null && !state.MayOnServer(call.Who, "project", "create"))
            return HarborAnswer.Forbidden();
        if (state.ProjectCreation == "adminonly" && !call.Who.IsAdmin && call.Who.Robot is null)
            return HarborAnswer.Forbidden("Only system admin can create project");
        if (name.Length == 0)
            return HarborAnswer.BadRequest($"Project name {name} is illegal in length. (greater than 255 or less than 1)");
        if (!HarborText.IsName(name))
            return HarborAnswer.BadRequest("project name is not in lower case or contains illegal characters");
        var metadata = body["metadata"] as JObject ?? [];
        if (metadata["public"] is { } isPublic && (string)isPublic! is not ("true" or "false"))
            return HarborAnswer.BadRequest($"metadata.public should only be 'true' or 'false', but got: '{isPublic}'");
        var limit = (long?)body["storage_limit"] ?? -1;
        if (limit < -1)
            return HarborAnswer.BadRequest($"bad request: invalid non-positive value for quota limit, value={limit}");
        var registry = (int?)body["registry_id"];
        if (registry is { } endpoint && !state.Registries.Contains(endpoint))
            return HarborAnswer.Internal();
        if (state.Project(name) is not null)
        {
            state.SkipProject();
            return HarborAnswer.Conflict($"The project named {name} already exists");
        }

        var project = state.AddProject(name, call.Who.User, registry);
        project.Quota = limit == 0 ? -1 : limit;
        foreach (var key in GoBody.MetadataKeys.Where(key => metadata[key] is { Type: JTokenType.String }))
            project.Metadata[key] = key == "severity" && (string)metadata[key]! is not ("none" or "low" or "medium" or "high" or "critical") ? "unknown" : (string)metadata[key]!;
        // A proxy cache keeps for a week what nobody pulls.
        if (registry is not null)
            project.Metadata["retention_id"] = AddRetention(project, []).Id.ToString();
        return new HarborAnswer(201).With("Location", $"{Root}/{(call.Header("X-Resource-Name-In-Location") == "true" ? name : project.Id)}");
    }

    HarborAnswer Get(HarborCall call, HarborProject project) => HarborAnswer.Json(ProjectJson(call, project));

    static HarborAnswer Update(HarborCall call, HarborProject project)
    {
        // Nothing is checked, and only metadata is looked at.
        var body = GoBody.Read(call, "project", GoBody.Project);
        foreach (var key in GoBody.MetadataKeys.Where(key => body["metadata"]?[key] is { Type: JTokenType.String }))
            project.Metadata[key] = (string)body["metadata"]![key]!;
        return new HarborAnswer(200);
    }

    HarborAnswer Delete(HarborProject project)
    {
        if (state.RepositoryCount(project) > 0)
            return HarborAnswer.Error(412, "PRECONDITION", "precondition failed: the project contains repositories, can not be deleted");
        state.RemoveProject(project);
        return new HarborAnswer(200);
    }

    HarborAnswer Deletable(HarborProject project) =>
        HarborAnswer.Json(state.RepositoryCount(project) > 0 ? new JObject { ["message"] = "the project contains repositories, can not be deleted" } : new JObject { ["deletable"] = true });

    HarborAnswer Summary(HarborCall call, HarborProject project)
    {
        var json = new JObject { ["repo_count"] = state.RepositoryCount(project) };
        if (call.Who.User is not null)
            json["project_admin_count"] = project.Members.Values.Count(role => role == 1);
        if (state.May(call.Who, project, "quota", "read"))
            json["quota"] = new JObject { ["hard"] = new JObject { ["storage"] = project.Quota }, ["used"] = new JObject { ["storage"] = state.Used(project) } };
        return HarborAnswer.Json(json);
    }

    static JObject Metadata(HarborProject project) => new(project.Metadata.Select(pair => new JProperty(pair.Key, pair.Value)));

    JObject ProjectJson(HarborCall call, HarborProject project)
    {
        // A system administrator has none where nobody gave him one.
        JArray? roles = call.Who.User is { } user && project.Members.TryGetValue(user.Id, out var role) ? [role] : null;
        var json = new JObject
        {
            ["creation_time"] = HarborText.Time(project.Created),
            ["current_user_role_ids"] = roles,
            ["cve_allowlist"] = new JObject { ["creation_time"] = "0001-01-01T00:00:00.000Z", ["id"] = project.QuotaId, ["items"] = new JArray(), ["project_id"] = project.Id, ["update_time"] = "0001-01-01T00:00:00.000Z" },
            ["metadata"] = Metadata(project),
            ["name"] = project.Name,
            ["owner_id"] = project.Owner.Id,
            ["owner_name"] = project.Owner.Name,
            ["project_id"] = project.Id,
            ["repo_count"] = state.RepositoryCount(project),
            ["update_time"] = HarborText.Time(project.Created),
        };
        if (roles is not null)
            json["current_user_role_id"] = roles[0];
        if (project.RegistryId is { } registry)
            json["registry_id"] = registry;
        return json;
    }

    HarborAnswer Members(HarborCall call, HarborProject project) => call.Page(
    [
        .. project.Members.Select(member => new JObject
        {
            ["entity_id"] = member.Key,
            ["entity_name"] = state.Users.Find(user => user.Id == member.Key)!.Name,
            ["entity_type"] = "u",
            ["id"] = member.Key,
            ["project_id"] = project.Id,
            ["role_id"] = member.Value,
            ["role_name"] = member.Value switch { 1 => "projectAdmin", 2 => "developer", 3 => "guest", _ => "maintainer" },
        }),
    ]);

    HarborAnswer AddMember(HarborCall call, HarborProject project)
    {
        var body = GoBody.Read(call, "projectMember", GoBody.Anything);
        var user = state.Users.Find(user => user.Name == (string?)body["member_user"]?["username"])!;
        return project.Members.TryAdd(user.Id, (int)body["role_id"]!)
            ? new HarborAnswer(201).With("Location", $"{Root}/{project.Name}/members/{user.Id}")
            : HarborAnswer.Conflict("The project member specified already exist");
    }

    static HarborAnswer Rules(HarborCall call, HarborProject project) => call.Page([.. project.Rules.Select(rule =>
    {
        var json = (JObject)rule.Json.DeepClone();
        json["id"] = rule.Id;
        json["tag_selectors"] ??= JValue.CreateNull();
        if (!rule.IsDisabled)
            json.Remove("disabled");
        return json;
    })]);

    HarborAnswer AddRule(HarborCall call, HarborProject project)
    {
        var body = GoBody.Read(call, "immutableRule", GoBody.Anything);
        var id = state.NextRule();
        if (project.Rules.Exists(rule => JToken.DeepEquals(rule.Json["tag_selectors"], body["tag_selectors"]) && JToken.DeepEquals(rule.Json["scope_selectors"], body["scope_selectors"])))
            return HarborAnswer.Conflict("immutable rule already exists");
        project.Rules.Add(new HarborRule { Id = id, Json = body });
        return new HarborAnswer(201).With("Location", $"{Root}/{project.Name}/immutabletagrules/{id}");
    }

    static HarborAnswer ChangeRule(HarborCall call, HarborProject project, string id)
    {
        var body = GoBody.Read(call, "immutableRule", GoBody.Anything);
        if (project.Rules.Find(rule => rule.Id.ToString() == id) is not { } rule)
            return HarborAnswer.NotFound($"immutable rule {id} not found");
        rule.Json = body;
        return new HarborAnswer(200);
    }

    static HarborAnswer DeleteRule(HarborProject project, string id) =>
        project.Rules.RemoveAll(rule => rule.Id.ToString() == id) > 0 ? new HarborAnswer(200) : HarborAnswer.NotFound($"immutable rule {id} not found");

    HarborAnswer? Retention(HarborCall call)
    {
        if (!call.Who.IsKnown)
            return HarborAnswer.Unauthorized();
        if ((call.Method, call.Path) is ("POST", "/api/v2.0/retentions"))
        {
            var body = GoBody.Read(call, "policy", GoBody.Anything);
            var project = state.Projects.Find(project => project.Id == (int?)body["scope"]?["ref"]);
            if (project is null || !state.May(call.Who, project, "tag-retention", "create"))
                return HarborAnswer.Forbidden();
            if (state.Retentions.Find(retention => retention.ProjectId == project.Id) is { } other)
                return HarborAnswer.BadRequest($"bad request: project {project.Id} already has retention policy {other.Id}");
            var added = AddRetention(project, body);
            project.Metadata["retention_id"] = added.Id.ToString();
            return new HarborAnswer(201).With("Location", $"/api/v2.0/retentions/{added.Id}");
        }

        if (call.Path.Split('/') is not [_, _, _, _, var id] || state.Retentions.Find(retention => retention.Id.ToString() == id) is not { } found)
            return HarborAnswer.NotFound("no such Retention policy");
        var owner = state.Projects.Find(project => project.Id == found.ProjectId)!;
        if (!state.May(call.Who, owner, "tag-retention", call.Method == "GET" ? "read" : call.Method == "PUT" ? "update" : "delete"))
            return HarborAnswer.Forbidden();
        switch (call.Method)
        {
            case "GET":
                var json = (JObject)found.Json.DeepClone();
                json["id"] = found.Id;
                foreach (var rule in (json["rules"] as JArray ?? []).OfType<JObject>().Where(rule => (bool?)rule["disabled"] != true))
                    rule.Remove("disabled");
                return HarborAnswer.Json(json);
            case "PUT":
                found.Json = GoBody.Read(call, "policy", GoBody.Anything);
                return new HarborAnswer(200);
            case "DELETE":
                state.Retentions.Remove(found);
                owner.Metadata.Remove("retention_id");
                return new HarborAnswer(200);
            default:
                return null;
        }
    }

    HarborRetention AddRetention(HarborProject project, JObject policy)
    {
        var retention = new HarborRetention { Id = state.NextRetention(), ProjectId = project.Id, Json = policy };
        state.Retentions.Add(retention);
        return retention;
    }

    HarborAnswer Repositories(HarborCall call, HarborProject project)
    {
        var name = call.Filters().GetValueOrDefault("name");
        // The newest first.
        return call.Page([.. state.RepositoriesOf(project).Reverse().Where(repository => name is null || (name.StartsWith('~') ? repository.Contains(name[1..], StringComparison.Ordinal) : repository == name))
            .Select(repository => RepositoryJson(project, repository))]);
    }

    HarborAnswer Repository(HarborProject project, string name) =>
        state.Content.HasRepository($"{project.Name}/{name}") ? HarborAnswer.Json(RepositoryJson(project, $"{project.Name}/{name}")) : HarborAnswer.NotFound($"repository {project.Name}/{name} not found");

    HarborAnswer DeleteRepository(HarborProject project, string name)
    {
        var full = $"{project.Name}/{name}";
        if (!state.Content.HasRepository(full))
            return HarborAnswer.NotFound($"repository {full} not found");
        if (state.Content.Tags(full).FirstOrDefault(tag => HarborDistribution.IsImmutable(project, full, tag)) is { } immutable)
            return HarborAnswer.Error(412, "PRECONDITION", $"the tag {immutable} configured as immutable, cannot be deleted");
        state.Content.RemoveRepository(full);
        return new HarborAnswer(200);
    }

    JObject RepositoryJson(HarborProject project, string name) => new()
    {
        ["artifact_count"] = HarborDistribution.Artifacts(state.Content, name).Count,
        ["creation_time"] = HarborText.Time(project.Created),
        ["id"] = 1,
        ["name"] = name,
        ["project_id"] = project.Id,
        ["pull_count"] = 0,
        ["update_time"] = HarborText.Time(project.Created),
    };
}
