using Passthrough.Core.Archive;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry;

public sealed class ImageCopierTests : IDisposable
{
    static readonly BuiltBlob Shared = ImageBuilder.Layer("shared", 300_000);
    static readonly BuiltImage One = ImageBuilder.MultiArch("one", [Shared], 50_000);
    static readonly BuiltImage Two = ImageBuilder.Image([Shared, ImageBuilder.Layer("two", docker: true), Shared], docker: true);
    static readonly BuiltImage Three = ImageBuilder.Index([ImageBuilder.MultiArch("three", [Shared]), ImageBuilder.Image([Shared])]);

    static readonly Dictionary<string, BuiltImage> Images = new()
    {
        ["quay.io/a/one:1"] = One,
        ["quay.io/b/two:1"] = Two,
        ["quay.io/c/three:1"] = Three,
    };

    readonly TestFolder folder = new("copy");
    readonly MemoryRegistry target = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Every_image_arrives_whole_and_every_blob_is_sent_once()
    {
        using var archive = Archive(Images);

        var report = await Copy(archive);

        Assert.All(report.Outcomes, outcome => Assert.Equal(CopyStatus.Loaded, outcome.Status));
        AssertDelivered(Images);
        var puts = target.Requests.Where(request => request.StartsWith("PUT blob", StringComparison.Ordinal)).Select(request => request.Split('@')[1]).ToList();
        Assert.Equal(puts.Distinct().Count(), puts.Count);
        Assert.Equal(Images.Values.SelectMany(image => image.AllBlobs).Select(blob => blob.Digest).Distinct().Count(), puts.Count);
        Assert.Equal(2, target.Requests.Count(request => request.StartsWith("MOUNT", StringComparison.Ordinal) && request.Contains(Shared.Digest.ToString(), StringComparison.Ordinal)));
        Assert.Equal(report.Totals.BytesUploaded, Images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Sum(blob => blob.Bytes.LongLength));
    }

    [Fact]
    public async Task A_second_copy_asks_once_an_image_and_once_a_child_and_writes_nothing()
    {
        using var archive = Archive(Images);
        await Copy(archive);
        target.ClearRequests();

        var report = await Copy(archive);

        Assert.All(report.Outcomes, outcome => Assert.Equal(CopyStatus.Present, outcome.Status));
        Assert.Equal(3 + Images.Values.Sum(image => image.Manifests.Count() - 1), target.Requests.Count);
        Assert.Equal(target.Requests.Distinct(), target.Requests);
        Assert.All(target.Requests, request => Assert.StartsWith("HEAD manifest", request, StringComparison.Ordinal));
    }

    [Fact]
    public async Task GET_decides_where_HEAD_and_GET_disagree()
    {
        using var archive = Archive(Images);
        target.HidesManifestsFromHead = true;
        await Copy(archive);
        target.ClearRequests();

        var report = await Copy(archive);

        Assert.All(report.Outcomes, outcome => Assert.Equal(CopyStatus.Present, outcome.Status));
        Assert.Empty(target.Writes);
    }

    [Fact]
    public async Task Check_mode_says_what_would_be_sent_and_sends_nothing()
    {
        using var archive = Archive(Images);
        var predicted = await new ImageCopier(archive, new ReadOnlyTarget(target), new CopyOptions(), new TransferProgress()).CopyAsync(Items(archive), default);

        Assert.Empty(target.Writes);
        var real = await Copy(archive);
        Assert.Equal(real.Totals, predicted.Totals);
        Assert.Equal(real.Outcomes.Select(outcome => outcome.Status), predicted.Outcomes.Select(outcome => outcome.Status));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_image_that_the_registry_gives_no_answer_about_fails_alone_or_all(bool continueOnError)
    {
        using var archive = Archive(Images);
        var copier = new ImageCopier(archive, new RefusingTarget(target, "mirror/quay.io/b/two"), new CopyOptions { ContinueOnError = continueOnError, SourceHas = archive.Has }, new TransferProgress());

        if (continueOnError)
        {
            var report = await copier.CopyAsync(Items(archive), default);
            Assert.Equal(["quay.io/b/two:1: DENIED"], report.Outcomes.Where(outcome => outcome.Error is not null).Select(outcome => $"{outcome.Error!.Image}: {outcome.Error.Code}"));
            Assert.Equal(2, report.Outcomes.Count(outcome => outcome.Status == CopyStatus.Loaded));
        }
        else
        {
            Assert.Equal("DENIED", (await Assert.ThrowsAsync<ModuleException>(() => copier.CopyAsync(Items(archive), default))).Code);
            Assert.Empty(target.Writes);
        }
    }

    [Fact]
    public async Task An_interrupted_copy_is_finished_by_the_next_without_sending_blobs_again()
    {
        using var archive = Archive(Images);
        using var stop = new CancellationTokenSource();
        target.AfterPutManifest = _ => stop.Cancel();
        Assert.True((await Copy(archive, cancellation: stop.Token)).IsStopped);
        var sent = target.Requests.Count(request => request.StartsWith("PUT blob", StringComparison.Ordinal));
        Assert.True(sent > 0);
        target.AfterPutManifest = null;

        await Copy(archive);

        AssertDelivered(Images);
        var all = target.Requests.Where(request => request.StartsWith("PUT blob", StringComparison.Ordinal)).Select(request => request.Split('@')[1]).ToList();
        Assert.Equal(all.Distinct().Count(), all.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_killed_copy_left_in_any_repository_is_mounted_and_not_sent_again(bool tagProvesContent)
    {
        target.Traits = target.Traits with { TagProvesContent = tagProvesContent };
        using var archive = Archive(Images);
        foreach (var blob in Three.AllBlobs)
            await target.PutBlobAsync(new Reference("r.local", "mirror/quay.io/c/three"), new Descriptor(MediaTypes.OciLayerGzip, blob.Digest, blob.Bytes.LongLength), mountFrom: null, _ => Task.FromResult<Stream>(new MemoryStream(blob.Bytes)), default);
        target.ClearRequests();
        var progress = new TransferProgress();

        var report = await Copy(archive, progress: progress);

        AssertDelivered(Images);
        var left = Three.AllBlobs.Select(blob => blob.Digest).ToHashSet();
        Assert.DoesNotContain(target.Requests, request => request.StartsWith("PUT blob", StringComparison.Ordinal) && left.Contains(Digest.Parse(request.Split('@')[1])));
        Assert.Equal(Images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Where(blob => !left.Contains(blob.Digest)).Sum(blob => blob.Bytes.LongLength), report.Totals.BytesUploaded);
        Assert.Equal(progress.BytesTotal, progress.BytesDone);
    }

    [Fact]
    public async Task A_first_copy_asks_at_most_once_for_each_blob_of_each_image()
    {
        using var archive = Archive(Images);

        await Copy(archive);

        var asked = target.Requests.Where(request => request.StartsWith("HEAD blob", StringComparison.Ordinal)).ToList();
        Assert.Equal(asked.Distinct().Count(), asked.Count);
    }

    [Fact]
    public async Task Repositories_that_no_interrupted_copy_can_have_begun_are_not_asked_for_what_others_bring()
    {
        var many = Enumerable.Range(0, 40).ToDictionary(i => $"quay.io/n/i{i:D2}:1", i => ImageBuilder.Image([Shared, ImageBuilder.Layer($"many{i}")]));
        using var archive = Archive(many);

        await Copy(archive);

        Assert.InRange(target.Requests.Count(request => request.StartsWith("HEAD blob", StringComparison.Ordinal) && request.Contains(Shared.Digest.ToString(), StringComparison.Ordinal)), 1, 8);
    }

    [Fact]
    public async Task A_second_tag_of_a_repository_is_not_sent_what_the_first_has_brought()
    {
        var newer = ImageBuilder.Image([Shared, ImageBuilder.Layer("newer")]);
        Dictionary<string, BuiltImage> both = new() { ["quay.io/b/two:1"] = Two, ["quay.io/b/two:2"] = newer };
        using var archive = Archive(both);
        await Copy(archive, only: "quay.io/b/two:1");
        target.ClearRequests();

        await Copy(archive);

        AssertDelivered(both);
        Assert.DoesNotContain(target.Requests, request => request.StartsWith("PUT blob", StringComparison.Ordinal) && request.Contains(Shared.Digest.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_tags_of_one_index_put_its_children_once()
    {
        Dictionary<string, BuiltImage> both = new() { ["quay.io/a/one:1"] = One, ["quay.io/a/one:latest"] = One };
        using var archive = Archive(both);

        var report = await Copy(archive);

        AssertDelivered(both);
        var puts = target.Requests.Where(request => request.StartsWith("PUT manifest", StringComparison.Ordinal)).ToList();
        Assert.Equal(puts.Distinct(), puts);
        Assert.Equal(One.Children.Count + 2, puts.Count);
        Assert.Equal(puts.Count, report.Outcomes.Sum(outcome => outcome.Manifests));
    }

    [Fact]
    public async Task A_registry_that_stumbles_over_another_writer_is_asked_once_more()
    {
        using var archive = Archive(Images);
        var stumbles = 1;
        target.AfterPutManifest = image =>
        {
            // docker-registry, when it reads what somebody else is just writing.
            if (image.Repository == "mirror/quay.io/a/one" && image.Tag is not null && stumbles-- > 0)
                throw new ModuleException("DIGEST_INVALID", "provided digest did not match uploaded content") { HttpStatus = 400 };
        };

        var report = await Copy(archive);

        Assert.All(report.Outcomes, outcome => Assert.Equal(CopyStatus.Loaded, outcome.Status));
        Assert.True(stumbles < 0);
    }

    [Fact]
    public async Task A_flipped_byte_fails_its_image_before_the_registry_has_all_bytes()
    {
        var path = Write(Images);
        var bytes = await File.ReadAllBytesAsync(path);
        var unique = Two.AllBlobs.Single(blob => blob.Bytes.Length is > 1000 and < 2000);
        bytes[Find(bytes, unique.Bytes) + 100] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        using var archive = ArchiveFormats.Open(path);

        var report = await Copy(archive, continueOnError: true);

        var failed = report.Outcomes.Single(outcome => outcome.Status == CopyStatus.Failed);
        Assert.Equal("quay.io/b/two:1", failed.Item.Source.ToString());
        Assert.Equal(ErrorCodes.DigestMismatch, failed.Error!.Code);
        Assert.Equal(unique.Digest.ToString(), failed.Error.Blob);
        Assert.Equal("quay.io/b/two:1", failed.Error.Image);
        Assert.DoesNotContain(target.Requests, request => request.StartsWith("PUT manifest mirror/quay.io/b/two", StringComparison.Ordinal));
        Assert.True(target.Holds(One, "r.local/mirror/quay.io/a/one:1"));
        Assert.True(target.Holds(Three, "r.local/mirror/quay.io/c/three:1"));
    }

    [Fact]
    public async Task Stop_leaves_the_others_for_the_next_run()
    {
        using var archive = Archive(Images);
        target.BeforePutBlob = (repository, _) => throw new ModuleException("DENIED", "quota of the organization is used up") { HttpStatus = 403 };

        var report = await Copy(archive, concurrency: 1);

        Assert.Contains(report.Outcomes, outcome => outcome is { Status: CopyStatus.Failed, Error.Code: "DENIED" });
        Assert.DoesNotContain(report.Outcomes, outcome => outcome.Status is CopyStatus.Loaded or CopyStatus.Present);
    }

    [Fact]
    public async Task A_blob_that_the_registry_lost_in_mid_push_is_sent_again()
    {
        using var archive = Archive(Images);
        await Copy(archive, only: "quay.io/a/one:1");
        // Present when asked for, gone when the manifest comes.
        var lost = false;
        target.BeforePutBlob = (repository, blob) =>
        {
            if (lost || repository.Repository != "mirror/quay.io/b/two")
                return;
            lost = true;
            target.RemoveBlob("mirror/quay.io/b/two", Shared.Digest);
        };
        var strict = new ForgetfulTarget(target, "mirror/quay.io/b/two", Shared.Digest);

        var report = await new ImageCopier(archive, strict, new CopyOptions(), new TransferProgress()).CopyAsync([.. Items(archive).Where(item => item.Source.ToString() == "quay.io/b/two:1")], default);

        Assert.Equal(CopyStatus.Loaded, report.Outcomes.Single().Status);
        Assert.True(target.Holds(Two, "r.local/mirror/quay.io/b/two:1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_source_left_to_an_earlier_delivery_is_taken_from_where_it_is(bool refusesMounts)
    {
        target.Add(ImageBuilder.Image([Shared]), "r.local/mirror/quay.io/earlier/base:1");
        target.RefusesMounts = refusesMounts;
        using var archive = Differential();

        var report = await CopyDifferential(archive, _ => [new Reference("r.local", "mirror/quay.io/nobody/there"), new Reference("r.local", "mirror/quay.io/earlier/base")]);

        Assert.All(report.Outcomes, outcome => Assert.Equal(CopyStatus.Loaded, outcome.Status));
        AssertDelivered(Images);
        Assert.Single(target.Requests, request => request.StartsWith("HEAD blob mirror/quay.io/nobody/there", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_nobody_has_fails_before_anything_is_sent_with_what_to_do()
    {
        using var archive = Differential();

        var report = await CopyDifferential(archive, _ => [new Reference("r.local", "mirror/quay.io/nobody/there")]);

        Assert.All(report.Outcomes, outcome => Assert.Equal((CopyStatus.Failed, Shared.Digest.ToString(), "load the earlier ones first"), (outcome.Status, outcome.Error!.Blob, outcome.Error.Hint)));
        Assert.Empty(target.Writes);
    }

    [Fact]
    public async Task An_image_of_which_the_source_has_only_the_name_is_judged_by_what_the_registry_has()
    {
        target.Add(One, "r.local/mirror/quay.io/a/one:1");
        target.Traits = target.Traits with { TagProvesContent = false };
        OciLayout.Write(folder["names"], Images);
        Directory.Delete(folder["names", "blobs"], recursive: true);
        using var archive = ArchiveFormats.Open(folder["names"]);

        var report = await CopyDifferential(archive, _ => []);

        Assert.Equal([CopyStatus.Present, CopyStatus.Failed, CopyStatus.Failed], report.Outcomes.Select(outcome => outcome.Status));
        Assert.Equal(($"quay.io/b/two:1 is incomplete in the archive: its manifest {Two.Digest} is neither in it nor in the registry", "load the earlier ones first"), (report.Outcomes[1].Error!.Message, report.Outcomes[1].Error!.Hint));
    }

    IArchive Differential()
    {
        OciLayout.Write(folder["differential"], Images);
        File.Delete(folder["differential", "blobs", "sha256", Shared.Digest.Hex]);
        return ArchiveFormats.Open(folder["differential"]);
    }

    Task<CopyReport> CopyDifferential(IArchive archive, Func<Descriptor, IEnumerable<Reference>> holders) =>
        new ImageCopier(archive, target, new CopyOptions { ContinueOnError = true, SourceHas = archive.Has, OtherHolders = holders, WhenIncomplete = "load the earlier ones first" }, new TransferProgress()).CopyAsync(Items(archive), default);

    [Fact]
    public async Task Where_mounts_are_refused_everything_still_arrives()
    {
        target.RefusesMounts = true;
        using var archive = Archive(Images);

        var report = await Copy(archive);

        AssertDelivered(Images);
        Assert.Equal(0, report.Totals.BlobsMounted);
    }

    [Fact]
    public async Task Where_a_tag_proves_nothing_every_blob_is_asked_for_and_damage_repaired()
    {
        target.Traits = new RegistryTraits { TagProvesContent = false };
        using var archive = Archive(Images);
        await Copy(archive);
        target.ClearRequests();
        Assert.All((await Copy(archive)).Outcomes, outcome => Assert.Equal(CopyStatus.Present, outcome.Status));
        Assert.Empty(target.Writes);

        target.RemoveBlob("mirror/quay.io/b/two", Shared.Digest);
        var report = await Copy(archive);

        Assert.Equal(CopyStatus.Updated, report.Outcomes.Single(outcome => outcome.Item.Source.Repository == "b/two").Status);
        AssertDelivered(Images);
    }

    [Fact]
    public async Task A_tag_that_named_another_image_is_updated_and_both_digests_are_told()
    {
        var older = ImageBuilder.Image([ImageBuilder.Layer("older")]);
        target.Add(older, "r.local/mirror/quay.io/b/two:1");
        using var archive = Archive(Images);

        var outcome = (await Copy(archive)).Outcomes.Single(o => o.Item.Source.Repository == "b/two");

        Assert.Equal(CopyStatus.Updated, outcome.Status);
        Assert.Equal(older.Digest, outcome.Before);
        Assert.Equal(Two.Digest, outcome.Item.Root.Digest);
    }

    [Fact]
    public async Task Children_come_before_their_index_and_the_tag_last()
    {
        using var archive = Archive(Images);
        await Copy(archive, only: "quay.io/c/three:1");

        var puts = target.Requests.Where(request => request.StartsWith("PUT manifest", StringComparison.Ordinal)).ToList();
        Assert.Equal("PUT manifest mirror/quay.io/c/three:1", puts[^1]);
        Assert.Equal($"PUT manifest mirror/quay.io/c/three@{Three.Children[0].Digest}", puts[^2]);
        Assert.Equal(Three.Manifests.Count(), puts.Count);
    }

    [Fact]
    public async Task An_index_without_some_of_its_manifests_fails_before_anything_is_sent()
    {
        var sparse = One with { Children = [One.Children[0]] };
        using var archive = Archive(new() { ["quay.io/a/one:1"] = sparse, ["quay.io/b/two:1"] = Two });

        var report = await Copy(archive);

        var failed = report.Outcomes.Single(outcome => outcome.Status == CopyStatus.Failed);
        Assert.Contains("linux/arm64", failed.Error!.Message, StringComparison.Ordinal);
        Assert.Contains("partial index", failed.Error.Message, StringComparison.Ordinal);
        Assert.Equal(CopyStatus.Skipped, report.Outcomes.Single(outcome => outcome != failed).Status);
        Assert.Empty(target.Writes);
    }

    [Fact]
    public async Task What_the_archive_lacks_and_the_registry_has_is_no_fault()
    {
        target.Add(One, "r.local/mirror/quay.io/a/one:old");
        var sparse = One with { Children = [One.Children[0]] };
        using var archive = Archive(new() { ["quay.io/a/one:1"] = sparse });

        Assert.Equal(CopyStatus.Loaded, (await Copy(archive)).Outcomes.Single().Status);
        AssertDelivered(new() { ["quay.io/a/one:1"] = One });
    }

    [Fact]
    public async Task A_blob_that_is_nowhere_is_found_before_anything_is_sent()
    {
        var broken = Two with { Blobs = [.. Two.Blobs.Take(2)] };
        using var archive = Archive(new() { ["quay.io/b/two:1"] = broken });

        var failed = (await Copy(archive)).Outcomes.Single();

        Assert.Equal(CopyStatus.Failed, failed.Status);
        Assert.Equal(ErrorCodes.ArchiveCorrupt, failed.Error!.Code);
        Assert.Empty(target.Writes);
    }

    [Fact]
    public async Task No_more_blobs_are_open_than_concurrency_allows()
    {
        var images = Enumerable.Range(0, 12).ToDictionary(i => $"quay.io/n/i{i}:1", i => ImageBuilder.MultiArch($"n{i}", size: 20_000));
        using var archive = Archive(images);
        var counting = new CountingStore(archive);

        await new ImageCopier(counting, target, new CopyOptions { Concurrency = 3 }, new TransferProgress()).CopyAsync(Items(archive), default);

        AssertDelivered(images);
        Assert.InRange(counting.MostOpen, 1, 3);
    }

    [Fact]
    public async Task Progress_ends_where_it_should()
    {
        using var archive = Archive(Images);
        var progress = new TransferProgress();

        await new ImageCopier(archive, target, new CopyOptions(), progress).CopyAsync(Items(archive), default);

        Assert.Equal(progress.BytesTotal, progress.BytesDone);
        Assert.Equal((3, 3), (progress.ImagesDone, progress.ImagesTotal));
    }

    Task<CopyReport> Copy(IArchive archive, int concurrency = 4, bool continueOnError = false, string? only = null, TransferProgress? progress = null, CancellationToken cancellation = default) =>
        new ImageCopier(archive, target, new CopyOptions { Concurrency = concurrency, ContinueOnError = continueOnError, SourceHas = archive.Has, SourceName = archive.Path }, progress ?? new TransferProgress())
            .CopyAsync([.. Items(archive).Where(item => only is null || item.Source.ToString() == only)], cancellation);

    static List<CopyItem> Items(IArchive archive) =>
        [.. archive.Images.Select(image => new CopyItem(image.Reference!, image.Root, new Reference("r", $"mirror/{image.Reference!.Registry}/{image.Reference.Repository}").WithTag(image.Reference.Tag!)))];

    void AssertDelivered(Dictionary<string, BuiltImage> images) =>
        Assert.All(images, image => Assert.True(target.Holds(image.Value, "r.local/mirror/" + image.Key), image.Key));

    IArchive Archive(Dictionary<string, BuiltImage> images) => ArchiveFormats.Open(Write(images));

    string Write(Dictionary<string, BuiltImage> images)
    {
        OciLayout.WriteTar(folder["a.tar"], images);
        return folder["a.tar"];
    }

    static int Find(byte[] bytes, byte[] part) => bytes.AsSpan().IndexOf(part);

    /// <summary>Counts how many blobs are open at once.</summary>
    sealed class CountingStore(IImageStore inner) : IImageStore
    {
        int open;
        int most;

        public int MostOpen => most;

        public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) => inner.ResolveAsync(image, cancellation);

        public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation) => inner.ReadManifestAsync(image, cancellation);

        public async Task<Stream> OpenBlobAsync(Reference repository, Descriptor blob, long offset, CancellationToken cancellation)
        {
            most = Math.Max(most, Interlocked.Increment(ref open));
            await Task.Delay(5, cancellation);
            var content = new MemoryStream();
            await using (var stream = await inner.OpenBlobAsync(repository, blob, offset, cancellation))
                await stream.CopyToAsync(content, cancellation);
            content.Position = 0;
            Interlocked.Decrement(ref open);
            return content;
        }
    }

    /// <summary>Says nothing about the images of one repository.</summary>
    sealed class RefusingTarget(MemoryRegistry inner, string repository) : IImageTarget
    {
        public RegistryTraits Traits => inner.Traits;

        public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) =>
            image.Repository == repository ? throw new ModuleException("DENIED", "cannot look it up") { HttpStatus = 403 } : inner.ResolveAsync(image, cancellation);

        public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation) => inner.ReadManifestAsync(image, cancellation);

        public Task<Stream> OpenBlobAsync(Reference repo, Descriptor blob, long offset, CancellationToken cancellation) => inner.OpenBlobAsync(repo, blob, offset, cancellation);

        public Task<bool> HasBlobAsync(Reference repo, Descriptor blob, CancellationToken cancellation) => inner.HasBlobAsync(repo, blob, cancellation);

        public Task<BlobOutcome> PutBlobAsync(Reference repo, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) =>
            inner.PutBlobAsync(repo, blob, mountFrom, open, cancellation);

        public Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation) => inner.PutManifestAsync(image, manifest, cancellation);

        public Task<IReadOnlyList<string>> ListTagsAsync(Reference repo, CancellationToken cancellation) => inner.ListTagsAsync(repo, cancellation);

        public Task RemoveTagAsync(Reference image, CancellationToken cancellation) => inner.RemoveTagAsync(image, cancellation);
    }

    /// <summary>Says once that a blob is there, and loses it: what a collection of garbage in mid-push looks like.</summary>
    sealed class ForgetfulTarget(MemoryRegistry inner, string repository, Digest digest) : IImageTarget
    {
        bool asked;

        public RegistryTraits Traits => inner.Traits;

        public Task<Descriptor?> ResolveAsync(Reference image, CancellationToken cancellation) => inner.ResolveAsync(image, cancellation);

        public Task<RawManifest?> ReadManifestAsync(Reference image, CancellationToken cancellation) => inner.ReadManifestAsync(image, cancellation);

        public Task<Stream> OpenBlobAsync(Reference repo, Descriptor blob, long offset, CancellationToken cancellation) => inner.OpenBlobAsync(repo, blob, offset, cancellation);

        public async Task<bool> HasBlobAsync(Reference repo, Descriptor blob, CancellationToken cancellation)
        {
            if (!asked && repo.Repository == repository && blob.Digest == digest)
            {
                asked = true;
                return true;
            }

            return await inner.HasBlobAsync(repo, blob, cancellation);
        }

        public Task<BlobOutcome> PutBlobAsync(Reference repo, Descriptor blob, string? mountFrom, Func<CancellationToken, Task<Stream>> open, CancellationToken cancellation) =>
            inner.PutBlobAsync(repo, blob, mountFrom, open, cancellation);

        public Task PutManifestAsync(Reference image, RawManifest manifest, CancellationToken cancellation) => inner.PutManifestAsync(image, manifest, cancellation);

        public Task<IReadOnlyList<string>> ListTagsAsync(Reference repo, CancellationToken cancellation) => inner.ListTagsAsync(repo, cancellation);

        public Task RemoveTagAsync(Reference image, CancellationToken cancellation) => inner.RemoveTagAsync(image, cancellation);
    }
}
