using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.RegistryAuth;

/// <summary>
/// <c>registry_auth</c>: is the registry healthy; a service account that may do what it must in the mirror's namespace and nothing else; its credentials where docker,
/// podman, skopeo and OpenShift look for them. The documentation for users is <c>modules/registry_auth.yml</c>; what is done is <see cref="AccountRun"/>.
/// </summary>
sealed class RegistryAuthModule : IAnsibleModule
{
    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "registry_auth",
        Arguments =
        [
            new("state") { Choices = ["present", "absent"], Default = "present" },
            new("namespace") { Default = MirrorNaming.DefaultNamespace },
            new("account_name"),
            new("method") { Choices = ["auto", "robot", "token", "user"], Default = "auto" },
            new("access", ArgumentType.List) { Choices = ["pull", "push", "delete"], Default = new[] { "pull", "push" } },
            new("expires_days", ArgumentType.Number),
            new("rotate") { Choices = ["never", "on_invalid", "always"], Default = "on_invalid" },
            new("rotate_before_days", ArgumentType.Number),
            new("retire_previous", ArgumentType.Flag) { Default = false },
            new("allow_outage", ArgumentType.Flag) { Default = false },
            new("secret") { NoLog = true },
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

    public Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation)
    {
        var run = new AccountRun(context, RegistryConnection.From(context));
        return context.Arguments.Text("state") == "absent" ? run.RemoveAsync(cancellation) : run.SetUpAsync(cancellation);
    }
}
