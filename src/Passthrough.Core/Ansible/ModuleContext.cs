namespace Passthrough.Core.Ansible;

/// <summary>What one run of a module is given, and where it tells what it does.</summary>
public sealed class ModuleContext
{
    public required ModuleArguments Arguments { get; init; }

    /// <summary>Predict, write nothing anywhere.</summary>
    public bool CheckMode { get; init; }

    /// <summary>Whether the user wants to see what differs.</summary>
    public bool Diff { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Everything that must never be printed; modules add what they mint or read (passwords of auth files, tokens).</summary>
    public SecretMasker Secrets { get; init; } = new();

    /// <summary>What was done or, in check mode, would be done, in order: short sentences such as <c>create project mirror</c>.</summary>
    public IList<string> Actions { get; } = [];

    /// <summary>What the user should know although nothing failed.</summary>
    public IList<string> Warnings { get; } = [];

    /// <summary>Filled by transfers; shown as a progress bar and in <c>progress_path</c>.</summary>
    public TransferProgress Progress { get; } = new();
}
