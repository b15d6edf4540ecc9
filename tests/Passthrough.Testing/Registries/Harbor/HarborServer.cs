using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>
/// Harbor as a client sees it: REST, <c>/v2/</c> and the token service behind nginx, with everything that is odd about it (registries.md A and H). Held to the real
/// server by replaying what that answered.
/// </summary>
public sealed class HarborServer : IAsyncDisposable
{
    const string BadGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";
    const string PortalPage = "<!doctype html>\n<html lang=\"en\"><head><title>Harbor</title></head><body><harbor-app></harbor-app></body></html>\n";

    readonly HarborSettings settings;
    readonly HarborSystem system;
    readonly HarborProjects projects;
    readonly HarborRobots robots;
    readonly HarborTokens tokens;
    readonly HarborDistribution distribution;

    HarborServer(HarborSettings settings)
    {
        this.settings = settings;
        State = new HarborState(settings);
        tokens = new HarborTokens(State);
        system = new HarborSystem(this, State);
        projects = new HarborProjects(State);
        robots = new HarborRobots(State, settings.Version);
        distribution = new HarborDistribution(this, State);
    }

    public HarborState State { get; }

    public HarborVersion Version => settings.Version;

    /// <summary>Where clients are sent for a token.</summary>
    internal string TokenServer(HarborCall call) => Version == HarborVersion.V2_9_5 ? settings.ExternalAddress ?? Address.GetLeftPart(UriPartial.Authority) : call.External;

    internal bool IsBehindProxy => settings.IsBehindProxy;

    /// <summary>The web server; remembers requests.</summary>
    public LocalServer Web { get; private set; } = null!;

    public Uri Address => Web.Address;

    /// <summary><c>127.0.0.1:port</c>.</summary>
    public string Name => Web.Name;

    public IReadOnlyList<RegistryRequest> Requests => Web.Requests;

    /// <summary>Parts that do not work: <c>core</c>, <c>database</c>, <c>redis</c>, <c>registry</c>, <c>jobservice</c>, ….</summary>
    public ISet<string> Down { get; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>What <c>GET /health</c> tells of parts: it may lag behind <see cref="Down"/>, both ways, by 10 s. By the part's name; null follows <see cref="Down"/>.</summary>
    public IDictionary<string, string>? HealthErrors { get; set; }

    public static async Task<HarborServer> Start(HarborSettings? settings = null)
    {
        settings ??= new HarborSettings();
        SuiteOutput.Secret(settings.AdminPassword, "admin");
        var server = new HarborServer(settings);
        server.Web = await LocalServer.Start(server.AnswerAsync, settings.Pki, "harbor");
        return server;
    }

    async Task AnswerAsync(HttpContext context)
    {
        using var received = new MemoryStream();
        await context.Request.Body.CopyToAsync(received);
        var answer = await AnswerAsync(context, received.ToArray());
        context.Response.StatusCode = answer.Status;
        if (answer.ContentType is not null)
            context.Response.ContentType = answer.ContentType;
        // Kestrel leaves out a header that is empty; a blank is none on the way.
        foreach (var (name, value) in answer.Headers)
            context.Response.Headers.Append(name, value.Length > 0 ? value : " ");
        // No answer of a proxy or a HEAD has a body; the length is the body's.
        if (context.Response.StatusCode is not (204 or 304))
            context.Response.ContentLength = answer.Length ?? answer.Body.Length;
        if (context.Request.Method != "HEAD" && context.Response.StatusCode is not (204 or 304))
            await context.Response.Body.WriteAsync(answer.Body);
    }

    async Task<HarborAnswer> AnswerAsync(HttpContext context, byte[] body)
    {
        var target = LocalServer.RawTarget(context).Split('?', 2);
        var (path, query) = (target[0], target.Length == 2 ? target[1] : "");
        if (settings.IsBehindProxy)
        {
            if (Proxy(context, path) is { } answered)
                return answered;
            path = Uri.UnescapeDataString(path);
        }

        if (Down.Contains("core"))
            return HarborAnswer.Text(BadGateway, 502, "text/html");
        return WithCookie(context, await CoreAsync(context, path, query, body));
    }

    /// <summary>What nginx answers by itself.</summary>
    HarborAnswer? Proxy(HttpContext context, string path)
    {
        if (path == "/v2")
            return HarborAnswer.Text(BadGateway.Replace("502 Bad Gateway", "301 Moved Permanently", StringComparison.Ordinal), 301, "text/html").With("Location", $"https://{context.Request.Host.Value}/v2/");
        if (path.StartsWith("/v1/", StringComparison.Ordinal))
            return HarborAnswer.Text(BadGateway.Replace("502 Bad Gateway", "404 Not Found", StringComparison.Ordinal), 404, "text/html");
        return path.StartsWith("/api/", StringComparison.Ordinal) || path.StartsWith("/v2/", StringComparison.Ordinal) || path.StartsWith("/service/", StringComparison.Ordinal) || path.StartsWith("/c/", StringComparison.Ordinal)
            ? null
            : HarborAnswer.Text(PortalPage, 200, "text/html");
    }

    HarborAnswer WithCookie(HttpContext context, HarborAnswer answer)
    {
        if (context.Request.Cookies.ContainsKey("sid"))
            return answer;
        var secure = settings.IsBehindProxy && !context.Request.Path.StartsWithSegments("/v2") ? "; Secure" : "";
        return answer.With("Set-Cookie", $"sid={Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}; Path=/{secure}; HttpOnly");
    }

    async Task<HarborAnswer> CoreAsync(HttpContext context, string path, string query, byte[] body)
    {
        var isUnsafe = context.Request.Method is not ("GET" or "HEAD" or "OPTIONS");
        if (isUnsafe && context.Request.Cookies.ContainsKey("sid") && !(context.Request.Cookies.ContainsKey("_gorilla_csrf") && context.Request.Headers.ContainsKey("X-Harbor-CSRF-Token")))
            return HarborAnswer.Error(403, "FORBIDDEN", Version == HarborVersion.V2_9_5 ? "CSRF token invalid" : "CSRF token not found in request")
                .With("X-Harbor-Csrf-Token", Convert.ToBase64String(RandomNumberGenerator.GetBytes(64)))
                .With("Set-Cookie", $"_gorilla_csrf={Convert.ToBase64String(RandomNumberGenerator.GetBytes(60))}; Path=/; HttpOnly; SameSite=Strict");
        if (isUnsafe && State.IsReadOnly && path != "/api/v2.0/configurations")
            return HarborAnswer.Error(403, "DENIED", "The system is in read only mode. Any modification is prohibited.");
        var call = new HarborCall(context, path, query, body, await WhoAsync(context));
        lock (State.Gate)
        {
            try
            {
                return path.StartsWith("/v2/", StringComparison.Ordinal) ? distribution.Answer(call)
                    : path == "/service/token" ? tokens.Answer(call, Down.Contains("database"))
                    : system.Answer(call) ?? projects.Answer(call) ?? robots.Answer(call)
                    ?? HarborAnswer.NotFound($"path {path} was not found");
            }
            catch (HarborRefusal refusal)
            {
                return refusal.Answer;
            }
        }
    }

    async Task<HarborIdentity> WhoAsync(HttpContext context)
    {
        if (context.Request.Headers.Authorization is not [{ } header])
            return HarborIdentity.Nobody;
        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return new HarborIdentity { Claims = tokens.Verify(header["Bearer ".Length..]) };
        if (Credentials(header) is not [var name, var password] || Down.Contains("database"))
            return HarborIdentity.Nobody;
        var (isLocked, who) = LogIn(name, password);
        // A robot has neither lock nor delay, and a locked user is not even asked.
        if (who.IsKnown || isLocked || name.StartsWith(State.RobotPrefix, StringComparison.Ordinal))
            return who;
        await Task.Delay(settings.LoginLock, context.RequestAborted);
        return who;
    }

    (bool IsLocked, HarborIdentity Who) LogIn(string name, string password)
    {
        lock (State.Gate)
        {
            var user = State.Users.Find(user => user.Name == name);
            if (user is not null && user.LockedUntil > State.Now)
                return (true, HarborIdentity.Nobody);
            var who = State.Authenticate(name, password);
            if (!who.IsKnown && user is not null)
                user.LockedUntil = State.Now + settings.LoginLock;
            return (false, who);
        }
    }

    static string[]? Credentials(string header)
    {
        var bytes = new byte[header.Length];
        return header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) && Convert.TryFromBase64String(header["Basic ".Length..], bytes, out var length)
            ? Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2)
            : null;
    }

    public ValueTask DisposeAsync() => Web.DisposeAsync();
}
