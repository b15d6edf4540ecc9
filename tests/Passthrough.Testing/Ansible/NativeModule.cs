using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Processes;

namespace Passthrough.Testing.Ansible;

/// <summary>Runs a module's native executable as Ansible does: with the path of a JSON file as its only argument, which it answers on stdout.</summary>
public static class NativeModule
{
    /// <param name="module">Its short name.</param>
    /// <param name="parameters">What a task gives it; members that begin with <c>_ansible_</c> may be overridden here.</param>
    /// <param name="checkMode">Runs it as under <c>--check</c>.</param>
    /// <param name="settings">Environment, terminal, time limit.</param>
    public static async Task<ModuleAnswer> Run(string module, IReadOnlyDictionary<string, object?> parameters, bool checkMode = false, CommandSettings? settings = null)
    {
        using var folder = new TestFolder(module);
        var result = await Command.Run(CommandLine(folder, module, parameters, checkMode), settings ?? new CommandSettings());
        SuiteOutput.Add(result.CommandLine, result.All);
        return new ModuleAnswer(result);
    }

    /// <summary>Starts it; the arguments file lies in the folder.</summary>
    public static RunningCommand Start(TestFolder folder, string module, IReadOnlyDictionary<string, object?> parameters, CommandSettings? settings = null) =>
        Command.Start(CommandLine(folder, module, parameters, checkMode: false), settings ?? new CommandSettings());

    /// <summary>The words of the command line, after writing the arguments file.</summary>
    public static string[] CommandLine(TestFolder folder, string module, IReadOnlyDictionary<string, object?> parameters, bool checkMode)
    {
        var arguments = JObject.FromObject(parameters);
        foreach (var (name, value) in new (string, JToken)[]
        {
            ("_ansible_check_mode", checkMode), ("_ansible_diff", true), ("_ansible_no_log", false), ("_ansible_debug", false), ("_ansible_verbosity", 3),
            ("_ansible_version", "2.14.18"), ("_ansible_module_name", module), ("_ansible_keep_remote_files", false), ("_ansible_socket", JValue.CreateNull()),
            ("_ansible_shell_executable", "/bin/sh"), ("_ansible_tmpdir", folder.Folder("tmp") + "/"), ("_ansible_remote_tmp", "~/.ansible/tmp"),
        })
        {
            if (!arguments.ContainsKey(name))
                arguments[name] = value;
        }

        return [Checkout.Module(module), folder.Write($"args-{Guid.NewGuid():N}", Json.CompactAscii(arguments))];
    }
}

/// <summary>What a module's executable printed.</summary>
public sealed record ModuleAnswer(CommandResult Command)
{
    /// <summary>The one object on stdout.</summary>
    /// <exception cref="InvalidOperationException">There is something else, too.</exception>
    public JObject Json { get; } = Core.Text.Json.TryParseObject(Command.Output) ?? throw new InvalidOperationException($"not one JSON object:\n{Command}");

    public bool Failed => (bool?)Json["failed"] ?? false;

    public bool Changed => (bool?)Json["changed"] ?? throw new InvalidOperationException($"no \"changed\" in\n{Command}");

    public string Message => (string?)Json["msg"] ?? throw new InvalidOperationException($"no \"msg\" in\n{Command}");

    public string? ErrorCode => (string?)Json["error"]?["code"];

    /// <returns>This answer.</returns>
    /// <exception cref="InvalidOperationException">The module failed; the message is all it printed.</exception>
    public ModuleAnswer MustSucceed() => Failed ? throw new InvalidOperationException(Command.ToString()) : this;
}
