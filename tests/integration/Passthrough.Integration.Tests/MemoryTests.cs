using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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
/// Memory is bound by concurrency, not by what is transferred: one layer of nine gibibytes, and five thousand images, in 80 MB at most.
/// </summary>
public sealed class MemoryTests(ITestOutputHelper output) : IDisposable
{
    const long MostKibibytes = 80_000_000 / 1024;
    const long LayerSize = 9L * 1024 * 1024 * 1024;

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    readonly TestFolder folder = new("memory");

    public void Dispose() => folder.Dispose();

    [Fact]
    [Trait("Category", "Long")]
    public Task Five_thousand_images() => Many(5000);

    [Fact]
    public Task Two_hundred_images() => Many(200);

    async Task Many(int count)
    {
        var archive = folder["many.tar"];
        var images = Images(count);
        OciLayout.WriteTar(archive, images);
        await using var mirror = await DockerRegistry.Start(folder["mirror"]);
        var parameters = mirror.Parameters();
        parameters["path"] = archive;

        var loaded = await Run("loaded", parameters);
        Assert.Equal(count, (int)loaded["counts"]!["loaded"]!);
        await mirror.Settle();
        var mark = await mirror.Mark();
        var again = await Run("loaded", parameters);
        Assert.False((bool)again["changed"]!);
        await mirror.Settle();
        // In addition to the ping and the question which product answers.
        Assert.InRange((await mirror.Requests(mark)).Count, count, count + 2);
        Assert.Equal(count, (int)(await Run("inspected", parameters))["counts"]!["complete"]!);
        Assert.Equal(count, (int)(await Run("verified", parameters))["counts"]!["verified"]!);

        var save = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["path"] = folder["saved.tar"],
            ["images_file"] = folder.Write("images.txt", string.Join('\n', images.Keys)),
            ["pull_from"] = new JObject { ["quay.io"] = $"http://{mirror.Name}/mirror/quay.io" },
            ["authfile"] = folder.Write("none.json", "{}"),
        };
        Assert.Equal(count, (int)(await Run("saved", save))["counts"]!["saved"]!);
        Assert.False((bool)(await Run("saved", save))["changed"]!);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task One_layer_of_nine_gibibytes()
    {
        const string Name = "quay.io/team/large:1";
        var layer = new Descriptor("application/vnd.oci.image.layer.v1.tar", await DigestOfZeros(LayerSize), LayerSize);
        var config = Encoding.UTF8.GetBytes(Json.Indented(new JObject { ["architecture"] = "amd64", ["os"] = "linux", ["rootfs"] = new JObject { ["type"] = "layers", ["diff_ids"] = new JArray(layer.Digest.ToString()) } }));
        var manifest = RawManifest.Of(MediaTypes.OciManifest, Encoding.UTF8.GetBytes(Json.Indented(new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = DescriptorJson.Write(new Descriptor(MediaTypes.OciConfig, Digest.Sha256(config), config.Length)),
            ["layers"] = new JArray(DescriptorJson.Write(layer)),
        })));
        await using var upstream = await HugeRegistry.Start();
        upstream.Add("quay.io/team/large", "1", manifest);
        upstream.AddBlob(Digest.Sha256(config), config);
        upstream.AddZeros(layer.Digest, LayerSize);
        var archive = folder["large.tar"];

        await Run("saved", new() { ["path"] = archive, ["images"] = new JArray(Name), ["pull_from"] = new JObject { ["quay.io"] = $"http://{upstream.Name}/quay.io" }, ["authfile"] = folder.Write("none.json", "{}") });
        Assert.InRange(new FileInfo(archive).Length, LayerSize, LayerSize * 1.01);
        await Run("verified", new() { ["path"] = archive });
        // A member of more than 8 GiB, as an independent reader has it.
        await using (var stream = File.OpenRead(archive))
        {
            await using var tar = new TarReader(stream);
            var sizes = new List<long>();
            while (await tar.GetNextEntryAsync() is { } entry)
                sizes.Add(entry.Length);
            Assert.Contains(LayerSize, sizes);
        }

        await using var mirror = await HugeRegistry.Start();
        var load = new Dictionary<string, object?>(StringComparer.Ordinal) { ["path"] = archive, ["registry_type"] = "distribution", ["registry_host"] = "127.0.0.1", ["registry_port"] = mirror.Port, ["scheme"] = "http", ["authfile"] = folder["none.json"] };
        Assert.True((bool)(await Run("loaded", load))["changed"]!);
        Assert.Equal(LayerSize, mirror.Received(layer.Digest));
        Assert.Equal(manifest.Digest, mirror.Manifest("mirror/quay.io/team/large", "1")?.Digest);
        Assert.False((bool)(await Run("loaded", load))["changed"]!);
        load["deep"] = true;
        await Run("verified", load);
    }

    async Task<JObject> Run(string state, Dictionary<string, object?> parameters)
    {
        parameters = new(parameters, StringComparer.Ordinal) { ["state"] = state };
        var memory = folder["peak"];
        var result = await Command.Run(["/usr/bin/time", "-f", "%M", "-o", memory, .. NativeModule.CommandLine(folder, "image_archive", parameters, checkMode: false)], new CommandSettings { Timeout = Patience });
        var answer = new ModuleAnswer(result).MustSucceed();
        var peak = long.Parse((await File.ReadAllLinesAsync(memory))[^1], CultureInfo.InvariantCulture);
        output.WriteLine($"{state}: {peak / 1024} MiB, {result.Duration.TotalSeconds:0.0} s");
        Assert.True(peak <= MostKibibytes, $"{state} took {peak} KiB at its peak, {MostKibibytes} are allowed");
        return answer.Json;
    }

    static Dictionary<string, BuiltImage> Images(int count)
    {
        var shared = ImageBuilder.Layer("shared by all", 20_000);
        return Enumerable.Range(0, count).ToDictionary(
            i => string.Create(CultureInfo.InvariantCulture, $"quay.io/team{i % 10}/small{i:D4}:v1"),
            i => ImageBuilder.Image([shared, ImageBuilder.Layer(string.Create(CultureInfo.InvariantCulture, $"small {i}"), 500)]),
            StringComparer.Ordinal);
    }

    static async Task<Digest> DigestOfZeros(long size)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var zeros = new byte[1024 * 1024];
        await Task.Run(() =>
        {
            for (var left = size; left > 0; left -= zeros.Length)
                hash.AppendData(zeros);
        });
        return Digest.Parse($"sha256:{Convert.ToHexStringLower(hash.GetHashAndReset())}");
    }
}
