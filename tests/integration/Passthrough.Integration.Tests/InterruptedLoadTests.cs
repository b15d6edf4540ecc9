using System.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>A load that is killed half-way leaves nothing that looks whole, and running it again finishes it without sending twice what had arrived.</summary>
public sealed class InterruptedLoadTests : IDisposable
{
    const int LayerSize = 1_000_000;

    readonly TestFolder folder = new("interrupted");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Killed_half_way_and_finished_by_a_second_run()
    {
        var images = Enumerable.Range(0, 4).ToDictionary(i => $"quay.io/team/part{i}:v1", i => ImageBuilder.MultiArch($"part{i}", [ImageBuilder.Layer($"base{i}", LayerSize)], LayerSize));
        var total = images.Values.SelectMany(image => image.AllBlobs).Sum(blob => (long)blob.Bytes.Length);
        var archive = folder["set.tar"];
        OciLayout.WriteTar(archive, images);
        await using var mirror = await DockerRegistry.Start(folder["mirror"]);
        await using var line = new SlowLine(mirror.Port, port: 0, bytesPerSecond: 8_000_000);
        var parameters = mirror.Parameters();
        (parameters["registry_port"], parameters["state"], parameters["path"], parameters["record_path"]) = (line.Port, "loaded", archive, folder["record.json"]);

        var load = NativeModule.Start(folder, "image_archive", parameters);
        await Task.WhenAny(load.Completion, line.WhenSent(total / 2));
        Assert.False(load.Completion.IsCompleted, "the load ended before it could be killed");
        await load.Kill();
        await line.WhenIdle();
        await mirror.Settle();

        // Nothing half-done looks whole: what has a tag is complete, and nothing is recorded as delivered.
        Assert.False(File.Exists(folder["record.json"]));
        var skopeo = new Skopeo(folder["skopeo"]);
        var whole = 0;
        foreach (var (source, image) in images)
        {
            using var answer = await mirror.Client.GetAsync(new Uri(mirror.Address, $"/v2/mirror/{source.Replace(":", "/manifests/", StringComparison.Ordinal)}"));
            if (!answer.IsSuccessStatusCode)
                continue;
            whole++;
            await skopeo.Copy($"docker://{mirror.Name}/mirror/{source}", $"dir:{folder[$"whole{whole}"]}", skopeo.From(mirror));
        }

        Assert.InRange(whole, 0, images.Count - 1);
        var first = await mirror.Requests();
        var before = Uploaded(first);

        var second = (await NativeModule.Run("image_archive", parameters)).MustSucceed();

        Assert.True(second.Changed);
        var after = Uploaded(await mirror.Requests(first.Count));
        Assert.Empty(before.Intersect(after));
        // What was under way when the load was killed may arrive after all, while the second run sends it too.
        Assert.Equal(images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Count(), before.Union(after).Count());
        foreach (var (source, image) in images)
            Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), await skopeo.RawManifest(mirror, $"mirror/{source}"));
        Assert.False((await NativeModule.Run("image_archive", parameters)).MustSucceed().Changed);
    }

    static List<string> Uploaded(IEnumerable<RegistryRequest> requests) => [.. requests.Select(request => request.UploadedBlob).OfType<string>()];
}
