using System.Text.RegularExpressions;

namespace Passthrough.Core.Admin;

/// <summary>The names that a product takes, checked before it is asked: servers answer a bad name in many ways, 500 among them.</summary>
/// <param name="Pattern">Of the whole name.</param>
/// <param name="Shortest">Characters.</param>
/// <param name="Longest">Characters.</param>
/// <param name="Words">The rule for people: <c>lower-case letters and digits, with single . _ - between them</c>.</param>
public sealed partial record NameRule(Regex Pattern, int Shortest, int Longest, string Words)
{
    /// <summary>What Harbor and Quay take for projects, organizations and robots.</summary>
    public static NameRule Component(int shortest, int longest) => new(ComponentPattern(), shortest, longest, "lower-case letters and digits, with single . _ - between them");

    /// <param name="parameter">Where the name comes from.</param>
    /// <param name="name">The name.</param>
    /// <param name="title">Whose rule it is.</param>
    /// <exception cref="ModuleException">It breaks the rule, which is told.</exception>
    public void Check(string parameter, string name, string title)
    {
        if (name.Length < Shortest || name.Length > Longest || !Pattern.IsMatch(name.AsSpan()))
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{parameter} \"{name}\" is no name that {title} takes: {Shortest} to {Longest} characters, {Words}", $"choose another {parameter}");
    }

    [GeneratedRegex("^[a-z0-9]+(?:[._-][a-z0-9]+)*$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ComponentPattern();
}
