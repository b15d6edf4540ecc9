using System.Collections.Immutable;

namespace Passthrough.Testing.Processes;

/// <summary>How <see cref="Command"/> runs a program.</summary>
public sealed record CommandSettings
{
    /// <summary>The checkout's root by default.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Variables to set; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = ImmutableDictionary<string, string?>.Empty;

    /// <summary>The process and its children are killed when it is over; two minutes by default.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Gives the program a terminal, through <c>script</c> of util-linux.</summary>
    public bool Terminal { get; init; }

    /// <summary>Is told what the program prints while it runs.</summary>
    public Action<string>? OnOutput { get; init; }
}
