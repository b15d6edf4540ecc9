using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring;

/// <summary>What somebody asked to be redirected, before any rule was applied.</summary>
/// <param name="Origin">Where it was asked, for messages: <c>registries[3]</c>, or a file's path.</param>
/// <param name="Source">As it was written.</param>
public sealed record MirrorRequest(string Origin, string Source)
{
    /// <summary>As they were written, in the order of preference; empty where the name rule gives the mirror.</summary>
    public ImmutableArray<string> Mirrors { get; init; } = [];

    /// <summary>Null for the one that holds where nothing is said.</summary>
    public MirrorSourcePolicy? Policy { get; init; }

    /// <summary>Null for the default's, else <see cref="MirrorSource.Extra"/>.</summary>
    public string? Priority { get; init; }

    public string? Description { get; init; }
}

/// <summary>A source that is redirected; each rendered file lists the same.</summary>
/// <param name="Source"><c>host[:port][/path]</c> or <c>*.host</c>, the host in lower case.</param>
/// <param name="Mirrors"><c>host[:port]/path</c> each, in the order of preference; at least one.</param>
public sealed record MirrorSource(string Source, ImmutableArray<string> Mirrors, MirrorSourcePolicy Policy)
{
    /// <summary>The priority of what is in addition to the registries.</summary>
    public const string Extra = "extra";

    /// <summary>From the first to the last in every file.</summary>
    public static readonly ImmutableArray<string> Priorities = ["core", "high", "medium", Extra];

    public required string Priority { get; init; }

    public string? Description { get; init; }

    /// <summary>What people should know about this source although it is redirected as asked; null mostly.</summary>
    public string? Note { get; init; }
}
