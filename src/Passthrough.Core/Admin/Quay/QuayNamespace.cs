using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Admin.Quay;

/// <summary>The place of the mirror on Quay: an organization (registries.md B.3, B.4).</summary>
public sealed partial class QuayAdmin
{
    /// <summary>What <c>registry_auth</c> and <c>mirror_repo</c> ask about; it holds nothing.</summary>
    const string ProbeRepository = "passthrough-probe";

    public async Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        var (name, path) = (wish.Name, $"organization/{Escape(wish.Name)}");
        if (await FindOrganizationAsync(name, cancellation) is not { } organization)
        {
            var user = await api.GetAsync($"users/{Escape(name)}", $"look for a user {name} on {Authority}", cancellation);
            return new Organization(name, Exists: false)
            {
                Obstacle = user.IsSuccess ? new ModuleException(ErrorCodes.Collision, $"{name} on {Authority} is the account of a user, so no organization can have this name", "choose another namespace") : null,
                MayLook = true,
                QuotaBytes = Capabilities.Quota.IsThere ? 0 : null,
            };
        }

        if (organization["is_admin"] is not JValue { Value: true })
            return NotOurs(name, isMember: organization["is_member"] is JValue { Value: true });
        // Where it does not tell its features, that one is asked for all the same: pushes into a cache are lost.
        if ((features.Count == 0 || features.Contains("PROXY_CACHE")) && QuayApi.Text((await GetAsync($"{path}/proxycache", $"look whether organization {name} pulls through")).Json, "upstream_registry") is { Length: > 0 } upstream)
        {
            return new Organization(name, Exists: true)
            {
                Obstacle = new ModuleException(ErrorCodes.Unsupported, $"organization {name} on {Authority} pulls through from {upstream}: it would take pushes, and then remove or overwrite them", "choose another namespace, or remove the proxy cache of the organization"),
            };
        }

        var repositories = await ListRepositoriesAsync(name, cancellation);
        var risk = $"repositories of {name} on {Authority} were public, although visibility is private: if a push made them so, set "
            + "CREATE_PRIVATE_REPO_ON_PUSH: true in its config.yaml, or run mirror_repo again after each push";
        if (wish.IsPublic == false && repositories?.Any(repository => repository.IsPublic) == true && !risks.Contains(risk))
            risks.Add(risk);
        List<QuayRepository>? own = repositories is null ? null : [.. repositories.Where(repository => repository.Name != ProbeRepository)];
        var limits = Capabilities.Quota.IsThere ? await GetAsync($"{path}/quota", $"read the quota of organization {name}") : null;
        // A token may not be allowed to look, which is no matter where nothing is asked for.
        var quota = limits is null || (limits.Status == HttpStatusCode.Forbidden && wish.QuotaBytes is null) ? null : ReadQuota(limits.Array());
        return new Organization(name, Exists: true)
        {
            MayLook = true,
            Repositories = repositories,
            PrunePolicies = features.Contains("AUTO_PRUNE") ? Ids((await GetAsync($"{path}/autoprunepolicy/", $"read the pruning policies of organization {name}")).Object()["policies"], "uuid") : [],
            Quota = quota,
            QuotaBytes = limits is { IsSuccess: true } ? quota?.Bytes ?? 0 : null,
            // Where there are none yet, nothing is otherwise than it is wished.
            IsPublic = own is { Count: 0 } ? wish.IsPublic ?? false : own?.Exists(repository => repository.IsPublic),
            HoldsImages = own is null ? null : await HoldImagesAsync(name, own, cancellation),
        };

        Task<AdminAnswer> GetAsync(string target, string action) => api.GetAsync(target, $"{action} on {Authority}", cancellation);
    }

    /// <summary>Whoever is not an owner may not look. A robot, a member or a token may still push there; another user may do
    /// nothing.</summary>
    Organization NotOurs(string name, bool isMember)
    {
        var why = $"{api.Who} is not an owner of organization {name}{(api.IsToken ? ", or lacks the scope org:admin" : "")}";
        var isStranger = api is { IsLoggedIn: true, IsToken: false } && !isMember;
        return new Organization(name, Exists: true)
        {
            WhyHidden = why,
            Obstacle = isStranger
                ? new ModuleException(
                    ErrorCodes.Unauthorized,
                    $"organization {name} on {Authority} belongs to somebody else: {api.Who} is no owner of organization {name} and no "
                        + "member, and may do nothing in it",
                    $"choose another namespace, or let one of its owners add {api.Who} to the team owners (organization {name}, Teams "
                        + "and Membership)")
                : null,
        };
    }

    /// <summary>The repositories of an organization; null where a token may not see them: what it cannot see is left out of a list without a word.</summary>
    async Task<IReadOnlyList<QuayRepository>?> ListRepositoriesAsync(string organization, CancellationToken cancellation)
    {
        var action = $"list the repositories of organization {organization} on {Authority}";
        if (api.IsToken && (await api.GetAsync($"repository/{Escape(organization)}/{ProbeRepository}", action, cancellation)).Status == HttpStatusCode.Forbidden)
            return null;
        var repositories = new List<QuayRepository>();
        string? page = null;
        var pages = new ListPages(action, Authority);
        do
        {
            var answer = (await api.GetAsync($"repository?namespace={Escape(organization)}&last_modified=true{(page is null ? "" : $"&next_page={Escape(page)}")}", action, cancellation)).Object();
            var listed = answer["repositories"] as JArray ?? [];
            pages.Add(listed.Count);
            repositories.AddRange(listed.OfType<JObject>()
                .Select(one => new QuayRepository(QuayApi.Text(one, "name") ?? "", one["is_public"] is JValue { Value: true },
                    one.ContainsKey("last_modified") ? one["last_modified"] is JValue { Value: long } : null)));
            page = QuayApi.Text(answer, "next_page") is { Length: > 0 } next ? next : null;
        }
        while (pages.IsNew(page));
        return [.. repositories.Where(repository => repository.Name.Length > 0).DistinctBy(repository => repository.Name)];
    }

    async Task<bool> HoldImagesAsync(string organization, IReadOnlyList<QuayRepository> repositories, CancellationToken cancellation)
    {
        foreach (var repository in repositories)
        {
            if (repository.HasTags ?? await HasTagsAsync(organization, repository.Name, cancellation))
                return true;
        }

        return false;
    }

    // Where the list does not tell when tags were made.
    async Task<bool> HasTagsAsync(string organization, string repository, CancellationToken cancellation) =>
        (await api.GetAsync($"repository/{Escape(organization)}/{repository}/tag/?limit=1&onlyActiveTags=true", $"look for images in {organization}/{repository} on {Authority}", cancellation)).Object()["tags"] is JArray { Count: > 0 };

    static IReadOnlyList<string> Ids(JToken? list, string name) => [.. (list as JArray ?? []).Select(one => QuayApi.Text(one, name)).OfType<string>()];

    // The system's default quota is in the list too; it cannot be changed here, and one of the organization's own goes before it.
    static Quota? ReadQuota(JArray quotas) =>
        quotas.OfType<JObject>().FirstOrDefault(one => one["default_config"] is not JValue { Value: true }) is { } own && own["id"] is JValue { Value: long id } && own["limit_bytes"] is JValue { Value: long bytes }
            ? new Quota(id, bytes, (own["limits"] as JArray ?? []).Any(limit => QuayApi.Text(limit, "type") == "Reject" && limit["limit_percent"] is JValue { Value: <= 100L }))
            : null;

    public IReadOnlyList<PlannedChange> PlanNamespace(NamespaceWish wish, NamespaceState state)
    {
        if (wish.Description is { Length: > 0 })
            throw new ModuleException(ErrorCodes.Unsupported, $"description: an organization of {Capabilities.Title} has none", "leave description out");
        var (organization, name) = ((Organization)state, wish.Name);
        var changes = new List<PlannedChange>();
        if (organization.Exists != true)
        {
            changes.Add(Change($"create organization {name}", HttpMethod.Post, "organization/", new JObject { ["name"] = name }));
        }
        else if (!organization.MayLook)
        {
            // Who may not look may not change either; that is told before this is done.
            var isAsked = wish.IsPublic is not null || wish.QuotaBytes is not null || wish.Repositories.Count > 0;
            return isAsked ? [Change($"look at organization {name} as its owner", HttpMethod.Put, $"organization/{Escape(name)}", new JObject())] : [];
        }

        else if (organization.Repositories is null && (wish.IsPublic is not null || wish.Repositories.Count > 0))
        {
            throw new ModuleException(ErrorCodes.Unauthorized, $"the token may not see the repositories of organization {name} on {Authority} (it lacks the scope repo:admin), so whether they are as asked for cannot be told", api.RightsHint);
        }

        changes.AddRange(organization.PrunePolicies.Select(policy => Change($"remove the pruning policy {policy} of organization {name}, which would remove images", HttpMethod.Delete, $"organization/{Escape(name)}/autoprunepolicy/{Escape(policy)}", null)));
        changes.AddRange(PlanQuota(wish, organization));
        var isPublic = wish.IsPublic == true;
        var there = organization.Repositories ?? [];
        changes.AddRange(wish.Repositories.Except(there.Select(repository => repository.Name), StringComparer.Ordinal).Select(repository => Change(
            $"create repository {name}/{repository}",
            HttpMethod.Post,
            "repository",
            new JObject { ["namespace"] = name, ["repository"] = repository, ["visibility"] = Word(isPublic), ["description"] = "", ["repo_kind"] = "image" })));
        List<string> others = [.. there.Where(repository => wish.IsPublic is not null && repository.IsPublic != isPublic && repository.Name != ProbeRepository).Select(repository => repository.Name)];
        if (others.Count > 0)
        {
            changes.Add(PlannedChange.OfEach(
                others,
                names => $"make {names.Count} of the repositories of organization {name} {Word(isPublic)} ({Some(names)})",
                (repository, cancellation) => DoAsync(
                    $"make repository {name}/{repository} {Word(isPublic)}",
                    HttpMethod.Post,
                    $"repository/{Escape(name)}/{repository}/changevisibility",
                    new JObject { ["visibility"] = Word(isPublic) },
                    cancellation)));
        }

        return changes;
    }

    static string Word(bool isPublic) => isPublic ? "public" : "private";

    IEnumerable<PlannedChange> PlanQuota(NamespaceWish wish, Organization organization)
    {
        var (quota, path) = (organization.Quota, $"organization/{Escape(wish.Name)}/quota");
        if (wish.QuotaBytes == 0 && quota is not null)
            yield return Superuser($"remove the quota of organization {wish.Name}", (text, cancellation) => DoAsync(text, HttpMethod.Delete, $"{path}/{quota.Id}", null, cancellation));
        if (wish.QuotaBytes is not > 0 || quota is { Rejects: true } && quota.Bytes == wish.QuotaBytes)
            yield break;
        var limit = new JObject { ["limit_bytes"] = wish.QuotaBytes };
        yield return Superuser($"limit organization {wish.Name} to {wish.QuotaBytes} bytes", async (text, cancellation) =>
        {
            if (quota is null)
                await DoAsync(text, HttpMethod.Post, path, limit, cancellation);
            else
                await DoAsync(text, HttpMethod.Put, $"{path}/{quota.Id}", limit, cancellation);
            // Alone it is a number that nobody looks at.
            if ((quota ?? ReadQuota((await api.GetAsync(path, text, cancellation)).Array())) is { Rejects: false } made)
                await DoAsync(text, HttpMethod.Post, $"{path}/{made.Id}/limit", new JObject { ["type"] = "Reject", ["threshold_percent"] = 100 }, cancellation);
        });
    }

    PlannedChange Superuser(string text, Func<string, CancellationToken, Task> work) => new(text, async cancellation =>
    {
        try
        {
            await work(text, cancellation);
        }
        catch (ModuleException e) when (e.HttpStatus == (int)HttpStatusCode.Forbidden)
        {
            throw new ModuleException(ErrorCodes.Unauthorized, e.Message, $"quotas are a superuser's affair: give one of SUPER_USERS who owns the organization too{(api.IsToken ? ", or a token of theirs with the scope super:user" : "")}, or leave quota out") { HttpStatus = e.HttpStatus };
        }
    });

    public IReadOnlyList<PlannedChange> PlanNamespaceRemoval(NamespaceState state, bool force) =>
        [Change($"remove organization {state.Name}{(state.HoldsImages == false ? "" : " with its images")}", HttpMethod.Delete, $"organization/{Escape(state.Name)}", null)];

    /// <param name="HasTags">Null where the list does not tell.</param>
    sealed record QuayRepository(string Name, bool IsPublic, bool? HasTags);

    /// <param name="Rejects">Whether it refuses what is over the limit.</param>
    sealed record Quota(long Id, long Bytes, bool Rejects);

    sealed record Organization(string Name, bool? Exists) : NamespaceState(Name, Exists)
    {
        /// <summary>Whether we are one of its owners; the rest is empty where not.</summary>
        public bool MayLook { get; init; }

        /// <summary>Null where the token may not see them.</summary>
        public IReadOnlyList<QuayRepository>? Repositories { get; init; } = [];

        public IReadOnlyList<string> PrunePolicies { get; init; } = [];

        public Quota? Quota { get; init; }
    }
}
