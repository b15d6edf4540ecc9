using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Harbor;

namespace Passthrough.Modules.Tests.Harbor;

/// <summary>A Harbor of our own, and the modules run against it as its administrator.</summary>
sealed class HarborStage : IAsyncDisposable
{
    readonly TestFolder folder = new("harbor");

    HarborStage(HarborServer server) => Server = server;

    public HarborServer Server { get; }

    public HarborState State => Server.State;

    public string Out => folder["out"];

    public JObject AuthConfig => Read("harbor-auth-config.json");

    public JObject PullAuthConfig => Read("harbor-pull-auth-config.json");

    public static async Task<HarborStage> Start(HarborSettings? settings = null) => new(await HarborServer.Start(settings));

    public Task<JObject> Auth(params (string Name, JToken? Value)[] more) => Run(new RegistryAuthModule(), check: false, more);

    public Task<JObject> CheckAuth(params (string Name, JToken? Value)[] more) => Run(new RegistryAuthModule(), check: true, more);

    public Task<JObject> Repo(params (string Name, JToken? Value)[] more) => Run(new MirrorRepoModule(), check: false, more);

    public Task<JObject> CheckRepo(params (string Name, JToken? Value)[] more) => Run(new MirrorRepoModule(), check: true, more);

    public Task<JObject> Run(IAnsibleModule module, bool check, (string Name, JToken? Value)[] more, CancellationToken cancellation = default)
    {
        var parameters = new JObject
        {
            ["registry_type"] = "harbor",
            ["registry_host"] = "127.0.0.1",
            ["registry_port"] = Server.Web.Port,
            ["scheme"] = Server.Address.Scheme,
            ["username"] = "admin",
            ["password"] = "Harbor12345",
            // No test looks at the auth files of whoever runs it.
            ["authfile"] = folder.Write("none.json", "{}"),
            ["retries"] = 0,
        };
        if (Server.Web.Pki is { } pki)
            parameters["ca_path"] = pki.CaFile;
        if (module is RegistryAuthModule)
            parameters["dest_dir"] = Out;
        foreach (var (name, value) in more)
        {
            if (value is null)
                parameters.Remove(name);
            else
                parameters[name] = value;
        }

        return ModuleRunner.RunAsync(module, parameters, check, diff: true, cancellation: cancellation);
    }

    public string Write(string name, string text) => folder.Write(name, text);

    public string PathOf(string name) => Path.Combine(Out, name);

    /// <summary>What asked the server to change something since the requests were cleared.</summary>
    public IReadOnlyList<RegistryRequest> Writes => [.. Server.Requests.Where(request => request.IsWrite)];

    /// <summary>Runs skopeo with a docker config that a module wrote.</summary>
    public Task<CommandResult> Skopeo(string dockerConfig, params string[] arguments) => new Skopeo(folder["skopeo"]).Run([.. arguments[..1], "--authfile", PathOf(dockerConfig), .. arguments[1..]]);

    JObject Read(string name) => (JObject)Json.Parse(File.ReadAllText(PathOf(name)));

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        folder.Dispose();
    }
}
