using Newtonsoft.Json.Linq;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries.Harbor;

namespace Passthrough.Modules.Tests.Harbor;

/// <summary><c>mirror_repo</c> on Harbor: the project.</summary>
public sealed class HarborProjectTests : IAsyncLifetime
{
    HarborStage stage = null!;

    public async Task InitializeAsync() => stage = await HarborStage.Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    HarborProject Project => stage.State.Project("mirror")!;

    static string Message(JObject answer) => (string)answer["msg"]!;

    [Fact]
    public async Task First_run_makes_it_the_second_changes_nothing_and_check_mode_predicts()
    {
        (string, JToken?)[] wish = [("visibility", "public"), ("quota", "10G"), ("immutable_tags", true)];
        var predicted = await stage.CheckRepo(wish);
        Assert.Empty(stage.Writes);
        Assert.Null(stage.State.Project("mirror"));

        var first = await stage.Repo(wish);
        Assert.True((bool)first["changed"]!, first.ToString());
        Assert.True((bool)predicted["changed"]!);
        Assert.Equal((true, 10L * 1024 * 1024 * 1024), (Project.IsPublic, Project.Quota));
        Assert.Equal(["**"], Project.Rules.Single().Json["tag_selectors"]!.Select(selector => (string)selector["pattern"]!));
        Assert.Equal("""{"name":"mirror","exists":true,"created":true,"writable":null,"visibility":"public","quota":10737418240,"immutable_tags":true,"description":null}""", Core.Text.Json.Compact(first["namespace"]!));
        Assert.Equal($"{stage.Server.Name}/mirror/quay.io", (string)first["mirror_map"]!.First(pair => (string)pair["source"]! == "quay.io")["mirror"]!);

        stage.Server.Web.ClearRequests();
        var second = await stage.Repo(wish);
        Assert.False((bool)second["changed"]!, second.ToString());
        Assert.Empty(stage.Writes);
    }

    [Fact]
    public async Task What_is_asked_for_is_changed_and_the_rest_stays()
    {
        stage.State.AddProject("mirror");
        Project.Metadata["public"] = "true";
        Project.Metadata["auto_scan"] = "true";
        Project.Metadata["prevent_vul"] = "true";
        Project.Quota = 5;

        var answer = await stage.Repo(("visibility", "private"));
        Assert.Equal(["set public: false on project mirror"], answer["actions"]!.Select(action => (string)action!));
        Assert.Equal(("false", "true", "true", 5L),
            (Project.Metadata["public"], Project.Metadata["auto_scan"], Project.Metadata["prevent_vul"], Project.Quota));

        await stage.Repo(("quota", "0"), ("immutable_tags", true));
        Assert.Equal(-1, Project.Quota);
        await stage.Repo(("immutable_tags", false));
        Assert.Empty(Project.Rules);
    }

    [Fact]
    public async Task A_schedule_that_removes_tags_is_stopped_and_its_rules_stay()
    {
        stage.State.AddProject("mirror");
        stage.State.Retentions.Add(new HarborRetention { Id = 7, ProjectId = Project.Id, Json = (JObject)Core.Text.Json.Parse("""{"algorithm":"or","rules":[{"action":"retain","template":"latestPushedK"}],"scope":{"level":"project","ref":2},"trigger":{"kind":"Schedule","settings":{"cron":"0 0 0 * * *"}}}""") });
        Project.Metadata["retention_id"] = "7";

        var answer = await stage.Repo();

        Assert.Equal(["stop the retention policy of project mirror, which removes tags by itself"], answer["actions"]!.Select(action => (string)action!));
        var policy = stage.State.Retentions.Single().Json;
        Assert.Equal(("", 1), ((string)policy["trigger"]!["settings"]!["cron"]!, policy["rules"]!.Count()));
        Assert.False((bool)(await stage.Repo())["changed"]!);
    }

    [Fact]
    public async Task A_proxy_cache_is_refused_with_the_reason()
    {
        stage.State.AddProject("mirror", registryId: 1);

        var answer = await stage.Repo();

        Assert.Contains("project mirror on", Message(answer), StringComparison.Ordinal);
        Assert.Contains("cannot hold a mirror: it is a proxy cache, which refuses every push", Message(answer), StringComparison.Ordinal);
        Assert.Empty(stage.Writes);
        Assert.Equal(Message(answer), Message(await stage.Auth()));
    }

    [Fact]
    public async Task It_is_removed_when_empty_and_with_images_only_by_force()
    {
        await stage.Repo(("immutable_tags", true));
        var image = ImageBuilder.Image([ImageBuilder.Layer("a")]);
        foreach (var repository in new[] { "mirror/quay.io/centos/centos", "mirror/b" })
        {
            foreach (var blob in image.AllBlobs)
                stage.State.Content.PutBlob(repository, blob.Digest, blob.Bytes);
            stage.State.Content.PutManifest(repository, image.Manifest, "v1");
        }

        var refused = await stage.Repo(("state", "absent"));
        Assert.Contains("holds images, so it was not removed", Message(refused), StringComparison.Ordinal);
        Assert.NotNull(Project);

        stage.Server.Web.ClearRequests();
        var removed = await stage.Repo(("state", "absent"), ("force", true));
        Assert.True((bool)removed["changed"]!, removed.ToString());
        Assert.Null(stage.State.Project("mirror"));
        Assert.Contains(stage.Writes, request => request.Path == "/api/v2.0/projects/mirror/repositories/quay.io%252Fcentos%252Fcentos");
        Assert.False((bool)(await stage.Repo(("state", "absent")))["changed"]!);
    }

    [Fact]
    public async Task What_Harbor_has_not_is_said() =>
        Assert.Contains("description: a project of Harbor has none", Message(await stage.Repo(("description", "what for"))), StringComparison.Ordinal);

    [Fact]
    public async Task The_project_of_somebody_else_is_told_from_one_that_is_missing()
    {
        var joe = stage.State.AddUser("joe", "Harbor12345");
        stage.State.AddProject("mirror");
        (string, JToken?)[] asJoe = [("username", "joe")];

        Assert.Contains("belongs to somebody else: user \"joe\" is no member of it", Message(await stage.Repo([.. asJoe, ("visibility", "public")])), StringComparison.Ordinal);
        Project.Members[joe.Id] = 2;
        Assert.Contains("user \"joe\" is developer in project mirror", Message(await stage.Repo([.. asJoe, ("visibility", "public")])), StringComparison.Ordinal);
        Project.Members[joe.Id] = 1;
        Assert.True((bool)(await stage.Repo([.. asJoe, ("visibility", "public")]))["changed"]!);
        Assert.Contains("user \"joe\" may not see or set the quota of project mirror", Message(await stage.Repo([.. asJoe, ("quota", "1G")])), StringComparison.Ordinal);

        stage.State.ProjectCreation = "adminonly";
        Assert.Contains("user \"joe\" is no system administrator, and only they make projects", Message(await stage.Repo([.. asJoe, ("namespace", "other")])), StringComparison.Ordinal);
    }

    /// <summary>A system administrator has no role in the projects of others and may manage them all the same.</summary>
    [Fact]
    public async Task The_system_administrator_manages_the_project_of_another()
    {
        stage.State.AddProject("mirror", stage.State.AddUser("joe", "Harbor12345"));

        Assert.True((bool)(await stage.Repo(("visibility", "public")))["changed"]!);
        Assert.True((bool)(await stage.Auth())["account"]!["created"]!);
    }

    [Fact]
    public async Task Somebody_who_makes_it_at_the_same_time_is_no_fault()
    {
        stage.Server.Web.Around = async (context, answer) =>
        {
            if (context.Request is { Method: "POST", Path.Value: "/api/v2.0/projects" })
                stage.State.AddProject("mirror").Metadata["public"] = "true";
            await answer();
        };

        var answer = await stage.Repo(("visibility", "private"));

        // Another client made it: only the change is ours.
        Assert.Equal(["set public: false on project mirror"], answer["actions"]!.Select(action => (string)action!));
        Assert.False(Project.IsPublic);
    }

    [Fact]
    public async Task A_project_with_a_number_for_a_name_is_found()
    {
        Assert.True((bool)(await stage.Repo(("namespace", "2026")))["changed"]!);
        Assert.False((bool)(await stage.Repo(("namespace", "2026")))["changed"]!);
    }

    /// <summary>Somebody else's robot gets what pushing needs and keeps the rest, the switch that turned it off included; registry_auth still does not take it over.</summary>
    [Fact]
    public async Task An_account_that_exists_gets_what_pushing_needs_and_keeps_what_it_has()
    {
        await stage.Repo();
        await stage.Auth(("account_name", "theirs"));
        var robot = stage.State.Robots.Single();
        robot.Description = "the build farm's";
        robot.IsDisabled = true;
        robot.Permissions = [new HarborPermission("project", "mirror", [new HarborAccess("repository", "pull"), new HarborAccess("artifact", "read")])];
        (string, JToken?) grant = ("grant_to", new JArray("robot$mirror+theirs"));

        var predicted = await stage.CheckRepo(grant);
        var granted = await stage.Repo(grant);

        Assert.Equal(predicted["actions"]!, granted["actions"]!, JToken.EqualityComparer);
        Assert.Equal(["add to the rights of robot account theirs in mirror: pull and push"], granted["actions"]!.Select(action => (string)action!));
        Assert.Equal(["artifact:read", "repository:pull", "repository:push"], robot.Permissions.Single().Access.Select(access => $"{access.Resource}:{access.Action}").Order());
        Assert.True(robot.IsDisabled);
        Assert.Equal("the build farm's", robot.Description);
        Assert.False((bool)(await stage.Repo(("grant_to", new JArray("theirs"))))["changed"]!);
        Assert.Contains("was not made by registry_auth: its description is \"the build farm's\"", Message(await stage.Auth(("account_name", "theirs"))), StringComparison.Ordinal);
        Assert.Contains("grant_to names nobody, and mirror on", Message(await stage.Repo(("grant_to", new JArray("nobody")))), StringComparison.Ordinal);
    }

    /// <summary>A robot may not look at its project: that it is there is enough.</summary>
    [Fact]
    public async Task The_robot_itself_finds_its_project_as_it_should_be()
    {
        await stage.Auth();

        var answer = await stage.Repo(("username", (string)stage.AuthConfig["username"]!), ("password", (string)stage.AuthConfig["password"]!));

        Assert.False((bool)answer["changed"]!, answer.ToString());
        Assert.Null(answer["failed"]);
    }
}
