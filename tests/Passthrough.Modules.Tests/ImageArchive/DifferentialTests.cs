using Newtonsoft.Json.Linq;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Archives that leave to earlier ones what those have.</summary>
public sealed class DifferentialTests : IAsyncLifetime
{
    const string Newer = "quay.io/team/app:1.1";
    const string Moved = "quay.io/other/place:1";

    static readonly BuiltBlob NewLayer = ImageBuilder.Layer("newer", 3_000_000);
    static readonly BuiltImage NewerImage = ImageBuilder.Image([SharedLayer, NewLayer]);
    static readonly BuiltImage MovedImage = ImageBuilder.Image([SharedLayer]);

    ArchiveStage stage = null!;

    string Second => stage.Folder["second.tar"];

    public async Task InitializeAsync()
    {
        stage = await Start();
        await stage.Upstream.Push(NewerImage, "quay.io/team/app", "1.1");
        await stage.Upstream.Push(MovedImage, "quay.io/other/place", "1");
        await stage.Save();
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Theory]
    [InlineData(".manifest.json")]
    [InlineData("")]
    public async Task It_has_all_manifests_and_only_new_layers(string suffix)
    {
        var predicted = await Save(stage.Archive + suffix, check: true);
        var saved = await Save(stage.Archive + suffix);

        Assert.True(Changed(saved));
        Assert.Equal(predicted["bytes"]!["to_fetch"], saved["bytes"]!["to_fetch"]);
        Assert.InRange(new FileInfo(Second).Length, NewLayer.Bytes.Length, NewLayer.Bytes.Length * 1.02);
        Assert.Contains(" beside ", (string)saved["msg"]!, StringComparison.Ordinal);
        Assert.Contains(" that set.tar has", (string)saved["msg"]!, StringComparison.Ordinal);
        Assert.Equal([.. All, Moved, Newer], Statuses(saved).Select(status => status[..status.LastIndexOf(": ", StringComparison.Ordinal)]).OrderBy(name => Array.IndexOf([.. All, Moved, Newer], name)));
        Assert.False(Changed(await Save(stage.Archive + suffix)));
        // Whole as it is, and a base of its own.
        Good(await stage.Run("verified", more: [("path", Second), ("verify", "archive")]));
        var inspected = Good(await stage.Run("inspected", more: [("path", Second), ("registry_host", null)]));
        Assert.All(Statuses(inspected), status => Assert.EndsWith(": complete", status, StringComparison.Ordinal));
        Assert.Equal(SharedLayer.Bytes.Length, (int)Image(inspected, Moved)["bytes_in_bases"]!);
        var third = Good(await Save(Second, path: stage.Folder["third.tar"]));
        // What is small always travels.
        Assert.InRange((int)third["bytes"]!["to_fetch"]!, 1, 10_000);
    }

    [Fact]
    public async Task It_is_loaded_after_its_base_and_takes_from_there_what_it_lacks()
    {
        Good(await Save(stage.Archive));
        Good(await stage.Run("loaded"));
        var mark = await stage.Mirror.Mark();

        Assert.True(Changed(await stage.Run("loaded", more: ("path", Second))));

        var sent = (await stage.Mirror.Writes(mark)).Select(request => request.UploadedBlob).OfType<string>().ToList();
        Assert.Contains(NewLayer.Digest.ToString(), sent);
        Assert.DoesNotContain(SharedLayer.Digest.ToString(), sent);
        Good(await stage.Run("verified", more: [("path", Second), ("verify", "registry"), ("deep", true)]));
        Assert.False(Changed(await stage.Run("loaded", more: ("path", Second))));
    }

    [Fact]
    public async Task Without_its_base_nothing_is_sent_and_what_is_missing_is_said()
    {
        Good(await Save(stage.Archive));
        var id = (string)ReadJson(stage.Archive + ".manifest.json")["id"]!;

        var alone = Bad(await stage.Run("loaded", more: ("path", Second)), "ARCHIVE_CORRUPT", " is incomplete in the archive: blob ");

        Assert.Equal($"it is a differential: load set.tar ({id}) first, or give the archives together in path", (string)alone["error"]!["hint"]!);
        Assert.Empty(await stage.Mirror.Writes());
        Assert.True(Changed(await stage.Run("loaded", more: ("path", new JArray(stage.Archive, Second)))));
        Good(await stage.Run("verified", more: [("path", new JArray(stage.Archive, Second)), ("deep", true)]));
    }

    [Fact]
    public async Task A_base_may_be_an_archive_of_another_tool_and_must_be_one()
    {
        var saved = Good(await Save(stage.WriteArchive("foreign.tar", (App, AppImage))));

        Assert.True((long)saved["bytes"]!["in_bases"]! > SharedLayer.Bytes.Length);
        Bad(await Save(stage.Folder.Write("notes.json", "{\"id\": 1}"), path: stage.Folder["x.tar"]), "INVALID_ARGUMENT", "is no sidecar of an archive");
        Bad(await Save(stage.Folder["none.tar"], path: stage.Folder["x.tar"]), "FILE", "does not exist");
    }

    [Fact]
    public async Task Another_base_makes_it_anew()
    {
        Good(await Save(stage.Archive));
        var differential = new FileInfo(Second).Length;

        Assert.True(Changed(await Save(baseArchive: null)));

        Assert.True(new FileInfo(Second).Length > differential + SharedLayer.Bytes.Length);
        Assert.True(Changed(await Save(stage.Archive)));
        Assert.Equal(differential, new FileInfo(Second).Length);
    }

    Task<JObject> Save(string? baseArchive, string? path = null, bool check = false) =>
        stage.Run("saved", check, more: [("images", new JArray(All.Append(Newer).Append(Moved))), ("path", path ?? Second), ("base", baseArchive is null ? null : (JToken)baseArchive)]);
}
