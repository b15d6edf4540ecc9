using System.Globalization;
using System.Text;

namespace Passthrough.Core.Ansible;

/// <summary>What <c>--help</c> prints: the spec, readable.</summary>
static class HelpText
{
    /// <summary>The one that may leave out what this one deprecates.</summary>
    public static string NextMajorVersion => $"{(typeof(HelpText).Assembly.GetName().Version?.Major ?? 0) + 1}.0.0";

    public static string Version => typeof(HelpText).Assembly.GetName().Version?.ToString(3) ?? "0";

    public static string Of(ArgumentSpec spec)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"usage: {spec.ModuleName} [--check] [--diff] [-v] [@file.yml] name=value …\n\n");
        AddArguments(text, spec.Arguments, indent: "  ");
        text.Append("\nprints one JSON object; exit code 1 when it says failed. Secrets belong in the environment or in @file.\n");
        return text.ToString();
    }

    static void AddArguments(StringBuilder text, IEnumerable<Argument> arguments, string indent)
    {
        foreach (var argument in arguments)
        {
            var others = string.Join(", ", argument.Aliases.Where(alias => !argument.DeprecatedAliases.Contains(alias)));
            text.Append(CultureInfo.InvariantCulture, $"{indent}{argument.Name}{(others.Length == 0 ? "" : $" ({others})")}\n{indent}    {Describe(argument)}\n");
            AddArguments(text, argument.Options, indent + "    ");
        }
    }

    static string Describe(Argument argument)
    {
        var parts = new List<string>
        {
            argument.Type == ArgumentType.List ? $"list of {ArgumentCoercion.NameOf(argument.Elements)}" : ArgumentCoercion.NameOf(argument.Type),
        };
        if (argument.Required)
            parts.Add("required");
        if (!argument.Choices.IsEmpty)
            parts.Add($"one of {string.Join(", ", argument.Choices)}");
        if (argument.Default is not null)
            parts.Add($"default {(argument.Default is IEnumerable<string> items ? string.Join(",", items) : Convert.ToString(argument.Default, CultureInfo.InvariantCulture)!.ToLowerInvariant())}");
        if (!argument.EnvironmentFallback.IsEmpty)
            parts.Add($"or in the environment as {string.Join(", ", argument.EnvironmentFallback)}");
        return string.Join("; ", parts);
    }
}
