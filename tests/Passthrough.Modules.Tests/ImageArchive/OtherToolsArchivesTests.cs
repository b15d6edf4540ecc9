using Newtonsoft.Json.Linq;
using Passthrough.Testing;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>Archives of other tools through the whole module; what each format yields is held by the tests of the formats.</summary>
public sealed class OtherToolsArchivesTests : IAsyncLifetime
{
    ArchiveStage stage = null!;

    public async Task InitializeAsync() => stage = await Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Theory]
    [InlineData("oc-mirror-v1-seq1.tar", "oc-mirror-v1-seq2.tar")]
    [InlineData("oc-mirror-v2-4.17-full.tar", "oc-mirror-v2-4.17-differential.tar")]
    public async Task A_differential_of_oc_mirror_is_loaded_after_what_was_before_it(string first, string second)
    {
        Bad(await Load(second), "ARCHIVE_CORRUPT", " is incomplete in the archive: ");
        Assert.True(Changed(await Load(first)));
        Assert.True(Changed(await Load(second)));

        var again = await Load(second);

        Assert.False(Changed(again));
        Assert.All(Statuses(again), status => Assert.EndsWith(": present", status, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_a_failed_run_left_is_incomplete_image_by_image()
    {
        var answer = Good(await Run("inspected", "oc-mirror-v2-4.22-aborted.tar"));

        Assert.All(Statuses(answer), status => Assert.EndsWith(": incomplete", status, StringComparison.Ordinal));
        var failed = Bad(await Load("oc-mirror-v2-4.22-aborted.tar"), "ARCHIVE_CORRUPT", ": its manifest sha256:");
        Assert.StartsWith("give all mirror_*.tar files of the run as path; if these are all, the run that made ", (string)failed["error"]!["hint"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_that_lost_their_digests_say_so()
    {
        var answer = await Load("skopeo-1.22.0-docker-twotags.tar");

        Assert.True(Changed(answer));
        Assert.All(answer["images"]!, image => Assert.False((bool)image["digest_preserved"]!));
        Assert.All(answer["warnings"]!, warning => Assert.Contains("has lost its upstream digest", (string)warning!, StringComparison.Ordinal));
        Assert.False(Changed(await Load("skopeo-1.22.0-docker-twotags.tar")));
    }

    [Fact]
    public async Task Several_archives_are_one()
    {
        var both = await stage.Run("loaded", more: ("path", new JArray(Recorded("oc-mirror-v1-seq1.tar"), Recorded("oc-mirror-v1-seq2.tar"))));

        Assert.True(Changed(both));
        Assert.Equal(2, both["archive"]!["parts"]!.Count());
        Assert.All(Statuses(both), status => Assert.EndsWith(": loaded", status, StringComparison.Ordinal));
        Assert.All(both["left_out"]!, content => Assert.NotEmpty((string)content["reason"]!));
        Assert.False(Changed(await Load("oc-mirror-v1-seq2.tar")));
        Good(await stage.Run("verified", more: ("path", new JArray(Recorded("oc-mirror-v1-seq1.tar"), Recorded("oc-mirror-v1-seq2.tar")))));
    }

    [Fact]
    public async Task A_folder_of_oc_mirror_is_its_archives()
    {
        var answer = Good(await Run("inspected", "oc-mirror-v2-4.22-split"));

        Assert.True(answer["archive"]!["parts"]!.Count() > 1);
        Assert.All(Statuses(answer), status => Assert.EndsWith(": complete", status, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Registries_that_an_archive_does_not_tell_are_given()
    {
        var unmapped = Recorded("buildah-1.43.2-push-oci-short.tar");
        Bad(await stage.Run("loaded", more: ("path", unmapped)), "INVALID_ARGUMENT", "has lost the name of");

        var answer = await stage.Run("loaded", more: [("path", unmapped), ("registry_map", new JObject { ["*"] = "quay.example.com/tools" })]);

        Assert.True(Changed(answer));
        Assert.All(answer["images"]!, image => Assert.StartsWith("quay.example.com/tools/", (string)image["ref"]!, StringComparison.Ordinal));
        Bad(await stage.Run("loaded", more: [("path", unmapped), ("registry_map", new JObject { ["UPPER"] = "quay.io" })]), "INVALID_ARGUMENT", "registry_map has the key \"UPPER\", which is no repository");
    }

    [Fact]
    public async Task A_save_writes_one_archive_and_a_load_reads_at_least_one()
    {
        Bad(await stage.Run("saved", more: [("path", new JArray("a.tar", "b.tar")), ("images", new JArray(App))]), "INVALID_ARGUMENT", "path names 2 archives, and a save writes one");
        Bad(await stage.Run("loaded", more: ("path", new JArray())), "INVALID_ARGUMENT", "path names no archive");
    }

    [Theory]
    [InlineData("podman-5.8.6-save-oci.tar", null)]
    [InlineData("skopeo-1.22.0-oci-multiarch.tar", null)]
    [InlineData("skopeo-1.22.0-sync-scoped.tar", null)]
    [InlineData("docker-28.5.2-containerd-save-multi.tar", true)]
    [InlineData("podman-5.8.6-save-oci-digest.tar", false)]
    public async Task What_an_archive_does_not_tell_about_digests_is_not_claimed(string file, bool? isPreserved)
    {
        var image = Good(await Run("inspected", file))["images"]![0]!;

        Assert.Equal(isPreserved, (bool?)image["digest_preserved"]);
        Assert.Equal(isPreserved is null,
            ((string?)image["digest_reason"])?.StartsWith("the archive does not tell", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task An_image_that_an_interrupted_sync_left_is_named_in_every_state()
    {
        const string Incomplete = "quay.io/team/other:2";
        foreach (var (name, image) in new[] { ("quay.io/team/app:1", ToolImage), (Incomplete, WebImage) })
        {
            stage.Folder.Write($"sync/{name}/version", "Directory Transport Version: 1.1\n");
            foreach (var blob in image.AllBlobs)
                File.WriteAllBytes(stage.Folder[$"sync/{name}/{blob.Digest.Hex}"], blob.Bytes);
            if (name != Incomplete)
                File.WriteAllBytes(stage.Folder[$"sync/{name}/manifest.json"], image.Manifest.Bytes.ToArray());
        }

        var inspected = Good(await Run("inspected"));
        Assert.Equal(["quay.io/team/app:1: complete", $"{Incomplete}: incomplete"], Statuses(inspected));
        Assert.Equal(1, (int)inspected["counts"]!["incomplete"]!);
        Assert.Contains("1 of them not whole", (string)inspected["msg"]!, StringComparison.Ordinal);
        var verified = Bad(await Run("verified", ("registry_host", null)), "NOT_PROVED", $"{Incomplete} is incomplete");
        Assert.Equal(["quay.io/team/app:1: verified", $"{Incomplete}: failed"], Statuses(verified));
        Bad(await Run("loaded"), "ARCHIVE_CORRUPT", $"{Incomplete} is incomplete");
        Assert.DoesNotContain(await stage.Mirror.Requests(), request => request.Method is "PUT" or "POST");
        Assert.Equal(["quay.io/team/app:1: loaded", $"{Incomplete}: failed"],
            Statuses(Bad(await Run("loaded", ("on_error", "continue")), "ARCHIVE_CORRUPT", Incomplete)));
        Assert.False(Changed(await Run("loaded", ("exclude", new JArray(Incomplete)))));

        Task<JObject> Run(string state, params (string Name, JToken? Value)[] more) =>
            stage.Run(state, more: [("path", stage.Folder["sync"]), .. more]);
    }

    Task<JObject> Load(string file) => Run("loaded", file);

    Task<JObject> Run(string state, string file) => stage.Run(state, more: ("path", Recorded(file)));

    static string Recorded(string file) => Fixtures.PathOf("archives/" + file);
}
