using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Replay;

/// <summary>
/// Reads the recordings of servers: a headline, the request in curl's notation (values in quotes or not, bodies over several lines), the status line, headers,
/// an empty line, the body. Everything else in such a file is prose.
/// </summary>
public static partial class Transcript
{
    const string RequestMark = "$ curl ";

    /// <summary>The exchanges of recordings beside the checkout, one file after the other; null where they are absent.</summary>
    public static IReadOnlyList<RecordedExchange>? Read(params string[] recordings)
    {
        var exchanges = new List<RecordedExchange>();
        foreach (var recording in recordings)
        {
            if (Fixtures.Recording(recording) is not { } path)
                return null;
            exchanges.AddRange(Parse(File.ReadAllText(path), recording));
        }

        return exchanges;
    }

    public static IReadOnlyList<RecordedExchange> Parse(string text, string name)
    {
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        var exchanges = new List<RecordedExchange>();
        var (section, title) = ("", "");
        for (var at = 0; at < lines.Length; at++)
        {
            var line = lines[at];
            if (at > 0 && lines[at - 1].StartsWith("=====", StringComparison.Ordinal) && line.Length > 0 && line[0] is '=' or '#')
                section = line.Trim('=', '#', ' ');
            else if (line.StartsWith("### ", StringComparison.Ordinal))
                title = line[4..].Trim();
            else if (line.StartsWith(RequestMark, StringComparison.Ordinal) && ReadExchange(lines, ref at) is { } exchange)
                exchanges.Add(exchange);
        }

        return exchanges;

        RecordedExchange? ReadExchange(string[] lines, ref int at)
        {
            var first = at;
            var request = new StringBuilder(lines[at][RequestMark.Length..]);
            for (at++; at < lines.Length && !IsStatusLine(lines[at]); at++)
            {
                // A request without an answer: the recorder's client gave up.
                if (EndsExchange(lines[at]))
                {
                    at--;
                    return null;
                }

                request.Append('\n').Append(lines[at]);
            }

            var (status, headers) = (0, new List<KeyValuePair<string, string>>());
            do
            {
                status = int.Parse(lines[at].AsSpan(lines[at].IndexOf(' ', StringComparison.Ordinal) + 1, 3), CultureInfo.InvariantCulture);
                headers.Clear();
                for (at++; at < lines.Length && lines[at].Length > 0; at++)
                {
                    // What else stands there is the recorder's: how long it took, groups of headers that repeat.
                    if (HeaderLine().Match(lines[at]) is { Success: true } header)
                        headers.Add(new(header.Groups[1].Value, Expand(header.Groups[2].Value)));
                }

                // After "100 Continue" comes the answer.
                while (status < 200 && !IsStatusLine(lines[at]))
                    at++;
            }
            while (status < 200);

            var body = new StringBuilder();
            for (at++; at < lines.Length && !EndsExchange(lines[at]); at++)
                body.Append(lines[at]).Append('\n');
            at--;
            var (text, remark) = Split(body.ToString(), headers);
            var (answer, isCut) = Answer(text, headers);
            return Request(request.ToString()) with
            {
                Place = $"{name}:{first + 1}",
                Section = section,
                Title = title,
                Status = status,
                ResponseHeaders = headers,
                ResponseBody = answer,
                IsCut = isCut,
                Remark = remark,
            };
        }
    }

    static bool IsStatusLine(string line) => line.StartsWith("HTTP/", StringComparison.Ordinal);

    static bool EndsExchange(string line) =>
        line.StartsWith("### ", StringComparison.Ordinal) || line.StartsWith("=====", StringComparison.Ordinal) || line.StartsWith("$ ", StringComparison.Ordinal);

    // Remarks stand apart from the body: below nothing, or below JSON that ends before them, after an empty line or marked as remarks.
    static (string Body, string Remark) Split(string text, List<KeyValuePair<string, string>> headers)
    {
        if (headers.Exists(header => header is { Key: "Content-Length", Value: "0" }))
            return ("", text.Trim());
        if (text.IndexOf("\n# client note", StringComparison.Ordinal) is var note and >= 0)
            return (text[..(note + 1)], text[(note + 1)..].Trim());
        // Some servers call their JSON a page.
        var isJson = text.TrimStart() is ['{' or '[', ..] || headers.Exists(header => header.Key == "Content-Type" && header.Value.Contains("json", StringComparison.Ordinal));
        var gap = RemarkMark().Match(text) is { Success: true } mark ? mark.Index : -1;
        return isJson && gap > 0 && text[(gap + 1)..].Trim() is { Length: > 0 } rest && !IsJson(text) && (IsJson(text[..gap]) || CutMark().IsMatch(text[..gap]))
            ? (text[..gap] + "\n", rest)
            : (text, "");
    }

    static bool IsJson(string text)
    {
        try
        {
            Json.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // The empty lines after a body belong to the file; Content-Length says whether the last line ended.
    static (string Body, bool IsCut) Answer(string text, List<KeyValuePair<string, string>> headers)
    {
        var body = text.TrimEnd('\n');
        if (CutMark().Match(body) is { Success: true } cut)
            return (body[..cut.Index], true);
        body = Expand(body);
        var length = headers.FirstOrDefault(header => header.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)).Value;
        var missing = int.TryParse(length, CultureInfo.InvariantCulture, out var bytes) ? bytes - Encoding.UTF8.GetByteCount(body) : 0;
        if (missing is > 0 and < 4 && text.Length >= body.Length + missing)
            return (body + new string('\n', missing), false);
        // Tokens are written shorter than they were, with a mark, or cut off without one.
        return (body, missing > 100 && body.Length > 0 && !IsJson(body) && body[0] == '{');
    }

    static RecordedExchange Request(string line)
    {
        var (method, path, note) = ("", "", "");
        string? credentials = null;
        var (headers, data, query) = (new List<KeyValuePair<string, string>>(), new List<string>(), new List<string>());
        var asQuery = false;
        for (var rest = line.TrimStart(); rest.Length > 0; rest = rest.TrimStart())
        {
            if (Note().Match(rest) is { Success: true } remark)
            {
                note = remark.Groups[1].Value;
                rest = rest[remark.Length..];
            }
            else if (Option().Match(rest) is { Success: true } option)
            {
                rest = rest[option.Length..];
                var name = option.Groups[1].Value;
                if (name is "-I")
                    method = "HEAD";
                else if (name is "-G")
                    asQuery = true;
                else
                {
                    (var value, rest) = Value(rest);
                    value = Expand(value);
                    if (name is "-X")
                        method = value;
                    else if (name is "-u")
                        credentials = value;
                    else if (name is "-b")
                        headers.Add(new("Cookie", value));
                    else if (name is "-H" && value.Split(':', 2) is [var header, var content])
                        headers.Add(new(header.Trim(), content.Trim()));
                    else if (name is "--data-urlencode")
                        query.Add(value.Split('=', 2) is [var key, var plain] ? $"{key}={Uri.EscapeDataString(plain)}" : Uri.EscapeDataString(value));
                    else
                        data.Add(value);
                }
            }
            else
            {
                var target = Target().Match(rest);
                path += Expand(target.Value);
                rest = rest[target.Length..];
            }
        }

        var parts = path.Split('?', 2);
        if (asQuery)
            query.AddRange(data);
        if (parts.Length == 2)
            query.Insert(0, parts[1]);
        return new RecordedExchange
        {
            Place = "",
            Section = "",
            Title = "",
            Note = note,
            Method = method.Length > 0 ? method : data.Count > 0 && !asQuery ? "POST" : "GET",
            Path = parts[0],
            Query = string.Join('&', query),
            Credentials = credentials,
            Headers = headers,
            Body = data.Count > 0 && !asQuery ? string.Join('&', data) : null,
            Status = 0,
            ResponseHeaders = [],
            ResponseBody = "",
        };
    }

    // In quotes up to the quote before the next option, the target or the end; without quotes up to the same.
    static (string Value, string Left) Value(string rest)
    {
        if (rest.StartsWith('\''))
        {
            var quote = ClosingQuote().Match(rest, 1);
            return quote.Success ? (rest[1..quote.Index], rest[(quote.Index + 1)..]) : (rest[1..], "");
        }

        var end = EndOfValue().Match(rest);
        return (rest[..end.Index], rest[end.Index..]);
    }

    // <a x 255>, x{255} and t..<128 times t>..t are the recorders' ways to write many equal letters.
    static string Expand(string text) =>
        Run().Replace(text, run => new string(run.Groups["letter"].Value[0], int.Parse(run.Groups["n"].ValueSpan, CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"^([A-Za-z][A-Za-z0-9-]*):(?: (.*))?$")]
    private static partial Regex HeaderLine();

    [GeneratedRegex(@"…\s*\(\d+ bytes\)\s*$")]
    private static partial Regex CutMark();

    [GeneratedRegex(@"\n(\n|# )")]
    private static partial Regex RemarkMark();

    [GeneratedRegex(@"^\(([^)]*)\)")]
    private static partial Regex Note();

    [GeneratedRegex(@"^(-[XHdbuIG]|--data-[a-z]+)(?: |$)")]
    private static partial Regex Option();

    [GeneratedRegex(@"^(?:<[^>]*>|\S)+")]
    private static partial Regex Target();

    [GeneratedRegex(@"'(?=\s*$|\s+(?:-[XHdbuIG]|--data-[a-z]+)(?:\s|$)|\s+[/&](?:<[^>]*>|\S)*\s*$)")]
    private static partial Regex ClosingQuote();

    [GeneratedRegex(@"\s*$|\s+(?=(?:-[XHdbuIG]|--data-[a-z]+)(?:\s|$)|[/&](?:<[^>]*>|\S)*\s*$|[/&](?:<[^>]*>|\S)*\s+-[Gd]\s)")]
    private static partial Regex EndOfValue();

    [GeneratedRegex(@"<(?<letter>\w) x (?<n>\d+)>|(?<letter>\w)\{(?<n>[6-9]\d|\d{3,})\}|(?<letter>\w)\.\.<(?<n>\d+) times \w>\.\.\w")]
    private static partial Regex Run();
}
