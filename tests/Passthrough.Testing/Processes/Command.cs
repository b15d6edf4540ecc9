using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Passthrough.Testing.Processes;

/// <summary>
/// Runs a program to its end with a time limit, in an environment of our own: no settings of the person who runs the tests
/// (registry logins, Ansible's and containers' variables) reach it, and its HOME and TMPDIR lie under <c>artifacts</c>.
/// </summary>
public static class Command
{
    static readonly TimeSpan DefaultTimeout = TimeSpan.FromMinutes(2);

    /// <summary>Output that still comes this long after the end is not waited for: a child left behind may hold the pipe.</summary>
    static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(2);

    static readonly string[] ForeignVariables =
    [
        "ANSIBLE_", "REGISTRY_", "CONTAINERS_", "DOCKER_", "XDG_", "SSH_", "KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "MAKE", "MSBUILD", "DOTNET_",
    ];

    public static Task<CommandResult> Run(string program, params string[] arguments) => Run([program, .. arguments], new CommandSettings());

    public static Task<CommandResult> Run(IEnumerable<string> command, CommandSettings settings) => Start(command, settings).Completion;

    /// <summary>Starts a program whose end the caller waits for, or brings about.</summary>
    public static RunningCommand Start(IEnumerable<string> command, CommandSettings settings)
    {
        string[] argv = [.. command];
        var line = string.Join(' ', argv.Select(Quote));
        if (settings.Terminal)
            argv = ["script", "-qec", line, "/dev/null"];
        var start = new ProcessStartInfo(argv[0], argv[1..])
        {
            WorkingDirectory = settings.WorkingDirectory ?? Checkout.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = new UTF8Encoding(false),
            StandardErrorEncoding = new UTF8Encoding(false),
        };
        Isolate(start, settings.Environment);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException($"{argv[0]} could not be started ({e.Message}): run scripts/bootstrap and start again.", e);
        }

        process.StandardInput.Close();
        return new RunningCommand(process, process.Id, Finish(process, line, settings));
    }

    /// <summary>Puts a word in quotes where a shell needs them.</summary>
    public static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=@%+,".Contains(c, StringComparison.Ordinal)) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>Gives a process to be started the clean environment described above, then the caller's variables.</summary>
    internal static void Isolate(ProcessStartInfo start, IReadOnlyDictionary<string, string?> variables)
    {
        foreach (var name in start.Environment.Keys.Where(name => ForeignVariables.Any(foreign => name.StartsWith(foreign, StringComparison.Ordinal))).ToList())
            start.Environment.Remove(name);
        start.Environment["HOME"] = Directory.CreateDirectory(Path.Combine(Checkout.Artifacts, "tests", "home")).FullName;
        start.Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(Checkout.Artifacts, "tests", "tmp")).FullName;
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["TERM"] = "xterm";
        foreach (var (name, value) in variables)
        {
            if (value is null)
                start.Environment.Remove(name);
            else
                start.Environment[name] = value;
        }
    }

    static async Task<CommandResult> Finish(Process process, string line, CommandSettings settings)
    {
        using (process)
        {
            var watch = Stopwatch.StartNew();
            StringBuilder output = new(), error = new();
            var reading = Task.WhenAll(Collect(process.StandardOutput, output, settings.OnOutput), Collect(process.StandardError, error, settings.OnOutput));
            var timeout = settings.Timeout ?? DefaultTimeout;
            using var limit = new CancellationTokenSource(timeout);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await Task.WhenAny(reading, Task.Delay(DrainTimeout));
                throw new TimeoutException($"$ {line}\n{Text(output)}{Text(error)}(killed: not ended after {timeout.TotalSeconds} s)");
            }

            var duration = watch.Elapsed;
            await Task.WhenAny(reading, Task.Delay(DrainTimeout));
            return new CommandResult(line, process.ExitCode, Text(output), Text(error), duration);
        }
    }

    static async Task Collect(StreamReader reader, StringBuilder text, Action<string>? onOutput)
    {
        var buffer = new char[4096];
        int count;
        while ((count = await reader.ReadAsync(buffer)) > 0)
        {
            lock (text)
                text.Append(buffer, 0, count);
            onOutput?.Invoke(new string(buffer, 0, count));
        }
    }

    static string Text(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }
}
