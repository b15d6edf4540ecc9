using System.Formats.Tar;
using System.Security.Cryptography;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Archive;

public sealed class ArchiveSaverTests : IDisposable
{
    const string App = "quay.io/team/app:1.0";
    const string Tool = "registry.example.org:5010/team/tool:2";
    const string Base = "docker.io/library/base:3";

    static readonly BuiltBlob Shared = ImageBuilder.Layer("shared", 300_000);
    static readonly BuiltImage AppImage = ImageBuilder.MultiArch("app", [Shared], 200_000);
    static readonly BuiltImage ToolImage = ImageBuilder.Image([Shared, ImageBuilder.Layer("tool", 70_000, docker: true), Shared], docker: true);
    static readonly BuiltImage BaseImage = ImageBuilder.Index([ImageBuilder.MultiArch("nested"), ImageBuilder.Image([new BuiltBlob(MediaTypes.OciLayerGzip, []) { DiffId = Digest.Sha256([]) }])]);

    readonly TestFolder folder = new("save");
    readonly MemoryRegistry upstream = new();

    public ArchiveSaverTests()
    {
        upstream.Add(AppImage, App);
        upstream.Add(ToolImage, Tool);
        upstream.Add(BaseImage, Base);
    }

    string Path => folder["set.tar"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Saves_whole_images_that_read_back_byte_for_byte()
    {
        var report = await Save([App, Tool, "base:3"]);

        Assert.True(report.Changed);
        using var archive = ArchiveFormats.Open(Path);
        Assert.Equal([Base, App, Tool], archive.Images.Select(image => image.Reference!.ToString()));
        foreach (var (built, name) in new[] { (AppImage, App), (ToolImage, Tool), (BaseImage, Base) })
        {
            var tree = await ManifestTree.ReadAsync(archive, Reference.Parse(name), default);
            Assert.Equal(built.Digest, tree.Root.Digest);
            Assert.Equal(built.Manifest.MediaType, tree.Root.MediaType);
            Assert.Empty(tree.Missing);
            Assert.Equal(built.Manifests.Select(m => m.Digest).Distinct().Order(), tree.Manifests.Select(m => m.Raw.Digest).Order());
            foreach (var blob in built.AllBlobs)
                Assert.Equal(blob.Bytes, await ReadBlob(archive, blob.Descriptor));
        }
    }

    [Fact]
    public async Task Writes_the_layout_that_other_readers_want()
    {
        await Save([App, Tool, Base]);

        var names = new List<string>();
        using (var tar = new TarReader(File.OpenRead(Path)))
        {
            while (await tar.GetNextEntryAsync() is { } entry)
            {
                names.Add(entry.Name);
                Assert.Equal(DateTimeOffset.UnixEpoch, entry.ModificationTime);
                if (entry.EntryType == TarEntryType.RegularFile && entry.Name.StartsWith("blobs/", StringComparison.Ordinal))
                    Assert.EndsWith(entry.DataStream is null ? Digest.Sha256([]).Hex : Convert.ToHexStringLower(await SHA256.HashDataAsync(entry.DataStream)), entry.Name, StringComparison.Ordinal);
            }
        }

        Assert.Equal(["oci-layout", "index.json", "image-archive.json", "blobs/", "blobs/sha256/"], names.Take(5));
        var index = (JObject)Json.Parse(ReadMember("index.json"));
        var descriptor = index["manifests"]!.Single(m => (string?)m["digest"] == ToolImage.Digest.ToString());
        Assert.Equal(Tool, (string?)descriptor["annotations"]![Annotations.RefName]);
        Assert.Equal(Tool, (string?)descriptor["annotations"]![Annotations.ContainerdImageName]);
        Assert.Equal(MediaTypes.DockerManifest, (string?)descriptor["mediaType"]);
    }

    [Fact]
    public async Task The_same_images_give_the_same_bytes_and_true_checksums()
    {
        await Save([App, Tool, Base]);
        var first = await File.ReadAllBytesAsync(Path);
        File.Delete(Path);
        await Save([Base, Tool, App], concurrency: 1);

        Assert.Equal(first, await File.ReadAllBytesAsync(Path));
        Assert.Equal($"{Convert.ToHexStringLower(SHA256.HashData(first))}  set.tar\n", await File.ReadAllTextAsync(Path + ".sha256"));
        var sidecar = (JObject)Json.Parse(await File.ReadAllTextAsync(Path + ".manifest.json"));
        Assert.Equal(first.Length, (long)sidecar["layout_size"]!);
        foreach (var blob in sidecar["blobs"]!)
        {
            var (offset, size) = ((int)blob["offset"]!, (int)blob["size"]!);
            Assert.Equal((string?)blob["digest"], Digest.Sha256(first.AsSpan(offset, size)).ToString());
        }
    }

    [Fact]
    public async Task A_second_run_asks_by_head_only_and_changes_nothing()
    {
        await Save([App, Tool, Base]);
        var written = File.GetLastWriteTimeUtc(Path);
        upstream.ClearRequests();

        var report = await Save([App, Tool, Base]);

        Assert.False(report.Changed);
        Assert.Equal(3, upstream.Requests.Count);
        Assert.All(upstream.Requests, request => Assert.StartsWith("HEAD manifest ", request, StringComparison.Ordinal));
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path));
    }

    [Fact]
    public async Task A_tag_that_moved_is_fetched_anew_and_nothing_else_is()
    {
        await Save([App, Tool]);
        var newer = ImageBuilder.MultiArch("app-newer", [Shared]);
        upstream.Add(newer, App);
        upstream.ClearRequests();

        var report = await Save([App, Tool]);

        Assert.True(report.Changed);
        Assert.DoesNotContain(upstream.Requests, request => request.Contains(Shared.Digest.ToString(), StringComparison.Ordinal) && request.StartsWith("GET blob", StringComparison.Ordinal));
        using var archive = ArchiveFormats.Open(Path);
        Assert.Equal(newer.Digest, archive.Images.Single(image => image.Reference!.ToString() == App).Root.Digest);
    }

    [Fact]
    public async Task Lost_sidecars_are_written_again()
    {
        await Save([App]);
        var checksum = await File.ReadAllTextAsync(Path + ".sha256");
        File.Delete(Path + ".sha256");

        Assert.True((await Save([App])).Changed);
        Assert.Equal(checksum, await File.ReadAllTextAsync(Path + ".sha256"));
        Assert.False((await Save([App])).Changed);
    }

    [Fact]
    public async Task Check_mode_predicts_and_writes_nothing()
    {
        var report = await Save([App, Tool], checkMode: true);

        Assert.True(report.Changed);
        Assert.Equal(AppImage.AllBlobs.Concat(ToolImage.AllBlobs).DistinctBy(blob => blob.Digest).Sum(blob => blob.Bytes.LongLength), report.BytesToFetch);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.DoesNotContain(upstream.Requests, request => request.StartsWith("GET blob", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_shared_blob_is_fetched_once_and_a_broken_body_goes_on_where_it_broke()
    {
        upstream.OnOpen = (blob, offset, stream) => blob.Digest == Shared.Digest && offset < 200_000 ? new BrokenStream(stream, 100_000) : stream;

        await Save([App, Tool]);

        Assert.Equal(["0", "100000", "200000"], upstream.Requests
            .Where(request => request.StartsWith("GET blob", StringComparison.Ordinal) && request.Contains(Shared.Digest.ToString(), StringComparison.Ordinal))
            .Select(request => request.Split(' ')[^1]));
        using var archive = ArchiveFormats.Open(Path);
        Assert.Equal(Shared.Bytes, await ReadBlob(archive, Shared.Descriptor));
    }

    [Fact]
    public async Task A_stopped_save_leaves_no_archive_and_the_next_run_goes_on_with_it()
    {
        using var stop = new CancellationTokenSource();
        var opened = 0;
        upstream.OnOpen = (_, _, stream) =>
        {
            if (Interlocked.Increment(ref opened) == 4)
                stop.Cancel();
            return stream;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Save([App, Tool, Base], concurrency: 1, cancellation: stop.Token));
        Assert.False(File.Exists(Path));
        var before = upstream.Requests.Count(request => request.StartsWith("GET blob", StringComparison.Ordinal));

        upstream.OnOpen = null;
        upstream.ClearRequests();
        var report = await Save([App, Tool, Base]);

        var blobs = AppImage.AllBlobs.Concat(ToolImage.AllBlobs).Concat(BaseImage.AllBlobs).DistinctBy(blob => blob.Digest).Count();
        Assert.True(report.BytesReused > 0);
        // The one that was cut is asked for again, those that were whole are not; an empty blob is never asked for.
        Assert.Equal(blobs - 1 - (before - 1), upstream.Requests.Count(request => request.StartsWith("GET blob", StringComparison.Ordinal)));
        Assert.Equal(["set.tar", "set.tar.manifest.json", "set.tar.sha256"], Directory.GetFiles(folder.Path).Select(System.IO.Path.GetFileName).Order(StringComparer.Ordinal));
        var resumed = await File.ReadAllBytesAsync(Path);
        File.Delete(Path);
        await Save([App, Tool, Base]);
        Assert.Equal(await File.ReadAllBytesAsync(Path), resumed);
    }

    [Fact]
    public async Task What_a_journal_claims_is_hashed_before_it_is_believed()
    {
        using var stop = new CancellationTokenSource();
        upstream.OnOpen = (blob, _, stream) =>
        {
            if (blob.Digest != Shared.Digest && blob.Size > 50_000)
                stop.Cancel();
            return stream;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Save([Tool], concurrency: 1, cancellation: stop.Token));
        // The disk has lost what the journal says is there.
        var length = new FileInfo(Path + ".partial").Length;
        await File.WriteAllBytesAsync(Path + ".partial", new byte[length]);

        upstream.OnOpen = null;
        await Save([Tool]);

        using var archive = ArchiveFormats.Open(Path);
        Assert.Equal(Shared.Bytes, await ReadBlob(archive, Shared.Descriptor));
    }

    [Fact]
    public async Task A_blob_that_is_not_what_it_should_be_fails_the_save()
    {
        upstream.OnOpen = (blob, _, stream) => blob.Digest == Shared.Digest ? new MemoryStream(new byte[blob.Size]) : stream;

        var error = await Assert.ThrowsAsync<ModuleException>(() => Save([App]));

        Assert.Equal(ErrorCodes.DigestMismatch, error.Code);
        Assert.Equal(App, error.Image);
        Assert.Equal(Shared.Digest.ToString(), error.Blob);
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public async Task With_continue_the_archive_holds_the_others_and_nothing_of_the_failed_one()
    {
        var bad = AppImage.AllBlobs.Last();
        upstream.OnOpen = (blob, _, stream) => blob.Digest == bad.Digest ? new MemoryStream(new byte[blob.Size]) : stream;

        var report = await Save([App, Tool, Base, "quay.io/no/such:1"], continueOnError: true);

        Assert.Equal(["quay.io/no/such:1", App], report.Failed.Select(failure => failure.Request.Image.ToString()));
        var compacted = await File.ReadAllBytesAsync(Path);
        using (var archive = ArchiveFormats.Open(Path))
        {
            Assert.Equal([Base, Tool], archive.Images.Select(image => image.Reference!.ToString()));
            foreach (var blob in ToolImage.AllBlobs.Concat(BaseImage.AllBlobs))
                Assert.Equal(blob.Bytes, await ReadBlob(archive, blob.Descriptor));
            Assert.False(archive.Has(bad.Descriptor));
        }

        Assert.StartsWith(Convert.ToHexStringLower(SHA256.HashData(compacted)), await File.ReadAllTextAsync(Path + ".sha256"), StringComparison.Ordinal);
        Assert.Equal(["set.tar", "set.tar.manifest.json", "set.tar.sha256"], Directory.GetFiles(folder.Path).Select(System.IO.Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_choice_that_would_leave_a_partial_index_is_refused_with_the_reason()
    {
        var request = new ImageRequest(Reference.Parse(App)) { Platforms = [Platform.Parse("linux/amd64")] };

        var error = await Assert.ThrowsAsync<ModuleException>(() => Saver().SaveAsync([request], Path, checkMode: false, default));

        Assert.Contains("partial index", error.Message, StringComparison.Ordinal);
        Assert.Contains("on_partial=child", error.Hint!, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task On_partial_child_takes_the_platforms_manifest_and_a_second_run_knows_it()
    {
        var request = new ImageRequest(Reference.Parse(App)) { Platforms = [Platform.Parse("linux/arm64")], TakeChild = true };

        var report = await Saver().SaveAsync([request], Path, checkMode: false, default);

        var arm = AppImage.Children[1];
        Assert.Equal(arm.Digest, report.Plan.Images.Single().Tree.Root.Digest);
        Assert.Equal(AppImage.Digest, report.Plan.Images.Single().SourceDigest);
        Assert.Equal("linux/amd64", report.Plan.Images.Single().OmittedPlatforms.Single().ToString());
        Assert.False((await Saver().SaveAsync([request], Path, checkMode: false, default)).Changed);
        Assert.True((await Save([App])).Changed);
    }

    [Fact]
    public async Task All_platforms_by_name_are_the_whole_image()
    {
        var request = new ImageRequest(Reference.Parse(App)) { Platforms = [Platform.Parse("linux/arm64"), Platform.Parse("linux/amd64")] };

        var report = await Saver().SaveAsync([request], Path, checkMode: false, default);

        Assert.Equal(AppImage.Digest, report.Plan.Images.Single().Tree.Root.Digest);
    }

    [Fact]
    public async Task A_file_that_is_not_ours_is_not_overwritten()
    {
        await File.WriteAllTextAsync(Path, "somebody's notes");

        var error = await Assert.ThrowsAsync<ModuleException>(() => Save([App]));

        Assert.Contains("is no archive of this module", error.Message, StringComparison.Ordinal);
        Assert.Equal("somebody's notes", await File.ReadAllTextAsync(Path));
    }

    [Fact]
    public async Task An_archive_of_ours_that_was_cut_is_made_again()
    {
        await Save([App]);
        var whole = await File.ReadAllBytesAsync(Path);
        await File.WriteAllBytesAsync(Path, whole[..^2000]);

        var report = await Save([App]);

        Assert.Contains("truncated", report.Replaced!, StringComparison.Ordinal);
        Assert.Equal(whole, await File.ReadAllBytesAsync(Path));
    }

    [Fact]
    public async Task Tag_and_digest_keep_the_name_and_are_read_by_digest()
    {
        await Save([$"{App}@{AppImage.Digest}"]);

        using var archive = ArchiveFormats.Open(Path);
        Assert.Equal(App, archive.Images.Single().Reference!.ToString());
        Assert.All(upstream.Requests.Where(request => request.StartsWith("GET manifest", StringComparison.Ordinal)), request => Assert.Contains("@sha256:", request, StringComparison.Ordinal));
        Assert.False((await Save([$"{App}@{AppImage.Digest}"])).Changed);
    }

    [Fact]
    public async Task A_digest_alone_is_the_name()
    {
        var name = $"quay.io/team/app@{AppImage.Children[0].Digest}";

        await Save([name]);

        using var archive = ArchiveFormats.Open(Path);
        Assert.Equal(name, archive.Images.Single().Reference!.ToString());
    }

    [Fact]
    public async Task Faults_name_the_image_and_what_to_do()
    {
        var missing = await Assert.ThrowsAsync<ModuleException>(() => Save(["quay.io/no/such:1"]));
        Assert.Equal("quay.io/no/such:1", missing.Image);
        Assert.Contains("is not there", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Missing_folders_are_made_when_the_archive_is_written()
    {
        var path = folder["some", "where", "set.tar"];
        var request = new ImageRequest(Reference.Parse(App));
        Assert.True((await Saver().SaveAsync([request], path, checkMode: true, default)).Changed);
        Assert.False(Directory.Exists(folder["some"]));

        await Saver().SaveAsync([request], path, checkMode: false, default);

        Assert.True(File.Exists(path));
        upstream.ClearRequests();
        var inTheWay = await Assert.ThrowsAsync<ModuleException>(() => Saver().SaveAsync([request], System.IO.Path.Combine(folder.Write("file", ""), "set.tar"), checkMode: false, default));
        Assert.Equal($"folder {folder["file"]} cannot be made: {folder["file"]} is a file", inTheWay.Message);
        Assert.Empty(upstream.Requests);
    }

    [Fact]
    public async Task The_same_image_missing_twice_changes_nothing_the_second_time()
    {
        var first = await Save([App, "quay.io/no/such:1"], continueOnError: true);
        var written = File.GetLastWriteTimeUtc(Path);

        var second = await Save([App, "quay.io/no/such:1"], continueOnError: true);

        Assert.True(first.Changed);
        Assert.False(second.Changed);
        Assert.Equal("quay.io/no/such:1", Assert.Single(second.Failed).Request.Image.ToString());
        Assert.Equal(written, File.GetLastWriteTimeUtc(Path));
    }

    [Fact]
    public async Task Two_runs_never_write_one_file()
    {
        var entered = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        upstream.OnOpen = (_, _, stream) =>
        {
            entered.TrySetResult();
            release.Task.Wait(TimeSpan.FromSeconds(20));
            return stream;
        };
        var first = Task.Run(() => Save([Tool]));
        await entered.Task;

        var error = await Assert.ThrowsAsync<ModuleException>(() => Save([Tool]));
        release.SetResult();
        await first;

        Assert.Contains("another run", error.Hint!, StringComparison.Ordinal);
    }

    Task<SaveReport> Save(string[] images, int concurrency = 4, bool continueOnError = false, bool checkMode = false, CancellationToken cancellation = default) =>
        Saver(concurrency, continueOnError).SaveAsync([.. images.Select(image => new ImageRequest(Reference.Parse(image)))], Path, checkMode, cancellation);

    ArchiveSaver Saver(int concurrency = 4, bool continueOnError = false) =>
        new(upstream, new SaveOptions { Concurrency = concurrency, ContinueOnError = continueOnError }, new TransferProgress(), TimeProvider.System);

    string ReadMember(string name)
    {
        using var archive = (OciLayoutArchive)ArchiveFormats.Open(Path);
        return System.Text.Encoding.UTF8.GetString(archive.ReadFile(name)!);
    }

    static async Task<byte[]> ReadBlob(IArchive archive, Descriptor blob)
    {
        await using var stream = await archive.OpenBlobAsync(new Reference("any", "any"), blob, 0, default);
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy);
        return copy.ToArray();
    }
}
