using System.Globalization;
using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin.Quay;

/// <summary>
/// Quay's management API as whoever was given (registries.md B.2): a user by a web session, an OAuth token as Bearer. It never looks at Basic, so that is never
/// sent; whoever it does not know it treats as nobody, without a word.
/// </summary>
/// <param name="title">The product, for people.</param>
sealed class QuayApi(AdminConnection connection, string title)
{
    /// <summary>The login name for <c>/v2/auth</c> that goes with an OAuth token as password.</summary>
    public const string TokenUser = "$oauthtoken";

    AdminClient Client => connection.Client;

    public string Authority => connection.Endpoint.Authority;

    /// <summary>Who asks, for sentences.</summary>
    public string Who { get; private set; } = "nobody";

    public bool IsToken { get; private set; }

    public bool IsLoggedIn => Client.Headers.Count > 0;

    /// <summary>Logs in, as far as that can be done with such a credential.</summary>
    /// <returns>Why it cannot manage anything; null where it may be able to.</returns>
    /// <exception cref="ModuleException">A password is wrong, or its user locked.</exception>
    public async Task<string?> LogInAsync(Credential credential, CancellationToken cancellation)
    {
        var token = credential.Token ?? (credential.Username == TokenUser ? credential.Password : null);
        Who = token is not null ? "the token" : $"user \"{credential.Username}\"";
        if (token is not null)
        {
            IsToken = true;
            Client.Identity = Who;
            Client.Headers["Authorization"] = $"Bearer {token}";
            return null;
        }

        if (credential.Username!.Contains('+', StringComparison.Ordinal) || credential.Username[0] == '$')
            return $"{Who} is a robot account or an application's, and those manage nothing on {title}";
        try
        {
            await SignInAsync(credential.Username, credential.Password ?? "", cancellation);
            return null;
        }
        catch (ModuleException e) when (e.HttpStatus == (int)HttpStatusCode.TooManyRequests)
        {
            throw new ModuleException(ErrorCodes.Unauthorized, $"{Who} is locked on {Authority} after wrong passwords, for the right one too: {e.Message}", "find out who keeps sending a wrong password, wait a minute and run this again; each wrong one doubles the time") { HttpStatus = e.HttpStatus };
        }
    }

    // The session is one cookie, whose name is _csrf_token, and the token that writes must send along. Nothing else of it is needed; signing out would end
    // all sessions of the user, so that is not done.
    async Task SignInAsync(string username, string password, CancellationToken cancellation)
    {
        var action = $"log in to {Authority} as {Who}";
        var page = await Client.SendAsync(new(HttpMethod.Get, "csrf_token") { Action = action, IsAnonymous = true }, cancellation);
        if (Text(page.EnsureSuccess().Json, "csrf_token") is not { } csrf || Cookies(page) is not { } cookies)
            throw page.NotExpected("what a login needs");
        var answer = await Client.SendAsync(
            new(HttpMethod.Post, "api/v1/signin")
            {
                Action = action,
                IsAnonymous = true,
                Json = new JObject { ["username"] = username, ["password"] = password },
                Headers = [KeyValuePair.Create("Cookie", cookies), KeyValuePair.Create("X-CSRF-Token", csrf), KeyValuePair.Create("X-Requested-With", "XMLHttpRequest")],
            },
            cancellation);
        var json = answer.Json as JObject;
        if (json?["invalidCredentials"] is JValue { Value: true })
            throw new ModuleException(ErrorCodes.Unauthorized, $"cannot {action}: {Authority} refused it: wrong user name or password ({(int)answer.Status}: {answer.Words})", "correct username and password; a user is locked for longer after each wrong one") { HttpStatus = (int)answer.Status };
        if (answer.EnsureSuccess() is var good && json?["success"] is not JValue { Value: true })
            throw good.NotExpected("the answer to a login");
        Client.Identity = Who;
        Client.Headers["Cookie"] = Cookies(answer) ?? cookies;
        Client.Headers["X-CSRF-Token"] = answer.Headers.TryGetValue("X-Next-CSRF-Token", out var next) ? next[0] : csrf;
        Client.Headers["X-Requested-With"] = "XMLHttpRequest";
        connection.Hide(Client.Headers["Cookie"].Split('=', 2)[1]);
        connection.Hide(Client.Headers["X-CSRF-Token"]);
    }

    static string? Cookies(AdminAnswer answer) =>
        answer.Headers.TryGetValue("Set-Cookie", out var cookies) ? string.Join("; ", cookies.Select(cookie => cookie.Split(';', 2)[0])) : null;

    /// <summary>The features of this server, by their names without <c>FEATURE_</c>. Empty where it tells none.</summary>
    public async Task<IReadOnlySet<string>> FeaturesAsync(CancellationToken cancellation)
    {
        var answer = await Client.SendAsync(new(HttpMethod.Get, "config") { Action = $"read the features of {Authority}", IsAnonymous = true }, cancellation);
        var features = (answer.Json as JObject)?["features"] as JObject ?? [];
        return features.Properties().Where(feature => feature.Value is JValue { Value: true }).Select(feature => feature.Name).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Reads; what the answer means is the caller's affair, but for a session or token that is not known.</summary>
    public async Task<AdminAnswer> GetAsync(string path, string action, CancellationToken cancellation)
    {
        var answer = await Client.SendAsync(new(HttpMethod.Get, $"api/v1/{path}") { Action = action }, cancellation);
        return answer.Status == HttpStatusCode.Unauthorized ? throw NotKnown(answer) : answer;
    }

    /// <summary>Changes something.</summary>
    /// <returns>A success, or a 400 or 404, whose words tell what is wrong.</returns>
    /// <exception cref="ModuleException">Nobody may, this one may not, or the server is read-only.</exception>
    public async Task<AdminAnswer> WriteAsync(HttpMethod method, string path, JToken? body, string action, CancellationToken cancellation)
    {
        var answer = await Client.SendAsync(new(method, $"api/v1/{path}") { Action = action, Json = body, IsFinal = IsReadOnly }, cancellation);
        return answer.Status switch
        {
            HttpStatusCode.ServiceUnavailable => throw new ModuleException(ErrorCodes.Server, $"cannot {action}: {Authority} is read-only ({answer.Words})", "set REGISTRY_STATE to normal in its config.yaml, or wait until its administrators have") { HttpStatus = (int)answer.Status },
            HttpStatusCode.Unauthorized when Text(answer.Json, "error_type") == "fresh_login_required" => throw new ModuleException(ErrorCodes.Unauthorized, $"cannot {action}: {Authority} wants the password again before that ({answer.Words})", "run this again") { HttpStatus = (int)answer.Status },
            HttpStatusCode.Unauthorized => throw NotKnown(answer),
            HttpStatusCode.Forbidden when answer.Words.Contains("CSRF", StringComparison.Ordinal) => throw NotKnown(answer),
            HttpStatusCode.Forbidden => throw new ModuleException(ErrorCodes.Unauthorized, $"cannot {action}: {Authority} does not let {Who} ({(int)answer.Status}: {answer.Words})", RightsHint) { HttpStatus = (int)answer.Status },
            _ => answer,
        };
    }

    static bool IsReadOnly(AdminAnswer answer) => (answer.Json as JObject)?["is_readonly"] is JValue { Value: true };

    public string RightsHint => IsToken
        ? "make the token as an owner of the organization, with the scopes org:admin and repo:admin, and user:admin for making the organization"
        : $"make {Who} an owner of the organization, or give an owner's password";

    ModuleException NotKnown(AdminAnswer answer) => new(
        ErrorCodes.Unauthorized,
        IsToken ? $"cannot {answer.Action}: {Authority} does not take the token ({(int)answer.Status}: {answer.Words}): it has expired, was removed, or belongs to another registry"
            : IsLoggedIn ? $"cannot {answer.Action}: {Authority} ended the session of {Who} ({(int)answer.Status}: {answer.Words})"
            : $"cannot {answer.Action}: {Authority} wants credentials ({(int)answer.Status}: {answer.Words})",
        IsToken ? "make another one (organization, Applications, Generate Token), or give username and password" : IsLoggedIn ? "run this again; somebody signed the user out meanwhile" : "give username and password")
    { HttpStatus = (int)answer.Status };

    /// <summary>A text of a JSON object.</summary>
    public static string? Text(JToken? json, string name) => (json as JObject)?[name] is JValue { Value: string text } ? text : null;

    /// <summary>The time in what the server says: <c>Sat, 22 Nov 2026 06:00:00 -0000</c>.</summary>
    public static DateTimeOffset? Time(JToken? json, string name) =>
        DateTimeOffset.TryParseExact(Text(json, name), "ddd, dd MMM yyyy HH:mm:ss '-0000'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
