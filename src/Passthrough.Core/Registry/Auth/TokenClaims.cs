using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>What a token says of itself (RFC 7519; distribution, "Docker Registry v2 Bearer token specification"). Not verified: it tells what a server granted, never what to trust.</summary>
public sealed record TokenClaims(JObject Payload)
{
    public string? Subject => Payload["sub"] is JValue { Value: string text } ? text : null;

    /// <summary>The token's own number.</summary>
    public string? Id => Payload["jti"] is JValue { Value: string text } ? text : null;

    /// <summary>Null where it does not end.</summary>
    public DateTimeOffset? ExpiresAt =>
        Payload["exp"] is JValue { Type: JTokenType.Integer or JTokenType.Float } seconds && (double)seconds is >= 0 and < 253402300799 ? DateTimeOffset.FromUnixTimeSeconds((long)(double)seconds) : null;

    /// <summary>What may be done with a repository: the claim <c>access</c>, which servers fill with what they grant, not with what was asked for.</summary>
    public IReadOnlyList<string> ActionsFor(string repository) =>
    [
        .. (Payload["access"] as JArray ?? []).OfType<JObject>()
            .Where(entry => entry["name"] is JValue { Value: string name } && name == repository && entry["type"] is JValue { Value: "repository" })
            .SelectMany(entry => entry["actions"] as JArray ?? []).OfType<JValue>().Select(action => action.Value).OfType<string>().Distinct(StringComparer.Ordinal),
    ];

    /// <summary>Reads a JSON Web Token; null where the text is none.</summary>
    public static TokenClaims? TryParse(string? token)
    {
        if (token?.Split('.') is not [_, { Length: > 0 } payload, _])
            return null;
        var text = payload.Replace('-', '+').Replace('_', '/').TrimEnd('=');
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='), bytes, out var length) && Json.TryParseObject(Encoding.UTF8.GetString(bytes, 0, length)) is { } json
            ? new TokenClaims(json)
            : null;
    }
}
