using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Registry.Http;
using Passthrough.Core.Text;

namespace Passthrough.Core.Admin;

/// <summary>
/// JFrog Artifactory (registries.md D). The namespace is a local Docker repository of that key, accounts are access tokens with an artifact scope. What is known of it
/// is recorded answers, so whatever else is plausible is taken, too: 404 for the 400 that means "missing", a list without paging, a token without claims.
/// </summary>
public sealed partial class ArtifactoryAdmin(AdminConnection connection) : IRegistryAdmin
{
    const string Repositories = "artifactory/api/repositories";
    const string Tokens = "access/api/v1/tokens";
    const string ProbeRepository = "passthrough-probe";

    /// <summary>A repository that was made is visible on every node of a cluster only after seconds.</summary>
    static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    const int SettlingAttempts = 15;

    /// <summary>Longer than any lock that was ever seen.</summary>
    const int LongestLockSeconds = 60;

    static readonly RegistryCapabilities Pro = new("Artifactory")
    {
        Health = Ability.Yes("every service that the router tells of"),
        Account = Ability.Yes("access token, artifact scope of the repository"),
        PullAccount = Ability.Yes("token with r alone"),
        Rights = Ability.No("the rights of an Artifactory token cannot be changed", "registry_auth replaces a token whose rights are not those asked for; users get rights by a permission target on the repository"),
        Rotation = Ability.Yes("new token beside the old one"),
        Namespace = Ability.Yes("local Docker repository"),
        Quota = Ability.No("Artifactory has no quota for one repository", "limit the storage in Administration, or use a project with a quota"),
        Visibility = Ability.No("Artifactory shows a repository to anonymous users by a permission target, not by a switch of the repository", "allow anonymous access and give user anonymous read in a permission target, or the reverse"),
        Immutability = Ability.No("Artifactory has no switch for immutable tags", "leave delete out of access: a token without it may not replace what is there"),
        OwnSecret = Ability.No("Artifactory makes its tokens itself", "leave secret out"),
        Expiry = Ability.Yes("expires_in of the token"),
        Method = AccountMethod.Token,
        Rotates = RotationKind.SecondSecret,
        AccountNames = NameRule.Component(1, 64),
        NamespaceNames = new NameRule(KeyPattern(), 1, 64, "lower-case letters and digits, with . _ - between them"),
    };

    static readonly RegistryCapabilities Jcr = Pro with
    {
        Title = "Artifactory JCR",
        Namespace = Ability.No(
            "the JCR edition of Artifactory cannot make, change or remove repositories over REST",
            "do it in its web interface: Administration, Repositories, Local, package type Docker; run this again afterwards"),
    };

    // A tag is a file there, and overwriting a file is a right of its own.
    static RegistryTraits OwnTraits => new()
    {
        KnownAnswers =
        [
            new("403 Forbidden",
                "overwriting a tag needs the right to delete: let registry_auth give access: [pull, push, delete]") { Status = 400 },
            new("immutable", "its tags are immutable: deliver the image under another tag, or let mirror_repo set immutable_tags: false"),
        ],
    };

    public static readonly RegistryProduct Product = new("jfrog", "Artifactory", OwnTraits)
    {
        Editions = [Pro, Jcr],
        Administer = (connection, _) => Task.FromResult<IRegistryAdmin>(new ArtifactoryAdmin(connection)),
        // Its own token service, in the character set of its Java server, if a proxy removed its headers.
        Recognise = answer => IsArtifactory(answer.Headers)
            || (answer.HasOwnTokens && answer.ContentType.Contains("ISO-8859-1", StringComparison.OrdinalIgnoreCase))
            ? "Artifactory"
            : null,
        // Where anonymous access is on and a proxy removes its headers, nothing tells it from a plain registry.
        AlsoAnswersAs = ["distribution"],
    };

    readonly HashSet<string> revoked = new(StringComparer.Ordinal);

    public RegistryCapabilities Capabilities { get; private set; } = Pro;

    public async Task<RegistryHealth> HealthAsync(CancellationToken cancellation)
    {
        var answer = await connection.Client.SendAsync(new AdminCall(HttpMethod.Get, "router/api/v1/system/health") { Action = $"ask {connection.Endpoint.Authority} for its health", IsAnonymous = true, Final = [HttpStatusCode.ServiceUnavailable] }, cancellation);
        // Without the router in front (port 8081) there is no such path.
        if (answer.Status == HttpStatusCode.NotFound)
            return await PingAsync(cancellation);
        if (answer.Json is not JObject json || json["services"] is not JArray services)
            throw answer.Fault ?? answer.NotExpected("Artifactory's health");

        var states = services.OfType<JObject>().Select(service => new ServiceState(Text(service["service_id"]).Split('@')[0], Text(service["state"]), Text(service["message"]))).ToList();
        var components = states.DistinctBy(state => state.Name, StringComparer.Ordinal).ToDictionary(state => state.Name, state => states.Find(one => one.Name == state.Name && one.Status != "HEALTHY")?.Status ?? "HEALTHY", StringComparer.Ordinal);
        if (Text(json["router"]?["state"]) is { Length: > 0 } router)
            components["router"] = router;
        var ill = states.Where(state => state.Status != "HEALTHY").ToList();
        if (ill.Count == 0 && components.GetValueOrDefault("router", "HEALTHY") == "HEALTHY" && answer.IsSuccess)
            return new RegistryHealth(RegistryCondition.Healthy, components);
        var reason = ill.Count > 0 ? string.Join(", ", ill.Select(state => $"{state.Name} is {state.Status}{(state.Words.Length > 0 ? $" ({state.Words})" : "")}").Distinct(StringComparer.Ordinal)) : $"the router answered {(int)answer.Status}";
        return new RegistryHealth(ill.Count == 0 || ill.Exists(IsNeeded) ? RegistryCondition.Unhealthy : RegistryCondition.Degraded, components) { Reason = reason };
    }

    // "Service is healthy; there are missing services: jffe": the web interface is missing, which no image needs.
    static bool IsNeeded(ServiceState service) =>
        MissingServices().MatchesAfter(service.Words, "missing service").FirstOrDefault() is { } missing && service.Status == "UNHEALTHY_PEER"
            ? missing.Groups["names"].Value.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries).Any(IsNeededType)
            : IsNeededType(service.Name);

    static bool IsNeededType(string type) => type is "jfrt" or "jf-artifactory" or "artifactory" or "jfac" or "jf-access" or "access" or "jfrou" or "jfmd" or "jf-metadata" or "metadata";

    async Task<RegistryHealth> PingAsync(CancellationToken cancellation)
    {
        Authorize();
        var answer = await SendAsync(new AdminCall(HttpMethod.Get, "artifactory/api/system/ping") { Action = $"ask {connection.Endpoint.Authority} for its health", Final = [HttpStatusCode.ServiceUnavailable, HttpStatusCode.InternalServerError] }, cancellation);
        if (answer.IsSuccess && answer.Text.Trim() == "OK")
            return RegistryHealth.Healthy;
        // It wants to know who asks, so it is there; whether the account is good is asked later.
        if (answer.Status == HttpStatusCode.Unauthorized && IsArtifactory(answer.Headers))
            return RegistryHealth.Healthy;
        if (answer.Status is HttpStatusCode.ServiceUnavailable or HttpStatusCode.InternalServerError)
            return RegistryHealth.Healthy with { Condition = RegistryCondition.Unhealthy, Reason = answer.Words is { Length: > 0 } words ? words : $"it answered {(int)answer.Status}" };
        throw answer.NotExpected("Artifactory's OK");
    }

    public async Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation)
    {
        Authorize();
        var who = Who();
        var answer = await SendAsync(new AdminCall(HttpMethod.Get, "artifactory/api/system/licenses") { Action = $"log in to {connection.Endpoint.Authority}" }, cancellation);
        if (answer.Status == HttpStatusCode.Unauthorized)
            throw Refused(answer);
        // Where JFrog hosts it, nobody is shown a licence; an administrator's token says what it is.
        if (answer.Status == HttpStatusCode.Forbidden && !Text(TokenClaims.TryParse(connection.Credential?.Token)?.Payload["scp"]).Contains("applied-permissions/admin", StringComparison.Ordinal))
            return new AdminLogin(who, MayManage: false, $"{who} is no administrator of Artifactory ({answer.Words})");
        if (answer.IsSuccess && answer.Json is null)
            throw answer.NotExpected("Artifactory's licence");
        // A cluster lists one licence for each node.
        var type = answer.Json is JObject json ? Text(json["type"] ?? (json["licenses"] as JArray)?.FirstOrDefault()?["type"]) : "";
        if (type.Contains("OSS", StringComparison.OrdinalIgnoreCase))
            throw new ModuleException(ErrorCodes.Unsupported, $"{connection.Endpoint.Authority} is Artifactory {type}, which holds no container images", "install the JCR edition, which is free, or Pro");
        if (type.Contains("JCR", StringComparison.OrdinalIgnoreCase) || type.Contains("Community", StringComparison.OrdinalIgnoreCase))
            Capabilities = Jcr;
        return new AdminLogin(who, MayManage: true);
    }

    public async Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        // The list is there on every edition, and a missing repository is told from one that may not be looked at.
        var action = $"look for repository {wish.Name} on {connection.Endpoint.Authority}";
        var list = (await SendAsync(new AdminCall(HttpMethod.Get, Repositories) { Action = action }, cancellation)).Array();
        if (list.OfType<JObject>().FirstOrDefault(item => Text(item["key"]).Equals(wish.Name, StringComparison.OrdinalIgnoreCase)) is not { } entry)
            return new RepositoryState(wish.Name, Exists: false, []);

        var details = await SendAsync(new AdminCall(HttpMethod.Get, $"{Repositories}/{wish.Name}") { Action = action }, cancellation);
        // JCR and OSS refuse this one with 400.
        var settings = details.IsSuccess ? details.Json as JObject ?? [] : [];
        var (type, package) = (FirstText(settings["rclass"], entry["type"]), FirstText(settings["packageType"], entry["packageType"]));
        return new RepositoryState(wish.Name, Exists: true, settings)
        {
            Description = settings["description"] is null && entry["description"] is null ? null : FirstText(settings["description"], entry["description"]),
            HoldsImages = await HoldsImagesAsync(wish.Name, cancellation),
            Obstacle = Obstacle(wish.Name, Text(entry["key"]), type, package),
        };
    }

    ModuleException? Obstacle(string name, string key, string type, string package)
    {
        var what = type.Equals("remote", StringComparison.OrdinalIgnoreCase) ? "a remote repository, which only passes on what another registry has"
            : type.Equals("virtual", StringComparison.OrdinalIgnoreCase) ? "a virtual repository, which only shows what others hold"
            : package.Length > 0 && !package.Equals("docker", StringComparison.OrdinalIgnoreCase) ? $"a repository for {package}"
            : key != name ? $"there as {key}, and Artifactory tells keys apart by more than the case of letters"
            : null;
        return what is null ? null : new ModuleException(ErrorCodes.InvalidArgument, $"{name} on {connection.Endpoint.Authority} cannot hold a mirror: it is {what}", "choose another namespace, or remove that repository");
    }

    async Task<bool?> HoldsImagesAsync(string name, CancellationToken cancellation)
    {
        var answer = await SendAsync(new AdminCall(HttpMethod.Get, $"artifactory/api/docker/{name}/v2/_catalog?n=2") { Action = $"look for images in {name}" }, cancellation);
        return answer.IsSuccess && (answer.Json as JObject)?["repositories"] is JArray names ? names.Any(image => Text(image) != ProbeRepository) : null;
    }

    public IReadOnlyList<PlannedChange> PlanNamespace(NamespaceWish wish, NamespaceState state)
    {
        if (state.Exists != true)
        {
            Capabilities.Namespace.Require($"there is no repository {wish.Name} on {connection.Endpoint.Authority}");
            return [new PlannedChange($"create local Docker repository {wish.Name}", token => CreateRepositoryAsync(wish, token))];
        }

        var settings = ((RepositoryState)state).Settings;
        var changes = new List<PlannedChange>();
        if (wish.Description is { } description && description != (state.Description ?? ""))
            changes.Add(Change($"describe repository {wish.Name} as \"{description}\"", "description", description));
        // It silently removes the oldest tags.
        if (settings["maxUniqueTags"] is JValue { Type: JTokenType.Integer } most && (long)most > 0)
            changes.Add(Change($"keep all tags in repository {wish.Name}, not only the newest {most}", "maxUniqueTags", 0));
        if (changes.Count > 0)
            Capabilities.Namespace.Require(changes[0].Text);
        return changes;

        PlannedChange Change(string text, string setting, JToken value) => new(text, token => UpdateRepositoryAsync(wish.Name, new JObject(settings) { [setting] = value }, text, token));
    }

    async Task CreateRepositoryAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        var answer = await ConfigureAsync(new AdminCall(HttpMethod.Put, $"{Repositories}/{wish.Name}")
        {
            Action = $"create repository {wish.Name} on {connection.Endpoint.Authority}",
            Json = new JObject
            {
                ["key"] = wish.Name,
                ["rclass"] = "local",
                ["packageType"] = "docker",
                ["dockerApiVersion"] = "V2",
                ["repoLayoutRef"] = "simple-default",
                ["description"] = wish.Description ?? "",
                ["maxUniqueTags"] = 0,
                ["dockerTagRetention"] = 1,
                ["blockPushingSchema1"] = true,
                ["xrayIndex"] = false,
            },
        }, cancellation);
        if (answer.Words.Contains("already exists", StringComparison.OrdinalIgnoreCase))
            throw new ConflictFault(new ModuleException(ErrorCodes.InvalidArgument, answer.Fault!.Message, $"{wish.Name} is a reserved word or hidden from this account: choose another namespace") { HttpStatus = answer.Fault.HttpStatus });
        answer.EnsureSuccess();
        for (var attempt = 0; attempt < SettlingAttempts && (await ReadNamespaceAsync(wish, cancellation)).Exists != true; attempt++)
            await Task.Delay(Settling, connection.Time, cancellation);
    }

    async Task UpdateRepositoryAsync(string name, JObject settings, string action, CancellationToken cancellation) =>
        (await ConfigureAsync(new AdminCall(HttpMethod.Post, $"{Repositories}/{name}") { Action = action, Json = settings }, cancellation)).EnsureSuccess();

    public IReadOnlyList<PlannedChange> PlanNamespaceRemoval(NamespaceState state, bool force)
    {
        Capabilities.Namespace.Require($"state absent: there is a repository {state.Name} on {connection.Endpoint.Authority}");
        return [new PlannedChange($"remove repository {state.Name}", async token =>
        {
            var answer = await ConfigureAsync(new AdminCall(HttpMethod.Delete, $"{Repositories}/{state.Name}") { Action = $"remove repository {state.Name} on {connection.Endpoint.Authority}" }, token);
            if (answer.Status == HttpStatusCode.NotFound || answer is { Status: HttpStatusCode.BadRequest, Words: "Bad Request" })
                throw new ConflictFault(answer.Fault!);
            answer.EnsureSuccess();
        })];
    }

    public async Task<AccountState> ReadAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        var (entries, cursor) = (new List<SecretEntry>(), "");
        var action = $"list the tokens of {wish.Name} on {connection.Endpoint.Authority}";
        var pages = new ListPages(action, connection.Endpoint.Authority);
        do
        {
            var path = $"{Tokens}?description={Uri.EscapeDataString(Description(wish))}&username={Uri.EscapeDataString(wish.Name)}{(cursor.Length > 0 ? $"&cursor={Uri.EscapeDataString(cursor)}" : "")}";
            var json = (await AccessAsync(new AdminCall(HttpMethod.Get, path) { Action = action }, cancellation)).Object();
            // What the filter lets through is looked at again: a server may not know one.
            var listed = json["tokens"] as JArray ?? [];
            pages.Add(listed.Count);
            entries.AddRange(listed.OfType<JObject>().Where(token => IsOurs(token, wish)).Select(token => Entry(token, wish)));
            cursor = FirstText(json["cursor"], json["next_cursor"]);
        }
        while (cursor.Length > 0 && pages.IsNew(cursor));
        entries.RemoveAll(entry => revoked.Contains(entry.Id) || entry.ExpiresAt <= connection.Time.GetUtcNow());
        return new AccountState(wish.Name, entries.Count > 0)
        {
            Username = entries.Count > 0 ? wish.Name : null,
            CreatedAt = entries.Max(entry => entry.CreatedAt),
            Secrets = entries,
        };
    }

    static bool IsOurs(JObject token, AccountWish wish) =>
        Text(token["description"]) == Description(wish) && Text(token["subject"]).Split('/')[^1].Equals(wish.Name, StringComparison.OrdinalIgnoreCase) && Text(token["token_id"]).Length > 0;

    static SecretEntry Entry(JObject token, AccountWish wish) => new(Text(token["token_id"]), Time(token["issued_at"]), Time(token["expiry"]))
    {
        IsAsWished = Text(token["scope"]) is not { Length: > 0 } scope || SameScope(scope, Scope(wish)),
    };

    public IReadOnlyList<PlannedChange> PlanAccount(AccountWish wish, AccountState state) => [];

    public Task<MintedSecret> RotateAccountAsync(AccountWish wish, AccountState state, CancellationToken cancellation) => CreateAccountAsync(wish, cancellation);

    public async Task<MintedSecret> CreateAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        var answer = (await AccessAsync(new AdminCall(HttpMethod.Post, Tokens)
        {
            Action = $"make a token for {wish.Name} on {connection.Endpoint.Authority}",
            Json = new JObject
            {
                ["grant_type"] = "client_credentials",
                ["username"] = wish.Name,
                ["scope"] = Scope(wish),
                ["expires_in"] = (wish.ExpiresDays ?? 0) * 24L * 3600,
                ["refreshable"] = false,
                ["description"] = Description(wish),
            },
        }, cancellation)).Object();
        var secret = Text(answer["access_token"]);
        connection.Hide(secret);
        if (secret.Length == 0)
            throw new ModuleException(ErrorCodes.Server, $"cannot make a token for {wish.Name}: {connection.Endpoint.Authority} answered without one", "look at Artifactory's access log");
        if (Text(answer["scope"]) is { Length: > 0 } granted && !SameScope(granted, Scope(wish)))
            throw new ModuleException(ErrorCodes.Unauthorized, $"cannot make a token for {wish.Name}: {connection.Endpoint.Authority} gave it the scope \"{granted}\" in place of \"{Scope(wish)}\"", "give the token of an administrator; artifact scopes need Artifactory 7.38");
        var claims = TokenClaims.TryParse(secret);
        DateTimeOffset? expires = wish.ExpiresDays is null ? null : claims?.ExpiresAt ?? connection.Time.GetUtcNow().AddDays(wish.ExpiresDays.Value);
        return new MintedSecret(new Credential { Username = UserOf(claims) ?? wish.Name, Password = secret }, expires, Text(answer["token_id"]) is { Length: > 0 } id ? id : claims?.Id);
    }

    public IReadOnlyList<PlannedChange> PlanAccountRemoval(AccountState state, IReadOnlyList<string>? ids = null) =>
    [
        .. state.Secrets.Where(entry => ids is null || ids.Contains(entry.Id))
            .Select(entry => new PlannedChange($"revoke token {entry.Id} of {state.Name}", token => RevokeAsync(state.Name, entry, token))),
    ];

    async Task RevokeAsync(string name, SecretEntry entry, CancellationToken cancellation)
    {
        var answer = await AccessAsync(new AdminCall(HttpMethod.Delete, $"{Tokens}/{Uri.EscapeDataString(entry.Id)}") { Action = $"revoke token {entry.Id} of {name}" }, cancellation);
        if (answer.Text.Contains("not revocable", StringComparison.OrdinalIgnoreCase))
            throw new ModuleException(ErrorCodes.Unsupported, $"cannot revoke token {entry.Id} of {name}: Artifactory revokes no token that ends within hours", $"it ends by itself{(entry.ExpiresAt is { } end ? $" at {end.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC" : "")}");
        if (answer.Status != HttpStatusCode.NotFound)
            answer.EnsureSuccess();
        // A list that lags behind must not make us revoke it again.
        revoked.Add(entry.Id);
    }

    public async Task<SecretCheck> CheckSecretAsync(Credential? credential, Reference repository, CancellationToken cancellation)
    {
        var claims = TokenClaims.TryParse(credential?.Password);
        return await connection.CheckSecretAsync(credential, repository, cancellation) with { Id = claims?.Id, ExpiresAt = claims?.ExpiresAt };
    }

    /// <summary>A token says what it may do. An upload would leave an item behind that only an account with the right to delete could remove, so only a password is asked that way.</summary>
    public async Task<PushRight> JudgePushAsync(Credential? credential, Reference repository, PushTrial trial,
        CancellationToken cancellation)
    {
        if (TokenClaims.TryParse(credential?.Password) is { } claims)
        {
            var scope = Text(claims.Payload["scp"]);
            var key = repository.Repository.Split('/')[0];
            if (!scope.Contains("artifact:", StringComparison.Ordinal))
                return PushRight.Unknown($"its token has the rights of its user or groups (scope \"{scope}\")");
            return scope.Split(' ')
                .Any(one => one.StartsWith($"artifact:{key}/**:", StringComparison.Ordinal)
                    && one.Split(':')[^1].Split(',').Any(right => right is "w" or "*"))
                ? PushRight.Given
                : PushRight.Refused(new ModuleException(ErrorCodes.Unauthorized,
                    $"the token of {credential!.Username} may not push to {key}: its scope is \"{scope}\"",
                        "run this with the token of an administrator, so that it is replaced"));
        }

        if (trial != PushTrial.Always)
            return PushRight.NotTried;

        using var store = connection.OpenStore(credential);
        return await PushRight.TryAsync(() => store.CheckWritableAsync(repository, cancellation));
    }

    public async Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation)
    {
        if (@namespace is not { Exists: true })
            return [];
        var answer = await connection.Client.SendAsync(new AdminCall(HttpMethod.Get, $"artifactory/api/docker/{@namespace.Name}/v2/_catalog?n=1") { Action = $"look at {@namespace.Name} as anybody", IsAnonymous = true }, cancellation);
        return answer.IsSuccess && (answer.Json as JObject)?["repositories"] is JArray
            ? [$"anybody who reaches {connection.Endpoint.Authority} can pull from {@namespace.Name}: anonymous access is on and a permission target lets user anonymous read it"]
            : [];
    }

    public Credential? AsDockerLogin(Credential given) =>
        given.Token is null ? given
        : (UserOf(TokenClaims.TryParse(given.Token)) ?? given.Username) is { Length: > 0 } user ? new Credential { Username = user, Password = given.Token }
        : null;

    public JObject AuthConfigFacts(string @namespace, Credential? credential) => credential?.Password is { Length: > 0 } token ? new JObject { ["token"] = token } : [];

    void Authorize()
    {
        if (connection.Credential is not { } given)
            return;
        connection.Client.Headers["Authorization"] = given.Token is { } token ? $"Bearer {token}" : Authorizer.Basic(given).ToString();
        connection.Client.Identity = Who();
    }

    string Who() => connection.Credential is { Token: { } token } given
        ? (UserOf(TokenClaims.TryParse(token)) ?? given.Username) is { Length: > 0 } user ? $"the token of {user}" : "the token"
        : $"user \"{connection.Credential?.Username}\"";

    /// <summary>The access service: only the router has it, and it speaks of rights in its own way.</summary>
    async Task<AdminAnswer> AccessAsync(AdminCall call, CancellationToken cancellation)
    {
        var answer = await SendAsync(call, cancellation);
        if (answer.Status == HttpStatusCode.Unauthorized)
            throw Refused(answer);
        if (answer.Status == HttpStatusCode.Forbidden)
            throw new ModuleException(ErrorCodes.Unauthorized, $"cannot {answer.Action}: {Who()} may not do that ({answer.Words})", "give the token of an administrator; a password is enough only where token generation over the API is switched on") { HttpStatus = 403 };
        if (answer.Status == HttpStatusCode.NotFound && call.Path.Split('?')[0] == Tokens)
            throw new ModuleException(ErrorCodes.NotARegistry, $"cannot {answer.Action}: {connection.Endpoint.Authority} has no /access ({answer.Words})", "give the port of Artifactory's router, 8082 by default, or let the proxy before it pass on /access and /router") { HttpStatus = 404 };
        return answer;
    }

    /// <summary>Changes of repositories: two at a time do not go together, and the server says so with any status.</summary>
    async Task<AdminAnswer> ConfigureAsync(AdminCall call, CancellationToken cancellation)
    {
        for (var attempt = 0; ; attempt++)
        {
            var answer = await SendAsync(call with { Final = [HttpStatusCode.InternalServerError] }, cancellation);
            if (answer.Text.Contains("Could not merge and save new descriptor", StringComparison.Ordinal) && attempt < SettlingAttempts)
            {
                await Task.Delay(Settling, connection.Time, cancellation);
                continue;
            }

            if (answer.Text.Contains("available only in Artifactory Pro", StringComparison.Ordinal))
                throw new ModuleException(ErrorCodes.Unsupported, $"cannot {answer.Action}: {Jcr.Namespace.Text}", Jcr.Namespace.Instead) { HttpStatus = (int)answer.Status };
            return answer;
        }
    }

    async Task<AdminAnswer> SendAsync(AdminCall call, CancellationToken cancellation)
    {
        var answer = await AskAsync(call, cancellation);
        if (LockOf(answer) is not { } locked || answer.Status != HttpStatusCode.Forbidden)
            return answer;
        // Three wrong passwords lock everybody out for seconds; it is told in words and is no answer about rights.
        var seconds = int.TryParse(locked.Groups["seconds"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var told) ? Math.Min(told, LongestLockSeconds) : LongestLockSeconds;
        await Task.Delay(TimeSpan.FromSeconds(seconds + 1), connection.Time, cancellation);
        answer = await AskAsync(call, cancellation);
        return answer.Status == HttpStatusCode.Forbidden && LockOf(answer) is not null
            ? throw new ModuleException(ErrorCodes.Unauthorized, $"cannot {answer.Action}: {connection.Endpoint.Authority} has locked logins after wrong passwords ({answer.Words})", "find who sends the wrong password, wait, and run this again; nothing was changed") { HttpStatus = 403 }
            : answer;
    }

    static Match? LockOf(AdminAnswer answer) => LockedOut().MatchesAfter(answer.Text, "blocked due to recurrent ", StringComparison.OrdinalIgnoreCase).FirstOrDefault();

    /// <summary>A fresh JCR answers nothing else, with a status that nobody has written down.</summary>
    async Task<AdminAnswer> AskAsync(AdminCall call, CancellationToken cancellation)
    {
        const string Unsigned = "No signed EULA found";
        try
        {
            var answer = await connection.Client.SendAsync(call, cancellation);
            return answer.Fault is { } fault && fault.Message.Contains(Unsigned, StringComparison.Ordinal) ? throw fault : answer;
        }
        catch (ModuleException e) when (e.Message.Contains(Unsigned, StringComparison.Ordinal))
        {
            throw new ModuleException(ErrorCodes.Unsupported, e.Message, "log in to its web interface once and accept the EULA") { HttpStatus = e.HttpStatus };
        }
    }

    ModuleException Refused(AdminAnswer answer)
    {
        var (what, hint) = answer.Words switch
        {
            var words when words.Contains("expired", StringComparison.OrdinalIgnoreCase) => ("has expired", "make another admin token in the web interface: Administration, User Management, Access Tokens"),
            var words when words.Contains("revoked", StringComparison.OrdinalIgnoreCase) => ("was revoked", "make another admin token in the web interface: Administration, User Management, Access Tokens"),
            var words when words.Contains("Token not found", StringComparison.OrdinalIgnoreCase) => ("is not one of this Artifactory", "give an admin token of this very server"),
            _ when connection.Credential?.Token is not null => ("was refused", "give an admin token of this very server"),
            _ => ("was refused: wrong user name or password", "correct username and password, or give an admin token"),
        };
        return new ModuleException(ErrorCodes.Unauthorized, $"cannot {answer.Action}: {Who()} {what} ({(int)answer.Status}{(answer.Words.Length > 0 ? $": {answer.Words}" : "")})", hint) { HttpStatus = (int)answer.Status };
    }

    static bool IsArtifactory(IReadOnlyDictionary<string, string[]> headers) =>
        headers.ContainsKey("X-JFrog-Version") || headers.ContainsKey("X-Artifactory-Id")
        || (headers.TryGetValue("WWW-Authenticate", out var wants)
            && wants.Any(line => line.Contains("Artifactory Realm", StringComparison.Ordinal)));

    /// <summary>Ours, and of this repository: another namespace's account may have the same name.</summary>
    static string Description(AccountWish wish) => $"ansible:registry_auth:{wish.Namespace}/{wish.Name}";

    // ** goes through all levels, * through one; a token with w alone cannot look whether a blob is there (registries.md D.2).
    static string Scope(AccountWish wish) =>
        $"artifact:{wish.Namespace}/**:r{(wish.Access.HasFlag(AccountAccess.Push) ? ",w" : "")}{(wish.Access.HasFlag(AccountAccess.Delete) ? ",d" : "")}";

    static bool SameScope(string one, string other) => Parts(one).SetEquals(Parts(other));

    static HashSet<string> Parts(string scope) => [.. scope.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(part => part.StartsWith("artifact:", StringComparison.Ordinal) || part.StartsWith("applied-permissions/", StringComparison.Ordinal))
        .Select(part => part.LastIndexOf(':') is var colon && colon > 0 ? part[..colon] + ":" + string.Join(',', part[(colon + 1)..].Split(',').Order(StringComparer.Ordinal)) : part)];

    // jfac@<id>/users/<name>
    static string? UserOf(TokenClaims? claims) => claims?.Subject?.Split('/')[^1] is { Length: > 0 } user ? user : null;

    static DateTimeOffset? Time(JToken? seconds) => seconds is JValue { Type: JTokenType.Integer } value && (long)value > 0 ? DateTimeOffset.FromUnixTimeSeconds((long)value) : null;

    static string Text(JToken? value) => value is JValue { Value: string text } ? text : "";

    static string FirstText(params JToken?[] values) => values.Select(Text).FirstOrDefault(text => text.Length > 0) ?? "";

    [GeneratedRegex(@"\G.*failures(?:, please try again in (?<seconds>\d+) second)?", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LockedOut();

    [GeneratedRegex(@"\Gs?: (?<names>[\w, -]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex MissingServices();

    [GeneratedRegex(@"^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex KeyPattern();

    /// <param name="Settings">The repository's configuration; empty where the edition does not show it.</param>
    sealed record RepositoryState(string Name, bool? Exists, JObject Settings) : NamespaceState(Name, Exists);
}
