using System.Globalization;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>Values as Python prints them: AnsibleModule's <c>str</c> of a number is what users of <c>tag: 1.0</c> rely on.</summary>
static class PythonText
{
    /// <summary>What <c>str()</c> gives for a plain value.</summary>
    public static string Of(JToken value) => value switch
    {
        JValue { Value: bool flag } => flag ? "True" : "False",
        JValue { Value: double number } => Of(number),
        JValue { Value: null } => "None",
        JValue json => json.ToString(CultureInfo.InvariantCulture),
        _ => throw new ArgumentException($"{TypeOf(value)} is no plain value", nameof(value)),
    };

    /// <summary>What <c>type()</c> gives, as messages show it.</summary>
    public static string TypeOf(JToken value) => value.Type switch
    {
        JTokenType.Object => "<class 'dict'>",
        JTokenType.Array => "<class 'list'>",
        JTokenType.Boolean => "<class 'bool'>",
        JTokenType.Integer => "<class 'int'>",
        JTokenType.Float => "<class 'float'>",
        JTokenType.Null => "<class 'NoneType'>",
        _ => "<class 'str'>",
    };

    // Both languages print the shortest digits that read back as the same number; Python writes an exponent outside 1e-4 to 1e16 and keeps ".0".
    static string Of(double number)
    {
        if (double.IsNaN(number))
            return "nan";
        if (double.IsInfinity(number))
            return number > 0 ? "inf" : "-inf";
        var (digits, exponent) = Digits(Math.Abs(number));
        var sign = double.IsNegative(number) ? "-" : "";
        if (exponent is < -4 or >= 16)
            return string.Create(CultureInfo.InvariantCulture, $"{sign}{digits[0]}{(digits.Length > 1 ? "." + digits[1..] : "")}e{exponent:+00;-00}");
        var padded = exponent < 0 ? new string('0', -exponent) + digits : digits.PadRight(exponent + 2, '0');
        var point = Math.Max(exponent, 0) + 1;
        return $"{sign}{padded[..point]}.{padded[point..]}";
    }

    /// <summary>The significant digits of a number, and the power of ten of the first.</summary>
    static (string Digits, int Exponent) Digits(double number)
    {
        var text = number.ToString("R", CultureInfo.InvariantCulture).Split('E');
        var point = text[0].IndexOf('.', StringComparison.Ordinal);
        var all = text[0].Replace(".", "", StringComparison.Ordinal);
        var digits = all.TrimStart('0');
        var exponent = (point < 0 ? all.Length : point) - 1 - (all.Length - digits.Length) + (text.Length > 1 ? int.Parse(text[1], CultureInfo.InvariantCulture) : 0);
        return digits.Length == 0 ? ("0", 0) : (digits.TrimEnd('0'), exponent);
    }
}
