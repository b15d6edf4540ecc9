using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries;

/// <summary>
/// Registry tokens as a token service makes them: JWTs whose claims clients read. The signature is good for nobody but the server that made it.
/// </summary>
public sealed class FakeTokens(TimeProvider clock)
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    readonly byte[] key = RandomNumberGenerator.GetBytes(32);

    /// <param name="audience">The registry; null where the client named none.</param>
    /// <param name="subject">Who.</param>
    /// <param name="access">What may be done: one object a repository.</param>
    public string Mint(string? audience, string subject, JArray access)
    {
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JObject
        {
            ["access"] = access,
            ["aud"] = audience,
            ["exp"] = now + (long)Lifetime.TotalSeconds,
            ["iat"] = now,
            ["iss"] = "quay",
            ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            ["nbf"] = now,
            ["sub"] = subject,
        };
        var text = $"{Encode("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"u8)}.{Encode(Encoding.UTF8.GetBytes(Json.Compact(claims)))}";
        return SuiteOutput.Secret($"{text}.{Encode(Sign(text))}");
    }

    /// <summary>The claims of a token that this server made and that has not run out; null for any other.</summary>
    public JObject? Read(string token)
    {
        var parts = token.Split('.');
        if (parts.Length != 3 || parts[2] != Encode(Sign($"{parts[0]}.{parts[1]}")))
            return null;
        var claims = Json.TryParseObject(Encoding.UTF8.GetString(Decode(parts[1])));
        return (long?)claims?["exp"] > clock.GetUtcNow().ToUnixTimeSeconds() ? claims : null;
    }

    /// <summary>Whether the claims allow an action in a repository.</summary>
    public static bool Allows(JObject? claims, string repository, string action) =>
        claims?["access"] is JArray access
        && access.Any(entry => (string?)entry["name"] == repository && entry["actions"] is JArray actions && actions.Any(one => (string?)one == action || (string?)one == "*"));

    byte[] Sign(string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));

    static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    static byte[] Decode(string text) => Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/').PadRight((text.Length + 3) / 4 * 4, '='));
}
