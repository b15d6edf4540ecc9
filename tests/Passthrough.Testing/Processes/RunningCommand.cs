using System.Diagnostics;

namespace Passthrough.Testing.Processes;

/// <summary>A program that <see cref="Command.Start"/> started.</summary>
public sealed class RunningCommand(Process process, int id, Task<CommandResult> completion)
{
    public int Id { get; } = id;

    /// <summary>Ends with the program; fails with <see cref="TimeoutException"/> when its time is over.</summary>
    public Task<CommandResult> Completion { get; } = completion;

    /// <summary>Kills the program and its children at once, as <c>kill -9</c> does.</summary>
    public async Task<CommandResult> Kill()
    {
        if (!Completion.IsCompleted)
            process.Kill(entireProcessTree: true);
        return await Completion;
    }
}
