using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>
/// Archives that skopeo, podman, buildah and umoci make on the spot, this suite's and the next one's, inspected and loaded: names, tags and platforms are those of the
/// tool, digests too where the format keeps them. Where a suite cannot be had a test says so.
/// </summary>
public sealed class OtherWritersTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    readonly TestFolder folder = new("writers");

    public static TheoryData<string> Suites => [ContainerTools.Host, "trixie"];

    public void Dispose() => folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Suites))]
    public async Task Skopeo(string suite)
    {
        using var tools = await ContainerTools.Of(suite, folder);
        var (multi, single) = (stage.Images["quay.io/centos/centos:stream8"], stage.Images["quay.io/team/tool:v1"]);
        await Copy("quay.io/team/tool:v1", $"oci-archive:{folder["oci.tar"]}:quay.io/team/tool:v1");
        await Copy("quay.io/team/tool:v1", $"docker-archive:{folder["docker.tar"]}:quay.io/team/tool:v1", "--additional-tag", "registry.redhat.io/ubi8/tool:latest");
        await Copy("quay.io/centos/centos:stream8", $"oci:{folder["layout"]}:quay.io/centos/centos:stream8", "--all");
        await Copy("quay.io/team/tool:v1", $"oci:{folder["layout"]}:quay.io/team/tool:v1");
        await Copy("quay.io/centos/centos:stream8", $"oci-archive:{folder["nameless.tar"]}:stream8", "--all");

        await Holds(folder["oci.tar"], Kept("quay.io/team/tool:v1", single));
        await Holds(folder["docker.tar"], Rebuilt("quay.io/team/tool:v1", single), Rebuilt("registry.redhat.io/ubi8/tool:latest", single));
        await Holds(folder["layout"], Kept("quay.io/centos/centos:stream8", multi, "linux/amd64", "linux/arm64"), Kept("quay.io/team/tool:v1", single));
        await Holds(folder["nameless.tar"], new Dictionary<string, object?> { ["stream8"] = "quay.io/centos/centos:stream8" }, Kept("quay.io/centos/centos:stream8", multi, "linux/amd64", "linux/arm64"));

        Task Copy(string source, string target, params string[] more) => tools.Run(["skopeo", "copy", "--quiet", "--src-tls-verify=false", .. more, $"docker://{stage.Upstream.Name}/{source}", target]);
    }

    [SkippableTheory]
    [MemberData(nameof(Suites))]
    public async Task Podman(string suite)
    {
        using var tools = await ContainerTools.Of(suite, folder);
        var (one, other) = (stage.Images["quay.io/team/tool:v1"], stage.Images["registry.redhat.io/rhel8/httpd-24:latest"].Children[0]);
        await Pull("quay.io/team/tool:v1", "quay.io/team/tool:v1", "quay.io/team/tool:latest");
        await Pull("registry.redhat.io/rhel8/httpd-24:latest", "registry.redhat.io/rhel8/httpd-24:latest");
        await Save("docker.tar", "--format", "docker-archive", "quay.io/team/tool:v1");
        await Save("oci.tar", "--format", "oci-archive", "quay.io/team/tool:v1");
        await Save("multi.tar", "--multi-image-archive", "quay.io/team/tool:v1", "quay.io/team/tool:latest", "registry.redhat.io/rhel8/httpd-24:latest");

        await Holds(folder["docker.tar"], Rebuilt("quay.io/team/tool:v1", one));
        await Holds(folder["oci.tar"], await Written($"oci-archive:{folder["oci.tar"]}:", "quay.io/team/tool:v1"));
        await Holds(folder["multi.tar"], Rebuilt("quay.io/team/tool:v1", one), Rebuilt("quay.io/team/tool:latest", one), Rebuilt("registry.redhat.io/rhel8/httpd-24:latest", other));

        async Task Pull(string source, params string[] names)
        {
            var id = await tools.Run("podman", "pull", "--quiet", "--tls-verify=false", $"{stage.Upstream.Name}/{source}");
            await tools.Run(["podman", "tag", id.Trim(), .. names]);
        }

        Task Save(string archive, params string[] more) => tools.Run(["podman", "save", "--quiet", "--output", folder[archive], .. more]);
    }

    [SkippableTheory]
    [MemberData(nameof(Suites))]
    public async Task Buildah(string suite)
    {
        using var tools = await ContainerTools.Of(suite, folder);
        folder.Write("context/Containerfile", "FROM scratch\nCOPY content /content\n");
        folder.Write("context/content", suite);
        await tools.Run("buildah", "bud", "--quiet", "--isolation", "chroot", "--tag", "quay.io/team/built:v1", folder["context"]);
        await tools.Run("buildah", "bud", "--quiet", "--isolation", "chroot", "--platform", "linux/amd64,linux/arm64", "--manifest", "quay.io/team/list:v1", folder["context"]);
        var id = (await tools.Run("buildah", "inspect", "--type", "image", "--format", "{{.FromImageID}}", "quay.io/team/built:v1")).Trim();
        await tools.Run("buildah", "push", "--quiet", "quay.io/team/built:v1", $"oci-archive:{folder["oci.tar"]}:quay.io/team/built:v1");
        await tools.Run("buildah", "push", "--quiet", "quay.io/team/built:v1", $"docker-archive:{folder["docker.tar"]}:quay.io/team/built:v1");
        await tools.Run("buildah", "manifest", "push", "--quiet", "--all", "quay.io/team/list:v1", $"oci-archive:{folder["list.tar"]}:quay.io/team/list:v1");

        await Holds(folder["oci.tar"], await Written($"oci-archive:{folder["oci.tar"]}:", "quay.io/team/built:v1"));
        await Holds(folder["docker.tar"], new Image("quay.io/team/built:v1", Digest: null, $"sha256:{id}", ["linux/amd64"]));
        await Holds(folder["list.tar"], await Written($"oci-archive:{folder["list.tar"]}:", "quay.io/team/list:v1", "linux/amd64", "linux/arm64"));
    }

    [SkippableTheory]
    [MemberData(nameof(Suites))]
    public async Task Umoci(string suite)
    {
        using var tools = await ContainerTools.Of(suite, folder);
        var layout = folder["layout"];
        await tools.Run("umoci", "init", "--layout", layout);
        await tools.Run("umoci", "new", "--image", $"{layout}:quay.io/team/umoci:v1");
        await tools.Run("umoci", "insert", "--rootless", "--image", $"{layout}:quay.io/team/umoci:v1", folder.Write("content", suite), "/content");
        await tools.Run("umoci", "config", "--image", $"{layout}:quay.io/team/umoci:v1", "--architecture", "arm64", "--os", "linux");
        await tools.Run("umoci", "tag", "--image", $"{layout}:quay.io/team/umoci:v1", "quay.io/team/umoci:latest");
        await tools.Run("umoci", "new", "--image", $"{layout}:lost");

        await Holds(
            layout,
            new Dictionary<string, object?> { ["lost"] = "quay.io/team/lost:v1" },
            await Written($"oci:{layout}:", "quay.io/team/umoci:v1", "linux/arm64"),
            await Written($"oci:{layout}:", "quay.io/team/umoci:latest", "linux/arm64"),
            await Written($"oci:{layout}:", "lost") with { Name = "quay.io/team/lost:v1" });
    }

    /// <summary>An image whose manifest is that of upstream.</summary>
    static Image Kept(string name, BuiltImage image, params string[] platforms) => new(name, image.Digest.ToString(), Configuration: null, platforms.Length > 0 ? platforms : ["linux/amd64"]);

    /// <summary>An image whose manifest the format has lost; the configuration is that of upstream.</summary>
    static Image Rebuilt(string name, BuiltImage image) => new(name, Digest: null, image.Blobs[0].Digest.ToString(), ["linux/amd64"]);

    /// <summary>An image as skopeo finds it in what another tool has written.</summary>
    async Task<Image> Written(string place, string name, params string[] platforms)
    {
        var manifest = (await stage.Skopeo().Run("inspect", "--raw", place + name)).MustSucceed().Output;
        return new(name, Digest.Sha256(Encoding.UTF8.GetBytes(manifest)).ToString(), Configuration: null, platforms.Length > 0 ? platforms : ["linux/amd64"]);
    }

    Task Holds(string archive, params Image[] images) => Holds(archive, [], images);

    async Task Holds(string archive, Dictionary<string, object?> references, params Image[] images)
    {
        var @namespace = $"made{Guid.NewGuid():N}";
        Dictionary<string, object?> With(string state) => stage.ToMirror(("state", state), ("path", archive), ("references", references), ("namespace", @namespace));
        var inspected = (await NativeModule.Run("image_archive", With("inspected"), settings: stage.WithCredentials)).MustSucceed();
        var loaded = (await NativeModule.Run("image_archive", With("loaded"), settings: stage.WithCredentials)).MustSucceed();
        var again = (await NativeModule.Run("image_archive", With("loaded"), settings: stage.WithCredentials)).MustSucceed();

        var skopeo = stage.Skopeo();
        foreach (var answer in new[] { inspected, loaded })
        {
            Assert.Equal(images.Select(image => image.Name).Order(StringComparer.Ordinal), answer.Json["images"]!.Select(image => (string?)image["ref"]).Order(StringComparer.Ordinal));
            foreach (var image in images)
            {
                var json = answer.Json["images"]!.Single(json => (string?)json["ref"] == image.Name);
                // buildah lists them in the order in which they were built, side by side.
                Assert.Equal(image.Platforms, json["platforms"]!.Select(platform => (string?)platform).Order(StringComparer.Ordinal));
                // A tool that keeps digests does not say so in its archive.
                Assert.Equal(image.Digest is null, (bool?)json["digest_preserved"] == false);
                if (image.Digest is not null)
                    Assert.Equal(image.Digest, (string?)json["digest"]);
            }
        }

        Assert.All(inspected.Json["images"]!, image => Assert.Equal("complete", (string?)image["status"]));
        Assert.True(loaded.Changed);
        Assert.False(again.Changed);
        foreach (var image in images)
        {
            var path = $"{@namespace}/{image.Name}";
            var manifest = await skopeo.RawManifest(stage.Mirror, path);
            if (image.Digest is not null)
                Assert.Equal(image.Digest, Digest.Sha256(Encoding.UTF8.GetBytes(manifest)).ToString());
            else
                Assert.Equal(image.Configuration, (string?)Json.Parse(manifest)["config"]!["digest"]);
            // It reads and hashes everything.
            await skopeo.Copy($"docker://{stage.Mirror.Name}/{path}", $"dir:{folder[$"back-{Guid.NewGuid():N}"]}", skopeo.From(stage.Mirror));
        }
    }

    /// <param name="Digest">Of the manifest; null where the format does not keep it.</param>
    /// <param name="Configuration">Its digest, which every format keeps; null where the manifest's is held.</param>
    sealed record Image(string Name, string? Digest, string? Configuration, string[] Platforms);
}
