using System.Globalization;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Processes;

namespace Passthrough.Testing.Ansible;

/// <summary>What a run of ansible or ansible-playbook printed and did.</summary>
/// <param name="Command">The process.</param>
/// <param name="Tasks">The result of every task, in order.</param>
public sealed partial record AnsibleRun(CommandResult Command, IReadOnlyList<AnsibleTask> Tasks)
{
    public string Output => Command.All;

    public bool Succeeded => Command.Succeeded;

    /// <summary>The line of the recap for each host; empty for ad-hoc runs.</summary>
    public IReadOnlyDictionary<string, AnsibleRecap> Recap { get; } = ReadRecap(Command.Output);

    /// <summary>Sum over all hosts of the recap.</summary>
    public int Changed => Recap.Values.Sum(recap => recap.Changed);

    /// <summary>Warnings that Ansible or a module made, as printed.</summary>
    public IReadOnlyList<string> Warnings { get; } = [.. Warning().Matches(Regex.Replace(Command.All, @"\x1b\[[0-9;]*m", "")).Select(match => match.Groups[1].Value.ReplaceLineEndings(" ").Trim())];

    /// <summary>Results of one module's tasks, in order.</summary>
    public IReadOnlyList<JObject> Results(string module) => [.. Tasks.Where(task => task.Module == module && task.Status != "skipped").Select(task => task.Result)];

    /// <summary>The result of the only task of a module.</summary>
    public JObject Result(string module) => Results(module) is [var only] ? only : throw new InvalidOperationException($"{Results(module).Count} tasks of {module} in\n{Command}");

    /// <returns>This run.</returns>
    /// <exception cref="InvalidOperationException">Ansible failed; the message is all it printed.</exception>
    public AnsibleRun MustSucceed()
    {
        Command.MustSucceed();
        return this;
    }

    internal static IReadOnlyList<AnsibleTask> ReadTasks(string file) =>
        !File.Exists(file) ? [] : [.. File.ReadLines(file).Select(Json.TryParseObject).OfType<JObject>().Select(line =>
            new AnsibleTask((string)line["task"]!, ((string)line["action"]!).Split('.')[^1], (string)line["host"]!, (string)line["status"]!, (JObject)line["result"]!))];

    static Dictionary<string, AnsibleRecap> ReadRecap(string output) =>
        RecapLine().Matches(Regex.Replace(output, @"\x1b\[[0-9;]*m", "")).ToDictionary(
            match => match.Groups[1].Value,
            match => new AnsibleRecap(Number(match, 2), Number(match, 3), Number(match, 4), Number(match, 5)),
            StringComparer.Ordinal);

    static int Number(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", RegexOptions.Multiline, 1000)]
    private static partial Regex RecapLine();

    // A warning is folded over several lines; it ends at an empty line or at the next thing Ansible prints.
    [GeneratedRegex(@"^\[WARNING\]: ((?:.+(?:\r?\n)?)*?)(?=\r?\n|\z|^\[|^PLAY|^TASK|^\S+ \| )", RegexOptions.Multiline, 1000)]
    private static partial Regex Warning();
}

/// <summary>One host's line of the recap.</summary>
public sealed record AnsibleRecap(int Ok, int Changed, int Unreachable, int Failed);

/// <summary>What one task gave on one host.</summary>
/// <param name="Name">The task's name, its role or block left as Ansible prints it.</param>
/// <param name="Module">The module's short name.</param>
/// <param name="Host">The inventory name.</param>
/// <param name="Status">ok, failed, ignored (failed but told to go on), skipped or unreachable.</param>
/// <param name="Result">The result as callbacks get it: censored under no_log, warnings taken out.</param>
public sealed record AnsibleTask(string Name, string Module, string Host, string Status, JObject Result);
