using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>
/// Quay 3.12 behind its own nginx, configured as mirror-registry's installer does it or otherwise (<see cref="QuaySettings"/>; registries.md B and C): health, the
/// web UI's session, the management API, the token service and <c>/v2/</c>.
/// </summary>
public sealed partial class QuayFake : FakeServer
{
    readonly QuayDatabase database;
    readonly QuaySessions sessions;
    readonly QuayStorage storage = new();
    readonly FakeTokens tokens;

    QuayFake(QuaySettings settings)
        : base(settings.Host, settings.Certificate)
    {
        Settings = settings;
        database = new QuayDatabase(settings);
        sessions = new QuaySessions(Clock);
        tokens = new FakeTokens(Clock);
        if (settings.IsInitialized)
            database.AddUser(settings.User, settings.Password, $"{settings.User}@quay.io");
    }

    /// <summary>Its configuration; may be changed while it runs.</summary>
    public QuaySettings Settings { get; }

    public TestClock Clock { get; } = new();

    /// <summary>What it calls itself.</summary>
    Uri Own => Settings.PublicAddress ?? Address;

    /// <summary>What nginx tells the application as its address: it loses the port, so that redirects lead to the wrong one.</summary>
    string OwnWithoutPort => $"{Own.Scheme}://{Own.Host}";

    public static async Task<QuayFake> Start(QuaySettings? settings = null)
    {
        var fake = new QuayFake(settings ?? new QuaySettings());
        SuiteOutput.Secret(fake.Settings.Password, fake.Settings.User);
        await fake.ListenAsync();
        return fake;
    }

    protected override FakeAnswer Answer(FakeCall call)
    {
        if (!Settings.WebIsUp && !call.RawPath.StartsWith("/v2/", StringComparison.Ordinal))
            return Nginx(502, "Bad Gateway", "502 Bad Gateway").With("Connection", "close");
        if (call.RawPath == "/v2/" || (call.RawPath.StartsWith("/v2/", StringComparison.Ordinal) && call.RawPath != "/v2/auth"))
            return Closing(Settings.RegistryIsUp ? Registry(call) : Redirecting(502, $"{OwnWithoutPort}/quay-registry/static/502.html/"));
        return call.RawPath switch
        {
            "/health" or "/health/instance" => Health(call, "auth", "database", "disk_space", "registry_gunicorn", "service_key", "web_gunicorn"),
            "/health/endtoend" or "/status" => Health(call, "auth", "database", "redis", "storage"),
            "/health/warning" => FakeAnswer.Json(200, new JObject { ["data"] = new JObject { ["services"] = new JObject { ["disk_space_warning"] = true } }, ["status_code"] = 200 }),
            // nginx itself: it proves nothing.
            "/v1/_ping" => FakeAnswer.Text(200, "true", "application/octet-stream").With("Content-Type", "text/plain"),
            "/v2" => Redirecting(308, $"{OwnWithoutPort}/v2/"),
            "/config" => Config(),
            "/csrf_token" when call.IsRead => CsrfToken(call),
            "/" => Page(200, call),
            "/v2/auth" => Closing(Token(call)),
            "/v2/token" => Closing(NotFoundPage()),
            // No part of the API: neither CSRF nor anonymous access is asked about.
            "/api/v1/user/initialize" when call.Method == "POST" => Closing(Initialize(call)),
            "/oauth/authorizeapp" when call.Method == "POST" => AuthorizeApplication(call),
            var path when path.StartsWith("/api/", StringComparison.Ordinal) => Closing(Api(call)),
            _ => Unknown(call),
        };
    }

    FakeAnswer Health(FakeCall call, params string[] services)
    {
        if (!call.IsRead)
            return MethodNotAllowedPage("GET, HEAD, OPTIONS");
        var states = new JObject(services.Select(service => new JProperty(service, service switch
        {
            "registry_gunicorn" => Settings.RegistryIsUp,
            "redis" => Settings.RedisIsUp,
            "database" or "auth" => Settings.DatabaseIsUp,
            _ => true,
        })));
        var status = states.Values().All(state => (bool)state) ? 200 : 503;
        return FakeAnswer.Json(status, new JObject { ["data"] = new JObject { ["services"] = states }, ["status_code"] = status });
    }

    FakeAnswer Config() => FakeAnswer.Json(200, new JObject
    {
        ["account_recovery_mode"] = false,
        ["config"] = new JObject { ["AUTHENTICATION_TYPE"] = "Database", ["SERVER_HOSTNAME"] = Own.Authority },
        ["features"] = new JObject
        {
            ["ANONYMOUS_ACCESS"] = Settings.AnonymousAccess,
            ["AUTO_PRUNE"] = Settings.AutoPrune,
            ["INVITE_ONLY_USER_CREATION"] = false,
            ["PROXY_CACHE"] = Settings.ProxyCache,
            ["QUOTA_MANAGEMENT"] = Settings.QuotaManagement,
            ["USER_CREATION"] = Settings.UserCreation,
            ["USER_INITIALIZE"] = Settings.UserInitialize,
        },
        ["oauth"] = new JObject(),
        ["route_prefix"] = "/",
    });

    /// <summary>What the application has no route for: never 404 JSON.</summary>
    FakeAnswer Unknown(FakeCall call)
    {
        var hasSlash = call.RawPath.EndsWith('/') || call.RawPath.Count(letter => letter == '/') < 2;
        if (call.IsRead)
            return hasSlash ? Page(404, call) : Redirecting(308, $"{OwnWithoutPort}{call.RawPath}/");
        return hasSlash ? MethodNotAllowedPage("GET, HEAD, OPTIONS") : Crash();
    }

    // The web UI: 78 kB of it on the real one.
    FakeAnswer Page(int status, FakeCall call)
    {
        var page = FakeAnswer.Text(status, "<!DOCTYPE html>\n<html ng-app=\"quay\" class=\"onprem\">\n  <head>\n    <base href=\"/\">\n  <title ng-bind=\"title + ' · Quay'\">Quay</title>\n  </head>\n</html>\n", "text/html; charset=utf-8");
        return WithCookie(page with { Phrase = status == 404 ? "NOT FOUND" : null }, sessions.Find(call.Header("Cookie")) ?? sessions.Start());
    }

    static FakeAnswer Closing(FakeAnswer answer) => answer.With("Connection", "close");

    /// <summary>The application's phrases are in capitals.</summary>
    static FakeAnswer Loud(FakeAnswer answer, string phrase) => answer with { Phrase = phrase };

    static FakeAnswer Redirecting(int status, string address) =>
        FakeAnswer.Text(
            status,
            $"<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be redirected automatically to the target URL: <a href=\"{address}\">{address}</a>. If not, click the link.\n",
            "text/html; charset=utf-8").With("Location", address);

    static FakeAnswer Crash() =>
        FakeAnswer.Text(500, "<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n", "text/html");

    static FakeAnswer Nginx(int status, string phrase, string title) =>
        FakeAnswer.Text(status, $"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n", "text/html") with { Phrase = phrase };

    static FakeAnswer MethodNotAllowedPage(string allowed) =>
        Loud(FakeAnswer.Text(405, "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n<h1>Method Not Allowed</h1>\n<p>The method is not allowed for the requested URL.</p>\n", "text/html; charset=utf-8").With("Allow", allowed), "METHOD NOT ALLOWED");

    static FakeAnswer NotFoundPage() =>
        Loud(FakeAnswer.Text(404, "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n", "text/html; charset=utf-8"), "NOT FOUND");

    FakeAnswer WithCookie(FakeAnswer answer, QuaySession session) =>
        answer.With("Set-Cookie", $"_csrf_token={session.Cookie}; {(session.User is null ? "" : $"Expires={Clock.GetUtcNow().AddDays(31):R}; ")}{(Own.Scheme == "https" ? "Secure; " : "")}HttpOnly; Path=/; SameSite=Lax");
}
