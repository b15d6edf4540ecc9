using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries;

/// <summary>A request as a fake sees it: nothing decoded that the product would not decode.</summary>
/// <param name="Method">Upper case.</param>
/// <param name="Target">Path and query as they were sent.</param>
/// <param name="Body">What arrived of the body.</param>
/// <param name="IsCut">The client went away before the end of the body.</param>
/// <param name="Headers">By name, without case; several of one name are joined by a comma.</param>
public sealed record FakeCall(string Method, string Target, ReadOnlyMemory<byte> Body, bool IsCut, IReadOnlyDictionary<string, string> Headers)
{
    const int LongestText = 64 * 1024;

    /// <summary>The path as it was sent, percent signs and all.</summary>
    public string RawPath { get; } = Target.Split('?', 2)[0];

    /// <summary>The path, decoded.</summary>
    public string Path => Uri.UnescapeDataString(RawPath);

    /// <summary>The parameters of the query in order, decoded.</summary>
    public IReadOnlyList<(string Name, string Value)> Query { get; } = ReadForm(Target.Contains('?') ? Target.Split('?', 2)[1] : "");

    /// <summary>The body as text where it is short.</summary>
    public string Text => Body.Length <= LongestText ? Encoding.UTF8.GetString(Body.Span) : "";

    public bool IsRead => Method is "GET" or "HEAD";

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public string? Parameter(string name) => Query.Where(pair => pair.Name == name).Select(pair => pair.Value).FirstOrDefault();

    /// <summary>User name and password of a Basic header; null where there is none or it cannot be read.</summary>
    public (string User, string Password)? Basic
    {
        get
        {
            if (Header("Authorization") is not { } header || !header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
                return null;
            var bytes = new byte[header.Length];
            if (!Convert.TryFromBase64String(header[6..].Trim(), bytes, out var count))
                return null;
            var pair = Encoding.UTF8.GetString(bytes, 0, count).Split(':', 2);
            return pair.Length == 2 ? (pair[0], pair[1]) : null;
        }
    }

    /// <summary>The token of a Bearer header; null where there is none.</summary>
    public string? Bearer => Header("Authorization") is { } header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim() : null;

    /// <summary>The body as JSON; null where it is none.</summary>
    public JToken? Json
    {
        get
        {
            try
            {
                return Core.Text.Json.Parse(Body.Span);
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }

    /// <summary>Reads <c>a=b&amp;c=d</c>, decoded.</summary>
    public static IReadOnlyList<(string Name, string Value)> ReadForm(string text) =>
        [.. text.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2)).Select(pair => (Decode(pair[0]), pair.Length > 1 ? Decode(pair[1]) : ""))];

    static string Decode(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));

    public static async Task<FakeCall> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        var isCut = false;
        try
        {
            await context.Request.Body.CopyToAsync(body);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or BadHttpRequestException)
        {
            isCut = true;
        }

        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => string.Join(", ", header.Value.ToArray()), StringComparer.OrdinalIgnoreCase);
        return new FakeCall(context.Request.Method, context.Features.Get<IHttpRequestFeature>()!.RawTarget, body.ToArray(), isCut, headers);
    }
}
