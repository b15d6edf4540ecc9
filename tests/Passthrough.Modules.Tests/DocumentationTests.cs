using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Passthrough.Core.Ansible;
using Passthrough.Testing;
using YamlDotNet.RepresentationModel;

namespace Passthrough.Modules.Tests;

/// <summary>Each module's page says what the module takes: names, types, defaults, choices, aliases, suboptions. And it has everything that ansible-doc and Galaxy show.</summary>
public sealed partial class DocumentationTests
{
    public static TheoryData<string> Modules => [.. ModuleTable.Modules.Keys];

    [Theory]
    [MemberData(nameof(Modules))]
    public void The_options_are_the_spec(string module) =>
        Assert.Equal(OfSpec(ModuleTable.Modules[module]().Spec.Arguments, ""), OfPage(Page(module, "DOCUMENTATION")["options"], ""));

    [Theory]
    [MemberData(nameof(Modules))]
    public void The_page_has_what_readers_look_for(string module)
    {
        var page = Page(module, "DOCUMENTATION");

        Assert.Equal(module, Text(page["module"]));
        Assert.Equal(ModuleTable.Modules[module]().Spec.ModuleName, module);
        Assert.False(Text(page["short_description"]).EndsWith('.'), "short_description has no full stop");
        Assert.NotEmpty(Lines(page["description"]));
        Assert.Matches(@"\(@[\w-]+\)$", Lines(page["author"])[0]);
        Assert.Matches(@"^\d+\.\d+\.\d+$", Text(page["version_added"]));
        foreach (var attribute in new[] { "check_mode", "diff_mode" })
        {
            var entry = Map(Map(page["attributes"])[attribute]);
            Assert.Contains(Text(entry["support"]), new[] { "full", "partial", "none" });
            Assert.NotEmpty(Lines(entry["description"]));
        }

        Assert.Equal("full", Text(Map(Map(page["attributes"])["check_mode"])["support"]));
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void Every_option_is_described(string module) => AssertDescribed(Page(module, "DOCUMENTATION")["options"], "options", needsType: true);

    [Theory]
    [MemberData(nameof(Modules))]
    public void Every_returned_value_is_described(string module)
    {
        var values = Map(Load(module).Children["RETURN"]);

        AssertDescribed(values, "RETURN", needsType: true);
        foreach (var (name, value) in values.Children)
            Assert.True(Map(value).Children.ContainsKey("returned"), $"{module} RETURN {name} does not say when it is returned");
        Assert.Contains(values.Children.Keys, name => Text(name) == "actions");
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void The_secrets_are_said_to_have_an_environment_variable(string module)
    {
        var options = Page(module, "DOCUMENTATION")["options"];
        foreach (var argument in ModuleTable.Modules[module]().Spec.Arguments.Where(argument => !argument.EnvironmentFallback.IsEmpty))
        {
            var description = string.Join(' ', Lines(Map(Map(options)[argument.Name])["description"]));
            Assert.All(argument.EnvironmentFallback, variable => Assert.Contains(variable, description, StringComparison.Ordinal));
        }
    }

    /// <summary>Whatever an example gives a module of ours is accepted by it.</summary>
    [Theory]
    [MemberData(nameof(Modules))]
    public void The_examples_are_tasks_that_the_module_accepts(string module)
    {
        var tasks = new YamlStream();
        tasks.Load(new StringReader(Text(Load(module).Children["EXAMPLES"])));
        var shown = 0;
        foreach (var task in ((YamlSequenceNode)tasks.Documents[0].RootNode).Children.Select(Map))
        {
            Assert.True(task.Children.ContainsKey("name"), "a task without a name");
            foreach (var (key, value) in task.Children)
            {
                var name = Text(key).Split('.')[^1];
                if (!ModuleTable.Modules.TryGetValue(name, out var create))
                    continue;
                shown += name == module ? 1 : 0;
                var spec = create().Spec;
                var known = spec.Arguments.SelectMany(argument => argument.Aliases.Prepend(argument.Name)).ToHashSet(StringComparer.Ordinal);
                var given = Map(value).Children.Keys.Select(Text).ToList();
                Assert.All(given, parameter => Assert.True(known.Contains(parameter), $"{module}: an example gives {name} the unknown {parameter}"));
                Assert.All(spec.Arguments.Where(argument => argument.Required), argument =>
                    Assert.True(argument.Aliases.Prepend(argument.Name).Any(given.Contains), $"{module}: an example does not give {name} its {argument.Name}"));
                foreach (var argument in spec.Arguments.Where(argument => !argument.Choices.IsEmpty))
                    Assert.All(
                        argument.Aliases.Prepend(argument.Name).Where(given.Contains).SelectMany(parameter => Lines(Map(value)[parameter])).Where(text => !text.Contains("{{", StringComparison.Ordinal)),
                        text => Assert.Contains(text, argument.Choices));
            }
        }

        Assert.True(shown >= 1, $"no example shows {module}");
    }

    /// <summary>ansible-core 2.14 knows no O(), V(), E() and RV(): it prints them as they are.</summary>
    [Theory]
    [MemberData(nameof(Modules))]
    public void The_markup_is_what_the_oldest_core_knows(string module) => Assert.DoesNotMatch(NewMarkup(), File.ReadAllText(PathOf(module)));

    static string OfSpec(ImmutableArray<Argument> arguments, string indent) => string.Concat(arguments.OrderBy(argument => argument.Name, StringComparer.Ordinal).Select(argument =>
        Line(
            indent,
            argument.Name,
            ArgumentCoercion.NameOf(argument.Type),
            argument.Type == ArgumentType.List ? ArgumentCoercion.NameOf(argument.Elements) : "",
            argument.Required,
            argument.Default switch
            {
                null => "",
                IEnumerable<string> items => string.Join(", ", items),
                bool flag => flag ? "true" : "false",
                var value => Convert.ToString(value, CultureInfo.InvariantCulture)!,
            },
            argument.Choices,
            argument.Aliases)
        + OfSpec(argument.Options, indent + "  ")));

    static string OfPage(YamlNode options, string indent) => string.Concat(Map(options).Children.OrderBy(pair => Text(pair.Key), StringComparer.Ordinal).Select(pair =>
    {
        var option = Map(pair.Value);
        return Line(
            indent,
            Text(pair.Key),
            option.Children.TryGetValue("type", out var type) ? Text(type) : "str",
            option.Children.TryGetValue("elements", out var elements) ? Text(elements) : "",
            option.Children.TryGetValue("required", out var required) && Text(required) == "true",
            option.Children.TryGetValue("default", out var value) ? string.Join(", ", Lines(value)) : "",
            option.Children.TryGetValue("choices", out var choices) ? Lines(choices) : [],
            option.Children.TryGetValue("aliases", out var aliases) ? Lines(aliases) : [])
            + (option.Children.TryGetValue("suboptions", out var inner) ? OfPage(inner, indent + "  ") : "");
    }));

    static string Line(string indent, string name, string type, string elements, bool required, string value, IEnumerable<string> choices, IEnumerable<string> aliases) =>
        $"{indent}{name}: {type}{(elements.Length > 0 ? $" of {elements}" : "")}{(required ? ", required" : "")}{(value.Length > 0 ? $", default {value}" : "")}"
        + $"{(choices.Any() ? $", one of {string.Join(' ', choices)}" : "")}{(aliases.Any() ? $", also {string.Join(' ', aliases)}" : "")}\n";

    static void AssertDescribed(YamlNode entries, string where, bool needsType)
    {
        foreach (var (key, node) in Map(entries).Children)
        {
            var place = $"{where} {Text(key)}";
            var entry = Map(node);
            Assert.True(entry.Children.TryGetValue("description", out var description), $"{place} has no description");
            Assert.All(Lines(description!), line => Assert.True(line.EndsWith('.') || line.EndsWith(')'), $"{place}: \"{line}\" is no sentence"));
            Assert.True(!needsType || entry.Children.ContainsKey("type"), $"{place} has no type");
            Assert.True(!entry.Children.TryGetValue("type", out var type) || Text(type) != "list" || entry.Children.ContainsKey("elements"), $"{place} is a list of what?");
            foreach (var inner in new[] { "suboptions", "contains" })
            {
                if (entry.Children.TryGetValue(inner, out var members))
                    AssertDescribed(members, place, needsType);
            }
        }
    }

    static YamlMappingNode Page(string module, string part) => Load(module).Children[part] switch
    {
        YamlMappingNode mapping => mapping,
        var text => Parse(Text(text)),
    };

    static YamlMappingNode Load(string module) => Parse(File.ReadAllText(PathOf(module)));

    static string PathOf(string module) => Checkout.PathOf("modules", $"{module}.yml");

    static YamlMappingNode Parse(string text)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        return Map(Assert.Single(yaml.Documents).RootNode);
    }

    static YamlMappingNode Map(YamlNode node) => Assert.IsType<YamlMappingNode>(node);

    static string Text(YamlNode node) => Assert.IsType<YamlScalarNode>(node).Value ?? "";

    /// <summary>The items of a list; a single text is a list of one.</summary>
    static IReadOnlyList<string> Lines(YamlNode node) => node is YamlSequenceNode items ? [.. items.Children.Select(Text)] : [Text(node)];

    [GeneratedRegex(@"\b(O|V|E|RV|P)\([^)]")]
    private static partial Regex NewMarkup();
}
