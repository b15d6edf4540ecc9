using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>What is printed at the end: one JSON object, masked on its way out. Its lists may tell of thousands of images: of each there is one entry at a time.</summary>
/// <param name="members">The answer itself.</param>
/// <param name="lists">Members whose entries are made when they are printed.</param>
sealed class Answer(JObject members, IReadOnlyDictionary<string, IEnumerable<JToken>>? lists = null)
{
    public JObject Members => members;

    public bool IsFailure => members["failed"] is JValue { Value: true };

    /// <summary>Prints it on a line of its own.</summary>
    /// <param name="secrets">What it must not say.</param>
    /// <param name="print">Is given one piece after the other.</param>
    public void Print(SecretMasker secrets, Action<string> print)
    {
        // The line feed in front parts the JSON from whatever a login shell printed before it.
        print("\n");
        Json.WriteAscii(Masked(secrets), print);
        print("\n");
    }

    /// <summary>The same as a value.</summary>
    public JObject ToJson(SecretMasker secrets)
    {
        var json = new JObject();
        foreach (var member in Masked(secrets))
            json[member.Key] = member.Value as JToken ?? new JArray(member.Value);
        return json;
    }

    // The answer's own names stay whatever the secrets are: somebody whose password is "failed" must still be told of a failure.
    IEnumerable<KeyValuePair<string, IEnumerable<JToken>>> Masked(SecretMasker secrets)
    {
        foreach (var member in members.Properties())
        {
            var show = IsForPeople(member.Name) ? ShowMessages : (Func<JToken, JToken>)(value => value);
            yield return new(
                member.Name,
                member.Value is JArray items ? items.Select(item => show(Masked(item, secrets))) : show(Masked(member.Value, secrets)));
        }

        foreach (var list in lists ?? new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal))
            yield return new(list.Key, list.Value.Select(item => Masked(item, secrets)));
    }

    static bool IsForPeople(string member) => member is "msg" or "error" or "warnings" or "actions" or "deprecations";

    // Masked before: what is cut could hide a secret from the masker.
    static JToken ShowMessages(JToken value) => value switch
    {
        JObject json => new JObject(json.Properties().Select(p => new JProperty(p.Name, ShowMessages(p.Value)))),
        JValue { Value: string text } => new JValue(ForeignText.Message(text)),
        _ => value,
    };

    static JToken Masked(JToken value, SecretMasker secrets) => ResultJson.Readable(secrets.Mask(value));
}
