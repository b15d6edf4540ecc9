using System.Buffers.Text;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Harbor;
using Passthrough.Testing.Replay;

namespace Passthrough.Core.Tests.Testing.Harbor;

/// <summary>The recordings of Harbor: what of them is not replayed, and what their recorder did between the exchanges without writing it down.</summary>
sealed partial class HarborRecording
{
    const string Admin = "admin:Harbor12345";
    const string Robot = "robot$mirror+ocp-mirror";
    const string EmptyJsonDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    readonly HarborServer server;
    readonly ManualTime time;
    readonly Dictionary<string, string> begun = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> sections = new(StringComparer.Ordinal);

    HarborRecording(HarborServer server, ManualTime time)
    {
        this.server = server;
        this.time = time;
    }

    /// <summary>Replays exchanges against a new, empty server.</summary>
    public static async Task<ReplayReport> ReplayAsync(HarborVersion version, IReadOnlyList<RecordedExchange> exchanges, string host)
    {
        var time = new ManualTime(new DateTimeOffset(2026, 11, 22, 12, 25, 0, TimeSpan.Zero));
        await using var server = await HarborServer.Start(new HarborSettings { Version = version, IsBehindProxy = version == HarborVersion.V2_15_2, LoginLock = TimeSpan.Zero, Time = time, ExternalAddress = $"http://{host}" });
        var recording = new HarborRecording(server, time);
        using var replayer = new Replayer(server.Address, recording.Rules(version) with { Host = host, Scheme = version == HarborVersion.V2_9_5 ? "http" : "https" });
        return await replayer.RunAsync(exchanges);
    }

    ReplayRules Rules(HarborVersion version) => new()
    {
        InventedKeys = new HashSet<string>(StringComparer.Ordinal) { "id", "secret", "token", "issued_at", "expires_at", "error", "storage", "pull_count" },
        UnorderedKeys = new HashSet<string>(StringComparer.Ordinal) { "access", "permissions" },
        InventedText = NumberedPath(),
        LeftOut = version == HarborVersion.V2_9_5 ? LeftOutOld : LeftOut,
        KnownDifferences = version == HarborVersion.V2_9_5 ? [] : KnownDifferences,
        Content = Content,
        Before = BeforeAsync,
        BeforeSend = BeforeSendAsync,
        AlsoCompare = CompareClaims,
    };

    static readonly RouteReason[] LeftOutOld =
    [
        new("GET", "/api/v2.0/configurations", "modules never read the configuration: a robot's name is taken from the answer"),
    ];

    static readonly RouteReason[] LeftOut =
    [
        new("GET", "/v2/", "the plain HTTP port is nginx's alone", "plain http port"),
        new("*", ".*", "between nginx and core nobody of ours comes", "direct to core"),
        new("GET", "/api/v2.0/configurations", "modules never read the configuration: a robot's name is taken from the answer"),
        new("*", "/c/login", "nobody of ours opens a session"),
        new("GET", "/api/v2.0/statistics", "never called"),
        new("GET", "/api/v2.0/users/current/permissions.*", "never called"),
        new("GET", "/api/v2.0/registries", "never called: a project tells that it is a proxy cache"),
        new("GET", "/api/v2.0/replication/adapters", "never called"),
        new("GET", "/api/v2.0/permissions", "never called: the rights that are asked for exist in every version"),
        new("*", "/api/v2.0/projects/mirror/repositories/[^/?]+/artifacts.*", "artifacts and tags are read over /v2/, the same on every product"),
        new("GET", "/api/v2.0/projects/mirror/artifacts.*", "artifacts and tags are read over /v2/, the same on every product"),
        new("GET", "/api/v2.0/search.*", "never called"),
        new("GET", "/api/v2.0/audit.*", "never called"),
        new("*", "/api/v2.0/projects/[^/]+/members", "nobody of ours manages members"),
        new("GET", "/api/v2.0/projects/cache2?/metadatas/", "metadata comes with the project"),
    ];

    static readonly RouteReason[] KnownDifferences =
    [
        new("GET", "/v2/cache/mirror/.*", "the fake pulls nothing through", "upstream has it"),
        new("GET", "/api/v2.0/projects", "which projects a robot with project:list sees is not known, and none of ours has that right", "robot ocp-cat"),
    ];

    // One name stands for one content; two of them are known.
    static byte[]? Content(string body) => body switch
    {
        "@2(2 bytes)" => "{}"u8.ToArray(),
        "@med(3000443 bytes)" => ManifestOf(3000443),
        "@big(4200443 bytes)" => ManifestOf(4200443),
        "@bigm" => ManifestOf(4200443),
        "@b1" => RecordedContent.Bytes("b1", 1_000_000),
        "@b2" => RecordedContent.Bytes("b2", 2_000_000),
        "@blobq" => RecordedContent.Bytes("blobq", 2_000_000),
        "@cfg" => "{}"u8.ToArray(),
        _ => RecordedContent.Of(body),
    };

    static byte[] ManifestOf(int size)
    {
        var empty = ManifestWith("");
        return Encoding.UTF8.GetBytes(ManifestWith(new string('y', size - empty.Length)));

        static string ManifestWith(string filling) =>
            $$$"""{"schemaVersion":2,"mediaType":"{{{MediaTypes.OciManifest}}}","config":{"mediaType":"{{{MediaTypes.OciEmpty}}}","digest":"{{{EmptyJsonDigest}}}","size":2},"layers":[],"annotations":{"x":"{{{filling}}}"}}""";
    }

    async Task BeforeAsync(Replayer replayer, RecordedExchange exchange)
    {
        time.Advance(TimeSpan.FromSeconds(1));
        // Tokens are numbered anew in each part of a file.
        var file = exchange.Place.Split(':')[0];
        if (sections.GetValueOrDefault(file) != exchange.Section && file.Contains("v2", StringComparison.Ordinal))
            replayer.Substitutions.Forget("<jwt");
        if (!sections.ContainsKey(file) && file.Contains("2.9.5-v2", StringComparison.Ordinal))
            await StartAgainAsync(replayer, isFirst: !sections.Keys.Any(other => other.Contains("2.9.5-v2", StringComparison.Ordinal)));
        sections[file] = exchange.Section;

        SwitchParts(exchange.Title);
        await DoUnrecordedAsync(replayer, exchange);
        if (exchange.Header("Authorization") is { } bearer && JwtName().Match(bearer) is { Success: true } jwt && replayer.Substitutions.Find(jwt.Value) is null)
            replayer.Substitutions.Learn(jwt.Value, await TokenAsync(replayer, exchange));
        if (UploadPath().Match(exchange.Path) is { Success: true } upload && replayer.Substitutions.Find(upload.Groups[2].Value) is null)
            await BeginUploadAsync(replayer, exchange, upload);
        if (exchange is { Method: "PUT", Status: 201, Body: { } body } && exchange.Path.Contains("/manifests/", StringComparison.Ordinal))
            PutBlobsOf(replayer, exchange.Path[4..exchange.Path.IndexOf("/manifests/", StringComparison.Ordinal)], Content(body) is { } bytes ? Encoding.UTF8.GetString(bytes) : body);
    }

    /// <summary>The recorder of 2.9.5 began each file anew, and hid the robot's secret.</summary>
    async Task StartAgainAsync(Replayer replayer, bool isFirst)
    {
        if (!isFirst)
        {
            if (server.State.Project("mirror") is { } old)
                server.State.RemoveProject(old);
            server.State.AddProject("mirror");
            await AddRobotAsync(replayer, "mirror", "ocp-mirror", null, "repository:push", "repository:pull");
        }

        replayer.Substitutions.Learn("<secret>", server.State.Robot(Robot)!.Secret);
    }

    /// <summary>What was switched off, or did not run yet.</summary>
    void SwitchParts(string title)
    {
        HashSet<string> healthErrors = title switch
        {
            "health, jobservice and registryctl not started yet" or "health (no auth)" => ["jobservice", "registryctl"],
            "health, jobservice started too (the fully healthy answer is in section 15)" => ["registryctl"],
            // It lags behind, both ways.
            "redis down: health" => ["jobservice", "redis"],
            "database down: health" or "after all came back: health" => ["database"],
            "registry backend down for some seconds: health" => ["registry"],
            _ => [],
        };
        server.HealthErrors = healthErrors.ToDictionary(part => part, _ => "failed to check health", StringComparer.Ordinal);
        server.Down.Clear();
        foreach (var (beginning, part) in new[] { ("registry backend down:", "registry"), ("redis down:", "redis"), ("database down:", "database"), ("core down:", "core") })
        {
            if (title.StartsWith(beginning, StringComparison.Ordinal))
                server.Down.Add(part);
        }
    }

    async Task DoUnrecordedAsync(Replayer replayer, RecordedExchange exchange)
    {
        switch (exchange.Title)
        {
            case "PUT complete":
                await BeginUploadAsync(replayer, exchange, UploadPath().Match(exchange.Path), "@b1b2(3000000 bytes)");
                replayer.Substitutions.Learn(exchange.Query.Split("&digest=")[1], Digest.Sha256(RecordedContent.Bytes("b1b2", 3_000_000)).ToString());
                break;
            case "DELETE by digest, robot with artifact:delete (not repository:delete)":
                await AddRobotAsync(replayer, "mirror", "deleter", "RZ6J7RbmQ0dpEN37UDR0vOPcTPXbMcIE", "repository:pull", "repository:push", "repository:delete");
                await AddRobotAsync(replayer, "mirror", "artdel", "72PpKj07K0VUGSeeM7s144KSyrBjosrb", "repository:pull", "repository:push", "artifact:delete");
                break;
            case "push-only robot: token pull,push":
                await AddRobotAsync(replayer, "mirror", "pushonly2", "exu0MYw9o6rhFsZ9HyiUVclD2ElUl9Vy", "repository:push");
                await AddRobotAsync(replayer, "mirror", "pullonly", "yePhhQ0WT2ws0LNrjIRLURbm1vFVcfTd", "repository:pull");
                break;
            case "public project: GET manifest without any auth":
                server.State.Project("mirror")!.Metadata["public"] = "true";
                break;
            case "private project: GET manifest with the anonymous token":
                server.State.Project("mirror")!.Metadata["public"] = "false";
                break;
            case "expired robot: /v2/":
                server.State.Robot("robot$mirror+thirty")!.ExpiresAt = time.GetUtcNow().AddMinutes(-1).ToUnixTimeSeconds();
                break;
            case "repositories":
                PushFilling();
                break;
            case "repository: delete":
                server.State.Content.AddRepository("mirror/copied");
                break;
            case "token" when exchange.Section.StartsWith("15 ", StringComparison.Ordinal):
                await AddRobotAsync(replayer, "tmp", "t", "tElDX6dAABFW9NhLG2wY8Erd0IZDS63a", "repository:pull", "repository:push");
                await AddRobotAsync(replayer, null, "t-sys", "Dnrkgfe0RybEe4xxbIq9coirPsnaRbI6", "tmp=repository:pull", "tmp=repository:push");
                break;
            case "HEAD manifest, all four types":
                PushWithSkopeo(replayer, exchange);
                break;
            case "push-only robot, Basic: HEAD manifest":
                await AddRobotAsync(replayer, "mirror", "pushonly3", "MZRI2gUqoORVoWak5I1fV6YX4HPTerPy", "repository:push");
                break;
            case "PUT manifest (new tag, known blobs) when the limit is nearly reached":
                server.State.Project("mirror")!.Quota = server.State.Used(server.State.Project("mirror")!) + 500;
                break;
            case "old token after re-creation":
                replayer.Substitutions.Learn("<jwt2>", await TokenAsync(replayer, "admin", "Harbor12345", "repository:tmp/x:pull,push"));
                time.Advance(TimeSpan.FromSeconds(148));
                await replayer.AskAsync("DELETE", "/api/v2.0/projects/tmp", credentials: Admin);
                server.State.AddProject("tmp");
                break;
            case "read-only: HEAD manifest with a proper Accept":
                server.State.Project("mirror")!.Quota = -1;
                break;
            case "developer: POST upload, Basic":
                server.State.Project("mirror")!.Members[3] = 2;
                break;
            case "add joe as developer (role 2) of mirror":
                // Four robots and four projects were made at once; one each was.
                await AddRobotAsync(replayer, "mirror", "race", "ExuMH" + new string('a', 20) + "1", "repository:pull", "repository:push");
                await AddRobotAsync(replayer, "mirror", "race", null, "repository:pull");
                await AddRobotAsync(replayer, "mirror", "race", null, "repository:pull");
                await replayer.AskAsync("POST", "/api/v2.0/projects", """{"project_name":"race"}""", Admin, ("Content-Type", "application/json"));
                server.State.Project("mirror")!.Members[3] = 2;
                break;
            case "system push-only robot, Basic: HEAD manifest":
                await AddRobotAsync(replayer, null, "syspush", "zsh8Ebq8vPoNGkJY6WWX73Bg6Xyo5pPh", "mirror=repository:push");
                break;
            case "… again with the POST state":
                var session = UploadPath().Match(exchange.Path).Groups[2].Value;
                replayer.Substitutions.Learn($"{session}?_state=<opaque>", begun[session]);
                break;
        }
    }

    // Secrets that were shown once are given to the robot as its own.
    static async Task AddRobotAsync(Replayer replayer, string? project, string name, string? secret, params string[] rights)
    {
        var permissions = rights.GroupBy(right => right.Contains('=', StringComparison.Ordinal) ? right.Split('=')[0] : project!, right => right.Split('=')[^1].Split(':'))
            .Select(group => new JObject { ["kind"] = "project", ["namespace"] = group.Key, ["access"] = new JArray(group.Select(right => new JObject { ["resource"] = right[0], ["action"] = right[1] })) });
        var body = new JObject { ["name"] = name, ["duration"] = -1, ["level"] = project is null ? "system" : "project", ["permissions"] = new JArray(permissions) };
        var answer = await replayer.AskAsync("POST", "/api/v2.0/robots", Json.Compact(body), Admin, ("Content-Type", "application/json"));
        if (secret is not null)
            await replayer.AskAsync("PATCH", answer.Location!, Json.Compact(new JObject { ["secret"] = secret }), Admin, ("Content-Type", "application/json"));
    }

    Task<string> TokenAsync(Replayer replayer, RecordedExchange exchange)
    {
        var secret = server.State.Robot(Robot)!.Secret;
        var repository = RepositoryPath().Match(exchange.Path).Groups[1].Value;
        return (exchange.Title, exchange.Section) switch
        {
            ("catalog admin Bearer registry:catalog:*", _) => TokenAsync(replayer, "admin", "Harbor12345", "registry:catalog:*"),
            ("upload with an empty-actions token", _) => TokenAsync(replayer, "", "", $"repository:{repository}:pull,push"),
            ("public project: GET manifest with the anonymous token" or "private project: GET manifest with the anonymous token", _) => TokenAsync(replayer, "", "", $"repository:{repository}:pull"),
            ("system push-only robot, Bearer: HEAD manifest", _) => TokenAsync(replayer, "robot$syspush", "zsh8Ebq8vPoNGkJY6WWX73Bg6Xyo5pPh", $"repository:{repository}:pull,push"),
            ("push-only robot: POST upload Bearer", _) => TokenAsync(replayer, "robot$mirror+pushonly2", "exu0MYw9o6rhFsZ9HyiUVclD2ElUl9Vy", $"repository:{repository}:pull,push"),
            ("push-only robot, Bearer: HEAD manifest", _) => TokenAsync(replayer, "robot$mirror+pushonly3", "MZRI2gUqoORVoWak5I1fV6YX4HPTerPy", $"repository:{repository}:pull,push"),
            ("upload with that token", _) => TokenAsync(replayer, "robot$t-sys", "Dnrkgfe0RybEe4xxbIq9coirPsnaRbI6", $"repository:{repository}:pull,push"),
            ("mount, Bearer with both scopes", _) => TokenAsync(replayer, Robot, secret, $"repository:{repository}:pull,push&scope=repository:mirror/quay.io/centos/centos:pull"),
            _ => TokenAsync(replayer, Robot, secret, $"repository:{(repository.Length > 0 ? repository : "mirror/x")}:pull,push"),
        };
    }

    static async Task<string> TokenAsync(Replayer replayer, string user, string password, string scope)
    {
        var answer = await replayer.AskAsync("GET", $"/service/token?service=harbor-registry&scope={scope}", credentials: user.Length > 0 ? $"{user}:{password}" : null);
        return (string)((JObject)Json.Parse(answer.Body))["token"]!;
    }

    async Task BeginUploadAsync(Replayer replayer, RecordedExchange exchange, Match upload, string? content = null)
    {
        // One was begun in another repository than it was used in.
        var repository = exchange.Title == "upload session used under another repository" ? "mirror/quay.io/centos/centos" : upload.Groups[1].Value;
        var answer = await replayer.AskAsync("POST", $"/v2/{repository}/blobs/uploads/", credentials: Admin);
        if (content is not null)
            answer = await replayer.AskAsync("PATCH", new Uri(answer.Location!).PathAndQuery, content, Admin);
        var ours = answer.Location![(answer.Location!.LastIndexOf('/') + 1)..];
        begun[upload.Groups[2].Value] = ours;
        replayer.Substitutions.Learn(upload.Groups[2].Value, ours.Split('?')[0]);
        replayer.Substitutions.Learn($"{upload.Groups[2].Value}?_state=<opaque>", ours);
        replayer.Substitutions.Learn($"{upload.Groups[2].Value}?{exchange.Query.Split("&digest=")[0]}", ours);
    }

    /// <summary>The blobs of manifests were uploaded before; of most of them only digest and size are known.</summary>
    void PutBlobsOf(Replayer replayer, string repository, string manifest)
    {
        var document = (JObject)Json.Parse(manifest);
        foreach (var descriptor in (document["layers"] as JArray ?? []).Prepend(document["config"] ?? new JObject()).OfType<JObject>().Where(descriptor => descriptor["digest"] is not null))
        {
            var recorded = (string)descriptor["digest"]!;
            var bytes = recorded == EmptyJsonDigest ? "{}"u8.ToArray() : RecordedContent.Bytes(recorded, (int)descriptor["size"]!);
            if (replayer.Substitutions.Find(recorded) is null && recorded != EmptyJsonDigest)
                replayer.Substitutions.Learn(recorded, Digest.Sha256(bytes).ToString());
            var actual = Digest.Parse(replayer.Substitutions.Find(recorded) ?? recorded);
            if (server.State.Content.Blob(repository, actual) is null && actual == Digest.Sha256(bytes))
                server.State.Content.PutBlob(repository, actual, bytes);
        }
    }

    /// <summary>The uploads at the same time, of which only the results were written down; filled up to the usage that was reached.</summary>
    void PushFilling()
    {
        Push("mirror/partag", "1", ImageBuilder.Image([ImageBuilder.Layer("partag")]));
        var project = server.State.Project("mirror")!;
        var missing = 18033486 - server.State.Used(project);
        server.State.Content.PutBlob("mirror/partag", Digest.Sha256(RecordedContent.Bytes("filling", (int)missing)), RecordedContent.Bytes("filling", (int)missing));
    }

    void PushWithSkopeo(Replayer replayer, RecordedExchange exchange)
    {
        var (one, multi) = (ImageBuilder.Image([ImageBuilder.Layer("sk")]), ImageBuilder.MultiArch("sk"));
        foreach (var tag in new[] { "docker-multi", "docker-one", "oci-multi", "oci-one", "copy" })
            Push("mirror/sk/src", tag, tag is "oci-multi" or "copy" ? multi : one);
        foreach (var repository in new[] { "dst-oci-multi", "dst-docker-multi", "dst-docker-one", "dst-oci-one" })
            Push($"mirror/sk/{repository}", "1", one);
        server.State.Content.AddRepository("mirror/sk/r2r");
        replayer.Substitutions.Learn(exchange.ResponseHeader("Docker-Content-Digest")!, multi.Digest.ToString());
    }

    void Push(string repository, string tag, BuiltImage image)
    {
        foreach (var blob in image.AllBlobs)
            server.State.Content.PutBlob(repository, blob.Digest, blob.Bytes);
        foreach (var manifest in image.Manifests)
            server.State.Content.PutManifest(repository, manifest.Manifest, tag: null);
        server.State.Content.PutManifest(repository, image.Manifest, tag);
    }

    static Task BeforeSendAsync(Replayer replayer, RecordedExchange exchange, HttpRequestMessage request)
    {
        if (exchange.Title == "GET /v2/ no auth, other Host header")
            request.Headers.Host = "other.example.com";
        return Task.CompletedTask;
    }

    /// <summary>The recorder wrote down what tokens allow.</summary>
    static IEnumerable<string> CompareClaims(RecordedExchange exchange, string body)
    {
        if (Claims().Match(exchange.Remark) is not { Success: true } recorded || Json.TryParseObject(body)?["token"] is not { } token)
            yield break;
        var claims = (JObject)Json.Parse(Base64Url.DecodeFromChars(((string)token!).Split('.')[1]));
        var expected = (JObject)Json.Parse(recorded.Groups[1].Value);
        if (Rights(claims) != Rights(expected) || (string?)claims["sub"] != (string?)expected["sub"])
            yield return $"the token is for {(string?)claims["sub"]}: {Rights(claims)} instead of {(string?)expected["sub"]}: {Rights(expected)}";

        static string Rights(JObject claims) => string.Join(' ', (claims["access"] as JArray ?? []).Select(entry => $"{entry["name"]}:{string.Join(',', entry["actions"]!.Select(action => (string)action!).Order(StringComparer.Ordinal))}"));
    }

    [GeneratedRegex(@"/api/v2\.0/(?:robots|projects|users|registries|retentions)/\d+|/api/v2\.0/projects/\w+/immutabletagrules/\d+")]
    private static partial Regex NumberedPath();

    [GeneratedRegex(@"<jwt\d+>|eyJ\S+")]
    private static partial Regex JwtName();

    [GeneratedRegex("^/v2/(.+)/blobs/uploads/([0-9a-f-]{36})$")]
    private static partial Regex UploadPath();

    [GeneratedRegex("^/v2/(.+?)/(?:blobs|manifests|tags|referrers)/")]
    private static partial Regex RepositoryPath();

    [GeneratedRegex(@"claims (\{.*\})")]
    private static partial Regex Claims();
}
