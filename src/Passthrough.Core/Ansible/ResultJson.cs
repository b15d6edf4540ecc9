using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>
/// A module's answer as Ansible reads it. Real booleans, always a <c>msg</c>, lists of strings where core wants such; members that core gives a meaning of its own
/// (<c>results</c>, <c>rc</c>, <c>skipped</c>, <c>__ansible_type</c>) never appear.
/// </summary>
static class ResultJson
{
    /// <summary>What Ansible, or this host, gives a meaning of its own: module data under such a name would change how the task ends.</summary>
    static readonly HashSet<string> Reserved = new(StringComparer.Ordinal)
    {
        "changed", "failed", "msg", "error", "exception", "warnings", "deprecations", "actions", "diff", "invocation",
        "results", "rc", "skipped", "skip_reason", "attempts", "retries", "finished", "started", "ansible_job_id", "item", "add_host", "add_group", "stats", "ansible_facts", "stdout", "stderr",
    };

    /// <summary>From core 2.19 on a member of this name, at any depth, fails the task.</summary>
    const string TypeTag = "__ansible_type";

    /// <exception cref="InvalidOperationException">The module's data uses a reserved name: a defect.</exception>
    public static JObject Of(ModuleResult result, bool diff, bool withStack)
    {
        if (result.Data.Properties().Select(p => p.Name).Concat(result.Lists.Keys).FirstOrDefault(name => Reserved.Contains(name) || name.StartsWith("_ansible_", StringComparison.Ordinal)) is { } wrong)
            throw new InvalidOperationException($"{wrong} in a result has a meaning of its own in Ansible");
        var json = result.Failure is { } failure ? OfFault(failure, withStack) : new JObject { ["msg"] = result.Message };
        json["changed"] = result.Changed;
        // Moved, since a token that has a place is copied to another.
        foreach (var member in result.Data.Properties().ToList())
        {
            member.Remove();
            json.Add(member);
        }

        if (diff && result.Diffs.Count > 0)
            json["diff"] = new JArray(result.Diffs.Select(DiffOf));
        return json;
    }

    public static JObject OfFault(ModuleException fault, bool withStack)
    {
        var error = new JObject { ["code"] = fault.Code };
        AddIfAny(error, "hint", fault.Hint);
        AddIfAny(error, "http_status", fault.HttpStatus);
        AddIfAny(error, "image", fault.Image);
        AddIfAny(error, "blob", fault.Blob);
        error.Merge(fault.Details ?? []);
        var json = new JObject { ["changed"] = false, ["failed"] = true, ["msg"] = Sentence(fault), ["error"] = error };
        if (withStack || fault.Code == ErrorCodes.Internal)
            json["exception"] = (fault.InnerException ?? fault).ToString();
        return json;
    }

    /// <summary>Adds what was done and what the user should know, however the run ended.</summary>
    public static void AddNotes(JObject json, IEnumerable<string> actions, IEnumerable<string> warnings, IReadOnlyList<string> deprecations)
    {
        json["actions"] = new JArray(actions);
        var notes = warnings.Distinct(StringComparer.Ordinal).ToList();
        if (notes.Count > 0)
            json["warnings"] = new JArray(notes);
        if (deprecations.Count > 0)
            json["deprecations"] = new JArray(deprecations.Select(DeprecationOf));
    }

    /// <summary>The value as every core can read it: no half of a surrogate pair (file names and servers can hold one) and no member that core takes for a type.</summary>
    public static JToken Readable(JToken value) => value switch
    {
        JObject json => new JObject(json.Properties().Select(p => new JProperty(p.Name == TypeTag ? TypeTag.TrimStart('_') : Repair(p.Name), Readable(p.Value))).DistinctBy(p => p.Name)),
        JArray items => new JArray(items.Select(Readable)),
        JValue { Value: string text } => new JValue(Repair(text)),
        _ => value.DeepClone(),
    };

    static string Repair(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    // Message and hint read as one sentence, or as two where the message has its own full stop.
    static string Sentence(ModuleException fault) => fault.Hint is not { Length: > 0 } hint ? fault.Message
        : fault.Message.EndsWith('.') ? $"{fault.Message} {char.ToUpperInvariant(hint[0])}{hint[1..]}"
        : $"{fault.Message}; {hint}";

    // Names go with the next major version only.
    static JObject DeprecationOf(string message) => new() { ["msg"] = message, ["version"] = HelpText.NextMajorVersion, ["collection_name"] = "disconnected.passthrough" };

    static JObject DiffOf(ResultDiff diff) => new()
    {
        ["before_header"] = diff.Header,
        ["after_header"] = diff.Header,
        ["before"] = diff.Before,
        ["after"] = diff.After,
    };

    static void AddIfAny(JObject json, string name, JToken? value)
    {
        // A null string or number becomes a JValue without a value.
        if (value is not (null or JValue { Value: null }))
            json[name] = value;
    }
}
