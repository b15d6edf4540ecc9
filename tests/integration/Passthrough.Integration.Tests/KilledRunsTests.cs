using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>kill -9 at many moments of a save and of a load, spread over the run: run again, the result is that of an uninterrupted run, and nothing else remains.</summary>
public sealed class KilledRunsTests : IDisposable
{
    const int LayerSize = 300_000;
    const long BytesPerSecond = 4_000_000;

    static readonly BuiltBlob Shared = ImageBuilder.Layer("shared", LayerSize);

    static readonly Dictionary<string, BuiltImage> Images = Enumerable.Range(0, 5).ToDictionary(
        i => string.Create(CultureInfo.InvariantCulture, $"quay.io/team/part{i}:v1"),
        i => ImageBuilder.MultiArch(string.Create(CultureInfo.InvariantCulture, $"part{i}"), [Shared], LayerSize / 2));

    static readonly long Unique = Images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Sum(blob => (long)blob.Bytes.Length);

    readonly TestFolder folder = new("killed");

    public void Dispose() => folder.Dispose();

    [Fact]
    public Task A_load_that_is_killed_is_finished_by_the_next() => Loads(3);

    [Fact]
    [Trait("Category", "Long")]
    public Task A_load_that_is_killed_at_thirty_moments_is_finished_by_the_next() => Loads(30);

    [Fact]
    public Task A_save_that_is_killed_is_finished_by_the_next() => Saves(3);

    [Fact]
    [Trait("Category", "Long")]
    public Task A_save_that_is_killed_at_thirty_moments_is_finished_by_the_next() => Saves(30);

    /// <summary>The manifests of both platforms are there, and the index that names them is on its way.</summary>
    [Fact]
    public async Task A_load_that_is_killed_between_children_and_their_index_is_finished_by_the_next()
    {
        var archive = folder["set.tar"];
        OciLayout.WriteTar(archive, Images);
        foreach (var name in Images.Keys)
            Assert.True(await Load(archive, name, line => line.WhenHeld, $"PUT /v2/mirror/{name.Replace(":", "/manifests/", StringComparison.Ordinal)} "), $"the load ended before the index of {name} came");
    }

    async Task Loads(int moments)
    {
        var archive = folder["set.tar"];
        OciLayout.WriteTar(archive, Images);
        var killed = 0;
        for (var moment = 0; moment < moments; moment++)
        {
            if (await Load(archive, string.Create(CultureInfo.InvariantCulture, $"{moment}"), line => line.WhenSent(Math.Max(Unique * moment / moments, 1)), holds: null))
                killed++;
        }

        // What is not killed proves nothing.
        Assert.True(killed >= moments * 2 / 3, $"only {killed} of {moments} runs were killed");
    }

    /// <returns>Whether it was killed before it ended.</returns>
    async Task<bool> Load(string archive, string moment, Func<SlowLine, Task> when, string? holds)
    {
        var place = folder[$"mirror {moment.Replace('/', ' ')}"];
        await using var mirror = await DockerRegistry.Start(place);
        await using var line = new SlowLine(mirror.Port, port: 0, BytesPerSecond) { HoldsRequest = holds is null ? null : System.Text.Encoding.ASCII.GetBytes(holds) };
        var parameters = mirror.Parameters();
        (parameters["registry_port"], parameters["state"], parameters["path"], parameters["record_path"]) = (line.Port, "loaded", archive, place + ".json");
        var isKilled = await Kill(parameters, when(line));
        line.CutHeld();
        await line.WhenIdle();
        await mirror.Settle();
        var first = await mirror.Requests();
        if (holds is not null)
        {
            Assert.All(Images[moment].Children, child => Assert.Contains(first, request => request.Method == "PUT" && request.Path.EndsWith($"/manifests/{child.Digest}", StringComparison.Ordinal)));
            parameters["registry_port"] = mirror.Port;
        }

        (await NativeModule.Run("image_archive", parameters)).MustSucceed();

        Assert.Empty(Uploaded(first).Intersect(Uploaded(await mirror.Requests(first.Count))));
        foreach (var (name, image) in Images)
        {
            var (repository, tag) = ("mirror/" + name[..name.LastIndexOf(':')], name[(name.LastIndexOf(':') + 1)..]);
            Assert.Equal([tag], await Tags(mirror, repository));
            Assert.Equal(image.Manifest.Bytes.ToArray(), await Manifest(mirror, repository, image));
        }

        Assert.False((await NativeModule.Run("image_archive", parameters)).MustSucceed().Changed);
        parameters["state"] = "verified";
        parameters["deep"] = true;
        (await NativeModule.Run("image_archive", parameters)).MustSucceed();
        return isKilled;
    }

    async Task Saves(int moments)
    {
        await using var upstream = await DockerRegistry.Start(folder["upstream"]);
        foreach (var (name, image) in Images)
            await upstream.Push(image, name[..name.LastIndexOf(':')], name[(name.LastIndexOf(':') + 1)..]);
        var whole = folder["whole.tar"];
        (await NativeModule.Run("image_archive", Save(whole, upstream.Port, partSize: null))).MustSucceed();
        var killed = 0;
        for (var moment = 0; moment < moments; moment++)
        {
            var target = Directory.CreateDirectory(folder[$"save{moment}"]).FullName;
            await using var line = new SlowLine(upstream.Port, port: 0, BytesPerSecond, slowsAnswers: true);
            var parameters = Save(Path.Combine(target, "set.tar"), line.Port, moment % 3 == 0 ? "256K" : null);
            if (await Kill(parameters, line.WhenSent(Math.Max(Unique * moment / moments, 1))))
                killed++;
            // Nothing that is not whole has the name of an archive.
            Assert.False(File.Exists(Path.Combine(target, "set.tar.manifest.json")));

            (await NativeModule.Run("image_archive", parameters)).MustSucceed();

            var files = Directory.GetFiles(target).Order(StringComparer.Ordinal).ToList();
            var parts = files.Where(file => !file.EndsWith(".manifest.json", StringComparison.Ordinal) && !file.EndsWith(".sha256", StringComparison.Ordinal)).ToList();
            Assert.Equal(parts.Count + 2, files.Count);
            Assert.All(parts, part => Assert.Matches(@"set\.tar(\.\d{3})?$", part));
            Assert.Equal(await File.ReadAllBytesAsync(whole), parts.SelectMany(File.ReadAllBytes));
            Assert.False((await NativeModule.Run("image_archive", parameters)).MustSucceed().Changed);
            Directory.Delete(target, recursive: true);
        }

        Assert.True(killed >= moments * 2 / 3, $"only {killed} of {moments} runs were killed");
    }

    async Task<bool> Kill(IReadOnlyDictionary<string, object?> parameters, Task moment)
    {
        var run = NativeModule.Start(folder, "image_archive", parameters);
        await Task.WhenAny(run.Completion, moment);
        if (run.Completion.IsCompleted)
            return false;
        await run.Kill();
        return true;
    }

    Dictionary<string, object?> Save(string path, int port, string? partSize) => new()
    {
        ["state"] = "saved",
        ["path"] = path,
        ["images"] = Images.Keys.ToArray(),
        ["pull_from"] = new JObject { ["quay.io"] = $"http://127.0.0.1:{port}/quay.io" },
        ["authfile"] = folder.Write("none.json", "{}"),
        ["part_size"] = partSize,
    };

    static async Task<IEnumerable<string>> Tags(DockerRegistry registry, string repository)
    {
        var answer = await registry.Client.GetByteArrayAsync(new Uri(registry.Address, $"/v2/{repository}/tags/list"));
        return ((JObject)Core.Text.Json.Parse(answer))["tags"]!.Select(tag => (string)tag!);
    }

    static async Task<byte[]> Manifest(DockerRegistry registry, string repository, BuiltImage image)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(registry.Address, $"/v2/{repository}/manifests/{image.Digest}"));
        request.Headers.Accept.ParseAdd(image.Manifest.MediaType);
        using var answer = await registry.Client.SendAsync(request);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    static List<string> Uploaded(IEnumerable<RegistryRequest> requests) => [.. requests.Select(request => request.UploadedBlob).OfType<string>()];
}
