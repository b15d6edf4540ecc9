using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Harbor;

namespace Passthrough.Modules.Tests.Harbor;

/// <summary><c>registry_auth</c> on Harbor: the life of its robot accounts.</summary>
public sealed class HarborAccountTests : IAsyncLifetime
{
    HarborStage stage = null!;

    public async Task InitializeAsync() => stage = await HarborStage.Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    HarborState State => stage.State;

    static (string, JToken?) PullOnly => ("access", new JArray("pull"));

    [Fact]
    public async Task First_run_makes_project_and_robot_the_second_changes_nothing_and_check_mode_predicts()
    {
        var predicted = await stage.CheckAuth();
        Assert.True((bool)predicted["changed"]!, predicted.ToString());
        Assert.Empty(stage.Writes);
        Assert.False(Path.Exists(stage.Out));

        var first = await stage.Auth();
        Assert.True((bool)first["changed"]!, first.ToString());
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);
        Assert.Equal("""{"username":"robot$mirror+ocp-mirror","method":"robot","access":["pull","push"],"created":true,"rotated":false,"expires_at":null}""", Json.Compact(first["account"]!));
        var robot = Assert.Single(State.Robots);
        Assert.Equal(["repository:pull", "repository:push"], robot.Permissions.Single().Access.Select(access => $"{access.Resource}:{access.Action}").Order());
        Assert.Equal(("mirror", -1), (robot.Permissions[0].Namespace, robot.Duration));
        Assert.Equal(
            ("harbor", "robot", "robot$mirror+ocp-mirror", robot.Secret, "mirror", "robot$mirror+ocp-mirror"),
            ((string)stage.AuthConfig["registry_type"]!, (string)stage.AuthConfig["auth_method"]!, (string)stage.AuthConfig["username"]!, (string)stage.AuthConfig["password"]!, (string)stage.AuthConfig["project"]!, (string)stage.AuthConfig["robot_name"]!));
        Assert.Equal("false", State.Project("mirror")!.Metadata["public"]);

        stage.Server.Web.ClearRequests();
        var second = await stage.Auth();
        Assert.False((bool)second["changed"]!, second.ToString());
        Assert.Empty(stage.Writes);
        Assert.False((bool)(await stage.CheckAuth())["changed"]!);
    }

    /// <summary>Each login of an administrator costs Harbor up to a second, and a cookie that comes back is refused.</summary>
    [Fact]
    public async Task A_run_with_nothing_to_do_asks_little_and_sends_no_cookie()
    {
        await stage.Auth();
        var asked = new List<string>();
        stage.Server.Web.Around = async (context, answer) =>
        {
            Assert.Empty(context.Request.Cookies);
            lock (asked)
                asked.Add($"{(context.Request.Headers.Authorization.Count == 0 ? "-" : "+")} {context.Request.Path}");
            await answer();
        };

        Assert.False((bool)(await stage.Auth())["changed"]!);

        Assert.Equal(["- /v2/", "- /api/v2.0/health", "+ /api/v2.0/systeminfo", "+ /api/v2.0/projects/mirror", "+ /api/v2.0/robots",
            "+ /v2/"], asked);
    }

    [Theory]
    [InlineData(HarborVersion.V2_9_5)]
    [InlineData(HarborVersion.V2_15_2)]
    public async Task Skopeo_pushes_into_the_project_and_nowhere_else_and_the_second_account_only_pulls(HarborVersion version)
    {
        await using var own = await HarborStage.Start(new HarborSettings { Version = version });
        using var folder = new TestFolder("harbor-image");
        var image = ImageBuilder.MultiArch("harbor");
        OciLayout.Write(folder["image"], new Dictionary<string, BuiltImage> { ["v1"] = image });
        Assert.Null((await own.Auth())["failed"]);
        var pull = await own.Auth(PullOnly);
        Assert.Equal("robot$mirror+ocp-pull", (string)pull["account"]!["username"]!);
        var target = $"docker://{own.Server.Name}/mirror/quay.io/centos/centos:v1";

        (await own.Skopeo("harbor-docker-config.json", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false", $"oci:{folder["image"]}:v1", target)).MustSucceed();
        var outside = await own.Skopeo("harbor-docker-config.json", "copy", "--dest-tls-verify=false", $"oci:{folder["image"]}:v1", $"docker://{own.Server.Name}/library/centos:v1");
        (await own.Skopeo("harbor-pull-docker-config.json", "copy", "--all", "--src-tls-verify=false", target, $"oci:{folder["pulled"]}:v1")).MustSucceed();
        var push = await own.Skopeo("harbor-pull-docker-config.json", "copy", "--dest-tls-verify=false", $"oci:{folder["image"]}:v1", $"docker://{own.Server.Name}/mirror/quay.io/other:v1");

        Assert.Equal(image.Digest, own.State.Content.Manifest("mirror/quay.io/centos/centos", "v1")!.Digest);
        Assert.NotEqual(0, outside.ExitCode);
        Assert.Contains("unauthorized to access repository: library/centos, action: push", outside.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, push.ExitCode);
        Assert.Contains("unauthorized to access repository: mirror/quay.io/other, action: push", push.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rights_that_drifted_are_mended()
    {
        await stage.Auth();
        var robot = State.Robots.Single();
        var secret = robot.Secret;
        robot.Permissions = [new HarborPermission("project", "mirror", [new HarborAccess("repository", "pull"), new HarborAccess("repository", "delete")])];
        robot.IsDisabled = true;

        var predicted = await stage.CheckAuth();
        var answer = await stage.Auth();

        Assert.Equal(predicted["actions"]!, answer["actions"]!, JToken.EqualityComparer);
        Assert.Equal(["enable robot account ocp-mirror and set the rights of robot account ocp-mirror in mirror to pull and push"], answer["actions"]!.Select(action => (string)action!));
        Assert.Equal(["pull", "push"], robot.Permissions.Single().Access.Select(access => access.Action).Order());
        Assert.False(robot.IsDisabled);
        Assert.Equal(secret, robot.Secret);
        Assert.False((bool)(await stage.Auth())["changed"]!);
    }

    /// <summary>The prefix stands before every name, also of robots that were there before it was changed.</summary>
    [Fact]
    public async Task Another_prefix_is_noticed_and_costs_no_secret()
    {
        await stage.Auth();
        var secret = State.Robots.Single().Secret;
        State.RobotPrefix = "bot-";

        var answer = await stage.Auth();

        Assert.True((bool)answer["changed"]!, answer.ToString());
        Assert.Equal(("bot-mirror+ocp-mirror", secret), ((string)stage.AuthConfig["username"]!, (string)stage.AuthConfig["password"]!));
        Assert.Equal(secret, Assert.Single(State.Robots).Secret);
        Assert.False((bool)answer["account"]!["rotated"]!);
        Assert.False((bool)(await stage.Auth())["changed"]!);
    }

    [Fact]
    public async Task A_secret_that_somebody_changed_is_replaced_and_never_where_that_is_forbidden()
    {
        await stage.Auth();
        var robot = State.Robots.Single();
        robot.Secret = "S0mebodyElses";

        var refused = await stage.Auth(("rotate", "never"));
        Assert.True((bool)refused["failed"]!);
        Assert.Contains("the secret of robot$mirror+ocp-mirror is not good", (string)refused["msg"]!, StringComparison.Ordinal);

        var answer = await stage.Auth();
        Assert.True((bool)answer["account"]!["rotated"]!, answer.ToString());
        Assert.Equal(robot.Secret, (string)stage.AuthConfig["password"]!);
        Assert.Single(State.Robots);
    }

    [Fact]
    public async Task The_pull_account_gets_a_successor_and_the_old_one_works_until_it_is_retired()
    {
        await stage.Auth(PullOnly);
        var old = State.Robots.Single();

        var rotated = await stage.Auth(PullOnly, ("rotate", "always"));
        Assert.Equal("robot$mirror+ocp-pull-2", (string)rotated["account"]!["username"]!);
        Assert.Equal(2, State.Robots.Count);
        Assert.Equal(State.Robots[1].Secret, (string)stage.PullAuthConfig["password"]!);
        Assert.False((bool)(await stage.Auth(PullOnly))["changed"]!);

        var retired = await stage.Auth(PullOnly, ("retire_previous", true));
        Assert.True((bool)retired["changed"]!, retired.ToString());
        Assert.DoesNotContain(old, State.Robots);
        Assert.Equal("robot$mirror+ocp-pull-2", (string)stage.PullAuthConfig["username"]!);
    }

    /// <summary>Of the same name as the second one that rotation makes: it is never taken for that one.</summary>
    [Fact]
    public async Task An_account_of_its_own_that_is_named_like_the_second_is_left_alone()
    {
        await stage.Auth(PullOnly);
        await stage.Auth(PullOnly, ("account_name", "ocp-pull-2"), ("dest_dir", stage.PathOf("another")));
        var (other, secret) = (State.Robots[1], State.Robots[1].Secret);
        Directory.Delete(stage.Out, recursive: true);

        Assert.Equal("robot$mirror+ocp-pull", (string)(await stage.Auth(PullOnly))["account"]!["username"]!);
        Assert.Contains("robot account ocp-pull-2, which would take over, is there already and was not made for that", (string)(await stage.Auth(PullOnly, ("rotate", "always")))["msg"]!, StringComparison.Ordinal);
        await stage.Auth(PullOnly, ("retire_previous", true));
        await stage.Auth(PullOnly, ("state", "absent"));

        Assert.Same(other, Assert.Single(State.Robots));
        Assert.Equal(secret, other.Secret);
    }

    [Fact]
    public async Task The_account_that_pushes_leaves_no_old_one_behind_and_keeps_its_name_where_an_outage_is_allowed()
    {
        await stage.Auth();

        Assert.Equal("robot$mirror+ocp-mirror-2", (string)(await stage.Auth(("rotate", "always")))["account"]!["username"]!);
        var robot = Assert.Single(State.Robots);
        Assert.Equal(robot.Secret, (string)stage.AuthConfig["password"]!);

        var secret = robot.Secret;
        await stage.Auth(("rotate", "always"), ("allow_outage", true));
        Assert.Same(robot, Assert.Single(State.Robots));
        Assert.NotEqual(secret, robot.Secret);
        Assert.Equal(robot.Secret, (string)stage.AuthConfig["password"]!);
        Assert.False((bool)(await stage.Auth())["changed"]!);
    }

    [Fact]
    public async Task An_account_that_ends_is_renewed_before_and_after()
    {
        await stage.Auth(PullOnly, ("expires_days", 90));
        var robot = State.Robots.Single();
        Assert.Equal(90, robot.Duration);
        Assert.False((bool)(await stage.Auth(PullOnly, ("expires_days", 90), ("rotate_before_days", 30)))["changed"]!);

        robot.ExpiresAt = DateTimeOffset.UtcNow.AddDays(10).ToUnixTimeSeconds();
        var soon = await stage.Auth(PullOnly, ("expires_days", 90), ("rotate_before_days", 30));
        Assert.Equal("robot$mirror+ocp-pull-2", (string)soon["account"]!["username"]!);

        // One that has ended is nobody's any more: the same robot comes back, with days that count from its birth.
        var second = State.Robots[1];
        second.ExpiresAt = DateTimeOffset.UtcNow.AddDays(-1).ToUnixTimeSeconds();
        var ended = await stage.Auth(PullOnly, ("expires_days", 30));
        Assert.True((bool)ended["account"]!["rotated"]!, ended.ToString());
        Assert.Equal(second.Secret, (string)stage.PullAuthConfig["password"]!);
        Assert.InRange(DateTimeOffset.FromUnixTimeSeconds(second.ExpiresAt), DateTimeOffset.UtcNow.AddDays(29), DateTimeOffset.UtcNow.AddDays(32));
    }

    [Fact]
    public async Task A_secret_of_ones_own_is_taken_or_refused_before_anything_is_made()
    {
        var weak = await stage.Auth(("secret", "weak"));
        Assert.Contains("secret is none that Harbor takes: 8 to 128 characters", (string)weak["msg"]!, StringComparison.Ordinal);
        Assert.Empty(State.Robots);

        Assert.True((bool)(await stage.Auth(("secret", "Str0ngPassw0rd")))["changed"]!);
        Assert.Equal("Str0ngPassw0rd", State.Robots.Single().Secret);
        Assert.Equal("Str0ngPassw0rd", (string)stage.AuthConfig["password"]!);
        Assert.False((bool)(await stage.Auth(("secret", "Str0ngPassw0rd")))["changed"]!);
    }

    /// <summary>Killed when the server had made the robot and the module did not know its secret yet: the next run repairs it.</summary>
    [Fact]
    public async Task A_kill_between_minting_and_writing_costs_no_second_account()
    {
        using var kill = new CancellationTokenSource();
        stage.Server.Web.Around = async (context, answer) =>
        {
            if (context.Request is not { Method: "POST", Path.Value: "/api/v2.0/robots" })
            {
                await answer();
                return;
            }

            context.Response.Body = Stream.Null;
            await answer();
            await kill.CancelAsync();
            context.Abort();
        };
        Assert.True((bool)(await stage.Run(new RegistryAuthModule(), check: false, [], kill.Token))["failed"]!);
        var robot = Assert.Single(State.Robots);
        Assert.False(File.Exists(stage.PathOf("harbor-auth-config.json")));

        stage.Server.Web.Around = null;
        var answer = await stage.Auth();

        Assert.True((bool)answer["changed"]!, answer.ToString());
        Assert.Same(robot, Assert.Single(State.Robots));
        Assert.Equal(robot.Secret, (string)stage.AuthConfig["password"]!);
        Assert.False((bool)(await stage.Auth())["changed"]!);
    }

    /// <summary>The answer with the secret got lost on the way: the request is sent again, is a conflict, and state is read.</summary>
    [Fact]
    public async Task An_answer_that_got_lost_costs_no_second_account()
    {
        var lost = 0;
        stage.Server.Web.Around = async (context, answer) =>
        {
            if (context.Request is not { Method: "POST", Path.Value: "/api/v2.0/robots" } || lost++ > 0)
            {
                await answer();
                return;
            }

            context.Response.Body = Stream.Null;
            await answer();
            context.Abort();
        };

        var answer = await stage.Auth(("retries", 2));

        Assert.True((bool)answer["changed"]!, answer.ToString());
        Assert.Equal(Assert.Single(State.Robots).Secret, (string)stage.AuthConfig["password"]!);
        Assert.False((bool)(await stage.Auth())["changed"]!);
    }

    [Fact]
    public async Task The_account_is_removed_with_its_files()
    {
        await stage.Auth();

        var predicted = await stage.CheckAuth(("state", "absent"));
        Assert.Single(State.Robots);
        var answer = await stage.Auth(("state", "absent"));

        Assert.Equal(predicted["actions"]!, answer["actions"]!, JToken.EqualityComparer);
        Assert.Empty(State.Robots);
        Assert.Empty(Directory.GetFiles(stage.Out));
        Assert.False((bool)(await stage.Auth(("state", "absent")))["changed"]!);
    }

    [Fact]
    public async Task Without_an_administrator_the_stored_robot_proves_itself()
    {
        await stage.Auth();

        var answer = await stage.Auth(("username", null), ("password", null));

        Assert.False((bool)answer["changed"]!, answer.ToString());
        Assert.Equal("robot$mirror+ocp-mirror", (string)answer["account"]!["username"]!);
    }

    [Fact]
    public async Task No_secret_is_in_what_is_printed()
    {
        var secrets = new SecretCollector();
        secrets.AddSecret("admin", "Harbor12345");
        secrets.Add("first", Json.Compact(await stage.Auth()));
        var robot = State.Robots.Single();
        secrets.AddSecret("robot$mirror+ocp-mirror", robot.Secret);
        robot.Secret = "An0therSecretOfIts0wn";
        secrets.Add("new secret", Json.Compact(await stage.Auth()));
        secrets.AddSecret("robot$mirror+ocp-mirror", robot.Secret);
        secrets.Add("own secret", Json.Compact(await stage.Auth(("secret", "Str0ngPassw0rd/+%"))));
        secrets.AddSecret("robot$mirror+ocp-mirror", "Str0ngPassw0rd/+%");
        secrets.Add("second", Json.Compact(await stage.Auth()));

        Assert.Empty(secrets.Find());
    }

    [Fact]
    public async Task It_works_over_TLS()
    {
        using var folder = new TestFolder("harbor-pki");
        using var pki = new Pki(folder["pki"]);
        await using var own = await HarborStage.Start(new HarborSettings { Pki = pki });

        Assert.True((bool)(await own.Auth())["changed"]!);
        Assert.False((bool)(await own.Auth())["changed"]!);
        Assert.Equal($"https://{own.Server.Name}", (string)own.AuthConfig["registry_url"]!);
    }
}
