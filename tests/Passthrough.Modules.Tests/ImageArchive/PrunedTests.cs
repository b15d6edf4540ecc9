using Newtonsoft.Json.Linq;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>What is no longer wanted leaves the mirror, and only that.</summary>
public sealed class PrunedTests : IAsyncLifetime
{
    ArchiveStage stage = null!;
    string record = "";
    string wanted = "";

    public async Task InitializeAsync()
    {
        stage = await Start();
        record = stage.Folder["record.json"];
        await stage.Save();
        Good(await stage.Run("loaded", more: ("record_path", record)));
        wanted = stage.Folder["wanted.tar"];
        Good(await stage.Run("saved", more: [("images", new JArray(App, ByDigest)), ("path", wanted)]));
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Theory]
    [InlineData("")]
    [InlineData(".manifest.json")]
    public async Task It_is_shown_and_removed_only_when_told(string suffix)
    {
        var mark = await stage.Mirror.Mark();
        var shown = await Prune(wanted + suffix);
        Assert.False(Changed(shown));
        Assert.Equal([$"{Web}: unused", $"{Tool}: unused"], Statuses(shown));
        Assert.Equal(WebImage.Digest.ToString(), (string)Image(shown, Web)["digest"]!);
        Assert.Contains("2 images that no given archive lists, 2 stay: set remove=true", (string)shown["msg"]!, StringComparison.Ordinal);
        var predicted = await Prune(wanted + suffix, remove: true, check: true);
        Assert.True(Changed(predicted));
        Assert.Empty(await stage.Mirror.Writes(mark));

        var removed = await Prune(wanted + suffix, remove: true);

        Assert.True(Changed(removed));
        Assert.Equal(predicted["actions"], removed["actions"]);
        Assert.Equal([$"{Web}: removed", $"{Tool}: removed"], Statuses(removed));
        Assert.Equal([App, ByDigest], ReadJson(record)["images"]!.Select(image => (string)image["ref"]!));
        Assert.False(Changed(await Prune(wanted + suffix, remove: true)));
        Good(await stage.Run("verified", more: [("path", wanted), ("verify", "registry"), ("record_path", record)]));
        Bad(await stage.Run("verified", more: ("verify", "registry")), "NOT_PROVED", "");
    }

    [Fact]
    public async Task What_somebody_else_has_pushed_since_is_left_alone()
    {
        Good(await stage.Run("loaded", more: ("path", stage.WriteArchive("other.tar", (Tool, WebImage)))));

        var removed = Good(await Prune(wanted, remove: true));

        Assert.Equal([$"{Web}: removed", $"{Tool}: different"], Statuses(removed));
    }

    [Fact]
    public async Task A_manifest_that_another_tag_names_stays()
    {
        Good(await stage.Run("loaded", more: ("path", stage.WriteArchive("other.tar", ("quay.io/team/tool:latest", ToolImage)))));

        var failed = Bad(await Prune(wanted, remove: true), "UNSUPPORTED", "takes only whole manifests away, and the tag latest names the same one");

        Assert.Equal([$"{Web}: removed", $"{Tool}: failed"], Statuses(failed));
    }

    [Fact]
    public async Task The_manifests_below_an_index_go_with_it_unless_something_else_needs_them()
    {
        // One child of the index that goes is also a child of one that stays.
        var shared = Passthrough.Testing.Images.ImageBuilder.Index([WebImage.Children[0]], docker: true);
        Good(await stage.Run("loaded", more: ("path", stage.WriteArchive("other.tar", ("docker.io/library/web:shared", shared)))));

        Assert.True(Changed(await Prune(wanted, remove: true)));

        Assert.False(await IsThere("docker.io/library/web", WebImage.Digest));
        Assert.True(await IsThere("docker.io/library/web", WebImage.Children[0].Digest));
        Assert.False(await IsThere("docker.io/library/web", WebImage.Children[1].Digest));
        Good(await stage.Run("verified", more: [("path", stage.Folder["other.tar"]), ("verify", "registry"), ("deep", true)]));
    }

    [Fact]
    public async Task A_child_of_an_index_that_stays_is_not_taken_from_it_and_check_mode_does_not_promise_it()
    {
        var child = AppImage.Children[1];
        var name = $"quay.io/team/app@{child.Digest}";
        Good(await stage.Run("loaded", more: [("path", stage.WriteArchive("child.tar", (name, child))), ("record_path", record)]));

        var predicted = Good(await Prune(wanted, remove: true, check: true));
        Assert.Equal("unknown", (string)Image(predicted, name)["status"]!);
        Assert.Contains("the index 1.0, which stays, contains this one", (string)Image(predicted, name)["error"]!["message"]!,
            StringComparison.Ordinal);
        Assert.Contains("1 unknown", (string)predicted["msg"]!, StringComparison.Ordinal);
        var failed = Bad(await stage.Run("pruned", more: [("path", wanted), ("record_path", record), ("remove", true), ("on_error",
            "continue")]), "UNSUPPORTED", "the index 1.0, which stays, contains this one");

        Assert.Equal([$"{Web}: removed", $"{name}: failed", $"{Tool}: removed"], Statuses(failed));
        Assert.Equal([App, name, ByDigest], ReadJson(record)["images"]!.Select(image => (string)image["ref"]!).Order(
            StringComparer.Ordinal));
        Good(await stage.Run("verified", more: [("path", wanted), ("verify", "registry"), ("deep", true)]));
    }

    [Fact]
    public async Task An_index_and_its_child_and_two_tags_of_one_image_go_together()
    {
        var child = WebImage.Children[1];
        Good(await stage.Run("loaded", more: [("path", stage.WriteArchive("more.tar", ($"docker.io/library/web@{child.Digest}", child), (
            "quay.io/team/tool:latest", ToolImage))), ("record_path", record)]));

        var removed = Good(await Prune(wanted, remove: true));

        Assert.Equal(4, removed["images"]!.Count());
        Assert.All(removed["images"]!, image => Assert.Contains((string)image["status"]!, new[] { "removed", "absent" }));
        Assert.Equal([App, ByDigest], ReadJson(record)["images"]!.Select(image => (string)image["ref"]!));
        Assert.False(await IsThere("docker.io/library/web", child.Digest));
        Assert.False(await IsThere("quay.io/team/tool", ToolImage.Digest));
    }

    [Fact]
    public async Task Stopped_by_a_signal_it_records_what_is_gone()
    {
        using var stop = new CancellationTokenSource();
        await stop.CancelAsync();

        var stopped = Bad(await stage.Run("pruned", cancellation: stop.Token,
            more: [("path", wanted), ("record_path", record), ("remove", true)]), "CANCELLED", "stopped by a signal");

        Assert.False((bool)stopped["changed"]!);
        Assert.Empty(stopped["actions"]!);
    }

    async Task<bool> IsThere(string name, Passthrough.Core.Oci.Digest manifest)
    {
        using var answer = await stage.Mirror.Client.GetAsync(new Uri(stage.Mirror.Address, $"/v2/mirror/{name}/manifests/{manifest}"));
        return answer.IsSuccessStatusCode;
    }

    [Fact]
    public async Task Nothing_that_stays_means_nothing_is_removed() =>
        Bad(await Prune(stage.Folder.Write("empty.json", "{\"images\": []}"), remove: true), "INVALID_ARGUMENT", "lists no image");

    Task<JObject> Prune(string path, bool remove = false, bool check = false) =>
        stage.Run("pruned", check, more: [("path", path), ("record_path", record), ("remove", remove)]);
}
