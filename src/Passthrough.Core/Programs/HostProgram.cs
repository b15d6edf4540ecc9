using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Passthrough.Core.Programs;

/// <summary>
/// A program of this host that is run to its end: nothing of our environment reaches it but what is given, and it never outlives the wait
/// for it.
/// The only place that starts a process.
/// </summary>
/// <param name="path">The executable, as <see cref="SearchPath"/> found it.</param>
/// <param name="environment">All of its environment.</param>
sealed class HostProgram(string path, IReadOnlyDictionary<string, string> environment)
{
    /// <summary>The last part of what it complains is enough to explain a failure.</summary>
    const int MaxErrorChars = 1024 * 1024;

    /// <summary>As a person would type it.</summary>
    public string CommandLine(IEnumerable<string> arguments) =>
        $"HOME={Quote(environment.GetValueOrDefault("HOME", ""))} {string.Join(' ', arguments.Prepend(Path.GetFileName(path)).Select(Quote))}";

    /// <param name="arguments">Each a word of its own.</param>
    /// <param name="limit">It and its children are killed then.</param>
    /// <param name="maxOutput">Bytes of its standard output; more is a failure.</param>
    /// <param name="input">Its standard input.</param>
    /// <exception cref="ModuleException">It cannot be started.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; it and its children are gone.</exception>
    public async Task<ProgramResult> RunAsync(
        IReadOnlyList<string> arguments, TimeSpan limit, int maxOutput, CancellationToken cancellation, string input = "")
    {
        cancellation.ThrowIfCancellationRequested();
        using var process = Start(arguments);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stop.CancelAfter(limit);
        try
        {
            Feed(process, input);
            var output = ReadOutputAsync(process.StandardOutput.BaseStream, maxOutput, stop.Token);
            var errors = ReadErrorsAsync(process.StandardError, stop.Token);
            await Task.WhenAll(output, errors);
            await process.WaitForExitAsync(stop.Token);
            return await output is { } bytes
                ? new ProgramResult(process.ExitCode, bytes, await errors)
                : new ProgramResult(-1, [], $"it printed more than {maxOutput} bytes");
        }
        catch (OperationCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            return new ProgramResult(-1, [], $"it had not ended after {limit.TotalSeconds:F0} s");
        }
        finally
        {
            Kill(process);
        }
    }

    Process Start(IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(path, arguments)
        {
            WorkingDirectory = environment.GetValueOrDefault("HOME") is { } home && Directory.Exists(home) ? home : "/",
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardErrorEncoding = new UTF8Encoding(false),
        };
        start.Environment.Clear();
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        try
        {
#pragma warning disable RS0030 // the one place, with an absolute path and an environment of our own
            return Process.Start(start)!;
#pragma warning restore RS0030
        }
        catch (Win32Exception e)
        {
            throw new ModuleException(ErrorCodes.Host, $"{path} cannot be started: {e.Message}", "install it again", e);
        }
    }

    static void Feed(Process process, string input)
    {
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading; how it ended says more.
        }
    }

    static void Kill(Process process)
    {
        if (process.HasExited)
            return;
        process.Kill(entireProcessTree: true);
        process.WaitForExit();
    }

    // Reads on where there is too much, so that the program can end.
    static async Task<byte[]?> ReadOutputAsync(Stream stream, int max, CancellationToken cancellation)
    {
        var bytes = new MemoryStream();
        var buffer = new byte[64 * 1024];
        var total = 0L;
        for (int count; (count = await stream.ReadAsync(buffer, cancellation)) > 0;)
        {
            total += count;
            if (total <= max)
                bytes.Write(buffer, 0, count);
        }

        return total <= max ? bytes.ToArray() : null;
    }

    static async Task<string> ReadErrorsAsync(StreamReader reader, CancellationToken cancellation)
    {
        var text = new StringBuilder();
        var buffer = new char[16 * 1024];
        for (int count; (count = await reader.ReadAsync(buffer, cancellation)) > 0;)
        {
            text.Append(buffer, 0, count);
            if (text.Length > 2 * MaxErrorChars)
                text.Remove(0, text.Length - MaxErrorChars);
        }

        return text.ToString();
    }

    static string Quote(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=@%+,".Contains(c)) ? word : $"'{word.Replace("'", "'\\''")}'";
}

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">-1 where it was killed.</param>
/// <param name="Output">Its standard output, byte for byte.</param>
/// <param name="Errors">Its standard error.</param>
sealed record ProgramResult(int ExitCode, byte[] Output, string Errors);
