using System.Globalization;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.MirrorRegistryGo;

/// <summary>
/// The Go mirror-registry (quay/quay <c>cmd/quay</c>, registries.md C.2): one user, no management API but the removal of a repository, distribution 3's <c>/v2/</c>
/// behind Bearer tokens of its own, and a collector that forgets untagged manifests every half minute.
/// </summary>
public sealed partial class MirrorRegistryGoFake : FakeServer
{
    const string ApiVersion = "Docker-Distribution-Api-Version";

    readonly MirrorRegistryGoSettings settings;
    readonly FakeTokens tokens;
    readonly GoContent content;
    readonly GoUploads uploads = new();

    MirrorRegistryGoFake(MirrorRegistryGoSettings settings)
        : base(settings.Host, settings.Certificate)
    {
        this.settings = settings;
        tokens = new FakeTokens(Clock);
        content = new GoContent(settings, Clock);
    }

    /// <summary>What it calls itself: realm and service of tokens.</summary>
    Uri Own => settings.PublicAddress ?? Address;

    /// <summary>Put it forward to see what an hour does.</summary>
    public TestClock Clock { get; } = new();

    /// <summary>Whether its database can be used; <c>/healthz</c> tells.</summary>
    public bool IsHealthy { get; set; } = true;

    public static async Task<MirrorRegistryGoFake> Start(MirrorRegistryGoSettings? settings = null)
    {
        var fake = new MirrorRegistryGoFake(settings ?? new MirrorRegistryGoSettings());
        SuiteOutput.Secret(fake.settings.Password, fake.settings.User);
        await fake.ListenAsync();
        return fake;
    }

    /// <summary>Puts a blob there as if it had just been uploaded; whether the bytes have that digest is not asked.</summary>
    public void AddBlob(string repository, string digest, byte[] bytes) => content.AddBlob(repository, digest, bytes);

    /// <summary>Starts an upload as POST does.</summary>
    /// <returns>Its number and the <c>_state</c> that belongs to it.</returns>
    public (string Id, string State) StartUpload(string repository)
    {
        var session = uploads.Start(repository);
        return (session.Id, uploads.State(session));
    }

    /// <summary>As after kill -9 and a start: tokens and content stay, addresses of uploads are worth nothing.</summary>
    public void Restart() => uploads.Restart();

    protected override FakeAnswer Answer(FakeCall call)
    {
        content.CatchUp();
        return call.Path switch
        {
            "/healthz" => Health(call),
            "/metrics" => FakeAnswer.Text(200, "# HELP go_goroutines Number of goroutines that currently exist.\n", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"),
            "/v2/auth" => Token(call),
            "/v2" => FakeAnswer.Text(301, "<a href=\"/v2/\">Moved Permanently</a>.\n\n", "text/html; charset=utf-8").With(ApiVersion, "registry/2.0").With("Location", "/v2/"),
            var path when path.StartsWith("/api/", StringComparison.Ordinal) => Api(call),
            _ => Registry(call) ?? Plain(404, "404 page not found").With(ApiVersion, "registry/2.0"),
        };
    }

    FakeAnswer Health(FakeCall call) =>
        call.Method != "GET" ? Plain(405, "method not allowed")
        : IsHealthy ? FakeAnswer.Json(200, new JObject { ["status"] = "ok" })
        : FakeAnswer.Json(503, new JObject { ["status"] = "unhealthy" });

    FakeAnswer Api(FakeCall call)
    {
        if (!call.Path.StartsWith("/api/v1/repository/", StringComparison.Ordinal) || call.Path["/api/v1/repository/".Length..] is not { } name || !name.Contains('/'))
            return Api(404, "not found");
        if (call.Method != "DELETE")
            return Api(405, "method not allowed").With("Allow", "DELETE");
        if (call.Basic is not { } basic)
            return Api(401, "authentication required").With("Www-Authenticate", $"Basic realm=\"{Own.Authority}\"");
        if (basic != (settings.User, settings.Password))
            return Api(401, "authentication failed").With("Www-Authenticate", $"Basic realm=\"{Own.Authority}\"");
        return content.Remove(name) ? FakeAnswer.Empty(204) : Api(404, "repository not found");
    }

    FakeAnswer Token(FakeCall call)
    {
        if (call.Method != "GET")
            return Plain(405, "method not allowed").With("Allow", "GET");
        if (call.Parameter("service") is { } service && service != Own.Authority)
            return Plain(400, "invalid token service");
        var scopes = call.Query.Where(pair => pair.Name == "scope").SelectMany(pair => pair.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        var isAnonymous = call.Header("Authorization")?.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase) != true;
        var user = isAnonymous ? null : call.Basic?.User;
        if (isAnonymous ? scopes.Count == 0 : !IsGood(call))
            return Plain(401, "invalid credentials").With("Www-Authenticate", $"Basic realm=\"{Own.Authority}\"");
        if (scopes.Count > 10)
            return Plain(400, "too many requested scopes");

        var access = new JArray();
        foreach (var scope in scopes)
        {
            var parts = scope.Split(':', 3);
            if (parts is not ["repository", { Length: > 0 } name, { Length: > 0 } wanted])
                return Plain(400, $"invalid scope \"{scope}\"");
            if (wanted.Split(',').FirstOrDefault(action => action is not ("pull" or "push" or "*")) is { } unknown)
                return Plain(400, $"invalid scope action \"{unknown}\"");
            if (name.Split('/').Contains(".."))
                return Plain(500, "could not issue token");
            var granted = wanted.Split(',').Where(action => Grants(user, name, action)).ToList();
            if (granted.Count > 0)
                access.Add(new JObject { ["actions"] = new JArray(granted), ["name"] = name, ["type"] = "repository" });
        }

        var token = tokens.Mint(Own.Authority, user ?? "(anonymous)", access);
        return FakeAnswer.Json(200, new JObject
        {
            ["token"] = token,
            ["access_token"] = token,
            ["expires_in"] = (int)FakeTokens.Lifetime.TotalSeconds,
            ["issued_at"] = Clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        }).With("Cache-Control", "no-store");
    }

    bool IsGood(FakeCall call) =>
        call.Basic is { } basic
        && (call.Parameter("account") is not { } account || account == basic.User)
        && (basic == (settings.User, settings.Password) || (settings.Readers.TryGetValue(basic.User, out var password) && password == basic.Password));

    bool Grants(string? user, string name, string action)
    {
        if (user == settings.User && (!settings.HasConfigFile || name.StartsWith(user + "/", StringComparison.Ordinal)))
            return true;
        return action == "pull" && (content.IsPublic(name) || (user is not null && settings.Readers.ContainsKey(user)));
    }

    static FakeAnswer Api(int status, string error) => FakeAnswer.Json(status, new JObject { ["error"] = error });

    static FakeAnswer Plain(int status, string text) => FakeAnswer.Text(status, text + "\n", "text/plain; charset=utf-8").With("X-Content-Type-Options", "nosniff");

    static FakeAnswer Error(int status, string code, string message, JToken? detail = null)
    {
        var error = new JObject { ["code"] = code, ["message"] = message };
        if (detail is not null)
            error["detail"] = detail;
        return FakeAnswer.Json(status, new JObject { ["errors"] = new JArray(error) }).With(ApiVersion, "registry/2.0");
    }

    [GeneratedRegex("^/v2/(?<name>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)/(?<rest>(?:manifests|blobs|tags|referrers)/.*)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Route();
}
