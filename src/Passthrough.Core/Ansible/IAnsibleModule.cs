namespace Passthrough.Core.Ansible;

/// <summary>One Ansible module: what it takes, and what it does.</summary>
public interface IAnsibleModule
{
    ArgumentSpec Spec { get; }

    /// <summary>
    /// Does the work, or in check mode only predicts it. A fault is thrown as <see cref="ModuleException"/>, or returned in
    /// <see cref="ModuleResult.Failure"/> where there is data worth keeping beside it.
    /// </summary>
    Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation);
}
