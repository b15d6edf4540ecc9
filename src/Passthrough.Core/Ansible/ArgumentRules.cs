using System.Collections.Immutable;

namespace Passthrough.Core.Ansible;

/// <summary>What must hold between the parameters of one level; each rule has AnsibleModule's name and meaning.</summary>
public record ArgumentRules
{
    /// <summary>Of each group at most one may be given; a default does not count.</summary>
    public ImmutableArray<ImmutableArray<string>> MutuallyExclusive { get; init; } = [];

    /// <summary>Of each group all have a value, or none.</summary>
    public ImmutableArray<ImmutableArray<string>> RequiredTogether { get; init; } = [];

    /// <summary>Of each group at least one has a value.</summary>
    public ImmutableArray<ImmutableArray<string>> RequiredOneOf { get; init; } = [];

    public ImmutableArray<RequiredIf> RequiredIf { get; init; } = [];

    public ImmutableArray<RequiredBy> RequiredBy { get; init; } = [];
}

/// <summary>If <paramref name="Argument"/> has <paramref name="Value"/>, all (or with <paramref name="Any"/> one) of <paramref name="Required"/> must have a value.</summary>
public sealed record RequiredIf(string Argument, string Value, ImmutableArray<string> Required, bool Any = false);

/// <summary>If <paramref name="Argument"/> has any value, all of <paramref name="Required"/> must have one.</summary>
public sealed record RequiredBy(string Argument, ImmutableArray<string> Required);
