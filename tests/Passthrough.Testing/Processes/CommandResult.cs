namespace Passthrough.Testing.Processes;

/// <summary>What a process said and how it ended.</summary>
/// <param name="CommandLine">As a person would type it.</param>
/// <param name="ExitCode">128 + signal where a signal ended it.</param>
/// <param name="Output">Everything on stdout (under a terminal: everything the terminal showed).</param>
/// <param name="Error">Everything on stderr; empty under a terminal.</param>
/// <param name="Duration">From start to exit.</param>
public sealed record CommandResult(string CommandLine, int ExitCode, string Output, string Error, TimeSpan Duration)
{
    /// <summary>Both streams, for searching.</summary>
    public string All => Output + Error;

    public bool Succeeded => ExitCode == 0;

    /// <returns>This result.</returns>
    /// <exception cref="InvalidOperationException">The process failed; the message has its command line and both streams.</exception>
    public CommandResult MustSucceed() => Succeeded ? this : throw new InvalidOperationException(ToString());

    public override string ToString() => $"$ {CommandLine}\n{Output}{Error}(exit code {ExitCode} after {Duration.TotalSeconds:F1} s)";
}
