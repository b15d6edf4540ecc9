using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
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

    static readonly byte[] Signature = "a signature of the release"u8.ToArray();

    string Store => stage.Folder["store"];

    public async Task InitializeAsync()
    {
        stage = await Start();
        Directory.CreateDirectory(Store);
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
    public async Task Its_cosign_signatures_and_those_of_its_components_travel_by_default()
    {
        var unsigned = Good(await Save(Expanded));
        Assert.DoesNotContain(unsigned["images"]!, image => image["referrers"] is JArray { Count: > 0 });
        var release = Digest.Parse((string)Image(unsigned, Release)["digest"]!);
        var ofRelease = ImageBuilder.Image([ImageBuilder.Layer("signature of the release", 300)]);
        var ofTool = ImageBuilder.Image([ImageBuilder.Layer("signature of a component", 300)]);
        await stage.Upstream.Push(ofRelease, "quay.io/openshift-release-dev/ocp-release", Referrers.TagOf(release) + ".sig");
        await stage.Upstream.Push(ofTool, "quay.io/team/tool", Referrers.TagOf(ToolImage.Digest) + ".sig");
        await stage.Upstream.Push(ofTool, "quay.io/team/tool", Referrers.TagOf(ToolImage.Digest) + ".att");

        var saved = Good(await Save(Expanded));

        Assert.Equal([ofRelease.Digest.ToString()], Image(saved, Release)["referrers"]!.Select(signature => (string)signature["digest"]!));
        Assert.Equal(
            [Referrers.TagOf(ToolImage.Digest) + ".sig"],
            Image(saved, $"quay.io/team/tool@{ToolImage.Digest}")["referrers"]!.Select(signature => (string)signature["tag"]!));
        Assert.False(Changed(await Save(Expanded)));
        Assert.Equal(2, Good(await stage.Run("loaded"))["referrers"]!.Count());
        Good(await stage.Run("verified"));
    }

    [Fact]
    public async Task A_signature_that_upstream_does_not_have_costs_one_request_and_no_word()
    {
        var without = (int)Good(await Save(Expanded, more: ("include_referrers", false)))["requests"]!["total"]!;
        File.Delete(stage.Archive);

        var saved = Good(await Save(Expanded));

        // The release, the tool, and an index of two platforms.
        Assert.Equal(5, (int)saved["requests"]!["total"]! - without);
        Assert.DoesNotContain(saved["warnings"]!, warning => ((string)warning!).Contains(".sig", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Its_signatures_travel_with_it_and_become_a_ConfigMap()
    {
        var unsigned = Good(await Save(Expanded));
        Assert.Contains(unsigned["warnings"]!, warning => ((string)warning!).StartsWith($"{Release} has no signature in {Store}", StringComparison.Ordinal));
        Assert.Empty(unsigned["signatures"]!);
        var digest = Digest.Parse((string)Image(unsigned, Release)["digest"]!);
        var place = Directory.CreateDirectory(Path.Combine(Store, $"sha256={digest.Hex}")).FullName;
        File.WriteAllBytes(Path.Combine(place, "signature-1"), Signature);
        File.WriteAllBytes(Path.Combine(place, "signature-2"), [1, 2, 3]);

        var saved = await Save(Expanded);
        Assert.True(Changed(saved));
        Assert.Equal((digest.ToString(), 2), ((string)saved["signatures"]![0]!["release"]!, (int)saved["signatures"]![0]!["count"]!));
        Assert.False(Changed(await Save(Expanded)));
        Good(await stage.Run("verified", more: [("registry_host", null)]));

        var folder = stage.Folder["icsp/signatures"];
        var file = Path.Combine(folder, $"signature-sha256-{digest.Hex[..16]}.json");
        var predicted = await stage.Run("loaded", check: true, more: ("signatures_path", folder));
        Assert.False(File.Exists(file));
        var loaded = await stage.Run("loaded", more: ("signatures_path", folder));
        Assert.True(Changed(loaded));
        Assert.Equal(predicted["actions"], loaded["actions"]);
        Assert.Equal((file, true), ((string)loaded["signatures"]![0]!["path"]!, (bool)loaded["signatures"]![0]!["changed"]!));
        var map = ReadJson(file);
        Assert.Equal(("ConfigMap", "v1"), ((string)map["kind"]!, (string)map["apiVersion"]!));
        Assert.Equal(($"sha256-{digest.Hex}", "openshift-config-managed", ""), ((string)map["metadata"]!["name"]!, (string)map["metadata"]!["namespace"]!, (string)map["metadata"]!["labels"]!["release.openshift.io/verification-signatures"]!));
        Assert.Equal([$"sha256-{digest.Hex}-1", $"sha256-{digest.Hex}-2"], ((JObject)map["binaryData"]!).Properties().Select(entry => entry.Name));
        Assert.Equal(Signature, Convert.FromBase64String((string)map["binaryData"]![$"sha256-{digest.Hex}-1"]!));
        Assert.False(Changed(await stage.Run("loaded", more: ("signatures_path", folder))));
    }

    [Fact]
    public async Task Those_of_releases_that_stay_out_stay_out_and_none_are_looked_for_where_none_are_wanted()
    {
        var digest = Digest.Parse((string)Image(Good(await Save(Expanded)), Release)["digest"]!);
        File.WriteAllBytes(Path.Combine(Directory.CreateDirectory(Path.Combine(Store, $"sha256={digest.Hex}")).FullName, "signature-1"), Signature);
        Good(await Save(Expanded));

        var loaded = Good(await stage.Run("loaded", more: [("signatures_path", stage.Folder["signatures"]), ("only", new JArray("quay.io/team/*"))]));

        Assert.Empty(loaded["signatures"]!);
        Assert.False(Directory.Exists(stage.Folder["signatures"]));
        Assert.True(Changed(await Save(Expanded, store: "")));
        Assert.Empty(Good(await stage.Run("loaded", more: ("signatures_path", stage.Folder["signatures"])))["signatures"]!);
        Bad(await Save(Expanded, store: "signatures.example.com"), "INVALID_ARGUMENT", "signature_store \"signatures.example.com\" is neither a URL nor the path of a folder");
        var failed = Bad(await Save(Expanded, store: stage.Folder["nowhere"]), "FILE", $"signature_store {stage.Folder["nowhere"]} is no folder, for {Release}");
        Assert.Contains("signature_store: \"\" saves the release without them", (string)failed["error"]!["hint"]!, StringComparison.Ordinal);
        Bad(await Save(Expanded, store: "http://127.0.0.1:9"), "CONNECTION", "cannot read the signatures of a release: 127.0.0.1:9: nobody listens there");
    }

    [Fact]
    public async Task Where_nobody_named_a_store_a_release_is_saved_without_and_what_was_known_stays()
    {
        var digest = Digest.Parse((string)Image(Good(await Save(Expanded)), Release)["digest"]!);
        using var archive = ArchiveFormats.Open(stage.Archive);
        using var store = new SignatureStore("http://127.0.0.1:9", new ConnectionOptions { Retries = 0 }, TimeProvider.System) { MayBeOutOfReach = true };
        ImageRequest[] requests = [new(Reference.Parse(Release)) { ExpandsRelease = true }];

        var unknown = await ReleasePayload.ExpandAsync(archive, store, [], requests, CancellationToken.None);
        var known = await ReleasePayload.ExpandAsync(archive, store, [new ReleaseSignatures(digest, [Signature])], requests, CancellationToken.None);

        Assert.Equal([Release], unknown.Unsigned.Select(release => release.ToString()));
        Assert.StartsWith("cannot read the signatures of a release: 127.0.0.1:9: nobody listens there", unknown.Fault!.Message, StringComparison.Ordinal);
        Assert.Empty(known.Unsigned);
        Assert.Equal(Signature, Assert.Single(Assert.Single(known.Signatures).Signatures));
    }

    [Theory]
    [InlineData("oc-mirror-v2-4.22-full.tar", 1)]
    [InlineData("oc-mirror-v2-4.17-full.tar", 2)]
    public async Task Archives_of_oc_mirror_bring_theirs(string archive, int signatures)
    {
        var folder = stage.Folder["signatures"];

        var loaded = Good(await stage.Run("loaded", more: [("path", Passthrough.Testing.Fixtures.PathOf($"archives/{archive}")), ("signatures_path", folder), ("on_error", "continue")]));

        Assert.Equal(signatures, loaded["signatures"]!.Count());
        Assert.All(Directory.GetFiles(folder), file => Assert.NotEmpty(ReadJson(file)["binaryData"]!));
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

    static JObject Expanded => new() { ["ref"] = Release, ["expand"] = "release" };

    Task<JObject> Save(JObject image, string? store = null, params (string Name, JToken? Value)[] more) =>
        stage.Run("saved", more: [("images", new JArray(image)), ("signature_store", store ?? Store), .. more]);
}
