using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Holds what a user gave against an <see cref="ArgumentSpec"/>, in AnsibleModule's wording. Its order too, but for one thing: unknown names come first,
/// because a mistyped name is what a missing one most often is.
/// </summary>
/// <param name="environment">Where fallbacks and <c>$VAR</c> in paths are read from.</param>
/// <param name="secrets">Told every secret before anything can fail, so that no message holds one.</param>
/// <param name="warnings">Told of doubtful input.</param>
/// <param name="deprecations">Told of names that will not be known for ever.</param>
sealed class ArgumentValidator(IReadOnlyDictionary<string, string> environment, SecretMasker secrets, IList<string> warnings, IList<string> deprecations)
{
    static readonly string[] ProxyVariables =
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

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
        RegisterUserInfo(given);
        return Read(spec.Arguments, spec, (JObject)WithoutOmitted(given), ArgumentPlace.Top(ignoreUnknown ? null : moduleName));
    }

    // Cores up to 2.18 leave this text where "omit" stands within a list or dictionary.
    static bool IsOmitted(JToken value) => value is JValue { Value: string text } && text.StartsWith("__omit_place_holder__", StringComparison.Ordinal);

    static JToken WithoutOmitted(JToken value) => value switch
    {
        JObject json => new JObject(json.Properties().Where(p => !IsOmitted(p.Value)).Select(p => new JProperty(p.Name, WithoutOmitted(p.Value)))),
        JArray items => new JArray(items.Where(item => !IsOmitted(item)).Select(WithoutOmitted)),
        _ => value,
    };

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

    // Addresses with passwords are refused or, as a proxy's, used: neither may be printed.
    void RegisterUserInfo(JObject given)
    {
        var texts = given.Descendants().OfType<JValue>().Select(value => value.Value).OfType<string>();
        foreach (var text in texts.Concat(ProxyVariables.Select(name => environment.GetValueOrDefault(name) ?? "")))
        {
            foreach (var (user, password) in UserInfo.In(text))
                secrets.AddCredential(user, password);
        }
    }

    JObject Read(ImmutableArray<Argument> arguments, ArgumentRules rules, JObject given, ArgumentPlace place)
    {
        RefuseUnknown(arguments, given, place);
        var found = arguments.Select(argument => (argument, value: Find(argument, given, place))).ToList();
        var clashes = rules.MutuallyExclusive.Where(group => group.Count(name => found.Any(pair => pair.argument.Name == name && pair.value is not null)) > 1).ToList();
        if (clashes.Count > 0)
            throw Fault($"parameters are mutually exclusive: {string.Join(", ", clashes.Select(group => string.Join('|', group)))}{place.Within}");
        var missing = found.Where(pair => pair.argument.Required && pair.value is null).Select(pair => pair.argument.Name).Order(StringComparer.Ordinal).ToList();
        if (missing.Count > 0)
            throw Fault($"missing required arguments: {string.Join(", ", missing)}{place.Within}");

        var values = new JObject();
        foreach (var (argument, value) in found)
        {
            if ((value is null ? DefaultOf(argument) : coercion.Coerce(argument, value, place)) is { } coerced)
                values[argument.Name] = coerced;
        }

        foreach (var argument in arguments)
            CheckChoices(argument, values[argument.Name], place);
        CheckRules(rules, values, place);
        foreach (var argument in arguments.Where(argument => !argument.Options.IsEmpty && values[argument.Name] is not null))
            values[argument.Name] = ReadOptions(argument, values[argument.Name]!, place);
        return values;
    }

    JToken? Find(Argument argument, JObject given, ArgumentPlace place)
    {
        var value = IsGiven(argument, given[argument.Name]) ? given[argument.Name] : null;
        // The alias wins, as in AnsibleModule: it is what the task says where module_defaults give the name.
        foreach (var alias in argument.Aliases.Where(alias => IsGiven(argument, given[alias])))
        {
            if (value is not null)
                warnings.Add($"Both option {place.Prefix}{argument.Name} and its alias {place.Prefix}{alias} are set.");
            if (argument.DeprecatedAliases.Contains(alias))
                deprecations.Add($"Alias '{place.Prefix}{alias}' is deprecated. See the module docs for more information");
            value = given[alias];
        }

        return value ?? argument.EnvironmentFallback.Select(environment.GetValueOrDefault).Where(text => !string.IsNullOrEmpty(text)).Select(text => new JValue(text)).FirstOrDefault();
    }

    // null, and "" from templates that found nothing, are no value; "" is one only where a free text may be empty.
    static bool IsGiven(Argument argument, JToken? value) => value switch
    {
        null or { Type: JTokenType.Null } => false,
        JValue { Value: string { Length: 0 } } => argument is { Type: ArgumentType.Text, NoLog: false, Required: false, Choices.IsEmpty: true, EnvironmentFallback.IsEmpty: true },
        _ => true,
    };

    static JToken? DefaultOf(Argument argument) => argument.Default switch
    {
        null => null,
        IEnumerable<string> items => new JArray(items),
        var value => new JValue(value),
    };

    JToken ReadOptions(Argument argument, JToken value, ArgumentPlace place)
    {
        return value is JArray items ? new JArray(items.Select((item, index) => ReadOne(item, place.Inside(argument.Name, index)))) : ReadOne(value, place.Inside(argument.Name, index: null));

        // A list of raw values may mix dictionaries with plain text: the text is the module's to read.
        JToken ReadOne(JToken item, ArgumentPlace inside) => item is JObject json ? Read(argument.Options, argument, json, inside) : item;
    }

    static void RefuseUnknown(ImmutableArray<Argument> arguments, JObject given, ArgumentPlace place)
    {
        if (place.ModuleName is null)
            return;
        var names = arguments.Select(argument => argument.Name).Order(StringComparer.Ordinal).ToList();
        var aliases = arguments.SelectMany(argument => argument.Aliases).Order(StringComparer.Ordinal).ToList();
        var unknown = given.Properties().Select(p => p.Name).Except(names.Concat(aliases), StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (unknown.Count == 0)
            return;
        var supported = string.Join(", ", names) + (aliases.Count == 0 ? "" : $" ({string.Join(", ", aliases)})");
        var meant = unknown.Select(name => NearestName.Of(name, names.Concat(aliases))).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        throw Fault(
            $"Unsupported parameters for ({place.ModuleName}) module: {string.Join(", ", unknown.Select(name => place.Dotted + name))}. Supported parameters include: {supported}.",
            meant.Count == 0 ? null : $"did you mean {string.Join(", ", meant)}?");
    }

    static void CheckChoices(Argument argument, JToken? value, ArgumentPlace place)
    {
        if (argument.Choices.IsEmpty || value is null)
            return;
        var wrong = (value is JArray items ? items : (IEnumerable<JToken>)[value]).Select(PythonText.Of).Where(text => !argument.Choices.Contains(text)).ToList();
        if (wrong.Count == 0)
            return;
        var choices = string.Join(", ", argument.Choices);
        var meant = wrong.Select(text => NearestName.Of(text, argument.Choices)).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        throw Fault(
            value is JArray
                ? $"value of {argument.Name} must be one or more of: {choices}. Got no match for: {string.Join(", ", wrong)}{place.Within}"
                : $"value of {argument.Name} must be one of: {choices}, got: {wrong[0]}{place.Within}",
            meant.Count == 0 ? null : $"did you mean {string.Join(", ", meant)}?");
    }

    static void CheckRules(ArgumentRules rules, JObject values, ArgumentPlace place)
    {
        foreach (var group in rules.RequiredTogether.Where(group => group.Any(Has) && !group.All(Has)))
            throw Fault($"parameters are required together: {string.Join(", ", group)}{place.Within}");
        foreach (var group in rules.RequiredOneOf.Where(group => !group.Any(Has)))
            throw Fault($"one of the following is required: {string.Join(", ", group)}{place.Within}");
        foreach (var rule in rules.RequiredIf.Where(rule => values[rule.Argument] is { } value && PythonText.Of(value) == rule.Value))
        {
            var missing = rule.Required.Where(name => !Has(name)).ToList();
            if (rule.Any ? missing.Count == rule.Required.Length : missing.Count > 0)
                throw Fault($"{rule.Argument} is {rule.Value} but {(rule.Any ? "any" : "all")} of the following are missing: {string.Join(", ", missing)}{place.Within}");
        }

        foreach (var rule in rules.RequiredBy.Where(rule => Has(rule.Argument)))
        {
            var missing = rule.Required.Where(name => !Has(name)).ToList();
            if (missing.Count > 0)
                throw Fault($"missing parameter(s) required by '{rule.Argument}': {string.Join(", ", missing)}{place.Within}");
        }

        bool Has(string name) => values[name] is not null;
    }

    static ModuleException Fault(string message, string? hint = null) => new(ErrorCodes.InvalidArgument, message, hint);
}
