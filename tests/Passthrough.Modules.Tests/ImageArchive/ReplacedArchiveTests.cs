using Newtonsoft.Json.Linq;
using Passthrough.Modules.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Registries;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>An archive whose images would go is replaced only if the user says so.</summary>
public sealed class ReplacedArchiveTests : IAsyncLifetime, IDisposable
{
    readonly TestFolder folder = new("replaced");
    LooseRegistry upstream = null!;

    public async Task InitializeAsync() =>
        upstream = (await LooseRegistry.Start()).Add(AppImage, "team/app", "1.0").Add(ToolImage, "team/tool", "2")
            .Add(ToolImage, "team/tool", "3");

    public void Dispose() => folder.Dispose();

    public async Task DisposeAsync()
    {
        await upstream.DisposeAsync();
    }

    public static TheoryData<string, string[]> Smaller => new()
    {
        { "one image of two", [App] },
        { "other images", ["quay.io/team/tool:3"] },
    };

    [Theory]
    [MemberData(nameof(Smaller))]
    public async Task It_stays_as_it_is(string what, string[] images)
    {
        Good(await Save([App, Tool]));
        var before = await Read();
        upstream.ClearRequests();

        foreach (var check in (bool[])[true, false])
        {
            var refused = Bad(await Save(images, check), "WOULD_LOSE_IMAGES", "set.tar was not replaced: it has ");
            Assert.Contains(Tool, (string)refused["msg"]!, StringComparison.Ordinal);
            Assert.Contains("force=true", (string)refused["error"]!["hint"]!, StringComparison.Ordinal);
        }

        Assert.Equal(before, await Read());
        Assert.DoesNotContain(upstream.Requests, request => request.Target.Contains("/blobs/", StringComparison.Ordinal));
        Assert.NotEmpty(what);
    }

    [Fact]
    public async Task An_image_that_fails_this_time_is_not_lost()
    {
        Good(await Save([App, Tool]));
        var before = await Read();
        upstream.Remove("team/tool", ToolImage.Digest);
        upstream.Before = call => call.Path.Contains("/team/tool/", StringComparison.Ordinal) ? FakeAnswer.Empty(404) : null;

        Bad(await Save([App, Tool], more: ("on_error", "continue")), "WOULD_LOSE_IMAGES", Tool);

        Assert.Equal(before, await Read());
    }

    [Fact]
    public async Task With_force_it_is_replaced_the_loss_is_named_and_its_sidecar_is_still_a_base()
    {
        Good(await Save([App, Tool]));
        var sidecar = await File.ReadAllTextAsync(folder["set.tar.manifest.json"]);
        var id = (string)ReadJson(folder["set.tar.manifest.json"])["id"]!;
        var kept = $"{folder["set.tar"]}.{id}.manifest.json";

        var predicted = Good(await Save([App], check: true, more: ("force", true)));
        Assert.False(File.Exists(kept));
        var saved = Good(await Save([App], more: ("force", true)));

        Assert.Equal(predicted["actions"], saved["actions"]);
        Assert.Contains(saved["warnings"]!, warning =>
            (string)warning! == $"{folder["set.tar"]} no longer has 1 image that it had: {Tool}; {kept} still lists them and can be "
                + "given as base");
        Assert.Equal(sidecar, await File.ReadAllTextAsync(kept));
        Assert.Equal(1, (int)saved["counts"]!["removed"]!);
        var second = Good(await Save([Tool], more: [("path", folder["second.tar"]), ("base", new JArray(kept))]));
        Assert.Equal(0, (long)second["bytes"]!["fetched"]! - ToolImage.Blobs[0].Bytes.Length);
    }

    [Fact]
    public async Task More_images_and_moved_tags_lose_nothing()
    {
        Good(await Save([App]));
        Good(await Save([App, Tool]));
        upstream.Add(AppImage, "team/tool", "2");

        Assert.True(Changed(await Save([App, Tool])));
    }

    async Task<byte[]> Read() => await File.ReadAllBytesAsync(folder["set.tar"]);

    Task<JObject> Save(string[] images, bool check = false, params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject
        {
            ["state"] = "saved",
            ["path"] = folder["set.tar"],
            ["images"] = new JArray(images),
            ["authfile"] = folder.Write("none.json", "{}"),
            ["retries"] = 0,
            ["pull_from"] = new JObject { ["quay.io"] = $"http://{upstream.Name}" },
        };
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new ImageArchiveModule(), parameters, check);
    }
}
