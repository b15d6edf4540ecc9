using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>
/// Artifactory as a client sees it: REST, the access service, the router's health and the docker API, with everything that is odd about it (registries.md D and H).
/// The product is closed: every answer that somebody recorded is held against it, the rest is what is plausible.
/// </summary>
public sealed class ArtifactoryServer : IAsyncDisposable
{
    const string Rest = "/artifactory/api/";
    const string Tokens = "/access/api/v1/tokens";
    const string Docker = "/artifactory/api/docker/";
    const string NodeId = "mirror-artifactory-primary-0";

    readonly ArtifactorySettings settings;
    readonly ArtifactoryTokens tokens;
    readonly ArtifactoryLogins logins;
    readonly ArtifactoryRepositories repositories;
    readonly ArtifactoryDocker docker;
    readonly Dictionary<string, ArtifactoryUser> users = new(StringComparer.Ordinal);
    readonly string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));

    ArtifactoryServer(ArtifactorySettings settings)
    {
        this.settings = settings;
        users["admin"] = new ArtifactoryUser(settings.AdminPassword, IsAdmin: true);
        tokens = new ArtifactoryTokens(settings);
        logins = new ArtifactoryLogins(settings, tokens, users);
        repositories = new ArtifactoryRepositories(settings, Content);
        docker = new ArtifactoryDocker(settings, repositories, Content);
    }

    /// <summary>The web server; remembers requests.</summary>
    public LocalServer Web { get; private set; } = null!;

    public Uri Address => Web.Address;

    public int Port => Web.Port;

    /// <summary><c>127.0.0.1:port</c>.</summary>
    public string Name => Web.Name;

    public MemoryContent Content { get; } = new();

    /// <summary>Services that are not well, by the type that <c>service_id</c> begins with, and what the router says of them.</summary>
    public IDictionary<string, string> Ill { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Tokens that are stored: what an administrator sees in the web interface.</summary>
    public IReadOnlyList<(string Id, string User, string Scope, string Description)> StoredTokens => tokens.Stored;

    /// <summary>Called when a token was made and its answer was not sent yet.</summary>
    public Action? AfterMint
    {
        get => tokens.AfterMint;
        set => tokens.AfterMint = value;
    }

    /// <summary>How many changes of repositories meet another one.</summary>
    public int MergeConflicts
    {
        get => repositories.MergeConflicts;
        set => repositories.MergeConflicts = value;
    }

    public static async Task<ArtifactoryServer> Start(ArtifactorySettings? settings = null)
    {
        settings ??= new ArtifactorySettings();
        SuiteOutput.Secret(settings.AdminPassword, "admin");
        var server = new ArtifactoryServer(settings);
        server.Web = await LocalServer.Start(server.AnswerAsync, settings.Pki, "artifactory");
        return server;
    }

    /// <summary>Makes a token as an administrator would in the web interface.</summary>
    public string MintToken(string user = "admin", string scope = "applied-permissions/admin", TimeSpan? lifetime = null, string description = "") => tokens.Mint(user, scope, lifetime, description);

    public void RevokeToken(string text) => tokens.Revoke(text);

    /// <param name="scope">What a user who is no administrator may do, written like a token's scope.</param>
    public void AddUser(string name, string password, string? scope = null) => users[name] = new ArtifactoryUser(password, IsAdmin: false, scope);

    /// <param name="rclass"><c>local</c>, <c>remote</c> or <c>virtual</c>.</param>
    public void AddRepository(string key, string rclass = "local", string package = "docker", Action<JObject>? change = null) => repositories.Add(key, rclass, package, change);

    public JObject? Repository(string key) => repositories.Find(key);

    async Task AnswerAsync(HttpContext context)
    {
        using var received = new MemoryStream();
        await context.Request.Body.CopyToAsync(received);
        var answer = Answer(context, received.ToArray());
        var response = context.Response;
        response.StatusCode = answer.Status;
        if (answer.ContentType is not null)
            response.ContentType = answer.ContentType;
        if (answer.TellsProduct)
        {
            response.Headers["X-JFrog-Version"] = $"Artifactory/{settings.Version}";
            response.Headers["X-Artifactory-Id"] = id;
            response.Headers["X-Artifactory-Node-Id"] = NodeId;
        }

        foreach (var (name, value) in answer.Headers)
            response.Headers.Append(name, value);
        if (answer.Status != 204)
            response.ContentLength = answer.Body.Length;
        if (context.Request.Method != "HEAD" && answer.Status != 204)
            await response.Body.WriteAsync(answer.Body);
    }

    ArtifactoryAnswer Answer(HttpContext context, byte[] body)
    {
        var path = LocalServer.RawTarget(context).Split('?')[0];
        if (path == "/router/api/v1/system/health" && settings.HasRouter)
            return Health();
        if (!settings.HasRouter && !path.StartsWith("/artifactory/", StringComparison.Ordinal))
            return ArtifactoryAnswer.Text(404, "<!doctype html><html lang=\"en\"><head><title>HTTP Status 404 – Not Found</title></head><body><h1>HTTP Status 404 – Not Found</h1></body></html>", "text/html;charset=utf-8");
        if (!settings.HasSignedEula)
            return ArtifactoryAnswer.RestError(503, "No signed EULA found. To activate, proceed to sign the EULA.");
        var (identity, refusal) = logins.Identify(context);
        if (path == "/v2/" || path.StartsWith("/v2/", StringComparison.Ordinal))
            return DockerPath(context, path[4..], identity, refusal, body);
        if (path.StartsWith(Docker, StringComparison.Ordinal))
            return DockerApi(context, path[Docker.Length..], identity, refusal, body);
        if (path == "/access/api/v1/system/ping")
            return refusal is null ? ArtifactoryAnswer.Text(200, "OK") : AccessRefusal(refusal);
        if (path == Tokens || path.StartsWith(Tokens + "/", StringComparison.Ordinal))
            return refusal is null ? tokens.Answer(context, path[Tokens.Length..], identity, body) : AccessRefusal(refusal);
        if (path.StartsWith(Rest, StringComparison.Ordinal))
            return refusal ?? RestApi(context, path[Rest.Length..], identity, body);
        // The web interface.
        return path is "/" or "/ui/" ? ArtifactoryAnswer.Text(200, "<!DOCTYPE html><html><head><title>JFrog</title></head><body></body></html>", "text/html")
            : ArtifactoryAnswer.Text(404, "404 page not found");
    }

    /// <summary>Access has its own words for tokens that are not good.</summary>
    static ArtifactoryAnswer AccessRefusal(ArtifactoryAnswer refusal)
    {
        if (refusal.Status != 401)
            return refusal;
        var message = (string)Json.TryParseObject(System.Text.Encoding.UTF8.GetString(refusal.Body))!["errors"]![0]!["message"]!;
        return message.Contains("expired", StringComparison.Ordinal) ? ArtifactoryAnswer.AccessError(401, "UNAUTHORIZED", "Invalid token, expired")
            : message.Contains("revoked", StringComparison.Ordinal) ? ArtifactoryAnswer.AccessError(401, "UNAUTHORIZED", "Invalid token, revoked")
            : ArtifactoryAnswer.AccessError(401, "UNAUTHORIZED", "HTTP 401 Unauthorized", "Unauthorized");
    }

    ArtifactoryAnswer Health()
    {
        JObject Service(string type) => new()
        {
            ["service_id"] = $"{type}@{id[..26]}",
            ["node_id"] = NodeId,
            ["state"] = Ill.TryGetValue(type, out var message) ? message.StartsWith("Service is healthy;", StringComparison.Ordinal) ? "UNHEALTHY_PEER" : "UNHEALTHY" : "HEALTHY",
            ["message"] = Ill.TryGetValue(type, out message) ? message : "OK",
        };
        return ArtifactoryAnswer.Json(Ill.Count == 0 ? 200 : 503, new JObject
        {
            ["router"] = new JObject { ["node_id"] = NodeId, ["state"] = "HEALTHY", ["message"] = "OK" },
            ["services"] = new JArray(new[] { "jfac", "jfevt", "jffe", "jfmd", "jfrt" }.Select(Service)),
        });
    }

    ArtifactoryAnswer RestApi(HttpContext context, string path, ArtifactoryIdentity identity, byte[] body)
    {
        if (identity.Name is null && !settings.AllowsAnonymous)
            return ArtifactoryLogins.Unauthorized("Authentication is required");
        if (path == "system/ping")
            return ArtifactoryAnswer.Text(200, "OK");
        if (path == "system/version")
            return ArtifactoryAnswer.Json(200, new JObject { ["version"] = settings.Version.Split(' ')[0], ["revision"] = settings.Version.Split(' ')[^1], ["addons"] = new JArray(), ["license"] = "" }, "application/vnd.org.jfrog.artifactory.system.Version+json");
        if (path == "system/licenses")
        {
            var type = settings.Edition switch { ArtifactoryEdition.Jcr => "JCR Edition", ArtifactoryEdition.Oss => "OSS", _ => "Enterprise Plus Trial" };
            return identity.IsAdmin && settings.ShowsLicense ? ArtifactoryAnswer.Json(200, new JObject { ["type"] = type, ["validThrough"] = "", ["licensedTo"] = "" }) : ArtifactoryRepositories.Forbidden();
        }

        if (path == "repositories" || path.StartsWith("repositories/", StringComparison.Ordinal))
            return repositories.Answer(context, path["repositories".Length..], identity, body);
        return path.StartsWith("v2/repositories/", StringComparison.Ordinal) ? repositories.AnswerV2(path["v2/repositories/".Length..], identity) : ArtifactoryAnswer.RestError(404, "Not Found");
    }

    /// <summary>The repository-path method: <c>/v2/&lt;key&gt;/&lt;image&gt;/…</c>.</summary>
    ArtifactoryAnswer DockerPath(HttpContext context, string path, ArtifactoryIdentity identity, ArtifactoryAnswer? refusal, byte[] body)
    {
        if (refusal is not null)
            return refusal;
        if (path == "token")
            return Token(identity);
        if (identity.Name is null && (!settings.AllowsAnonymous || path.Length == 0))
            return Challenge(context, "v2/token", "");
        if (path.Length == 0)
            return ArtifactoryAnswer.Empty(200);
        var slash = path.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? ArtifactoryAnswer.RestError(404, "Not Found") : docker.Answer(context, path[..slash], path[(slash + 1)..], identity, body);
    }

    /// <summary>What a proxy rewrites <c>/v2/</c> to: <c>&lt;key&gt;/v2/&lt;image&gt;/…</c>; its challenge has a scope, without the key.</summary>
    ArtifactoryAnswer DockerApi(HttpContext context, string path, ArtifactoryIdentity identity, ArtifactoryAnswer? refusal, byte[] body)
    {
        if (refusal is not null)
            return refusal;
        var parts = path.Split('/', 3);
        if (parts is not [var key, "v2", var rest])
            return ArtifactoryAnswer.RestError(400, $"Unsupported docker repository request for '{parts[0]}'");
        if (rest == "token")
            return Token(identity);
        if (identity.Name is null && (!settings.AllowsAnonymous || rest.Length == 0))
        {
            var end = new[] { "/blobs/", "/manifests/", "/tags/" }.Select(place => rest.IndexOf(place, StringComparison.Ordinal)).FirstOrDefault(at => at > 0, -1);
            return Challenge(context, $"artifactory/api/docker/{key}/v2/token", end < 0 ? "" : $",scope=\"repository:{rest[..end]}:pull{(context.Request.Method is "GET" or "HEAD" ? "" : ",push")}\"");
        }

        return rest.Length == 0 ? ArtifactoryAnswer.Empty(200) : docker.Answer(context, key, rest, identity, body);
    }

    ArtifactoryAnswer Token(ArtifactoryIdentity identity) =>
        identity.Name is null && !settings.AllowsAnonymous ? ArtifactoryLogins.Unauthorized("Authentication is required") : tokens.ForDocker(identity);

    ArtifactoryAnswer Challenge(HttpContext context, string realm, string scope)
    {
        var address = settings.BaseUrlOverride ?? new Uri($"{context.Request.Scheme}://{context.Request.Host}/");
        var answer = ArtifactoryAnswer.Text(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":null}]}\n", "application/json;charset=ISO-8859-1");
        return answer.With("WWW-Authenticate", $"Bearer realm=\"{address}{realm}\",service=\"{address.Authority}\"{scope}").With("Docker-Distribution-Api-Version", "registry/2.0");
    }

    public ValueTask DisposeAsync() => Web.DisposeAsync();
}
