using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Text;

namespace Passthrough.Modules.IcspRender;

/// <summary>What Kubernetes takes as names, labels and annotations of objects.</summary>
static class ObjectName
{
    const int MaxNameLength = 253;
    const int MaxLabelLength = 63;

    /// <summary>Of all annotations of an object together.</summary>
    const int MaxAnnotationsSize = 256 * 1024;

    /// <summary>A DNS subdomain (RFC 1123).</summary>
    public static string Check(string name) =>
        name.Length <= MaxNameLength && IsSubdomain(name)
            ? name
            : throw Fault($"name \"{name}\" cannot be an object's name", $"use at most {MaxNameLength} lower-case letters, digits, - and . as in a host name");

    public static IReadOnlyDictionary<string, string> Labels(JObject? labels) => Read("labels", labels, value =>
        value.Length == 0 || IsLabel(value) ? null : $"a value has at most {MaxLabelLength} letters, digits, - _ and ., and begins and ends with a letter or digit");

    public static IReadOnlyDictionary<string, string> Annotations(JObject? annotations)
    {
        var read = Read("annotations", annotations, _ => null);
        return read.Sum(pair => pair.Key.Length + pair.Value.Length) <= MaxAnnotationsSize
            ? read
            : throw Fault("annotations are too large", $"an object can have {MaxAnnotationsSize} bytes of them");
    }

    static Dictionary<string, string> Read(string parameter, JObject? pairs, Func<string, string?> faultOf)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, token) in pairs ?? [])
        {
            var value = token switch
            {
                JValue { Type: JTokenType.String } text => (string)text!,
                JValue { Type: JTokenType.Integer or JTokenType.Boolean } plain => Json.Compact(plain),
                _ => throw Fault($"{parameter}: the value of {key} is no text", "put it in quotes"),
            };
            if (!IsKey(key))
                throw Fault($"{parameter}: \"{key}\" cannot be a key", "write it like owner or example.com/owner");
            if (faultOf(value) is { } fault)
                throw Fault($"{parameter}: {key} cannot be \"{value}\"", fault);
            read[key] = value;
        }

        return read;
    }

    static bool IsKey(string key) => key.Split('/') switch
    {
        [var name] => IsLabel(name),
        [var prefix, var name] => prefix.Length <= MaxNameLength && IsSubdomain(prefix) && IsLabel(name),
        _ => false,
    };

    static bool IsLabel(string text) =>
        text.Length is > 0 and <= MaxLabelLength && char.IsAsciiLetterOrDigit(text[0]) && char.IsAsciiLetterOrDigit(text[^1]) && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    static bool IsSubdomain(string text) =>
        text.Split('.').All(part => part.Length > 0 && part[0] != '-' && part[^1] != '-' && part.All(c => char.IsAsciiDigit(c) || char.IsAsciiLetterLower(c) || c == '-'));

    static ModuleException Fault(string message, string hint) => new(ErrorCodes.InvalidArgument, message, hint);
}
