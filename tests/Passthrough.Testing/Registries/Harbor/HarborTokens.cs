using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>
/// The token service. A token has the rights that its owner has, whatever was asked for; wrong credentials get one without rights, not a refusal.
/// The signature is one that only this server can check; no client looks at it.
/// </summary>
sealed class HarborTokens(HarborState state)
{
    const string Service = "harbor-registry";
    static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(30);

    readonly byte[] key = RandomNumberGenerator.GetBytes(32);

    /// <param name="call">The request.</param>
    /// <param name="isDatabaseDown">Nobody has rights then.</param>
    public HarborAnswer Answer(HarborCall call, bool isDatabaseDown)
    {
        if (call.Method != "GET")
            return HarborAnswer.Text("Method Not Allowed\n", 405).With("X-Content-Type-Options", "nosniff");
        if (call["service"] != Service)
            return HarborAnswer.Text($"Unable to handle service: {call["service"]}", 400);
        string[] scopes = [.. call.All("scope").SelectMany(scope => scope.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        if (scopes.Length == 0 && !call.Who.IsKnown)
            return new HarborAnswer(401);
        var access = scopes.Select(scope => Access(call.Who, scope, isDatabaseDown)).OfType<JObject>().ToList();
        var claims = new JObject
        {
            ["iss"] = "harbor-token-issuer",
            ["aud"] = Service,
            ["exp"] = (state.Now + Lifetime).ToUnixTimeSeconds(),
            ["nbf"] = state.Now.ToUnixTimeSeconds(),
            ["iat"] = state.Now.ToUnixTimeSeconds(),
            ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
            ["access"] = access.Count == 0 ? null : new JArray(access),
        };
        if (call.Who.IsKnown)
            claims["sub"] = call.Who.Name;
        // An empty access_token is a trap: token is the one.
        return HarborAnswer.Utf8Json(new JObject { ["token"] = SuiteOutput.Secret(Sign(claims)), ["access_token"] = "", ["expires_in"] = (int)Lifetime.TotalSeconds, ["issued_at"] = HarborText.Time(state.Now)[..19] + "Z" });
    }

    /// <summary>What a scope gives; null for one that is none.</summary>
    JObject? Access(HarborIdentity who, string scope, bool isDatabaseDown)
    {
        if (scope == "registry:catalog:*")
            return new JObject { ["type"] = "registry", ["name"] = "catalog", ["actions"] = new JArray(who.IsAdmin ? ["*"] : Array.Empty<string>()) };
        if (scope.Split(':') is not ["repository", var name, _] || name.Split('/', 2) is not [var projectName, _])
            return null;
        var project = isDatabaseDown ? null : state.Project(projectName);
        string[] actions = project is null ? [] : [.. new[] { "pull", "push", "delete" }.Where(action => state.May(who, project, "repository", action))];
        return new JObject { ["type"] = "repository", ["name"] = name, ["actions"] = new JArray(actions) };
    }

    string Sign(JObject claims)
    {
        var content = $"{Part("""{"alg":"RS256","kid":"I5NX:TOWB:SOOM:2YBX:G3A4:5PJ6:LXNM:LDJK:A2PT:QJPN:D56G:QNJX","typ":"JWT"}""")}.{Part(Json.Compact(claims))}";
        return $"{content}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(content)))}";

        static string Part(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
    }

    /// <summary>The claims of a token of ours that has not ended; null for any other.</summary>
    public JObject? Verify(string token)
    {
        if (token.Split('.') is not [var header, var payload, var signature] || signature != Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{header}.{payload}"))))
            return null;
        try
        {
            var claims = (JObject)Json.Parse(Base64Url.DecodeFromChars(payload));
            return (long)claims["exp"]! > state.Now.ToUnixTimeSeconds() ? claims : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
