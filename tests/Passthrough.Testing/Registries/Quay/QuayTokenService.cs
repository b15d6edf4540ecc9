using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Quay;

/// <summary><c>/v2/auth</c>: what is asked for and not had is left out without a word; to ask for push makes the repository, and for users the organization.</summary>
public sealed partial class QuayFake
{
    const string AccessDenied = "access to the requested resource is not authorized";

    FakeAnswer Token(FakeCall call)
    {
        if (!call.IsRead)
            return MethodNotAllowedPage("HEAD, OPTIONS, GET");
        if (!Settings.DatabaseIsUp)
            return Crash();
        string? actor = null;
        if (call.Basic is { } basic)
        {
            (actor, var refusal) = LogIn(basic.User, basic.Password);
            if (refusal is not null)
                return Settings.AnonymousAccess || refusal.Status != 401 ? refusal : Plain(401, "Anonymous access is not allowed");
        }

        if (actor is null && !Settings.AnonymousAccess)
            return Plain(401, "Anonymous access is not allowed");
        if (actor is null && call.Header("Authorization") is not null)
            return Refused("Specified credentials are invalid");
        var scopes = call.Query.Where(pair => pair.Name == "scope" && pair.Value.Length > 0).Select(pair => pair.Value).ToList();
        if (actor is null && scopes.Count == 0)
            return Refused(AccessDenied);

        var access = new JArray();
        foreach (var scope in scopes)
        {
            if (Scope().Match(scope) is not { Success: true } match)
                return V2Error(400, "INVALID_REQUEST", $"Unable to decode repository and actions: {scope}");
            var (asked, actions) = (match.Groups["name"].Value, match.Groups["actions"].Value.Split(','));
            var name = asked.StartsWith(Own.Authority + "/", StringComparison.Ordinal) ? asked[(Own.Authority.Length + 1)..] : asked;
            var (granted, fault) = Grant(actor, name, actions);
            if (fault is not null)
                return fault;
            access.Add(new JObject { ["type"] = "repository", ["name"] = asked, ["actions"] = new JArray(granted) });
        }

        return FakeAnswer.Json(200, new JObject { ["token"] = tokens.Mint(call.Parameter("service"), actor ?? "(anonymous)", access) }).With("Cache-Control", "no-cache, no-store, must-revalidate");
    }

    (string? Actor, FakeAnswer? Refusal) LogIn(string name, string password)
    {
        switch (name)
        {
            case "$oauthtoken":
                return database.Tokens.Find(token => token.Text == password && token.ExpiresAt > Clock.GetUtcNow()) is { } oauth ? (oauth.User.Name, null) : (null, Refused("Invalid token"));
            case "$app":
                return database.Users.Values.FirstOrDefault(user => user.AppTokens.ContainsValue(password)) is { } owner ? (owner.Name, null) : (null, Refused("Invalid token"));
        }

        if (name.Contains('+'))
        {
            if (Settings.RobotsDisallow)
                return (null, Refused("Robot account have been disabled. Please contact your administrator."));
            if (!database.Robots.TryGetValue(name, out var robot))
                return (null, Refused("Could not find robot with specified username"));
            if (robot.Token != password)
                return (null, Refused($"Could not find robot with username: {name} and supplied password."));
            robot.LastAccessed = Clock.GetUtcNow();
            return (name, null);
        }

        var user = database.Users.GetValueOrDefault(name);
        if (user is not null && Locked(user) is { } locked)
            return (null, locked);
        if (user?.Password == password)
        {
            user.BadLogins = 0;
            return (name, null);
        }

        CountBadLogin(user);
        return (null, Refused("Invalid Username or Password"));
    }

    (IReadOnlyList<string> Granted, FakeAnswer? Fault) Grant(string? actor, string name, string[] actions)
    {
        var full = name.Contains('/') ? name : $"library/{name}";
        var (@namespace, repositoryName) = (full.Split('/')[0], full[(full.IndexOf('/') + 1)..]);
        var repository = database.Repository(full);
        if (!Settings.ExtendedRepositoryNames && repositoryName.Contains('/'))
            return ([], V2Error(400, "NAME_INVALID", $"Nested repositories are not supported. Found: {name}"));
        if (!database.IsRepositoryName(repositoryName))
            return ([], V2Error(400, "NAME_INVALID", $"Invalid repository name: {name}"));
        if (repository is null && actions.Contains("push") && Make(actor, @namespace, repositoryName) is { } fault)
            return ([], fault);
        repository ??= database.Repository(full);
        // "*" of something that is not there is more than it can bear.
        if (repository is null && actions.Contains("*"))
            return ([], Crash());

        var granted = new List<string>();
        if (actions.Contains("push") && repository is { State: "NORMAL" } && database.May(repository, actor, "write"))
            granted.Add("push");
        if (actions.Contains("pull") && (repository is null ? MayAdminister(new Caller(actor is null ? null : database.Users.GetValueOrDefault(actor), null, null), full) : database.May(repository, actor, "read")))
            granted.Add("pull");
        if (actions.Contains("*") && repository is not null && database.May(repository, actor, "admin"))
            granted.Add("*");
        return (granted, null);
    }

    // Null where nothing is wrong; nothing may have been made all the same.
    FakeAnswer? Make(string? actor, string @namespace, string name)
    {
        if (actor is null || Settings.IsReadOnly)
            return null;
        if (!database.IsTaken(@namespace))
        {
            if (!Settings.CreateNamespaceOnPush)
                return null;
            if (!database.Users.TryGetValue(actor, out var user) || QuayDatabase.NamespaceFault(@namespace) is not null)
                return V2Error(405, "UNSUPPORTED", "Cannot create organization");
            var mail = user.Email.Split('@');
            database.AddOrganization(@namespace, $"{mail[0]}+{@namespace}@{mail[^1]}", actor);
        }

        if (database.MayCreateIn(@namespace, actor))
            database.AddRepository(@namespace, name, !Settings.PrivateOnPush, actor);
        return null;
    }

    FakeAnswer Refused(string message) => V2Error(401, "UNAUTHORIZED", message).With("WWW-Authenticate", Challenge(null)).With("Docker-Distribution-API-Version", "registry/2.0");

    string Challenge(string? scope) => $"Bearer realm=\"{Own}v2/auth\",service=\"{Own.Authority}\"{(scope is null ? "" : $",scope=\"{scope}\"")}";

    static FakeAnswer V2Error(int status, string code, string message, JToken? detail = null) =>
        Loud(
            FakeAnswer.Json(status, new JObject { ["errors"] = new JArray(new JObject { ["code"] = code, ["detail"] = detail ?? new JObject(), ["message"] = message }) }),
            status switch { 400 => "BAD REQUEST", 401 => "UNAUTHORIZED", 403 => "FORBIDDEN", 404 => "NOT FOUND", 405 => "METHOD NOT ALLOWED", 415 => "UNSUPPORTED MEDIA TYPE", _ => "ERROR" });

    [GeneratedRegex(@"^repository:(?<name>(?:[.a-zA-Z0-9-]+(?::[0-9]+)?/)?(?:[.a-zA-Z0-9_-]+/)*[.a-zA-Z0-9_-]+):(?<actions>(?:push|pull|\*)(?:,(?:push|pull|\*))*)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Scope();
}
