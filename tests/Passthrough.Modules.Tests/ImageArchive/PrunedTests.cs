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
    public async Task Nothing_that_stays_means_nothing_is_removed() =>
        Bad(await Prune(stage.Folder.Write("empty.json", "{\"images\": []}"), remove: true), "INVALID_ARGUMENT", "lists no image");

    Task<JObject> Prune(string path, bool remove = false, bool check = false) =>
        stage.Run("pruned", check, more: [("path", path), ("record_path", record), ("remove", remove)]);
}
