using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Registries.MirrorRegistryGo;
using Passthrough.Testing.Replay;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Testing;

/// <summary>The fake of the Go mirror-registry against the recording of the real one.</summary>
public sealed partial class MirrorRegistryGoReplayTests(ITestOutputHelper output)
{
    const string Recording = "mirror-registry-go-transcript.txt";
    const string User = "init";
    const string Password = "Throwaway-Pw1";

    static readonly Uri PublicAddress = new("https://registry.example.com:8443/");

    [Fact]
    public async Task It_answers_as_the_real_one_did()
    {
        if (Transcript.Read(Recording) is not { } exchanges)
        {
            output.WriteLine("skipped: the recordings are not beside this checkout");
            return;
        }

        await using var first = await MirrorRegistryGoFake.Start(new() { User = User, Password = Password, PublicAddress = PublicAddress });
        await using var configured = await MirrorRegistryGoFake.Start(new()
        {
            User = User,
            Password = Password,
            PublicAddress = PublicAddress,
            HasConfigFile = true,
            PrivateOnPush = true,
            Readers = new Dictionary<string, string> { ["reader"] = "Reader-Pw1" },
        });
        var rules = Rules(first, configured);
        var outcomes = new List<ReplayOutcome>();
        foreach (var (fake, part) in new[] { (first, exchanges.Where(exchange => !IsConfigured(exchange))), (configured, exchanges.Where(IsConfigured)) })
        {
            using var replayer = new Replayer(fake.Address, rules);
            outcomes.AddRange((await replayer.RunAsync([.. part])).Outcomes);
        }

        var report = new ReplayReport(rules, outcomes);
        output.WriteLine(report.ToString());
        report.AssertFaithful();
    }

    static bool IsConfigured(RecordedExchange exchange) => exchange.Section.StartsWith("3b", StringComparison.Ordinal);

    static ReplayRules Rules(MirrorRegistryGoFake first, MirrorRegistryGoFake configured) => new()
    {
        InventedKeys = new HashSet<string>(StringComparer.Ordinal) { "token", "access_token" },
        BeforeSend = async (replayer, exchange, request) =>
        {
            if (TokenFor().Match(exchange.Header("Authorization") ?? "") is { Success: true } wanted)
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await Token(replayer, wanted.Groups[1].Value));
            if (exchange.Method == "PUT" && ManifestPath().Match(exchange.Path) is { Success: true } path && request.Content is not null)
                Prepare(IsConfigured(exchange) ? configured : first, path.Groups[1].Value, exchange, await request.Content.ReadAsStringAsync());
        },
    };

    static async Task<string> Token(Replayer replayer, string scopes)
    {
        var (credentials, query) = scopes switch
        {
            "no scope" => ($"{User}:{Password}", ""),
            "reader-token" => ("reader:Reader-Pw1", "&scope=repository:init/x:pull,push"),
            _ => ($"{User}:{Password}", "&scope=" + scopes.Replace(" ", "%20", StringComparison.Ordinal)),
        };
        var (_, body) = await replayer.AskAsync("GET", $"/v2/auth?service={PublicAddress.Authority}{query}", credentials: credentials);
        return (string?)Json.TryParseObject(body)?["token"] ?? throw new InvalidOperationException($"no token for {scopes}: {body}");
    }

    // The recorder uploaded blobs without showing it. What the real server missed is not among them: its answer names it.
    static void Prepare(MirrorRegistryGoFake fake, string repository, RecordedExchange exchange, string body)
    {
        if (Json.TryParseObject(body) is not { } manifest || manifest["config"] is not JObject config)
            return;
        foreach (var digest in (manifest["layers"] ?? new JArray()).Append(config).Select(blob => (string?)blob["digest"]).OfType<string>())
        {
            if (!exchange.ResponseBody.Contains(digest, StringComparison.Ordinal))
                fake.AddBlob(repository, digest, Encoding.UTF8.GetBytes(digest));
        }
    }

    [GeneratedRegex("^Bearer <token for (.*)>$")]
    private static partial Regex TokenFor();

    [GeneratedRegex("^/v2/(.*)/manifests/[^/]+$")]
    private static partial Regex ManifestPath();
}
