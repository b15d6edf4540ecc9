using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>A request, read completely, after nginx.</summary>
sealed class HarborCall
{
    readonly ILookup<string, string> query;

    public HarborCall(HttpContext context, string path, string query, byte[] body, HarborIdentity who)
    {
        Context = context;
        Path = path;
        RawQuery = query;
        Body = body;
        Who = who;
        this.query = query.Split('&', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2))
            .ToLookup(pair => HarborText.Decode(pair[0]), pair => pair.Length == 2 ? HarborText.Decode(pair[1]) : "", StringComparer.Ordinal);
    }

    public HttpContext Context { get; }

    public string Method => Context.Request.Method;

    public bool IsHead => Method == "HEAD";

    /// <summary>As it comes to core: what nginx did not decode still is encoded.</summary>
    public string Path { get; }

    public string RawQuery { get; }

    public byte[] Body { get; }

    public HarborIdentity Who { get; }

    public bool HasAuthorization => Context.Request.Headers.ContainsKey("Authorization");

    /// <summary>Scheme and host as the client sees them.</summary>
    public string External =>
        $"{(Context.Request.Headers.TryGetValue("X-Forwarded-Proto", out var scheme) ? scheme.ToString() : Context.Request.Scheme)}://{Context.Request.Host.Value}";

    public string? Header(string name) => Context.Request.Headers.TryGetValue(name, out var value) ? value.ToString() : null;

    /// <summary>A query parameter; null where it is not there.</summary>
    public string? this[string name] => query[name].FirstOrDefault();

    public IEnumerable<string> All(string name) => query[name];

    /// <summary>The parameters of <c>q</c>, which is decoded a second time; a value may begin with <c>~</c>.</summary>
    public IReadOnlyDictionary<string, string> Filters()
    {
        var filters = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in HarborText.Decode(this["q"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.Split('=', 2) is not [{ Length: > 0 } key, { Length: > 0 } value])
                throw new HarborRefusal(HarborAnswer.BadRequest("the query string must contain \"=\" and the key/value cannot be empty"));
            filters[key] = value;
        }

        return filters;
    }

    /// <summary>One page of a list, with its links.</summary>
    public HarborAnswer Page(IReadOnlyList<JObject> items)
    {
        var (page, size) = (Number("page") ?? 1, Number("page_size") ?? 10);
        if (size > 100)
            throw new HarborRefusal(HarborAnswer.Unprocessable("page_size in query should be less than or equal to 100"));
        var shown = size == 0 ? items : [.. items.Skip((Math.Max(page, 1) - 1) * size).Take(size)];
        var links = new List<string>();
        if (size > 0 && page > 1 && (page - 1) * size <= items.Count)
            links.Add(Link(page - 1, "prev"));
        if (size > 0 && page * size < items.Count)
            links.Add(Link(page + 1, "next"));
        var answer = HarborAnswer.Json(new JArray(shown)).With("X-Total-Count", items.Count.ToString());
        return links.Count == 0 ? answer : answer.With("Link", string.Join(" , ", links));

        int? Number(string name) => this[name] is { } text ? int.TryParse(text, out var number) ? number : throw new HarborRefusal(HarborAnswer.Unprocessable($"{name} in query must be of type int64: \"{text}\"")) : null;

        string Link(int target, string relation)
        {
            var parameters = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["page"] = target.ToString(), ["page_size"] = size.ToString() };
            foreach (var group in query.Where(group => group.Key is not ("page" or "page_size")))
                parameters[group.Key] = group.First();
            return $"<{Path}?{string.Join('&', parameters.Select(pair => $"{pair.Key}={pair.Value}"))}>; rel=\"{relation}\"";
        }
    }
}
