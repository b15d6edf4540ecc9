using System.Collections.Immutable;

namespace Passthrough.Core.Ansible;

/// <summary>
/// What a module takes, as data: the host validates and coerces with it, <c>--help</c> prints it, a test holds it equal to <c>modules/&lt;name&gt;.yml</c>.
/// Meaning and wording follow AnsibleModule's argument_spec.
/// </summary>
public sealed record ArgumentSpec : ArgumentRules
{
    /// <summary>The module's short name, for example <c>mirror_repo</c>.</summary>
    public required string ModuleName { get; init; }

    public required ImmutableArray<Argument> Arguments { get; init; }
}

/// <summary>One parameter. Its rules are about its own <see cref="Options"/>.</summary>
public sealed record Argument(string Name, ArgumentType Type = ArgumentType.Text) : ArgumentRules
{
    /// <summary>The type of each item of a list.</summary>
    public ArgumentType Elements { get; init; } = ArgumentType.Text;

    public bool Required { get; init; }

    /// <summary>A string, bool, int, or string array; null for none.</summary>
    public object? Default { get; init; }

    public ImmutableArray<string> Choices { get; init; } = [];

    public ImmutableArray<string> Aliases { get; init; } = [];

    /// <summary>Those of <see cref="Aliases"/> that go with the next major version; a task that uses one is told so.</summary>
    public ImmutableArray<string> DeprecatedAliases { get; init; } = [];

    /// <summary>Environment variables asked in this order where the parameter is not given.</summary>
    public ImmutableArray<string> EnvironmentFallback { get; init; } = [];

    /// <summary>A secret: masked in everything that is printed.</summary>
    public bool NoLog { get; init; }

    /// <summary>The members of a dictionary, or of each dictionary of a list; empty for free-form ones.</summary>
    public ImmutableArray<Argument> Options { get; init; } = [];
}

/// <summary>Ansible's argument types; the name in documentation is in brackets.</summary>
public enum ArgumentType
{
    /// <summary>(str)</summary>
    Text,

    /// <summary>(bool)</summary>
    Flag,

    /// <summary>(int)</summary>
    Number,

    /// <summary>(list)</summary>
    List,

    /// <summary>(dict)</summary>
    Dictionary,

    /// <summary>(path) <c>~</c> and <c>$VAR</c> are expanded.</summary>
    Path,

    /// <summary>(json) JSON as text: what arrives as an object or list becomes text again.</summary>
    Json,

    /// <summary>(raw) any JSON value, as it comes.</summary>
    Raw,

    /// <summary>(bytes) a number with an optional unit, 1024-based: <c>4G</c>, <c>4700M</c>.</summary>
    Bytes,
}
