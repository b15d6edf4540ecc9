using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>
/// Knows every secret of a run and removes it, in each form in which it may appear, from whatever is about to be printed: plain, with its
/// white space changed,
/// escaped as in JSON, HTML or addresses, also twice, and in base64 wherever it stands in the encoded text (so <c>user:password</c> too).
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

    /// <summary>A shorter piece would match by chance across the blanks between words.</summary>
    const int LongBase64Piece = 16;

    readonly Lock gate = new();
    readonly HashSet<string> secrets = new(StringComparer.Ordinal);
    SecretForm[]? forms;

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

    /// <summary>
    /// Registers a password together with its user: of a short one the base64 of both is all that can be told from chance.
    /// </summary>
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
        var known = Forms();
        if (known.Length == 0 || text.Length < ShortestWithinText)
            return text;
        var found = new List<(int Start, int End)>();
        foreach (var form in known)
            form.FindIn(text, found);
        foreach (var decoded in Readings(text))
        {
            foreach (var form in known)
                form.FindIn(decoded, found);
        }

        return found.Count == 0 ? text : Masked(text, found);
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

    SecretForm[] Forms()
    {
        lock (gate)
        {
            return forms ??= [.. secrets.Where(secret => secret.Length >= ShortestWithinText).SelectMany(FormsOf)
                .DistinctBy(form => (form.Text, form.IgnoresWhiteSpace)).OrderByDescending(form => form.Text.Length)];
        }
    }

    static IEnumerable<SecretForm> FormsOf(string secret)
    {
        yield return new SecretForm(secret, false);
        // Servers and terminals change blanks, tabs and line ends, and trim texts.
        var packed = new string([.. secret.Where(c => !char.IsWhiteSpace(c))]);
        if (packed.Length != secret.Length && packed.Length >= ShortestWithinText)
            yield return new SecretForm(packed, true);

        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return new SecretForm(Convert.ToBase64String(bytes), false);
        for (var offset = 0; offset < 3; offset++)
        {
            var piece = Base64Piece(bytes, offset);
            if (piece.Length < ShortestBase64Piece)
                continue;
            // Long base64 is broken into lines of 64 or 76 characters.
            foreach (var form in new[] { piece, piece.Replace('+', '-').Replace('/', '_') })
                yield return new SecretForm(form, piece.Length >= LongBase64Piece);
        }
    }

    /// <summary>What the text may mean to whoever reads it: escapes of one kind undone, or those of all kinds, once and twice.</summary>
    static IEnumerable<DecodedText> Readings(string text)
    {
        const DecodedText.Escapes None = DecodedText.Escapes.None;
        var escapes = (text.Contains('\\') ? DecodedText.Escapes.Backslash : None)
            | (text.Contains('&') ? DecodedText.Escapes.Entity : None)
            | (text.Contains('%') ? DecodedText.Escapes.Percent : None);
        var plain = DecodedText.Of(text);
        if (text.Any(char.IsWhiteSpace))
            yield return plain.Decode(DecodedText.Escapes.Blank);
        if (text.Contains('+'))
            yield return plain.Decode(DecodedText.Escapes.Percent | DecodedText.Escapes.Plus);
        if (escapes == None)
            yield break;
        foreach (var one in new[] { DecodedText.Escapes.Backslash, DecodedText.Escapes.Entity, DecodedText.Escapes.Percent })
        {
            if (!escapes.HasFlag(one))
                continue;
            var decoded = plain.Decode(one);
            yield return decoded;
            yield return decoded.Decode(DecodedText.Escapes.Blank);
            yield return decoded.Decode(one);
        }

        foreach (var first in new[] { DecodedText.Escapes.Backslash, DecodedText.Escapes.Entity, DecodedText.Escapes.Percent })
        {
            var decoded = plain.Decode(first);
            foreach (var second in new[] { DecodedText.Escapes.Backslash, DecodedText.Escapes.Entity, DecodedText.Escapes.Percent })
            {
                if (second != first)
                    yield return decoded.Decode(second);
            }
        }
    }

    static string Masked(string text, List<(int Start, int End)> found)
    {
        var masked = new StringBuilder(text.Length);
        var at = 0;
        foreach (var (start, end) in found.Order())
        {
            if (end <= at)
                continue;
            // What overlaps or touches the last one is one secret to the reader.
            if (start > at || at == 0)
                masked.Append(text, at, start - at).Append(WithinText);
            at = end;
        }

        return masked.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>
    /// The characters that the bytes alone decide where <paramref name="offset"/> other bytes (modulo 3) stand before them and any after.
    /// </summary>
    static string Base64Piece(byte[] bytes, int offset)
    {
        var encoded = Convert.ToBase64String([.. new byte[offset], .. bytes]);
        var start = (offset * 8 + 5) / 6;
        var end = (offset + bytes.Length) * 8 / 6;
        return end > start ? encoded[start..end] : "";
    }
}
