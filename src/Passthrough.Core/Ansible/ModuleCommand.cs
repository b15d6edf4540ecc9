using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>What is to be run: a module, what the user gave it, and how.</summary>
public sealed record ModuleCommand(IAnsibleModule Module, JObject Parameters, RunOptions Options)
{
    /// <summary>What the user should know about the command line itself.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Whether a person watches: then stderr shows how far a transfer is.</summary>
    public bool ShowsProgress { get; init; }

    /// <summary>Text to print instead of running anything (<c>--help</c>, <c>--version</c>).</summary>
    public string? Text { get; init; }
}
