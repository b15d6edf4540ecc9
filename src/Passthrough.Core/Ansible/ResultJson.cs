using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>
/// A module's answer as Ansible reads it. Real booleans, always a <c>msg</c>, lists of strings where core wants such; members that core gives a meaning of its own
/// (<c>results</c>, <c>rc</c>, <c>skipped</c>, <c>__ansible_type</c>) never appear.
/// </summary>
static class ResultJson
{
    public static JObject Of(ModuleResult result, ModuleContext context)
    {
        var json = new JObject { ["changed"] = result.Changed };
        AddFailure(json, result.Failure, result.Message, withStack: false);
        json.Merge(result.Data);
        AddNotes(json, context);
        if (context.Diff && result.Diffs.Count > 0)
            json["diff"] = new JArray(result.Diffs.Select(DiffOf));
        return json;
    }

    public static JObject OfFault(ModuleException fault, ModuleContext? context, bool withStack)
    {
        var json = new JObject { ["changed"] = false };
        AddFailure(json, fault, fault.Message, withStack);
        if (context is not null)
            AddNotes(json, context);
        return json;
    }

    static void AddFailure(JObject json, ModuleException? fault, string message, bool withStack)
    {
        if (fault is null)
        {
            json["msg"] = message;
            return;
        }

        json["failed"] = true;
        json["msg"] = fault.Hint is null ? fault.Message : $"{fault.Message.TrimEnd('.')}; {fault.Hint}";
        var error = new JObject { ["code"] = fault.Code };
        AddIfAny(error, "hint", fault.Hint);
        AddIfAny(error, "http_status", fault.HttpStatus);
        AddIfAny(error, "image", fault.Image);
        AddIfAny(error, "blob", fault.Blob);
        json["error"] = error;
        if (withStack || fault.Code == ErrorCodes.Internal)
            json["exception"] = (fault.InnerException ?? fault).ToString();
    }

    static void AddNotes(JObject json, ModuleContext context)
    {
        json["actions"] = new JArray(context.Actions);
        if (context.Warnings.Count > 0)
            json["warnings"] = new JArray(context.Warnings.Distinct(StringComparer.Ordinal));
    }

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
