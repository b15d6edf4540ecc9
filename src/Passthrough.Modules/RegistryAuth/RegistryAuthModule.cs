using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Admin;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.RegistryAuth;

/// <summary>
/// <c>registry_auth</c>: is the registry healthy, may the account do what it must in the mirror's namespace, and its credentials where docker, podman, skopeo and
/// OpenShift look for them. The documentation for users is <c>modules/registry_auth.yml</c>.
/// </summary>
sealed class RegistryAuthModule : IAnsibleModule
{
    const string Absent = "absent";
    const string Pull = "pull";
    const string Push = "push";

    /// <summary>The one repository that is asked whether it can be written to.</summary>
    const string ProbeRepository = "passthrough-probe";

    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "registry_auth",
        Arguments =
        [
            new("state") { Choices = ["present", Absent], Default = "present" },
            new("namespace") { Default = MirrorNaming.DefaultNamespace },
            new("access", ArgumentType.List) { Choices = [Pull, Push], Default = new[] { Pull, Push } },
            new("dest_dir", ArgumentType.Path) { Aliases = ["icsp_template_dir"] },
            new("auth_config_path", ArgumentType.Path),
            new("docker_config_path", ArgumentType.Path),
            new("pull_secret_path", ArgumentType.Path),
            new("owner"),
            new("group"),
            new("mode", ArgumentType.Raw) { Default = "0600" },
            .. RegistryConnection.Arguments,
        ],
        RequiredOneOf = [["dest_dir", "auth_config_path", "docker_config_path"]],
    };

    public async Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation)
    {
        var connection = RegistryConnection.From(context);
        var files = new CredentialFiles(context, connection);
        return context.Arguments.Text("state") == Absent ? Remove(context, connection, files) : await SetUpAsync(context, connection, files, cancellation);
    }

    static ModuleResult Remove(ModuleContext context, RegistryConnection connection, CredentialFiles files)
    {
        files.Remove();
        return new ModuleResult
        {
            Changed = files.Changed,
            Message = files.Changed
                ? $"{(context.CheckMode ? "would remove" : "removed")} the credentials for {connection.Endpoint.Authority} from {files.ChangedPaths}; the account itself stays on the registry"
                : $"no file has credentials for {connection.Endpoint.Authority}",
            Diffs = files.Diffs,
            Data = new JObject { ["registry"] = RegistryData(connection, health: null), ["files"] = files.Data },
        };
    }

    static async Task<ModuleResult> SetUpAsync(ModuleContext context, RegistryConnection connection, CredentialFiles files, CancellationToken cancellation)
    {
        var probe = new Reference(connection.Endpoint.Authority, $"{new MirrorNaming(connection.Endpoint, context.Arguments.RequiredText("namespace")).Namespace}/{ProbeRepository}");
        var credential = connection.Credentials.Find(connection.Endpoint.Authority, probe.Repository) ?? files.Stored(probe);
        if (credential is { Token: not null })
            throw new ModuleException(ErrorCodes.Unsupported, $"for {connection.Endpoint.Authority} there is a token and no password; registry_type {connection.Product.Name} has nothing to make a lasting account from it", "give username and password");
        using var administration = connection.OpenAdmin(credential);
        var admin = await connection.Product.AdminAsync(administration, cancellation);

        var health = await admin.HealthAsync(cancellation);
        if (health.Condition == RegistryCondition.Unhealthy)
            throw new ModuleException(ErrorCodes.Server, $"{connection.Endpoint.Authority} says it is {health.Status}", "look at the registry's log; nothing was written");
        var check = await admin.CheckSecretAsync(credential, probe, cancellation);
        if (check.Refusal is { } refusal)
            throw refusal;
        if (!check.IsProved)
            context.Warnings.Add($"{connection.Endpoint.Authority} lets anybody in: {(credential is null ? "no credentials are needed" : $"the password of {credential.Username} was not asked for, so it is not proved")}. Anybody who reaches it can replace images");

        files.Prepare(credential, check.IsProved ? "basic" : "none");
        var access = context.Arguments.List("access");
        // An account that is in the files already was asked when it was put there: a second run sends nothing that writes.
        var asksForPush = access.Contains(Push) && files.Changed && !context.CheckMode;
        if (asksForPush)
            await admin.ProveWritableAsync(credential, probe, cancellation);
        files.Write();

        var accepted = $"{(credential is null ? "anybody" : $"user {credential.Username}")} may use {connection.Endpoint.Authority}{(asksForPush ? $" and push to {context.Arguments.Text("namespace")}" : "")}";
        return new ModuleResult
        {
            Changed = files.Changed,
            Message = files.Changed
                ? $"{accepted}; {(context.CheckMode ? "would write" : "wrote")} {files.ChangedPaths}"
                : $"{accepted}; the files are as they should be",
            Diffs = files.Diffs,
            Data = new JObject
            {
                ["registry"] = RegistryData(connection, health),
                ["account"] = new JObject
                {
                    ["username"] = credential?.Username ?? "",
                    ["method"] = credential is null ? "none" : "user",
                    ["access"] = new JArray(access),
                    ["created"] = false,
                    ["rotated"] = false,
                    ["expires_at"] = null,
                },
                ["files"] = files.Data,
            },
        };
    }

    static JObject RegistryData(RegistryConnection connection, RegistryHealth? health)
    {
        var json = new JObject { ["url"] = connection.Endpoint.ToString(), ["type"] = connection.Product.Name };
        if (health is not null)
            json["health"] = new JObject { ["status"] = health.Status, ["components"] = new JObject(health.Components.Select(part => new JProperty(part.Key, part.Value))) };
        return json;
    }
}
