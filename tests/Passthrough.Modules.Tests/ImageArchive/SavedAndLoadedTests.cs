using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Both ends of the way, against real registries.</summary>
public sealed class SavedAndLoadedTests : IAsyncLifetime
{
    ArchiveStage stage = null!;

    public async Task InitializeAsync() => stage = await Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task Save_is_predicted_then_done_then_nothing()
    {
        (string, JToken?)[] images = [("images", new JArray(All)), ("path", stage.Folder["new", "folder", "set.tar"])];
        var predicted = await stage.Run("saved", check: true, more: images);
        Assert.True(Changed(predicted));
        Assert.False(Directory.Exists(stage.Folder["new"]));
        Assert.StartsWith("would save 4 images, ", (string)predicted["msg"]!, StringComparison.Ordinal);

        var first = await stage.Run("saved", more: images);
        var written = File.GetLastWriteTimeUtc(stage.Folder["new", "folder", "set.tar"]);
        var second = await stage.Run("saved", more: images);

        Assert.True(Changed(first));
        Assert.Equal(predicted["bytes"]!["to_fetch"], first["bytes"]!["fetched"]);
        Assert.Equal(predicted["archive"]!["size"], first["archive"]!["size"]);
        Assert.Equal(predicted["archive"]!["id"], first["archive"]!["id"]);
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);
        Assert.Equal(64, ((string)first["archive"]!["parts"]![0]!["sha256"]!).Length);
        Assert.Matches(@"^4 images, 3\d\d\.\d KiB: 3\d\d\.\d KiB fetched, 0 bytes reused, \d+\.\d s, \d", (string)first["msg"]!);
        Assert.Equal(["linux/amd64", "linux/arm64"], Image(first, App)["platforms"]!.Select(platform => (string)platform!));
        Assert.Equal(AppImage.Digest.ToString(), (string)Image(first, App)["digest"]!);
        Assert.Contains($"{App} {AppImage.Digest}\n", (string)first["diff"]![0]!["after"]!, StringComparison.Ordinal);
        Assert.True((int)first["requests"]!["total"]! > 10);

        Assert.False(Changed(second));
        Assert.Contains("is up to date", (string)second["msg"]!, StringComparison.Ordinal);
        Assert.Empty(second["actions"]!);
        Assert.Null(second["diff"]);
        Assert.All(second["images"]!, image => Assert.Equal("present", (string)image["status"]!));
        Assert.Equal(written, File.GetLastWriteTimeUtc(stage.Folder["new", "folder", "set.tar"]));
        Assert.False(Changed(await stage.Run("saved", check: true, more: images)));
    }

    [Fact]
    public async Task Load_is_predicted_then_done_then_asked_by_head_only()
    {
        await stage.Save();
        (string, JToken?) record = ("record_path", stage.Folder["icsp", "delivered.json"]);
        var mark = await stage.Mirror.Mark();
        var predicted = await stage.Run("loaded", check: true, more: record);
        Assert.True(Changed(predicted));
        Assert.Empty(await stage.Mirror.Writes(mark));
        Assert.False(Directory.Exists(stage.Folder["icsp"]));

        var first = await stage.Run("loaded", more: record);
        mark = await stage.Mirror.Mark();
        var second = await stage.Run("loaded", more: record);
        var after = await stage.Mirror.Requests(mark);

        Assert.True(Changed(first));
        Assert.Equal(predicted["bytes"]!["uploaded"], first["bytes"]!["uploaded"]);
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);
        Assert.Equal(Statuses(predicted), Statuses(first));
        Assert.Matches(@"^4 images, 3\d\d\.\d KiB: 3\d\d\.\d KiB uploaded, \d+ bytes already there or mounted, \d+\.\d s, \d", (string)first["msg"]!);
        var app = Image(first, App);
        Assert.Equal($"{stage.Mirror.Name}/mirror/{App}", (string)app["target"]!);
        Assert.Equal("loaded", (string)app["status"]!);
        Assert.True((bool)app["digest_preserved"]!);
        Assert.Equal(["linux/amd64"], Image(first, Tool)["platforms"]!.Select(platform => (string)platform!));
        Assert.Equal($"{stage.Mirror.Name}/mirror/quay.io/team/payload:sha256-{Payload.Digest.Hex}.image", (string)Image(first, ByDigest)["target"]!);
        Assert.Contains(first["mirror_map"]!, pair => (string)pair["source"]! == "docker.io/library/web" && (string)pair["mirror"]! == $"{stage.Mirror.Name}/mirror/docker.io/library/web");

        Assert.False(Changed(second));
        Assert.Contains(": all there, ", (string)second["msg"]!, StringComparison.Ordinal);
        Assert.Equal(4, (int)second["counts"]!["present"]!);
        Assert.Equal((int)second["requests"]!["total"]!, after.Count);
        Assert.DoesNotContain(after, request => request.Method is not "HEAD" && request.Path != "/v2/");
        Assert.False(Changed(await stage.Run("loaded", check: true, more: record)));
        Assert.DoesNotContain(Password, first.ToString() + second, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tag_that_moved_is_updated_and_shown_by_diff()
    {
        await stage.Save();
        Good(await stage.Run("loaded", more: ("record_path", stage.Folder["record.json"])));
        var newer = ImageBuilder.MultiArch("newer");
        await stage.Upstream.Push(newer, "quay.io/team/tool", "2");
        var saved = await stage.Run("saved", more: ("images", new JArray(All)));
        Assert.Equal("updated", (string)Image(saved, Tool)["status"]!);

        var answer = await stage.Run("loaded", more: ("record_path", stage.Folder["record.json"]));

        Assert.Equal(["updated"], answer["images"]!.Select(image => (string)image["status"]!).Where(status => status != "present"));
        Assert.Equal(ToolImage.Digest.ToString(), (string)Image(answer, Tool)["digest_before"]!);
        Assert.Equal($"{stage.Mirror.Name}/mirror/{Tool} {ToolImage.Digest}\n", (string)answer["diff"]![0]!["before"]!);
        Assert.Equal($"{stage.Mirror.Name}/mirror/{Tool} {newer.Digest}\n", (string)answer["diff"]![0]!["after"]!);
        Assert.Contains($"\"{ToolImage.Digest}\"", (string)answer["diff"]![1]!["before"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_record_grows_over_pushes_and_stays_the_same_bytes()
    {
        var record = stage.Folder["delivered-distribution.json"];
        var one = stage.WriteArchive("one.tar", (App, AppImage), (Tool, ToolImage));
        var two = stage.WriteArchive("two.tar", (Tool, ToolImage), (Web, WebImage));

        var first = Good(await stage.Run("loaded", more: [("path", one), ("record_path", record)]));
        Good(await stage.Run("loaded", more: [("path", two), ("record_path", record)]));
        var both = File.ReadAllText(record);
        foreach (var path in new[] { one, two })
            Assert.False(Changed(await stage.Run("loaded", more: [("path", path), ("record_path", record)])));

        Assert.Equal(both, File.ReadAllText(record));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(record));
        var json = ReadJson(record);
        Assert.Equal(stage.Mirror.Name, (string)json["registry"]!);
        Assert.Equal([Web, App, Tool], json["images"]!.Select(image => (string)image["ref"]!));
        var app = json["images"]![1]!;
        Assert.Equal($"{stage.Mirror.Name}/mirror/{App}", (string)app["target"]!);
        Assert.Equal(AppImage.Digest.ToString(), (string)app["digest"]!);
        Assert.Equal(AppImage.Manifest.MediaType, (string)app["media_type"]!);
        Assert.Equal(["linux/amd64", "linux/arm64"], app["platforms"]!.Select(platform => (string)platform!));
        // What the second archive only found there was pushed from the first.
        Assert.Equal((string)first["archive"]!["id"]!, (string)json["images"]![2]!["archive"]!);
        Assert.NotEqual((string)first["archive"]!["id"]!, (string)json["images"]![0]!["archive"]!);
    }

    [Fact]
    public async Task A_record_of_another_registry_or_no_record_stops_before_anything_is_sent()
    {
        var path = stage.WriteArchive("one.tar", (App, AppImage));
        var other = stage.Folder.Write("other.json", """{"format": 1, "registry": "registry.example.com", "images": []}""");
        var broken = stage.Folder.Write("broken.json", """{"format": 1, "registry": "registry.example.com", "images": [{}]}""");
        var mark = await stage.Mirror.Mark();

        Bad(await stage.Run("loaded", more: [("path", path), ("record_path", other)]), "INVALID_ARGUMENT", $"says what was delivered to registry.example.com, and this is {stage.Mirror.Name}");
        Bad(await stage.Run("loaded", more: [("path", path), ("record_path", broken)]), "FILE", "cannot be used: images[0] is not whole");

        Assert.Empty(await stage.Mirror.Requests(mark));
    }

    [Fact]
    public async Task One_platform_alone_is_refused_or_taken_as_its_own_manifest()
    {
        (string, JToken?)[] one = [("images", new JArray(new JObject { ["ref"] = App, ["platforms"] = "linux/arm64" }, Tool)), ("path", stage.Folder["part.tar"])];
        Bad(await stage.Run("saved", more: one), "INVALID_ARGUMENT", "linux/arm64 alone would leave a partial index");

        var answer = Good(await stage.Run("saved", more: [.. one, ("on_partial", "child")]));

        var arm = AppImage.Children[1];
        Assert.Equal(arm.Digest.ToString(), (string)Image(answer, App)["digest"]!);
        Assert.Equal(AppImage.Digest.ToString(), (string)Image(answer, App)["source_digest"]!);
        Assert.Equal(["linux/amd64"], Image(answer, App)["omitted_platforms"]!.Select(platform => (string)platform!));
        Assert.Equal("present", (string)Image(await stage.Run("saved", more: [.. one, ("on_partial", "child")]), App)["status"]!);
        var loaded = Good(await stage.Run("loaded", more: ("path", stage.Folder["part.tar"])));
        Assert.Equal(arm.Digest.ToString(), (string)Image(loaded, App)["digest"]!);
    }

    [Fact]
    public async Task One_image_that_cannot_be_had_stops_all_or_is_said_to_be_missing()
    {
        (string, JToken?) images = ("images", new JArray(App, "quay.io/team/none:1"));
        var stopped = Bad(await stage.Run("saved", more: images), "NOT_FOUND", "quay.io/team/none:1 is not there");
        Assert.Equal("quay.io/team/none:1", (string)stopped["error"]!["image"]!);
        Assert.False(File.Exists(stage.Archive));

        var first = Bad(await stage.Run("saved", more: [images, ("on_error", "continue")]), "NOT_FOUND", "quay.io/team/none:1 is not there");
        var second = Bad(await stage.Run("saved", more: [images, ("on_error", "continue")]), "NOT_FOUND", "quay.io/team/none:1 is not there");

        Assert.True((bool)first["changed"]!);
        Assert.Equal([$"{App}: saved", "quay.io/team/none:1: failed"], Statuses(first));
        Assert.Equal("NOT_FOUND", (string)first["images"]![1]!["error"]!["code"]!);
        Assert.False((bool)second["changed"]!);
        Assert.Equal([App], ReadJson(stage.Archive + ".manifest.json")["images"]!.Select(image => (string)image["ref"]!));
        Good(await stage.Run("loaded"));
    }

    [Fact]
    public async Task Only_and_exclude_choose_by_the_full_reference()
    {
        await stage.Save();
        var mark = await stage.Mirror.Mark();

        var some = await stage.Run("loaded", more: [("only", new JArray("quay.io/*")), ("exclude", new JArray("*/tool:*", "quay.io/team/payload", "ghcr.io/*"))]);

        Assert.Equal([$"{App}: loaded"], Statuses(some));
        Assert.Contains("no image is like the pattern \"ghcr.io/*\" of only or exclude", (string)some["warnings"]![0]!, StringComparison.Ordinal);
        Assert.DoesNotContain(await stage.Mirror.Writes(mark), write => write.Path.Contains("tool", StringComparison.Ordinal) || write.Path.Contains("web", StringComparison.Ordinal));
        Bad(await stage.Run("loaded", more: ("only", "ghcr.io/*")), "INVALID_ARGUMENT", "only and exclude leave none of the 4 images of");
        Assert.Equal([$"{Tool}: saved"], Statuses(await stage.Run("saved", more: [("images", new JArray(All)), ("only", "*/tool:2"), ("path", stage.Folder["only.tar"])])));
    }

    [Fact]
    public async Task Images_come_from_a_file_too_and_each_counts_once()
    {
        var list = stage.Folder.Write("images.txt", $"# what we need\n{App}\n\n  web:1.27   # from Docker Hub\n{Tool}\n");

        var answer = await stage.Run("saved", more: [("images_file", list), ("images", $"{App},{Tool}")]);

        Assert.Equal([$"{Web}: saved", $"{App}: saved", $"{Tool}: saved"], Statuses(answer));
        Bad(await stage.Run("saved", more: ("images_file", stage.Folder["none.txt"])), "FILE", "none.txt cannot be read: it does not exist");
        Bad(await stage.Run("saved", more: ("images_file", stage.Folder.Write("empty.txt", "# nothing\n"))), "INVALID_ARGUMENT", "images holds no image");
    }

    [Fact]
    public async Task Names_that_an_archive_has_lost_are_given()
    {
        var path = stage.WriteArchive("bare.tar", ("1.0", AppImage), (Tool, ToolImage));
        Bad(await stage.Run("loaded", more: ("path", path)), "INVALID_ARGUMENT", $"has lost the name of {AppImage.Digest}, which it calls \"1.0\"");

        var answer = await stage.Run("loaded", more: [("path", path), ("references", new JObject { ["1.0"] = "quay.io/team/app", ["3.0"] = "quay.io/team/x:3" })]);

        Assert.Equal([$"{App}: loaded", $"{Tool}: loaded"], Statuses(Good(answer)));
        Assert.Contains("references names \"3.0\"", (string)answer["warnings"]![0]!, StringComparison.Ordinal);
        Assert.Equal([$"{Tool}: present"], Statuses(Good(await stage.Run("loaded", more: [("path", path), ("exclude", "1.0")]))));
    }

    [Fact]
    public async Task Two_images_that_would_be_one_are_an_error_before_anything_is_sent()
    {
        var path = stage.WriteArchive("clash.tar", ("quay.io/team/app:1.0", AppImage), ("docker.io/team/app:1.0", ToolImage));
        var mark = await stage.Mirror.Mark();

        Bad(await stage.Run("loaded", more: [("path", path), ("mirror_path_template", "{namespace}/{path}")]), "COLLISION", "would both be");

        Assert.Empty(await stage.Mirror.Requests(mark));
        var names = Good(await stage.Run("loaded", more: [("path", path), ("mirror_path_template", "{namespace}/of/{registry}/{path}"), ("namespace", "own")]));
        Assert.Equal([$"{stage.Mirror.Name}/own/of/docker.io/team/app:1.0", $"{stage.Mirror.Name}/own/of/quay.io/team/app:1.0"], names["images"]!.Select(image => (string)image["target"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_damaged_blob_is_never_delivered_and_the_others_may_be()
    {
        var record = stage.Folder["record.json"];
        await stage.Save();
        Damage(stage.Archive, ToolImage.Blobs[2]);

        var stopped = Bad(await stage.Run("loaded", more: ("only", Tool)), "DIGEST_MISMATCH", $"blob {ToolImage.Blobs[2].Digest} in {stage.Archive} is damaged");
        Assert.Equal(Tool, (string)stopped["error"]!["image"]!);
        Assert.Equal(ToolImage.Blobs[2].Digest.ToString(), (string)stopped["error"]!["blob"]!);
        Assert.True((bool)stopped["changed"]!, "the blobs before it arrived");

        var answer = Bad(await stage.Run("loaded", more: [("on_error", "continue"), ("record_path", record)]), "DIGEST_MISMATCH", "is damaged");

        Assert.Equal(["failed", "loaded", "loaded", "loaded"], answer["images"]!.Select(image => (string)image["status"]!).Order(StringComparer.Ordinal));
        Assert.Equal("DIGEST_MISMATCH", (string)Image(answer, Tool)["error"]!["code"]!);
        Assert.Equal([Web, App, ByDigest], ReadJson(record)["images"]!.Select(image => (string)image["ref"]!));
        using var tag = await stage.Mirror.Client.GetAsync(new Uri(stage.Mirror.Address, $"/v2/mirror/quay.io/team/tool/manifests/2"));
        Assert.Equal(System.Net.HttpStatusCode.NotFound, tag.StatusCode);
    }

    [Fact]
    public async Task Stopped_by_a_signal_it_says_so_and_is_finished_by_the_next_run()
    {
        await stage.Save();
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();

        var stopped = await stage.Run("loaded", cancellation: stop.Token, more: ("record_path", stage.Folder["record.json"]));

        Bad(stopped, "CANCELLED", "stopped by a signal; what was delivered stays; run it again to finish");
        Assert.False(File.Exists(stage.Folder["record.json"]));
        Bad(await stage.Run("saved", cancellation: stop.Token, more: [("images", new JArray(All)), ("path", stage.Folder["other.tar"])]), "CANCELLED", "stopped by a signal");
        Assert.True(Changed(await stage.Run("loaded")));
    }

    [Theory]
    [InlineData("quay.io/team/app")]
    [InlineData("quay.io/team/tool")]
    [InlineData("docker.io/library/web")]
    public async Task What_a_killed_load_left_in_one_repository_is_not_sent_again(string left)
    {
        await stage.Save();
        Good(await stage.Run("loaded"));
        // As after a kill before the first manifest, when all that had arrived had arrived for one image.
        await stage.Mirror.Stop();
        var repositories = Path.Combine(stage.Mirror.Storage, "docker", "registry", "v2", "repositories", "mirror");
        foreach (var name in new[] { "quay.io/team/app", "quay.io/team/tool", "quay.io/team/payload", "docker.io/library/web" })
            Directory.Delete(Path.Combine(repositories, name, name == left ? "_manifests" : ""), recursive: true);
        await stage.Mirror.Restart();
        var kept = Directory.GetDirectories(Path.Combine(repositories, left, "_layers", "sha256")).Select(folder => $"sha256:{Path.GetFileName(folder)}").ToList();
        var mark = await stage.Mirror.Mark();

        Assert.True(Changed(await stage.Run("loaded")));

        var sent = (await stage.Mirror.Writes(mark)).Select(request => request.UploadedBlob).OfType<string>().ToList();
        Assert.NotEmpty(sent);
        Assert.Empty(sent.Intersect(kept));
        Good(await stage.Run("verified"));
    }

    [Fact]
    public async Task A_limit_of_the_line_changes_nothing_but_the_time()
    {
        Good(await stage.Run("saved", more: [("images", new JArray(All)), ("bandwidth_limit", "10M")]));
        var archive = await File.ReadAllBytesAsync(stage.Archive);
        File.Delete(stage.Archive);
        await stage.Save();
        Assert.Equal(await File.ReadAllBytesAsync(stage.Archive), archive);
        Assert.True(Changed(await stage.Run("loaded", more: ("bandwidth_limit", "10M"))));
        Good(await stage.Run("verified", more: ("deep", true)));
        Bad(await stage.Run("loaded", more: ("bandwidth_limit", "1K")), "INVALID_ARGUMENT", "bandwidth_limit 1024 is less than 65536");
    }

    [Fact]
    public async Task The_progress_file_says_where_it_ended()
    {
        var progress = stage.Folder["run", "progress.json"];
        Good(await stage.Run("saved", check: true, more: [("images", new JArray(All)), ("progress_path", progress)]));
        Assert.False(Path.Exists(stage.Folder["run"]));

        Good(await stage.Run("saved", more: [("images", new JArray(All)), ("progress_path", progress)]));

        var json = ReadJson(progress);
        Assert.Equal("done", (string)json["phase"]!);
        Assert.Equal(4, (int)json["images_total"]!);
        Assert.Equal((long)json["bytes_total"]!, (long)json["bytes_done"]!);
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", (string)json["updated"]!);
        Assert.Equal([progress], Directory.GetFiles(stage.Folder["run"]));
        Bad(await stage.Run("saved", more: [("images", new JArray("quay.io/team/none:1")), ("progress_path", progress)]), "NOT_FOUND", "is not there");
        Assert.Equal("failed", (string)ReadJson(progress)["phase"]!);
    }

    [Fact]
    public async Task The_log_says_what_became_of_each_image()
    {
        var log = stage.Folder["run", "load.log"];
        await stage.Save();
        Good(await stage.Run("loaded", check: true, more: ("log_path", log)));
        Assert.False(File.Exists(log));

        var loaded = Good(await stage.Run("loaded", more: ("log_path", log)));
        var again = Good(await stage.Run("loaded", more: ("log_path", log)));

        var lines = (await File.ReadAllLinesAsync(log)).Select(line => line[line.IndexOf(' ', StringComparison.Ordinal)..].Trim()).ToList();
        Assert.Equal(All.Length, lines.Count(line => line.EndsWith(" is delivered", StringComparison.Ordinal)));
        Assert.Equal(All.Length, lines.Count(line => line.EndsWith(" is there already", StringComparison.Ordinal)));
        Assert.Equal(["uploading"], lines.Where(line => line == "uploading"));
        Assert.Equal([(string?)again["msg"], "done"], lines.TakeLast(2));
        Assert.Contains((string)loaded["msg"]!, lines);
        Bad(await stage.Run("loaded", more: [("log_path", log), ("path", stage.Folder["none.tar"])]), "FILE", "none.tar");
        Assert.EndsWith(" failed", (await File.ReadAllLinesAsync(log))[^1], StringComparison.Ordinal);
        Assert.Contains("none.tar", (await File.ReadAllLinesAsync(log))[^2], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_loads_is_byte_for_byte_what_was_upstream()
    {
        await stage.Save();
        Good(await stage.Run("loaded"));

        foreach (var (name, image) in new[] { ("quay.io/team/app", AppImage), ("docker.io/library/web", WebImage), ("quay.io/team/payload", Payload) })
        {
            foreach (var manifest in image.Manifests)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(stage.Mirror.Address, $"/v2/mirror/{name}/manifests/{manifest.Digest}"));
                request.Headers.Accept.ParseAdd(manifest.Manifest.MediaType);
                using var answer = await stage.Mirror.Client.SendAsync(request);
                Assert.Equal(Encoding.UTF8.GetString(manifest.Manifest.Bytes.Span), await answer.Content.ReadAsStringAsync());
            }
        }
    }

    [Fact]
    public async Task Every_mistake_gives_one_sentence()
    {
        (string Start, JObject Answer)[] mistakes =
        [
            ("state is loaded but all of the following are missing: path", await stage.Run("loaded", more: ("path", null))),
            ("state is loaded but all of the following are missing: registry_host", await stage.Run("loaded", more: ("registry_host", null))),
            ("state is saved but any of the following are missing: images, images_file", await stage.Run("saved")),
            ("verify is both but all of the following are missing: registry_host", await stage.Run("verified", more: [("verify", "both"), ("registry_host", null)])),
            ("the archive ", await stage.Run("loaded")),
            ("image reference \"quay.io/Team/App:1\"", await stage.Run("saved", more: ("images", "quay.io/Team/App:1"))),
            ("missing required arguments: ref found in images", await stage.Run("saved", more: ("images", new JArray(new JObject { ["platforms"] = "linux/amd64" })))),
            ("images[1] is neither a reference nor a dictionary with ref", await stage.Run("saved", more: ("images", new JArray(App, 7)))),
            ("platform \"amd64\" is not of the form os/architecture[/variant]", await stage.Run("saved", more: [("images", App), ("platforms", "amd64")])),
            ("pull_from: the value of quay.io is no text", await stage.Run("saved", more: [("images", App), ("pull_from", new JObject { ["quay.io"] = 5 })])),
            ("concurrency 0 is not between 1 and 64", await stage.Run("saved", more: [("images", App), ("concurrency", 0)])),
            ($"folder {stage.Folder["a-file"]} cannot be made", await stage.Run("saved", more: [("images", App), ("path", Path.Combine(stage.Folder.Write("a-file", ""), "set.tar"))])),
        ];

        foreach (var (start, answer) in mistakes)
        {
            Assert.True((bool?)answer["failed"] ?? false, $"{start}: {answer}");
            Assert.StartsWith(start, (string)answer["msg"]!, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', (string)answer["msg"]!);
        }

        var credential = await stage.Run("saved", more: [("images", App), ("pull_from", new JObject { ["quay.io"] = "https://me:hunter22@cache.example.com" })]);
        Bad(credential, "INVALID_ARGUMENT", "pull_from for quay.io: ");
        Assert.DoesNotContain("hunter22", credential.ToString(), StringComparison.Ordinal);

        var meaningless = await stage.Run("saved", more: [("images", App), ("record_path", "x"), ("verify", "archive")]);
        Assert.Equal(["verify has no meaning with state=saved, only with verified", "record_path has no meaning with state=saved, only with loaded and inspected and verified and pruned"], meaningless["warnings"]!.Select(warning => (string)warning!));
    }

    [Fact]
    public async Task Without_the_right_to_push_nothing_is_delivered()
    {
        await stage.Save();

        var answer = await stage.Run("loaded", more: [("username", "pusher"), ("password", "mistyped"), ("record_path", stage.Folder["record.json"])]);

        Bad(answer, "UNAUTHORIZED", "refused user \"pusher\"");
        Assert.DoesNotContain("mistyped", answer.ToString(), StringComparison.Ordinal);
        Assert.False(File.Exists(stage.Folder["record.json"]));
    }
}
