using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>What the disconnected side tells the connected one: which images the mirror still needs, and what it has already.</summary>
public sealed class GapTests : IAsyncLifetime
{
    const string Newer = "quay.io/team/app:1.1";

    static readonly BuiltBlob NewLayer = ImageBuilder.Layer("gap", 500_000);
    static readonly BuiltImage NewerImage = ImageBuilder.Image([SharedLayer, NewLayer]);

    ArchiveStage stage = null!;

    string Gap => stage.Folder["gap/needed.txt"];

    string State => stage.Folder["gap/state.json"];

    public async Task InitializeAsync()
    {
        stage = await Start();
        await stage.Upstream.Push(NewerImage, "quay.io/team/app", "1.1");
        Good(await stage.Run("saved", more: ("images", new JArray(App, Tool, ByDigest))));
        Good(await stage.Run("loaded", more: ("record_path", stage.Folder["record.json"])));
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task What_a_cluster_uses_and_the_mirror_lacks_is_a_list_that_a_save_takes()
    {
        // As pods name them: by tag, by the digest of an image, of one platform of it, of another image; and one by the mirror's own name.
        var used = stage.Folder.Write("used.txt", $"{App}\n{Newer}\nweb:1.27\nquay.io/team/app@{AppImage.Children[1].Digest}\n{ByDigest}\nquay.io/team/tool:2@{ToolImage.Digest}\nquay.io/team/tool@{NewerImage.Digest}\n{stage.Mirror.Name}/own:1\n");
        var mark = await stage.Mirror.Mark();

        var predicted = await Inspect(check: true, ("images_file", used), ("gap_path", Gap));
        Assert.True(Changed(predicted));
        Assert.False(File.Exists(Gap));
        var inspected = await Inspect(check: false, ("images_file", used), ("gap_path", Gap));

        Assert.True(Changed(inspected));
        Assert.Equal(
            [
                $"{App}: present", $"{Newer}: missing", $"{Web}: missing", $"quay.io/team/app@{AppImage.Children[1].Digest}: present", $"{ByDigest}: present",
                $"quay.io/team/tool:2@{ToolImage.Digest}: present", $"quay.io/team/tool@{NewerImage.Digest}: missing",
            ],
            Statuses(inspected));
        Assert.StartsWith($"{stage.Mirror.Name} has 4 of 7 images whole, and needs 3: {Gap}, ", (string)inspected["msg"]!, StringComparison.Ordinal);
        Assert.Equal([$"# {stage.Mirror.Name} needs 3 images. Save them with images_file.", Web, Newer, $"quay.io/team/tool@{NewerImage.Digest}"], await File.ReadAllLinesAsync(Gap));
        Assert.False(Changed(await Inspect(check: false, ("images_file", used), ("gap_path", Gap))));
        Assert.Empty(await stage.Mirror.Writes(mark));

        await stage.Upstream.Push(NewerImage, "quay.io/team/tool", "other");
        var saved = await stage.Run("saved", more: [("images_file", Gap), ("path", stage.Folder["gap.tar"])]);
        Assert.Equal(3, (int)Good(saved)["counts"]!["saved"]!);
        Good(await stage.Run("loaded", more: ("path", stage.Folder["gap.tar"])));
        var after = await Inspect(check: false, ("images_file", used), ("gap_path", Gap));
        Assert.StartsWith($"{stage.Mirror.Name} has 7 images whole, and needs none, ", (string)after["msg"]!, StringComparison.Ordinal);
        Assert.Single(await File.ReadAllLinesAsync(Gap));
    }

    [Fact]
    public async Task What_is_there_and_not_whole_or_not_the_same_is_needed_too()
    {
        await stage.Mirror.Push(ToolImage, "mirror/quay.io/team/app", "1.0");
        Remove(ToolImage.Blobs[^1].Digest);

        var inspected = await Inspect(check: false, ("record_path", stage.Folder["record.json"]));

        Assert.Equal([$"{App}: different", $"{ByDigest}: present", $"{Tool}: incomplete"], Statuses(inspected).Order(StringComparer.Ordinal));
        Assert.Equal([App, Tool], inspected["needed"]!.Select(image => (string)image!));
        Assert.Contains($"has no blob {ToolImage.Blobs[^1].Digest}", (string)Image(inspected, Tool)["error"]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_mirror_has_is_a_base_for_the_next_archive()
    {
        Good(await Inspect(check: false, ("record_path", stage.Folder["record.json"]), ("state_path", State)));
        var first = await File.ReadAllBytesAsync(State);
        Assert.False(Changed(await Inspect(check: false, ("record_path", stage.Folder["record.json"]), ("state_path", State))));
        var json = ReadJson(State);
        Assert.Equal((stage.Mirror.Name, 3), ((string)json["registry"]!, json["images"]!.Count()));
        Assert.Contains(SharedLayer.Digest.ToString(), json["blobs"]!.Select(blob => (string)blob["digest"]!));

        var second = stage.Folder["second.tar"];
        var saved = Good(await stage.Run("saved", more: [("images", new JArray(App, Newer, Web)), ("base", State), ("path", second)]));

        Assert.Contains($" that {stage.Mirror.Name} has: ", (string)saved["msg"]!, StringComparison.Ordinal);
        Assert.InRange(new FileInfo(second).Length, NewLayer.Bytes.Length, (NewLayer.Bytes.Length * 1.02) + 60_000);
        Assert.False(Changed(await stage.Run("saved", more: [("images", new JArray(App, Newer, Web)), ("base", State), ("path", second)])));
        Good(await stage.Run("verified", more: [("path", second), ("verify", "archive")]));
        Good(await stage.Run("loaded", more: ("path", second)));
        Good(await stage.Run("verified", more: [("path", second), ("verify", "registry"), ("deep", true)]));
        Assert.Equal(first, await File.ReadAllBytesAsync(State));
    }

    [Fact]
    public async Task A_mirror_that_has_lost_what_it_had_is_told_before_anything_is_sent()
    {
        Good(await Inspect(check: false, ("record_path", stage.Folder["record.json"]), ("state_path", State)));
        var second = stage.Folder["second.tar"];
        Good(await stage.Run("saved", more: [("images", new JArray(Newer)), ("base", State), ("path", second)]));
        Remove(SharedLayer.Digest);
        var mark = await stage.Mirror.Mark();

        var answer = Bad(await stage.Run("loaded", more: ("path", second)), "ARCHIVE_CORRUPT", $"{Newer} is incomplete in the archive: blob {SharedLayer.Digest} ");

        Assert.Equal($"it is a differential to what {stage.Mirror.Name} had: save it again with what state_path writes today as its base, or without base", (string)answer["error"]!["hint"]!);
        Assert.Empty(await stage.Mirror.Writes(mark));
    }

    [Fact]
    public async Task Questions_that_make_no_sense_are_told()
    {
        Bad(await Inspect(check: false), "INVALID_ARGUMENT", $"nothing says which images {stage.Mirror.Name} is to be asked for");
        Bad(await stage.Run("inspected", more: ("gap_path", Gap)), "INVALID_ARGUMENT", "inspected looks into the archive at path or asks the registry for images, images_file and record_path, not both at once");
        Bad(await stage.Run("inspected", more: [("path", null), ("registry_host", null), ("images", new JArray(App))]), "INVALID_ARGUMENT", "state is inspected but any of the following are missing: path, registry_host");
    }

    void Remove(Digest blob) => Directory.Delete(Path.Combine(stage.Mirror.Storage, "docker/registry/v2/blobs/sha256", blob.Hex[..2], blob.Hex), recursive: true);

    Task<JObject> Inspect(bool check, params (string Name, JToken? Value)[] more) => stage.Run("inspected", check, more: [("path", null), .. more]);
}
