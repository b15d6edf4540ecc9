using System.Collections;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Runs one module as Ansible's binary-module protocol wants it, or as a command: reads the arguments, validates them, runs the module and prints exactly one JSON object,
/// also after a crash. The only place that writes to stdout and stderr.
/// </summary>
public static partial class ModuleHost
{
    const int Succeeded = 0;
    const int Failed = 1;
    const PosixSignal FileTooLarge = (PosixSignal)25; // SIGXFSZ

    /// <summary>
    /// How long an orderly end may take after a signal: <c>systemctl stop</c>, Ansible's <c>timeout</c> and users do not wait long.
    /// </summary>
    static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(4);

    static readonly Lock Gate = new();
    static int? exitCode;

    /// <param name="argv">The command line, the program's own name first.</param>
    /// <param name="modules">Every module by its short name.</param>
    /// <returns>The exit code: 1 exactly when the answer says <c>failed</c>.</returns>
    public static async Task<int> RunAsync(string[] argv, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        var secrets = new SecretMasker();
        AppDomain.CurrentDomain.UnhandledException += (_, crash) => AnswerCrash((Exception)crash.ExceptionObject, secrets);
        try
        {
            var command = CommandLine.Read(argv, modules);
            if (command.Text is not null)
            {
                StandardOutput.Write(command.Text);
                return Succeeded;
            }

            ModuleContext? running = null;
            using var stop = new CancellationTokenSource();
            using var terminate = StopOn(PosixSignal.SIGTERM, stop, StopHard);
            using var interrupt = StopOn(PosixSignal.SIGINT, stop, StopHard);
            using var hangUp = StopOn(PosixSignal.SIGHUP, stop, StopHard);
            // By default it kills the program. Ignored, the write that is beyond the limit fails, and a sentence says so (setrlimit(2),
            // RLIMIT_FSIZE).
            using var tooLarge = PosixSignalRegistration.Create(FileTooLarge, received => received.Cancel = true);
            var answer = AnswerAsync(command, EnvironmentVariables(), secrets, stop.Token, context => running = context);
            return Print(await answer.ConfigureAwait(false), secrets);

            void StopHard() => AnswerStopped(running, secrets);
        }
        catch (Exception fault)
        {
            return Print(AnswerTo(fault), secrets);
        }
    }

    /// <summary>Runs a module in this process.</summary>
    /// <param name="command">The module, its parameters, and how to run it.</param>
    /// <param name="environment">The environment that fallbacks and paths are read from.</param>
    /// <param name="cancellation">Set when the run is to stop.</param>
    /// <param name="secrets">Told every secret of the run; the run's own where not given.</param>
    /// <returns>The answer, masked, as it is to be printed.</returns>
    public static async Task<JObject> ExecuteAsync(ModuleCommand command, IReadOnlyDictionary<string, string> environment, CancellationToken cancellation, SecretMasker? secrets = null)
    {
        secrets ??= new SecretMasker();
        return (await AnswerAsync(command, environment, secrets, cancellation).ConfigureAwait(false)).ToJson(secrets);
    }

    static async Task<Answer> AnswerAsync(
        ModuleCommand command,
        IReadOnlyDictionary<string, string> environment,
        SecretMasker secrets,
        CancellationToken cancellation,
        Action<ModuleContext>? begun = null)
    {
        var spec = command.Module.Spec;
        var withStack = command.Options.Verbosity >= 3;
        var warnings = new List<string>(command.Warnings);
        var deprecations = new List<string>();
        JObject? values = null;
        ModuleContext? context = null;
        Answer answer;
        ForeignText.MaskWith(secrets.Mask);
        try
        {
            CryptoLibrary.Require();
            values = new ArgumentValidator(environment, secrets, warnings, deprecations).Validate(spec, command.Parameters, command.Options.ModuleName ?? spec.ModuleName, command.Options.IgnoreUnknownParameters);
            context = new ModuleContext
            {
                Arguments = new ModuleArguments(values),
                CheckMode = command.Options.CheckMode,
                Diff = command.Options.Diff,
                Secrets = secrets,
            };
            begun?.Invoke(context);
            using var bar = command.ShowsProgress ? ProgressBar.Start(context.Progress, secrets) : null;
            var result = await command.Module.RunAsync(context, cancellation).ConfigureAwait(false);
            answer = new Answer(ResultJson.Of(result, context.Diff, withStack), result.Lists);
        }
        catch (Exception fault)
        {
            answer = new Answer(ResultJson.OfFault(Faults.Describe(fault, cancellation.IsCancellationRequested), withStack));
        }

        ResultJson.AddNotes(answer.Members, context?.Actions ?? [], [.. warnings, .. context?.Warnings ?? []], deprecations);
        if (command.Options.InjectInvocation && values is not null)
            answer.Members["invocation"] = new JObject { ["module_args"] = InvocationOf(spec.Arguments, values) };
        return answer;
    }

    /// <summary>All parameters with their defaults, secrets replaced: what <c>-vvv</c> shows.</summary>
    static JObject InvocationOf(ImmutableArray<Argument> arguments, JObject values) =>
        new(arguments.Select(argument => new JProperty(argument.Name,
            argument.NoLog && values[argument.Name] is not null ? SecretMasker.WholeValue
            : values[argument.Name] switch
            {
                null => JValue.CreateNull(),
                JObject json when !argument.Options.IsEmpty => InvocationOf(argument.Options, json),
                JArray items when !argument.Options.IsEmpty => new JArray(items.Select(item => item is JObject json ? InvocationOf(argument.Options, json) : item)),
                var value => value,
            })));

    static Answer AnswerTo(Exception crash) => new(ResultJson.OfFault(Faults.Describe(crash, cancelled: false), withStack: false));

    static int Print(Answer answer, SecretMasker secrets)
    {
        lock (Gate)
        {
            // There is one answer, also where a thread crashes behind it.
            if (exitCode is { } code)
                return code;
            exitCode = answer.IsFailure ? Failed : Succeeded;
            answer.Print(secrets, StandardOutput.Write);
            return exitCode.Value;
        }
    }

    /// <summary>An exception on a thread of its own reaches no catch: the runtime would print its stack and abort, and Ansible say MODULE FAILURE.</summary>
    static void AnswerCrash(Exception crash, SecretMasker secrets) =>
        ExitAtOnce(Print(AnswerTo(crash), secrets));

    /// <summary>
    /// The last resort after a signal: something does not let itself be stopped, such as a call to a file system whose server is gone.
    /// </summary>
    static void AnswerStopped(ModuleContext? running, SecretMasker secrets)
    {
        var fault = new ModuleException(
            ErrorCodes.Cancelled,
            "stopped by a signal while an operation could not be interrupted",
            "run it again to finish");
        var answer = new Answer(ResultJson.OfFault(fault, withStack: false));
        string[] actions = [.. running?.Actions ?? []];
        answer.Members["changed"] = actions.Length > 0 && running is { CheckMode: false };
        ResultJson.AddNotes(answer.Members, actions, [.. running?.Warnings ?? []], []);
        // Held by a thread whose answer nobody reads, it stays held.
        if (!Gate.TryEnter(TimeSpan.FromMilliseconds(100)))
            ExitAtOnce(Failed);
        ExitAtOnce(Print(answer, secrets));
    }

    // A second Ctrl-C is from somebody who does not want to wait for an orderly end.
    static PosixSignalRegistration StopOn(
        PosixSignal signal,
        CancellationTokenSource stop,
        Action stopHard) => PosixSignalRegistration.Create(signal, received =>
    {
        received.Cancel = signal != PosixSignal.SIGINT || !stop.IsCancellationRequested;
        if (stop.IsCancellationRequested)
            return;
        // A thread of its own: those of the pool may all be waiting for what blocks.
        new Thread(() =>
        {
            Thread.Sleep(StopLimit);
            stopHard();
        })
        {
            IsBackground = true,
        }.Start();
        stop.Cancel();
    });

    static Dictionary<string, string> EnvironmentVariables()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
            variables[(string)variable.Key] = (string?)variable.Value ?? "";
        return variables;
    }

    [LibraryImport("libc.so.6", EntryPoint = "_exit")]
    private static partial void ExitAtOnce(int code);
}
