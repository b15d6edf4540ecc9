using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Testing.Registries.Quay;
using Passthrough.Testing.Replay;

namespace Passthrough.Core.Tests.Testing;

/// <summary>What the recorder of Quay did without showing it: sessions, tokens, blobs; and what it switched on and off between the sections.</summary>
sealed partial class QuayPreparation(QuayFake fake)
{
    const string Organization = "/api/v1/organization/mirror";
    const string Centos = "mirror/quay.io/centos/centos";

    public static readonly Uri PublicAddress = new("https://registry.example.com:8443/");

    /// <summary>OAuth tokens that the recorder made with one scope each, by how they begin.</summary>
    static readonly Dictionary<string, string> Scopes = new(StringComparer.Ordinal)
    {
        ["VxDy6p"] = "repo:admin",
        ["9ToF0S"] = "org:admin",
        ["q3NoQ4"] = "user:admin",
        ["mTf9KQ"] = "repo:write",
        ["PqhzSB"] = "repo:read",
        ["zPrQDs"] = "repo:create",
        ["xeNgrD"] = "org:admin user:admin user:read",
    };

    /// <summary>The uploads whose content is the same layer, whole or in pieces.</summary>
    static readonly string[] OfFirstLayer = ["dc72f0a9", "b896955b"];

    readonly Dictionary<string, string> cookies = new(StringComparer.Ordinal);
    readonly HashSet<string> prepared = new(StringComparer.Ordinal);
    RecordedExchange? previous;

    public ReplayRules Rules => new()
    {
        LeftOut =
        [
            new("*", "/api/v1/discovery.*", "its own documentation, 172 kB; nobody of us reads it"),
            new("*", "/api/v1/error/.*", "its own documentation"),
            new("*", "/oauth/.*|/api/v1/user/authorizations", "how a person makes a token; our modules get one"),
            new("*", "/api/v1/organization/[^/]+/applications.*", "how a person makes a token; our modules get one"),
            new("*", "/api/v1/superuser/(?!takeownership).*", "our modules are no superuser's tool"),
            new("*", "/api/v1/user/apptoken.*", "a user's own passwords for programs; our modules make robots"),
            new("GET", "/v2/auth.*", "a user's own passwords for programs; our modules make robots", "app token|revoked token"),
            new("GET", "/api/v1/organization/mirror/robots.*", "its token was made by a page that is left out", "/ it works$"),
            new("PUT", "/v2/.+/blobs/uploads/.+", "the PATCH before it is not shown", "PATCH 5000 then PUT with the last chunk"),
            new("*", "/api/v1/signin/verify", "our modules log in anew"),
            new("GET", "/api/v1/repository/.+/manifest/.+", "manifests are read from /v2/"),
            new("*", "/api/v1/organization/[^/]+/logs.*|/api/v1/messages|/oauth/localapp.*", "for people"),
        ],
        KnownDifferences =
        [
            new("*", "/v2/.+/manifests/[^:]+", "a manifest of schema1 that it makes is signed, so its digest is another each time; ours is not signed", "without Accept|Accept docker only|Accept OCI only|Accept schema1 only|Accept \\*/\\*"),
            new("GET", "/v2/auth.*scope=repository:mirror:pull", "a name without namespace: what it grants there depends on what is in a cache", "scope form"),
            new("GET", "/v2/_catalog\\?n=.*", "lists repositories that the recorder made and removed without showing it", "n=5000|follow Link verbatim"),
            new("GET", "/health/instance", "tells a superuser more; our modules ask as nobody", "admin .superuser. session"),
        ],
        InventedKeys = new HashSet<string>(StringComparer.Ordinal)
        {
            "token", "access_token", "encrypted_password", "csrf_token", "id", "uuid", "client_id", "client_secret", "status_token", "token_code", "hash", "color", "created", "last_accessed", "last_modified",
            "expiration", "start_ts", "end_ts", "activating_user", "detail", "error_message", "quota_bytes",
        },
        UnorderedKeys = new HashSet<string>(StringComparer.Ordinal) { "repositories", "robots", "prototypes", "members", "permissions", "ordered_teams", "organizations" },
        InventedText = Invented(),
        // The digest of a body that is not shown must be known before the address that names it is compared. The order in Allow is random on the real one.
        Headers = ["Docker-Content-Digest", "X-Next-CSRF-Token", .. new ReplayRules().Headers.Except(["Allow", "Docker-Content-Digest"])],
        Content = Content,
        Before = BeforeAsync,
        BeforeSend = BeforeSendAsync,
        AlsoCompare = CompareClaims,
    };

    /// <summary>The answer of the token service without the cut: the token is compared by what it grants.</summary>
    public static RecordedExchange Readable(RecordedExchange exchange)
    {
        if (exchange is { Path: "/v2/auth", Status: 200, IsCut: true })
            return exchange with { ResponseBody = """{"token":"x"}""", IsCut = false };
        // The recorder cut every upload's content from another text, and calls the pieces alike.
        if (Upload().Match(exchange.Path) is { Success: true } upload && exchange.Body?.StartsWith('@') == true)
        {
            if (OfFirstLayer.Contains(upload.Groups["id"].Value[..8]))
                return exchange with { Body = exchange.Body switch { "@chunk1(5000)" => "@layer[0:5000](5000 bytes)", "@chunk2(5000)" => "@layer[5000:10000](5000 bytes)", _ => "@layer(10000 bytes)" } };
            return exchange with { Body = exchange.Body.Insert(exchange.Body.AsSpan().IndexOfAny('[', '('), "_" + upload.Groups["id"].Value[..8]) };
        }

        return exchange with { Body = Expand(exchange.Body), ResponseBody = Expand(exchange.ResponseBody)! };

        static string? Expand(string? text) => text?.Replace("(a/){100}a", string.Concat(Enumerable.Repeat("a/", 100)) + "a", StringComparison.Ordinal);
    }

    async Task BeforeAsync(Replayer replayer, RecordedExchange exchange)
    {
        Learn(replayer);
        Switch(exchange);
        await PrepareAsync(replayer, exchange);
        if (Upload().Match(exchange.Path) is { Success: true } upload && !upload.Groups["id"].Value.StartsWith("00000000", StringComparison.Ordinal) && replayer.Substitutions.Find(upload.Groups["id"].Value) is null)
            replayer.Substitutions.Learn(upload.Groups["id"].Value, fake.StartUpload(upload.Groups["name"].Value));
        if (exchange is { Method: "POST", Status: 201, Body: { } body } && Regex.Match(exchange.Query, "^digest=(sha256[:%].*)$") is { Success: true } digest && Content(body) is { } bytes)
            replayer.Substitutions.Learn(digest.Groups[1].Value, Core.Oci.Digest.Sha256(bytes).ToString());
        previous = exchange;
    }

    async Task BeforeSendAsync(Replayer replayer, RecordedExchange exchange, HttpRequestMessage request)
    {
        Sign(replayer, exchange, request);
        await AuthorizeAsync(replayer, exchange, request);
        if (exchange.Method == "PUT" && ManifestPath().Match(exchange.Path) is { Success: true } path && request.Content is not null)
            AddBlobs(path.Groups["name"].Value, exchange, await request.Content.ReadAsStringAsync());
    }

    // Which live session an answer's cookie stands for: the one that has the CSRF token of the same answer.
    void Learn(Replayer replayer)
    {
        if (previous?.ResponseHeader("Set-Cookie") is not { } cookie || !cookie.StartsWith("_csrf_token=", StringComparison.Ordinal))
            return;
        var csrf = previous.ResponseHeader("X-Next-CSRF-Token") ?? (string?)Json.TryParseObject(previous.ResponseBody)?["csrf_token"];
        if (csrf is not null && replayer.Substitutions.Find(csrf) is { } actual && fake.CookieOf(actual) is { } live)
            cookies[Beginning(cookie["_csrf_token=".Length..])] = live;
    }

    static string Beginning(string cookie) => cookie.Length > 10 ? cookie[..10] : cookie.TrimEnd('…');

    /// <summary>The cookie and the CSRF token that stand for the recorded ones, which are cut.</summary>
    void Sign(Replayer replayer, RecordedExchange exchange, HttpRequestMessage request)
    {
        var csrf = exchange.Header("X-CSRF-Token");
        var liveCsrf = csrf is null ? null : replayer.Substitutions.Find(csrf);
        if (exchange.Header("Cookie") is { } header)
        {
            var beginning = Beginning(header["_csrf_token=".Length..]);
            var isAnonymous = beginning.StartsWith("eyJ", StringComparison.Ordinal);
            if (csrf is { Length: > 10 } && liveCsrf is null)
            {
                (cookies[beginning], liveCsrf) = fake.StartSession(isAnonymous ? null : UserOf(exchange, beginning));
                replayer.Substitutions.Learn(csrf, liveCsrf);
                // The recorder waited until no login was fresh.
                if (exchange.Section.StartsWith("8g.", StringComparison.Ordinal))
                    fake.Clock.Advance(TimeSpan.FromSeconds(2));
            }
            else if (!cookies.ContainsKey(beginning))
            {
                cookies[beginning] = (liveCsrf is null ? null : fake.CookieOf(liveCsrf)) ?? fake.StartSession(isAnonymous ? null : UserOf(exchange, beginning)).Cookie;
            }

            request.Headers.Remove("Cookie");
            request.Headers.TryAddWithoutValidation("Cookie", "_csrf_token=" + (isAnonymous && liveCsrf is not null ? fake.CookieOf(liveCsrf) : cookies[beginning]));
        }

        if (liveCsrf is not null)
        {
            request.Headers.Remove("X-CSRF-Token");
            request.Headers.TryAddWithoutValidation("X-CSRF-Token", liveCsrf);
        }
    }

    static string UserOf(RecordedExchange exchange, string cookie) => (exchange.Section.Split(' ')[0], cookie[..10]) switch
    {
        ("3b.", _) or ("5." or "6.", ".eJw9jk1rw") => "dev",
        ("3d.", ".eJw9jltrw") or ("8.", ".eJw9jl1rA") or ("8b." or "8e." or "8f.", ".eJw9jktrw") => "admin",
        _ => "init",
    };

    async Task AuthorizeAsync(Replayer replayer, RecordedExchange exchange, HttpRequestMessage request)
    {
        if (exchange.Header("Authorization") is not { } header || !header.StartsWith("Bearer ", StringComparison.Ordinal))
            return;
        var recorded = header["Bearer ".Length..];
        if (Scopes.FirstOrDefault(scope => recorded.StartsWith(scope.Key, StringComparison.Ordinal)) is { Key: not null } scope && replayer.Substitutions.Find(recorded) is null)
            replayer.Substitutions.Learn(recorded, fake.AddToken("init", scope.Value.Split(' ')));
        if (recorded.StartsWith("eyJ", StringComparison.Ordinal))
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(replayer, exchange));
        else if (replayer.Substitutions.Find(recorded) is { } actual)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", actual);
    }

    /// <summary>The registry token that a headline speaks of; usually that of the robot that pushes.</summary>
    async Task<string> TokenAsync(Replayer replayer, RecordedExchange exchange)
    {
        var (title, repository) = (exchange.Title, Repository().Match(exchange.Path) is { Success: true } match ? match.Groups["name"].Value : null);
        var from = Regex.Match(exchange.Query, "from=([^&]+)") is { Success: true } source ? source.Groups[1].Value : null;
        var actor = title.Contains("without rights", StringComparison.Ordinal) ? Robot("norights")
            : title.Contains("user dev", StringComparison.Ordinal) ? "dev:Dev-Password-1"
            : title.Contains("user init", StringComparison.Ordinal) || title.Contains("owner", StringComparison.Ordinal) || title.Contains("token for it", StringComparison.Ordinal) || repository?.StartsWith("mirror/", StringComparison.Ordinal) != true ? "init:Init-Password-1"
            : Robot("ocp_mirror");
        if (exchange.Path.StartsWith("/v2/_catalog", StringComparison.Ordinal) && title.Contains("robot", StringComparison.Ordinal))
            actor = Robot("ocp_mirror");
        var actions = title.Contains("pull-only", StringComparison.Ordinal) || title.Contains("pull token", StringComparison.Ordinal) || title.Contains("token for it", StringComparison.Ordinal) || title == "GET its tags" ? "pull" : "pull,push";
        var service = title.Contains("without service", StringComparison.Ordinal) ? "" : title.Contains("no port", StringComparison.Ordinal) ? "service=registry.example.com" : "service=registry.example.com:8443";
        var scopes = repository is null ? "" : title.Contains("not in the token's scope", StringComparison.Ordinal) ? $"&scope=repository:{Centos}:pull,push" : $"&scope=repository:{repository}:{actions}";
        if (from is not null && !title.Contains("only the target", StringComparison.Ordinal) && !title.Contains("not cover", StringComparison.Ordinal))
            scopes += $"&scope=repository:{from}:pull";
        var (_, body, _) = await replayer.AskAsync("GET", $"/v2/auth?{service}{scopes}", credentials: actor);
        return (string?)Json.TryParseObject(body)?["token"] ?? throw new InvalidOperationException($"{exchange}: no token: {body}");
    }

    string Robot(string name) => $"mirror+{name}:{fake.RobotToken($"mirror+{name}")}";

    // What the real server missed is not among the blobs: its answer names it.
    void AddBlobs(string repository, RecordedExchange exchange, string body)
    {
        if (!fake.HasRepository(repository) || Json.TryParseObject(body) is not { } manifest || manifest["config"] is not JObject config)
            return;
        foreach (var digest in (manifest["layers"] ?? new JArray()).Append(config).Select(blob => (string?)blob["digest"]).OfType<string>())
        {
            if (!exchange.ResponseBody.Contains(digest, StringComparison.Ordinal))
                fake.AddBlob(repository, digest, Encoding.UTF8.GetBytes(digest));
        }
    }

    /// <summary>How the server was configured when a section was recorded, and how long the recorder waited.</summary>
    void Switch(RecordedExchange exchange)
    {
        var (section, settings) = (exchange.Section.Split(' ')[0], fake.Settings);
        // A lock lasts for seconds; the recorder was slow, but where it wanted to see one.
        if (section != "2d." && !exchange.Title.Contains("directly after", StringComparison.Ordinal) && !exchange.Title.Contains("at the same time", StringComparison.Ordinal))
            fake.Clock.Advance(TimeSpan.FromSeconds(section == "8g." ? 2 : 15));
        else if (exchange.Title.Contains("directly after", StringComparison.Ordinal))
            fake.Clock.Advance(TimeSpan.FromSeconds(1));
        else if (exchange.Title.Contains("after the lock", StringComparison.Ordinal))
            fake.Clock.Advance(TimeSpan.FromSeconds(12));
        if (!prepared.Add("section " + section))
            return;
        settings.RedisIsUp = section != "1b.";
        settings.RegistryIsUp = section is not ("1c." or "1d.");
        settings.WebIsUp = section != "1d.";
        settings.QuotaManagement = section is "8b." or "9.12" or "8e." or "9.12b" or "8f.";
        settings.IsCounted = section is not ("8b." or "9.12");
        settings.ProxyCache = settings.AutoPrune = settings.SuperusersFullAccess = section is "8b." or "9.12";
        var isOdd = section is "8c." or "9.13";
        settings.RobotsDisallow = isOdd || section == "9.16";
        settings.SuperusersOrgCreationOnly = isOdd;
        settings.UserInitialize = settings.UserCreation = settings.AnonymousAccess = settings.CreateNamespaceOnPush = settings.ExtendedRepositoryNames = settings.ReferrersApi = !isOdd;
        settings.FreshLogin = section == "8g." ? TimeSpan.FromSeconds(1) : TimeSpan.FromDays(1);
    }

    async Task PrepareAsync(Replayer replayer, RecordedExchange exchange)
    {
        const string Elsewhere = "/api/v1/repository/mirror/quay.io/damaged/elsewhere";
        switch (exchange.Title)
        {
            case "token with pull,push for a READ_ONLY repository":
                await ApiAsync(replayer, "PUT", $"{Elsewhere}/changestate", """{"state":"READ_ONLY"}""");
                break;
            case "one PATCH + empty PUT: GET blob back":
                fake.AddBlob(Centos, "sha256:6a4ec44c4918986dc01dbf0a755a990adc49fbbcf98969725696b3dd34ce0e9c", new byte[10000]);
                break;
            case "token for a deleted repository (no GC worker ran)":
                await ApiAsync(replayer, "DELETE", Elsewhere);
                break;
            default:
                break;
        }

        var section = exchange.Section.Split(' ')[0];
        if (!prepared.Add(section))
            return;
        switch (section)
        {
            case "6.":
                foreach (var prototype in (await ApiAsync(replayer, "GET", $"{Organization}/prototypes"))["prototypes"]!)
                    await ApiAsync(replayer, "DELETE", $"{Organization}/prototypes/{prototype["id"]}");
                break;
            case "7b.":
                await ApiAsync(replayer, "PUT", $"{Organization}/team/scopeteam", """{"role":"creator","description":""}""");
                break;
            case "9.1":
                fake.AddRobot("mirror", "norights");
                replayer.Substitutions.Learn("KU5PM0C8FML06KYHL2EDJNOD33T07DU7ES2V48673BCFKJOKHKVVHEU5SVMT783Q", fake.RobotToken("mirror+norights")!);
                break;
            case "9.3":
                await ApiAsync(replayer, "DELETE", $"/api/v1/repository/{Centos}");
                await ApiAsync(replayer, "POST", $"{Organization}/prototypes", """{"role":"write","delegate":{"name":"mirror+r4","kind":"user"}}""");
                break;
            case "8b.":
                foreach (var name in new[] { "proxyorg", "proxyorg2" })
                    await ApiAsync(replayer, "POST", "/api/v1/organization/", $$"""{"name":"{{name}}"}""");
                fake.AddRepository("proxyorg2/x");
                break;
            case "9.12":
                await ApiAsync(replayer, "POST", "/api/v1/organization/proxyorg2/proxycache", """{"org_name":"proxyorg2","upstream_registry":"upstream.example.com:5000"}""");
                break;
            case "8g.":
                foreach (var name in new[] { "fresh", "fresh2" }.Where(name => !exchange.Body!.Contains($"\"{name}\"", StringComparison.Ordinal)))
                    await ApiAsync(replayer, "POST", "/api/v1/organization/", $$"""{"name":"{{name}}"}""");
                break;
            case "9.14":
                fake.AddRepository("mirror/quay.io/many/tags", maker: "mirror+ocp_mirror");
                for (var i = 0; i < 120; i++)
                    await PutAsync(replayer, "mirror/quay.io/many/tags", $"t{i:000}");
                for (var i = 0; i < 100; i++)
                    fake.AddRepository($"mirror/quay.io/many/r{i:000}");
                break;
            case "8e.":
                await ApiAsync(replayer, "POST", $"{Organization}/quota", """{"limit_bytes":5000}""", "admin");
                await ApiAsync(replayer, "POST", $"{Organization}/quota/{await QuotaAsync(replayer)}/limit", """{"type":"Reject","threshold_percent":100}""", "admin");
                break;
            case "9.12b":
                await ApiAsync(replayer, "PUT", $"{Organization}/quota/{await QuotaAsync(replayer)}", """{"limit_bytes":1000}""", "admin");
                break;
            default:
                break;
        }
    }

    async Task<JToken> QuotaAsync(Replayer replayer) => (await ApiAsync(replayer, "GET", $"{Organization}/quota"))[0]!["id"]!;

    async Task<JToken> ApiAsync(Replayer replayer, string method, string path, string? body = null, string user = "init")
    {
        var (cookie, csrf) = fake.StartSession(user);
        var (status, text, _) = await replayer.AskAsync(method, path, body, headers: [("Cookie", $"_csrf_token={cookie}"), ("X-CSRF-Token", csrf), ("Content-Type", "application/json")]);
        Assert.True(status is >= 200 and < 300, $"{method} {path}: {status} {text}");
        return text.Length == 0 ? JValue.CreateNull() : Json.Parse(text);
    }

    async Task PutAsync(Replayer replayer, string repository, string tag)
    {
        var manifest = Encoding.UTF8.GetString(Manifest(600));
        foreach (Match digest in Regex.Matches(manifest, "sha256:[0-9a-f]{64}"))
            fake.AddBlob(repository, digest.Value, Encoding.UTF8.GetBytes(digest.Value));
        var (_, token, _) = await replayer.AskAsync("GET", $"/v2/auth?service={PublicAddress.Authority}&scope=repository:{repository}:pull,push", credentials: Robot("ocp_mirror"));
        var (status, text, _) = await replayer.AskAsync("PUT", $"/v2/{repository}/manifests/{tag}", manifest, headers: [("Authorization", $"Bearer {Json.TryParseObject(token)!["token"]}"), ("Content-Type", Core.Oci.MediaTypes.OciManifest)]);
        Assert.True(status == 201, text);
    }

    static IEnumerable<string> CompareClaims(RecordedExchange recorded, string body)
    {
        if (Claims().Match(recorded.Remark) is not { Success: true } claims)
            return [];
        var actual = TokenClaims.TryParse((string?)Json.TryParseObject(body)?["token"])!.Payload;
        var differences = new List<string>();
        if ((string?)actual["sub"] != claims.Groups["sub"].Value)
            differences.Add($"claim sub: {actual["sub"]} instead of {claims.Groups["sub"].Value}");
        if (!JToken.DeepEquals(actual["access"], Json.Parse(claims.Groups["access"].Value)))
            differences.Add($"claim access: {Json.Compact(actual["access"]!)} instead of {claims.Groups["access"].Value}");
        return differences;
    }

    static byte[]? Content(string body) =>
        Regex.Match(body, @"^@manifest\((\d+) bytes\)$") is { Success: true } manifest ? Manifest(int.Parse(manifest.Groups[1].ValueSpan, CultureInfo.InvariantCulture)) : RecordedContent.Of(body);

    static byte[] Manifest(int size)
    {
        const string Beginning = """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":273,"digest":"sha256:5d994b7b879327876401c6d090e32b5b4ec10e4f424f68f27ef9c7b3b54cad6b"},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":100,"digest":"sha256:314737d6b851569b420121e234ead5439fb727fe856c1b81fcaef7cc04b3c830"}],"annotations":{"pad":""";
        return Encoding.UTF8.GetBytes($"{Beginning}\"{new string('p', size - Beginning.Length - 4)}\"}}}}");
    }

    [GeneratedRegex("(?<![A-Za-z0-9_-])(?=[A-Fa-f0-9]*[G-Zg-z_-])[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])|(?<=access_token=)[A-Za-z0-9]{40}|(?<=next_page=)[A-Za-z0-9_=%-]+|\n\nFailed validating[\\s\\S]*$")]
    private static partial Regex Invented();

    [GeneratedRegex("^/v2/(?<name>.*)/manifests/[^/]+$", RegexOptions.ExplicitCapture)]
    private static partial Regex ManifestPath();

    [GeneratedRegex("^/v2/(?<name>.*)/(?:blobs|manifests|tags|referrers)/", RegexOptions.ExplicitCapture)]
    private static partial Regex Repository();

    [GeneratedRegex("^/v2/(?<name>.*)/blobs/uploads/(?<id>[0-9a-f-]{36})$", RegexOptions.ExplicitCapture)]
    private static partial Regex Upload();

    [GeneratedRegex("\"sub\": \"(?<sub>[^\"]*)\", \"access\": (?<access>\\[.*?\\]), \"context\"", RegexOptions.ExplicitCapture)]
    private static partial Regex Claims();
}
