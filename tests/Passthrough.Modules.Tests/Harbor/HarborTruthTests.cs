using Newtonsoft.Json.Linq;
using Passthrough.Modules.Tests.Products;
using Passthrough.Testing.Registries.Harbor;

namespace Passthrough.Modules.Tests.Harbor;

/// <summary>What is said of a Harbor was seen on it, and what is said to be done was done.</summary>
public sealed class HarborTruthTests : IAsyncLifetime
{
    static readonly (string, JToken?) PullOnly = ("access", new JArray("pull"));

    HarborStage stage = null!;

    public async Task InitializeAsync() => stage = await HarborStage.Start();

    public async Task DisposeAsync() => await stage.DisposeAsync();

    (string, JToken?)[] As(string user, params (string, JToken?)[] more) => [("username", user), ("password", "Us3r-password"), .. more];

    HarborProject Project(string user, int? role)
    {
        var member = stage.State.AddUser(user, "Us3r-password");
        var project = stage.State.AddProject("mirror");
        if (role is { } number)
            project.Members[member.Id] = number;
        return project;
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public async Task An_account_that_may_push_gets_into_no_file_of_the_cluster(int role)
    {
        Project("dev", role);
        stage.Write("pull.json", "{\"auths\":{}}");
        var secret = stage.Write("pull-secret.json", "{\"auths\":{}}");

        foreach (var result in new[] { await stage.CheckAuth(As("dev", PullOnly, ("pull_secret_path", secret))),
            await stage.Auth(As("dev", PullOnly, ("pull_secret_path", secret))) })
            result.MustFail("user dev may also push to mirror", "registry_pull_username");
        Assert.Equal("{\"auths\":{}}", File.ReadAllText(secret));
        Assert.False(File.Exists(stage.PathOf("harbor-pull-auth-config.json")));

        var told = (await stage.Auth(As("dev", PullOnly, ("method", "user")))).MustChange();
        Assert.True((bool)told["account"]!["may_push"]!);
        Assert.Equal(["pull", "push"], told["account"]!["access"]!.Values<string>());
        Assert.Contains(told.Warnings(), warning => warning.Contains("user dev may also push to mirror", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_account_that_may_only_pull_is_taken_and_said_to_be_one()
    {
        Project("reader", 3);

        var result = (await stage.Auth(As("reader", PullOnly))).MustChange();

        Assert.False((bool)result["account"]!["may_push"]!);
        Assert.Contains("may only pull in mirror", (string)result["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_sentence_says_what_was_changed_and_check_mode_what_would_be()
    {
        (await stage.Auth()).MustChange();
        var robot = stage.State.Robots.Single();
        robot.IsDisabled = true;
        robot.Permissions[0] =
            robot.Permissions[0] with { Access = [.. robot.Permissions[0].Access.Where(right => right.Action != "push")] };

        var predicted = (await stage.CheckAuth()).MustChange();
        var done = (await stage.Auth()).MustChange();

        Assert.Contains("would be changed (enable robot account ocp-mirror", (string)predicted["msg"]!, StringComparison.Ordinal);
        Assert.Contains("was changed (enable robot account ocp-mirror and set the rights", (string)done["msg"]!, StringComparison.Ordinal);
        Assert.Contains("enable robot account", done["diff"]!.ToString(), StringComparison.Ordinal);
        Assert.Equal(predicted.Actions(), done.Actions());
        (await stage.Auth()).MustNotChange();
    }

    [Fact]
    public async Task What_failed_is_not_among_what_was_done()
    {
        (await stage.Auth()).MustChange();
        stage.State.Robots.Single().IsDisabled = true;
        stage.Server.Web.Around = (context, answer) =>
        {
            if (context.Request.Method != "PUT")
                return answer();
            context.Response.StatusCode = 403;
            return Task.CompletedTask;
        };

        var result = await stage.Auth();

        Assert.True((bool)result["failed"]!);
        Assert.Empty(result.Actions());
    }

    [Fact]
    public async Task A_namespace_that_does_not_exist_is_made_by_whoever_may()
    {
        stage.State.AddUser("dev", "Us3r-password");

        Assert.Contains("is not there", (string)(await stage.Repo(As("dev", ("state", "absent")))).MustNotChange()["msg"]!,
            StringComparison.Ordinal);
        (await stage.CheckRepo(As("dev"))).MustChange();
        (await stage.Repo(As("dev"))).MustChange();
        Assert.NotNull(stage.State.Project("mirror"));
    }

    [Fact]
    public async Task A_namespace_that_only_administrators_may_make_says_so()
    {
        stage.State.AddUser("dev", "Us3r-password");
        stage.State.ProjectCreation = "adminonly";

        (await stage.Repo(As("dev"))).MustFail("user \"dev\" is no system administrator");
    }

    [Fact]
    public async Task A_project_of_others_is_said_to_be_theirs()
    {
        Project("dev", role: null);

        (await stage.Repo(As("dev"))).MustFail("project mirror");
    }

    [Theory]
    [InlineData("auto_scan")]
    [InlineData("prevent_vul")]
    [InlineData("auto_sbom_generation")]
    public async Task What_is_not_asked_for_stays(string setting)
    {
        var project = stage.State.AddProject("mirror");
        project.Metadata[setting] = "true";

        var result = (await stage.Repo()).MustNotChange();
        (await stage.Repo(("visibility", "public"))).MustChange();

        Assert.Equal("true", project.Metadata[setting]);
        Assert.Equal(setting == "prevent_vul", result.Warnings().Any(warning => warning.Contains("prevent_vul", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_narrower_immutability_rule_of_others_is_named()
    {
        var project = stage.State.AddProject("mirror");
        const string Rule = """
            {"tag_selectors":[{"decoration":"matches","pattern":"v*"}],
             "scope_selectors":{"repository":[{"decoration":"repoMatches","pattern":"quay.io/**"}]}}
            """;
        project.Rules.Add(new HarborRule { Id = 1, Json = JObject.Parse(Rule) });

        var result = (await stage.Repo()).MustNotChange();

        Assert.Contains(result.Warnings(),
            warning => warning.Contains("immutability rule for tags v* in repositories quay.io/**", StringComparison.Ordinal));
        Assert.False((bool)result["namespace"]!["immutable_tags"]!);
    }

    [Fact]
    public async Task A_retention_policy_without_a_schedule_is_named()
    {
        var project = stage.State.AddProject("mirror");
        project.Metadata["retention_id"] = "7";
        var policy = JObject.Parse("""{"rules":[{"action":"retain"}],"trigger":{"kind":"Schedule","settings":{"cron":""}}}""");
        stage.State.Retentions.Add(new HarborRetention { Id = 7, ProjectId = project.Id, Json = policy });

        var result = (await stage.Repo()).MustNotChange();

        Assert.Contains(result.Warnings(), warning => warning.Contains("retention policy without a schedule", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_mode_knows_a_secret_that_Harbor_will_refuse()
    {
        (await stage.CheckAuth(("secret", "weak"))).MustFail("secret is none that Harbor takes");
    }

    [Fact]
    public async Task Check_mode_knows_that_another_account_has_the_name_that_a_rotation_needs()
    {
        (await stage.Auth(PullOnly)).MustChange();
        (await stage.Auth(("account_name", "ocp-pull-2"), ("dest_dir", stage.Out + "-2"), PullOnly)).MustChange();

        (await stage.CheckAuth(PullOnly, ("rotate", "always"))).MustFail("is there already and was not made for that");
    }

    [Fact]
    public async Task Undo_without_an_administrator_says_what_is_left()
    {
        (await stage.Auth()).MustChange();
        var name = (string)stage.AuthConfig["username"]!;

        var kept = (await stage.CheckAuth(("state", "absent"), ("username", null), ("password", null))).MustChange();
        stage.State.Robots.Clear();
        var gone = (await stage.Auth(("state", "absent"), ("username", null), ("password", null))).MustChange();

        Assert.Contains($"account {name} stays on the registry, which still accepts it", (string)kept["msg"]!, StringComparison.Ordinal);
        Assert.Contains($"does not accept account {name} any more", (string)gone["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_developer_who_removes_by_force_is_told_what_lacks()
    {
        Project("dev", 2);

        (await stage.Repo(As("dev", ("state", "absent"), ("force", true))))
            .MustFail("user \"dev\" is developer in project mirror", "give an account that may manage mirror");
    }

    [Fact]
    public async Task An_account_that_cannot_renew_itself_says_so()
    {
        (await stage.Auth(PullOnly, ("expires_days", 90))).MustChange();

        var result = (await stage.Auth(PullOnly, ("rotate_before_days", 30), ("username", null), ("password", null))).MustNotChange();

        Assert.Contains(result.Warnings(),
            warning => warning.StartsWith("rotate_before_days 30: when robot$mirror+ocp-pull expires is not known",
                StringComparison.Ordinal));
    }
}
