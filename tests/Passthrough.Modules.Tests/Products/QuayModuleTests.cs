using System.Net.Http.Headers;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Modules.Tests.Products;

/// <summary><c>registry_auth</c> and <c>mirror_repo</c> on Quay and on the classic mirror-registry, which its installer configures in another way.</summary>
public abstract class QuayModuleTests(string type, QuaySettings settings) : IAsyncLifetime, IDisposable
{
    protected const string Organization = "/api/v1/organization/mirror";

    protected QuayFake Registry { get; private set; } = null!;

    private protected ProductRun Run { get; private set; } = null!;

    protected string User => settings.User;

    public async Task InitializeAsync()
    {
        Registry = await QuayFake.Start(settings);
        Run = new ProductRun(type, Registry, settings.User, settings.Password);
    }

    public async Task DisposeAsync()
    {
        // Whatever a test did: the API never looks at Basic, so it would be as nobody.
        Assert.DoesNotContain(Registry.Requests, request => request.Target.StartsWith("/api/", StringComparison.Ordinal) && request.Authorization.StartsWith("Basic", StringComparison.Ordinal));
        await Registry.DisposeAsync();
    }

    public void Dispose()
    {
        Run.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>What was written, but for logging in.</summary>
    protected IReadOnlyList<FakeRequest> Writes => [.. Registry.Writes.Where(request => request.Target != "/api/v1/signin")];

    /// <summary>Somebody else at work on the server, as its first user.</summary>
    protected Task<JToken> Api(string method, string path, JToken? body = null) => ApiAs(User, method, path, body);

    protected async Task<JToken> ApiAs(string user, string method, string path, JToken? body = null)
    {
        var (cookie, csrf) = Registry.StartSession(user);
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Registry.Address, path));
        request.Headers.TryAddWithoutValidation("Cookie", $"_csrf_token={cookie}");
        request.Headers.TryAddWithoutValidation("X-CSRF-Token", csrf);
        if (body is not null)
            request.Content = new StringContent(Json.Compact(body), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using var response = await client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {text}");
        return text.Length == 0 ? JValue.CreateNull() : Json.Parse(text);
    }

    protected async Task<IReadOnlyList<string>> DefaultRoles(string robot) =>
        [.. (await Api("GET", $"{Organization}/prototypes"))["prototypes"]!.Where(one => (string?)one["delegate"]!["name"] == robot).Select(one => (string)one["role"]!)];

    protected async Task<string?> RightOf(string robot, string repository) =>
        (string?)(await Api("GET", $"{Organization}/robots/{robot.Split('+')[1]}/permissions"))["permissions"]!.FirstOrDefault(right => (string?)right["repository"]!["name"] == repository)?["role"];

    [Fact]
    public async Task A_password_is_all_that_is_needed()
    {
        var predicted = (await Run.PredictAuth()).MustChange();
        Assert.Empty(Writes);
        Assert.False(Path.Exists(Run.Out));

        var first = (await Run.Auth()).MustChange();
        Assert.Equal(predicted.Actions(), first.Actions());
        Assert.Equal(
            [
                "create organization mirror",
                "create robot account ocp-mirror that may pull, push in mirror",
                "make team passthrough-creators of organization mirror, whose members may create repositories",
                "put robot ocp-mirror into team passthrough-creators",
                "let robot ocp-mirror write in all repositories that others make in mirror later",
            ],
            first.Actions());
        Assert.Equal(("mirror+ocp-mirror", "robot", true), ((string)first["account"]!["username"]!, (string)first["account"]!["method"]!, (bool)first["account"]!["created"]!));
        Assert.Equal(["write"], await DefaultRoles("mirror+ocp-mirror"));

        Registry.ClearRequests();
        var second = (await Run.Auth()).MustNotChange();
        Assert.Empty(second.Actions());
        Assert.Empty(Writes);
        (await Run.PredictAuth()).MustNotChange();
        Assert.Equal("mirror+ocp-mirror", Run.Login(Run.DockerConfig).User);
        Assert.DoesNotContain(Run.Login(Run.DockerConfig).Secret, second.ToString(), StringComparison.Ordinal);
        Assert.Equal("robot", (string)Run.Read($"{type}-auth-config.json")["auth_method"]!);
    }

    [Fact]
    public async Task Skopeo_pushes_into_the_namespace_and_nowhere_else()
    {
        (await Run.Auth()).MustChange();
        (await Run.Repo()).MustNotChange();

        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        (await Run.Pull("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        Assert.False((await Run.Push("other/ns/app:v1", Run.DockerConfig)).Succeeded);
        Assert.False((await Run.Push($"{User}/app:v1", Run.DockerConfig)).Succeeded);
        Assert.Contains("\"v1\"", (await Run.Skopeo(Run.DockerConfig, "list-tags", "--tls-verify=false", $"docker://{Registry.Name}/mirror/quay.io/ns/app")).MustSucceed().Output, StringComparison.Ordinal);
        (await Run.Skopeo(Run.DockerConfig, "delete", "--tls-verify=false", $"docker://{Registry.Name}/mirror/quay.io/ns/app:v1")).MustSucceed();
        Assert.False((await Run.Pull("mirror/quay.io/ns/app:v1", Run.DockerConfig)).Succeeded);
    }

    [Fact]
    public async Task What_was_set_up_is_loaded_once_and_found_whole_by_the_cluster()
    {
        (await Run.Auth()).MustChange();
        (await Run.Repo()).MustNotChange();
        (await Run.Auth(("access", new JArray("pull")))).MustChange();

        (await Run.Archive("loaded", Run.DockerConfig)).MustChange();
        Registry.ClearRequests();
        (await Run.Archive("loaded", Run.DockerConfig)).MustNotChange();
        Assert.Empty(Writes);
        (await Run.Archive("verified", Run.PullDockerConfig, ("deep", true))).MustNotChange();
        (await Run.Archive("loaded", Run.PullDockerConfig, ("namespace", "mirror/second"))).MustFail("mirror+ocp-pull");
    }

    [Fact]
    public async Task The_account_of_the_cluster_pulls_what_is_there_and_what_comes_later()
    {
        await Api("POST", "/api/v1/organization/", new JObject { ["name"] = "mirror" });
        Registry.AddRepository("mirror/quay.io/ns/by-hand");
        (await Run.Auth()).MustChange();
        (await Run.Push("mirror/quay.io/ns/early:v1", Run.DockerConfig)).MustSucceed();

        var predicted = (await Run.PredictAuth(("access", new JArray("pull")))).MustChange();
        var pull = (await Run.Auth(("access", new JArray("pull")))).MustChange();
        Assert.Equal(predicted.Actions(), pull.Actions());
        Assert.Equal(
            [
                "create robot account ocp-pull that may pull in mirror",
                "let robot ocp-pull read in all repositories that others make in mirror later",
                "let robot ocp-pull read in 2 repositories of mirror that are there (quay.io/ns/by-hand, quay.io/ns/early)",
            ],
            pull.Actions());
        (await Run.Push("mirror/quay.io/ns/late:v1", Run.DockerConfig)).MustSucceed();

        Registry.ClearRequests();
        (await Run.Auth(("access", new JArray("pull")))).MustNotChange();
        Assert.Empty(Writes);
        (await Run.Pull("mirror/quay.io/ns/early:v1", Run.PullDockerConfig)).MustSucceed();
        (await Run.Pull("mirror/quay.io/ns/late:v1", Run.PullDockerConfig)).MustSucceed();
        Assert.False((await Run.Push("mirror/quay.io/ns/early:v2", Run.PullDockerConfig, "other")).Succeeded);
        Assert.False((await Run.Push("mirror/quay.io/ns/new:v1", Run.PullDockerConfig, "other")).Succeeded);
        // The one that pushes may do so in what somebody else made before it.
        (await Run.Push("mirror/quay.io/ns/by-hand:v1", Run.DockerConfig)).MustSucceed();
    }

    [Fact]
    public async Task Rights_that_drifted_are_mended()
    {
        (await Run.Auth()).MustChange();
        (await Run.Auth(("access", new JArray("pull")))).MustChange();
        Registry.AddRepository("mirror/quay.io/ns/app");
        var (robot, pull) = ("mirror+ocp-mirror", "mirror+ocp-pull");
        await Api("PUT", $"{Organization}/team/passthrough-creators", new JObject { ["role"] = "member" });
        await Api("DELETE", $"{Organization}/team/passthrough-creators/members/{robot}");
        await Api("PUT", $"{Organization}/team/owners/members/{pull}");
        await Api("PUT", $"/api/v1/repository/mirror/quay.io/ns/app/permissions/user/{robot}", new JObject { ["role"] = "read" });
        await Api("PUT", $"/api/v1/repository/mirror/quay.io/ns/app/permissions/user/{pull}", new JObject { ["role"] = "admin" });
        foreach (var role in new[] { "read", "admin" })
            await Api("POST", $"{Organization}/prototypes", new JObject { ["role"] = role, ["delegate"] = new JObject { ["name"] = robot, ["kind"] = "user" } });

        var predicted = (await Run.PredictAuth()).MustChange();
        var mended = (await Run.Auth()).MustChange();
        var mendedPull = (await Run.Auth(("access", new JArray("pull")))).MustChange();

        Assert.Equal(predicted.Actions(), mended.Actions());
        Assert.Equal(
            [
                "make team passthrough-creators of organization mirror, whose members may create repositories",
                "put robot ocp-mirror into team passthrough-creators",
                "remove a second default permission of robot ocp-mirror (read)",
                "remove a second default permission of robot ocp-mirror (admin)",
                "let robot ocp-mirror write in 1 repositories of mirror that are there (quay.io/ns/app)",
            ],
            mended.Actions());
        Assert.Equal(
            ["take robot ocp-pull out of team owners, which gives it more than it needs", "let robot ocp-pull read in 1 repositories of mirror that are there (quay.io/ns/app)"],
            mendedPull.Actions());
        Assert.Equal(["write"], await DefaultRoles(robot));
        Assert.Equal(["read"], await DefaultRoles(pull));
        Assert.Equal(("write", "read"), (await RightOf(robot, "quay.io/ns/app"), await RightOf(pull, "quay.io/ns/app")));
        (await Run.Auth()).MustNotChange();
        (await Run.Auth(("access", new JArray("pull")))).MustNotChange();
    }

    [Fact]
    public async Task A_secret_is_read_again_where_the_files_are_lost()
    {
        (await Run.Auth()).MustChange();
        var secret = Run.Login(Run.DockerConfig).Secret;
        Directory.Delete(Run.Out, recursive: true);
        Registry.ClearRequests();

        var again = (await Run.Auth()).MustChange();

        Assert.Empty(again.Actions());
        Assert.Empty(Writes);
        Assert.Equal(secret, Run.Login(Run.DockerConfig).Secret);

        // So does one whose secret was changed on the server.
        await Api("POST", $"{Organization}/robots/ocp-mirror/regenerate");
        (await Run.Auth()).MustChange();
        Assert.NotEqual(secret, Run.Login(Run.DockerConfig).Secret);
        (await Run.Auth()).MustNotChange();
    }

    [Fact]
    public async Task A_secret_survives_a_kill_between_its_making_and_its_writing()
    {
        await Run.AuthKilledAt((call, answer) => call.Method == "PUT" && call.RawPath.EndsWith("/robots/ocp-mirror", StringComparison.Ordinal) && answer.Status == 201);
        Assert.False(File.Exists(Run.DockerConfig));

        var repaired = (await Run.Auth()).MustChange();

        Assert.DoesNotContain(repaired.Actions(), action => action.StartsWith("create", StringComparison.Ordinal));
        Assert.False((bool)repaired["account"]!["created"]!);
        Assert.Single((await Api("GET", $"{Organization}/robots"))["robots"]!);
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        (await Run.Auth()).MustNotChange();
    }

    [Fact]
    public async Task Rotation_would_lock_others_out_and_wants_to_be_told_that_it_may()
    {
        (await Run.Auth()).MustChange();
        var secret = Run.Login(Run.DockerConfig).Secret;

        (await Run.Auth(("rotate", "always"))).MustFail("forgets the old one at once, so that whoever has it is locked out", "allow_outage: true");
        Assert.Equal(secret, Run.Login(Run.DockerConfig).Secret);
        var predicted = (await Run.PredictAuth(("rotate", "always"), ("allow_outage", true))).MustChange();
        var rotated = (await Run.Auth(("rotate", "always"), ("allow_outage", true))).MustChange();

        Assert.Equal(["give robot account ocp-mirror a new secret"], rotated.Actions());
        Assert.Equal(predicted.Actions(), rotated.Actions());
        Assert.True((bool)rotated["account"]!["rotated"]!);
        Assert.NotEqual(secret, Run.Login(Run.DockerConfig).Secret);
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        (await Run.Auth()).MustNotChange();
    }

    [Fact]
    public async Task A_rotation_that_is_killed_is_repaired_by_the_next_run()
    {
        (await Run.Auth()).MustChange();
        var secret = Run.Login(Run.DockerConfig).Secret;
        Run.Always["rotate"] = "always";
        Run.Always["allow_outage"] = true;
        await Run.AuthKilledAt((call, _) => call.RawPath.EndsWith("/regenerate", StringComparison.Ordinal));
        Run.Always.Clear();

        (await Run.Auth()).MustChange();

        Assert.NotEqual(secret, Run.Login(Run.DockerConfig).Secret);
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
    }

    [Fact]
    public async Task Absent_removes_the_robot_its_team_and_its_entries()
    {
        (await Run.Auth()).MustChange();
        (await Run.Auth(("access", new JArray("pull")))).MustChange();

        (await Run.PredictAuth(("state", "absent"))).MustChange();
        var removed = (await Run.Auth(("state", "absent"))).MustChange();

        Assert.Equal(["remove robot mirror+ocp-mirror", "remove team passthrough-creators, which is empty then"], removed.Actions());
        Assert.Equal(["mirror+ocp-pull"], (await Api("GET", $"{Organization}/robots"))["robots"]!.Select(robot => (string)robot["name"]!));
        Assert.False(File.Exists(Run.DockerConfig) && File.ReadAllText(Run.DockerConfig).Contains(Registry.Name, StringComparison.Ordinal));
        (await Run.Auth(("state", "absent"))).MustNotChange();
        (await Run.Auth(("access", new JArray("pull")))).MustNotChange();
    }

    [Fact]
    public async Task The_organization_is_made_once_and_removed_only_when_it_may_be()
    {
        var predicted = (await Run.PredictRepo()).MustChange();
        Assert.Empty(Writes);
        var first = (await Run.Repo()).MustChange();
        Assert.Equal(["create organization mirror"], first.Actions());
        Assert.Equal(predicted["namespace"]!, first["namespace"]!, JToken.EqualityComparer);
        Registry.ClearRequests();
        (await Run.Repo()).MustNotChange();
        (await Run.PredictRepo()).MustNotChange();
        Assert.Empty(Writes);

        (await Run.Auth()).MustChange();
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        (await Run.Repo(("state", "absent"))).MustFail($"mirror on {Registry.Name} holds images, so it was not removed", "force: true");
        (await Run.PredictRepo(("state", "absent"), ("force", true))).MustChange();
        var removed = (await Run.Repo(("state", "absent"), ("force", true))).MustChange();
        Assert.Equal(["remove organization mirror with its images"], removed.Actions());
        (await Run.Repo(("state", "absent"))).MustNotChange();

        // One without images needs no force.
        (await Run.Repo(("repositories", new JArray("quay.io/ns/app")))).MustChange();
        (await Run.Repo(("state", "absent"))).MustChange();
    }

    [Fact]
    public async Task Repositories_are_made_ready_and_as_visible_as_is_asked()
    {
        var wanted = new JArray("quay.io/ns/app", "registry.redhat.io/ubi9/ubi");
        var first = (await Run.Repo(("repositories", wanted))).MustChange();
        Assert.Equal(["create organization mirror", "create repository mirror/quay.io/ns/app", "create repository mirror/registry.redhat.io/ubi9/ubi"], first.Actions());
        (await Run.Repo(("repositories", wanted))).MustNotChange();
        Assert.Equal("private", (string)(await Run.Repo(("repositories", wanted)))["namespace"]!["visibility"]!);

        var predicted = (await Run.PredictRepo(("visibility", "public"))).MustChange();
        var opened = (await Run.Repo(("visibility", "public"))).MustChange();
        Assert.Equal(predicted.Actions(), opened.Actions());
        Assert.Equal(["make 2 of the repositories of organization mirror public (quay.io/ns/app, registry.redhat.io/ubi9/ubi)"], opened.Actions());
        (await Run.Repo(("visibility", "public"))).MustNotChange();
        (await Run.Repo(("visibility", "private"))).MustChange();
        (await Run.Repo(("visibility", "private"))).MustNotChange();
    }

    [Fact]
    public async Task An_account_that_exists_gets_what_pushing_needs()
    {
        (await Run.Repo()).MustChange();
        await Api("PUT", $"{Organization}/robots/theirs", new JObject { ["description"] = "the build farm's" });

        var granted = (await Run.Repo(("grant_to", new JArray("theirs")))).MustChange();

        Assert.Equal(3, granted.Actions().Count);
        (await Run.Repo(("grant_to", new JArray("theirs")))).MustNotChange();
        (await Run.Repo(("grant_to", new JArray("mirror+theirs")))).MustNotChange();
        // What it has beside that is none of our business.
        await Api("PUT", $"{Organization}/team/owners/members/mirror+theirs");
        await Api("POST", $"{Organization}/prototypes", new JObject { ["role"] = "admin", ["delegate"] = new JObject { ["name"] = "mirror+theirs", ["kind"] = "user" } });
        (await Run.Repo(("grant_to", new JArray("theirs")))).MustNotChange();
        (await Run.Repo(("grant_to", new JArray("nobody")))).MustFail("grant_to names nobody");
        // It is not registry_auth's to keep for that.
        (await Run.Auth(("account_name", "theirs"))).MustFail("robot mirror+theirs exists and was not made by registry_auth: its description is \"the build farm's\"", "choose another account_name");
        (await Run.Auth(("account_name", "theirs"), ("state", "absent"))).MustFail("robot mirror+theirs exists and was not made by registry_auth");
    }

    [Fact]
    public async Task A_server_that_makes_public_what_is_pushed_is_told_of_where_private_was_asked()
    {
        const string Risk = "were public, although visibility is private";
        Registry.Settings.PrivateOnPush = false;
        (await Run.Repo(("visibility", "private"))).MustChange();
        (await Run.Auth()).MustChange();
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        Assert.DoesNotContain((await Run.Repo()).MustNotChange().Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal));
        Assert.Equal("public", (string)(await Run.Repo()).MustNotChange()["namespace"]!["visibility"]!);

        // What a push made shows what the next one makes.
        var changed = (await Run.Repo(("visibility", "private"))).MustChange();
        Assert.Contains(changed.Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal)
            && warning.Contains("CREATE_PRIVATE_REPO_ON_PUSH: true", StringComparison.Ordinal));
        Assert.Equal(["make 1 of the repositories of organization mirror private (quay.io/ns/app)"], changed.Actions());
        (await Run.Repo(("visibility", "private"))).MustNotChange();
    }

    [Fact]
    public async Task A_user_of_that_name_is_in_the_way()
    {
        Registry.AddUser("mirror", "Some-Password-1");

        (await Run.Repo()).MustFail($"mirror on {Registry.Name} is the account of a user", "choose another namespace");
        (await Run.Auth()).MustFail($"mirror on {Registry.Name} is the account of a user");
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task An_organization_of_somebody_else_is_not_touched()
    {
        Registry.AddUser("boss", "Boss-Password-1");
        await ApiAs("boss", "POST", "/api/v1/organization/", new JObject { ["name"] = "mirror" });
        Registry.ClearRequests();

        (await Run.Auth(("method", "robot"))).MustFail($"method: robot: user \"{User}\" is no owner of organization mirror");
        (await Run.Repo()).MustFail($"user \"{User}\" is no owner of organization mirror and no member, and may do nothing in it",
            "let one of its owners add");
        (await Run.Repo(("visibility", "private"))).MustFail($"user \"{User}\" is no owner of organization mirror");
        Assert.Empty(Writes);
        // What auto falls back to may not push there, and says so.
        (await Run.Auth()).MustFail($"{User} may not push to {Registry.Name}/mirror/passthrough-probe: {Registry.Name} grants nothing there");
        Assert.False(File.Exists(Run.DockerConfig));
    }

    [Fact]
    public async Task Its_rules_for_names_are_told_before_it_is_asked()
    {
        (await Run.Auth(("account_name", "ocp__mirror"))).MustFail("account_name \"ocp__mirror\" is no name that");
        (await Run.Repo(("namespace", "m"))).MustFail("namespace \"m\" is no name that");
        (await Run.Auth(("expires_days", 30))).MustFail("expires_days: robots of");
        (await Run.Auth(("secret", "my-Own-secret-1"))).MustFail("makes the secrets of its robots itself");
        (await Run.Auth(("method", "token"))).MustFail("method: token: the service accounts of");
        (await Run.Auth(("access", new JArray("pull", "delete")))).MustFail("lets robots remove images only where they may push too");
        (await Run.Repo(("immutable_tags", true))).MustFail("immutable_tags: immutable tags of Quay");
        (await Run.Repo(("description", "our mirror"))).MustFail("description: an organization of");
    }

    [Fact]
    public async Task A_wrong_password_is_sent_once_and_a_locked_login_is_waited_for()
    {
        Run.Always["password"] = "mistyped";
        Run.Always["username"] = User;
        Run.Always["retries"] = 3;
        (await Run.Auth()).MustFail($"cannot log in to {Registry.Name} as user \"{User}\": {Registry.Name} refused it: wrong user name or password (403: Invalid Username or Password)");
        Assert.Single(Registry.Requests, request => request.Target == "/api/v1/signin");

        // It locks itself for longer after each; then the right one is refused too, and Retry-After may be 0.
        Run.Always["retries"] = 0;
        for (var i = 0; i < 5; i++)
        {
            Registry.Clock.Advance(TimeSpan.FromSeconds(30));
            (await Run.Auth()).MustFail("wrong user name or password");
        }

        Run.Always.Clear();
        (await Run.Auth()).MustFail($"user \"{User}\" is locked on {Registry.Name} after wrong passwords, for the right one too", "find out who keeps sending a wrong password");
        Assert.Equal(429, Registry.Requests[^1].Status);
        Run.Always["method"] = "user";
        (await Run.Auth()).MustFail("Too many login attempts");
        Assert.Empty(Writes);

        Run.Always.Clear();
        Run.Always["retries"] = 5;
        Registry.Done = (_, answer) =>
        {
            if (answer.Status == 429)
                Registry.Clock.Advance(TimeSpan.FromMinutes(1));
            return Task.CompletedTask;
        };
        (await Run.Auth()).MustChange();
    }

    [Theory]
    [InlineData("database", "says it is unhealthy: auth does not work, database does not work")]
    [InlineData("registry", "says it is unhealthy: registry_gunicorn does not work")]
    public async Task What_it_says_while_it_is_ill_is_not_believed(string part, string sentence)
    {
        (await Run.Auth()).MustChange();
        var secret = Run.Login(Run.DockerConfig).Secret;
        (Registry.Settings.DatabaseIsUp, Registry.Settings.RegistryIsUp) = (part != "database", part != "registry");
        Registry.ClearRequests();

        (await Run.Auth(("rotate", "always"), ("allow_outage", true))).MustFail(sentence, "no account was touched");
        (await Run.Repo()).MustFail(sentence);

        Assert.Empty(Writes);
        Assert.Equal(secret, Run.Login(Run.DockerConfig).Secret);
        (Registry.Settings.DatabaseIsUp, Registry.Settings.RegistryIsUp) = (true, true);
    }

    [Fact]
    public async Task A_full_disk_is_warned_of()
    {
        Registry.Before = call => call.RawPath == "/health/instance"
            ? FakeAnswer.Json(503, Json.Parse("""{"data":{"services":{"auth":true,"database":true,"disk_space":false,"registry_gunicorn":true,"service_key":true,"web_gunicorn":true}},"status_code":503}"""))
            : null;

        var result = (await Run.Auth()).MustChange();

        Assert.Contains($"{Registry.Name} says it is degraded: its disk is nearly full", result.Warnings());
        Assert.Equal("degraded", (string)result["registry"]!["health"]!["status"]!);
    }

    [Fact]
    public async Task A_server_that_is_read_only_says_so()
    {
        (await Run.Auth()).MustChange();
        Registry.Settings.IsReadOnly = true;
        Run.Always["retries"] = 5;

        // Where nothing is to be changed nothing is in the way.
        (await Run.Auth()).MustNotChange();
        (await Run.Auth(("account_name", "another"))).MustFail($"cannot create robot another of organization mirror on {Registry.Name}: {Registry.Name} is read-only (System is currently read-only");
        (await Run.Repo(("namespace", "second"))).MustFail("is read-only");
        Registry.Settings.IsReadOnly = false;
    }

    [Fact]
    public async Task Robots_that_are_switched_off_are_not_taken_for_wrong_secrets()
    {
        (await Run.Auth()).MustChange();
        Registry.Settings.RobotsDisallow = true;

        (await Run.Auth()).MustFail("robot accounts are switched off on", "ROBOTS_DISALLOW");
        (await Run.Auth(("account_name", "another"))).MustFail("Robot accounts have been disabled", "ROBOTS_DISALLOW");
        (await Run.Auth(("method", "user"))).MustChange();
    }

    [Fact]
    public async Task What_stands_before_it_is_told_from_it()
    {
        const string Page = "<html><head><title>Welcome to the portal</title></head></html>";
        (Func<FakeCall, FakeAnswer?> Before, string Sentence)[] faults =
        [
            (_ => FakeAnswer.Text(200, Page, "text/html"), $"{Registry.Name} answered 200 with a web page (page \"Welcome to the portal\") in place of the health of a Quay"),
            (_ => FakeAnswer.Text(502, "<html><head><title>502 Bad Gateway</title></head></html>", "text/html"), $"{Registry.Name} answered 502 Bad Gateway: page \"502 Bad Gateway\""),
            (_ => FakeAnswer.Empty(308).With("Location", $"http://{Registry.Host}/health/instance/"), $"{Registry.Name} answered 308 Permanent Redirect to http://{Registry.Host}/health/instance/"),
            (_ => FakeAnswer.Json(404, new JObject { ["errors"] = new JArray() }), $"{Registry.Name} answered 404 with application/json in place of the health of a Quay"),
            (call => call.RawPath == "/csrf_token" ? FakeAnswer.Text(200, Page, "text/html") : null, $"cannot log in to {Registry.Name} as user \"{User}\": {Registry.Name} answered 200 with a web page"),
            (call => call.RawPath.StartsWith("/api/", StringComparison.Ordinal) ? FakeAnswer.Text(429, "slow down", "text/plain").With("Retry-After", "900") : null, "it asks to come back at"),
        ];

        foreach (var (before, sentence) in faults)
        {
            Registry.Before = before;
            (await Run.Auth()).MustFail(sentence);
            (await Run.Repo()).MustFail(sentence);
        }

        Registry.Before = null;
        Assert.Empty(Writes);
        Assert.False(Path.Exists(Run.Out));
    }

    [Fact]
    public async Task Somebody_who_does_the_same_at_the_same_time_is_no_trouble()
    {
        (await Run.Repo()).MustChange();
        var isFirst = true;
        Registry.Before = call =>
        {
            // A moment before us.
            if (isFirst && call.Method == "PUT" && call.RawPath.EndsWith("/robots/ocp-mirror", StringComparison.Ordinal))
            {
                isFirst = false;
                Registry.AddRobot("mirror", "ocp-mirror", "ansible:registry_auth:ocp-mirror");
            }

            return null;
        };

        (await Run.Auth()).MustChange();

        Assert.Single((await Api("GET", $"{Organization}/robots"))["robots"]!);
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
    }
}

/// <summary>As mirror-registry's installer leaves it.</summary>
public sealed class MirrorRegistryModuleTests() : QuayModuleTests("mirror-registry", new QuaySettings())
{
    [Fact]
    public async Task Anybody_could_sign_up_as_its_superuser_and_nothing_is_changed_to_find_out()
    {
        const string Risk = "can sign up as user \"admin\", whom mirror-registry's installer made a superuser";

        Assert.Contains((await Run.PredictAuth()).Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal) && warning.Contains("FEATURE_USER_CREATION: false", StringComparison.Ordinal));
        Assert.Contains((await Run.PredictRepo()).Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal));
        Assert.Contains((await Run.PredictAuth(("method", "user"))).Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal));
        Assert.Empty(Writes);

        Registry.Settings.AnonymousAccess = false;
        Assert.DoesNotContain((await Run.PredictAuth(("method", "user"))).MustChange().Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal));
        Registry.Settings.AnonymousAccess = true;
        Registry.Settings.UserCreation = false;
        Assert.DoesNotContain((await Run.PredictAuth()).Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal));
        Registry.Settings.UserCreation = true;
        Registry.AddUser("admin", "Taken-By-Us-1");
        Assert.DoesNotContain((await Run.PredictAuth()).Warnings(), warning => warning.Contains(Risk, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Its_user_itself_pushes_where_that_is_asked_for()
    {
        var result = (await Run.Auth(("method", "user"))).MustChange();

        Assert.Equal(("init", "user"), ((string)result["account"]!["username"]!, (string)result["account"]!["method"]!));
        Registry.ClearRequests();
        (await Run.Auth(("method", "user"))).MustNotChange();
        Assert.Empty(Writes);
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        Assert.True((bool)Run.Read("mirror-registry-auth-config.json")["auth_required"]!);
    }

    [Fact]
    public async Task Quotas_are_off_there()
    {
        (await Run.Repo(("quota", "10GiB"))).MustFail("quota: quotas are switched off on mirror-registry", "FEATURE_QUOTA_MANAGEMENT");
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task The_certificate_that_its_installer_makes_is_taken_and_its_end_told()
    {
        var certificates = InstallerCertificates.Classic("localhost", DateTimeOffset.UtcNow.AddDays(10.5));
        await using var registry = await QuayFake.Start(new QuaySettings { Host = "localhost", Certificate = certificates.Server });
        using var run = new ProductRun("mirror-registry", registry, "init", "Init-Password-1");
        (await run.Auth()).MustFail("certificate");

        Directory.CreateDirectory(run["pki"]);
        await File.WriteAllTextAsync(Path.Combine(run["pki"], "ca.crt"), certificates.CaPem);
        run.Always["ca_path"] = Path.Combine(run["pki"], "ca.crt");
        var result = (await run.Auth()).MustChange();

        Assert.Contains(result.Warnings(), warning => warning.StartsWith($"the certificate of {registry.Name} ends in 10 days (", StringComparison.Ordinal));
        (await run.Auth()).MustNotChange();
    }
}

/// <summary>With the features that somebody switched on.</summary>
public sealed class QuayProductModuleTests() : QuayModuleTests("quay", QuaySettings.Quay)
{
    [Fact]
    public async Task A_token_is_enough()
    {
        Run.Always["token"] = Registry.AddToken(User, "org:admin", "user:admin", "repo:admin");
        (await Run.Auth()).MustChange();
        (await Run.Auth(("access", new JArray("pull")))).MustChange();
        Registry.ClearRequests();
        var second = (await Run.Auth()).MustNotChange();
        Assert.Empty(Registry.Writes);
        Assert.Empty(second.Warnings());
        (await Run.Push("mirror/quay.io/ns/app:v1", Run.DockerConfig)).MustSucceed();
        (await Run.Pull("mirror/quay.io/ns/app:v1", Run.PullDockerConfig)).MustSucceed();
        Assert.Equal("mirror", (string)Run.Read("quay-auth-config.json")["organization"]!);
        Assert.DoesNotContain(Registry.Requests, request => request.Target is "/csrf_token" or "/api/v1/signin");

        // docker takes it too.
        (await Run.Auth(("method", "user"), ("dest_dir", Run["user"]))).MustChange();
        Assert.Equal("$oauthtoken", Run.Login(Path.Combine(Run["user"], "quay-docker-config.json")).User);
    }

    [Fact]
    public async Task A_token_that_may_less_is_told_what_it_lacks()
    {
        Run.Always["token"] = Registry.AddToken(User, "org:admin");
        (await Run.Auth()).MustFail($"cannot create organization mirror on {Registry.Name}: {Registry.Name} does not let the token (403: Unauthorized)", "user:admin");

        await Api("POST", "/api/v1/organization/", new JObject { ["name"] = "mirror" });
        Registry.AddRepository("mirror/quay.io/ns/app");
        var made = (await Run.Auth()).MustChange();
        Assert.Contains(made.Warnings(), warning => warning.Contains("it lacks the scope repo:admin", StringComparison.Ordinal) && warning.Contains("mirror+ocp-mirror", StringComparison.Ordinal));
        (await Run.Auth()).MustNotChange();
        // What it cannot see it does not take for empty.
        (await Run.Repo(("state", "absent"))).MustFail($"whether mirror on {Registry.Name} holds images is not known");

        // With the right over repositories, but none to list a robot's: each is asked.
        Run.Always["token"] = Registry.AddToken(User, "org:admin", "repo:admin");
        Assert.Equal(["let robot ocp-mirror write in 1 repositories of mirror that are there (quay.io/ns/app)"], (await Run.Auth()).MustChange().Actions());
        (await Run.Auth()).MustNotChange();

        Run.Always["token"] = Registry.AddToken(User, "org:admin");
        (await Run.Repo()).MustNotChange();
        foreach (var wish in new (string, JToken?)[] { ("visibility", "private"), ("repositories", new JArray("quay.io/ns/other")) })
            (await Run.Repo(wish)).MustFail($"the token may not see the repositories of organization mirror on {Registry.Name} (it lacks the scope repo:admin)", "repo:admin");

        Run.Always["token"] = Registry.AddToken(User, "repo:read");
        (await Run.Auth(("method", "robot"))).MustFail("the token is no owner of organization mirror, or lacks the scope org:admin");
    }

    [Fact]
    public async Task A_token_that_ended_is_said_to_have()
    {
        Run.Always["token"] = Registry.AddToken(User);
        Registry.Clock.Advance(TimeSpan.FromDays(365 * 11));

        (await Run.Auth()).MustFail($"{Registry.Name} does not take the token (401: Requires authentication): it has expired, was removed, or belongs to another registry", "make another one");
        (await Run.Repo()).MustFail("does not take the token");
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task A_quota_limits_and_can_be_taken_away()
    {
        var predicted = (await Run.PredictRepo(("quota", "1MiB"))).MustChange();
        var first = (await Run.Repo(("quota", "1MiB"))).MustChange();
        Assert.Equal(predicted.Actions(), first.Actions());
        Assert.Equal(["create organization mirror", "limit organization mirror to 1048576 bytes"], first.Actions());
        (await Run.Repo(("quota", "1MiB"))).MustNotChange();
        Assert.Equal("Reject", (string)(await Api("GET", $"{Organization}/quota"))[0]!["limits"]![0]!["type"]!);
        (await Run.Repo(("quota", "2MiB"))).MustChange();
        (await Run.Repo(("quota", 0))).MustChange();
        Assert.Empty(await Api("GET", $"{Organization}/quota"));
        (await Run.Repo(("quota", 0))).MustNotChange();
    }

    [Fact]
    public async Task Only_a_superuser_limits()
    {
        Registry.AddUser("bob", "Bob-Password-1");
        await ApiAs("bob", "POST", "/api/v1/organization/", new JObject { ["name"] = "mirror" });

        (await Run.Repo(("username", "bob"), ("password", "Bob-Password-1"), ("quota", "1GiB"))).MustFail($"cannot limit organization mirror to 1073741824 bytes on {Registry.Name}: {Registry.Name} does not let user \"bob\"", "a superuser's affair");
    }

    [Fact]
    public async Task A_proxy_cache_is_no_place_for_a_mirror()
    {
        await Api("POST", "/api/v1/organization/", new JObject { ["name"] = "mirror" });
        await Api("POST", $"{Organization}/proxycache", new JObject { ["org_name"] = "mirror", ["upstream_registry"] = "quay.io" });
        Registry.ClearRequests();

        (await Run.Repo()).MustFail($"organization mirror on {Registry.Name} pulls through from quay.io", "choose another namespace");
        (await Run.Auth()).MustFail("pulls through from quay.io");
        // Also where the server does not tell what is switched on.
        Registry.Before = call => call.RawPath == "/config" ? FakeAnswer.Text(404, "<html></html>", "text/html") : null;
        (await Run.Auth()).MustFail("pulls through from quay.io");
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task What_prunes_images_is_taken_away()
    {
        await Api("POST", "/api/v1/organization/", new JObject { ["name"] = "mirror" });
        await Api("POST", $"{Organization}/autoprunepolicy/", new JObject { ["method"] = "number_of_tags", ["value"] = 10 });

        var result = (await Run.Repo()).MustChange();

        Assert.Matches("^remove the pruning policy [0-9a-f-]{36} of organization mirror, which would remove images$", Assert.Single(result.Actions()));
        Assert.Empty((await Api("GET", $"{Organization}/autoprunepolicy/"))["policies"]!);
        (await Run.Repo()).MustNotChange();
    }

    [Fact]
    public async Task Organizations_may_be_made_by_superusers_alone()
    {
        Registry.Settings.SuperusersOrgCreationOnly = true;
        Registry.AddUser("bob", "Bob-Password-1");

        (await Run.Repo(("username", "bob"), ("password", "Bob-Password-1"))).MustFail($"cannot create organization mirror on {Registry.Name}: {Registry.Name} does not let user \"bob\" (403: Unauthorized)");
        (await Run.Repo()).MustChange();
    }

    [Fact]
    public async Task A_robot_is_no_manager()
    {
        (await Run.Auth()).MustChange();
        var (robot, secret) = Run.Login(Run.DockerConfig);

        (await Run.Auth(("username", robot), ("password", secret), ("method", "robot"), ("dest_dir", Run["other"]))).MustFail("is a robot account or an application's, and those manage nothing on Quay");
        (await Run.Auth(("username", robot), ("password", secret), ("dest_dir", Run["other"]))).MustChange();
    }
}
