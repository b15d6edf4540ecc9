using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>
/// What a load says was seen, and what a proof finds a load repairs: against the real docker-registry, damaged in the ways in which it is
/// damaged in use.
/// </summary>
public sealed class DeliveryTruthTests : IAsyncLifetime
{
    const string AppRepository = "mirror/quay.io/team/app";
    const string WebRepository = "mirror/docker.io/library/web";

    ArchiveStage stage = null!;

    public async Task InitializeAsync()
    {
        stage = await Start();
        await stage.Save();
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    string Record => stage.Folder["record.json"];

    [Theory]
    [InlineData("garbage-collect --delete-untagged")]
    [InlineData("DELETE of a child")]
    [InlineData("DELETE of all children of two images")]
    [InlineData("a restored backup without a child")]
    public async Task What_is_gone_below_an_index_is_seen_and_brought_again(string how)
    {
        Good(await Load());
        switch (how)
        {
            case "garbage-collect --delete-untagged":
                await stage.Mirror.CollectGarbage(deleteUntagged: true);
                break;
            case "DELETE of a child":
                await stage.Mirror.Delete(AppRepository, AppImage.Children[1].Digest);
                break;
            case "DELETE of all children of two images":
                await stage.Mirror.Delete(AppRepository, AppImage.Children.Select(child => child.Digest));
                await stage.Mirror.Delete(WebRepository, WebImage.Children.Select(child => child.Digest));
                break;
            default:
                Directory.Delete(Path.Combine(stage.Mirror.Storage, "docker/registry/v2/repositories", AppRepository,
                    "_manifests/revisions/sha256", AppImage.Children[0].Digest.Hex), recursive: true);
                break;
        }

        Bad(await stage.Run("verified", more: ("verify", "registry")), "NOT_PROVED", "is incomplete");
        var inspected = Good(await stage.Run("inspected"));
        Assert.Equal("incomplete", (string)Image(inspected, App)["in_registry"]!);
        var predicted = await Load(check: true);
        Assert.True(Changed(predicted));
        Assert.Contains("incomplete in the registry", (string)predicted["msg"]!, StringComparison.Ordinal);

        var repaired = await Load();

        Assert.True(Changed(repaired));
        Assert.Equal(predicted["actions"], repaired["actions"]);
        Assert.Equal("updated", (string)Image(repaired, App)["status"]!);
        Good(await stage.Run("verified", more: [("verify", "registry"), ("deep", true)]));
        Assert.Contains("all there", (string)(await Load())["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_load_of_what_is_there_asks_once_for_each_image_and_each_manifest_below_it()
    {
        // A second tag of the same index has the same children.
        var path = stage.WriteArchive("more.tar", (App, AppImage), ("quay.io/team/app:latest", AppImage), (Tool, ToolImage),
            (Web, WebImage));
        Good(await stage.Run("loaded", more: ("path", path)));
        var mark = await stage.Mirror.Mark();

        Assert.False(Changed(await stage.Run("loaded", more: ("path", path))));

        var asked = (await stage.Mirror.Requests(mark)).Where(request => request.Path != "/v2/").ToList();
        Assert.All(asked, request => Assert.Equal("HEAD", request.Method));
        var children = new[] { AppImage, WebImage }.SelectMany(image => image.Children).Select(child => child.Digest.ToString()).ToList();
        Assert.Equal(["1.0", "1.27", "2", "latest", .. children.Order(StringComparer.Ordinal)],
            asked.Select(request => request.Path.Split('/')[^1]).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("layer")]
    [InlineData("configuration")]
    [InlineData("layer of a child")]
    public async Task A_blob_that_the_registry_has_lost_is_found_by_a_proof_and_brought_by_what_it_says(string which)
    {
        Good(await Load());
        var lost = which switch
        {
            "layer" => ToolImage.Blobs[^1],
            "configuration" => ToolImage.Blobs[0],
            _ =>
            AppImage.Children[1].Blobs[^1]
        };
        Directory.Delete(Path.GetDirectoryName(stage.Mirror.FileOf(lost.Digest))!, recursive: true);
        await stage.Mirror.Stop();
        await stage.Mirror.Restart();

        var found = Bad(await stage.Run("verified", more: ("verify", "registry")), "NOT_PROVED", $"has no blob {lost.Digest}");
        Assert.Contains("load it again with deep=true", (string)found["error"]!["hint"]!, StringComparison.Ordinal);
        var predicted = await Load(check: true, ("deep", true));
        var loaded = await Load(more: ("deep", true));

        Assert.Equal(lost.Bytes.Length, (long)loaded["bytes"]!["uploaded"]!);
        Assert.Equal(predicted["actions"], loaded["actions"]);
        Good(await stage.Run("verified", more: [("verify", "registry"), ("deep", true)]));
        Assert.False(Changed(await Load(more: ("deep", true))));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_that_the_registry_has_damaged_are_found_in_depth_and_what_is_said_repairs_them(bool isEmptied)
    {
        Good(await Load());
        var damaged = ToolImage.Blobs[^1];
        await stage.Mirror.Stop();
        await File.WriteAllBytesAsync(stage.Mirror.FileOf(damaged.Digest), isEmptied ? []
            : [.. damaged.Bytes[..^1], (byte)~damaged.Bytes[^1]]);
        await stage.Mirror.Restart();

        var found = Bad(await stage.Run("verified", more: [("verify", "registry"), ("deep", true)]), "NOT_PROVED",
            damaged.Digest.ToString());
        Assert.Equal([Tool], found["images"]!.Where(image => (string)image["status"]! == "failed").Select(image => (string)image["ref"]!));
        Assert.Equal("a registry does not replace bytes that it has: delete every image that uses this blob from the registry, let it "
            + "collect its garbage, restart it, and load them again with deep=true", (string)found["error"]!["hint"]!);

        await stage.Mirror.Delete("mirror/quay.io/team/tool", ToolImage.Digest);
        await stage.Mirror.CollectGarbage(deleteUntagged: false);
        Good(await Load(more: ("deep", true)));

        Good(await stage.Run("verified", more: [("verify", "registry"), ("deep", true)]));
    }

    [Theory]
    [InlineData("another image")]
    [InlineData("an index")]
    [InlineData("an index with another child")]
    public async Task That_a_tag_moves_is_said_with_both_digests_and_predicted(string to)
    {
        Good(await Load());
        var (name, old, image) = to switch
        {
            "another image" => (Tool, ToolImage, ImageBuilder.Image([SharedLayer])),
            "an index" => (Tool, ToolImage, WebImage),
            _ => (App, AppImage, ImageBuilder.Index([AppImage.Children[0], ImageBuilder.Image([ImageBuilder.Layer("newer")], new Platform(
                "linux", "arm64"))])),
        };
        var path = stage.WriteArchive("moved.tar", (name, image));

        var predicted = await stage.Run("loaded", check: true, more: ("path", path));
        var moved = await stage.Run("loaded", more: ("path", path));

        Assert.True(Changed(moved));
        Assert.Contains($"{stage.Mirror.Name}/mirror/{name} would move from {old.Digest} to {image.Digest}", (string)predicted["msg"]!,
            StringComparison.Ordinal);
        Assert.Contains($"{stage.Mirror.Name}/mirror/{name} moved from {old.Digest} to {image.Digest}", (string)moved["msg"]!,
            StringComparison.Ordinal);
        Assert.Equal([$"load {name} as {stage.Mirror.Name}/mirror/{name} (the tag moves from {old.Digest} to {image.Digest})"],
            moved["actions"]!.Select(action => (string)action!));
        Assert.Equal(predicted["actions"], moved["actions"]);
        foreach (var answer in new[] { predicted, moved })
            Assert.Equal((old.Digest.ToString(), image.Digest.ToString()),
                ((string)Image(answer, name)["digest_before"]!, (string)Image(answer, name)["digest"]!));
        Assert.DoesNotContain("move", (string)(await stage.Run("loaded", more: ("path", path)))["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_tags_that_move_the_first_is_said_in_full_and_all_are_in_the_result()
    {
        Good(await Load());
        var path = stage.WriteArchive("moved.tar", (Tool, WebImage), (App, ToolImage));

        var moved = await stage.Run("loaded", more: ("path", path));

        Assert.Contains("; 2 tags moved: ", (string)moved["msg"]!, StringComparison.Ordinal);
        Assert.Equal([ToolImage.Digest.ToString(), AppImage.Digest.ToString()],
            new[] { Tool, App }.Select(name => (string)Image(moved, name)["digest_before"]!));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_load_that_is_stopped_says_and_records_what_it_delivered(int delivered)
    {
        // The last one needs many seconds on a line of 64 KiB a second.
        (string, BuiltImage)[] images = [.. new[] { (App, ImageBuilder.MultiArch("one")), (Tool, ImageBuilder.Image([ImageBuilder.Layer(
            "two")])) }.Take(delivered), ("quay.io/team/zlarge:1", ImageBuilder.Image([ImageBuilder.Layer("large", 4_000_000)]))];
        var path = stage.WriteArchive("slow.tar", images);
        var log = stage.Folder["slow.log"];
        using var stop = new CancellationTokenSource();

        var run = stage.Run("loaded", cancellation: stop.Token,
            more: [("path", path), ("bandwidth_limit", "64K"), ("log_path", log), ("record_path", Record)]);
        while (!run.IsCompleted && (!File.Exists(log) || (await File.ReadAllLinesAsync(log)).Count(line => line.EndsWith(" is delivered",
            StringComparison.Ordinal)) < delivered))
            await Task.Delay(20);
        await stop.CancelAsync();
        var stopped = Bad(await run, "CANCELLED", $"stopped by a signal; what was delivered stays: {delivered} of {delivered + 1} "
            + $"images; run it again to finish");

        Assert.True((bool)stopped["changed"]!);
        Assert.Equal(images.Take(delivered).Select(image => $"load {image.Item1} as {stage.Mirror.Name}/mirror/{image.Item1}")
            .Append($"write {Record}"), stopped["actions"]!.Select(action => (string)action!));
        Assert.Equal([.. Enumerable.Repeat("loaded", delivered), "skipped"], stopped["images"]!.Select(image => (string)image["status"]!));
        Assert.Equal(images.Take(delivered).Select(image => image.Item1),
            ReadJson(Record)["images"]!.Select(image => (string)image["ref"]!));
        Good(await stage.Run("verified", more: [("path", null), ("record_path", Record)]));
        Assert.Equal([.. Enumerable.Repeat("present", delivered), "loaded"],
            Good(await stage.Run("loaded", more: [("path", path), ("record_path", Record)]))["images"]!.Select(image =>
            (string)image["status"]!));
    }

    [Fact]
    public async Task One_image_that_fails_leaves_the_others_delivered_said_and_recorded()
    {
        Damage(stage.Archive, ToolImage.Blobs[2]);

        var failed = Bad(await Load(more: [("on_error", "continue"), ("record_path", Record)]), "DIGEST_MISMATCH", "is damaged");

        Assert.True((bool)failed["changed"]!);
        Assert.Equal([.. ReadJson(Record)["images"]!.Select(image => $"load {image["ref"]} as {image["target"]}"), $"write {Record}"],
            failed["actions"]!.Select(action => (string)action!).Order(StringComparer.Ordinal));
        Assert.Equal(3, ReadJson(Record)["images"]!.Count());
    }

    [Fact]
    public async Task Another_run_that_wrote_the_record_meanwhile_loses_nothing()
    {
        var one = stage.WriteArchive("one.tar", (App, AppImage),
            ("quay.io/team/zlarge:1", ImageBuilder.Image([ImageBuilder.Layer("large", 400_000)])));
        var log = stage.Folder["slow.log"];
        var first = stage.Run("loaded", more: [("path", one), ("bandwidth_limit", "64K"), ("log_path", log), ("record_path", Record)]);
        while (!first.IsCompleted && (!File.Exists(log) || !(await File.ReadAllTextAsync(log)).Contains("uploading",
            StringComparison.Ordinal)))
            await Task.Delay(20);

        Good(await stage.Run("loaded", more: [("path", stage.WriteArchive("two.tar", (Web, WebImage))), ("record_path", Record)]));
        Good(await first);

        Assert.Equal([Web, App, "quay.io/team/zlarge:1"], ReadJson(Record)["images"]!.Select(image => (string)image["ref"]!));
    }

    [Fact]
    public async Task Bytes_that_were_not_sent_are_counted_and_not_the_difference()
    {
        var unique = ImageBuilder.Layer("unique", 30_000);
        Good(await stage.Run("loaded", more: ("only", new JArray(Tool))));
        var path = stage.WriteArchive("counted.tar", (Tool, ToolImage), (Web, ImageBuilder.Image([SharedLayer, unique])),
            ("quay.io/team/none:1", ImageBuilder.Image([ImageBuilder.Layer("gone", 70_000)])));
        // Of the third image nothing is in the archive: an image that fails is neither there nor mounted.
        var bytes = await File.ReadAllBytesAsync(path);
        var gone = ImageBuilder.Layer("gone", 70_000);
        bytes[bytes.AsSpan().IndexOf(gone.Bytes) + 100] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);

        var answer = await stage.Run("loaded", check: true, more: [("path", path), ("exclude", new JArray("quay.io/team/none:*"))]);

        var config = ImageBuilder.Image([SharedLayer, unique]).Blobs[0];
        Assert.Contains($"would load 2 images, ", (string)answer["msg"]!, StringComparison.Ordinal);
        Assert.Contains(", 1 of them complete before: ", (string)answer["msg"]!, StringComparison.Ordinal);
        Assert.Equal(unique.Bytes.Length + config.Bytes.Length, (long)answer["bytes"]!["uploaded"]!);
        var there = ToolImage.AllBlobs.Sum(blob => blob.Bytes.LongLength);
        Assert.Contains($", {Passthrough.Modules.ImageArchive.Wording.Bytes(there)} already there or to be mounted", (string)answer["msg"]!,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_archive_that_another_process_writes_is_said_with_that_process_and_how_to_follow_and_stop_it(bool hasLog)
    {
        var path = stage.Folder["held.tar"];
        File.WriteAllText(path + ".partial", "");
        var log = stage.Folder["held.log"];
        // flock(1) as another run of ours: it holds the file, and adds to its log.
        var start = new System.Diagnostics.ProcessStartInfo("bash")
        {
            ArgumentList = { "-c", $"exec 7<>'{path}.partial' {(hasLog ? $"8>>'{log}'" : "")}; flock 7; echo held; exec sleep 60" },
            RedirectStandardOutput = true
        };
        using var holder = System.Diagnostics.Process.Start(start)!;
        await holder.StandardOutput.ReadLineAsync();
        try
        {
            var busy = Bad(await stage.Run("saved", more: [("images", new JArray(App)), ("path", path)]), "FILE",
                $"{path} is being written by process {holder.Id} (sleep)");

            var hint = (string)busy["error"]!["hint"]!;
            Assert.Contains($"kill {holder.Id}", hint, StringComparison.Ordinal);
            Assert.Contains(hasLog ? $"tail -f {log}" : $"tail --pid={holder.Id}", hint, StringComparison.Ordinal);
        }
        finally
        {
            holder.Kill();
            await holder.WaitForExitAsync();
        }

        Good(await stage.Run("saved", more: [("images", new JArray(App)), ("path", path)]));
    }

    [Fact]
    public async Task A_saved_image_with_a_time_to_live_is_warned_of()
    {
        await stage.Upstream.Push(ImageBuilder.Image([SharedLayer], label: ("quay.expires-after", "12h")), "quay.io/team/nightly", "1");
        (string, JToken?)[] save = [("images", new JArray(App, "quay.io/team/nightly:1")), ("path", stage.Folder["nightly.tar"])];

        foreach (var _ in new[] { 1, 2 })
        {
            var saved = Good(await stage.Run("saved", more: save));
            Assert.Equal(("12h", null), ((string?)Image(saved, "quay.io/team/nightly:1")["expires_after"], (string?)Image(saved, App)[
                "expires_after"]));
            Assert.Contains(saved["warnings"]!, warning =>
                ((string)warning!).Contains("quay.io/team/nightly:1 has the label quay.expires-after=12h", StringComparison.Ordinal));
        }

        // The mirror of this stage is no Quay: nothing expires there.
        Assert.Null(Good(await stage.Run("loaded", more: ("path", stage.Folder["nightly.tar"])))["warnings"]);
    }

    Task<JObject> Load(bool check = false, params (string Name, JToken? Value)[] more) => stage.Run("loaded", check, more: more);
}
