using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Makes a value of the type that the spec asks for out of what arrived: everything is text from <c>k=v</c>, and cores differ in what they make of
/// templates. Rules and wording are AnsibleModule's.
/// </summary>
sealed class ArgumentCoercion(IReadOnlyDictionary<string, string> environment)
{
    static readonly string[] True = ["y", "yes", "on", "1", "true", "t", "1.0"];
    static readonly string[] False = ["n", "no", "off", "0", "false", "f", "0.0"];

    /// <exception cref="ModuleException">The value cannot be of the type.</exception>
    public JToken Coerce(Argument argument, JToken value, string context)
    {
        try
        {
            return ToType(argument.Type, value) is JArray items && argument.Type == ArgumentType.List
                ? new JArray(items.Where(item => !IsPlaceholder(item)).Select(item => CoerceElement(argument, item, context)))
                : ToType(argument.Type, value);
        }
        catch (FormatException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument,
                $"argument '{argument.Name}' is of type {PythonType(value)} and we were unable to convert to {NameOf(argument.Type)}: {e.Message}{context}");
        }
    }

    JToken CoerceElement(Argument argument, JToken item, string context)
    {
        try
        {
            return ToType(argument.Elements, item);
        }
        catch (FormatException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument,
                $"Elements value for option '{argument.Name}' is of type {PythonType(item)} and we were unable to convert to {NameOf(argument.Elements)}: {e.Message}{context}");
        }
    }

    // Cores up to 2.18 leave this text where an item of a list was omitted.
    static bool IsPlaceholder(JToken item) => item is JValue { Value: string text } && text.StartsWith("__omit_place_holder__", StringComparison.Ordinal);

    JToken ToType(ArgumentType type, JToken value) => type switch
    {
        ArgumentType.Text => ToText(value),
        ArgumentType.Flag => ToFlag(value),
        ArgumentType.Number => ToNumber(value),
        ArgumentType.List => ToList(value),
        ArgumentType.Dictionary => ToDictionary(value),
        ArgumentType.Path => ExpandPath(ToText(value)),
        ArgumentType.Bytes => ToBytes(value),
        _ => value,
    };

    /// <summary>Text as it is; a number or flag as Python prints it; an object or list as JSON (a pull secret arrives as an object from cores up to 2.18).</summary>
    static string ToText(JToken value) => value switch
    {
        JContainer container => Json.Compact(container),
        JValue { Value: bool flag } => flag ? "True" : "False",
        JValue json => json.ToString(CultureInfo.InvariantCulture),
        _ => throw new FormatException($"{PythonType(value)} cannot be converted to a string"),
    };

    static bool ToFlag(JToken value)
    {
        if (value is JValue { Value: bool flag })
            return flag;
        var text = value is JValue json ? json.ToString(CultureInfo.InvariantCulture).Trim().ToLowerInvariant() : "";
        return True.Contains(text) ? true
            : False.Contains(text) ? false
            : throw new FormatException($"The value '{ToText(value)}' is not a valid boolean.  Valid booleans include: 0, 1, 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'");
    }

    static long ToNumber(JToken value) => value switch
    {
        JValue { Value: long or int } number => (long)number,
        JValue { Value: string text } when long.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        _ => throw new FormatException($"{PythonType(value)} cannot be converted to an int"),
    };

    static JArray ToList(JToken value) => value switch
    {
        JArray items => items,
        JValue { Value: string text } when text.TrimStart().StartsWith('[') && TryParseArray(text) is { } items => items,
        JValue { Value: string text } => new JArray(text.Split(',')),
        JValue { Value: long or double } number => new JArray(ToText(number)),
        _ => throw new FormatException($"{PythonType(value)} cannot be converted to a list"),
    };

    static JObject ToDictionary(JToken value) => value switch
    {
        JObject json => json,
        JValue { Value: string text } when text.TrimStart().StartsWith('{') =>
            Json.TryParseObject(text) ?? PythonLiteral.TryParseDictionary(text) ?? throw new FormatException("unable to evaluate string as dictionary"),
        JValue { Value: string text } when text.Contains('=', StringComparison.Ordinal) => new JObject(KeyValueText.Parse(text).Select(pair => new JProperty(pair.Key, pair.Value))),
        JValue { Value: string } => throw new FormatException("dictionary requested, could not parse JSON or key=value"),
        _ => throw new FormatException($"{PythonType(value)} cannot be converted to a dict"),
    };

    /// <summary>A number of bytes, or one with a unit: powers of 1024, as Ansible's human_to_bytes reads them.</summary>
    static long ToBytes(JToken value)
    {
        if (value is JValue { Value: long bytes })
            return bytes;
        var text = ToText(value).Trim();
        var digits = text.Length - text.AsSpan().TrimStart("0123456789.").Length;
        var unit = text[digits..].Trim().ToUpperInvariant();
        var shift = unit switch
        {
            "" or "B" => 0,
            "K" or "KB" => 10,
            "M" or "MB" => 20,
            "G" or "GB" => 30,
            "T" or "TB" => 40,
            "P" or "PB" => 50,
            _ => -1,
        };
        return shift >= 0 && decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number <= long.MaxValue >> shift
            ? (long)(number * (1L << shift))
            : throw new FormatException($"{PythonType(value)} cannot be converted to a Byte value");
    }

    string ExpandPath(string path)
    {
        if (path == "~" || path.StartsWith("~/", StringComparison.Ordinal))
            path = (environment.GetValueOrDefault("HOME") ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)) + path[1..];
        var expanded = new StringBuilder();
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] == '$' && VariableAt(path, i) is var (name, end) && environment.TryGetValue(name, out var value))
            {
                expanded.Append(value);
                i = end - 1;
            }
            else
            {
                expanded.Append(path[i]);
            }
        }

        return expanded.ToString();
    }

    static (string Name, int End)? VariableAt(string path, int dollar)
    {
        var braced = dollar + 1 < path.Length && path[dollar + 1] == '{';
        var start = dollar + (braced ? 2 : 1);
        var end = start;
        while (end < path.Length && (char.IsAsciiLetterOrDigit(path[end]) || path[end] == '_'))
            end++;
        return end == start || (braced && (end >= path.Length || path[end] != '}')) ? null : (path[start..end], braced ? end + 1 : end);
    }

    static JArray? TryParseArray(string text)
    {
        try
        {
            return Json.Parse(text) as JArray;
        }
        catch (Newtonsoft.Json.JsonException)
        {
            return null;
        }
    }

    static string PythonType(JToken value) => value.Type switch
    {
        JTokenType.Object => "<class 'dict'>",
        JTokenType.Array => "<class 'list'>",
        JTokenType.Boolean => "<class 'bool'>",
        JTokenType.Integer => "<class 'int'>",
        JTokenType.Float => "<class 'float'>",
        _ => "<class 'str'>",
    };

    /// <summary>The type's name in Ansible's documentation.</summary>
    public static string NameOf(ArgumentType type) => type switch
    {
        ArgumentType.Text => "str",
        ArgumentType.Flag => "bool",
        ArgumentType.Number => "int",
        ArgumentType.List => "list",
        ArgumentType.Dictionary => "dict",
        ArgumentType.Path => "path",
        ArgumentType.Bytes => "bytes",
        _ => "raw",
    };
}
