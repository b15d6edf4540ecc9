using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>
/// What Ansible says about a run beside the user's parameters: the <c>_ansible_*</c> keys of the args file. Each is optional, unknown ones are ignored (newer cores add some).
/// </summary>
public sealed record RunOptions
{
    const string Prefix = "_ansible_";

    public bool CheckMode { get; init; }

    public bool Diff { get; init; }

    public int Verbosity { get; init; }

    /// <summary>False from core 2.21 on unless asked for; absent, and so true, before.</summary>
    public bool InjectInvocation { get; init; } = true;

    public bool IgnoreUnknownParameters { get; init; }

    /// <summary>The name as it was written, perhaps with namespace and collection; null in the command form.</summary>
    public string? ModuleName { get; init; }

    /// <summary>Divides the members of an args file into Ansible's keys and the user's parameters.</summary>
    public static (RunOptions Options, JObject Parameters) Split(JObject args)
    {
        var parameters = new JObject(args.Properties().Where(p => !p.Name.StartsWith(Prefix, StringComparison.Ordinal)));
        return (new RunOptions
        {
            CheckMode = Flag("check_mode") ?? false,
            Diff = Flag("diff") ?? false,
            Verbosity = args[Prefix + "verbosity"] is JValue { Value: long verbosity } ? (int)verbosity : 0,
            InjectInvocation = Flag("inject_invocation") ?? true,
            IgnoreUnknownParameters = Flag("ignore_unknown_opts") ?? false,
            ModuleName = args[Prefix + "module_name"] is JValue { Value: string name } ? name : null,
        }, parameters);

        bool? Flag(string name) => args[Prefix + name] is JValue { Value: bool flag } ? flag : null;
    }
}
