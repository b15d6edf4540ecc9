using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>Our two modules against a product's server for tests, and the real skopeo with the files that they wrote.</summary>
/// <param name="type">The value of <c>registry_type</c>.</param>
/// <param name="user">Who is given; null for nobody.</param>
sealed class ProductRun(string type, FakeServer registry, string? user, string? password) : IDisposable
{
    readonly TestFolder folder = new("product");

    /// <summary>Parameters of every run.</summary>
    public Dictionary<string, JToken?> Always { get; } = new(StringComparer.Ordinal);

    public string Out => folder["out"];

    public string DockerConfig => Path.Combine(Out, $"{type}-docker-config.json");

    public string PullDockerConfig => Path.Combine(Out, $"{type}-pull-docker-config.json");

    public string this[string name] => folder[name];

    public Task<JObject> Auth(params (string Name, JToken? Value)[] more) => Run(new RegistryAuthModule(), more, WithFiles);

    public Task<JObject> Repo(params (string Name, JToken? Value)[] more) => Run(new MirrorRepoModule(), more);

    public Task<JObject> PredictAuth(params (string Name, JToken? Value)[] more) => Run(new RegistryAuthModule(), more, WithFiles, check: true);

    public Task<JObject> PredictRepo(params (string Name, JToken? Value)[] more) => Run(new MirrorRepoModule(), more, check: true);

    /// <summary>A run that is killed as soon as the server has done something.</summary>
    public async Task<JObject> AuthKilledAt(Func<FakeCall, FakeAnswer, bool> moment)
    {
        using var kill = new CancellationTokenSource();
        registry.Done = (call, answer) => moment(call, answer) ? kill.CancelAsync() : Task.CompletedTask;
        var result = await Run(new RegistryAuthModule(), [], WithFiles, cancellation: kill.Token);
        registry.Done = null;
        Assert.True(kill.IsCancellationRequested, result.ToString());
        return result;
    }

    public JObject Read(string name) => (JObject)Json.Parse(File.ReadAllText(Path.Combine(Out, name)));

    /// <summary>The login name and secret that stand in a docker config.</summary>
    public (string User, string Secret) Login(string dockerConfig)
    {
        var entry = (string)((JObject)Json.Parse(File.ReadAllText(dockerConfig)))["auths"]![registry.Name]!["auth"]!;
        var parts = Encoding.UTF8.GetString(Convert.FromBase64String(entry)).Split(':', 2);
        return (parts[0], parts[1]);
    }

    /// <summary>Pushes a two-platform image with skopeo and a docker config that a module wrote.</summary>
    public Task<CommandResult> Push(string target, string dockerConfig, string name = "app")
    {
        var layout = folder["layout-" + name];
        if (!Directory.Exists(layout))
            OciLayout.Write(layout, new Dictionary<string, BuiltImage> { ["v1"] = ImageBuilder.MultiArch(name) });
        return Skopeo(dockerConfig, "copy", "--quiet", "--all", "--preserve-digests", "--dest-tls-verify=false", $"oci:{layout}:v1", $"docker://{registry.Name}/{target}");
    }

    public Task<CommandResult> Pull(string source, string dockerConfig) =>
        Skopeo(dockerConfig, "copy", "--quiet", "--all", "--src-tls-verify=false", $"docker://{registry.Name}/{source}", $"dir:{folder["pulled-" + Guid.NewGuid()]}");

    public Task<CommandResult> Skopeo(string dockerConfig, params string[] arguments) =>
        new Skopeo(folder["skopeo"]).Run([arguments[0], "--authfile", dockerConfig, .. arguments[1..]]);

    static readonly Action<JObject, ProductRun> WithFiles = (parameters, run) => parameters["dest_dir"] ??= run.Out;

    async Task<JObject> Run(IAnsibleModule module, (string Name, JToken? Value)[] more, Action<JObject, ProductRun>? prepare = null, bool check = false, CancellationToken cancellation = default)
    {
        var parameters = new JObject
        {
            ["registry_type"] = type,
            ["registry_host"] = registry.Host,
            ["registry_port"] = registry.Port,
            ["scheme"] = registry.Address.Scheme,
            // No test looks at the auth files of whoever runs it.
            ["authfile"] = folder.Write("none.json", "{}"),
            ["retries"] = 0,
        };
        prepare?.Invoke(parameters, this);
        foreach (var (name, value) in Always.Select(pair => (pair.Key, pair.Value)).Concat(more))
            parameters[name] = value;
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        if (user is not null && !parameters.ContainsKey("token"))
            (environment["REGISTRY_USERNAME"], environment["REGISTRY_PASSWORD"]) = (user, password!);
        return await ModuleRunner.RunAsync(module, parameters, check, diff: true, environment, cancellation);
    }

    public void Dispose() => folder.Dispose();
}

/// <summary>What results must say.</summary>
static class Results
{
    public static JObject MustChange(this JObject result) => Must(result, changed: true);

    public static JObject MustNotChange(this JObject result) => Must(result, changed: false);

    /// <summary>It failed with this sentence, on one line, and with something to do about it.</summary>
    public static void MustFail(this JObject result, string sentence, string? hint = null)
    {
        Assert.True((bool?)result["failed"] ?? false, $"{sentence}: {result}");
        var message = (string)result["msg"]!;
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.False(string.IsNullOrEmpty((string?)result["error"]!["code"]));
        if (hint is not null)
            Assert.Contains(hint, (string?)result["error"]!["hint"] ?? "", StringComparison.Ordinal);
    }

    /// <summary>What was done on the server; files are told of in another order when nothing is made.</summary>
    public static IReadOnlyList<string> Actions(this JObject result) =>
        [.. (result["actions"] ?? new JArray()).Select(action => (string)action!).Where(action => !action.StartsWith("write /", StringComparison.Ordinal) && !action.StartsWith("remove /", StringComparison.Ordinal))];

    public static IReadOnlyList<string> Warnings(this JObject result) => [.. (result["warnings"] ?? new JArray()).Select(warning => (string)warning!)];

    static JObject Must(JObject result, bool changed)
    {
        Assert.False((bool?)result["failed"] ?? false, result.ToString());
        Assert.True((bool)result["changed"]! == changed, result.ToString());
        return result;
    }
}
