using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>Repositories by the management API: their making, visibility, state, permissions, tags.</summary>
public sealed partial class QuayFake
{
    const int TagsPerPage = 100;

    FakeAnswer RepositoryCollection(FakeCall call, Caller caller)
    {
        if (call.IsRead)
            return ListRepositories(call, caller);
        if (Body(call, out var fault, ["repository", "visibility", "description"], ("visibility", ["public", "private"])) is not { } body)
            return fault;
        if (caller.User is null)
            return Unauthorized(caller);
        var (@namespace, name) = ((string?)body["namespace"] ?? caller.Name!, (string)body["repository"]!);
        if (!caller.Has("repo:create", "org:admin") || !database.MayCreateIn(@namespace, caller.Name))
            return Unauthorized(caller);
        if (database.Repository($"{@namespace}/{name}") is not null)
            return InvalidRequest("Repository already exists");
        if (!database.IsRepositoryName(name))
            return InvalidRequest("Invalid repository name");
        database.AddRepository(@namespace, name, (string)body["visibility"]! == "public", caller.Name!).Description = (string)body["description"]!;
        return Created(new JObject { ["namespace"] = @namespace, ["name"] = name, ["kind"] = "image" });
    }

    FakeAnswer ListRepositories(FakeCall call, Caller caller)
    {
        if (call.Parameter("namespace") is not { } @namespace)
            return InvalidRequest("namespace, starred or public are required for this API call");
        // Only with public=true others see what anybody may.
        var seen = database.Repositories.Where(repository => repository.Namespace == @namespace && (caller.Has("repo:read", "repo:write", "repo:admin") && database.May(repository, caller.Name, "read") ? true : repository.IsPublic && call.Parameter("public") == "true")).ToList();
        var start = int.TryParse(call.Parameter("next_page"), out var from) ? from : 0;
        var json = new JObject
        {
            ["repositories"] = new JArray(seen.Skip(start).Take(TagsPerPage).Select(repository =>
            {
                var item = new JObject { ["namespace"] = @namespace, ["name"] = repository.Name, ["description"] = repository.Description, ["is_public"] = repository.IsPublic, ["kind"] = "image", ["state"] = repository.State };
                if (call.Parameter("last_modified") == "true")
                    item["last_modified"] = repository.Content.Alive.Select(tag => (long?)tag.Since.ToUnixTimeSeconds()).Max();
                if (caller.User is not null)
                    item["is_starred"] = false;
                return item;
            })),
        };
        if (seen.Count > start + TagsPerPage)
            json["next_page"] = (start + TagsPerPage).ToString();
        return Ok(json);
    }

    ApiRoute? RepositoryRoute(string fullName, string rest) => rest.Split('/') switch
    {
        [""] => fullName.EndsWith('/') ? null : new(["GET", "PUT", "DELETE"], (call, caller) => Repository(call, caller, fullName)),
        ["changevisibility"] => new(["POST"], (call, caller) => ChangeVisibility(call, caller, fullName)),
        ["changestate"] => new(["PUT"], (call, caller) => ChangeState(call, caller, fullName)),
        ["permissions", "user", ""] => new(["GET"], (_, caller) => Administered(caller, fullName, repository => Ok(new JObject { ["permissions"] = new JObject(repository.UserRoles.Select(role => new JProperty(role.Key, PermissionJson(role.Key, role.Value)))) }))),
        ["permissions", "user", var user] => new(["GET", "PUT", "DELETE"], (call, caller) => Administered(caller, fullName, repository => UserPermission(call, repository, Uri.UnescapeDataString(user)))),
        ["permissions", "team", var team] when team.Length > 0 => new(["PUT", "DELETE"], (call, caller) => Administered(caller, fullName, repository => TeamPermission(call, repository, team))),
        ["tag", ""] => new(["GET"], (call, caller) => Tags(call, caller, fullName)),
        ["tag", var tag] => new(["PUT", "DELETE"], (call, caller) => Tag(call, caller, fullName, tag)),
        ["tag", var tag, "restore"] => new(["POST"], (call, caller) => Tag(call, caller, fullName, tag)),
        ["manifest", var digest] => new(["GET"], (_, caller) => ManifestView(caller, fullName, digest)),
        ["mirror"] => new(["GET"], (_, _) => NotFound()),
        _ => null,
    };

    FakeAnswer Repository(FakeCall call, Caller caller, string fullName)
    {
        var repository = database.Repository(fullName);
        if (call.IsRead)
        {
            if (repository is null)
                return caller.User is not null && caller.Has("repo:read", "repo:write", "repo:admin") && MayAdminister(caller, fullName) ? NotFound() : Unauthorized(caller);
            if (!repository.IsPublic && !(caller.Has("repo:read", "repo:write", "repo:admin") && database.May(repository, caller.Name, "read")))
                return Unauthorized(caller);
            return Ok(RepositoryJson(repository, caller));
        }

        if (!caller.Has("repo:admin", "repo:write") || !MayAdminister(caller, fullName))
            return Unauthorized(caller);
        if (call.Method == "DELETE")
        {
            if (repository is not null)
                database.Repositories.Remove(repository);
            return Gone();
        }

        if (repository is null)
            return NotFound();
        if (Body(call, out var fault, ["description"]) is not { } body)
            return fault;
        repository.Description = (string)body["description"]!;
        return Ok(new JObject { ["success"] = true });
    }

    JObject RepositoryJson(QuayRepository repository, Caller caller) => new()
    {
        ["namespace"] = repository.Namespace,
        ["name"] = repository.Name,
        ["kind"] = "image",
        ["description"] = repository.Description,
        ["is_public"] = repository.IsPublic,
        ["is_organization"] = database.Organizations.ContainsKey(repository.Namespace),
        ["is_starred"] = false,
        ["status_token"] = caller.User is null ? "" : repository.StatusToken,
        ["trust_enabled"] = false,
        ["tag_expiration_s"] = QuayOrganization.DefaultTagExpiration,
        ["is_free_account"] = true,
        ["state"] = repository.State,
        ["tags"] = new JObject(repository.Content.Alive.Select(tag => new JProperty(tag.Name, new JObject { ["name"] = tag.Name, ["manifest_digest"] = tag.Digest }))),
        ["can_write"] = database.May(repository, caller.Name, "write"),
        ["can_admin"] = database.May(repository, caller.Name, "admin"),
    };

    /// <summary>Whether the caller is admin of the repository or of where it would be.</summary>
    bool MayAdminister(Caller caller, string fullName) =>
        caller.User is not null
        && (database.Repository(fullName) is { } repository
            ? database.May(repository, caller.Name, "admin")
            : caller.Name == fullName.Split('/')[0] || (database.Organizations.TryGetValue(fullName.Split('/')[0], out var organization) && database.IsAdmin(organization, caller.Name)));

    FakeAnswer Administered(Caller caller, string fullName, Func<QuayRepository, FakeAnswer> answer) =>
        !caller.Has("repo:admin") || !MayAdminister(caller, fullName) ? Unauthorized(caller)
        : database.Repository(fullName) is { } repository ? answer(repository)
        : NotFound();

    FakeAnswer ChangeVisibility(FakeCall call, Caller caller, string fullName)
    {
        if (Body(call, out var fault, ["visibility"], ("visibility", ["public", "private"])) is not { } body)
            return fault;
        if (!caller.Has("repo:admin") || !MayAdminister(caller, fullName))
            return Unauthorized(caller);
        // A repository that is not there is no error.
        if (database.Repository(fullName) is not { } repository)
            return Ok(JValue.CreateNull());
        repository.IsPublic = (string)body["visibility"]! == "public";
        return Ok(new JObject { ["success"] = true });
    }

    FakeAnswer ChangeState(FakeCall call, Caller caller, string fullName)
    {
        if (Body(call, out var fault, ["state"], ("state", ["NORMAL", "READ_ONLY", "MIRROR"])) is not { } body)
            return fault;
        return Administered(caller, fullName, repository =>
        {
            repository.State = (string)body["state"]!;
            return Ok(new JObject { ["success"] = true });
        });
    }

    FakeAnswer UserPermission(FakeCall call, QuayRepository repository, string name)
    {
        const string None = "User does not have permission for repo.";
        switch (call.Method)
        {
            case "PUT":
                if (Body(call, out var fault, ["role"], ("role", ["read", "write", "admin"])) is not { } body)
                    return fault;
                if (!database.Users.ContainsKey(name) && !database.Robots.ContainsKey(name))
                    return InvalidRequest($"Invalid username: {name}");
                repository.UserRoles[name] = (string)body["role"]!;
                return Ok(PermissionJson(name, repository.UserRoles[name]));
            case "DELETE":
                return repository.UserRoles.Remove(name) ? Gone() : InvalidRequest(None);
            default:
                return repository.UserRoles.TryGetValue(name, out var role) ? Ok(PermissionJson(name, role)) : Message(400, None);
        }
    }

    FakeAnswer TeamPermission(FakeCall call, QuayRepository repository, string team)
    {
        if (call.Method == "DELETE")
            return repository.TeamRoles.Remove(team) ? Gone() : InvalidRequest("Team does not have permission for repo.");
        if (Body(call, out var fault, ["role"], ("role", ["read", "write", "admin"])) is not { } body)
            return fault;
        repository.TeamRoles[team] = (string)body["role"]!;
        return Ok(new JObject { ["role"] = repository.TeamRoles[team], ["name"] = team, ["avatar"] = Avatar(team, "team") });
    }

    static JObject PermissionJson(string name, string role) => new()
    {
        ["role"] = role,
        ["name"] = name,
        ["is_robot"] = name.Contains('+'),
        ["avatar"] = Avatar(name, name.Contains('+') ? "robot" : "user"),
        ["is_org_member"] = true,
    };

    FakeAnswer Tags(FakeCall call, Caller caller, string fullName)
    {
        if (database.Repository(fullName) is not { } repository || !(repository.IsPublic || (caller.Has("repo:read", "repo:write", "repo:admin") && database.May(repository, caller.Name, "read"))))
            return Unauthorized(caller);
        var limit = int.TryParse(call.Parameter("limit"), out var asked) ? asked : 50;
        var page = int.TryParse(call.Parameter("page"), out var number) ? number : 1;
        var tags = repository.Content.Tags.Where(tag => (call.Parameter("onlyActiveTags") != "true" || tag.Until is null) && (call.Parameter("specificTag") is not { } name || name == tag.Name)).Reverse().ToList();
        return Ok(new JObject
        {
            ["tags"] = new JArray(tags.Skip((page - 1) * limit).Take(limit).Select(tag =>
            {
                var json = new JObject { ["name"] = tag.Name, ["reversion"] = false, ["start_ts"] = tag.Since.ToUnixTimeSeconds() };
                if (tag.Until is { } until)
                    json["end_ts"] = until.ToUnixTimeSeconds();
                var manifest = repository.Content.Manifests[tag.Digest];
                json["manifest_digest"] = tag.Digest;
                json["is_manifest_list"] = MediaTypes.IsIndex(manifest.MediaType);
                json["size"] = MediaTypes.IsIndex(manifest.MediaType) || MediaTypes.IsSchema1(manifest.MediaType) ? null : Manifest.Parse(manifest).Blobs.Skip(1).Sum(blob => blob.Size);
                json["last_modified"] = Date(tag.Since);
                if (tag.Until is { } ended)
                    json["expiration"] = Date(ended);
                return json;
            })),
            ["page"] = page,
            ["has_additional"] = tags.Count > page * limit,
        });
    }

    FakeAnswer Tag(FakeCall call, Caller caller, string fullName, string tag)
    {
        if (database.Repository(fullName) is not { } repository || !caller.Has("repo:write", "repo:admin") || !database.May(repository, caller.Name, "write"))
            return Unauthorized(caller);
        if (call.Method == "DELETE")
            return repository.Content.EndTag(tag, Clock.GetUtcNow()) ? Gone() : NotFound();
        if ((string?)call.Json?["manifest_digest"] is { } digest)
            repository.Content.Point(tag, digest, Clock.GetUtcNow());
        return call.Method == "POST" ? Ok(new JObject()) : Created("Updated");
    }

    FakeAnswer ManifestView(Caller caller, string fullName, string digest)
    {
        if (database.Repository(fullName) is not { } repository || !caller.Has("repo:read", "repo:write", "repo:admin") || !database.May(repository, caller.Name, "read"))
            return Unauthorized(caller);
        return repository.Content.Manifests.TryGetValue(digest, out var manifest)
            ? Ok(new JObject { ["digest"] = digest, ["is_manifest_list"] = MediaTypes.IsIndex(manifest.MediaType), ["manifest_data"] = System.Text.Encoding.UTF8.GetString(manifest.Bytes.Span) })
            : NotFound();
    }
}
