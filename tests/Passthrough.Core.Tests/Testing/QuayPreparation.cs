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
    const string Manifests = "mirror/quay.io/manifests/test";
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
    };

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
            new("*", "/api/v1/superuser/.*", "our modules are no superuser's tool"),
            new("*", "/api/v1/user/apptoken.*", "a user's own passwords for programs; our modules make robots"),
            new("*", "/api/v1/user/robots.*", "robots of a user; ours belong to the organization"),
            new("*", "/api/v1/signin/verify", "our modules log in anew"),
            new("*", "/api/v1/organization/[^/]+/logs.*|/api/v1/messages|/oauth/localapp.*", "for people"),
        ],
        InventedKeys = new HashSet<string>(StringComparer.Ordinal)
        {
            "token", "access_token", "encrypted_password", "csrf_token", "id", "uuid", "client_id", "client_secret", "status_token", "token_code", "hash", "color", "created", "last_accessed", "last_modified",
            "expiration", "start_ts", "end_ts", "activating_user", "detail", "error_message",
        },
        UnorderedKeys = new HashSet<string>(StringComparer.Ordinal) { "repositories", "robots", "prototypes", "members", "permissions", "ordered_teams" },
        InventedText = Invented(),
        // The digest of a body that is not shown must be known before the address that names it is compared. The order in Allow is random on the real one.
        Headers = ["Docker-Content-Digest", "X-Next-CSRF-Token", .. new ReplayRules().Headers.Except(["Allow", "Docker-Content-Digest"])],
        Content = Content,
        BeforeSend = BeforeSendAsync,
        Compare = CompareClaims,
    };

    /// <summary>The answer of the token service without the cut: the token is compared by what it grants.</summary>
    public static RecordedExchange Readable(RecordedExchange exchange) =>
        exchange.Path == "/v2/auth" && exchange is { Status: 200, IsCut: true } ? exchange with { ResponseBody = """{"token":"x"}""", IsCut = false } : exchange;

    async Task BeforeSendAsync(Replayer replayer, RecordedExchange exchange, HttpRequestMessage request)
    {
        Learn(replayer);
        Switch(exchange);
        await PrepareAsync(replayer, exchange);
        Sign(replayer, exchange, request);
        await AuthorizeAsync(replayer, exchange, request);
        if (exchange.Method == "PUT" && ManifestPath().Match(exchange.Path) is { Success: true } path && request.Content is not null)
            AddBlobs(path.Groups["name"].Value, exchange, await request.Content.ReadAsStringAsync());
        if (Upload().Match(exchange.Path) is { Success: true } upload && !upload.Groups["id"].Value.StartsWith("00000000", StringComparison.Ordinal) && replayer.Substitutions.Find(upload.Groups["id"].Value) is null)
        {
            replayer.Substitutions.Learn(upload.Groups["id"].Value, fake.StartUpload(upload.Groups["name"].Value));
            request.RequestUri = new Uri(fake.Address, replayer.Substitutions.Apply(exchange.Target));
        }

        previous = exchange;
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

    static string UserOf(RecordedExchange exchange, string cookie) => (exchange.Section.Split(' ')[0], cookie[..9]) switch
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
            replayer.Substitutions.Learn(recorded, fake.AddToken("init", scope.Value));
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
        var actor = title.Contains("without rights", StringComparison.Ordinal) ? Robot(replayer, "norights")
            : title.Contains("user init", StringComparison.Ordinal) || title.Contains("owner", StringComparison.Ordinal) || title.Contains("token for it", StringComparison.Ordinal) || repository?.StartsWith("mirror/", StringComparison.Ordinal) != true ? "init:Init-Password-1"
            : Robot(replayer, "ocp_mirror");
        if (exchange.Path.StartsWith("/v2/_catalog", StringComparison.Ordinal) && title.Contains("robot", StringComparison.Ordinal))
            actor = Robot(replayer, "ocp_mirror");
        var actions = title.Contains("pull-only", StringComparison.Ordinal) || title.Contains("pull token", StringComparison.Ordinal) || title.Contains("token for it", StringComparison.Ordinal) ? "pull" : "pull,push";
        var service = title.Contains("without service", StringComparison.Ordinal) ? "" : title.Contains("no port", StringComparison.Ordinal) ? "service=registry.example.com" : "service=registry.example.com:8443";
        var scopes = repository is null ? "" : title.Contains("not in the token's scope", StringComparison.Ordinal) ? $"&scope=repository:{Centos}:pull,push" : $"&scope=repository:{repository}:{actions}";
        if (from is not null && !title.Contains("only the target", StringComparison.Ordinal) && !title.Contains("not cover", StringComparison.Ordinal))
            scopes += $"&scope=repository:{from}:pull";
        var (_, body) = await replayer.AskAsync("GET", $"/v2/auth?{service}{scopes}", credentials: actor);
        return (string?)Json.TryParseObject(body)?["token"] ?? throw new InvalidOperationException($"{exchange}: no token: {body}");
    }

    string Robot(Replayer replayer, string name) => $"mirror+{name}:{fake.RobotToken($"mirror+{name}")}";

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
        else if (exchange.Title.Contains("after the lock", StringComparison.Ordinal))
            fake.Clock.Advance(TimeSpan.FromSeconds(12));
        if (!prepared.Add("section " + section))
            return;
        settings.RedisIsUp = section != "1b.";
        settings.RegistryIsUp = section is not ("1c." or "1d.");
        settings.WebIsUp = section != "1d.";
        settings.QuotaManagement = section is "8b." or "9.12" or "8e." or "9.12b" or "8f.";
        settings.ProxyCache = settings.AutoPrune = settings.SuperusersFullAccess = section is "8b." or "9.12";
        var isOdd = section is "8c." or "CREATE_NAMESPACE_ON_PUSH" or "9.13";
        settings.RobotsDisallow = isOdd || section == "9.16";
        settings.SuperusersOrgCreationOnly = isOdd;
        settings.UserInitialize = settings.UserCreation = settings.AnonymousAccess = settings.CreateNamespaceOnPush = settings.ExtendedRepositoryNames = settings.ReferrersApi = !isOdd;
        settings.FreshLogin = section == "8g." ? TimeSpan.FromSeconds(1) : TimeSpan.FromDays(1);
    }

    async Task PrepareAsync(Replayer replayer, RecordedExchange exchange)
    {
        if (exchange.Section.StartsWith("9.1 ", StringComparison.Ordinal) && prepared.Add("norights"))
        {
            fake.AddRobot("mirror", "norights");
            replayer.Substitutions.Learn("KU5PM0C8FML06KYHL2EDJNOD33T07DU7ES2V48673BCFKJOKHKVVHEU5SVMT783Q", fake.RobotToken("mirror+norights")!);
        }

        await Task.CompletedTask;
    }

    static IEnumerable<string> CompareClaims(RecordedExchange recorded, string body)
    {
        if (Claims().Match(recorded.Remarks) is not { Success: true } claims)
            return [];
        var actual = TokenClaims.TryParse((string?)Json.TryParseObject(body)?["token"])!.Payload;
        var differences = new List<string>();
        if ((string?)actual["sub"] != claims.Groups["sub"].Value)
            differences.Add($"claim sub: {actual["sub"]} instead of {claims.Groups["sub"].Value}");
        if (!JToken.DeepEquals(actual["access"], Json.Parse(claims.Groups["access"].Value)))
            differences.Add($"claim access: {Json.Compact(actual["access"]!)} instead of {claims.Groups["access"].Value}");
        return differences;
    }

    static byte[]? Content(string body) => body switch
    {
        "@blob(10000 bytes)" => Layer,
        "@chunk1(5000)" => Layer[..5000],
        "@chunk2(5000)" => Layer[5000..],
        _ => RecordedContent.Of(body),
    };

    static byte[] Layer => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("layer-one-", 1000)));

    [GeneratedRegex("(?<![A-Za-z0-9_-])(?=[A-Fa-f0-9]*[G-Zg-z_-])[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])|(?<=access_token=)[A-Za-z0-9]{40}|(?<=next_page=)[A-Za-z0-9_=%-]+")]
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
