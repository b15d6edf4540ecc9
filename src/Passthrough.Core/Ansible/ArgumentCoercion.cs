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
    public JToken Coerce(Argument argument, JToken value, ArgumentPlace place)
    {
        var coerced = Convert(argument.Type, value, $"argument '{argument.Name}' is of type {PythonText.TypeOf(value)}{place.QuotedWithin} and we were unable to convert to");
        return coerced is JArray items && argument.Type == ArgumentType.List
            ? new JArray(items.Where(item => item.Type != JTokenType.Null).Select(item =>
                Convert(argument.Elements, item, $"Elements value for option '{argument.Name}'{place.QuotedWithin} is of type {PythonText.TypeOf(item)} and we were unable to convert to")))
            : coerced;
    }

    JToken Convert(ArgumentType type, JToken value, string fault)
    {
        try
        {
            return ToType(type, value);
        }
        catch (FormatException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{fault} {NameOf(type)}: {e.Message}");
        }
    }

    JToken ToType(ArgumentType type, JToken value) => type switch
    {
        ArgumentType.Text => ToText(value),
        ArgumentType.Flag => ToFlag(value),
        ArgumentType.Number => ToNumber(value),
        ArgumentType.List => ToList(value),
        ArgumentType.Dictionary => ToDictionary(value),
        ArgumentType.Path => ExpandPath(ToText(value)),
        ArgumentType.Bytes => ToBytes(value),
        ArgumentType.Json => ToText(value).Trim(),
        _ => value,
    };

    /// <summary>Text as it is; a number or flag as Python prints it; an object or list as JSON (a pull secret arrives as an object from cores up to 2.18).</summary>
    static string ToText(JToken value) => value is JContainer container ? Json.Compact(container) : PythonText.Of(value);

    static bool ToFlag(JToken value)
    {
        if (value is not JValue { Value: not null })
            throw CannotBe("a bool", value);
        var text = PythonText.Of(value);
        return True.Contains(text.Trim().ToLowerInvariant()) ? true
            : False.Contains(text.Trim().ToLowerInvariant()) ? false
            : throw new FormatException($"The value '{text}' is not a valid boolean.  Valid booleans include: 0, 1, 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'");
    }

    static long ToNumber(JToken value)
    {
        if (value is not JValue { Value: long or int or System.Numerics.BigInteger or string } json || !System.Numerics.BigInteger.TryParse(PythonText.Of(json).Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            throw CannotBe("an int", value);
        return number >= int.MinValue && number <= int.MaxValue ? (long)number : throw new FormatException($"{number} is too large");
    }

    static JArray ToList(JToken value) => value switch
    {
        JArray items => items,
        JValue { Value: string text } when text.TrimStart().StartsWith('[') && (TryParse(text) ?? PythonLiteral.TryParse(text)) is JArray items => items,
        JValue { Value: string text } => new JArray(text.Split(',', StringSplitOptions.TrimEntries)),
        JValue { Value: not (null or bool) } => new JArray(PythonText.Of(value)),
        _ => throw CannotBe("a list", value),
    };

    static JObject ToDictionary(JToken value) => value switch
    {
        JObject json => json,
        JValue { Value: string text } when text.TrimStart().StartsWith('{') =>
            (TryParse(text) ?? PythonLiteral.TryParse(text)) as JObject ?? throw new FormatException("unable to evaluate string as dictionary"),
        JValue { Value: string text } when text.Contains('=', StringComparison.Ordinal) => new JObject(KeyValueText.Parse(text).Select(pair => new JProperty(pair.Key, pair.Value))),
        JValue { Value: string } => throw new FormatException("dictionary requested, could not parse JSON or key=value"),
        _ => throw CannotBe("a dict", value),
    };

    /// <summary>A number of bytes, or one with a unit: powers of 1024, as Ansible's human_to_bytes reads them.</summary>
    static long ToBytes(JToken value)
    {
        if (value is JValue { Value: long bytes })
            return bytes;
        if (value is JContainer)
            throw CannotBe("a Byte value", value);
        var text = ToText(value).Trim();
        var digits = text.Length - text.AsSpan().TrimStart("0123456789.").Length;
        var unit = text[digits..].Trim().ToUpperInvariant();
        var shift = unit switch
        {
            "" or "B" => 0,
            "K" or "KB" or "KIB" => 10,
            "M" or "MB" or "MIB" => 20,
            "G" or "GB" or "GIB" => 30,
            "T" or "TB" or "TIB" => 40,
            "P" or "PB" or "PIB" => 50,
            _ => -1,
        };
        return shift >= 0 && decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number <= long.MaxValue >> shift
            ? (long)decimal.Round(number * (1L << shift))
            : throw CannotBe("a Byte value", value);
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

    static JToken? TryParse(string text)
    {
        try
        {
            return Json.Parse(text);
        }
        catch (Newtonsoft.Json.JsonException)
        {
            return null;
        }
    }

    static FormatException CannotBe(string wanted, JToken value) => new($"{PythonText.TypeOf(value)} cannot be converted to {wanted}");

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
        ArgumentType.Json => "json",
        _ => "raw",
    };
}
