using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Testing.Registries.MirrorRegistryGo;
using Passthrough.Testing.Replay;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Testing;

/// <summary>The fake of the Go mirror-registry against the recording of the real one.</summary>
public sealed partial class MirrorRegistryGoReplayTests(ITestOutputHelper output)
{
    [Fact]
    public async Task It_answers_as_the_real_one_did()
    {
        if (Transcript.Read("mirror-registry-go-transcript.txt") is not { } exchanges)
        {
            output.WriteLine("skipped: the recordings are not beside this checkout");
            return;
        }

        var outcomes = new List<ReplayOutcome>();
        ReplayRules rules = null!;
        foreach (var part in exchanges.GroupBy(IsConfigured))
        {
            await using var fake = await MirrorRegistryGoFake.Start(new()
            {
                User = Preparation.User,
                Password = Preparation.Password,
                PublicAddress = Preparation.PublicAddress,
                HasConfigFile = part.Key,
                PrivateOnPush = part.Key,
                Readers = new Dictionary<string, string> { ["reader"] = "Reader-Pw1" },
            });
            rules = new Preparation(fake, exchanges).Rules;
            using var replayer = new Replayer(fake.Address, rules);
            outcomes.AddRange((await replayer.RunAsync([.. part])).Outcomes);
        }

        var report = new ReplayReport(rules, outcomes);
        output.WriteLine(report.ToString());
        report.AssertFaithful();
    }

    static bool IsConfigured(RecordedExchange exchange) => exchange.Section.StartsWith("3b", StringComparison.Ordinal);

    /// <summary>What the recorder did without showing it, before the exchanges that need it.</summary>
    sealed partial class Preparation(MirrorRegistryGoFake fake, IReadOnlyList<RecordedExchange> exchanges)
    {
        public const string User = "init";
        public const string Password = "Throwaway-Pw1";
        const string Centos = "mirror/quay.io/centos/centos";

        public static readonly Uri PublicAddress = new("https://registry.example.com:8443/");

        readonly HashSet<string> prepared = new(StringComparer.Ordinal);
        RecordedExchange? previous;

        public ReplayRules Rules => new()
        {
            LeftOut =
            [
                new("*", "/metrics", "text for Prometheus; nobody of us reads it"),
                new("*", ".*", "of the request that was cut off the recording shows neither the beginning nor the bytes", "session 2|status with the Location of the POST|PATCH from there|/ PUT$"),
                new("GET", "/v2/", "a plain HTTP request on the TLS port never reaches a server's answers", "plain http to the TLS port"),
            ],
            InventedKeys = new HashSet<string>(StringComparer.Ordinal) { "token", "access_token", "issued_at" },
            // The digest of a body that is not shown must be known before the address that names it is compared.
            Headers = ["Docker-Content-Digest", .. new ReplayRules().Headers],
            Content = Content,
            BeforeSend = BeforeSendAsync,
            Before = async (replayer, exchange) =>
            {
                // The first _state of a section is shown in full once, and called <_state-1> from then on.
                if (FullState().Match(previous?.ResponseHeader("Location") ?? "") is { Success: true } state && replayer.Substitutions.Find(state.Value) is { } actual)
                    replayer.Substitutions.Learn($"{state.Groups["id"].Value}?_state=<_state-1>", actual);
                await PrepareAsync(replayer, exchange);
                previous = exchange;
            },
            AlsoCompare = CompareClaims,
        };

        async Task BeforeSendAsync(Replayer replayer, RecordedExchange exchange, HttpRequestMessage request)
        {
            if (TokenFor().Match(exchange.Header("Authorization") ?? "") is { Success: true } wanted)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await TokenAsync(replayer, wanted.Groups["scopes"].Value));
            if (exchange.Method == "PUT" && ManifestPath().Match(exchange.Path) is { Success: true } path && request.Content is not null)
                AddBlobs(path.Groups["name"].Value, exchange, await request.Content.ReadAsStringAsync());
            if (Upload().Match(exchange.Target) is { Success: true } upload && !Unknown().IsMatch(upload.Groups["id"].Value))
                request.RequestUri = new Uri(fake.Address, replayer.Substitutions.Apply(Started(replayer, exchange, upload)));
        }

        // Uploads whose POST is not shown.
        string Started(Replayer replayer, RecordedExchange exchange, Match upload)
        {
            var id = upload.Groups["id"].Value;
            if (replayer.Substitutions.Find(id) is null)
            {
                var (actual, state) = fake.StartUpload(exchange.Title.StartsWith("session of another", StringComparison.Ordinal) ? Centos : upload.Groups["name"].Value);
                replayer.Substitutions.Learn(id, actual);
                foreach (var shown in new[] { upload.Groups["state"].Value, "<_state-1>" }.Where(shown => shown.Length > 0))
                    replayer.Substitutions.Learn($"{id}?_state={shown}", $"{actual}?_state={Uri.EscapeDataString(state)}");
            }

            return exchange.Target;
        }

        // What the real server missed is not among the blobs: its answer names it.
        void AddBlobs(string repository, RecordedExchange exchange, string body)
        {
            if (Json.TryParseObject(body) is not { } manifest || manifest["config"] is not JObject config || !repository.Contains('/'))
                return;
            foreach (var digest in (manifest["layers"] ?? new JArray()).Append(config).Select(blob => (string?)blob["digest"]).OfType<string>())
            {
                if (!exchange.ResponseBody.Contains(digest, StringComparison.Ordinal))
                    fake.AddBlob(repository, digest, Encoding.UTF8.GetBytes(digest));
            }
        }

        async Task PrepareAsync(Replayer replayer, RecordedExchange exchange)
        {
            if (prepared.Add(exchange.Section))
            {
                switch (exchange.Section.Split(' ')[0])
                {
                    case "4e.":
                        foreach (var tag in Enumerable.Range(0, 5).Select(i => $"page{i}"))
                            await PutAsync(replayer, Centos, tag, FirstManifest);
                        break;
                    case "4f.":
                        await PutAsync(replayer, Centos, "d1", FirstManifest);
                        await PutAsync(replayer, Centos, "d2", FirstManifest + " ", recorded: Named("DELETE by digest"));
                        break;
                    case "4j.":
                        await PutAsync(replayer, Centos, "e1", FirstManifest);
                        await PutAsync(replayer, Centos, "e2", FirstManifest);
                        break;
                    case "4k.":
                        fake.AddBlob("newns/x", "sha256:0", []);
                        fake.AddBlob("mirror/registry.redhat.io/ubi9", "sha256:0", []);
                        break;
                    case "4l.":
                        fake.AddBlob("alpine", "sha256:7a19147749ce097f32b13072bccba494b5e717d4f23fbde50f7514059e109ad1", []);
                        break;
                    case "4m.":
                        await PutAsync(replayer, "mirror/gc/a", null, FirstManifest + "  ", recorded: "sha256:158d2bc3b41bcaf30cc9fff07e0b88b5c476b52abcfe1974b534c83d477035a8");
                        await PutAsync(replayer, "mirror/gc/a", "t", FirstManifest);
                        await PutAsync(replayer, "mirror/gc/a", "d", Answer("D: GET by digest after the DELETE, Accept sent"));
                        await PutAsync(replayer, "mirror/gc/other", "x", Answer("X: GET"));
                        fake.AddBlob("mirror/gc/b", "sha256:0", []);
                        break;
                    default:
                        break;
                }
            }

            switch (exchange.Title)
            {
                case "a blob alone creates it":
                    fake.AddBlob("mirror/ghost3", "sha256:0", []);
                    break;
                case "PUT index after the child was collected":
                    fake.Clock.Advance(TimeSpan.FromSeconds(33));
                    break;
                case "A: layer of an image that is reachable by tag ix":
                    fake.Clock.Advance(TimeSpan.FromMinutes(62));
                    break;
                case "PATCH 20 MiB":
                    fake.AddBlob("mirror/kill/x", "sha256:7f28114411e8d910494bdc6afbc3a5658ca176e19926eefd0192004428db82d2", []);
                    break;
                case "old token on /v2/":
                    fake.Restart();
                    break;
                default:
                    break;
            }
        }

        string FirstManifest => exchanges.First(exchange => exchange.Title == "OCI manifest by tag").Body!;

        string Answer(string title) => exchanges.First(exchange => exchange.Title == title).ResponseBody.TrimEnd();

        string Named(string title) => exchanges.First(exchange => exchange.Title == title).Path.Split('/')[^1];

        /// <summary>Pushes a manifest, with blobs under the digests that it names.</summary>
        /// <param name="recorded">The digest of another one that stands in the recording in its place.</param>
        async Task PutAsync(Replayer replayer, string repository, string? tag, string manifest, string? recorded = null)
        {
            var digest = Digest.Sha256(Encoding.UTF8.GetBytes(manifest)).ToString();
            foreach (var blob in DigestText().Matches(manifest).Select(match => match.Value))
                fake.AddBlob(repository, blob, Encoding.UTF8.GetBytes(blob));
            var token = await TokenAsync(replayer, $"repository:{repository}:pull,push");
            var (status, body, _) = await replayer.AskAsync("PUT", $"/v2/{repository}/manifests/{tag ?? digest}", manifest, headers: [("Authorization", $"Bearer {token}"), ("Content-Type", MediaTypes.OciManifest)]);
            Assert.True(status == 201, body);
            if (recorded is not null)
                replayer.Substitutions.Learn(recorded, digest);
        }

        static async Task<string> TokenAsync(Replayer replayer, string scopes)
        {
            var (credentials, query) = scopes switch
            {
                "no scope" => ($"{User}:{Password}", ""),
                "reader-token" => ("reader:Reader-Pw1", "&scope=repository:init/x:pull,push"),
                _ => ($"{User}:{Password}", "&scope=" + scopes.Replace(" ", "%20", StringComparison.Ordinal)),
            };
            var (_, body, _) = await replayer.AskAsync("GET", $"/v2/auth?service={PublicAddress.Authority}{query}", credentials: credentials);
            return (string?)Json.TryParseObject(body)?["token"] ?? throw new InvalidOperationException($"no token for {scopes}: {body}");
        }

        static IEnumerable<string> CompareClaims(RecordedExchange recorded, string body)
        {
            if (Claims().Match(recorded.Remark) is not { Success: true } claims)
                return [];
            var expected = Json.TryParseObject(claims.Groups["json"].Value)!;
            var actual = TokenClaims.TryParse((string?)Json.TryParseObject(body)?["token"])!.Payload;
            return new[] { "access", "aud", "iss", "sub" }.Where(name => !JToken.DeepEquals(expected[name], actual[name])).Select(name => $"claim {name}: {actual[name]} instead of {expected[name]}");
        }

        static byte[]? Content(string body)
        {
            if (Described().Match(body) is not { Success: true } described)
                return RecordedContent.Of(body);
            var size = int.Parse(described.Groups["size"].ValueSpan, CultureInfo.InvariantCulture);
            return described.Groups["what"].Value.Contains("begins", StringComparison.Ordinal) ? Manifest(size) : [.. Enumerable.Range(0, size).Select(i => (byte)('0' + (i % 10)))];
        }

        static byte[] Manifest(int size)
        {
            const string Beginning = """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:02f947a13671f4bbb2fa883255cbcbe81dbbec591cdbf3c995de209153acd3aa","size":163},"layers":[],"annotations":{"pad":""";
            return Encoding.UTF8.GetBytes($"{Beginning}\"{new string('p', size - Beginning.Length - 4)}\"}}}}");
        }

        [GeneratedRegex("^Bearer <token for (?<scopes>.*)>$", RegexOptions.ExplicitCapture)]
        private static partial Regex TokenFor();

        [GeneratedRegex("^/v2/(?<name>.*)/manifests/[^/]+$", RegexOptions.ExplicitCapture)]
        private static partial Regex ManifestPath();

        [GeneratedRegex(@"^/v2/(?<name>.*)/blobs/uploads/(?<id>[0-9a-f-]{36})(\?_state=(?<state>[^&]+))?", RegexOptions.ExplicitCapture)]
        private static partial Regex Upload();

        [GeneratedRegex("^11111111-")]
        private static partial Regex Unknown();

        [GeneratedRegex(@"(?<id>[0-9a-f-]{36})\?_state=[^<&\s]+$", RegexOptions.ExplicitCapture)]
        private static partial Regex FullState();

        [GeneratedRegex("^# claims: (?<json>\\{.*\\})$", RegexOptions.ExplicitCapture | RegexOptions.Multiline)]
        private static partial Regex Claims();

        [GeneratedRegex("^<(?<size>[0-9]+) bytes(?<what>.*)>$", RegexOptions.ExplicitCapture | RegexOptions.Singleline)]
        private static partial Regex Described();

        [GeneratedRegex("sha256:[0-9a-f]{64}")]
        private static partial Regex DigestText();
    }
}
