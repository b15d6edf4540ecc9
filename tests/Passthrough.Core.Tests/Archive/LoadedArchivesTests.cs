using Passthrough.Core.Archive;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Archive;

/// <summary>Archives of the real tools, loaded into a real registry and read back by skopeo.</summary>
public sealed class LoadedArchivesTests(LoadedArchivesTests.RealRegistry real) : IClassFixture<LoadedArchivesTests.RealRegistry>
{
    public static TheoryData<string> Files => [.. RecordedArchive.All.Select(archive => archive.File)];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Every_image_that_is_whole_arrives_and_no_other(string file)
    {
        using var archive = RecordedArchive.Of(file).Open();

        await Load(archive, file);
    }

    [Theory]
    [InlineData("oc-mirror-v1-seq1.tar", "oc-mirror-v1-seq2.tar")]
    [InlineData("oc-mirror-v2-4.17-full.tar", "oc-mirror-v2-4.17-differential.tar")]
    public async Task A_differential_arrives_together_with_what_was_before_it(string first, string second)
    {
        using var archive = ArchiveFormats.Open([RecordedArchive.Of(first).Path, RecordedArchive.Of(second).Path], new ArchiveOptions());

        var report = await Load(archive, second + "-both");

        Assert.DoesNotContain(report.Outcomes, outcome => outcome.Status == CopyStatus.Failed);
    }

    [Theory]
    [InlineData("oc-mirror-v1-seq1.tar", "oc-mirror-v1-seq2.tar", 5)]
    [InlineData("oc-mirror-v2-4.17-full.tar", "oc-mirror-v2-4.17-differential.tar", 5)]
    public async Task A_differential_arrives_after_what_was_before_it(string first, string second, int changed)
    {
        var place = NamespaceOf(second) + "-after";
        using (var before = RecordedArchive.Of(first).Open())
            await Load(before, place);
        using var archive = RecordedArchive.Of(second).Open();

        var report = await Copy(archive, Naming(place));

        Assert.DoesNotContain(report.Outcomes, outcome => outcome.Status is CopyStatus.Failed or CopyStatus.Skipped);
        Assert.Equal(changed, report.Outcomes.Count(outcome => outcome.Status == CopyStatus.Loaded));
        foreach (var outcome in report.Outcomes)
            await ReadBack(outcome.Item);
    }

    [Fact]
    public async Task A_differential_alone_says_what_it_lacks_and_sends_nothing_of_it()
    {
        using var archive = RecordedArchive.Of("oc-mirror-v2-4.22-aborted.tar").Open();

        var report = await Load(archive, "aborted-alone");

        Assert.All(report.Outcomes, outcome => Assert.Equal(CopyStatus.Failed, outcome.Status));
        Assert.Equal(0, report.Totals.BlobsUploaded);
    }

    [Fact]
    public async Task What_skopeo_saves_here_and_now_is_read()
    {
        using var folder = new TestFolder("skopeo-archives");
        var multi = ImageBuilder.MultiArch("here", size: 20_000);
        var docker = ImageBuilder.Image([ImageBuilder.Layer("docker", docker: true)], docker: true);
        await real.Registry.Push(multi, "up/multi", "1");
        await real.Registry.Push(docker, "up/docker", "1");
        var from = real.Skopeo.From(real.Registry);
        await real.Skopeo.Copy($"docker://{real.Registry.Name}/up/multi:1", $"oci-archive:{folder["multi.tar"]}:quay.io/up/multi:1", from);
        await real.Skopeo.Copy($"docker://{real.Registry.Name}/up/docker:1", $"oci-archive:{folder["docker.tar"]}:quay.io/up/docker:1", from);
        await real.Skopeo.Copy($"docker://{real.Registry.Name}/up/multi:1", $"oci:{folder["layout"]}:quay.io/up/multi:1", from);
        await real.Skopeo.Copy($"docker://{real.Registry.Name}/up/docker:1", $"oci:{folder["layout"]}:quay.io/up/docker:1", from);
        (await real.Skopeo.Run(["copy", "--quiet", .. from, $"docker://{real.Registry.Name}/up/docker:1", $"docker-archive:{folder["legacy.tar"]}:quay.io/up/docker:1", "--additional-tag", "quay.io/up/docker:stable"])).MustSucceed();
        (await real.Skopeo.Run(["sync", "--all", "--scoped", "--src", "docker", "--src-tls-verify=false", "--dest", "dir", $"{real.Registry.Name}/up/multi", folder["synced"]])).MustSucceed();

        Assert.Equal([("quay.io/up/multi:1", multi.Digest)], await LoadedFrom(folder["multi.tar"], "now-multi"));
        Assert.Equal([("quay.io/up/docker:1", docker.Digest)], await LoadedFrom(folder["docker.tar"], "now-docker"));
        Assert.Equal([("quay.io/up/multi:1", multi.Digest), ("quay.io/up/docker:1", docker.Digest)], await LoadedFrom(folder["layout"], "now-layout"));
        Assert.Equal([($"{real.Registry.Name}/up/multi:1", multi.Digest)], await LoadedFrom(folder["synced"], "now-synced"));
        var legacy = await LoadedFrom(folder["legacy.tar"], "now-legacy");
        Assert.Equal(["quay.io/up/docker:1", "quay.io/up/docker:stable"], legacy.Select(image => image.Name));
        Assert.All(legacy, image => Assert.NotEqual(docker.Digest, image.Digest));
        // The image is the same to those who run it: its configuration, which is its id, and what its layers unpack to.
        var manifest = (ImageManifest)Manifest.Parse(RawManifest.Of(MediaTypes.OciManifest, System.Text.Encoding.UTF8.GetBytes(await real.Skopeo.RawManifest(real.Registry, "now-legacy/quay.io/up/docker:1"))));
        Assert.Equal(docker.Blobs[0].Digest, manifest.Config.Digest);
        Assert.Equal(docker.Blobs[1].DiffId, manifest.Layers.Single().Digest);
    }

    async Task<List<(string Name, Digest Digest)>> LoadedFrom(string path, string place)
    {
        using var archive = ArchiveFormats.Open(path);
        var report = await Load(archive, place);
        return [.. report.Outcomes.Where(outcome => outcome.Status is CopyStatus.Loaded or CopyStatus.Present).Select(outcome => (outcome.Item.Source.ToString(), outcome.Item.Root.Digest))];
    }

    async Task<CopyReport> Load(IArchive archive, string place)
    {
        var expected = new List<bool>();
        foreach (var image in archive.Images.Where(image => image.Reference is not null))
            expected.Add(image.HasManifest && (await ImageParts.Read(archive, image)).IsWhole);

        var report = await Copy(archive, Naming(place));

        var arrived = report.Outcomes.Select(outcome => outcome.Status is CopyStatus.Loaded or CopyStatus.Present).ToList();
        Assert.True(expected.SequenceEqual(arrived), $"{string.Join(' ', arrived)} arrived of {string.Join(' ', expected)}: {string.Join("; ", report.Outcomes.Select(outcome => outcome.Error).OfType<ModuleException>().Select(error => error.Message))}");
        foreach (var outcome in report.Outcomes)
        {
            if (outcome.Status == CopyStatus.Failed)
                Assert.Null(await real.Store.ResolveAsync(outcome.Item.Target, default));
            else
                await ReadBack(outcome.Item);
        }

        return report;
    }

    Task<CopyReport> Copy(IArchive archive, MirrorNaming naming)
    {
        var options = new CopyOptions { ContinueOnError = true, SourceName = archive.Path, SourceHas = archive.Has, OtherHolders = blob => archive.HoldersOf(blob.Digest).Select(naming.Target) };
        var items = archive.Images.Where(image => image.Reference is not null).Select(image => new CopyItem(image.Reference!, image.Root, naming.Target(image.Reference!)));
        return new ImageCopier(archive, real.Store, options, new TransferProgress()).CopyAsync([.. items], default);
    }

    MirrorNaming Naming(string place) => new(RegistryEndpoint.Parse(real.Registry.Name, scheme: "http"), NamespaceOf(place));

    // skopeo checks every digest on the way.
    async Task ReadBack(CopyItem item)
    {
        using var folder = new TestFolder("read-back");
        var target = item.Target.ToString()[(item.Target.Registry.Length + 1)..];
        var raw = await real.Skopeo.RawManifest(real.Registry, target);
        Assert.Equal(item.Root.Digest, Digest.Sha256(System.Text.Encoding.UTF8.GetBytes(raw)));
        await real.Skopeo.Copy($"docker://{real.Registry.Name}/{target}", $"dir:{folder["copy"]}", real.Skopeo.From(real.Registry));
    }

    static string NamespaceOf(string file) => file.Replace("_", "-", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>One for all archives, each in a namespace of its own.</summary>
    public sealed class RealRegistry : IAsyncLifetime, IDisposable
    {
        readonly TestFolder folder = new("loaded-archives");

        public DockerRegistry Registry { get; private set; } = null!;

        public Skopeo Skopeo { get; private set; } = null!;

        public RegistryStore Store { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Registry = await DockerRegistry.Start(folder["registry"]);
            Skopeo = new Skopeo(folder["skopeo"]);
            Store = new RegistryStore(new RegistryEndpoint("http", "127.0.0.1", Registry.Port), new ConnectionOptions(), NoCredentials.Instance);
        }

        public async Task DisposeAsync()
        {
            Store.Dispose();
            await Registry.DisposeAsync();
        }

        public void Dispose() => folder.Dispose();
    }
}
