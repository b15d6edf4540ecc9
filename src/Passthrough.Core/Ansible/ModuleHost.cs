using System.Collections;
using System.Runtime.InteropServices;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Runs one module as Ansible's binary-module protocol wants it, or as a command: reads the arguments, validates them, runs the module and prints exactly one JSON object,
/// also after a crash. The only place that writes to stdout and stderr.
/// </summary>
public static class ModuleHost
{
    const int Succeeded = 0;
    const int Failed = 1;

    /// <param name="argv">The command line, the program's own name first.</param>
    /// <param name="modules">Every module by its short name.</param>
    /// <returns>The exit code: 1 exactly when the answer says <c>failed</c>.</returns>
    public static async Task<int> RunAsync(string[] argv, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        try
        {
            var command = CommandLine.Read(argv, modules);
            if (command.Text is not null)
            {
                StandardOutput.Write(command.Text);
                return Succeeded;
            }

            using var stop = new CancellationTokenSource();
            using var terminate = StopOn(PosixSignal.SIGTERM, stop);
            using var interrupt = StopOn(PosixSignal.SIGINT, stop);
            using var hangUp = StopOn(PosixSignal.SIGHUP, stop);
            var answer = await ExecuteAsync(command, EnvironmentVariables(), stop.Token).ConfigureAwait(false);
            return Print(answer);
        }
        catch (Exception fault)
        {
            return Print(ResultJson.OfFault(Faults.Describe(fault, cancelled: false), context: null, withStack: false));
        }
    }

    /// <summary>Runs a module in this process.</summary>
    /// <param name="command">The module, its parameters, and how to run it.</param>
    /// <param name="environment">The environment that fallbacks and paths are read from.</param>
    /// <param name="cancellation">Set when the run is to stop.</param>
    /// <returns>The answer, masked, as it is to be printed.</returns>
    public static async Task<JObject> ExecuteAsync(ModuleCommand command, IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        var secrets = new SecretMasker();
        ModuleContext? context = null;
        JObject answer;
        try
        {
            CryptoLibrary.Require();
            var warnings = new List<string>(command.Warnings);
            var name = command.Options.ModuleName ?? command.Module.Spec.ModuleName;
            var values = new ArgumentValidator(environment, secrets, warnings).Validate(command.Module.Spec, command.Parameters, name, command.Options.IgnoreUnknownParameters);
            context = new ModuleContext
            {
                Arguments = new ModuleArguments(values),
                CheckMode = command.Options.CheckMode,
                Diff = command.Options.Diff,
                Secrets = secrets,
            };
            foreach (var warning in warnings)
                context.Warnings.Add(warning);
            using var bar = command.ShowsProgress ? ProgressBar.Start(context.Progress) : null;
            answer = ResultJson.Of(await command.Module.RunAsync(context, cancellation).ConfigureAwait(false), context);
            if (command.Options.InjectInvocation)
                answer["invocation"] = new JObject { ["module_args"] = InvocationOf(command.Module.Spec.Arguments, values) };
        }
        catch (Exception fault)
        {
            answer = ResultJson.OfFault(Faults.Describe(fault, cancellation.IsCancellationRequested), context, withStack: command.Options.Verbosity >= 3);
        }

        return (JObject)secrets.Mask(answer);
    }

    /// <summary>All parameters with their defaults, secrets replaced: what <c>-vvv</c> shows.</summary>
    static JObject InvocationOf(System.Collections.Immutable.ImmutableArray<Argument> arguments, JObject values) =>
        new(arguments.Select(argument => new JProperty(argument.Name,
            argument.NoLog && values[argument.Name] is not null ? SecretMasker.WholeValue
            : values[argument.Name] switch
            {
                null => JValue.CreateNull(),
                JObject json when !argument.Options.IsEmpty => InvocationOf(argument.Options, json),
                JArray items when !argument.Options.IsEmpty => new JArray(items.Select(item => item is JObject json ? InvocationOf(argument.Options, json) : item)),
                var value => value,
            })));

    static int Print(JObject answer)
    {
        // The line feed in front parts the JSON from whatever a login shell printed before it.
        StandardOutput.Write("\n" + Json.CompactAscii(WithoutLoneSurrogates(answer)) + "\n");
        return answer["failed"] is JValue { Value: true } ? Failed : Succeeded;
    }

    // From core 2.18 on half a surrogate pair fails the task; file names and servers can hold one.
    static JToken WithoutLoneSurrogates(JToken value) => value switch
    {
        JObject json => new JObject(json.Properties().Select(p => (Name: Repair(p.Name), p.Value)).DistinctBy(p => p.Name).Select(p => new JProperty(p.Name, WithoutLoneSurrogates(p.Value)))),
        JArray items => new JArray(items.Select(WithoutLoneSurrogates)),
        JValue { Value: string text } => new JValue(Repair(text)),
        _ => value.DeepClone(),
    };

    static string Repair(string text) => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));

    static PosixSignalRegistration StopOn(PosixSignal signal, CancellationTokenSource stop) => PosixSignalRegistration.Create(signal, received =>
    {
        received.Cancel = true;
        stop.Cancel();
    });

    static Dictionary<string, string> EnvironmentVariables()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
            variables[(string)variable.Key] = (string?)variable.Value ?? "";
        return variables;
    }
}
