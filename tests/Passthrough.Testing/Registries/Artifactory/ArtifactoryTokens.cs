using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>The access service: tokens are made and never found again, listed without their text, revoked at once (registries.md D.2).</summary>
sealed class ArtifactoryTokens(ArtifactorySettings settings)
{
    readonly Lock gate = new();
    readonly List<Token> tokens = [];
    readonly string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(13));

    /// <summary>Called when a token was made and its answer was not sent yet: a test cuts the connection here.</summary>
    public Action? AfterMint { get; set; }

    /// <summary>What is stored and can be listed.</summary>
    public IReadOnlyList<(string Id, string User, string Scope, string Description)> Stored
    {
        get
        {
            lock (gate)
                return [.. Alive().Select(token => (token.Id, token.User, token.Scope, token.Description))];
        }
    }

    /// <summary>Makes a token as an administrator would in the web interface.</summary>
    public string Mint(string user, string scope, TimeSpan? lifetime = null, string description = "")
    {
        lock (gate)
            return Make(user, scope, lifetime, description).Text;
    }

    /// <summary>Ends every token of that text, as a revocation by somebody else would.</summary>
    public void Revoke(string text)
    {
        lock (gate)
        {
            foreach (var token in tokens.Where(token => token.Text == text))
                token.IsRevoked = true;
        }
    }

    /// <summary>Who a token is, or what is wrong with it.</summary>
    public (ArtifactoryIdentity? Identity, string? Refusal) Read(string text)
    {
        lock (gate)
        {
            if (tokens.FirstOrDefault(token => token.Text == text) is not { } token)
                return (null, "Props Authentication Token not found");
            if (token.IsRevoked)
                return (null, "Token failed verification: revoked");
            if (token.Expiry <= settings.Time.GetUtcNow())
                return (null, "Token failed verification: expired");
            return (new ArtifactoryIdentity(token.User, token.Scope.Split(' ').Contains("applied-permissions/admin"), token.Scope), null);
        }
    }

    /// <summary>What <c>/v2/token</c> gives: who may do what is asked again with every request.</summary>
    public ArtifactoryAnswer ForDocker(ArtifactoryIdentity identity)
    {
        lock (gate)
        {
            var scope = identity.IsAdmin ? "applied-permissions/admin" : identity.Scope ?? "";
            var token = Make(identity.Name ?? "anonymous", scope, TimeSpan.FromSeconds(9000), "", isStored: false);
            return ArtifactoryAnswer.Json(200, new JObject { ["token"] = token.Text, ["expires_in"] = 9000 });
        }
    }

    public ArtifactoryAnswer Answer(HttpContext context, string path, ArtifactoryIdentity identity, byte[] body) => (context.Request.Method, path) switch
    {
        (_, _) when identity.Name is null => ArtifactoryAnswer.AccessError(401, "UNAUTHORIZED", "HTTP 401 Unauthorized", "Unauthorized"),
        ("POST", "") => Create(identity, body),
        ("GET", "") => List(identity, context.Request.Query),
        ("GET", "/me") => Me(identity),
        ("GET", _) => Get(identity, path[1..]),
        ("DELETE", _) => Delete(identity, path[1..]),
        _ => ArtifactoryAnswer.AccessError(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed"),
    };

    ArtifactoryAnswer Create(ArtifactoryIdentity identity, byte[] body)
    {
        if (identity.IsPassword && !settings.MakesTokensForPasswords)
            return ArtifactoryAnswer.AccessError(401, "UNAUTHORIZED", "HTTP 401 Unauthorized", "Unauthorized");
        var wanted = Json.TryParseObject(Encoding.UTF8.GetString(body)) ?? [];
        var (user, scope) = ((string?)wanted["username"] ?? identity.Name!, (string?)wanted["scope"] ?? "applied-permissions/user");
        if (!identity.IsAdmin && (user != identity.Name || scope != "applied-permissions/user"))
            return ArtifactoryAnswer.AccessError(403, "FORBIDDEN", "Insufficient permissions for scope " + scope);
        if (scope.Contains("artifact:", StringComparison.Ordinal) && scope.Split(' ').Any(part => part.Contains(",artifact:", StringComparison.Ordinal)))
            return ArtifactoryAnswer.AccessError(400, "BAD_REQUEST", "Invalid scope: " + scope);
        var seconds = (long?)wanted["expires_in"] ?? 0;
        string text;
        Token token;
        lock (gate)
        {
            token = Make(user.ToLowerInvariant(), scope, seconds == 0 ? null : TimeSpan.FromSeconds(seconds), (string?)wanted["description"] ?? "");
            text = token.Text;
        }

        AfterMint?.Invoke();
        var answer = new JObject { ["token_id"] = token.Id, ["access_token"] = text };
        if (seconds > 0)
            answer["expires_in"] = seconds;
        answer["scope"] = scope;
        answer["token_type"] = "Bearer";
        return ArtifactoryAnswer.Json(200, answer);
    }

    ArtifactoryAnswer List(ArtifactoryIdentity identity, IQueryCollection query)
    {
        if (!identity.IsAdmin)
            return ArtifactoryAnswer.AccessError(403, "FORBIDDEN", "Access to this resource is forbidden");
        lock (gate)
        {
            var found = Alive().Where(token => !settings.FiltersTokens || (Matches(token.Description, query["description"]) && Matches(token.User, query["username"]))).OrderBy(token => token.IssuedAt).ToList();
            var start = int.TryParse(query["cursor"], out var cursor) ? cursor : 0;
            var page = found.Skip(start).Take(settings.TokenPage ?? found.Count).ToList();
            var answer = new JObject { ["tokens"] = new JArray(page.Select(Describe)) };
            if (start + page.Count < found.Count)
                answer["cursor"] = $"{start + page.Count}";
            return ArtifactoryAnswer.Json(200, answer);
        }
    }

    static bool Matches(string value, string? wanted) => string.IsNullOrEmpty(wanted) || (wanted.EndsWith('*') ? value.StartsWith(wanted[..^1], StringComparison.Ordinal) : value == wanted);

    ArtifactoryAnswer Get(ArtifactoryIdentity identity, string tokenId)
    {
        if (!identity.IsAdmin)
            return ArtifactoryAnswer.AccessError(403, "FORBIDDEN", "Access to this resource is forbidden");
        lock (gate)
            return Alive().FirstOrDefault(token => token.Id == tokenId) is { } token ? ArtifactoryAnswer.Json(200, Describe(token)) : NotFound(tokenId);
    }

    static ArtifactoryAnswer Me(ArtifactoryIdentity identity) => ArtifactoryAnswer.Json(200, new JObject { ["subject"] = identity.Name, ["scope"] = identity.Scope ?? "applied-permissions/user" });

    ArtifactoryAnswer Delete(ArtifactoryIdentity identity, string tokenId)
    {
        if (!identity.IsAdmin)
            return ArtifactoryAnswer.AccessError(403, "FORBIDDEN", "Access to this resource is forbidden");
        lock (gate)
        {
            if (Alive().FirstOrDefault(token => token.Id == tokenId) is not { } token)
                return NotFound(tokenId);
            if (token.Expiry - settings.Time.GetUtcNow() < TimeSpan.FromHours(6))
                return ArtifactoryAnswer.AccessError(400, "BAD_REQUEST", "Token not revocable, expiry is below revocableExpiryThresholdMillis");
            token.IsRevoked = true;
            return ArtifactoryAnswer.Text(200, "Token revoked");
        }
    }

    static ArtifactoryAnswer NotFound(string tokenId) => ArtifactoryAnswer.AccessError(404, "NOT_FOUND", $"Token {tokenId} not found");

    JObject Describe(Token token)
    {
        var json = new JObject
        {
            ["token_id"] = token.Id,
            ["subject"] = Subject(token.User),
            ["issued_at"] = token.IssuedAt.ToUnixTimeSeconds(),
            ["issuer"] = $"jfac@{id}",
            ["description"] = token.Description,
            ["refreshable"] = false,
        };
        if (token.Expiry is { } expiry)
            json["expiry"] = expiry.ToUnixTimeSeconds();
        if (settings.TellsScopes)
            json["scope"] = token.Scope;
        return json;
    }

    IEnumerable<Token> Alive() => tokens.Where(token => token.IsStored && !token.IsRevoked && !(token.Expiry <= settings.Time.GetUtcNow()));

    string Subject(string user) => $"jfac@{id}/users/{user}";

    Token Make(string user, string scope, TimeSpan? lifetime, string description, bool isStored = true)
    {
        var now = settings.Time.GetUtcNow();
        var token = new Token(Guid.NewGuid().ToString(), user, scope, description, now, lifetime is null ? null : now + lifetime) { IsStored = isStored && !(lifetime < settings.PersistencyThreshold) };
        var claims = new JObject { ["sub"] = Subject(user), ["scp"] = scope, ["aud"] = "*@*", ["iss"] = $"jfac@{id}", ["iat"] = now.ToUnixTimeSeconds(), ["jti"] = token.Id };
        if (token.Expiry is { } expiry)
            claims["exp"] = expiry.ToUnixTimeSeconds();
        token.Text = $"{Part("""{"ver":"2","typ":"JWT","alg":"RS256","kid":"fakekey"}""")}.{Part(Json.Compact(claims))}.{Convert.ToBase64String(RandomNumberGenerator.GetBytes(64)).TrimEnd('=').Replace('+', '-').Replace('/', '_')}";
        SuiteOutput.Secret(token.Text, user);
        tokens.Add(token);
        return token;
    }

    static string Part(string json) => Convert.ToBase64String(Encoding.UTF8.GetBytes(json)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    sealed record Token(string Id, string User, string Scope, string Description, DateTimeOffset IssuedAt, DateTimeOffset? Expiry)
    {
        public string Text { get; set; } = "";

        public bool IsStored { get; init; }

        public bool IsRevoked { get; set; }
    }
}
