using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Modules.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Two real registries: an upstream that plays quay.io and docker.io (anybody, plain HTTP), and a mirror with TLS and an account.</summary>
public sealed class ArchiveStage : IAsyncDisposable
{
    public const string Password = "s3cret+/&";
    public const string App = "quay.io/team/app:1.0";
    public const string Tool = "quay.io/team/tool:2";
    public const string Web = "docker.io/library/web:1.27";

    public static readonly BuiltBlob SharedLayer = ImageBuilder.Layer("shared", 200_000);
    public static readonly BuiltImage AppImage = ImageBuilder.MultiArch("app", [SharedLayer], 50_000);
    public static readonly BuiltImage ToolImage = ImageBuilder.Image([SharedLayer, ImageBuilder.Layer("tool", 20_000)]);
    public static readonly BuiltImage WebImage = ImageBuilder.MultiArch("web", [SharedLayer], docker: true);
    public static readonly BuiltImage Payload = ImageBuilder.MultiArch("payload");

    ArchiveStage(TestFolder folder, Pki pki, DockerRegistry upstream, DockerRegistry mirror) =>
        (Folder, Pki, Upstream, Mirror) = (folder, pki, upstream, mirror);

    public static string ByDigest => $"quay.io/team/payload@{Payload.Digest}";

    public static string[] All => [App, Tool, Web, ByDigest];

    public TestFolder Folder { get; }

    public Pki Pki { get; }

    public DockerRegistry Upstream { get; }

    public DockerRegistry Mirror { get; }

    public string Archive => Folder["set.tar"];

    public JObject PullFrom => new() { ["quay.io"] = $"http://{Upstream.Name}/quay.io", ["docker.io"] = $"http://{Upstream.Name}/docker.io" };

    public static async Task<ArchiveStage> Start()
    {
        var folder = new TestFolder("image-archive");
        var pki = new Pki(folder["pki"]);
        var upstream = await DockerRegistry.Start(folder["upstream"]);
        var mirror = await DockerRegistry.Start(folder["mirror"], new() { Pki = pki, Accounts = new Dictionary<string, string> { ["pusher"] = Password } });
        await upstream.Push(AppImage, "quay.io/team/app", "1.0");
        await upstream.Push(ToolImage, "quay.io/team/tool", "2");
        await upstream.Push(WebImage, "docker.io/library/web", "1.27");
        await upstream.Push(Payload, "quay.io/team/payload", "any");
        return new ArchiveStage(folder, pki, upstream, mirror);
    }

    public async ValueTask DisposeAsync()
    {
        await Upstream.DisposeAsync();
        await Mirror.DisposeAsync();
        Pki.Dispose();
        Folder.Dispose();
    }

    /// <summary>Runs the module.</summary>
    /// <param name="state">What it is to do.</param>
    /// <param name="check">Check mode.</param>
    /// <param name="more">Parameters beside those that every state needs here; null takes one away.</param>
    public async Task<JObject> Run(string state, bool check = false, CancellationToken cancellation = default, params (string Name, JToken? Value)[] more)
    {
        var parameters = state == "saved" ? new JObject { ["pull_from"] = PullFrom } : JObject.FromObject(Mirror.Parameters());
        parameters["state"] = state;
        parameters["path"] = Archive;
        parameters["authfile"] = Folder.Write("none.json", "{}");
        parameters["retries"] = 0;
        foreach (var (name, value) in more)
            parameters[name] = value;
        return await ModuleRunner.RunAsync(
            new ImageArchiveModule(), parameters, check, diff: true, Mirror.Environment().ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal), cancellation);
    }

    /// <summary>Saves all images.</summary>
    public async Task Save() => Good(await Run("saved", more: ("images", new JArray(All))));

    /// <summary>Writes an archive by hand.</summary>
    public string WriteArchive(string name, params (string Ref, BuiltImage Image)[] images)
    {
        OciLayout.WriteTar(Folder[name], images.ToDictionary(image => image.Ref, image => image.Image));
        return Folder[name];
    }

    /// <summary>Flips one bit in the middle of a blob of an archive.</summary>
    public static void Damage(string archive, BuiltBlob blob)
    {
        var bytes = File.ReadAllBytes(archive);
        bytes[bytes.AsSpan().IndexOf(blob.Bytes) + blob.Bytes.Length / 2] ^= 1;
        File.WriteAllBytes(archive, bytes);
    }

    public static JObject Good(JObject answer)
    {
        Assert.False((bool?)answer["failed"] ?? false, answer.ToString());
        return answer;
    }

    public static JObject Bad(JObject answer, string code, string message)
    {
        Assert.True((bool?)answer["failed"] ?? false, answer.ToString());
        Assert.Equal(code, (string?)answer["error"]!["code"]);
        Assert.Contains(message, (string)answer["msg"]!, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', (string)answer["msg"]!);
        return answer;
    }

    public static bool Changed(JObject answer) => (bool)Good(answer)["changed"]!;

    /// <summary><c>ref: status</c> of every image.</summary>
    public static IEnumerable<string> Statuses(JObject answer) => answer["images"]!.Select(image => $"{image["ref"]}: {image["status"]}");

    public static JObject Image(JObject answer, string reference) => (JObject)answer["images"]!.Single(image => (string?)image["ref"] == reference);

    public static JObject ReadJson(string path) => (JObject)Json.Parse(File.ReadAllText(path));
}
