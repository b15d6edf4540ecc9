using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>An OpenShift release with everything that it consists of.</summary>
public sealed class ReleaseTests : IAsyncLifetime
{
    const string Release = "quay.io/openshift-release-dev/ocp-release:4.20.4-x86_64";
    const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.GroupRead;

    ArchiveStage stage = null!;

    public async Task InitializeAsync()
    {
        stage = await Start();
        await Push(References($"quay.io/team/app@{AppImage.Digest}", $"quay.io/team/tool@{ToolImage.Digest}", $"quay.io/team/app@{AppImage.Digest}"));
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task Its_components_are_saved_with_it()
    {
        var saved = await Save(new JObject { ["ref"] = Release, ["expand"] = "release" });

        Assert.True(Changed(saved));
        Assert.Equal([$"quay.io/team/app@{AppImage.Digest}", $"quay.io/team/tool@{ToolImage.Digest}", Release], saved["images"]!.Select(image => (string)image["ref"]!).OrderBy(name => name == Release).ThenBy(name => name, StringComparer.Ordinal));
        Assert.False(Changed(await Save(new JObject { ["ref"] = Release, ["expand"] = "release" })));
        Assert.True(Changed(await stage.Run("loaded")));
        Good(await stage.Run("verified"));
    }

    [Fact]
    public async Task What_is_no_release_says_so()
    {
        Bad(await Save(new JObject { ["ref"] = App, ["expand"] = "release" }), "INVALID_ARGUMENT", $"{App} is no OpenShift release: none of its layers has release-manifests/image-references");
        Bad(await Save(new JObject { ["ref"] = App, ["expand"] = "all" }), "INVALID_ARGUMENT", "expand");
        await Push("{}");
        Bad(await Save(new JObject { ["ref"] = Release, ["expand"] = "release" }), "ARCHIVE_CORRUPT", $"release-manifests/image-references of the release {Release} names no image");
    }

    static string References(params string[] names) => Json.Indented(new JObject
    {
        ["kind"] = "ImageStream",
        ["spec"] = new JObject { ["tags"] = new JArray(names.Select(name => new JObject { ["name"] = "component", ["from"] = new JObject { ["kind"] = "DockerImage", ["name"] = name } })) },
    });

    Task Push(string references) => stage.Upstream.Push(
        ImageBuilder.Image([SharedLayer, ImageBuilder.Layer([("release-manifests/0000_a.yaml", new byte[700], Mode), ("release-manifests/image-references", Encoding.UTF8.GetBytes(references), Mode)]), ImageBuilder.Layer("above")]),
        "quay.io/openshift-release-dev/ocp-release",
        "4.20.4-x86_64");

    Task<JObject> Save(JObject image) => stage.Run("saved", more: ("images", new JArray(image)));
}
