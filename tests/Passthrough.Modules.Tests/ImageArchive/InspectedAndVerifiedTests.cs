using Newtonsoft.Json.Linq;
using Passthrough.Testing.Images;
using static Passthrough.Modules.Tests.ImageArchive.ArchiveStage;

namespace Passthrough.Modules.Tests.ImageArchive;

/// <summary>The states that only look, against real registries.</summary>
public sealed class InspectedAndVerifiedTests : IAsyncLifetime
{
    static readonly string[] WithoutRegistry = ["registry_host", "registry_port", "ca_path"];

    ArchiveStage stage = null!;

    public async Task InitializeAsync() => stage = await Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    static (string, JToken?)[] Offline(params (string, JToken?)[] more) => [.. WithoutRegistry.Select(name => (name, (JToken?)null)), .. more];

    [Fact]
    public async Task Inspect_says_what_is_in_it()
    {
        await stage.Save();

        var answer = Good(await stage.Run("inspected", more: Offline()));

        Assert.False(Changed(answer));
        Assert.Equal(4, (int)answer["counts"]!["complete"]!);
        Assert.Equal(["linux/amd64", "linux/arm64"], Image(answer, Web)["platforms"]!.Select(platform => (string)platform!));
        Assert.Equal(["linux/amd64"], Image(answer, Tool)["platforms"]!.Select(platform => (string)platform!));
        var blobs = All.Zip([AppImage, ToolImage, WebImage, Payload]).Sum(pair => pair.Second.AllBlobs.Sum(blob => (long)blob.Bytes.Length));
        Assert.Equal(blobs, (long)answer["bytes"]!["logical"]!);
        Assert.Equal(2L * SharedLayer.Bytes.Length, (long)answer["bytes"]!["saved_by_sharing"]!);
        Assert.Equal((SharedLayer.Digest.ToString(), 3), ((string)answer["shared_blobs"]![0]!["digest"]!, (int)answer["shared_blobs"]![0]!["images"]!));
        Assert.Equal("oci-archive", (string)answer["archive"]!["format"]!);
        Assert.Equal(new FileInfo(stage.Archive).Length, (long)answer["archive"]!["size"]!);
        Assert.Null(answer["bytes"]!["needed"]);
        Assert.Matches(@"^4 images, 3\d\d\.\d KiB \(7\d\d\.\d KiB if nothing were shared\)$", (string)answer["msg"]!);
    }

    [Fact]
    public async Task Inspect_says_what_the_registry_would_need_and_writes_nothing()
    {
        await stage.Save();
        Good(await stage.Run("loaded", more: ("only", App)));
        await stage.Mirror.Push(Payload, "mirror/quay.io/team/tool", "2");
        var mark = await stage.Mirror.Mark();

        var answer = Good(await stage.Run("inspected"));

        Assert.Empty(await stage.Mirror.Writes(mark));
        Assert.False(Changed(answer));
        Assert.Equal([("present", App), ("different", Tool), ("missing", Web)], new[] { App, Tool, Web }.Select(name => ((string)Image(answer, name)["in_registry"]!, name)));
        Assert.Equal(3, (int)answer["counts"]!["needed"]!);
        Assert.True((long)answer["bytes"]!["needed"]! < (long)answer["bytes"]!["unique"]!);
        Assert.Contains($"; {stage.Mirror.Name} needs 3 images, ", (string)answer["msg"]!, StringComparison.Ordinal);
        Good(await stage.Run("loaded"));
        Assert.EndsWith($"; {stage.Mirror.Name} has them all", (string)Good(await stage.Run("inspected"))["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_shows_what_is_not_whole_and_what_has_no_name()
    {
        var sparse = AppImage with { Children = [AppImage.Children[0]] };
        var path = stage.WriteArchive("odd.tar", (App, sparse), ("latest", ToolImage));

        var answer = Good(await stage.Run("inspected", more: Offline(("path", path))));

        Assert.Equal("incomplete", (string)Image(answer, App)["status"]!);
        Assert.Equal(["linux/arm64"], Image(answer, App)["missing_platforms"]!.Select(platform => (string)platform!));
        var nameless = answer["images"]!.Single(image => (string?)image["ref"] is null);
        Assert.Equal(("latest", ToolImage.Digest.ToString()), ((string)nameless["name"]!, (string)nameless["digest"]!));
        Assert.Equal(1, (int)answer["counts"]!["nameless"]!);
        Assert.EndsWith(", 1 of them not whole", (string)answer["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_proves_both_ends_and_writes_nothing()
    {
        await stage.Save();
        Good(await stage.Run("loaded", more: ("record_path", stage.Folder["record.json"])));
        var mark = await stage.Mirror.Mark();

        foreach (var check in new[] { false, true })
        {
            var archive = Good(await stage.Run("verified", check, more: Offline()));
            Assert.Equal(["archive"], archive["verified"]!.Select(one => (string)one!));
            Assert.EndsWith($"{stage.Archive} is whole", ((string)archive["msg"]!).Split(',')[^2], StringComparison.Ordinal);

            var both = Good(await stage.Run("verified", check));
            Assert.Equal(["archive", "registry"], both["verified"]!.Select(one => (string)one!));
            Assert.Equal(4, (int)both["counts"]!["verified"]!);
            Assert.False(Changed(both));

            var registry = Good(await stage.Run("verified", check, more: [("path", null), ("record_path", stage.Folder["record.json"]), ("images", new JArray(App))]));
            Assert.Equal(["registry"], registry["verified"]!.Select(one => (string)one!));
            Assert.Equal(4, (int)registry["counts"]!["verified"]!);
            Assert.Contains($"{stage.Mirror.Name} has ", (string)registry["msg"]!, StringComparison.Ordinal);
        }

        Assert.Empty(await stage.Mirror.Writes(mark));
        Assert.DoesNotContain(await stage.Mirror.Requests(mark), request => request.Method == "GET" && request.Path.Contains("/blobs/", StringComparison.Ordinal));
        Good(await stage.Run("verified", more: ("deep", true)));
        var read = (await stage.Mirror.Requests(mark)).Where(request => request.Method == "GET" && request.Path.Contains("/blobs/", StringComparison.Ordinal)).Select(request => request.Path.Split('/')[^1]).ToList();
        Assert.Equal(new[] { AppImage, ToolImage, WebImage, Payload }.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Count(), read.Count);
        Assert.Equal(read.Distinct().Count(), read.Count);
    }

    [Fact]
    public async Task A_flipped_bit_is_found_with_the_image_and_the_blob()
    {
        await stage.Save();
        Damage(stage.Archive, ToolImage.Blobs[2]);

        var answer = Bad(await stage.Run("verified", more: Offline()), "NOT_PROVED", $"blob {ToolImage.Blobs[2].Digest} in {stage.Archive} is damaged");

        Assert.Equal((Tool, ToolImage.Blobs[2].Digest.ToString()), ((string)answer["error"]!["image"]!, (string)answer["error"]!["blob"]!));
        Assert.Equal([Tool], answer["images"]!.Where(image => (string)image["status"]! == "failed").Select(image => (string)image["ref"]!));
        Assert.Equal([ToolImage.Blobs[2].Digest.ToString()], answer["damaged_blobs"]!.Select(blob => (string)blob!));
        Assert.Equal(3, (int)answer["counts"]!["verified"]!);
    }

    [Fact]
    public async Task A_name_that_was_changed_in_the_index_is_found()
    {
        await stage.Save();
        var bytes = File.ReadAllBytes(stage.Archive);
        var index = bytes.AsSpan().IndexOf("quay.io/team/app:1.0"u8);
        "quax"u8.CopyTo(bytes.AsSpan(index));
        File.WriteAllBytes(stage.Archive, bytes);

        Bad(await stage.Run("verified", more: Offline()), "NOT_PROVED", $"index.json in {stage.Archive} is not the one that it was made with");
    }

    [Fact]
    public async Task Damaged_manifests_and_missing_parts_are_found()
    {
        var layers = stage.WriteArchive("sparse.tar", (App, AppImage with { Children = [AppImage.Children[0]] }));
        Bad(await stage.Run("verified", more: Offline(("path", layers))), "NOT_PROVED", $"its index names the manifest {AppImage.Children[1].Digest} (linux/arm64), which is not there");

        var blobs = stage.WriteArchive("holes.tar", (Tool, ToolImage with { Blobs = [ToolImage.Blobs[0], ToolImage.Blobs[1]] }));
        Bad(await stage.Run("verified", more: Offline(("path", blobs))), "NOT_PROVED", $"blob {ToolImage.Blobs[2].Digest} is not there, or not whole");

        var manifest = stage.WriteArchive("bent.tar", (Tool, ToolImage));
        var bytes = File.ReadAllBytes(manifest);
        bytes[bytes.AsSpan().IndexOf(ToolImage.Manifest.Bytes.Span) + 5] ^= 1;
        File.WriteAllBytes(manifest, bytes);
        Bad(await stage.Run("verified", more: Offline(("path", manifest))), "NOT_PROVED", $"manifest {ToolImage.Digest} in {manifest}");
    }

    [Fact]
    public async Task What_the_registry_lacks_or_has_otherwise_is_found()
    {
        await stage.Save();
        var none = Bad(await stage.Run("verified", more: ("verify", "registry")), "NOT_PROVED", "is not in the registry: there is no ");
        Assert.Equal(4, (int)none["counts"]!["failed"]!);
        Good(await stage.Run("loaded"));

        await stage.Mirror.Push(Payload, "mirror/quay.io/team/tool", "2");
        var moved = Bad(await stage.Run("verified", more: ("verify", "registry")), "NOT_PROVED", $"{stage.Mirror.Name}/mirror/{Tool} is {Payload.Digest} instead of {ToolImage.Digest}");
        Assert.Equal((Tool, Payload.Digest.ToString()), ((string)moved["error"]!["image"]!, (string)Image(moved, Tool)["digest_in_registry"]!));

        // Gone from one repository only: its link there, not the content.
        var lost = AppImage.Children[0].Blobs[2].Digest;
        Directory.Delete(Path.Combine(stage.Mirror.Storage, "docker/registry/v2/repositories/mirror/quay.io/team/app/_layers/sha256", lost.Hex), recursive: true);
        var missing = Bad(await stage.Run("verified", more: [("verify", "registry"), ("only", App)]), "NOT_PROVED", $"{stage.Mirror.Name}/mirror/quay.io/team/app has no blob {lost}");
        Assert.Equal(lost.ToString(), (string)missing["error"]!["blob"]!);
    }

    [Fact]
    public async Task Only_reading_every_byte_finds_what_rotted_in_the_registry()
    {
        await stage.Save();
        Good(await stage.Run("loaded"));
        var blob = ToolImage.Blobs[2];
        var data = Path.Combine(stage.Mirror.Storage, "docker/registry/v2/blobs/sha256", blob.Digest.Hex[..2], blob.Digest.Hex, "data");
        var bytes = File.ReadAllBytes(data);
        bytes[^1] ^= 1;
        File.WriteAllBytes(data, bytes);

        Good(await stage.Run("verified", more: ("verify", "registry")));
        var answer = Bad(await stage.Run("verified", more: [("verify", "registry"), ("deep", true)]), "NOT_PROVED", $"blob {blob.Digest} in {stage.Mirror.Name}/mirror/quay.io/team/tool is damaged");

        Assert.Equal(Tool, (string)answer["error"]!["image"]!);
    }

    [Fact]
    public async Task Nothing_to_verify_proves_nothing()
    {
        Bad(await stage.Run("verified", more: ("path", null)), "NOT_PROVED", "nothing says what ");
        var empty = stage.Folder.Write("record.json", Core.Mirroring.DeliveredImages.Empty(stage.Mirror.Name).Render());
        Bad(await stage.Run("verified", more: [("path", null), ("record_path", empty)]), "NOT_PROVED", "so nothing was proved");
    }

    [Fact]
    public async Task A_registry_that_does_not_answer_is_not_a_finding()
    {
        await stage.Save();
        await stage.Mirror.Stop();

        Bad(await stage.Run("verified", more: ("verify", "registry")), "CONNECTION", "connection refused");
    }
}
