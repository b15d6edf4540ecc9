using System.Globalization;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>The management API: who is let in, and which method answers what.</summary>
public sealed partial class QuayFake
{
    /// <summary>Who asks. A session may do all that its user may; a token only what its scopes say.</summary>
    sealed record Caller(QuayUser? User, IReadOnlySet<string>? Scopes, QuaySession? Session)
    {
        public string? Name => User?.Name;

        public bool Has(params string[] scopes) => User is not null && (Scopes is null || scopes.Any(Scopes.Contains));
    }

    FakeAnswer Api(FakeCall call)
    {
        if (!call.RawPath.StartsWith("/api/v1/", StringComparison.Ordinal))
            return Unknown(call);
        if (!Settings.DatabaseIsUp)
            return Crash();
        var path = call.RawPath["/api/v1/".Length..];
        if (Route(path) is not { } route)
            return path is "organization" or "user" ? Redirecting(308, $"{OwnWithoutPort}{call.RawPath}/") : Unknown(call);
        if (call.Method is "OPTIONS")
            return FakeAnswer.Text(200, "", "text/html; charset=utf-8").With("Allow", "HEAD, OPTIONS, POST, GET");
        if (!route.Methods.Contains(call.Method == "HEAD" ? "GET" : call.Method))
            return Loud(FakeAnswer.Json(405, new JObject { ["message"] = "The method is not allowed for the requested URL." }).With("Allow", string.Join(", ", route.Methods.Append("HEAD").Append("OPTIONS"))), "METHOD NOT ALLOWED");

        var caller = Identify(call);
        FakeAnswer answer;
        if (call.IsRead && call.Header("User-Agent")?.StartsWith("Mozilla/", StringComparison.Ordinal) == true && call.Header("X-Requested-With") is null)
            answer = Plain(400, "API calls must be invoked with an X-Requested-With header if called from a browser");
        else if (!call.IsRead && caller.Scopes is null && !IsCsrfGood(call, caller.Session))
            answer = Plain(403, $"CSRF token was invalid or missing.{(caller.User is null ? "" : $" (authorized: user {caller.Name})")}");
        else if (!Settings.AnonymousAccess && caller.User is null && path is not ("signin" or "user/"))
            answer = Plain(401, "Anonymous access is not allowed");
        else if (!call.IsRead && Settings.IsReadOnly && path is not ("signin" or "signout"))
            answer = FakeAnswer.Json(503, new JObject { ["message"] = "System is currently read-only. Pulls will succeed but all write operations are currently suspended.", ["is_readonly"] = true });
        else
            answer = route.Answer(call, caller);
        // Each answer to a session sends the cookie again, but a crash.
        return caller.Session is null || answer.Status == 500 || answer.Header("Set-Cookie") is not null ? answer : WithCookie(answer, caller.Session);
    }

    Caller Identify(FakeCall call)
    {
        var session = sessions.Find(call.Header("Cookie"));
        if (call.Bearer is { } bearer && database.Tokens.Find(token => token.Text == bearer && token.ExpiresAt > Clock.GetUtcNow()) is { } oauth)
            return new Caller(oauth.User, oauth.Scopes, null);
        // Basic is not even looked at.
        return new Caller(session?.Caller, null, session);
    }

    static bool IsCsrfGood(FakeCall call, QuaySession? session) =>
        session is not null && (call.Header("X-CSRF-Token") ?? call.Parameter("_csrf_token")) == session.Csrf;

    sealed record ApiRoute(string[] Methods, Func<FakeCall, Caller, FakeAnswer> Answer);

    ApiRoute? Route(string path)
    {
        if (Repositories().Match(path) is { Success: true } repository)
            return RepositoryRoute(Uri.UnescapeDataString(repository.Groups["name"].Value), repository.Groups["rest"].Value);
        var parts = path.Split('/').Select(Uri.UnescapeDataString).ToArray();
        return parts switch
        {
            ["user", ""] => new(["GET", "POST", "PUT"], User),
            ["user", "robots"] => new(["GET"], (call, caller) => caller.User is null ? Unauthorized(caller) : RobotList(call, caller.Name!)),
            ["user", "robots", var name] when name.Length > 0 => new(["GET", "PUT", "DELETE"], (call, caller) => caller.User is null ? Unauthorized(caller) : Robot(call, caller.Name!, name)),
            ["user", "apptoken"] => new(["GET", "POST"], AppTokens),
            ["user", "apptoken", var uuid] when uuid.Length > 0 => new(["GET", "DELETE"], (call, caller) => AppToken(call, caller, uuid)),
            ["users", var name] when name.Length > 0 => new(["GET"], (_, caller) => UserView(caller, name)),
            ["signin"] => new(["POST"], SignIn),
            ["signin", "verify"] => new(["POST"], Verify),
            ["signout"] => new(["POST"], SignOut),
            ["organization", ""] => new(["GET", "POST"], (call, caller) => call.IsRead ? Page(404, call) : CreateOrganization(call, caller)),
            ["organization", var name] => new(["GET", "PUT", "DELETE"], (call, caller) => Organization(call, caller, name)),
            ["organization", var name, .. var rest] => OrganizationRoute(name, rest),
            ["repository"] => new(["GET", "POST"], RepositoryCollection),
            ["superuser", "users", ""] or ["superuser", "organizations", ""] or ["superuser", "logs"] or ["superuser", "registrystatus"] => new(["GET", "POST"], (_, caller) => SuperuserView(caller, parts[1])),
            ["superuser", "takeownership", var name] => new(["POST"], (_, caller) => TakeOwnership(caller, name)),
            ["messages"] => new(["GET"], (_, _) => Ok(new JObject { ["messages"] = new JArray() })),
            _ => null,
        };
    }

    FakeAnswer User(FakeCall call, Caller caller)
    {
        if (call.Method == "POST")
            return SignUp(call);
        if (!caller.Has("user:read", "user:admin"))
        {
            var answer = (JObject)Core.Text.Json.Parse(InvalidToken().Body.Span);
            answer.AddFirst(new JProperty("session_required", false));
            return Loud(FakeAnswer.Json(401, answer), "UNAUTHORIZED");
        }

        return Ok(UserJson(caller.User!, isNew: false));
    }

    JObject UserJson(QuayUser user, bool isNew)
    {
        var json = new JObject
        {
            ["anonymous"] = false,
            ["username"] = user.Name,
            ["avatar"] = Avatar(user.Name, "user"),
            ["can_create_repo"] = true,
            ["is_me"] = true,
            ["verified"] = true,
            ["email"] = user.Email,
            ["logins"] = new JArray(),
            ["invoice_email"] = false,
            ["invoice_email_address"] = null,
            ["preferred_namespace"] = false,
            ["tag_expiration_s"] = QuayOrganization.DefaultTagExpiration,
            ["prompts"] = new JArray(),
            ["company"] = null,
            ["family_name"] = null,
            ["given_name"] = null,
            ["location"] = null,
            ["is_free_account"] = true,
            ["has_password_set"] = true,
            ["organizations"] = new JArray(database.Organizations.Values.Where(organization => database.IsMember(organization, user.Name)).Select(organization => new JObject
            {
                ["name"] = organization.Name,
                ["avatar"] = Avatar(organization.Name, "org"),
                ["can_create_repo"] = database.MayCreateIn(organization.Name, user.Name),
                ["public"] = false,
                ["is_org_admin"] = database.IsAdmin(organization, user.Name),
                ["preferred_namespace"] = false,
            })),
        };
        // A superuser is not told that it is one in the answer that makes it one.
        if (Settings.SuperUsers.Contains(user.Name))
            json["super_user"] = !isNew;
        if (isNew)
            json["tag_expiration_s"] = (double)QuayOrganization.DefaultTagExpiration;
        return json;
    }

    FakeAnswer UserView(Caller caller, string name)
    {
        if (!database.Users.TryGetValue(name, out var user))
            return NotFoundMessage();
        var view = UserJson(user, isNew: false);
        if (user != caller.User)
        {
            foreach (var own in view.Properties().Select(property => property.Name).Except(["anonymous", "username", "avatar"]).ToList())
                view.Remove(own);
        }

        return Ok(view);
    }

    FakeAnswer SuperuserView(Caller caller, string what)
    {
        if (caller.User is null || !Settings.SuperUsers.Contains(caller.Name!) || !caller.Has("super:user"))
            return Unauthorized(caller);
        return what switch
        {
            "users" => Ok(new JObject { ["users"] = new JArray(database.Users.Values.Select(user => new JObject { ["kind"] = "user", ["name"] = user.Name, ["username"] = user.Name, ["email"] = user.Email, ["verified"] = true, ["avatar"] = Avatar(user.Name, "user"), ["super_user"] = Settings.SuperUsers.Contains(user.Name), ["enabled"] = true })) }),
            "organizations" => Ok(new JObject { ["organizations"] = new JArray(database.Organizations.Values.Select(organization => new JObject { ["name"] = organization.Name, ["email"] = organization.Email, ["avatar"] = Avatar(organization.Name, "org") })) }),
            _ => Ok(new JObject { ["provider_id"] = "file", ["status"] = "ready" }),
        };
    }

    FakeAnswer TakeOwnership(Caller caller, string name)
    {
        if (caller.User is null || !Settings.SuperUsers.Contains(caller.Name!))
            return Unauthorized(caller);
        if (!database.Organizations.TryGetValue(name, out var organization))
            return NotFound();
        if (!organization.Teams["owners"].Members.Contains(caller.Name!))
            organization.Teams["owners"].Members.Add(caller.Name!);
        return Ok(new JObject { ["namespace"] = name });
    }

    static FakeAnswer Ok(JToken body) => FakeAnswer.Json(200, body);

    static FakeAnswer Created(JToken? body = null) => Loud(FakeAnswer.Json(201, body ?? "Created"), "CREATED");

    static FakeAnswer Gone() => Loud(FakeAnswer.Empty(204).With("Content-Type", "application/json"), "NO CONTENT");

    // Exceptions that no handler of the API caught.
    static FakeAnswer Message(int status, string text) => Loud(FakeAnswer.Json(status, new JObject { ["message"] = text }), status == 400 ? "BAD REQUEST" : status == 415 ? "UNSUPPORTED MEDIA TYPE" : "NOT FOUND");

    static FakeAnswer NotFoundMessage() => Message(404, "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.");

    // Errors that are thrown before the API: JSON that says it is a page.
    static FakeAnswer Plain(int status, string error) =>
        Loud(FakeAnswer.Text(status, Core.Text.Json.Compact(new JObject { ["error"] = error }), "text/html; charset=utf-8"), status switch { 400 => "BAD REQUEST", 401 => "UNAUTHORIZED", 404 => "NOT FOUND", _ => "FORBIDDEN" });

    FakeAnswer Problem(int status, string type, string text, string phrase) => Loud(
        FakeAnswer.Json(status, new JObject
        {
            ["detail"] = text,
            ["error_message"] = text,
            ["error_type"] = type,
            ["title"] = type,
            ["type"] = $"{OwnWithoutPort}/api/v1/error/{type}",
            ["status"] = status,
        }),
        phrase);

    FakeAnswer InvalidRequest(string text) => Problem(400, "invalid_request", text, "BAD REQUEST");

    FakeAnswer NotFound() => Problem(404, "not_found", "Not Found", "NOT FOUND");

    FakeAnswer InvalidToken() => Problem(401, "invalid_token", "Requires authentication", "UNAUTHORIZED");

    /// <summary>Nobody, or somebody who may not.</summary>
    FakeAnswer Unauthorized(Caller caller) => caller.User is null ? InvalidToken() : Problem(403, "insufficient_scope", "Unauthorized", "FORBIDDEN");

    FakeAnswer FreshLoginRequired() => Problem(401, "fresh_login_required", "Requires fresh login", "UNAUTHORIZED");

    bool IsFresh(Caller caller) => caller.Session is null || caller.Session.Since + Settings.FreshLogin > Clock.GetUtcNow();

    /// <summary>The body as the API's schemas want it: null and an answer where it is not.</summary>
    /// <param name="required">Members that must be there.</param>
    /// <param name="allowed">The values that members may have.</param>
    JObject? Body(FakeCall call, out FakeAnswer fault, string[] required, params (string Name, string[] Values)[] allowed)
    {
        fault = null!;
        if (call.Header("Content-Type")?.Split(';')[0] != "application/json")
            fault = Message(415, "Did not attempt to load JSON data because the request Content-Type was not 'application/json'.");
        else if (call.Json is not JObject body)
            fault = Message(400, "The browser (or proxy) sent a request that this server could not understand.");
        else if (required.FirstOrDefault(name => !body.ContainsKey(name)) is { } missing)
            fault = InvalidRequest($"'{missing}' is a required property\n\nFailed validating 'required' in schema:\n    {{}}");
        else if (body.Properties().FirstOrDefault(property => property.Name is "description" or "name" && property.Value.Type != JTokenType.String) is { } mistyped)
            fault = InvalidRequest($"{mistyped.Value} is not of type 'string'\n\nFailed validating 'type' in schema['properties']['{mistyped.Name}']:\n    {{}}");
        else if (allowed.FirstOrDefault(one => body[one.Name] is { } value && !one.Values.Contains((string?)value)) is { Name: not null } odd)
            fault = InvalidRequest($"'{body[odd.Name]}' is not one of [{string.Join(", ", odd.Values.Select(value => $"'{value}'"))}]\n\nFailed validating 'enum' in schema['properties']['{odd.Name}']:\n    {{}}");
        else
            return body;
        return null;
    }

    static JObject Avatar(string name, string kind) => new()
    {
        ["name"] = name,
        ["hash"] = Core.Oci.Digest.Sha256(System.Text.Encoding.UTF8.GetBytes(name)).Hex,
        ["color"] = "#969696",
        ["kind"] = kind,
    };

    static string Date(DateTimeOffset time) => time.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '-0000'", CultureInfo.InvariantCulture);

    [GeneratedRegex("^repository/(?<name>[^/]+/.+?)(?:/(?<rest>changevisibility|changestate|permissions/.*|tag/.*|manifest/.*|mirror|autoprunepolicy/))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Repositories();
}
