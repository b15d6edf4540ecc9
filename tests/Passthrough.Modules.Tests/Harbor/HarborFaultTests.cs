using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Testing.Registries.Harbor;

namespace Passthrough.Modules.Tests.Harbor;

/// <summary>What users read when something is wrong with Harbor or with what they asked of it; and that no secret is thrown away because of it.</summary>
public sealed class HarborFaultTests : IAsyncLifetime
{
    HarborStage stage = null!;

    public async Task InitializeAsync() => stage = await HarborStage.Start(new HarborSettings { LoginLock = TimeSpan.FromMilliseconds(200) });

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    string Name => stage.Server.Name;

    static string Message(JObject answer) => (string)answer["msg"]!;

    static string Warnings(JObject answer) => string.Join('\n', answer["warnings"]?.Select(warning => (string)warning!) ?? []);

    void AssertFault(JObject answer, string sentence, string code)
    {
        Assert.True((bool?)answer["failed"], answer.ToString());
        Assert.Contains(sentence.Replace("{name}", Name, StringComparison.Ordinal), Message(answer), StringComparison.Ordinal);
        Assert.Equal(code, (string)answer["error"]!["code"]!);
        Assert.Equal([], stage.Writes.Select(write => write.ToString()));
        Assert.False(Path.Exists(stage.Out));
    }

    [Fact]
    public async Task Wrong_password() =>
        AssertFault(await stage.Auth(("password", "wr0ngPassword")), "cannot look for project mirror on {name}: {name} refused user \"admin\": wrong user name or password (401: unauthorized)", "UNAUTHORIZED");

    /// <summary>Somebody else's wrong password locks the user for a moment: one more attempt gets through.</summary>
    [Fact]
    public async Task A_lock_that_others_caused_is_waited_for()
    {
        await stage.Auth();
        stage.State.Users[0].LockedUntil = DateTimeOffset.UtcNow.AddSeconds(1.5);

        var answer = await stage.Auth();

        Assert.Null(answer["failed"]);
        Assert.False((bool)answer["changed"]!);
    }

    [Fact]
    public async Task A_token_is_no_login() =>
        AssertFault(await stage.Auth(("username", null), ("password", null), ("token", "abc.def.ghi")), "the API of Harbor takes no tokens, and no password was given for {name}", "UNAUTHORIZED");

    [Fact]
    public async Task Nobody_given() =>
        AssertFault(await stage.Auth(("username", null), ("password", null)), "no credentials were given for {name}, and no file has an account of an earlier run", "UNAUTHORIZED");

    [Theory]
    [InlineData("account_name", "OCP_Mirror", "account_name \"OCP_Mirror\" is no name that Harbor takes: 1 to 200 characters, lower-case letters and digits, with single . _ - between them")]
    [InlineData("account_name", "robot$mirror+x", "account_name \"robot$mirror+x\" is no name that Harbor takes")]
    public async Task A_name_that_breaks_the_rule_is_refused_before_anything_is_asked(string parameter, string value, string sentence)
    {
        AssertFault(await stage.Auth((parameter, value)), sentence, "INVALID_ARGUMENT");
        Assert.Equal(["GET /v2/ -> 401"], stage.Server.Requests.Select(request => request.ToString()));
    }

    [Fact]
    public async Task A_robot_of_somebody_else_is_not_taken_over()
    {
        await stage.Auth();
        var robot = stage.State.Robots.Single();
        (robot.Description, var secret) = ("made by hand for CI", robot.Secret);

        var answer = await stage.Auth(("rotate", "always"));

        Assert.Contains($"robot account robot$mirror+ocp-mirror on {Name} was not made by registry_auth: its description is \"made by hand for CI\"", Message(answer), StringComparison.Ordinal);
        Assert.Equal("COLLISION", (string)answer["error"]!["code"]!);
        Assert.Equal(secret, robot.Secret);
    }

    [Fact]
    public async Task Without_rights_the_given_account_goes_into_the_files_or_the_reason_is_told()
    {
        stage.State.AddUser("joe", "Harbor12345");
        stage.State.AddProject("mirror");

        AssertFault(await stage.Auth(("username", "joe"), ("method", "robot")), "method: robot: user \"joe\" is no member of project mirror, which belongs to somebody else", "UNAUTHORIZED");
        stage.State.Project("mirror")!.Members[stage.State.Users[^1].Id] = 2;
        var fallen = await stage.Auth(("username", "joe"));

        Assert.Equal(("user", "joe"), ((string)fallen["account"]!["method"]!, (string)fallen["account"]!["username"]!));
        Assert.Contains("no service account was made, user \"joe\" itself goes into the files: user \"joe\" is developer in project mirror", Warnings(fallen), StringComparison.Ordinal);
        Assert.Empty(stage.State.Robots);
    }

    /// <summary>A token that allows no push is told from a 200.</summary>
    [Fact]
    public async Task An_account_that_cannot_push_is_found_out_by_its_token()
    {
        stage.State.AddUser("joe", "Harbor12345");
        stage.State.AddProject("mirror").Members[stage.State.Users[^1].Id] = 3;

        AssertFault(await stage.Auth(("username", "joe"), ("method", "user")), "joe may not push to mirror on {name}: its token allows pull", "UNAUTHORIZED");
    }

    [Fact]
    public async Task Read_only_mode()
    {
        await stage.Auth();
        stage.State.IsReadOnly = true;
        Assert.Null((await stage.Auth())["failed"]);
        Assert.Contains($"{Name} says it is read-only: an administrator has switched that on", Warnings(await stage.Auth()), StringComparison.Ordinal);

        var answer = await stage.Repo(("visibility", "public"));
        Assert.Contains($"{Name} is read-only", Message(answer), StringComparison.Ordinal);
        Assert.Equal("false", stage.State.Project("mirror")!.Metadata["public"]);
    }

    [Fact]
    public async Task What_mirroring_does_not_need_may_be_down()
    {
        stage.Server.Down.Add("jobservice");

        var answer = await stage.Auth();

        Assert.Null(answer["failed"]);
        Assert.Equal("degraded", (string)answer["registry"]!["health"]!["status"]!);
        Assert.Equal("unhealthy", (string)answer["registry"]!["health"]!["components"]!["jobservice"]!);
        Assert.Contains("jobservice is unhealthy (failed to check health", Warnings(answer), StringComparison.Ordinal);
    }

    /// <summary>It answers 401 to everybody then; no credential is judged by that, and none is replaced.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Database_down(bool healthTellsAlready)
    {
        await stage.Auth();
        var (secret, config) = (stage.State.Robots.Single().Secret, stage.AuthConfig.ToString());
        stage.Server.Web.ClearRequests();
        stage.Server.Down.Add("database");
        if (!healthTellsAlready)
            stage.Server.HealthErrors = new Dictionary<string, string>();

        foreach (var answer in new[] { await stage.Auth(("rotate", "always")), await stage.Auth(("username", null), ("password", null)) })
        {
            Assert.True((bool)answer["failed"]!, answer.ToString());
            Assert.Equal("SERVER", (string)answer["error"]!["code"]!);
            Assert.Contains(healthTellsAlready ? $"{Name} says it is unhealthy: database is unhealthy (failed to run SQL" : "as when its database is down", Message(answer), StringComparison.Ordinal);
            Assert.Contains("no account was touched and nothing was written", (string)answer["error"]!["hint"]!, StringComparison.Ordinal);
        }

        Assert.Empty(stage.Writes);
        Assert.Equal((secret, config), (stage.State.Robots.Single().Secret, stage.AuthConfig.ToString()));
        stage.Server.Down.Clear();
        Assert.False((bool)(await stage.Auth())["changed"]!);
    }

    /// <summary>The database goes away after the server was found well.</summary>
    [Fact]
    public async Task Database_goes_down_in_between()
    {
        await stage.Auth();
        var secret = stage.State.Robots.Single().Secret;
        stage.Server.Web.Around = async (context, answer) =>
        {
            if (context.Request.Path == "/api/v2.0/robots")
                stage.Server.Down.Add("database");
            await answer();
        };

        var answer = await stage.Auth();

        Assert.Contains($"{Name} answered 401, but it is ill and would refuse everybody (systeminfo answered 500: internal server error)", Message(answer), StringComparison.Ordinal);
        Assert.Equal(secret, stage.State.Robots.Single().Secret);
    }

    [Fact]
    public async Task Core_down_is_the_proxys_page()
    {
        stage.Server.Down.Add("core");
        AssertFault(await stage.Auth(), "cannot ask {name} for its health: {name} answered 502 Bad Gateway: page \"502 Bad Gateway\"", "SERVER");
    }

    [Fact]
    public async Task A_portal_that_answers_everything_with_200()
    {
        stage.Server.Web.Around = (context, _) =>
        {
            context.Response.ContentType = "text/html";
            return context.Response.WriteAsync("<!doctype html><html><head><title>Harbor</title></head></html>");
        };
        AssertFault(await stage.Auth(), "cannot ask {name} for its health: {name} answered 200 with a web page (page \"Harbor\") in place of Harbor's health", "NOT_A_REGISTRY");
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        stage.Server.Web.Around = (context, _) =>
        {
            context.Response.StatusCode = 308;
            context.Response.Headers.Location = "https://harbor.example.com/api/v2.0/health";
            return Task.CompletedTask;
        };
        AssertFault(await stage.Auth(), "{name} answered 308 Permanent Redirect to https://harbor.example.com/api/v2.0/health", "NOT_A_REGISTRY");
    }

    [Fact]
    public async Task Too_many_requests_are_waited_for()
    {
        var refused = 0;
        stage.Server.Web.Around = async (context, answer) =>
        {
            if (refused++ > 0)
            {
                await answer();
                return;
            }

            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = "0";
        };

        Assert.Null((await stage.Auth(("retries", 1)))["failed"]);
        Assert.True(refused > 1);
    }

    [Fact]
    public async Task The_installers_password_is_warned_of() =>
        Assert.Contains($"admin on {Name} still has the password that Harbor's installer suggests", Warnings(await stage.Auth()), StringComparison.Ordinal);

    [Fact]
    public async Task A_project_that_wants_signatures_is_warned_of()
    {
        stage.State.AddProject("mirror").Metadata["enable_content_trust_cosign"] = "true";

        Assert.Contains("refuses pulls of images that are not signed (enable_content_trust_cosign)", Warnings(await stage.Repo()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_public_project_where_private_was_asked_is_made_private_and_one_that_stays_is_not_hidden()
    {
        stage.State.AddProject("mirror").Metadata["public"] = "true";

        Assert.Equal("public", (string)(await stage.Repo())["namespace"]!["visibility"]!);
        Assert.Equal("private", (string)(await stage.Repo(("visibility", "private")))["namespace"]!["visibility"]!);
    }
}
