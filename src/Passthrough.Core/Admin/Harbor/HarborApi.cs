using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Admin.Harbor;

/// <summary>
/// Harbor's REST API: Basic on every request, no cookies (one that comes back switches its CSRF check on), one request after the other, for each login costs the
/// server up to a second (registries.md A.2). A 401 is believed only where the server is well and asked twice.
/// </summary>
sealed class HarborApi
{
    const string Root = "api/v2.0/";

    /// <summary>Harbor gives no more at once.</summary>
    const int PageSize = 100;

    /// <summary>After a wrong password, whoever sent it, nobody gets in under that name for a second and a half.</summary>
    public static readonly TimeSpan LoginLock = TimeSpan.FromSeconds(2);

    /// <summary>A project may be called 2026, which would be a number without it.</summary>
    public static readonly KeyValuePair<string, string> ByName = new("X-Is-Resource-Name", "true");

    readonly AdminConnection connection;

    public HarborApi(AdminConnection connection)
    {
        this.connection = connection;
        if (connection.Credential is not { Token: null, Username: { } username } given)
            return;
        connection.Client.Headers["Authorization"] = Authorizer.Basic(given).ToString();
        connection.Client.Identity = $"user \"{username}\"";
    }

    public string Authority => connection.Endpoint.Authority;

    /// <summary>For sentences.</summary>
    public string Who => $"user \"{connection.Credential?.Username}\"";

    /// <summary>Whether whoever manages is a robot of a project, told by its name: <c>robot$mirror+ocp-mirror</c>, whatever stands for <c>robot$</c>.</summary>
    public bool IsRobotOf(string project) => connection.Credential?.Username?.Split('+') is [var before, _] && before.EndsWith(project, StringComparison.Ordinal);

    public bool HasPassword => connection.Credential is { Token: null };

    public DateTimeOffset Now => connection.Time.GetUtcNow();

    /// <summary>Sends a request as whoever manages.</summary>
    /// <param name="path">Below <c>api/v2.0/</c>.</param>
    /// <param name="action">What is tried, after "cannot".</param>
    /// <exception cref="ModuleException">The login is refused; or a fault on the way.</exception>
    public async Task<AdminAnswer> SendAsync(HttpMethod method, string path, string action, CancellationToken cancellation, JToken? json = null)
    {
        var call = new AdminCall(method, Root + path) { Action = action, Json = json, Headers = [ByName] };
        var answer = await connection.Client.SendAsync(call, cancellation);
        if (answer.Status != HttpStatusCode.Unauthorized || !HasPassword)
            return answer;
        await EnsureWellAsync(action, cancellation);
        await Task.Delay(LoginLock, connection.Time, cancellation);
        answer = await connection.Client.SendAsync(call, cancellation);
        return answer.Status != HttpStatusCode.Unauthorized
            ? answer
            : throw new ModuleException(ErrorCodes.Unauthorized, $"cannot {action}: {Authority} refused {Who}: wrong user name or password ({(int)answer.Status}: {answer.Words})", "correct username and password; Harbor's first administrator is admin with the password of harbor.yml") { HttpStatus = 401 };
    }

    /// <summary>Asks as nobody.</summary>
    public Task<AdminAnswer> AskAsync(string path, string action, CancellationToken cancellation, params HttpStatusCode[] final) =>
        connection.Client.SendAsync(new AdminCall(HttpMethod.Get, Root + path) { Action = action, IsAnonymous = true, Final = final }, cancellation);

    /// <summary>All items of a list.</summary>
    /// <param name="path">With its query, without page and size.</param>
    public async Task<IReadOnlyList<JObject>> ListAsync(string path, string action, CancellationToken cancellation)
    {
        var items = new List<JObject>();
        var pages = new ListPages(action, Authority);
        for (var page = 1; ; page++)
        {
            // Its links have the query decoded, so the next page is counted.
            var answer = await SendAsync(HttpMethod.Get, $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}page={page}&page_size={PageSize}", action, cancellation);
            var array = answer.Array();
            pages.Add(array.Count);
            pages.Hold(array);
            items.AddRange(array.OfType<JObject>());
            if (array.Count < PageSize)
                return items;
        }
    }

    /// <summary>
    /// With its database down Harbor answers 401 to everybody, at once: a request that needs no login tells. Its health check says so, too, but up to ten seconds late.
    /// </summary>
    /// <exception cref="ModuleException">The server is ill, so that a 401 says nothing of the credentials.</exception>
    public async Task EnsureWellAsync(string action, CancellationToken cancellation)
    {
        var info = await AskAsync("systeminfo", action, cancellation, HttpStatusCode.InternalServerError, HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout);
        var health = await ReadHealthAsync(cancellation);
        var ill = !info.IsSuccess ? $"systeminfo answered {(int)info.Status}: {info.Words}" : health.Condition == RegistryCondition.Unhealthy ? health.Reason : null;
        if (ill is not null)
            throw new ModuleException(ErrorCodes.Server, $"cannot {action}: {Authority} answered 401, but it is ill and would refuse everybody ({ill})", "start what is missing; no account was touched and nothing was written") { HttpStatus = 401 };
    }

    /// <summary>Judged by the body: the status is always 200. What pushing and pulling need decides; jobs, portal and scanner do not.</summary>
    public async Task<RegistryHealth> ReadHealthAsync(CancellationToken cancellation)
    {
        var answer = await AskAsync("health", $"ask {Authority} for its health", cancellation);
        if ((answer.Json as JObject)?["components"] is not JArray parts)
            throw answer.IsSuccess || answer.Status == HttpStatusCode.NotFound ? answer.NotExpected("Harbor's health") : answer.Fault!;
        var states = parts.OfType<JObject>().Select(part => new ServiceState(Text(part["name"]), Text(part["status"]), Text(part["error"]))).ToList();
        var components = states.ToDictionary(state => state.Name, state => state.Status, StringComparer.Ordinal);
        var ill = states.Where(state => state.Status != "healthy").ToList();
        if (ill.Count == 0)
            return new RegistryHealth(RegistryCondition.Healthy, components);
        return new RegistryHealth(ill.Exists(state => state.Name is "core" or "database" or "redis" or "registry") ? RegistryCondition.Unhealthy : RegistryCondition.Degraded, components)
        {
            Reason = string.Join(", ", ill.Select(state => $"{state.Name} is {state.Status}{(state.Words.Length > 0 ? $" ({state.Words})" : "")}")),
        };
    }

    /// <summary>What to throw for 409, and for 404 where something was to be removed.</summary>
    public static AdminAnswer EnsureNoConflict(AdminAnswer answer, HttpStatusCode conflict = HttpStatusCode.Conflict) =>
        answer.Status == conflict ? throw new ConflictFault(answer.Fault!) : answer.EnsureSuccess();

    public static string Text(JToken? value) => value is JValue { Value: string text } ? text : "";
}
