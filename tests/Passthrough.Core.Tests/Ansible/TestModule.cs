using Passthrough.Core.Ansible;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>A module that does what a test wants.</summary>
sealed class TestModule(Func<ModuleContext, CancellationToken, Task<ModuleResult>>? work = null) : IAnsibleModule
{
    public ArgumentSpec Spec { get; } = new()
    {
        ModuleName = "probe",
        Arguments =
        [
            new("name") { Aliases = ["title", "label"], DeprecatedAliases = ["label"] },
            new("password") { NoLog = true, EnvironmentFallback = ["PROBE_PASSWORD"] },
            new("flag", ArgumentType.Flag) { Default = true },
            new("items", ArgumentType.List) { Elements = ArgumentType.Dictionary, Options = [new("key") { NoLog = true }, new("note")] },
        ],
    };

    public Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation) =>
        work is null ? Task.FromResult(new ModuleResult { Changed = false, Message = "fine" }) : work(context, cancellation);
}
