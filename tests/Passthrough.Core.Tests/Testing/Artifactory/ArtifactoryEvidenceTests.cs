using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries.Artifactory;

namespace Passthrough.Core.Tests.Testing.Artifactory;

/// <summary>
/// Our Artifactory is held against every answer of a real one that somebody recorded, as far as our modules or skopeo would meet it: status, type, the headers that
/// matter, the shape of the body and its words. The rest of the records stand below with the reason why they are not.
/// </summary>
public sealed partial class ArtifactoryEvidenceTests
{
    const string Admin = "admin";
    const string Password = "Artifact0ry!pass";
    const string Repositories = "artifactory/api/repositories";
    const string Tokens = "access/api/v1/tokens";

    static readonly BuiltImage Image = ImageBuilder.Image([ImageBuilder.Layer("evidence")]);

    static readonly IReadOnlyDictionary<string, JObject> Records =
        ((JArray)Json.Parse(File.ReadAllText(Fixtures.PathOf("artifactory-evidence.json")))["records"]!).OfType<JObject>().ToDictionary(record => (string)record["id"]!, StringComparer.Ordinal);

    /// <summary>How each record is brought about. What is sent is what the record says was sent.</summary>
    static readonly Dictionary<string, Func<Stage, Task<HttpRequestMessage>>> Held = new(StringComparer.Ordinal)
    {
        ["hdr-modern"] = stage => stage.Get("artifactory/api/system/version", Bearer(stage.AdminToken)),
        ["ping-ok"] = stage => stage.Get("artifactory/api/system/ping", stage.Basic),
        ["router-health-ok"] = stage => stage.Get("router/api/v1/system/health"),
        ["router-health-503"] = stage =>
        {
            foreach (var service in new[] { "jfac", "jfevt", "jffe", "jfmd", "jfrt" })
                stage.Server.Ill[service] = "Service is healthy; there are missing services: jffe";
            return stage.Get("router/api/v1/system/health");
        },
        ["access-401"] = stage => stage.Get("access/api/v1/system/ping", WrongPassword),
        ["license-jcr"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Jcr)).Get("artifactory/api/system/licenses", stage.Basic),
        ["oss-gate-read"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Oss)).Get($"{Repositories}/configurations", stage.Basic),
        ["oss-gate-2026"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Jcr)).Get($"{Repositories}/mirror", stage.Basic),
        ["oss-gate-put"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Oss)).Send("PUT", $"{Repositories}/mirror", stage.Basic, """{"rclass":"local"}"""),
        ["jcr-delete-gate"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Jcr)).Send("DELETE", $"{Repositories}/mirror", stage.Basic),
        ["jcr-list"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Jcr)).Get(Repositories, stage.Basic),
        ["repo-create"] = stage => stage.Send("PUT", $"{Repositories}/mirror", stage.Basic, """{"rclass":"local","packageType":"docker"}"""),
        ["repo-exists"] = stage => stage.WithRepository().Send("PUT", $"{Repositories}/MIRROR", stage.Basic, """{"rclass":"local","packageType":"generic"}"""),
        ["repo-get"] = stage => stage.WithRepository(package: "generic").Get($"{Repositories}/mirror", stage.Basic),
        ["repo-get-missing"] = stage => stage.Get($"{Repositories}/nope", stage.Basic),
        ["repo-head-missing"] = stage => stage.Send("HEAD", $"{Repositories}/nope", stage.Basic),
        ["repo-v2-get-missing"] = stage => stage.Get("artifactory/api/v2/repositories/nope", stage.Basic),
        ["repo-nonadmin"] = stage => stage.Get($"{Repositories}/configurations", stage.User()),
        ["repo-delete"] = stage =>
        {
            stage.WithRepository();
            foreach (var image in new[] { "a", "b" })
                stage.Server.Content.PutManifest($"mirror/{image}", Image.Manifest, "v1");
            return stage.Send("DELETE", $"{Repositories}/mirror?deleteContent=true", stage.Basic);
        },
        ["concurrent-config"] = stage =>
        {
            stage.Server.MergeConflicts = 1;
            return stage.Send("PUT", $"{Repositories}/mirror", stage.Basic, """{"rclass":"local"}""");
        },
        ["token-vault-create"] = stage => stage.Send("POST", Tokens, Bearer(stage.AdminToken), """{"grant_type":"client_credentials","username":"v-jenkins-x4mohTA8","scope":"applied-permissions/groups:automation","expires_in":0}"""),
        ["token-jcr-artifact"] = async stage => await (await stage.WithEdition(ArtifactoryEdition.Jcr)).Send("POST", Tokens, Bearer(stage.AdminToken), """{"scope":"artifact:mirror/app/**:r,w","expires_in":600}"""),
        ["token-scope-two"] = stage => stage.Send("POST", Tokens, Bearer(stage.AdminToken), """{"username":"x","scope":"applied-permissions/groups:a applied-permissions/groups:b"}"""),
        ["token-short"] = stage => stage.Send("POST", Tokens, Bearer(stage.AdminToken), """{"username":"x","scope":"applied-permissions/groups:readers","expires_in":3600}"""),
        ["token-revoke-short"] = stage =>
        {
            stage.Server.MintToken("x", "applied-permissions/groups:readers", TimeSpan.FromHours(4));
            return stage.Send("DELETE", $"{Tokens}/{stage.Server.StoredTokens.Single(token => token.User == "x").Id}", Bearer(stage.AdminToken));
        },
        ["token-expired-access"] = stage => stage.Get($"{Tokens}/me", Bearer(stage.ExpiredToken())),
        ["auth-bad-basic"] = stage => stage.Get("v2/", WrongPassword),
        ["auth-anon"] = stage => stage.Get("artifactory/api/system/ping"),
        ["auth-unknown-bearer"] = stage => stage.Get("v2/", Bearer("garbage")),
        ["auth-expired-bearer"] = stage => stage.Get("v2/", Bearer(stage.ExpiredToken())),
        ["auth-revoked-bearer"] = stage =>
        {
            var token = stage.Server.MintToken();
            stage.Server.RevokeToken(token);
            return stage.Get("artifactory/api/system/ping", Bearer(token));
        },
        ["auth-lockout"] = async stage =>
        {
            for (var i = 0; i < 2; i++)
                Assert.Equal(401, (int)(await stage.Client.SendAsync(await stage.Get("v2/token", WrongPassword))).StatusCode);
            return await stage.Get("v2/token", WrongPassword);
        },
        ["v2-anon-direct"] = stage => stage.Get("v2/"),
        ["v2-anon-proxied-path"] = stage => stage.WithRepository("docker-local").Send("HEAD", $"artifactory/api/docker/docker-local/v2/someproduct/someimage/blobs/{Digest.Sha256([1])}"),
        ["v2-token"] = stage => stage.Get($"v2/token?service={stage.Server.Name}&scope=repository:mirror/app:pull&account=admin", stage.Basic),
        ["v2-ok"] = stage => stage.Get("v2/", Bearer(stage.AdminToken)),
        ["v2-wrong-path"] = stage => stage.WithRepository().Get("mirror/v2/", stage.Basic),
        ["v2-no-such-repokey"] = stage => stage.Send("POST", "v2/app/blobs/uploads/", stage.Basic),
        ["v2-api-nokey"] = stage => stage.WithRepository("docker-local").Get("artifactory/api/docker/v2/docker-local/client/tags/list", stage.Basic),
        ["v2-manifest-get"] = stage => stage.WithImage("mirror/busybox", "t1", index: true).Get("v2/mirror/busybox/manifests/t1", stage.Basic, MediaTypes.Manifests),
        ["v2-manifest-head"] = stage => stage.WithImage("mirror/busybox", "t1").Send("HEAD", $"v2/mirror/busybox/manifests/{Image.Digest}", stage.Basic, accept: MediaTypes.Manifests),
        ["v2-manifest-noaccept"] = stage => stage.WithImage("mirror/busybox", "t1").Send("HEAD", $"v2/mirror/busybox/manifests/{Image.Digest}", stage.Basic),
        ["v2-manifest-unknown"] = stage => stage.WithRepository().Get("v2/mirror/app/manifests/nope", stage.Basic, MediaTypes.Manifests),
        ["v2-blob-unknown"] = stage => stage.WithRepository().Get($"v2/mirror/app/blobs/{Digest.Sha256([2])}", stage.Basic),
        ["v2-blob-get"] = stage =>
        {
            stage.WithRepository("docker-local").Server.Content.PutBlob("docker-local/someproduct/someimage", Digest.Sha256(new byte[852]), new byte[852]);
            return stage.Get($"v2/docker-local/someproduct/someimage/blobs/{Digest.Sha256(new byte[852])}", stage.Basic);
        },
        ["v2-empty-blob"] = stage => stage.WithRepository().Get("v2/mirror/any/blobs/sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4", stage.Basic),
        ["v2-upload-location"] = stage => stage.WithRepository("docker-local").Send("POST", "v2/docker-local/someproduct/someimage/blobs/uploads/", stage.Basic),
        ["v2-upload-wrongport"] = async stage => await (await stage.With(new() { BaseUrlOverride = new Uri("https://host:8443/") })).WithRepository().Send("POST", "v2/mirror/app/blobs/uploads/", stage.Basic),
        ["v2-upload-denied"] = stage => stage.WithRepository("R").Send("POST", "v2/R/app/blobs/uploads/", stage.User("artifact:R/**:r")),
        ["v2-upload-gone"] = stage => stage.WithRepository("R").Send("PATCH", $"v2/R/app/blobs/uploads/{Guid.NewGuid()}", stage.Basic, "x"),
        ["v2-upload-single-post"] = stage => stage.WithRepository("R").Send("POST", $"v2/R/app/blobs/uploads/?digest={Digest.Sha256("x"u8)}", stage.Basic, "x"),
        ["v2-manifest-denied"] = stage => stage.WithRepository("R").PutManifest("R/app", "T", stage.User("artifact:R/**:r")),
        ["v2-manifest-overwrite-denied"] = stage => stage.WithImage("R/app", "T").PutManifest("R/app", "T", stage.User("artifact:R/**:r,w")),
        ["v2-manifest-schema1"] = stage => stage.WithRepository("R").PutManifest("R/app", "T", stage.Basic, MediaTypes.DockerSchema1Signed),
        ["v2-manifest-circuit"] = stage => stage.WithRepository("R").PutManifest("R/app", "T", stage.Basic),
        ["v2-remote-push"] = stage => stage.WithRepository("remote-repo", "remote").Send("POST", "v2/remote-repo/app/blobs/uploads/", stage.Basic),
        ["v2-remote-push-manifest"] = stage => stage.WithRepository("remote-repo", "remote").PutManifest("remote-repo/app", "t", stage.Basic),
        ["v2-remote-delete-manifest"] = stage => stage.WithRepository("remote-repo", "remote").Send("DELETE", "v2/remote-repo/app/manifests/t", stage.Basic),
        ["v2-tags"] = stage => stage.WithImage("mirror/busybox", "t1").WithImage("mirror/busybox", "t2").WithImage("mirror/busybox", "t3").Get("v2/mirror/busybox/tags/list", stage.Basic),
        ["v2-tags-local"] = stage =>
        {
            for (var i = 0; i < 20; i++)
                stage.WithImage("docker-dev-local/busybox", $"1.{i.ToString(CultureInfo.InvariantCulture)}");
            return stage.Get("artifactory/api/docker/docker-dev-local/v2/busybox/tags/list?n=20&last=1.0", stage.Basic);
        },
        ["v2-catalog"] = stage => stage.WithImage("mirror/busybox", "t1").WithImage("mirror/hello-world", "t1").Get("v2/mirror/_catalog", stage.Basic),
    };

    /// <summary>Held by a test of its own, below.</summary>
    static readonly string[] HeldElsewhere = ["token-jwt", "token-scope-matrix"];

    /// <summary>Why the rest is not: nobody meets it, or nobody knows how to bring it about.</summary>
    static readonly Dictionary<string, string[]> NotHeld = new(StringComparer.Ordinal)
    {
        ["an older release, which our modules do not support"] = ["hdr-legacy", "hdr-401-proxy", "oss-gate-6x", "token-legacy", "token-legacy-noscope", "token-list-legacy", "v2-anon-subdomain", "v2-token-old", "v2-token-406", "v2-manifest-foreign"],
        ["our modules never call it"] =
        [
            "hdr-jcr", "jcr-patch-config", "pro-patch-config", "ce-patch-config", "config-post-xml", "bootstrap-json", "jcr-ui-create", "jcr-ui-admin-token", "support-bundle-jcr", "repo-batch-create",
            "repo-batch-exists", "repo-nonadmin-post", "yaml-empty-danger", "perm-v2-create", "perm-v2-exists", "perm-v1-delete", "perm-v1-missing", "perm-v1-admin", "perm-v1-nogroup", "perm-v1-get", "group-create-legacy",
            "group-v2-delete", "group-v2-exists", "user-create-legacy", "user-get-legacy",
        ],
        ["a proxy, an ingress, a cloud or another product answers"] = ["v2-not-routed", "v2-upload-405", "xray-block", "xray-block-docker", "redirect-s3", "aql-429"],
        ["its cause is not recorded"] = ["token-badname", "v2-manifest-invalid-null", "v2-index-400"],
        ["how files are stored, not an answer"] = ["v2-index-children-by-tag"],
        ["contradicts v2-tags, which is recorded with its body"] = ["v2-tags-link"],
        ["documentation, nothing was recorded"] = ["refs-doc", "catalog-doc", "repo-create-doc"],
    };

    public static TheoryData<string> HeldRecords => [.. Held.Keys];

    [Theory]
    [MemberData(nameof(HeldRecords))]
    public async Task It_answers_as_recorded(string id)
    {
        await using var stage = await Stage.Open();
        var request = await Held[id](stage);

        using var answer = await stage.Client.SendAsync(request);

        var record = Records[id];
        var body = await answer.Content.ReadAsStringAsync();
        if (record["status"] is { Type: JTokenType.Integer } status)
            Assert.True((int)status == (int)answer.StatusCode, $"{(int)answer.StatusCode} instead of {status}: {body}");
        foreach (var header in ((JObject)record["headers"]!).Properties().Where(header => IsHeld(header.Name, answer)))
            AssertHeader(header, answer, stage);
        if (request.Method != HttpMethod.Head)
            AssertBody(record["body"]!, body);
    }

    [Fact]
    public void Every_record_is_held_or_has_a_reason()
    {
        var placed = Held.Keys.Concat(HeldElsewhere).Concat(NotHeld.Values.SelectMany(ids => ids)).ToList();

        Assert.Equal(Records.Keys.Order(StringComparer.Ordinal), placed.Order(StringComparer.Ordinal));
        // Of what our modules or skopeo would meet on this product and of which the cause is known, nine of ten at the least.
        var met = Held.Count + HeldElsewhere.Length + NotHeld["its cause is not recorded"].Length + NotHeld["contradicts v2-tags, which is recorded with its body"].Length;
        Assert.True((Held.Count + HeldElsewhere.Length) * 10 >= met * 9);
    }

    [Fact]
    public async Task A_token_says_who_and_what_it_is()
    {
        await using var stage = await Stage.Open();

        var claims = TokenClaims.TryParse(stage.Server.MintToken("v-test-p9nprfwr", "applied-permissions/groups:readers", TimeSpan.FromSeconds(10800)))!;

        var recorded = (JObject)Records["token-jwt"]["body"]!["claims"]!;
        Assert.Empty(recorded.Properties().Select(claim => claim.Name).Where(name => name != "ext").Except(claims.Payload.Properties().Select(claim => claim.Name)));
        Assert.EndsWith("/users/v-test-p9nprfwr", claims.Subject, StringComparison.Ordinal);
        Assert.StartsWith("eyJ2ZXIiOiIyIi", stage.Server.MintToken(), StringComparison.Ordinal);
    }

    /// <summary>Which artifact scopes a push by docker (blobs, then one manifest by tag) and by buildx (children by digest, too) needs.</summary>
    [Theory]
    [InlineData("artifact:R/app/**:r,w", true, true)]
    [InlineData("artifact:R/app/*:r,w", false, false)]
    [InlineData("artifact:R/app/T/**:r,w artifact:R/app/_uploads/**:r,w", true, false)]
    [InlineData("artifact:R/app/T/**:r,w artifact:R/app/_uploads/**:r,w artifact:R/app/sha256__*/**:r,w", true, false)]
    [InlineData("artifact:R/app/T/**:r,w artifact:R/app/_uploads/**:r,w artifact:R/app/sha256*/**:r,w", true, true)]
    [InlineData("artifact:R/app/**:w", false, false)]
    public async Task Scopes_let_push_as_recorded(string scope, bool docker, bool buildx)
    {
        await using var stage = await Stage.Open();
        stage.WithRepository("R");
        var token = Bearer(stage.Server.MintToken("pusher", scope));
        foreach (var blob in Image.AllBlobs)
            stage.Server.Content.PutBlob("R/app", blob.Digest, blob.Bytes);

        var began = await Status(stage.Send("POST", "v2/R/app/blobs/uploads/", token)) == 202 && await Status(stage.Send("HEAD", $"v2/R/app/blobs/{Image.AllBlobs.First().Digest}", token)) == 200;
        Assert.Equal(buildx, began && await Status(stage.PutManifest("R/app", Image.Digest.ToString(), token)) == 201);
        Assert.Equal(docker, began && await Status(stage.PutManifest("R/app", "T", token)) == 201);

        async Task<int> Status(Task<HttpRequestMessage> request) => (int)(await stage.Client.SendAsync(await request)).StatusCode;
    }

    static AuthenticationHeaderValue Bearer(string token) => new("Bearer", token);

    static AuthenticationHeaderValue WrongPassword => BasicOf(Admin, "wrong");

    static AuthenticationHeaderValue BasicOf(string user, string password) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    // How a body travels, and what only remote repositories and other releases send, is nobody's business.
    static bool IsHeld(string name, HttpResponseMessage answer) =>
        name.ToLowerInvariant() is not ("transfer-encoding" or "x-request-id" or "server" or "x-checksum-md5" or "cache-control") && !(name == "Content-Length" && (int)answer.StatusCode == 200 && answer.RequestMessage!.Method == HttpMethod.Head);

    static void AssertHeader(JProperty expected, HttpResponseMessage answer, Stage stage)
    {
        var actual = answer.Headers.NonValidated.TryGetValues(expected.Name, out var values) || answer.Content.Headers.NonValidated.TryGetValues(expected.Name, out values) ? values.ToString() : null;
        Assert.True(actual is not null, $"there is no {expected.Name}");
        actual = actual.Replace("; charset", ";charset", StringComparison.Ordinal);
        var pattern = Regex.Replace(Pattern((string)expected.Value!), @"https?://(art\\\.example\\\.com:8082|artifactory|host:8443)/", "https?://[^/]+/").Replace(@"art\.example\.com:8082", Regex.Escape(stage.Server.Name), StringComparison.Ordinal).Replace("service=\"artifactory\"", "service=\"[^\"]+\"", StringComparison.Ordinal);
        pattern = VersionNumber().Replace(pattern, @"Artifactory/[\d.]+ \d+");
        Assert.True(Regex.IsMatch(actual, "^" + pattern + "$", RegexOptions.IgnoreCase), $"{expected.Name}: \"{actual}\" instead of \"{expected.Value}\"");
    }

    static void AssertBody(JToken expected, string actual)
    {
        switch (expected)
        {
            case JValue { Type: JTokenType.Null }:
                break;
            case JValue { Value: string text } when text.StartsWith('(') || text.StartsWith("JSON array", StringComparison.Ordinal) || text.StartsWith("32 bytes", StringComparison.Ordinal):
                // Described, not quoted.
                Assert.True(!text.StartsWith("JSON array", StringComparison.Ordinal) || Json.Parse(actual) is JArray items && items.All(item => item["key"] is not null), actual);
                Assert.True(!text.StartsWith("(87 bytes", StringComparison.Ordinal) || actual.Length is 0 or 87, actual);
                break;
            case JValue { Value: string text }:
                // Some have written down the words alone.
                AssertText(actual.StartsWith('{') && !text.StartsWith('{') ? $"…{text}…" : text, actual, "body");
                break;
            default:
                AssertShape(expected, TryParse(actual) ?? throw new InvalidOperationException($"no JSON: {actual}"), "$");
                break;
        }
    }

    static void AssertShape(JToken expected, JToken actual, string path)
    {
        switch (expected)
        {
            case JObject wanted:
                var given = Assert.IsType<JObject>(actual);
                foreach (var property in wanted.Properties())
                {
                    Assert.True(given.ContainsKey(property.Name), $"{path}.{property.Name} is missing in {Json.Compact(actual)}");
                    AssertShape(property.Value, given[property.Name]!, $"{path}.{property.Name}");
                }

                break;
            case JArray { Count: > 0 } list:
                foreach (var item in Assert.IsType<JArray>(actual))
                    AssertShape(list[0], item, path + "[]");
                break;
            case JValue { Value: string entries } when actual is JArray items && entries.EndsWith(" entries", StringComparison.Ordinal):
                Assert.Equal(entries, $"{items.Count} entries");
                break;
            case JValue { Value: string text } when path.EndsWith("message", StringComparison.Ordinal) || path.EndsWith("code", StringComparison.Ordinal) || path.EndsWith("state", StringComparison.Ordinal) || path.EndsWith("type", StringComparison.Ordinal) || path.EndsWith("scope", StringComparison.Ordinal):
                AssertText(text, (string)actual!, path);
                break;
            case JValue { Type: JTokenType.Integer or JTokenType.Boolean }:
                Assert.True(JToken.DeepEquals(expected, actual), $"{path}: {actual} instead of {expected}");
                break;
            default:
                Assert.True(expected.Type == actual.Type, $"{path}: {actual.Type} instead of {expected.Type}");
                break;
        }
    }

    static void AssertText(string expected, string actual, string where) =>
        Assert.True(Regex.IsMatch(actual, "^" + Pattern(expected) + "$", RegexOptions.Singleline), $"{where}: \"{actual}\" instead of \"{expected}\"");

    /// <summary>What was recorded, with <c>…</c> for what was cut, <c>&lt;contains&gt;</c> before a part, and <c>&lt;id&gt;</c> for what is different everywhere.</summary>
    static string Pattern(string recorded)
    {
        if (recorded.StartsWith("<contains> ", StringComparison.Ordinal))
            return ".*" + Pattern(recorded[11..]) + ".*";
        if (recorded.Contains(" | ", StringComparison.Ordinal))
            return $"({string.Join('|', recorded.Split(" | ").Select(Pattern))})";
        var pattern = Regex.Escape(recorded).Replace(@"\ …\ ", ".*", StringComparison.Ordinal).Replace(@"…\ ", ".*", StringComparison.Ordinal).Replace(@"\ …", ".*", StringComparison.Ordinal).Replace("…", ".*", StringComparison.Ordinal).Replace(@"\.\.\.", ".*", StringComparison.Ordinal);
        pattern = Placeholder().Replace(pattern, ".+");
        return Seconds().Replace(pattern, @"in\ \d+\ second");
    }

    static JToken? TryParse(string text)
    {
        try
        {
            return Json.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [GeneratedRegex("<[^>]+>")]
    private static partial Regex Placeholder();

    [GeneratedRegex(@"in\\ \d+\\ second")]
    private static partial Regex Seconds();

    [GeneratedRegex(@"Artifactory/[\d\\.]+\\ \d+")]
    private static partial Regex VersionNumber();

    /// <summary>A server of our own, and what the records need on it.</summary>
    sealed class Stage : IAsyncDisposable
    {
        Stage(ArtifactoryServer server) => Take(server);

        public ArtifactoryServer Server { get; private set; } = null!;

        public HttpClient Client { get; } = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

        public string AdminToken { get; private set; } = null!;

        public AuthenticationHeaderValue Basic => BasicOf(Admin, Password);

        public static async Task<Stage> Open() => new(await ArtifactoryServer.Start(new() { AdminPassword = Password }));

        public Task<Stage> WithEdition(ArtifactoryEdition edition) => With(new() { Edition = edition });

        public async Task<Stage> With(ArtifactorySettings settings)
        {
            await Server.DisposeAsync();
            Take(await ArtifactoryServer.Start(settings with { AdminPassword = Password }));
            return this;
        }

        public Stage WithRepository(string key = "mirror", string rclass = "local", string package = "docker")
        {
            Server.AddRepository(key, rclass, package);
            return this;
        }

        public Stage WithImage(string name, string tag, bool index = false)
        {
            WithRepository(name.Split('/')[0]);
            var image = index ? ImageBuilder.MultiArch("evidence") : Image;
            foreach (var blob in image.AllBlobs)
                Server.Content.PutBlob(name, blob.Digest, blob.Bytes);
            foreach (var manifest in image.Manifests)
                Server.Content.PutManifest(name, manifest.Manifest, tag: null);
            Server.Content.PutManifest(name, image.Manifest, tag);
            return this;
        }

        public AuthenticationHeaderValue User(string? scope = null)
        {
            Server.AddUser("bob", "b0b-s3cret", scope);
            return BasicOf("bob", "b0b-s3cret");
        }

        public string ExpiredToken() => Server.MintToken(lifetime: TimeSpan.FromSeconds(-5));

        public Task<HttpRequestMessage> Get(string path, AuthenticationHeaderValue? authorization = null, IReadOnlyList<string>? accept = null) => Send("GET", path, authorization, accept: accept);

        public Task<HttpRequestMessage> PutManifest(string name, string reference, AuthenticationHeaderValue authorization, string? type = null)
        {
            var request = Send("PUT", $"v2/{name}/manifests/{reference}", authorization).Result;
            request.Content = new ByteArrayContent(Image.Manifest.Bytes.ToArray()) { Headers = { ContentType = new(type ?? Image.Manifest.MediaType) } };
            return Task.FromResult(request);
        }

        public Task<HttpRequestMessage> Send(string method, string path, AuthenticationHeaderValue? authorization = null, string? body = null, IReadOnlyList<string>? accept = null)
        {
            var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Server.Address, path));
            request.Headers.Authorization = authorization;
            foreach (var type in accept ?? [])
                request.Headers.Accept.ParseAdd(type);
            if (body is not null)
                request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            return Task.FromResult(request);
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await Server.DisposeAsync();
        }

        void Take(ArtifactoryServer server)
        {
            Server = server;
            AdminToken = server.MintToken();
        }
    }
}
