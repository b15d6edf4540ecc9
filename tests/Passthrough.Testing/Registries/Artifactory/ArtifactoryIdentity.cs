using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>Who asks, and what that one may do.</summary>
/// <param name="Name">The user; null for nobody.</param>
/// <param name="Scope">Of a token; null for a user's own rights.</param>
sealed record ArtifactoryIdentity(string? Name, bool IsAdmin, string? Scope)
{
    public static readonly ArtifactoryIdentity Nobody = new(null, IsAdmin: false, Scope: null);

    /// <summary>Whether a password was shown rather than a token.</summary>
    public bool IsPassword { get; init; }

    /// <param name="right"><c>r</c>, <c>w</c> or <c>d</c>.</param>
    /// <param name="path">Below the repository: <c>app/latest/manifest.json</c>.</param>
    public bool May(char right, string key, string path) => IsAdmin || (Scope ?? "").Split(' ').Any(part => Grants(part, right, key, path));

    static bool Grants(string part, char right, string key, string path)
    {
        if (!part.StartsWith("artifact:", StringComparison.Ordinal) || part.LastIndexOf(':') is var colon && colon <= 9)
            return false;
        var (pattern, rights) = (part[9..colon], part[(colon + 1)..].Split(','));
        if (!rights.Contains(right.ToString()) && !rights.Contains("*"))
            return false;
        // ** is any number of levels, * is one (recorded: token-scope-matrix).
        var expression = "^" + Regex.Escape(pattern).Replace(@"\*\*", ".*", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal) + "$";
        return Regex.IsMatch($"{key}/{path}", expression, RegexOptions.None, TimeSpan.FromSeconds(1)) || Regex.IsMatch($"{key}/{path}/", expression, RegexOptions.None, TimeSpan.FromSeconds(1));
    }
}

/// <summary>Reads credentials from requests, and counts wrong ones.</summary>
sealed class ArtifactoryLogins(ArtifactorySettings settings, ArtifactoryTokens tokens, IReadOnlyDictionary<string, ArtifactoryUser> users)
{
    readonly Lock gate = new();
    int failures;
    DateTimeOffset lockedUntil;

    /// <summary>Who asks; an answer where that is refused. Nobody where there is no Authorization.</summary>
    public (ArtifactoryIdentity Identity, ArtifactoryAnswer? Refusal) Identify(HttpContext context)
    {
        var authorization = context.Request.Headers.Authorization.ToString();
        if (authorization.Length == 0)
            return (ArtifactoryIdentity.Nobody, null);
        if (authorization.StartsWith("Bearer ", StringComparison.Ordinal))
            return tokens.Read(authorization[7..]) is var (identity, refused) && identity is not null ? (identity, null) : (ArtifactoryIdentity.Nobody, Unauthorized(refused!));
        if (!authorization.StartsWith("Basic ", StringComparison.Ordinal))
            return (ArtifactoryIdentity.Nobody, Unauthorized("Bad Credentials"));
        var pair = Encoding.UTF8.GetString(Convert.FromBase64String(authorization[6..])).Split(':', 2);
        var (name, secret) = (pair[0].ToLowerInvariant(), pair.Length == 2 ? pair[1] : "");
        lock (gate)
        {
            if (settings.Time.GetUtcNow() < lockedUntil)
                return (ArtifactoryIdentity.Nobody, Locked());
            if (users.TryGetValue(name, out var user) && user.Password == secret)
            {
                failures = 0;
                return (new ArtifactoryIdentity(name, user.IsAdmin, user.Scope) { IsPassword = true }, null);
            }

            // A token takes the place of its own user's password.
            var (identity, refused) = tokens.Read(secret);
            if (identity is not null && identity.Name == name)
                return (identity, null);
            if (refused is not null && secret.StartsWith("eyJ", StringComparison.Ordinal) && identity is null)
                return (ArtifactoryIdentity.Nobody, Unauthorized(refused));
            if (++failures < 3)
                return (ArtifactoryIdentity.Nobody, Unauthorized("Bad Credentials"));
            failures = 0;
            lockedUntil = settings.Time.GetUtcNow() + settings.LoginLock;
            return (ArtifactoryIdentity.Nobody, Locked());
        }
    }

    ArtifactoryAnswer Locked() =>
        ArtifactoryAnswer.RestError(403, $"This request is blocked due to recurrent request failures, please try again in {Math.Ceiling((lockedUntil - settings.Time.GetUtcNow()).TotalSeconds).ToString(CultureInfo.InvariantCulture)} second(s)");

    public static ArtifactoryAnswer Unauthorized(string message) =>
        ArtifactoryAnswer.RestError(401, message).With("WWW-Authenticate", "Basic realm=\"Artifactory Realm\"");
}

/// <summary>A user.</summary>
/// <param name="Scope">What one who is no administrator may do, written like a token's scope.</param>
public sealed record ArtifactoryUser(string Password, bool IsAdmin, string? Scope = null);
