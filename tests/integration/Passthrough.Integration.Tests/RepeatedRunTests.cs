using Passthrough.Testing.Ansible;

namespace Passthrough.Integration.Tests;

/// <summary>Of each module: check mode predicts and sends no write, the first run changes, the second does not; asserted on the registry's own access log.</summary>
public sealed class RepeatedRunTests(Stage stage) : IClassFixture<Stage>
{
    [Fact]
    public Task Of_registry_auth() => Check("registry_auth", stage.ToMirror(("dest_dir", stage.Folder["auth"])), stage.Folder["auth"]);

    [Fact]
    public async Task Of_mirror_repo()
    {
        // A plain registry has nothing to create: repositories come into being with the first push.
        var parameters = stage.ToMirror(("upstreams", new[] { "quay.io", "registry.redhat.io" }));
        var start = await stage.Mirror.Mark();
        var predicted = (await NativeModule.Run("mirror_repo", parameters, checkMode: true, stage.WithCredentials)).MustSucceed();
        Assert.Empty(await stage.Mirror.Writes(start));

        var first = (await NativeModule.Run("mirror_repo", parameters, settings: stage.WithCredentials)).MustSucceed();
        var second = (await NativeModule.Run("mirror_repo", parameters, settings: stage.WithCredentials)).MustSucceed();

        Assert.Equal(predicted.Changed, first.Changed);
        Assert.False(second.Changed);
        Assert.Contains(first.Json["mirror_map"]!, entry => (string?)entry["source"] == "quay.io" && (string?)entry["mirror"] == $"{stage.Mirror.Name}/mirror/quay.io");
    }

    [Fact]
    public Task Of_icsp_render() => Check("icsp_render", stage.ToMirror(("dest_dir", stage.Folder["icsp"])), stage.Folder["icsp"]);

    [Fact]
    public async Task Of_image_archive()
    {
        var path = Path.Combine(stage.Folder["download"], "set.tar");
        await Check("image_archive", stage.SaveAll(path), stage.Folder["download"]);

        var parameters = stage.ToMirror(("state", "loaded"), ("path", path), ("record_path", stage.Folder["record.json"]));
        await Check("image_archive", parameters, stage.Folder["record.json"]);
        Assert.Contains(await stage.Mirror.Writes(), write => write is { Method: "PUT", Status: 201 });

        // Asking whether all is there writes nothing.
        var start = await stage.Mirror.Mark();
        foreach (var state in new[] { "inspected", "verified" })
        {
            var answer = (await NativeModule.Run("image_archive", stage.ToMirror(("state", state), ("path", path)), settings: stage.WithCredentials)).MustSucceed();
            Assert.False(answer.Changed);
        }

        Assert.Empty(await stage.Mirror.Writes(start));
    }

    async Task Check(string module, Dictionary<string, object?> parameters, string written)
    {
        var start = await stage.Mirror.Mark();
        var predicted = (await NativeModule.Run(module, parameters, checkMode: true, stage.WithCredentials)).MustSucceed();
        Assert.True(predicted.Changed, predicted.Command.ToString());
        Assert.Empty(await stage.Mirror.Writes(start));
        Assert.False(Path.Exists(written), $"check mode wrote {written}");

        var first = (await NativeModule.Run(module, parameters, settings: stage.WithCredentials)).MustSucceed();
        Assert.True(first.Changed, first.Command.ToString());
        Assert.True(Path.Exists(written));

        start = await stage.Mirror.Mark();
        var second = (await NativeModule.Run(module, parameters, settings: stage.WithCredentials)).MustSucceed();
        Assert.False(second.Changed, second.Command.ToString());
        Assert.Empty(await stage.Mirror.Writes(start));

        Assert.False((await NativeModule.Run(module, parameters, checkMode: true, stage.WithCredentials)).MustSucceed().Changed);
    }
}
