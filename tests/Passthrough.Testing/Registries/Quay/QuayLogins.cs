using System.Security.Cryptography;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>Signing up, in and out; OAuth tokens.</summary>
public sealed partial class QuayFake
{
    static readonly IReadOnlySet<string> AllScopes = new HashSet<string>(StringComparer.Ordinal) { "org:admin", "repo:admin", "repo:create", "repo:write", "repo:read", "user:admin", "user:read", "super:user" };

    /// <summary>Makes a user, as the sign-up page does.</summary>
    public void AddUser(string name, string password) => database.AddUser(name, password, $"{name}@example.com");

    /// <summary>Makes a robot of an organization, as one of its owners does.</summary>
    /// <param name="isCreator">Puts it into a team whose members may make repositories.</param>
    public void AddRobot(string organization, string name, string description = "", bool isCreator = false)
    {
        var robot = new QuayRobot(organization, name, Clock.GetUtcNow()) { Description = description };
        database.Robots[robot.Name] = robot;
        if (!isCreator)
            return;
        var team = database.Organizations[organization].Teams["creators"] = new QuayTeam("creators") { Role = "creator" };
        team.Members.Add(robot.Name);
    }

    /// <summary>The robots of all organizations, by their full names.</summary>
    public IReadOnlyList<string> Robots => [.. database.Robots.Keys];

    /// <summary>Makes an organization of the first user.</summary>
    public void AddOrganization(string name) => database.AddOrganization(name, $"{name}@example.com", Settings.User);

    /// <summary>A robot's secret, by its full name; null where there is no such robot.</summary>
    public string? RobotToken(string robot) => database.Robots.GetValueOrDefault(robot)?.Token;

    /// <summary>A token as the page "Generate token" gives it.</summary>
    public string AddToken(string user, params string[] scopes)
    {
        var token = new QuayToken(SuiteOutput.Secret(RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 40)), database.Users[user], scopes.Length == 0 ? AllScopes : scopes.ToHashSet(StringComparer.Ordinal), null, Clock.GetUtcNow().AddYears(10));
        database.Tokens.Add(token);
        return token.Text;
    }

    /// <summary>Signs a user in as a browser would.</summary>
    /// <returns>The cookie's value, and what writes must send as X-CSRF-Token.</returns>
    public (string Cookie, string Csrf) StartSession(string? user = null)
    {
        var session = sessions.Start(user is null ? null : database.Users[user]);
        return (session.Cookie, session.Csrf);
    }

    /// <summary>The cookie of the session that has this CSRF token; null where there is none.</summary>
    public string? CookieOf(string csrf) => sessions.CookieOf(csrf);

    FakeAnswer CsrfToken(FakeCall call)
    {
        var known = sessions.Find(call.Header("Cookie"));
        var session = known ?? sessions.Start();
        var answer = Ok(new JObject { ["csrf_token"] = session.Csrf });
        return known is { User: null } ? answer : WithCookie(answer, session);
    }

    FakeAnswer SignIn(FakeCall call, Caller caller)
    {
        if (Body(call, out var fault, ["username", "password"]) is not { } body)
            return fault;
        var name = (string)body["username"]!;
        var user = database.Users.GetValueOrDefault(name);
        if (user is not null && Locked(user) is { } locked)
            return locked;
        if (user is null || user.Password != (string)body["password"]!)
        {
            CountBadLogin(user);
            return Loud(FakeAnswer.Json(403, new JObject { ["needsEmailVerification"] = false, ["invalidCredentials"] = true, ["message"] = "Invalid Username or Password" }), "FORBIDDEN");
        }

        user.BadLogins = 0;
        return Welcome(Ok(new JObject { ["success"] = true }), user);
    }

    FakeAnswer Verify(FakeCall call, Caller caller) => caller.User is null ? Unauthorized(caller) : Welcome(Ok(new JObject { ["success"] = true }), caller.User, caller.Session?.Since);

    FakeAnswer SignOut(FakeCall call, Caller caller)
    {
        if (caller.User is not null)
            caller.User.SessionEpoch++;
        return Ok(new JObject { ["success"] = true });
    }

    FakeAnswer SignUp(FakeCall call)
    {
        if (!Settings.UserCreation)
            return Crash();
        if (Body(call, out var fault, ["username", "password", "email"]) is not { } body)
            return fault;
        var name = (string)body["username"]!;
        if (database.Users.ContainsKey(name))
            return InvalidRequest("The username already exists");
        if (database.Organizations.ContainsKey(name))
            return InvalidRequest($"Username has already been taken by an organization and cannot be reused: {name}");
        var user = database.AddUser(name, (string)body["password"]!, (string)body["email"]!);
        return Welcome(Ok(UserJson(user, isNew: true)), user);
    }

    FakeAnswer Initialize(FakeCall call)
    {
        if (!Settings.UserInitialize)
            return Plain(404, "Not Found");
        if (database.Users.Count > 0)
            return Message(400, "Cannot initialize user in a non-empty database");
        return call.Header("Content-Type")?.Split(';')[0] == "application/json" ? InitializeFirst(call)
            : Loud(FakeAnswer.Text(415, "<!doctype html>\n<html lang=en>\n<title>415 Unsupported Media Type</title>\n<h1>Unsupported Media Type</h1>\n<p>Did not attempt to load JSON data because the request Content-Type was not &#39;application/json&#39;.</p>\n", "text/html; charset=utf-8"), "UNSUPPORTED MEDIA TYPE");
    }

    FakeAnswer InitializeFirst(FakeCall call)
    {
        if (call.Json is not JObject body)
            return Message(400, "The browser (or proxy) sent a request that this server could not understand.");
        var (name, password) = ((string)body["username"]!, (string)body["password"]!);
        if (QuayDatabase.NamespaceFault(name) is { } fault)
            return Message(400, $"Failed to initialize user: Invalid namespace {name}: {fault}");
        if (password.Length < 8 || password.Any(char.IsWhiteSpace))
            return Message(400, "Failed to initialize user: Invalid password, password must be at least 8 characters and contain no whitespace.");
        var user = database.AddUser(name, password, (string)body["email"]!);
        return Welcome(Ok(new JObject { ["access_token"] = AddToken(name), ["email"] = user.Email, ["encrypted_password"] = RandomNumberGenerator.GetString("abcdefghijklmnop", 64), ["username"] = name }), user);
    }

    // Only here a new CSRF token is told; the one from before is dead for the new cookie.
    FakeAnswer Welcome(FakeAnswer answer, QuayUser user, DateTimeOffset? since = null)
    {
        var session = sessions.Start(user, since);
        return WithCookie(answer, session).With("X-Next-CSRF-Token", session.Csrf);
    }

    /// <summary>The answer while an account is locked, to the right password too. The seconds are cut off, not rounded: 0 is possible.</summary>
    FakeAnswer? Locked(QuayUser user) =>
        user.LockedUntil > Clock.GetUtcNow()
            ? Loud(FakeAnswer.Text(429, "Too many login attempts. \nPlease reset your Quay password and try again.", "text/html; charset=utf-8").With("Retry-After", $"{(int)(user.LockedUntil - Clock.GetUtcNow()).TotalSeconds}"), "TOO MANY REQUESTS")
            : null;

    void CountBadLogin(QuayUser? user)
    {
        if (user is null)
            return;
        user.BadLogins++;
        user.LockedUntil = Clock.GetUtcNow() + TimeSpan.FromSeconds(0.5 * (Math.Pow(2, user.BadLogins) - 1));
    }

    FakeAnswer AppTokens(FakeCall call, Caller caller)
    {
        if (caller.User is not { } user)
            return Unauthorized(caller);
        if (call.IsRead)
            return Ok(new JObject { ["tokens"] = new JArray(user.AppTokens.Keys.Select(uuid => AppTokenJson(user, uuid, withCode: false))), ["only_expiring"] = null });
        if (!IsFresh(caller))
            return FreshLoginRequired();
        var uuid = Guid.NewGuid().ToString();
        user.AppTokens[uuid] = RandomNumberGenerator.GetString("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 120);
        return Ok(new JObject { ["token"] = AppTokenJson(user, uuid, withCode: true) });
    }

    FakeAnswer AppToken(FakeCall call, Caller caller, string uuid)
    {
        if (caller.User?.AppTokens.ContainsKey(uuid) != true)
            return caller.User is null ? Unauthorized(caller) : NotFound();
        if (call.IsRead)
            return Ok(new JObject { ["token"] = AppTokenJson(caller.User, uuid, withCode: true) });
        caller.User.AppTokens.Remove(uuid);
        return Gone();
    }

    JObject AppTokenJson(QuayUser user, string uuid, bool withCode)
    {
        var json = new JObject { ["uuid"] = uuid, ["title"] = "mirror", ["last_accessed"] = null, ["created"] = Date(Clock.GetUtcNow()), ["expiration"] = null };
        if (withCode)
            json["token_code"] = user.AppTokens[uuid];
        return json;
    }

    /// <summary>The page behind "Generate token": a redirect with the token in its fragment.</summary>
    FakeAnswer AuthorizeApplication(FakeCall call)
    {
        var form = FakeCall.ReadForm(call.Text).ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal);
        var session = sessions.Find(call.Header("Cookie"));
        if (session?.Caller is not { } user)
            return Loud(FakeAnswer.Text(401, "<!doctype html>\n<html lang=en>\n<title>401 Unauthorized</title>\n<h1>Unauthorized</h1>\n", "text/html; charset=utf-8"), "UNAUTHORIZED");
        if ((call.Header("X-CSRF-Token") ?? form.GetValueOrDefault("_csrf_token")) != session.Csrf)
            return Plain(403, $"CSRF token was invalid or missing. (authorized: user {user.Name})");
        var target = $"{Own}oauth/localapp";
        if (database.Organizations.Values.SelectMany(organization => organization.Applications).FirstOrDefault(one => one.ClientId == form.GetValueOrDefault("client_id")) is not { } application)
            return Found($"{target}?error=unauthorized_client");
        if (form.GetValueOrDefault("redirect_uri") != (application.RedirectUri.Length > 0 ? application.RedirectUri : target))
            return Loud(FakeAnswer.Json(400, new JObject { ["error"] = "invalid_request" }), "BAD REQUEST");
        var scopes = form.GetValueOrDefault("scope", "").Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        if (scopes.Length == 0 || !scopes.All(AllScopes.Contains))
            return Found($"{form["redirect_uri"]}?error=invalid_scope");
        var token = AddToken(user.Name, scopes);
        database.Tokens[^1] = database.Tokens[^1] with { Application = application };
        return Found($"{form["redirect_uri"]}?scope={Uri.EscapeDataString(form["scope"]).Replace("%20", "+", StringComparison.Ordinal)}#access_token={token}&token_type=Bearer&expires_in=315576000");

        static FakeAnswer Found(string address) => Loud(FakeAnswer.Text(302, "", "text/html; charset=utf-8").With("Location", address), "FOUND");
    }
}
