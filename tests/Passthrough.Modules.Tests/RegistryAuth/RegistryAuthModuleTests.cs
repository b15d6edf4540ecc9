using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.RegistryAuth;

/// <summary>Against a real docker-registry with TLS and two accounts, and one that lets anybody in.</summary>
public sealed class RegistryAuthModuleTests : IAsyncLifetime, IDisposable
{
    const string User = "pusher";
    const string Password = "T0p&s3cret/+%w{0}rd: 'x";
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    readonly TestFolder folder = new("registry-auth");
    Pki pki = null!;
    DockerRegistry registry = null!;

    public async Task InitializeAsync()
    {
        pki = new Pki(folder["pki"]);
        registry = await DockerRegistry.Start(folder["registry"], new() { Pki = pki, Accounts = new Dictionary<string, string> { [User] = Password, ["other"] = "0ther-s3cret" } });
    }

    public Task DisposeAsync() => registry.DisposeAsync().AsTask();

    public void Dispose()
    {
        pki.Dispose();
        folder.Dispose();
    }

    string Out => folder["out"];

    string AuthConfig => Path.Combine(Out, "distribution-auth-config.json");

    string DockerConfig => Path.Combine(Out, "distribution-docker-config.json");

    JObject Parameters(params (string Name, JToken? Value)[] more)
    {
        var parameters = JObject.FromObject(registry.Parameters());
        // No test looks at the auth files of whoever runs it.
        parameters["authfile"] = folder.Write("none.json", "{}");
        parameters["dest_dir"] = Out;
        parameters["retries"] = 0;
        foreach (var (name, value) in more)
            parameters[name] = value;
        return parameters;
    }

    Task<JObject> Run(bool check = false, bool diff = false, params (string Name, JToken? Value)[] more) => ModuleRunner.RunAsync(
        new RegistryAuthModule(), Parameters(more), check, diff, registry.Environment().ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal));

    Task<JObject> RunWithout(params (string Name, JToken? Value)[] more) => ModuleRunner.RunAsync(new RegistryAuthModule(), Parameters(more));

    static JObject Read(string path) => (JObject)Json.Parse(File.ReadAllText(path));

    static string Message(JObject answer) => (string)answer["msg"]!;

    [Fact]
    public async Task First_run_changes_the_second_does_not_and_check_mode_predicts()
    {
        var mark = await registry.Mark();
        var predicted = await Run(check: true);
        Assert.True((bool)predicted["changed"]!, predicted.ToString());
        Assert.Empty(await registry.Writes(mark));
        Assert.False(Path.Exists(Out));

        var first = await Run();
        Assert.True((bool)first["changed"]!, first.ToString());
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);
        Assert.Equal(["POST", "DELETE"], (await registry.Writes(mark)).Select(write => write.Method));
        Assert.All(await registry.Writes(mark), write => Assert.StartsWith("/v2/mirror/passthrough-probe/blobs/uploads/", write.Path, StringComparison.Ordinal));

        var stamps = Directory.GetFiles(Out).Select(File.GetLastWriteTimeUtc).ToList();
        mark = await registry.Mark();
        var second = await Run();
        Assert.False((bool)second["changed"]!, second.ToString());
        Assert.Equal(stamps, Directory.GetFiles(Out).Select(File.GetLastWriteTimeUtc));
        Assert.Empty(await registry.Writes(mark));
        Assert.False((bool)(await Run(check: true))["changed"]!);
    }

    [Fact]
    public async Task The_files_are_what_users_and_programs_read()
    {
        var answer = await Run();

        var config = Read(AuthConfig);
        Assert.Equal(["registry_type", "registry_url", "auth_method", "username", "password", "created_at"], config.Properties().Select(property => property.Name));
        Assert.Equal(("distribution", $"https://{registry.Name}", "basic", User, Password), ((string)config["registry_type"]!, (string)config["registry_url"]!, (string)config["auth_method"]!, (string)config["username"]!, (string)config["password"]!));
        Assert.Equal(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{User}:{Password}")), (string)Read(DockerConfig)["auths"]![registry.Name]!["auth"]!);
        Assert.All([AuthConfig, DockerConfig], path => Assert.Equal(OwnerOnly, File.GetUnixFileMode(path)));

        Assert.Equal($"https://{registry.Name}", (string)answer["registry"]!["url"]!);
        Assert.Equal("distribution", (string)answer["registry"]!["type"]!);
        Assert.Equal("healthy", (string)answer["registry"]!["health"]!["status"]!);
        Assert.Equal("""{"username":"pusher","method":"user","access":["pull","push"],"created":false,"rotated":false,"expires_at":null}""", Json.Compact(answer["account"]!));
        Assert.Equal([AuthConfig, DockerConfig], answer["files"]!.Select(file => (string)file["path"]!));
        Assert.Null(answer["warnings"]);
    }

    [Fact]
    public async Task No_secret_is_in_what_is_printed()
    {
        var secrets = new SecretCollector();
        secrets.AddSecret(User, Password);
        secrets.AddSecret("ann", "an0ther-s3cret");
        Directory.CreateDirectory(Out);
        File.WriteAllText(DockerConfig, """{"auths":{"quay.io":{"auth":"YW5uOmFuMHRoZXItczNjcmV0"}}}""");

        var answer = await Run(diff: true);
        secrets.Add("result", Json.Compact(answer));
        secrets.Add("wrong password", Json.Compact(await Run(more: [("password", "not-" + Password)])));

        Assert.Empty(secrets.Find());
        Assert.Equal(2, answer["diff"]!.Count());
        Assert.Contains("quay.io", (string)answer["diff"]![1]!["before"]!, StringComparison.Ordinal);
        Assert.Contains(registry.Name, (string)answer["diff"]![1]!["after"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entries_of_others_stay()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(DockerConfig, """{"auths":{"quay.io":{"auth":"YTpi"}},"HttpHeaders":{"X":"1"}}""");

        Assert.True((bool)(await Run())["changed"]!);
        Assert.False((bool)(await Run())["changed"]!);

        Assert.Equal(["quay.io", registry.Name], ((JObject)Read(DockerConfig)["auths"]!).Properties().Select(entry => entry.Name));
        Assert.Equal("1", (string)Read(DockerConfig)["HttpHeaders"]!["X"]!);
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(DockerConfig));

        // Taking ours out leaves them alone.
        Assert.True((bool)(await Run(more: [("state", "absent")]))["changed"]!);
        Assert.Equal(["quay.io"], ((JObject)Read(DockerConfig)["auths"]!).Properties().Select(entry => entry.Name));
        Assert.False(File.Exists(AuthConfig));
        Assert.False((bool)(await Run(more: [("state", "absent")]))["changed"]!);
    }

    [Fact]
    public async Task Absent_needs_no_registry_and_check_mode_removes_nothing()
    {
        await Run();
        await registry.Stop();

        var predicted = await Run(check: true, more: [("state", "absent")]);
        Assert.True((bool)predicted["changed"]!, predicted.ToString());
        Assert.True(File.Exists(AuthConfig));
        var answer = await Run(more: [("state", "absent")]);
        Assert.True((bool)answer["changed"]!, answer.ToString());
        Assert.Empty(Directory.GetFiles(Out));
    }

    [Fact]
    public async Task A_pull_secret_gets_the_entry_and_keeps_its_owner_and_mode()
    {
        var secret = folder.Write("pull-secret.json", """{"auths":{"cloud.openshift.com":{"auth":"YTpi","email":"a@b"}}}""");
        File.SetUnixFileMode(secret, OwnerOnly | UnixFileMode.GroupRead);

        var answer = await Run(more: [("pull_secret_path", secret)]);

        Assert.Equal(["cloud.openshift.com", registry.Name], ((JObject)Read(secret)["auths"]!).Properties().Select(entry => entry.Name));
        Assert.Equal(OwnerOnly | UnixFileMode.GroupRead, File.GetUnixFileMode(secret));
        Assert.Contains("may also push", (string)answer["warnings"]![0]!, StringComparison.Ordinal);
        Assert.False((bool)(await Run(more: [("pull_secret_path", secret)]))["changed"]!);

        var missing = await Run(more: [("pull_secret_path", folder["none-such.json"])]);
        Assert.True((bool)missing["failed"]!);
        Assert.Contains("none-such.json does not exist", Message(missing), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_that_only_pulls_has_files_of_its_own_and_is_not_asked_to_push()
    {
        var mark = await registry.Mark();

        var answer = await Run(more: [("access", new JArray("pull")), ("username", "other"), ("password", "0ther-s3cret")]);

        Assert.Equal(["distribution-pull-auth-config.json", "distribution-pull-docker-config.json"], Directory.GetFiles(Out).Select(Path.GetFileName).Order());
        Assert.Empty(await registry.Writes(mark));
        Assert.Equal("other", (string)answer["account"]!["username"]!);
        // It can push, too, and that is said.
        Assert.Equal("access is pull alone, but the distribution registry lets every account of its htpasswd file push: put a proxy before it that allows GET and HEAD only, and give the cluster that", (string)Assert.Single(answer["warnings"]!)!);
    }

    [Fact]
    public async Task Without_credentials_the_account_of_an_earlier_run_is_used()
    {
        await Run();

        var answer = await RunWithout();

        Assert.False((bool)answer["changed"]!, answer.ToString());
        Assert.Equal(User, (string)answer["account"]!["username"]!);
    }

    [Fact]
    public async Task A_changed_password_is_written_and_asked()
    {
        await Run();
        var created = (string)Read(AuthConfig)["created_at"]!;
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", created);

        var answer = await Run(more: [("username", "other"), ("password", "0ther-s3cret")]);

        Assert.True((bool)answer["changed"]!);
        Assert.Equal("other", (string)Read(AuthConfig)["username"]!);
    }

    [Fact]
    public async Task A_registry_that_lets_anybody_in_is_said_to()
    {
        await using var open = await DockerRegistry.Start(folder["open"]);
        var mark = await open.Mark();

        var answer = await RunWithout(("registry_port", open.Port), ("scheme", "http"), ("ca_path", null));

        Assert.True((bool)answer["changed"]!, answer.ToString());
        Assert.Contains("lets anybody in: no credentials are needed", (string)answer["warnings"]![0]!, StringComparison.Ordinal);
        Assert.Equal("none", (string)answer["account"]!["method"]!);
        Assert.Equal("none", (string)Read(AuthConfig)["auth_method"]!);
        Assert.Equal("{\n  \"auths\": {}\n}\n", File.ReadAllText(DockerConfig));
        Assert.Equal(2, (await open.Writes(mark)).Count);
        Assert.False((bool)(await RunWithout(("registry_port", open.Port), ("scheme", "http"), ("ca_path", null)))["changed"]!);
    }

    [Fact]
    public async Task A_registry_that_is_read_only_is_said_to_be_and_no_file_is_left()
    {
        await using var readOnly = await DockerRegistry.Start(folder["read-only"], new() { ReadOnly = true });

        var answer = await RunWithout(("registry_port", readOnly.Port), ("scheme", "http"), ("ca_path", null));

        Assert.True((bool)answer["failed"]!, answer.ToString());
        Assert.Contains($"cannot write to {readOnly.Name}/mirror/passthrough-probe", Message(answer), StringComparison.Ordinal);
        Assert.False(Path.Exists(Out));
    }

    [Fact]
    public async Task Every_mistake_gives_one_sentence_and_leaves_no_file()
    {
        var file = folder.Write("a-file", "");
        var helpers = folder.Write("helpers.json", new JObject { ["credHelpers"] = new JObject { [registry.Name] = "pass" } }.ToString());
        (string Start, JObject Answer)[] mistakes =
        [
            ($"cannot log in to {registry.Name}: {registry.Name} refused user \"pusher\": wrong user name or password", await Run(more: [("password", "mistyped")])),
            ($"cannot log in to {registry.Name}: {registry.Name} wants credentials and none were given", await RunWithout()),
            ("cannot reach the registry https://127.0.0.1:1: ", await Run(more: [("registry_port", 1)])),
            ($"registry_type harbor is wrong for {registry.Name}: a plain distribution registry answers there; set registry_type: "
                + "distribution", await Run(more: [("registry_type", "harbor")])),
            ("namespace \"Mirror\" cannot be part of a repository's name", await Run(more: [("namespace", "Mirror")])),
            ("mode \"rw\" is no octal number", await Run(more: [("mode", "rw")])),
            ("user \"no-such-user\" does not exist on this host", await Run(more: [("owner", "no-such-user")])),
            ($"folder {Path.Combine(file, "icsp")} cannot be made: {file} is a file", await Run(more: [("dest_dir", Path.Combine(file, "icsp"))])),
            ($"{helpers} has pass in credHelpers for {registry.Name}", await Run(more: [("docker_config_path", helpers)])),
            ("one of the following is required: dest_dir, auth_config_path, docker_config_path", await Run(more: [("dest_dir", null)])),
            ("method: robot: the distribution registry has no way to make accounts over the network", await Run(more: [("method", "robot")])),
            ("rotate: always: the distribution registry cannot change a password over the network", await Run(more: [("rotate", "always")])),
            ("secret: the distribution registry cannot change a password over the network", await Run(more: [("secret", "My0wnS3cret")])),
            ("expires_days: accounts of the distribution registry do not expire", await Run(more: [("expires_days", 30)])),
            ("access is empty", await Run(more: [("access", new JArray())])),
            ($"for {registry.Name} there is a token and no password", await RunWithout(("token", "abcdef"))),
            ("value of access must be one or more of: pull, push, delete. Got no match for: pusk; did you mean push?", await Run(more: [("access", new JArray("pusk"))])),
        ];

        foreach (var (start, answer) in mistakes)
        {
            Assert.True((bool?)answer["failed"] ?? false, $"{start}: {answer}");
            Assert.StartsWith(start, Message(answer), StringComparison.Ordinal);
            Assert.DoesNotContain('\n', Message(answer));
            Assert.False(string.IsNullOrEmpty((string?)answer["error"]!["code"]));
        }

        Assert.False(Path.Exists(Out));
    }
}
