using System.Text;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Artifactory;

namespace Passthrough.Modules.Tests.RegistryAuth;

/// <summary><c>registry_auth</c> on Artifactory.</summary>
public sealed class ArtifactoryAccountTests : IAsyncLifetime, IDisposable
{
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    readonly TestFolder folder = new("artifactory-account");
    Pki pki = null!;
    ArtifactoryServer server = null!;
    string adminToken = null!;

    public async Task InitializeAsync()
    {
        pki = new Pki(folder["pki"]);
        await Restart(new());
    }

    public Task DisposeAsync() => server.DisposeAsync().AsTask();

    public void Dispose()
    {
        pki.Dispose();
        folder.Dispose();
    }

    async Task Restart(ArtifactorySettings settings)
    {
        if (server is not null)
            await server.DisposeAsync();
        server = await ArtifactoryServer.Start(settings with { Pki = settings.Pki ?? pki });
        adminToken = server.MintToken();
    }

    string Out => folder["out"];

    string DockerConfig => Path.Combine(Out, "jfrog-docker-config.json");

    JObject AuthConfig => (JObject)Json.Parse(File.ReadAllText(Path.Combine(Out, "jfrog-auth-config.json")));

    Task<JObject> Run(bool check = false, bool diff = false, params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject
        {
            ["registry_type"] = "jfrog",
            ["registry_host"] = "127.0.0.1",
            ["registry_port"] = server.Port,
            ["ca_path"] = server.Web.Pki!.CaFile,
            ["token"] = adminToken,
            ["authfile"] = folder.Write("none.json", "{}"),
            ["dest_dir"] = Out,
            ["retries"] = 0,
        };
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new RegistryAuthModule(), parameters, check, diff);
    }

    Task<JObject> Pull(bool check = false, params (string Name, JToken? Value)[] more) => Run(check, more: [("access", new JArray("pull")), .. more]);

    static void AssertChanged(bool expected, JObject answer) => Assert.True((bool?)answer["failed"] != true && (bool)answer["changed"]! == expected, answer.ToString());

    static string Fault(JObject answer)
    {
        Assert.True((bool?)answer["failed"] ?? false, answer.ToString());
        var (message, hint) = ((string)answer["msg"]!, (string?)answer["error"]!["hint"]);
        return hint is not null && message.EndsWith("; " + hint, StringComparison.Ordinal) ? message[..^(hint.Length + 2)] : message;
    }

    IEnumerable<string> Writes => server.Web.Requests.Where(request => request.IsWrite).Select(request => $"{request.Method} {request.Path.Split('?')[0]}");

    [Fact]
    public async Task First_run_makes_a_token_the_second_nothing_and_check_mode_predicts()
    {
        var predicted = await Run(check: true, diff: true);
        AssertChanged(true, predicted);
        Assert.Empty(Writes);
        Assert.False(Path.Exists(Out));

        var first = await Run();
        AssertChanged(true, first);
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);
        Assert.Equal("create token of ocp-mirror that may pull, push in mirror", (string)first["actions"]![0]!);
        Assert.Equal(["POST /access/api/v1/tokens"], Writes);
        Assert.Equal(("ocp-mirror", "artifact:mirror/**:r,w", "ansible:registry_auth:mirror/ocp-mirror"), server.StoredTokens.Where(token => token.User != "admin").Select(token => (token.User, token.Scope, token.Description)).Single());
        Assert.Equal("""{"username":"ocp-mirror","method":"token","access":["pull","push"],"created":true,"rotated":false,"expires_at":null}""", Json.Compact(first["account"]!));
        Assert.Equal("""{"jfac":"HEALTHY","jfevt":"HEALTHY","jffe":"HEALTHY","jfmd":"HEALTHY","jfrt":"HEALTHY","router":"HEALTHY"}""", Json.Compact(first["registry"]!["health"]!["components"]!));

        server.Web.ClearRequests();
        AssertChanged(false, await Run());
        AssertChanged(false, await Run(check: true));
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task The_files_have_the_token_under_both_names()
    {
        await Run();

        var config = AuthConfig;
        Assert.Equal(["registry_type", "registry_url", "auth_method", "username", "password", "token", "created_at"], config.Properties().Select(property => property.Name));
        Assert.Equal(("jfrog", $"https://{server.Name}", "token", "ocp-mirror"), ((string)config["registry_type"]!, (string)config["registry_url"]!, (string)config["auth_method"]!, (string)config["username"]!));
        Assert.Equal((string)config["password"]!, (string)config["token"]!);
        Assert.Equal("artifact:mirror/**:r,w", (string)TokenClaims.TryParse((string)config["token"]!)!.Payload["scp"]!);
        Assert.Equal(Convert.ToBase64String(Encoding.UTF8.GetBytes($"ocp-mirror:{config["password"]}")), (string)Json.TryParseObject(File.ReadAllText(DockerConfig))!["auths"]![server.Name]!["auth"]!);
        Assert.All(Directory.GetFiles(Out), path => Assert.Equal(OwnerOnly, File.GetUnixFileMode(path)));
    }

    [Fact]
    public async Task Skopeo_pushes_where_it_may_and_nowhere_else_and_the_second_account_only_pulls()
    {
        server.AddRepository("mirror");
        server.AddRepository("other");
        await Run();
        await Pull();
        var image = ImageBuilder.MultiArch("pushed");
        OciLayout.Write(folder["layout"], new Dictionary<string, BuiltImage> { ["v1"] = image });
        var skopeo = new Skopeo(folder["skopeo"]);
        var pull = Path.Combine(Out, "jfrog-pull-docker-config.json");
        string[] Push(string authfile, string target) => ["copy", "--all", "--dest-authfile", authfile, "--dest-cert-dir", pki.CertDir, $"oci:{folder["layout"]}:v1", $"docker://{server.Name}/{target}"];

        (await skopeo.Run(Push(DockerConfig, "mirror/quay.io/team/app:v1"))).MustSucceed();
        Assert.NotEqual(0, (await skopeo.Run(Push(DockerConfig, "other/app:v1"))).ExitCode);
        Assert.NotEqual(0, (await skopeo.Run(Push(pull, "mirror/quay.io/team/app:v2"))).ExitCode);
        var pulled = await skopeo.Run("inspect", "--raw", "--authfile", pull, "--cert-dir", pki.CertDir, $"docker://{server.Name}/mirror/quay.io/team/app:v1");
        Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), pulled.MustSucceed().Output);
        Assert.Equal(["mirror/quay.io/team/app"], server.Content.Repositories);
    }

    [Fact]
    public async Task Without_who_manages_the_account_of_an_earlier_run_is_asked_about()
    {
        await Run();
        var answer = await Run(more: [("token", null)]);
        AssertChanged(false, answer);
        Assert.Equal(("ocp-mirror", "token"), ((string)answer["account"]!["username"]!, (string)answer["account"]!["method"]!));

        server.RevokeToken((string)AuthConfig["token"]!);
        answer = await Run(more: [("token", null)]);
        Assert.Contains("401", Fault(answer), StringComparison.Ordinal);
        Assert.Contains("give username and password (or a token) of somebody who may manage accounts", (string)answer["error"]!["hint"]!, StringComparison.Ordinal);
        Assert.Equal("rotate: always: ocp-mirror cannot change itself", Fault(await Run(more: [("token", null), ("rotate", "always")])));

        AssertChanged(true, await Run());
        Assert.Single(server.StoredTokens, token => token.User == "ocp-mirror");
    }

    [Fact]
    public async Task The_old_secret_of_what_pushes_goes_at_once_and_that_of_the_cluster_when_it_is_retired()
    {
        await Run();
        var old = (string)AuthConfig["token"]!;
        var rotated = await Run(more: [("rotate", "always")]);
        AssertChanged(true, rotated);
        Assert.True((bool)rotated["account"]!["rotated"]!);
        Assert.NotEqual(old, (string)AuthConfig["token"]!);
        Assert.Single(server.StoredTokens, token => token.User == "ocp-mirror");

        var secret = folder.Write("pull-secret.json", """{"auths":{"quay.io":{"auth":"YTpi"}}}""");
        await Pull(more: ("pull_secret_path", secret));
        rotated = await Pull(more: [("rotate", "always"), ("pull_secret_path", secret)]);
        Assert.Equal(2, server.StoredTokens.Count(token => token.User == "ocp-pull"));
        Assert.Contains(rotated["warnings"]!, warning => ((string)warning!).StartsWith("an older secret of ocp-pull still works: run this with retire_previous: true", StringComparison.Ordinal));
        Assert.Contains(rotated["warnings"]!, warning => ((string)warning!).Contains("oc set data secret/pull-secret", StringComparison.Ordinal));
        Assert.Equal(["quay.io", server.Name], ((JObject)Json.TryParseObject(File.ReadAllText(secret))!["auths"]!).Properties().Select(entry => entry.Name));

        AssertChanged(true, await Pull(check: true, more: [("retire_previous", true), ("pull_secret_path", secret)]));
        Assert.Equal(2, server.StoredTokens.Count(token => token.User == "ocp-pull"));
        AssertChanged(true, await Pull(more: [("retire_previous", true), ("pull_secret_path", secret)]));
        Assert.Single(server.StoredTokens, token => token.User == "ocp-pull");
        AssertChanged(false, await Pull(more: [("retire_previous", true), ("pull_secret_path", secret)]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task A_run_that_lost_the_secret_on_its_way_is_repaired_without_a_second_account(int retries)
    {
        var losses = 1;
        server.AfterMint = () =>
        {
            if (losses-- > 0)
                throw new InvalidOperationException("the connection breaks off here");
        };

        var first = await Run(more: ("retries", retries));
        if (retries == 0)
        {
            Fault(first);
            Assert.False(File.Exists(DockerConfig));
            AssertChanged(true, await Run());
        }

        Assert.Single(server.StoredTokens, token => token.User == "ocp-mirror");
        AssertChanged(false, await Run());
        AssertChanged(false, await Run(more: ("token", null)));
    }

    [Fact]
    public async Task Rights_that_are_not_those_asked_for_bring_a_new_token()
    {
        await Run();
        var answer = await Run(more: ("access", new JArray("pull", "push", "delete")));

        AssertChanged(true, answer);
        Assert.Equal("artifact:mirror/**:r,w,d", Assert.Single(server.StoredTokens, token => token.User == "ocp-mirror").Scope);
        AssertChanged(false, await Run(more: ("access", new JArray("pull", "push", "delete"))));
    }

    [Fact]
    public async Task A_token_that_ends_soon_is_replaced_in_time()
    {
        var answer = await Run(more: [("expires_days", 10)]);
        Assert.StartsWith(DateTime.UtcNow.AddDays(10).ToString("yyyy-MM-dd"), (string)answer["account"]!["expires_at"]!, StringComparison.Ordinal);
        AssertChanged(false, await Run(more: [("expires_days", 10), ("rotate_before_days", 5)]));

        answer = await Run(more: [("expires_days", 10), ("rotate_before_days", 14)]);

        AssertChanged(true, answer);
        Assert.True((bool)answer["account"]!["rotated"]!);
    }

    /// <summary>What no recording tells: a list without scopes, without a filter, in pages.</summary>
    [Theory]
    [InlineData(true, true, 1)]
    [InlineData(false, false, null)]
    [InlineData(false, true, 2)]
    public async Task Whatever_the_list_of_tokens_is_like_nothing_is_made_twice(bool filters, bool tellsScopes, int? page)
    {
        await Restart(new() { FiltersTokens = filters, TellsScopes = tellsScopes, TokenPage = page });
        for (var i = 0; i < 3; i++)
            server.MintToken($"somebody-{i}", "applied-permissions/user", description: "ansible:registry_auth:other/ocp-mirror");

        AssertChanged(true, await Run());
        AssertChanged(false, await Run());
        await Run(more: ("rotate", "always"));

        Assert.Single(server.StoredTokens, token => token.User == "ocp-mirror");
        Assert.Equal(3, server.StoredTokens.Count(token => token.User.StartsWith("somebody", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Absent_revokes_and_removes()
    {
        await Run();
        var predicted = await Run(check: true, more: ("state", "absent"));
        AssertChanged(true, predicted);
        Assert.Single(server.StoredTokens, token => token.User == "ocp-mirror");

        AssertChanged(true, await Run(more: ("state", "absent")));
        Assert.DoesNotContain(server.StoredTokens, token => token.User == "ocp-mirror");
        Assert.Empty(Directory.GetFiles(Out));
        AssertChanged(false, await Run(more: ("state", "absent")));
        Assert.Contains(server.StoredTokens, token => token.User == "admin");
    }

    [Fact]
    public async Task Who_may_not_manage_goes_into_the_files_and_is_said_why()
    {
        server.AddUser("bob", "b0b-s3cret/+", "artifact:mirror/**:r,w");
        server.AddRepository("mirror");

        var answer = await Run(more: [("token", null), ("username", "bob"), ("password", "b0b-s3cret/+")]);

        AssertChanged(true, answer);
        Assert.Equal("no service account was made, user \"bob\" itself goes into the files: user \"bob\" is no administrator of Artifactory (Forbidden)", (string)answer["warnings"]![0]!);
        Assert.Equal("user", (string)answer["account"]!["method"]!);
        Assert.Equal("method: token: user \"bob\" is no administrator of Artifactory (Forbidden)", Fault(await Run(more: [("token", null), ("username", "bob"), ("password", "b0b-s3cret/+"), ("method", "token")])));
    }

    [Fact]
    public async Task A_given_token_can_be_the_account()
    {
        var answer = await Run(more: ("method", "user"));

        AssertChanged(true, answer);
        Assert.Equal(("admin", adminToken), ((string)AuthConfig["username"]!, (string)AuthConfig["password"]!));
        Assert.DoesNotContain(Writes, write => write.Contains("tokens", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_secret_is_in_what_is_printed()
    {
        var secrets = new SecretCollector();
        secrets.AddSecret("admin", adminToken);
        secrets.Add("made", Json.Compact(await Run(diff: true)));
        secrets.AddSecret("ocp-mirror", (string)AuthConfig["token"]!);
        secrets.Add("rotated", Json.Compact(await Run(diff: true, more: ("rotate", "always"))));
        secrets.AddSecret("ocp-mirror", (string)AuthConfig["token"]!);
        secrets.Add("kept", Json.Compact(await Run(diff: true)));
        server.RevokeToken((string)AuthConfig["token"]!);
        secrets.Add("refused", Json.Compact(await Run(diff: true, more: ("token", null))));
        secrets.Add("removed", Json.Compact(await Run(diff: true, more: ("state", "absent"))));

        Assert.Empty(secrets.Find());
    }

    [Fact]
    public async Task Every_fault_has_its_sentence()
    {
        var start = $"cannot log in to {server.Name}: ";
        Assert.Equal($"{start}user \"admin\" was refused: wrong user name or password (401: Bad Credentials)", Fault(await Run(more: [("token", null), ("username", "admin"), ("password", "mistyped")])));
        Assert.Equal($"{start}the token of admin has expired (401: Token failed verification: expired)", Fault(await Run(more: ("token", server.MintToken(lifetime: TimeSpan.FromSeconds(-1))))));
        var revoked = server.MintToken();
        server.RevokeToken(revoked);
        Assert.Equal($"{start}the token of admin was revoked (401: Token failed verification: revoked)", Fault(await Run(more: ("token", revoked))));
        Assert.Equal($"{start}the token is not one of this Artifactory (401: Props Authentication Token not found)", Fault(await Run(more: ("token", "cmVmdGtuOjAxOjE3"))));
        Assert.Equal("method: token: the token of bob is no administrator of Artifactory (Forbidden)", Fault(await Run(more: [("token", server.MintToken("bob", "applied-permissions/user")), ("method", "token")])));
        Assert.Equal("account_name \"OCP_Mirror\" is no name that Artifactory takes: 1 to 64 characters, lower-case letters and digits, with single . _ - between them", Fault(await Run(more: ("account_name", "OCP_Mirror"))));
        Assert.Equal("method: robot: the service accounts of Artifactory are tokens", Fault(await Run(more: ("method", "robot"))));
        Assert.Equal("secret: Artifactory makes its tokens itself", Fault(await Run(more: ("secret", "My0wnS3cret"))));
        Assert.Equal("expires_days 0 is not a number of days from 1 on", Fault(await Run(more: ("expires_days", 0))));
        var password = await Run(more: [("token", null), ("username", "admin"), ("password", "Artifact0ry!pass")]);
        Assert.Equal($"cannot make a token for ocp-mirror on {server.Name}: user \"admin\" was refused: wrong user name or password (401 UNAUTHORIZED: HTTP 401 Unauthorized, Unauthorized)".Replace(" UNAUTHORIZED", "", StringComparison.Ordinal), Fault(password));
        Assert.Contains("or give an admin token", (string)password["error"]!["hint"]!, StringComparison.Ordinal);
        Assert.False(Path.Exists(Out));
        Assert.All(server.StoredTokens, token => Assert.Contains(token.User, new[] { "admin", "bob" }));
    }

    [Fact]
    public async Task Health_is_judged_by_what_is_missing()
    {
        server.Ill["jffe"] = "no answer";
        var degraded = await Run();
        AssertChanged(true, degraded);
        Assert.Equal("degraded", (string)degraded["registry"]!["health"]!["status"]!);
        Assert.Equal($"{server.Name} says it is degraded: jffe is UNHEALTHY (no answer)", (string)degraded["warnings"]![0]!);

        // An account is never touched because a server is ill: not even asked about.
        server.Ill["jfac"] = "Failed to connect to the database";
        server.Web.ClearRequests();
        var ill = await Run(more: ("rotate", "always"));
        Assert.Equal($"{server.Name} says it is unhealthy: jfac is UNHEALTHY (Failed to connect to the database), jffe is UNHEALTHY (no answer)", Fault(ill));
        Assert.Equal("look at the registry's log and start what is missing; no account was touched and nothing was written", (string)ill["error"]!["hint"]!);
        Assert.Equal(["/v2/", "/router/api/v1/system/health"], server.Web.Requests.Select(request => request.Path));
    }

    [Fact]
    public async Task A_locked_login_is_waited_for_and_never_taken_for_a_refusal()
    {
        await Restart(new() { LoginLock = TimeSpan.FromSeconds(1) });
        await Run();
        var token = (string)AuthConfig["token"]!;
        // Somebody else sends wrong passwords.
        using var client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } });
        client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String("admin:wrong"u8));
        for (var i = 0; i < 3; i++)
            await client.GetAsync(new Uri(server.Address, "v2/token"));

        var answer = await Run(more: [("token", null), ("username", "admin"), ("password", "Artifact0ry!pass")]);

        AssertChanged(false, answer);
        Assert.Equal(token, (string)AuthConfig["token"]!);

        await Restart(new() { LoginLock = TimeSpan.FromSeconds(1) });
        var locks = 0;
        server.Web.Around = async (context, next) =>
        {
            if (!context.Request.Path.StartsWithSegments("/artifactory"))
            {
                await next();
                return;
            }

            locks++;
            context.Response.StatusCode = 403;
            await context.Response.WriteAsync("""{"errors":[{"status":403,"message":"This request is blocked due to recurrent request failures, please try again in 0 second(s)"}]}""");
        };
        Assert.Equal($"cannot log in to {server.Name}: {server.Name} has locked logins after wrong passwords (This request is blocked due to recurrent request failures, please try again in 0 second(s))", Fault(await Run()));
        Assert.Equal(2, locks);
    }

    [Fact]
    public async Task What_stands_in_between_is_told_from_Artifactory()
    {
        (string Sentence, RequestDelegate Answer)[] faults =
        [
            ($"cannot ask {server.Name} for its health: {server.Name} answered 200 with a web page (page \"Portal\") in place of Artifactory's health", context => Page(context, 200, "Portal")),
            ($"cannot ask {server.Name} for its health: {server.Name} answered 502 Bad Gateway: page \"502 Bad Gateway\"", context => Page(context, 502, "502 Bad Gateway")),
            ($"cannot ask {server.Name} for its health: {server.Name} answered 308 Permanent Redirect: page \"Moved\" to https://127.0.0.1/router/", context =>
            {
                context.Response.Headers.Location = "https://127.0.0.1/router/";
                return Page(context, 308, "Moved");
            }),
            ($"cannot ask {server.Name} for its health: {server.Name} answered 429 Too Many Requests; it asks to come back at ", context =>
            {
                context.Response.Headers.RetryAfter = "1200";
                context.Response.StatusCode = 429;
                return Task.CompletedTask;
            }),
        ];

        foreach (var (sentence, page) in faults)
        {
            server.Web.Around = (context, _) => page(context);
            Assert.StartsWith(sentence, Fault(await Run()), StringComparison.Ordinal);
        }

        // A short wait is waited.
        var asked = 0;
        server.Web.Around = (context, next) =>
        {
            if (asked++ > 0)
                return next();
            context.Response.Headers.RetryAfter = "0";
            context.Response.StatusCode = 429;
            return Task.CompletedTask;
        };
        AssertChanged(true, await Run(more: ("retries", 1)));

        static Task Page(HttpContext context, int status, string title)
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "text/html";
            return context.Response.WriteAsync($"<html><head><title>{title}</title></head></html>");
        }
    }

    [Fact]
    public async Task Other_editions_and_ports_say_what_they_are()
    {
        await Restart(new() { Edition = ArtifactoryEdition.Oss });
        Assert.Equal($"{server.Name} is Artifactory OSS, which holds no container images", Fault(await Run()));

        await Restart(new() { HasSignedEula = false });
        var unsigned = await Run();
        Assert.Contains("No signed EULA found", Fault(unsigned), StringComparison.Ordinal);
        Assert.Contains("accept the EULA", (string)unsigned["error"]!["hint"]!, StringComparison.Ordinal);

        await Restart(new() { HasRouter = false });
        var direct = await Run();
        Assert.Contains($"{server.Name} has no /access", Fault(direct), StringComparison.Ordinal);
        Assert.StartsWith("give the port of Artifactory's router, 8082", (string)direct["error"]!["hint"]!, StringComparison.Ordinal);

        await Restart(new() { Edition = ArtifactoryEdition.Jcr });
        AssertChanged(true, await Run());

        await Restart(new() { ShowsLicense = false });
        AssertChanged(true, await Run());
        Assert.Equal("token", (string)AuthConfig["auth_method"]!);
    }

    [Fact]
    public async Task A_certificate_that_ends_soon_is_warned_of()
    {
        using var old = new Pki(folder["old-pki"], days: 12);
        await Restart(new() { Pki = old });

        var answer = await Run();

        Assert.Matches($@"^the certificate of {server.Name} ends in 11 days \(\d{{4}}-\d\d-\d\d \d\d:\d\d UTC\): renew it, or pulls and pushes fail from then on$", (string)Assert.Single(answer["warnings"]!)!);
    }
}
