using System.Collections.Immutable;
using System.Globalization;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Holds what a user gave against an <see cref="ArgumentSpec"/>, in AnsibleModule's order and wording: aliases, environment, unknown names, exclusions,
/// required ones, types, choices, conditions, defaults.
/// </summary>
sealed class ArgumentValidator(IReadOnlyDictionary<string, string> environment, SecretMasker secrets, IList<string> warnings)
{
    readonly ArgumentCoercion coercion = new(environment);

    /// <param name="spec">What the module takes.</param>
    /// <param name="given">What the user gave; not changed.</param>
    /// <param name="moduleName">As the user wrote it, for messages.</param>
    /// <param name="ignoreUnknown">Whether unknown names are dropped in silence.</param>
    /// <returns>Every parameter of the spec that has a value, under its own name and type.</returns>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.InvalidArgument"/>, one sentence.</exception>
    public JObject Validate(ArgumentSpec spec, JObject given, string moduleName, bool ignoreUnknown)
    {
        RegisterSecrets(spec.Arguments, given);
        var values = Read(spec.Arguments, given, context: "", unknown: ignoreUnknown ? null : names => Unknown(names, spec.Arguments, $"({moduleName}) module", context: ""));
        Check(spec, values);
        return values;
    }

    /// <summary>Registered before anything can fail, so that no message holds a secret.</summary>
    void RegisterSecrets(ImmutableArray<Argument> arguments, JObject given)
    {
        foreach (var argument in arguments)
        {
            foreach (var name in argument.Aliases.Prepend(argument.Name))
            {
                if (argument.NoLog)
                    secrets.AddAll(given[name]);
                else if (!argument.Options.IsEmpty)
                    foreach (var part in given[name] is JArray items ? items.OfType<JObject>() : given[name] is JObject single ? [single] : [])
                        RegisterSecrets(argument.Options, part);
            }

            if (argument.NoLog)
                foreach (var variable in argument.EnvironmentFallback)
                    secrets.Add(environment.GetValueOrDefault(variable));
        }
    }

    JObject Read(ImmutableArray<Argument> arguments, JObject given, string context, Func<IReadOnlyList<string>, ModuleException>? unknown)
    {
        var names = arguments.SelectMany(argument => argument.Aliases.Prepend(argument.Name)).ToHashSet(StringComparer.Ordinal);
        var strangers = given.Properties().Select(p => p.Name).Where(name => !names.Contains(name)).Order(StringComparer.Ordinal).ToList();
        if (strangers.Count > 0 && unknown is not null)
            throw unknown(strangers);

        var found = arguments.Select(argument => (argument, value: Find(argument, given))).ToList();
        var missing = found.Where(pair => pair.argument.Required && pair.value is null).Select(pair => pair.argument.Name).Order(StringComparer.Ordinal).ToList();
        if (missing.Count > 0)
            throw Fault($"missing required arguments: {string.Join(", ", missing)}{context}");

        var values = new JObject();
        foreach (var (argument, value) in found)
        {
            var coerced = value is not null ? coercion.Coerce(argument, value, context) : DefaultOf(argument);
            if (coerced is null)
                continue;
            CheckChoices(argument, coerced, context);
            values[argument.Name] = argument.Options.IsEmpty ? coerced : ReadOptions(argument, coerced, context);
        }

        return values;
    }

    JToken? Find(Argument argument, JObject given)
    {
        var aliases = argument.Aliases.Where(alias => IsGiven(argument, given[alias])).ToList();
        var own = IsGiven(argument, given[argument.Name]) ? given[argument.Name] : null;
        if (own is not null && aliases.Count > 0)
            warnings.Add($"Both option {argument.Name} and its alias {aliases[0]} are set.");
        return own
            ?? (aliases.Count > 0 ? given[aliases[0]] : null)
            ?? argument.EnvironmentFallback.Select(variable => environment.GetValueOrDefault(variable)).Where(text => !string.IsNullOrEmpty(text)).Select(text => new JValue(text)).FirstOrDefault();
    }

    // Templates give "" where they mean nothing: that is a value for a plain string only.
    static bool IsGiven(Argument argument, JToken? value) =>
        value is { Type: not JTokenType.Null }
        && !(value is JValue { Value: string text } && (text.StartsWith("__omit_place_holder__", StringComparison.Ordinal)
            || (text.Length == 0 && (argument.Type != ArgumentType.Text || argument.NoLog || !argument.Choices.IsEmpty))));

    static JToken? DefaultOf(Argument argument) => argument.Default switch
    {
        null => null,
        IEnumerable<string> items => new JArray(items),
        var value => new JValue(value),
    };

    JToken ReadOptions(Argument argument, JToken value, string context)
    {
        var inner = context.Length == 0 ? $" found in {argument.Name}" : $"{context} -> {argument.Name}";
        return value is JArray items ? new JArray(items.Select(ReadOne)) : ReadOne(value);

        JToken ReadOne(JToken item) => item is JObject json
            ? Read(argument.Options, json, inner, names => Unknown(names, argument.Options, argument.Name, inner))
            : item;
    }

    static void CheckChoices(Argument argument, JToken value, string context)
    {
        if (argument.Choices.IsEmpty)
            return;
        foreach (var item in value is JArray items ? items : (IEnumerable<JToken>)[value])
        {
            var text = ((JValue)item).ToString(CultureInfo.InvariantCulture);
            if (argument.Choices.Contains(text))
                continue;
            var suggestion = NearestName.Of(text, argument.Choices);
            throw Fault($"value of {argument.Name} must be {(value is JArray ? "one or more of" : "one of")}: {string.Join(", ", argument.Choices)}, got: {text}{context}",
                suggestion is null ? null : $"did you mean {suggestion}?");
        }
    }

    static void Check(ArgumentSpec spec, JObject values)
    {
        // A default is no choice of the user's: exclusions look at what differs from it.
        foreach (var group in spec.MutuallyExclusive.Where(group => group.Count(name => IsChosen(spec, values, name)) > 1))
            throw Fault($"parameters are mutually exclusive: {string.Join('|', group)}");
        foreach (var group in spec.RequiredTogether.Where(group => group.Any(Has) && !group.All(Has)))
            throw Fault($"parameters are required together: {string.Join(", ", group)}");
        foreach (var group in spec.RequiredOneOf.Where(group => !group.Any(Has)))
            throw Fault($"one of the following is required: {string.Join(", ", group)}");
        foreach (var rule in spec.RequiredIf.Where(rule => values[rule.Argument] is JValue value && value.ToString(CultureInfo.InvariantCulture) == rule.Value))
        {
            var missing = rule.Required.Where(name => !Has(name)).ToList();
            if (rule.Any ? missing.Count == rule.Required.Length : missing.Count > 0)
                throw Fault($"{rule.Argument} is {rule.Value} but {(rule.Any ? "any" : "all")} of the following are missing: {string.Join(", ", missing)}");
        }

        bool Has(string name) => values[name] is not null;
    }

    static bool IsChosen(ArgumentSpec spec, JObject values, string name) =>
        values[name] is { } value && !JToken.DeepEquals(value, DefaultOf(spec.Arguments.Single(argument => argument.Name == name)) ?? JValue.CreateUndefined());

    static ModuleException Unknown(IReadOnlyList<string> names, ImmutableArray<Argument> arguments, string where, string context)
    {
        var supported = arguments.OrderBy(argument => argument.Name, StringComparer.Ordinal)
            .Select(argument => argument.Aliases.IsEmpty ? argument.Name : $"{argument.Name} ({string.Join(", ", argument.Aliases)})");
        var suggestions = names.Select(name => NearestName.Of(name, arguments.SelectMany(argument => argument.Aliases.Prepend(argument.Name)))).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        return Fault($"Unsupported parameters for {where}: {string.Join(", ", names)}{context}. Supported parameters include: {string.Join(", ", supported)}.",
            suggestions.Count == 0 ? null : $"did you mean {string.Join(", ", suggestions)}?");
    }

    static ModuleException Fault(string message, string? hint = null) => new(ErrorCodes.InvalidArgument, message, hint);
}
