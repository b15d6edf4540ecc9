using System.Globalization;
using System.Net;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Admin.Harbor;

/// <summary>The project that holds the mirror.</summary>
sealed class HarborProject(HarborApi api)
{
    (string Name, AdminAnswer Answer)? asked;

    /// <summary>The project as the server shows it to whoever manages. The first answer serves the login and the first reading.</summary>
    public async Task<AdminAnswer> GetAsync(string name, bool mayBeKnown, CancellationToken cancellation)
    {
        if (mayBeKnown && asked is { } before && before.Name == name)
        {
            asked = null;
            return before.Answer;
        }

        var action = $"look for project {name} on {api.Authority}";
        var answer = await api.SendAsync(HttpMethod.Get, Path(name), action, cancellation);
        // Only administrators get 404 for a project that does not exist, everyone else the 403 of one that they may not see; HEAD tells the
        // two apart.
        if (answer.Status == HttpStatusCode.Forbidden && !api.IsRobotOf(name)
            && (await api.SendAsync(HttpMethod.Head, $"projects?project_name={Uri.EscapeDataString(name)}", action, cancellation))
                .Status == HttpStatusCode.NotFound)
            answer = answer with { Status = HttpStatusCode.NotFound };
        asked = mayBeKnown ? null : (name, answer);
        return answer;
    }

    public async Task<NamespaceState> ReadAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        var answer = await GetAsync(wish.Name, mayBeKnown: true, cancellation);
        if (answer.Status == HttpStatusCode.NotFound)
            return new HarborProjectState(wish.Name, Exists: false, []) { QuotaBytes = wish.QuotaBytes is null ? null : 0, HasImmutableTags = wish.HasImmutableTags is null ? null : false };
        // A robot may not look at its own project.
        if (answer.Status == HttpStatusCode.Forbidden)
            return new HarborProjectState(wish.Name, Exists: true, [])
            {
                WhyHidden = $"{api.Who} is a robot account, which may not look at its own project",
                Obstacle = api.IsRobotOf(wish.Name) ? null : new ModuleException(ErrorCodes.Unauthorized, $"project {wish.Name} on {api.Authority} belongs to somebody else: {api.Who} is no member of it", "choose another namespace, or let an administrator of the project give the account a role") { HttpStatus = 403 },
            };
        var json = answer.Object();
        var state = new HarborProjectState(wish.Name, Exists: true, json)
        {
            IsPublic = HarborApi.Text(json["metadata"]?["public"]) == "true",
            HoldsImages = json["repo_count"] is { } count ? (long)count > 0 : null,
            Obstacle = json["registry_id"] is { Type: JTokenType.Integer } registry && (long)registry > 0
                ? new ModuleException(ErrorCodes.InvalidArgument, $"project {wish.Name} on {api.Authority} cannot hold a mirror: it is a proxy cache, which refuses every push", "choose another namespace: a project cannot be turned into an ordinary one")
                : null,
        };
        if (state.Obstacle is not null)
            return state;
        if (wish.QuotaBytes is not null)
            state = await WithQuotaAsync(state, cancellation);
        if (wish.HasImmutableTags is not null || wish.LooksForRules)
            state = await WithRulesAsync(state, wish, cancellation);
        if (HarborApi.Text(json["metadata"]?["retention_id"]) is not { Length: > 0 } retention)
            return state;
        var policy = await api.SendAsync(HttpMethod.Get, $"retentions/{retention}", $"read the retention policy of project {wish.Name}",
            cancellation);
        return policy.IsSuccess ? state with { Retention = policy.Object() } : state with { HidesRetention = true };
    }

    async Task<HarborProjectState> WithRulesAsync(HarborProjectState state, NamespaceWish wish, CancellationToken cancellation)
    {
        try
        {
            var rules = await api.ListAsync($"{Path(wish.Name)}/immutabletagrules", $"read the immutability rules of project {wish.Name}", cancellation);
            return state with { Rules = rules, HasImmutableTags = rules.Any(rule => IsForAll(rule) && !IsOff(rule)) };
        }
        catch (ModuleException e) when (e.HttpStatus == (int)HttpStatusCode.Forbidden && wish.HasImmutableTags is null)
        {
            return state with { HidesRules = true };
        }
    }

    /// <summary>Rules that others made, which a push or an image may meet; sentences.</summary>
    public static IEnumerable<string> Risks(HarborProjectState state, string authority)
    {
        var project = $"project {state.Name} on {authority}";
        if (HarborApi.Text(state.Json["metadata"]?["prevent_vul"]) == "true")
            yield return $"{project} refuses pulls of images with vulnerabilities (prevent_vul): nodes cannot pull such mirrored images "
                + "until that is switched off";
        foreach (var rule in state.Rules.Where(rule => !IsForAll(rule) && !IsOff(rule)))
            yield return $"{project} has an immutability rule for {Selected(rule["tag_selectors"], "tags")} in "
                + $"{Selected(rule["scope_selectors"]?["repository"], "repositories")}: a push that moves such a tag is refused";
        if (state.HidesRules)
            yield return $"whether {project} has immutability rules is not known: the account may not look at them";
        if (state.Retention is { } policy && !IsScheduled(policy) && policy["rules"] is JArray rules
            && rules.OfType<JObject>().Any(rule => !IsOff(rule)))
            yield return $"{project} has a tag retention policy without a schedule: when an administrator runs it, tags of mirrored "
                + "images may be removed";
        if (state.HidesRetention)
            yield return $"{project} has a tag retention policy that the account may not look at: it may remove tags of mirrored images";
    }

    static string Excludes(JToken selector) => HarborApi.Text(selector["decoration"]) is "excludes" or "repoExcludes" ? "all but " : "";

    static string Selected(JToken? selectors, string what)
    {
        var patterns = (selectors as JArray ?? []).Select(one => Excludes(one) + HarborApi.Text(one["pattern"])).ToList();
        return patterns is [] or ["**"] ? $"all {what}" : $"{what} {string.Join(", ", patterns)}";
    }

    async Task<HarborProjectState> WithQuotaAsync(HarborProjectState state, CancellationToken cancellation)
    {
        var answer = await api.SendAsync(HttpMethod.Get, $"quotas?reference=project&reference_id={state.Id}", $"read the quota of project {state.Name}", cancellation);
        // Only system administrators are told.
        if (answer.Status == HttpStatusCode.Forbidden || answer.Array().FirstOrDefault() is not JObject quota)
            return state;
        var limit = quota["hard"]?["storage"] is { Type: JTokenType.Integer } storage ? (long)storage : -1;
        return state with { QuotaId = (int?)quota["id"], QuotaBytes = limit < 0 ? 0 : limit };
    }

    public IReadOnlyList<PlannedChange> Plan(NamespaceWish wish, NamespaceState known)
    {
        if (wish.Description is { Length: > 0 })
            throw new ModuleException(ErrorCodes.Unsupported, "description: a project of Harbor has none", "leave description out");
        var state = (HarborProjectState)known;
        if (state.Exists != true)
            return [new PlannedChange($"create project {wish.Name}", token => CreateAsync(wish, token))];
        var changes = new List<PlannedChange>();
        if (!state.IsShown)
            return wish is { IsPublic: null, QuotaBytes: null, HasImmutableTags: null }
                ? changes
                : throw new ModuleException(ErrorCodes.Unauthorized, $"{api.Who} is a robot account, which may not look at project {wish.Name} on {api.Authority}: whether it is as asked for cannot be told", "give an administrator of the project");
        var metadata = new JObject();
        if (wish.IsPublic is { } isPublic && isPublic != state.IsPublic)
            metadata["public"] = isPublic ? "true" : "false";
        if (metadata.Count > 0)
            changes.Add(new PlannedChange(
                $"set {string.Join(", ", metadata.Properties().Select(property => $"{property.Name}: {(string?)property.Value}"))} on project {wish.Name}",
                token => WriteAsync(HttpMethod.Put, Path(wish.Name), new JObject { ["metadata"] = metadata }, $"change project {wish.Name}", token)));
        if (wish.QuotaBytes is { } quota && quota != state.QuotaBytes)
            changes.Add(new PlannedChange($"set the quota of project {wish.Name} to {(quota == 0 ? "none" : $"{quota.ToString(CultureInfo.InvariantCulture)} bytes")}", token => SetQuotaAsync(state, quota, token)));
        if (wish.HasImmutableTags is { } isImmutable && isImmutable != state.HasImmutableTags)
            changes.Add(isImmutable
                ? new PlannedChange($"make all tags of project {wish.Name} immutable", token => AddRuleAsync(state, token))
                : new PlannedChange($"let tags of project {wish.Name} be changed again", token => RemoveRulesAsync(state, state.Rules.Where(rule => IsForAll(rule) && !IsOff(rule)), token)));
        if (state.Retention is { } policy && IsScheduled(policy))
            changes.Add(new PlannedChange($"stop the retention policy of project {wish.Name}, which removes tags by itself", token => StopRetentionAsync(state.Name, policy, token)));
        return changes;
    }

    async Task CreateAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        var body = new JObject
        {
            ["project_name"] = wish.Name,
            // Texts, all of them: anything else is 422.
            ["metadata"] = new JObject { ["public"] = wish.IsPublic == true ? "true" : "false", ["auto_scan"] = "false", ["prevent_vul"] = "false" },
        };
        if (wish.QuotaBytes is { } quota)
            body["storage_limit"] = quota == 0 ? -1 : quota;
        await WriteAsync(HttpMethod.Post, "projects", body, $"create project {wish.Name}", cancellation);
    }

    async Task SetQuotaAsync(HarborProjectState state, long quota, CancellationToken cancellation)
    {
        if (state.QuotaId is not { } id)
            throw new ModuleException(ErrorCodes.Unauthorized, $"quota: {api.Who} may not see or set the quota of project {state.Name} on {api.Authority}", "give a system administrator of Harbor, or leave quota out");
        await WriteAsync(HttpMethod.Put, $"quotas/{id}", new JObject { ["hard"] = new JObject { ["storage"] = quota == 0 ? -1 : quota } }, $"set the quota of project {state.Name}", cancellation);
    }

    /// <summary>One rule for all. A rule that is off may be in its way: Harbor takes no two alike.</summary>
    Task AddRuleAsync(HarborProjectState state, CancellationToken cancellation)
    {
        var rule = new JObject
        {
            ["disabled"] = false,
            ["action"] = "immutable",
            ["template"] = "immutable_template",
            ["scope_selectors"] = new JObject { ["repository"] = new JArray(Selector("repoMatches")) },
            ["tag_selectors"] = new JArray(Selector("matches")),
        };
        if (state.Rules.FirstOrDefault(IsForAll) is not { } off)
            return WriteAsync(HttpMethod.Post, $"{Path(state.Name)}/immutabletagrules", rule, $"make tags of project {state.Name} immutable", cancellation);
        rule["id"] = off["id"];
        return WriteAsync(HttpMethod.Put, $"{Path(state.Name)}/immutabletagrules/{(string?)off["id"]}", rule, $"make tags of project {state.Name} immutable", cancellation);

        static JObject Selector(string decoration) => new() { ["kind"] = "doublestar", ["decoration"] = decoration, ["pattern"] = "**" };
    }

    async Task RemoveRulesAsync(HarborProjectState state, IEnumerable<JObject> rules, CancellationToken cancellation)
    {
        foreach (var rule in rules)
            HarborApi.EnsureNoConflict(await api.SendAsync(HttpMethod.Delete, $"{Path(state.Name)}/immutabletagrules/{(string?)rule["id"]}", $"remove an immutability rule of project {state.Name}", cancellation), HttpStatusCode.NotFound);
    }

    Task StopRetentionAsync(string name, JObject policy, CancellationToken cancellation)
    {
        var stopped = (JObject)policy.DeepClone();
        stopped["trigger"]!["settings"]!["cron"] = "";
        return WriteAsync(HttpMethod.Put, $"retentions/{(string?)policy["id"]}", stopped, $"stop the retention policy of project {name}", cancellation);
    }

    public IReadOnlyList<PlannedChange> PlanRemoval(NamespaceState state, bool force) =>
        [new PlannedChange($"remove project {state.Name}{(state.HoldsImages == true ? " with its images" : "")}", token => RemoveAsync((HarborProjectState)state, force, token))];

    async Task RemoveAsync(HarborProjectState state, bool force, CancellationToken cancellation)
    {
        if (force && state.HoldsImages == true)
        {
            await RemoveRulesAsync(state, await api.ListAsync($"{Path(state.Name)}/immutabletagrules", $"read the immutability rules of project {state.Name}", cancellation), cancellation);
            foreach (var repository in await api.ListAsync($"{Path(state.Name)}/repositories", $"list the repositories of project {state.Name}", cancellation))
            {
                var name = HarborApi.Text(repository["name"])[(state.Name.Length + 1)..];
                // Decoded twice on the way: once by nginx, once by core.
                var answer = await api.SendAsync(HttpMethod.Delete, $"{Path(state.Name)}/repositories/{Uri.EscapeDataString(Uri.EscapeDataString(name))}", $"remove repository {state.Name}/{name}", cancellation);
                if (answer.Status != HttpStatusCode.NotFound)
                    answer.EnsureSuccess();
            }
        }

        HarborApi.EnsureNoConflict(await api.SendAsync(HttpMethod.Delete, Path(state.Name), $"remove project {state.Name}", cancellation), HttpStatusCode.NotFound);
    }

    async Task WriteAsync(HttpMethod method, string path, JObject body, string action, CancellationToken cancellation) =>
        HarborApi.EnsureNoConflict(await api.SendAsync(method, path, $"{action} on {api.Authority}", cancellation, body));

    static bool IsForAll(JObject rule) => HasAll(rule["tag_selectors"]) && HasAll(rule["scope_selectors"]?["repository"]);

    static bool HasAll(JToken? selectors) => selectors is JArray list && list.Any(selector => HarborApi.Text(selector["pattern"]) == "**" && HarborApi.Text(selector["decoration"]) is "matches" or "repoMatches");

    static bool IsOff(JObject rule) => rule["disabled"] is { Type: JTokenType.Boolean } disabled && (bool)disabled;

    static bool IsScheduled(JObject policy) =>
        HarborApi.Text(policy["trigger"]?["settings"]?["cron"]).Length > 0 && policy["rules"] is JArray rules && rules.OfType<JObject>().Any(rule => !IsOff(rule));

    static string Path(string name) => $"projects/{Uri.EscapeDataString(name)}";
}

/// <summary>A project.</summary>
/// <param name="Json">As the server tells of it; empty where it may not be looked at.</param>
sealed record HarborProjectState(string Name, bool? Exists, JObject Json) : NamespaceState(Name, Exists)
{
    public bool IsShown => Json.Count > 0;

    public string Id => (string?)Json["project_id"] ?? "";

    /// <summary>Null where the quota was not asked for, or is not told.</summary>
    public int? QuotaId { get; init; }

    public IReadOnlyList<JObject> Rules { get; init; } = [];

    public JObject? Retention { get; init; }

    /// <summary>Whether it has a policy that may not be looked at.</summary>
    public bool HidesRetention { get; init; }

    /// <summary>The same of its rules.</summary>
    public bool HidesRules { get; init; }
}
