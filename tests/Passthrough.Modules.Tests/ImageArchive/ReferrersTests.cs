using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Signatures and other referrers, from a registry without the API for them into another.</summary>
public sealed class ReferrersTests : IAsyncLifetime
{
    static readonly BuiltImage Signature = ImageBuilder.Image([ImageBuilder.Layer("signature", 500)]);
    static readonly BuiltImage Contents = ImageBuilder.Artifact("application/spdx+json", "what is in it"u8.ToArray(), AppImage);
    static readonly BuiltImage OfContents = ImageBuilder.Artifact("application/vnd.dev.sigstore.bundle.v0.3+json", "signed"u8.ToArray(), Contents);

    static readonly string SignatureTag = Referrers.TagOf(AppImage.Digest) + ".sig";

    ArchiveStage stage = null!;

    public async Task InitializeAsync()
    {
        stage = await Start();
        await stage.Upstream.Push(Signature, "quay.io/team/app", SignatureTag);
        await stage.Upstream.Push(ImageBuilder.Index([Contents]), "quay.io/team/app", Referrers.TagOf(AppImage.Digest));
        await stage.Upstream.Push(ImageBuilder.Index([OfContents]), "quay.io/team/app", Referrers.TagOf(Contents.Digest));
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task They_travel_where_they_are_asked_for()
    {
        var saved = Good(await Save());

        Assert.Equal([Contents.Digest.ToString(), OfContents.Digest.ToString(), Signature.Digest.ToString()], Image(saved, App)["referrers"]!.Select(referrer => (string)referrer["digest"]!).Order(StringComparer.Ordinal).OrderBy(digest => Array.IndexOf([Contents.Digest.ToString(), OfContents.Digest.ToString(), Signature.Digest.ToString()], digest)));
        Assert.Empty(Image(saved, Tool)["referrers"]!);
        Assert.False(Changed(await Save()));
        var predicted = Good(await stage.Run("loaded", check: true));
        var loaded = await stage.Run("loaded", more: ("progress_path", stage.Folder["progress.json"]));
        Assert.True(Changed(loaded));
        Assert.Equal((4, 4), ((int)ReadJson(stage.Folder["progress.json"])["images_done"]!, (int)ReadJson(stage.Folder["progress.json"])["images_total"]!));
        Assert.Equal(3, loaded["referrers"]!.Count());
        Assert.Equal(predicted["referrers"], loaded["referrers"]);
        Assert.Contains(" and 3 signatures or other referrers: ", (string)loaded["msg"]!, StringComparison.Ordinal);
        Assert.Equal(Signature.Digest.ToString(), await DigestOf("quay.io/team/app", SignatureTag));
        Assert.Equal([Contents.Digest.ToString()], (await Manifest("quay.io/team/app", Referrers.TagOf(AppImage.Digest)))["manifests"]!.Select(child => (string)child["digest"]!));
        var listed = (JObject)(await Manifest("quay.io/team/app", Referrers.TagOf(Contents.Digest)))["manifests"]!.Single();
        Assert.Equal((OfContents.Digest.ToString(), "application/vnd.dev.sigstore.bundle.v0.3+json"), ((string)listed["digest"]!, (string)listed["artifactType"]!));
        Assert.False(Changed(await stage.Run("loaded")));
        var verified = Good(await stage.Run("verified", more: ("deep", true)));
        Assert.Equal((4, 3), ((int)verified["counts"]!["images"]!, (int)verified["counts"]!["referrers"]!));
        Assert.Equal((4, 3), (verified["images"]!.Count(), verified["referrers"]!.Count()));
        Assert.Contains($"{stage.Mirror.Name} has 4 images and 3 referrers whole, every byte read", (string)verified["msg"]!,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_new_upstream_makes_the_archive_anew_and_is_added_to_what_the_mirror_lists()
    {
        Good(await Save());
        Good(await stage.Run("loaded"));
        var second = ImageBuilder.Artifact("application/vnd.example+json", "more"u8.ToArray(), AppImage);
        await stage.Upstream.Push(ImageBuilder.Index([second]), "quay.io/team/app", Referrers.TagOf(AppImage.Digest));

        Assert.True(Changed(await Save()));
        Assert.True(Changed(await stage.Run("loaded")));

        Assert.Equal(2, (await Manifest("quay.io/team/app", Referrers.TagOf(AppImage.Digest)))["manifests"]!.Count());
    }

    [Fact]
    public async Task Without_being_asked_for_they_stay_where_they_are()
    {
        Good(await Save());
        Good(await stage.Run("loaded", more: ("include_referrers", false)));
        Assert.Null(await DigestOf("quay.io/team/app", SignatureTag));
        Good(await stage.Run("verified", more: ("include_referrers", false)));
        Bad(await stage.Run("verified"), "NOT_PROVED", "quay.io/team/app");

        Assert.True(Changed(await stage.Run("saved", more: ("images", new JArray(All)))));
        var inspected = Good(await stage.Run("inspected"));
        Assert.Equal(0, (int)inspected["counts"]!["attachments"]!);
        Assert.True(Changed(await Save()));
    }

    [Fact]
    public async Task Those_of_images_that_are_left_out_stay_out()
    {
        Good(await Save());

        var loaded = Good(await stage.Run("loaded", more: ("only", new JArray(Tool))));

        Assert.Empty(loaded["referrers"]!);
    }

    [Fact]
    public async Task Archives_of_other_tools_bring_theirs()
    {
        var loaded = Good(await stage.Run("loaded", more: [("path", Passthrough.Testing.Fixtures.PathOf("archives/hauler-2.1-haul.tar.zst"))]));

        Assert.NotEmpty(loaded["referrers"]!);
        Assert.All(loaded["referrers"]!, referrer => Assert.Equal("loaded", (string)referrer["status"]!));
    }

    [Fact]
    public async Task What_belongs_to_an_image_leaves_the_mirror_with_it()
    {
        const string Other = "quay.io/team/app:2.0";
        var other = ImageBuilder.MultiArch("other");
        var otherSignature = ImageBuilder.Image([ImageBuilder.Layer("other signature", 500)]);
        await stage.Upstream.Push(other, "quay.io/team/app", "2.0");
        await stage.Upstream.Push(otherSignature, "quay.io/team/app", Referrers.TagOf(other.Digest) + ".sig");
        Good(await stage.Run("saved", more: [("images", new JArray(App, Other, ByDigest)), ("include_referrers", true)]));
        var record = stage.Folder["record.json"];
        Good(await stage.Run("loaded", more: ("record_path", record)));
        var kept = stage.Folder["kept.tar"];
        Good(await stage.Run("saved", more: [("images", new JArray(Other, ByDigest)), ("path", kept)]));
        string[] belonging = [SignatureTag, Referrers.TagOf(AppImage.Digest), $"{Referrers.TagOf(Contents.Digest)}.image", Referrers.TagOf(Contents.Digest), $"{Referrers.TagOf(OfContents.Digest)}.image"];

        var shown = Good(await Prune(("remove", false)));
        Assert.Equal(belonging.Order(StringComparer.Ordinal), Image(shown, App)["tags"]!.Select(tag => (string)tag!).Order(StringComparer.Ordinal));
        var predicted = Good(await stage.Run("pruned", check: true, more: [("path", kept), ("record_path", record), ("remove", true)]));
        Assert.All(belonging, tag => Assert.Contains(Tags(), known => known == tag));
        var removed = Good(await Prune(("remove", true)));

        Assert.Equal(predicted["actions"], removed["actions"]);
        Assert.Equal(["2.0", $"{Referrers.TagOf(other.Digest)}.sig"], Tags().Order(StringComparer.Ordinal));
        Good(await stage.Run("verified", more: [("path", null), ("record_path", record)]));

        Task<JObject> Prune((string, JToken?) remove) => stage.Run("pruned", more: [("path", kept), ("record_path", record), remove]);
    }

    [Fact]
    public async Task What_belongs_to_an_image_that_keeps_another_tag_stays()
    {
        Good(await Save());
        var record = stage.Folder["record.json"];
        Good(await stage.Run("loaded", more: ("record_path", record)));
        await stage.Mirror.Push(AppImage.Children[0], "mirror/quay.io/team/app", "one-platform");
        await stage.Upstream.Push(ImageBuilder.Image([ImageBuilder.Layer("child signature", 500)]), "quay.io/team/app", Referrers.TagOf(AppImage.Children[0].Digest) + ".sig");
        Good(await Save());
        Good(await stage.Run("loaded", more: ("record_path", record)));
        var kept = stage.Folder["kept.tar"];
        Good(await stage.Run("saved", more: [("images", new JArray(Tool)), ("path", kept)]));

        Good(await stage.Run("pruned", more: [("path", kept), ("record_path", record), ("remove", true)]));

        Assert.Equal(["one-platform", $"{Referrers.TagOf(AppImage.Children[0].Digest)}.sig"], Tags().Order(StringComparer.Ordinal));
    }

    // Those whose manifest is still there: docker-registry loses manifests, not tags.
    IEnumerable<string> Tags()
    {
        var repository = Path.Combine(stage.Mirror.Storage, "docker/registry/v2/repositories/mirror/quay.io/team/app/_manifests");
        return from tag in Directory.GetDirectories(Path.Combine(repository, "tags"))
               where File.Exists(Path.Combine(tag, "current/link"))
               let digest = File.ReadAllText(Path.Combine(tag, "current/link"))["sha256:".Length..]
               where File.Exists(Path.Combine(repository, "revisions/sha256", digest, "link"))
               select Path.GetFileName(tag);
    }

    Task<JObject> Save() => stage.Run("saved", more: [("images", new JArray(All)), ("include_referrers", true)]);

    async Task<string?> DigestOf(string repository, string tag)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, new Uri(stage.Mirror.Address, $"/v2/mirror/{repository}/manifests/{tag}"));
        request.Headers.Accept.ParseAdd(MediaTypes.OciManifest);
        using var answer = await stage.Mirror.Client.SendAsync(request);
        return answer.IsSuccessStatusCode ? answer.Headers.GetValues("Docker-Content-Digest").Single() : null;
    }

    async Task<JObject> Manifest(string repository, string tag)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(stage.Mirror.Address, $"/v2/mirror/{repository}/manifests/{tag}"));
        request.Headers.Accept.ParseAdd(MediaTypes.OciIndex);
        using var answer = await stage.Mirror.Client.SendAsync(request);
        return (JObject)Core.Text.Json.Parse(await answer.Content.ReadAsByteArrayAsync());
    }
}
