using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Processes;

namespace Passthrough.Testing.Ansible;

/// <summary>
/// Runs the real ansible and ansible-playbook from the checkout. The checkout's own <c>ansible.cfg</c> counts, as for a user; the user's settings
/// do not, and what Ansible writes for itself goes to a folder of ours.
/// </summary>
/// <param name="folder">Ansible's home, temporary files and the results of tasks.</param>
public sealed class AnsibleRunner(string folder)
{
    static readonly TimeSpan Timeout = TimeSpan.FromMinutes(3);

    readonly string folder = Directory.CreateDirectory(folder).FullName;
    int runs;

    /// <summary>Is given everything that is printed.</summary>
    public SecretCollector? Collector { get; init; }

    /// <summary>The system whose Ansible is run; null for this machine's.</summary>
    public DebianRoot? Root { get; init; }

    /// <summary>Runs <c>ansible-playbook PLAYBOOK ARGUMENTS…</c>.</summary>
    /// <param name="playbook">Relative to the working directory, as a user types it.</param>
    /// <param name="arguments">Everything after the playbook's name.</param>
    /// <param name="settings">The working directory (the checkout's root by default), environment, terminal.</param>
    public Task<AnsibleRun> Playbook(string playbook, IEnumerable<string> arguments, CommandSettings? settings = null) =>
        Run(["ansible-playbook", playbook, .. arguments], settings);

    /// <summary>Runs <c>ansible HOST -m MODULE -a PARAMETERS</c> with parameters as JSON, so that they keep their types.</summary>
    public Task<AnsibleRun> AdHoc(string host, string module, IReadOnlyDictionary<string, object?> parameters, IEnumerable<string>? arguments = null, CommandSettings? settings = null) =>
        AdHoc(host, module, Json.Compact(JObject.FromObject(parameters)), arguments, settings);

    /// <summary>Runs <c>ansible HOST -m MODULE -a TEXT</c>, for example with <c>k=v</c> words.</summary>
    public Task<AnsibleRun> AdHoc(string host, string module, string parameters, IEnumerable<string>? arguments = null, CommandSettings? settings = null) =>
        Run(["ansible", host, "-m", module, "-a", parameters, .. arguments ?? []], settings);

    /// <summary>The variables that keep Ansible to our folder.</summary>
    public Dictionary<string, string?> Environment(string results) => new()
    {
        ["ANSIBLE_HOME"] = Path.Combine(folder, "home"),
        ["ANSIBLE_LOCAL_TEMP"] = Path.Combine(folder, "tmp"),
        ["ANSIBLE_REMOTE_TEMP"] = Path.Combine(folder, "remote-tmp"),
        ["ANSIBLE_SSH_CONTROL_PATH_DIR"] = Path.Combine(folder, "cp"),
        // No master connection outlives the run and holds its output open.
        ["ANSIBLE_SSH_ARGS"] = "-o ControlMaster=no",
        ["ANSIBLE_NOCOLOR"] = "1",
        // As much as Ansible can print, for the test of leaks; a test about what users see sets 0.
        ["ANSIBLE_VERBOSITY"] = "4",
        ["ANSIBLE_RETRY_FILES_ENABLED"] = "0",
        ["ANSIBLE_CALLBACK_PLUGINS"] = Checkout.PathOf("tests", "Passthrough.Testing", "Ansible", "callback_plugins"),
        ["ANSIBLE_CALLBACKS_ENABLED"] = "task_results",
        ["ANSIBLE_LOAD_CALLBACK_PLUGINS"] = "1",
        ["TASK_RESULTS"] = results,
        ["PYTHONDONTWRITEBYTECODE"] = "1",
    };

    /// <summary>Runs any program of Ansible's.</summary>
    public async Task<AnsibleRun> Run(IEnumerable<string> command, CommandSettings? settings = null)
    {
        settings ??= new CommandSettings();
        var results = Path.Combine(folder, $"results-{Interlocked.Increment(ref runs)}.jsonl");
        var environment = Environment(results);
        foreach (var (name, value) in settings.Environment)
            environment[name] = value;
        var result = await Command.Run(Root?.Enter(command, settings.WorkingDirectory) ?? command, settings with
        {
            // Inside a root, that is where Enter goes; outside there may be no such folder.
            WorkingDirectory = Root is null ? settings.WorkingDirectory : null,
            Environment = environment,
            Timeout = settings.Timeout ?? Timeout,
        });
        Collector?.Add(result.CommandLine, result.All);
        SuiteOutput.Add(result.CommandLine, result.All);
        return new AnsibleRun(result, AnsibleRun.ReadTasks(results));
    }
}
