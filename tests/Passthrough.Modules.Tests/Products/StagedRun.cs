using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Modules.ImageArchive;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Testing;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>Our modules on any product, as whoever manages it, and the real skopeo with the files that they wrote.</summary>
sealed class StagedRun(ProductStage stage, TestFolder folder)
{
    public static (string, object?) PullOnly => ("access", new[] { "pull" });

    public string DockerConfig => Path.Combine(folder["out"], $"{stage.Type}-docker-config.json");

    public string PullDockerConfig => Path.Combine(folder["out"], $"{stage.Type}-pull-docker-config.json");

    public Task<JObject> Auth(params (string Name, object? Value)[] more) => Run(new RegistryAuthModule(), stage.Parameters([("dest_dir", folder["out"]), .. Always, .. more]));

    public Task<JObject> Repo(params (string Name, object? Value)[] more) => Run(new MirrorRepoModule(), stage.Parameters([.. Always, .. more]));

    /// <summary>As whoever stands in a docker config.</summary>
    public Task<JObject> Archive(string state, string dockerConfig, params (string Name, object? Value)[] more)
    {
        var parameters = stage.Parameters([("state", state), ("authfile", dockerConfig), .. more]);
        foreach (var name in new[] { "username", "password", "token" })
            parameters.Remove(name);
        return Run(new ImageArchiveModule(), parameters);
    }

    /// <summary>The login name and secret that stand in a docker config.</summary>
    public (string User, string Secret) Login(string dockerConfig)
    {
        var parts = Encoding.UTF8.GetString(Convert.FromBase64String((string)Json.TryParseObject(File.ReadAllText(dockerConfig))!["auths"]![stage.Name]!["auth"]!)).Split(':', 2);
        return (parts[0], parts[1]);
    }

    public Task<CommandResult> Pull(string dockerConfig, string source) =>
        new Skopeo(folder["skopeo"]).Run("inspect", "--raw", "--authfile", dockerConfig, "--cert-dir", stage.Pki.CertDir, $"docker://{stage.Name}/{source}");

    // No test looks at the auth files of whoever runs it.
    (string, object?)[] Always => [("authfile", folder.Write("none.json", "{}"))];

    static Task<JObject> Run(IAnsibleModule module, Dictionary<string, object?> parameters)
    {
        var check = parameters.Remove("check");
        return ModuleRunner.RunAsync(module, JObject.FromObject(parameters), check, diff: true);
    }
}
