using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Modules.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>
/// Upstreams that have less than they list, other things under the same names, or no answer: the image itself is saved, and what is not is
/// named.
/// </summary>
public sealed class LooseUpstreamTests : IAsyncLifetime, IDisposable
{
    const string Repository = "team/app";
    const string Name = "quay.io/team/app:1.0";

    static readonly BuiltImage Signature = ImageBuilder.Image([ImageBuilder.Layer("signature", 500)]);
    static readonly BuiltImage Contents = ImageBuilder.Artifact("application/spdx+json", "what is in it"u8.ToArray(), AppImage);
    static readonly BuiltImage Unrelated = ImageBuilder.Artifact("application/spdx+json", "of another image"u8.ToArray(), ToolImage);

    static readonly RawManifest OldArtifact = Raw("application/vnd.oci.artifact.manifest.v1+json", new JObject
    {
        ["mediaType"] = "application/vnd.oci.artifact.manifest.v1+json",
        ["artifactType"] = "application/vnd.example",
        ["blobs"] = new JArray(),
        ["subject"] = DescriptorJson.Write(AppImage.Manifest.Descriptor),
    });

    readonly TestFolder folder = new("loose");
    LooseRegistry upstream = null!;

    static string ListTag => Referrers.TagOf(AppImage.Digest);

    public async Task InitializeAsync() => upstream = (await LooseRegistry.Start()).Add(AppImage, Repository, "1.0");

    public void Dispose() => folder.Dispose();

    public async Task DisposeAsync()
    {
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task The_image_under_its_own_digest_tag_is_not_a_list_of_its_referrers()
    {
        upstream.Add(AppImage, Repository, ListTag);

        var saved = Good(await Save());

        Assert.Empty(Image(saved, Name)["referrers"]!);
        Assert.Empty(Warnings(saved));
    }

    [Fact]
    public async Task An_entry_counts_only_if_it_says_itself_what_it_is_about()
    {
        upstream.Add(Unrelated, Repository).Add(Signature, Repository).Add(Contents, Repository)
            .Add(ImageBuilder.Index([Contents, Unrelated, Signature]).Manifest, Repository, ListTag);

        var saved = Good(await Save());

        Assert.Equal([Contents.Digest.ToString()], Image(saved, Name)["referrers"]!.Select(referrer => (string)referrer["digest"]!));
    }

    [Fact]
    public async Task A_registry_that_lists_what_is_about_something_else_is_not_believed()
    {
        upstream.Add(Unrelated, Repository).Add(Contents, Repository);
        upstream.Before = call => call.Path.Contains("/referrers/", StringComparison.Ordinal)
            ? FakeAnswer.Text(200, Encoding.UTF8.GetString(ImageBuilder.Index([Contents, Unrelated]).Manifest.Bytes.Span),
                MediaTypes.OciIndex) : null;

        var saved = Good(await Save());

        Assert.Equal([Contents.Digest.ToString()], Image(saved, Name)["referrers"]!.Select(referrer => (string)referrer["digest"]!));
    }

    public static TheoryData<string> Broken =>
        ["collected", "an old artifact type", "its layer was collected", "a child was collected", "no JSON"];

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task One_broken_referrer_is_left_out_and_named(string what)
    {
        var broken = Break(what);
        upstream.Add(Contents, Repository).Add(Raw(MediaTypes.OciIndex, new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JArray(DescriptorJson.Write(Contents.Manifest.Descriptor), DescriptorJson.Write(broken)),
        }), Repository, ListTag);

        var saved = Good(await Save());

        Assert.Equal([Contents.Digest.ToString()], Image(saved, Name)["referrers"]!.Select(referrer => (string)referrer["digest"]!));
        var warning = Assert.Single(Warnings(saved));
        Assert.StartsWith($"{Name} is saved without its referrer {broken.Digest}: ", warning, StringComparison.Ordinal);
        Assert.Equal("complete", (string)Image(Good(await Run("inspected")), Name)["status"]!);
        // A layer shows that it is gone only when it is fetched, and then the archive is made again.
        Assert.Equal(what == "its layer was collected", Changed(await Save()));
    }

    [Theory]
    [InlineData(403, true)]
    [InlineData(500, true)]
    [InlineData(404, false)]
    [InlineData(405, false)]
    public async Task An_upstream_that_does_not_list_referrers_does_not_cost_the_image(int status, bool isNamed)
    {
        upstream.Before = call => call.Path.Contains("/referrers/", StringComparison.Ordinal) ? FakeAnswer.Empty(status) : null;

        var saved = Good(await Save());

        Assert.Equal("saved", (string)Image(saved, Name)["status"]!);
        Assert.Equal(isNamed,
            Warnings(saved).Any(warning =>
                warning.StartsWith($"{Name} is saved without the referrers of {AppImage.Digest}: ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(".sig", 403)]
    [InlineData(".att", 500)]
    public async Task A_tag_that_cannot_be_asked_for_does_not_cost_the_image(string suffix, int status)
    {
        upstream.Before = call => call.Path.EndsWith(suffix, StringComparison.Ordinal) ? FakeAnswer.Empty(status) : null;

        var saved = Good(await Save());

        Assert.Contains(Warnings(saved), warning =>
            warning.StartsWith($"{Name} is saved without what may be under its tag {ListTag}{suffix}: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_build_cache_is_called_one()
    {
        var cache = Raw(MediaTypes.OciIndex, new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JArray(
                DescriptorJson.Write(SharedLayer.Descriptor),
                DescriptorJson.Write(new Descriptor("application/vnd.buildkit.cacheconfig.v0", Digest.Sha256("cache"u8), 5))),
        });
        upstream.Add(cache, Repository, "1.0");

        Bad(await Save(), "UNSUPPORTED", "is not an image: its index lists application/vnd.oci.image.layer.v1.tar+gzip");
    }

    [Theory]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null}""")]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}""")]
    [InlineData("""{"schemaVersion":2,"manifests":null}""")]
    public async Task An_index_of_nothing_is_an_index(string document)
    {
        var empty = RawManifest.Of(MediaTypes.OciIndex, Encoding.UTF8.GetBytes(document));
        upstream.Add(empty, Repository, "1.0");

        var saved = Good(await Save());

        Assert.Equal(empty.Digest.ToString(), (string)Image(saved, Name)["digest"]!);
        Assert.Equal("complete", (string)Image(Good(await Run("inspected")), Name)["status"]!);
        Good(await Run("verified"));
    }

    Descriptor Break(string what)
    {
        var artifact = ImageBuilder.Artifact("application/vnd.example+json", Encoding.UTF8.GetBytes(what), AppImage);
        switch (what)
        {
            case "an old artifact type":
                upstream.Add(OldArtifact, Repository, tag: null);
                return OldArtifact.Descriptor;
            case "its layer was collected":
                upstream.Add(artifact, Repository).Remove(Repository, artifact.Blobs[^1].Digest);
                return artifact.Manifest.Descriptor;
            case "a child was collected":
                var list = Raw(MediaTypes.OciIndex, new JObject
                {
                    ["schemaVersion"] = 2,
                    ["mediaType"] = MediaTypes.OciIndex,
                    ["manifests"] = new JArray(DescriptorJson.Write(artifact.Manifest.Descriptor)),
                    ["subject"] = DescriptorJson.Write(AppImage.Manifest.Descriptor),
                });
                upstream.Add(list, Repository, tag: null);
                return list.Descriptor;
            case "no JSON":
                var text = RawManifest.Of(MediaTypes.OciManifest, "<html>"u8.ToArray());
                upstream.Add(text, Repository, tag: null);
                return text.Descriptor;
            default:
                return artifact.Manifest.Descriptor;
        }
    }

    Task<JObject> Save() =>
        Run("saved", ("images", new JArray(Name)), ("include_referrers", true),
            ("pull_from", new JObject { ["quay.io"] = $"http://{upstream.Name}" }));

    Task<JObject> Run(string state, params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject
        {
            ["state"] = state,
            ["path"] = folder["set.tar"],
            ["authfile"] = folder.Write("none.json", "{}"),
            ["retries"] = 0
        };
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new ImageArchiveModule(), parameters);
    }

    static IEnumerable<string> Warnings(JObject answer) => (answer["warnings"] as JArray ?? []).Select(warning => (string)warning!);

    static RawManifest Raw(string type, JObject document) => RawManifest.Of(type, Encoding.UTF8.GetBytes(Json.Indented(document)));
}
