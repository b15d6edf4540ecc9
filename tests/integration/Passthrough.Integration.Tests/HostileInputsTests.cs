using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;
using Xunit.Abstractions;

namespace Passthrough.Integration.Tests;

/// <summary>
/// Small inputs that would become large or endless: the published program refuses each in one sentence that names the bound, or reads it
/// once, and stays below 150 MB (docs/security.md, "Bounds").
/// </summary>
public sealed class HostileInputsTests(ITestOutputHelper output) : IDisposable
{
    const long MostKibibytes = 150_000_000 / 1024;

    /// <summary>Not a measurement: a run that is not over by then goes on for ever.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    readonly TestFolder folder = new("hostile");

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string, string?> Archives => new()
    {
        { "indexes seven deep that name one child thirty times", "inspected", null },
        { "indexes seven deep that name one child thirty times", "verified", "is incomplete" },
        { "indexes twenty deep", "inspected", null },
        { "indexes twenty deep", "verified", "indexes within indexes more than 8 deep" },
        { "a manifest of thirty megabytes of zeros", "inspected", null },
        { "a manifest of thirty megabytes of zeros", "verified", "the limit is 4194304" },
        { "an index.json of thirty megabytes of zeros", "inspected", "has no list of manifests" },
        { "a docker manifest.json of thirty megabytes of zeros", "inspected", "is a tar without index.json" },
        { "an index whose list is fifteen million zeros", "inspected", "something else than an object in manifests[0]" },
        { "an index.json of a hundred thousand brackets", "inspected", "" },
        { "an index.json with one string of twenty megabytes", "inspected", "JSON string" },
        { "four hundred extended headers of a mebibyte", "inspected", "holds no image" },
        { "an extended header of ten mebibytes", "inspected", "limit" },
        { "half a million members", "inspected", "members" },
        { "one manifest named two hundred thousand times", "inspected", "" },
        { "one layer named a hundred thousand times", "inspected", null },
        { "a docker archive that names one layer nine thousand times", "inspected", null },
        { "a docker archive that names one layer fifty thousand times", "inspected", "more than 10000 layers" },
    };

    [Theory]
    [MemberData(nameof(Archives))]
    public async Task An_archive(string what, string state, string? sentence)
    {
        var path = folder["set.tar.gz"];
        await WriteAsync(path, what);
        output.WriteLine($"{new FileInfo(path).Length} bytes packed");

        var answer = await Run("image_archive", new() { ["state"] = state, ["path"] = path });

        if (sentence is null)
            Assert.False(answer.Failed, answer.Command.Output[..Math.Min(answer.Command.Output.Length, 2000)]);
        else if (sentence.Length > 0)
            Assert.Contains(sentence, answer.Message);
        Assert.NotEqual("INTERNAL", answer.ErrorCode);
    }

    public static TheoryData<string, string> Upstreams => new()
    {
        { "an index of sixty children of four megabytes", "manifests of more than 8388608 bytes together" },
        { "a manifest of thirty megabytes of zeros", "is larger than 4096 KiB" },
        { "a manifest of a million zeros", "JSON values" },
        { "a manifest with twenty thousand layers", "more than" },
        { "referrers without end", "" },
        { "empty pages of referrers", "" },
    };

    [Theory]
    [MemberData(nameof(Upstreams))]
    public async Task A_registry(string what, string sentence)
    {
        // Made before anything is timed.
        _ = ManyChildren.Value;
        await using var server = await LocalServer.Start(context => AnswerAsync(context, what));

        var answer = await Run("image_archive", new()
        {
            ["state"] = "saved",
            ["path"] = folder["set.tar"],
            ["images"] = new JArray("quay.io/a/b:1"),
            ["retries"] = 0,
            ["include_referrers"] = true,
            ["authfile"] = folder.Write("none.json", "{}"),
            ["pull_from"] = new JObject { ["quay.io"] = $"http://{server.Name}" },
        });

        if (sentence.Length > 0)
            Assert.Contains(sentence, answer.Message);
        Assert.NotEqual("INTERNAL", answer.ErrorCode);
        Assert.InRange(server.Requests.Count, 1, 12_000);
    }

    [Theory]
    [InlineData("hosts.toml", "a.a.a", "levels")]
    [InlineData("registries.conf", "brackets", "")]
    public async Task A_configuration(string name, string kind, string sentence)
    {
        var text = kind == "a.a.a" ? $"{string.Join('.', Enumerable.Repeat("a", 100_000))} = 1\n" : new string('[', 200_000);
        var answer = await Run("image_archive", new()
        {
            ["state"] = "verified",
            ["verify"] = "redirection",
            ["registries_conf"] = folder.Write(name, text),
            ["path"] = folder.Write("set.tar", "none"),
        });

        Assert.True(answer.Failed);
        Assert.NotEqual("INTERNAL", answer.ErrorCode);
        if (sentence.Length > 0)
            Assert.True(answer.Message.Length < 3000, answer.Message);
    }

    async Task<ModuleAnswer> Run(string module, Dictionary<string, object?> parameters)
    {
        var memory = folder["peak"];
        string[] command =
        [
            "/usr/bin/time", "-f", "%M", "-o", memory, .. NativeModule.CommandLine(folder, module, parameters, checkMode: false),
        ];
        var result = await Command.Run(command, new CommandSettings { Timeout = Patience });
        var answer = new ModuleAnswer(result);
        var peak = long.Parse((await File.ReadAllLinesAsync(memory))[^1], CultureInfo.InvariantCulture);
        output.WriteLine($"{peak / 1024} MiB, {result.Duration.TotalSeconds:0.0} s: {answer.Message}");
        Assert.True(peak <= MostKibibytes, $"{peak} KiB at its peak, {MostKibibytes} are allowed");
        return answer;
    }

    static async Task AnswerAsync(HttpContext context, string what)
    {
        var path = context.Request.Path.Value!;
        if (path == "/v2/")
            return;
        if (path.Contains("/referrers/", StringComparison.Ordinal))
        {
            var isLast = !what.Contains("referrers", StringComparison.Ordinal);
            var page = int.TryParse(context.Request.Query["page"], CultureInfo.InvariantCulture, out var number) ? number : 0;
            var count = what.StartsWith("empty", StringComparison.Ordinal) || isLast ? 0 : 100;
            var digests = Enumerable.Range(0, count).Select(i => Digest.Sha256(Encoding.UTF8.GetBytes($"{page} {i}")));
            var entries = digests.Select(digest => Entry(digest, 10, MediaTypes.OciManifest)).ToArray();
            if (!isLast)
                context.Response.Headers.Link = $"<{path}?page={page + 1}>; rel=\"next\"";
            context.Response.ContentType = MediaTypes.OciIndex;
            await context.Response.WriteAsync(Json.Compact(Index(entries)));
            return;
        }

        var bytes = what switch
        {
            "an index of sixty children of four megabytes" when path.EndsWith("/1", StringComparison.Ordinal) => ManyChildren.Value,
            "an index of sixty children of four megabytes" => LargeChild(path),
            "a manifest of thirty megabytes of zeros" => Zeros(15_000_000),
            "a manifest of a million zeros" => [.. "{\"layers\":[],\"config\":"u8, .. Zeros(1_000_000), .. "}"u8],
            "a manifest with twenty thousand layers" => ManyLayers(20_000),
            _ => ManyLayers(1),
        };
        if (bytes is null || path.Contains("sha256-", StringComparison.Ordinal))
        {
            context.Response.StatusCode = 404;
            return;
        }

        var isRoot = path.EndsWith("/manifests/1", StringComparison.Ordinal);
        context.Response.ContentType = isRoot && what.StartsWith("an index") ? MediaTypes.OciIndex : MediaTypes.OciManifest;
        context.Response.Headers["Docker-Content-Digest"] = Digest.Sha256(bytes).ToString();
        context.Response.ContentLength = bytes.Length;
        if (context.Request.Method != "HEAD")
            await context.Response.Body.WriteAsync(bytes);
    }

    /// <summary>Four megabytes each: a manifest with a long annotation, of which the number differs.</summary>
    static byte[] Child(int number) => Encoding.UTF8.GetBytes(Json.Compact(new JObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = MediaTypes.OciManifest,
        ["config"] = Entry(Digest.Sha256([1]), 1, MediaTypes.OciConfig),
        ["layers"] = new JArray(),
        ["annotations"] = new JObject { ["n"] = $"{number:D4}{new string('a', 4_000_000)}" },
    }));

    static readonly Lazy<Dictionary<string, int>> Children =
        new(() => Enumerable.Range(0, 60).ToDictionary(number => Digest.Sha256(Child(number)).ToString(), number => number));

    static readonly Lazy<byte[]> ManyChildren = new(() => Encoding.UTF8.GetBytes(Json.Compact(Index(
        [.. Children.Value.Select(child => Entry(Digest.Parse(child.Key), Child(child.Value).Length, MediaTypes.OciManifest))]))));

    static byte[]? LargeChild(string path) =>
        Children.Value.TryGetValue(path[(path.LastIndexOf('/') + 1)..], out var number) ? Child(number) : null;

    static byte[] Zeros(int count) => Encoding.ASCII.GetBytes($"[{string.Join(',', Enumerable.Repeat("0", count))}]");

    static byte[] ManyLayers(int count)
    {
        var layer = Entry(Digest.Sha256([2]), 1, "application/vnd.oci.image.layer.v1.tar");
        return Encoding.UTF8.GetBytes(Json.Compact(new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Entry(Digest.Sha256([1]), 1, MediaTypes.OciConfig),
            ["layers"] = new JArray(Enumerable.Repeat(layer, count)),
        }));
    }

    static JObject Entry(Digest digest, long size, string type, string? name = null)
    {
        var entry = new JObject { ["mediaType"] = type, ["digest"] = digest.ToString(), ["size"] = size };
        if (name is not null)
            entry["annotations"] = new JObject { [Annotations.RefName] = name };
        return entry;
    }

    static JObject Index(params JObject[] entries) =>
        new() { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = new JArray(entries) };

    static async Task WriteAsync(string path, string what)
    {
        await using var packed = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        await using var tar = new TarWriter(packed, TarEntryFormat.Pax);
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        switch (what)
        {
            case "indexes seven deep that name one child thirty times":
                AddDeep(files, levels: 7, times: 30);
                break;
            case "indexes twenty deep":
                AddDeep(files, levels: 20, times: 1);
                break;
            case "a manifest of thirty megabytes of zeros":
                AddLayout(files, Entry(AddBlob(files, Zeros(15_000_000)), 30_000_001, MediaTypes.OciManifest, "quay.io/a/b:1"));
                break;
            case "an index.json of thirty megabytes of zeros":
                AddLayout(files);
                files["index.json"] = Zeros(15_000_000);
                break;
            case "an index.json of a hundred thousand brackets":
                AddLayout(files);
                files["index.json"] = Encoding.ASCII.GetBytes(new string('[', 100_000));
                break;
            case "an index.json with one string of twenty megabytes":
                AddLayout(files);
                files["index.json"] = Encoding.ASCII.GetBytes($"{{\"manifests\":[],\"mediaType\":\"{new string('x', 20_000_000)}\"}}");
                break;
            case "a docker manifest.json of thirty megabytes of zeros":
                files["manifest.json"] = Zeros(15_000_000);
                break;
            case "an index whose list is fifteen million zeros":
                AddLayout(files);
                files["index.json"] = Encoding.ASCII.GetBytes($"{{\"manifests\":{Encoding.ASCII.GetString(Zeros(15_000_000))}}}");
                break;
            case "one manifest named two hundred thousand times":
                var once = Entry(AddBlob(files, ManyLayers(1)), ManyLayers(1).Length, MediaTypes.OciManifest);
                AddLayout(files, [.. Enumerable.Range(0, 200_000).Select(i => Named(once, $"quay.io/a/b:{i}"))]);
                break;
            case "one layer named a hundred thousand times":
                // More than a manifest may name: the image is refused by whoever reads it, listing it is not.
                var many = ManyLayers(9_999);
                AddLayout(files, Entry(AddBlob(files, many), many.Length, MediaTypes.OciManifest, "quay.io/a/b:1"));
                break;
            case "a docker archive that names one layer fifty thousand times":
                AddDocker(files, 50_000);
                break;
            case "a docker archive that names one layer nine thousand times":
                AddDocker(files, 9_000);
                break;
            case "four hundred extended headers of a mebibyte":
            case "an extended header of ten mebibytes":
            case "half a million members":
                AddLayout(files);
                break;
        }

        if (what == "half a million members")
        {
            for (var i = 0; i < 500_000; i++)
                await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, i.ToString("x", CultureInfo.InvariantCulture)));
        }

        if (what.Contains("extended header", StringComparison.Ordinal))
        {
            var (count, size) = what.StartsWith("four", StringComparison.Ordinal) ? (400, 1_000_000) : (1, 10 * 1024 * 1024);
            for (var i = 0; i < count; i++)
            {
                var attributes = new Dictionary<string, string> { ["comment"] = new string((char)('a' + (i % 26)), size) };
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, $"junk{i}", attributes));
            }
        }

        foreach (var (name, content) in files)
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
    }

    static JObject Named(JObject entry, string name)
    {
        var named = (JObject)entry.DeepClone();
        named["annotations"] = new JObject { [Annotations.RefName] = name };
        return named;
    }

    static Digest AddBlob(Dictionary<string, byte[]> files, byte[] content)
    {
        var digest = Digest.Sha256(content);
        files[$"blobs/sha256/{digest.Hex}"] = content;
        return digest;
    }

    static void AddLayout(Dictionary<string, byte[]> files, params JObject[] entries)
    {
        files["oci-layout"] = """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray();
        files["index.json"] = Encoding.UTF8.GetBytes(Json.Compact(Index(entries)));
    }

    static void AddDeep(Dictionary<string, byte[]> files, int levels, int times)
    {
        var (content, type) = (ManyLayers(1), MediaTypes.OciManifest);
        for (var level = 0; level < levels; level++)
        {
            var child = Entry(AddBlob(files, content), content.Length, type);
            (content, type) = (Encoding.UTF8.GetBytes(Json.Compact(Index([.. Enumerable.Repeat(child, times)]))), MediaTypes.OciIndex);
        }

        AddLayout(files, Entry(AddBlob(files, content), content.Length, type, "quay.io/a/b:1"));
    }

    static void AddDocker(Dictionary<string, byte[]> files, int times)
    {
        var layer = ImageBuilder.Layer("docker", 2000, docker: true).Bytes;
        var diffId = Digest.Sha256(layer);
        var config = Encoding.UTF8.GetBytes(Json.Compact(new JObject
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(Enumerable.Repeat(diffId.ToString(), times)) },
        }));
        files["layer.tar"] = layer;
        files[$"{Digest.Sha256(config).Hex}.json"] = config;
        files["manifest.json"] = Encoding.UTF8.GetBytes(Json.Compact(new JArray(new JObject
        {
            ["Config"] = $"{Digest.Sha256(config).Hex}.json",
            ["RepoTags"] = new JArray("quay.io/a/b:1"),
            ["Layers"] = new JArray(Enumerable.Repeat("layer.tar", times)),
        })));
    }
}
