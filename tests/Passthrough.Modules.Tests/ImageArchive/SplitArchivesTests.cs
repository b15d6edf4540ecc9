using Newtonsoft.Json.Linq;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Archives in parts through the whole module.</summary>
public sealed class SplitArchivesTests : IAsyncLifetime
{
    ArchiveStage stage = null!;

    public async Task InitializeAsync() => stage = await Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task Saved_in_parts_it_is_loaded_and_proved_like_one_file()
    {
        var predicted = await Save("64K", check: true);
        Assert.True(Changed(predicted));
        Assert.Empty(Directory.GetFiles(stage.Folder.Path, "set.tar*"));

        var saved = await Save("64K");

        Assert.True(Changed(saved));
        Assert.Equal(Names(predicted), Names(saved));
        Assert.All(saved["archive"]!["parts"]!.SkipLast(1), part => Assert.Equal(64 * 1024, (int)part["size"]!));
        Assert.Equal(saved["archive"]!["parts"], ReadJson(stage.Archive + ".manifest.json")["parts"]);
        Assert.False(Changed(await Save("64K")));
        Assert.True(Changed(await stage.Run("loaded")));
        var proof = Good(await stage.Run("verified"));
        Assert.Equal(Names(saved), Names(proof));
        Assert.False(Changed(await stage.Run("loaded", more: ("path", stage.Archive + ".001"))));
    }

    [Fact]
    public async Task Parts_may_come_a_few_at_a_time()
    {
        Good(await Save("100K"));
        var parts = Directory.GetFiles(stage.Folder.Path, "set.tar.???").Order(StringComparer.Ordinal).ToList();
        var shelf = Directory.CreateDirectory(stage.Folder["shelf"]).FullName;
        foreach (var part in parts.Skip(1))
            File.Move(part, Path.Combine(shelf, Path.GetFileName(part)));
        Bad(await stage.Run("loaded"), "NOT_FOUND", $"of {stage.Archive} the parts set.tar.001, ");

        var seen = new HashSet<string>(StringComparer.Ordinal);
        JObject last = [];
        foreach (var (left, right) in parts.Skip(1).Zip(parts.Skip(2)))
        {
            // Two neighbours at once: a blob that lies across needs both.
            string[] medium = [Path.GetFileName(left), Path.GetFileName(right)];
            foreach (var name in medium)
                File.Move(Path.Combine(shelf, name), stage.Folder[name]);
            last = Good(await stage.Run("loaded", more: ("allow_missing_parts", true)));
            seen.UnionWith(Statuses(last));
            foreach (var name in medium)
                File.Move(stage.Folder[name], Path.Combine(shelf, name));
        }

        Assert.Contains(seen, status => status.EndsWith(": incomplete", StringComparison.Ordinal));
        Assert.All(Statuses(last), status => Assert.Matches(": (loaded|present)$", status));
        Assert.Contains(last["warnings"]!, warning => ((string)warning!).EndsWith("is not there: images that need it are incomplete", StringComparison.Ordinal));
        foreach (var part in parts.Skip(1))
            File.Move(Path.Combine(shelf, Path.GetFileName(part)), part);
        Good(await stage.Run("verified", more: ("deep", true)));
        Assert.False(Changed(await stage.Run("loaded")));
    }

    [Fact]
    public async Task A_size_that_is_none_is_refused()
    {
        Bad(await Save("0"), "INVALID_ARGUMENT", "part_size 0 is no size");
        Bad(await Save("256"), "INVALID_ARGUMENT", "with part_size=256 that is more than 1000 parts");
    }

    Task<JObject> Save(string partSize, bool check = false) => stage.Run("saved", check, more: [("images", new JArray(All)), ("part_size", partSize)]);

    static IEnumerable<string> Names(JObject answer) => answer["archive"]!["parts"]!.Select(part => (string)part["name"]!);
}
