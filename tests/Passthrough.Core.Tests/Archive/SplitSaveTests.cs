using System.Globalization;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Archive;

/// <summary>Archives that are saved in parts.</summary>
public sealed class SplitSaveTests : IDisposable
{
    const string One = "quay.io/a/one:1";
    const string Two = "quay.io/a/two:1";
    const int PartSize = 100_000;

    static readonly BuiltBlob Shared = ImageBuilder.Layer("shared", 250_000);
    static readonly BuiltImage OneImage = ImageBuilder.MultiArch("one", [Shared], 60_000);
    static readonly BuiltImage TwoImage = ImageBuilder.Image([Shared, ImageBuilder.Layer("two", 90_000)]);

    readonly TestFolder folder = new("split-save");
    readonly MemoryRegistry upstream = new();

    public SplitSaveTests()
    {
        upstream.Add(OneImage, One);
        upstream.Add(TwoImage, Two);
    }

    string Path => folder["set.tar"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(PartSize)]
    [InlineData(10_000_000)]
    public async Task Parts_joined_are_the_archive_that_would_be_one_file(int partSize)
    {
        var whole = await Whole(remove: true);

        var report = await Save(partSize);

        Assert.Equal(whole, Joined());
        Assert.All(Parts().SkipLast(1), part => Assert.Equal(partSize, new FileInfo(part).Length));
        Assert.Equal(Parts().Select(System.IO.Path.GetFileName), report.Parts.Select(part => part.Name));
        Assert.Equal(0, (await Command.Run(["sha256sum", "-c", "--quiet", "set.tar.sha256"], new CommandSettings { WorkingDirectory = folder.Path })).ExitCode);
        Assert.False(File.Exists(Path));
        AssertNoLitter();
    }

    [Fact]
    public async Task A_second_run_changes_nothing()
    {
        var first = await Save(PartSize);
        upstream.ClearRequests();

        var second = await Save(PartSize);

        Assert.False(second.Changed);
        Assert.Equal(first.Parts.AsEnumerable(), second.Parts.AsEnumerable());
        Assert.All(upstream.Requests, request => Assert.StartsWith("HEAD ", request, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_part_size_cuts_anew_and_fetches_nothing()
    {
        var whole = await Whole(remove: false);
        foreach (var size in new int?[] { PartSize, 30_000, null, 200_000 })
        {
            upstream.ClearRequests();

            var report = await Save(size);

            Assert.True(report.Changed);
            Assert.DoesNotContain(upstream.Requests, request => request.StartsWith("GET blob", StringComparison.Ordinal));
            Assert.Equal(whole, size is null ? await File.ReadAllBytesAsync(Path) : Joined());
            Assert.Equal(size is null, File.Exists(Path));
            Assert.Equal(size is null ? 0 : (whole.Length + size.Value - 1) / size.Value, Parts().Count);
            AssertNoLitter();
        }
    }

    [Fact]
    public async Task An_interrupted_run_is_gone_on_with()
    {
        var whole = await Whole(remove: true);
        await Interrupt();
        Assert.Empty(Parts());
        upstream.ClearRequests();

        var report = await Save(PartSize);

        Assert.True(report.BytesReused > 0);
        Assert.Equal(whole, Joined());
        AssertNoLitter();
    }

    [Fact]
    public async Task What_another_part_size_has_left_is_removed()
    {
        await Interrupt();

        await Save(partSize: null);

        AssertNoLitter();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Killed_between_the_first_and_the_last_name_it_is_finished(int named)
    {
        var whole = await Whole(remove: true);
        await Interrupt();
        File.Copy(Path + ".partial.journal", folder["journal"]);
        await Save(PartSize);
        // Names are given from the last part to the first.
        File.Move(folder["journal"], Path + ".partial.journal");
        File.Delete(Path + ".manifest.json");
        File.Delete(Path + ".sha256");
        foreach (var part in Parts().SkipLast(named))
            File.Move(part, part + ".partial");

        await Save(PartSize);

        Assert.Equal(whole, Joined());
        AssertNoLitter();
    }

    [Fact]
    public async Task Parts_of_two_archives_are_never_taken_for_one()
    {
        await Save(PartSize, One);
        var first = Parts().ToDictionary(part => part, File.ReadAllBytes);
        await Save(PartSize, Two);
        var whole = Joined();
        // As if a run that replaces the one with the other had been killed: the first part is old, and so is the sidecar, or there is none.
        await File.WriteAllBytesAsync(Parts()[0], first[Parts()[0]]);
        File.Delete(Path + ".manifest.json");
        File.Delete(Path + ".sha256");
        File.WriteAllText(Path + ".partial.journal", "of another plan");

        Assert.True((await Save(PartSize, One)).Changed);
        Assert.Equal(first.Values.SelectMany(bytes => bytes), Joined());
        await Save(PartSize, Two);
        Assert.Equal(whole, Joined());
    }

    [Fact]
    public async Task Images_that_fail_are_not_in_the_parts()
    {
        await Save(PartSize, One);
        var alone = Joined();
        foreach (var part in Parts())
            File.Delete(part);
        File.Delete(Path + ".manifest.json");
        upstream.OnOpen = (blob, _, stream) => blob.Size is > 80_000 and < 100_000 ? throw new ModuleException("DENIED", "no") { HttpStatus = 403 } : stream;

        var report = await Save(30_000, continueOnError: true, One, Two);

        Assert.Single(report.Failed);
        Assert.Equal(alone, Joined());
        AssertNoLitter();
    }

    [Fact]
    public async Task Too_many_parts_are_refused_with_the_least_size()
    {
        var whole = await Whole(remove: true);

        var error = await Assert.ThrowsAsync<ModuleException>(() => Save(256));

        Assert.Equal($"the archive has {whole.Length} bytes: with part_size=256 that is more than 1000 parts", error.Message);
        await Save(int.Parse(error.Hint!.Split(' ')[3], CultureInfo.InvariantCulture));
        Assert.Equal(whole, Joined());
    }

    [Fact]
    public async Task Parts_that_are_not_ours_are_not_overwritten()
    {
        File.WriteAllText(Path + ".000", "notes");
        File.WriteAllText(Path + ".001", "more notes");

        var error = await Assert.ThrowsAsync<ModuleException>(() => Save(PartSize));

        Assert.Contains("exists and is no archive of this module", error.Message, StringComparison.Ordinal);
        Assert.Equal("notes", File.ReadAllText(Path + ".000"));
    }

    Task<SaveReport> Save(int? partSize, params string[] images) => Save(partSize, continueOnError: false, images);

    Task<SaveReport> Save(int? partSize, bool continueOnError, params string[] images) => Save(partSize, continueOnError, default, images);

    Task<SaveReport> Save(int? partSize, bool continueOnError, CancellationToken cancellation, params string[] images) =>
        new ArchiveSaver(upstream,
            new SaveOptions
            {
                MayLoseImages = true,
                PartSize = partSize,
                ContinueOnError = continueOnError,
                Concurrency = continueOnError
                || cancellation.CanBeCanceled ? 1 : 4
            }, new TransferProgress(), TimeProvider.System)
            .SaveAsync([.. (images.Length == 0 ? [One, Two] : images).Select(image => new ImageRequest(Reference.Parse(image)))], Path, checkMode: false, cancellation);

    /// <summary>The bytes of the archive as one file.</summary>
    async Task<byte[]> Whole(bool remove)
    {
        await Save(partSize: null);
        var bytes = await File.ReadAllBytesAsync(Path);
        foreach (var file in remove ? Directory.GetFiles(folder.Path) : [])
            File.Delete(file);
        return bytes;
    }

    async Task Interrupt()
    {
        using var stop = new CancellationTokenSource();
        upstream.OnOpen = (blob, _, stream) =>
        {
            if (blob.Size is > 80_000 and < 100_000)
                stop.Cancel();
            return stream;
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Save(PartSize, continueOnError: false, stop.Token));
        upstream.OnOpen = null;
    }

    List<string> Parts() => [.. Directory.GetFiles(folder.Path).Where(file => file.Length == Path.Length + 4 && char.IsDigit(file[^1])).Order(StringComparer.Ordinal)];

    byte[] Joined() => [.. Parts().SelectMany(File.ReadAllBytes)];

    void AssertNoLitter() =>
        Assert.All(Directory.GetFiles(folder.Path).Select(System.IO.Path.GetFileName), name => Assert.Matches(@"^set\.tar(\.\d{3}|\.manifest\.json|\.sha256)?$", name!));
}
