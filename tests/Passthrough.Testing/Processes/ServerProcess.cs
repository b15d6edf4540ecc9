using System.Collections.Concurrent;
using System.Diagnostics;

namespace Passthrough.Testing.Processes;

/// <summary>A server of a test: its log is kept, it is killed on dispose, and the kernel kills it when the test process dies.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    /// <summary>
    /// The signal of <c>setpriv --pdeathsig</c> comes when the starting *thread* ends (prctl(2), PR_SET_PDEATHSIG), and pool threads do end;
    /// hence one thread that starts every server and lives as long as the process.
    /// </summary>
    static readonly BlockingCollection<Action> Starts = [];

    static ServerProcess() => new Thread(() =>
    {
        foreach (var start in Starts.GetConsumingEnumerable())
            start();
    })
    { IsBackground = true, Name = "server starter" }.Start();

    readonly Process process;
    readonly List<string> log = [];

    ServerProcess(Process process)
    {
        this.process = process;
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => process.Id;

    /// <summary>What it has taken of the processors, up to now.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    /// <summary>Both streams, line by line, up to now.</summary>
    public IReadOnlyList<string> Log
    {
        get
        {
            lock (log)
                return [.. log];
        }
    }

    public static async Task<ServerProcess> Start(IEnumerable<string> command, IReadOnlyDictionary<string, string?> environment)
    {
        var info = new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", "--", .. command])
        {
            WorkingDirectory = Checkout.Root,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Command.Isolate(info, environment);
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Starts.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(info)!);
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return new ServerProcess(await started.Task);
    }

    /// <summary>Waits until a line of the log satisfies <paramref name="find"/> and gives what it found.</summary>
    /// <exception cref="InvalidOperationException">The server ended, or ten seconds passed; the message has its log.</exception>
    public async Task<T> WaitForLine<T>(Func<string, T?> find)
        where T : struct
    {
        for (var watch = Stopwatch.StartNew(); ; await Task.Delay(10))
        {
            var ended = process.HasExited;
            if (Log.Select(find).FirstOrDefault(found => found is not null) is { } result)
                return result;
            if (ended || watch.Elapsed > TimeSpan.FromSeconds(10))
                throw new InvalidOperationException($"the server {(ended ? "ended" : "did not get ready")}:\n{string.Join('\n', Log)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    void Add(string? line)
    {
        if (line is null)
            return;
        lock (log)
            log.Add(line);
    }
}
