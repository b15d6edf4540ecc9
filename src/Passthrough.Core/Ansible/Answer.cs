using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>What is printed at the end: one JSON object, masked on its way out. Its lists may tell of thousands of images: of each there is one entry at a time.</summary>
/// <param name="members">The answer itself.</param>
/// <param name="lists">Members whose entries are made when they are printed.</param>
sealed class Answer(JObject members, IReadOnlyDictionary<string, IEnumerable<JToken>>? lists = null)
{
    /// <summary>How many characters are printed at once.</summary>
    const int PieceLength = 32 * 1024;

    public JObject Members => members;

    public bool IsFailure => members["failed"] is JValue { Value: true };

    /// <summary>Prints it.</summary>
    /// <param name="secrets">What it must not say.</param>
    /// <param name="print">Is given one piece after the other.</param>
    public void Print(SecretMasker secrets, Action<string> print)
    {
        // The line feed in front parts the JSON from whatever a login shell printed before it.
        var text = new StringBuilder("\n{");
        var before = "";
        foreach (var member in Parts())
        {
            text.Append(before);
            before = ",";
            Json.AppendAscii(text, member.Key);
            text.Append(':');
            if (member.Value is JToken value)
                Json.AppendAscii(text, Masked(value, secrets));
            else
                PrintAll((IEnumerable<JToken>)member.Value, text, secrets, print);
        }

        print(text.Append("}\n").ToString());
    }

    static void PrintAll(IEnumerable<JToken> items, StringBuilder text, SecretMasker secrets, Action<string> print)
    {
        var before = '[';
        foreach (var item in items)
        {
            Json.AppendAscii(text.Append(before), Masked(item, secrets));
            before = ',';
            if (text.Length < PieceLength)
                continue;
            print(text.ToString());
            text.Clear();
        }

        text.Append(before == '[' ? "[]" : "]");
    }

    /// <summary>The same as a value.</summary>
    public JObject ToJson(SecretMasker secrets)
    {
        var json = new JObject();
        foreach (var member in Parts())
            json[member.Key] = member.Value is JToken value ? Masked(value, secrets) : new JArray(((IEnumerable<JToken>)member.Value).Select(item => Masked(item, secrets)));
        return json;
    }

    // Each as a value, or as the values that a list consists of. The answer's own names stay whatever the secrets are: somebody whose password is "failed"
    // must still be told of a failure.
    IEnumerable<KeyValuePair<string, object>> Parts()
    {
        foreach (var member in members.Properties())
            yield return new(member.Name, member.Value is JArray items ? items.Children() : member.Value);
        foreach (var list in lists ?? new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal))
            yield return new(list.Key, list.Value);
    }

    static JToken Masked(JToken value, SecretMasker secrets) => ResultJson.Readable(secrets.Mask(value));
}
