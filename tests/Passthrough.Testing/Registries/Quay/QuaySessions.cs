using System.Security.Cryptography;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>
/// Web sessions. The one cookie, named <c>_csrf_token</c>, is the whole session: an old value goes on being good with the CSRF token that belongs to it, until the
/// user signs out (registries.md B.2).
/// </summary>
sealed class QuaySessions(TimeProvider clock)
{
    readonly Dictionary<string, QuaySession> sessions = new(StringComparer.Ordinal);

    /// <param name="since">When its user proved the password; now where not given.</param>
    public QuaySession Start(QuayUser? user = null, DateTimeOffset? since = null)
    {
        // A signed-in session is packed, an anonymous one is not: so their first letters differ.
        var cookie = (user is null ? "eyJfY3NyZl" : ".eJw9j") + Secret(60);
        return sessions[cookie] = new QuaySession(cookie, Secret(64), user, user?.SessionEpoch ?? 0, since ?? clock.GetUtcNow());
    }

    public QuaySession? Find(string? cookies)
    {
        var own = cookies?.Split(';').Select(cookie => cookie.Trim()).FirstOrDefault(cookie => cookie.StartsWith("_csrf_token=", StringComparison.Ordinal));
        return own is not null && sessions.TryGetValue(own["_csrf_token=".Length..], out var session) ? session : null;
    }

    public string? CookieOf(string csrf) => sessions.Values.FirstOrDefault(session => session.Csrf == csrf)?.Cookie;

    static string Secret(int length) => SuiteOutput.Secret(RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", length));
}

/// <param name="Cookie">Its value.</param>
/// <param name="Csrf">What writes must send along.</param>
/// <param name="User">Null before the login.</param>
sealed record QuaySession(string Cookie, string Csrf, QuayUser? User, int Epoch, DateTimeOffset Since)
{
    /// <summary>The user, unless the session was ended by a sign-out.</summary>
    public QuayUser? Caller => User?.SessionEpoch == Epoch ? User : null;
}
