using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Replay;

/// <summary>Whether an answer is the recorded one, apart from what a server makes up; learns what ours made up.</summary>
sealed partial class AnswerComparison(ReplayRules rules, Substitutions substitutions)
{
    /// <returns>One line for each difference; empty where there is none.</returns>
    public IReadOnlyList<string> Differences(RecordedExchange recorded, HttpResponseMessage answer, byte[] body)
    {
        var text = Encoding.UTF8.GetString(body);
        if ((int)answer.StatusCode != recorded.Status)
            return [$"status {(int)answer.StatusCode} instead of {recorded.Status}: {Short(text)}"];
        var differences = new List<string>();
        foreach (var name in rules.Headers)
            CompareHeader(name, recorded, answer, differences);
        if (recorded.Method != "HEAD")
            CompareBody(recorded, text.ReplaceLineEndings("\n"), body.Length, differences);
        if (rules.AlsoCompare is not null)
            differences.AddRange(rules.AlsoCompare(recorded, text));
        return differences;
    }

    void CompareHeader(string name, RecordedExchange recorded, HttpResponseMessage answer, List<string> differences)
    {
        List<string> expected = [.. recorded.ResponseHeaders.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value.Trim())];
        List<string> actual = [.. Values(answer.Headers, name), .. Values(answer.Content.Headers, name)];
        if (expected.Count != actual.Count)
            differences.Add($"{name}: {Shown(actual)} instead of {Shown(expected)}");
        else
            differences.AddRange(expected.Zip(actual).Where(pair => !Same(Normal(name, pair.First), Normal(name, pair.Second))).Select(pair => $"{name}: \"{pair.Second}\" instead of \"{pair.First}\""));

        static string Shown(List<string> values) => values.Count == 0 ? "none" : string.Join(", ", values.Select(value => $"\"{value}\""));
    }

    static IEnumerable<string> Values(HttpHeaders headers, string name) => headers.NonValidated.TryGetValues(name, out var values) ? values : [];

    static string Normal(string name, string value) =>
        name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase) ? value.Replace("; ", ";", StringComparison.Ordinal).ToLowerInvariant() : value;

    void CompareBody(RecordedExchange recorded, string actual, int length, List<string> differences)
    {
        if (recorded.IsCut)
            CompareBeginning(recorded, actual, length, differences);
        else if (TryJson(recorded.ResponseBody) is { } expected)
        {
            if (TryJson(actual) is { } token)
                CompareJson("$", null, expected, token, differences);
            else
                differences.Add($"body: {Short(actual)} is no JSON");
        }
        else if (!Same(recorded.ResponseBody.TrimEnd(), actual.TrimEnd()))
        {
            differences.Add($"body: {Short(actual)} instead of {Short(recorded.ResponseBody)}");
        }
    }

    // What is left of a page is its title, of a list or an object that it is one, of content its length.
    static void CompareBeginning(RecordedExchange recorded, string actual, int length, List<string> differences)
    {
        var type = recorded.ResponseHeader("Content-Type") ?? "";
        if (type.StartsWith("text/html", StringComparison.OrdinalIgnoreCase) ? Title(recorded.ResponseBody) is { Length: > 0 } title && title != Title(actual)
            : type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) ? TryJson(actual) is null || !actual.TrimStart().StartsWith(recorded.ResponseBody.TrimStart() is { Length: > 0 } start ? start[..1] : "", StringComparison.Ordinal)
            : recorded.ResponseHeader("Content-Length") is { } size && size != length.ToString())
            differences.Add($"body: {length} bytes {Short(actual)} instead of {Short(recorded.ResponseBody)}");
    }

    void CompareJson(string path, string? key, JToken expected, JToken actual, List<string> differences)
    {
        if (Kind(expected) != Kind(actual))
        {
            differences.Add($"{path}: {Kind(actual)} {Short(Json.Compact(actual))} instead of {Kind(expected)} {Short(Json.Compact(expected))}");
        }
        else if (expected is JObject wanted && actual is JObject given)
        {
            var (missing, extra) = (wanted.Properties().Select(property => property.Name).Except(given.Properties().Select(property => property.Name)), given.Properties().Select(property => property.Name).Except(wanted.Properties().Select(property => property.Name)));
            differences.AddRange(missing.Select(name => $"{path}.{name} is missing"));
            differences.AddRange(extra.Select(name => $"{path}.{name} is too much"));
            foreach (var property in wanted.Properties().Where(property => given.ContainsKey(property.Name)))
                CompareJson($"{path}.{property.Name}", property.Name, property.Value, given[property.Name]!, differences);
        }
        else if (expected is JArray list && actual is JArray items)
        {
            if (list.Count != items.Count)
                differences.Add($"{path}: {items.Count} items instead of {list.Count}");
            else if (key is not null && rules.UnorderedKeys.Contains(key))
                (list, items) = (Sorted(list), Sorted(items));
            for (var i = 0; i < Math.Min(list.Count, items.Count); i++)
                CompareJson($"{path}[{i}]", key, list[i], items[i], differences);
        }
        else if (key is not null && rules.InventedKeys.Contains(key))
        {
            var (recordedValue, actualValue) = (expected.ToString(), actual.ToString());
            if (expected.Type == JTokenType.String && recordedValue.Length == 0 != (actualValue.Length == 0))
                differences.Add($"{path}: \"{actualValue}\" instead of \"{recordedValue}\"");
            else if (expected.Type == JTokenType.String)
                substitutions.Learn(recordedValue, actualValue);
        }
        else if (expected.Type == JTokenType.String ? !Same((string)expected!, (string)actual!) : !JToken.DeepEquals(expected, actual))
        {
            differences.Add($"{path}: {Short(Json.Compact(actual))} instead of {Short(Json.Compact(expected))}");
        }
    }

    static JArray Sorted(JArray list) => new(list.OrderBy(Json.Compact, StringComparer.Ordinal));

    /// <summary>Whether two texts are the same but for what servers make up; remembers the pairs.</summary>
    bool Same(string recorded, string actual)
    {
        if (recorded == actual || substitutions.Apply(recorded) == actual)
            return true;
        var (expectedParts, actualParts) = (Parts(recorded), Parts(actual));
        if (substitutions.Apply(Form(recorded)) != substitutions.Apply(Form(actual)) || expectedParts.Count != actualParts.Count)
            return false;
        foreach (var (part, value) in expectedParts.Zip(actualParts))
        {
            substitutions.Learn(part, value);
            if (part.Split('?') is not [var session, _] || value.Split('?') is not [var ours, _])
                continue;
            substitutions.Learn(session, ours);
            // A transcript may not write out the state of an upload again.
            substitutions.Learn($"{session}?_state=<opaque>", value);
        }

        return true;
    }

    IReadOnlyList<string> Parts(string text) => [.. Invented(text).Select(match => match.Value)];

    string Form(string text)
    {
        foreach (var match in Invented(text).AsEnumerable().Reverse())
            text = text.Remove(match.Index, match.Length).Insert(match.Index, "…");
        return text;
    }

    List<Match> Invented(string text) =>
        [.. (rules.InventedText?.Matches(text) ?? Enumerable.Empty<Match>()).Concat(MadeUp().Matches(text)).OrderBy(match => match.Index).Aggregate(
            new List<Match>(),
            (kept, match) =>
            {
                // The product's own, or else the first, where two overlap.
                if (kept.Count == 0 || kept[^1].Index + kept[^1].Length <= match.Index)
                    kept.Add(match);
                return kept;
            })];

    static string Kind(JToken token) => token.Type is JTokenType.Integer or JTokenType.Float ? "number" : token.Type.ToString().ToLowerInvariant();

    static string Title(string page) => HtmlTitle().Match(page).Groups[1].Value.Trim();

    static string Short(string text) => text.Length > 300 ? text[..300] + "…" : text;

    static JToken? TryJson(string text)
    {
        try
        {
            return text.Length == 0 ? null : Json.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Upload sessions with and without their state, tokens, dates.</summary>
    [GeneratedRegex(
        @"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:\?_state=[^&\s""]+)?|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d (?:GMT|-0000)")]
    private static partial Regex MadeUp();

    [GeneratedRegex("<title[^>]*>([^<]*)</title>")]
    private static partial Regex HtmlTitle();
}
