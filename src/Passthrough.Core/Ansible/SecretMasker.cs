using System.Net;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Knows every secret of a run and removes it, in each form in which it may appear, from whatever is about to be printed:
/// plain, URL-encoded, JSON-escaped, and base64 wherever it stands in the encoded text (so <c>user:password</c> too).
/// Safe for use from many tasks.
/// </summary>
public sealed class SecretMasker
{
    /// <summary>What AnsibleModule prints in place of a value that is a secret as a whole.</summary>
    public const string WholeValue = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";

    /// <summary>What AnsibleModule prints in place of a secret within a longer text.</summary>
    public const string WithinText = "********";

    /// <summary>A shorter secret is masked only where it is the whole value: as part of a text it would blot out ordinary words.</summary>
    const int ShortestWithinText = 3;

    /// <summary>A shorter piece of base64 would match by chance.</summary>
    const int ShortestBase64Piece = 6;

    readonly Lock gate = new();
    readonly HashSet<string> secrets = new(StringComparer.Ordinal);
    string[]? forms;

    /// <summary>Registers a secret; empty ones are ignored.</summary>
    public void Add(string? secret)
    {
        if (string.IsNullOrEmpty(secret))
            return;
        lock (gate)
        {
            secrets.Add(secret);
            forms = null;
        }
    }

    /// <summary>Registers a password together with its user: of a short one the base64 of both is all that can be told from chance.</summary>
    public void AddCredential(string user, string password)
    {
        Add(password);
        if (password.Length > 0)
            Add(Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")).TrimEnd('='));
    }

    /// <summary>Registers every string and number in the value.</summary>
    public void AddAll(JToken? value)
    {
        foreach (var leaf in value is null ? [] : value is JContainer container ? container.Descendants().OfType<JValue>() : [(JValue)value])
        {
            if (leaf.Type is JTokenType.String or JTokenType.Integer or JTokenType.Float)
                Add(leaf.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    /// <summary>The text without any secret in any form.</summary>
    public string Mask(string text)
    {
        if (IsSecret(text))
            return WholeValue;
        foreach (var form in Forms())
            text = text.Replace(form, WithinText, StringComparison.Ordinal);
        return text;
    }

    /// <summary>The value with every string, key and secret number masked; a new value, the given one stays.</summary>
    public JToken Mask(JToken value) => value switch
    {
        JObject json => new JObject(json.Properties().Select(p => new JProperty(Mask(p.Name), Mask(p.Value))).DistinctBy(p => p.Name)),
        JArray items => new JArray(items.Select(Mask)),
        JValue { Value: string text } => new JValue(Mask(text)),
        JValue { Type: JTokenType.Integer or JTokenType.Float } number when IsSecret(number.ToString(System.Globalization.CultureInfo.InvariantCulture)) => new JValue(WholeValue),
        _ => value.DeepClone(),
    };

    bool IsSecret(string text)
    {
        lock (gate)
            return secrets.Contains(text);
    }

    string[] Forms()
    {
        lock (gate)
            return forms ??= [.. secrets.Where(secret => secret.Length >= ShortestWithinText).SelectMany(FormsOf).Distinct(StringComparer.Ordinal).OrderByDescending(form => form.Length)];
    }

    static IEnumerable<string> FormsOf(string secret)
    {
        yield return secret;
        yield return Json.Compact(new JValue(secret))[1..^1];
        yield return Json.CompactAscii(new JValue(secret))[1..^1];
        foreach (var escaped in new[] { Uri.EscapeDataString(secret), WebUtility.UrlEncode(secret) })
        {
            yield return escaped;
            yield return LowerHex(escaped);
        }

        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return Convert.ToBase64String(bytes);
        for (var offset = 0; offset < 3; offset++)
        {
            var piece = Base64Piece(bytes, offset);
            if (piece.Length >= ShortestBase64Piece)
            {
                yield return piece;
                yield return piece.Replace('+', '-').Replace('/', '_');
            }
        }
    }

    // RFC 3986 2.1 wants %2F; some write %2f.
    static string LowerHex(string escaped)
    {
        var text = escaped.ToCharArray();
        for (var i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] == '%')
                (text[i + 1], text[i + 2]) = (char.ToLowerInvariant(text[i + 1]), char.ToLowerInvariant(text[i + 2]));
        }

        return new string(text);
    }

    /// <summary>The characters that the bytes alone decide where <paramref name="offset"/> other bytes (modulo 3) stand before them and any after.</summary>
    static string Base64Piece(byte[] bytes, int offset)
    {
        var encoded = Convert.ToBase64String([.. new byte[offset], .. bytes]);
        var start = (offset * 8 + 5) / 6;
        var end = (offset + bytes.Length) * 8 / 6;
        return end > start ? encoded[start..end] : "";
    }
}
