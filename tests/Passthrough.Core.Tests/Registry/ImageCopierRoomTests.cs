using System.Globalization;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry;

/// <summary>Room in the target is asked for where something is to be uploaded, once for each namespace, and what is there already needs none.</summary>
public sealed class ImageCopierRoomTests
{
    // More than are pushed side by side, so that not all are asked for anyway.
    const int Count = 12;

    readonly MemoryRegistry source = new();
    readonly MemoryRegistry target = new();
    readonly Dictionary<string, BuiltImage> images = Enumerable.Range(0, Count).ToDictionary(
        i => string.Create(CultureInfo.InvariantCulture, $"quay.io/team/app{i}:v1"),
        i => ImageBuilder.Image([ImageBuilder.Layer(string.Create(CultureInfo.InvariantCulture, $"app {i}"), 10_000)]),
        StringComparer.Ordinal);

    public ImageCopierRoomTests()
    {
        foreach (var (name, image) in images)
            source.Add(image, name);
    }

    long Needed => images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Sum(blob => blob.Bytes.LongLength);

    [Fact]
    public async Task What_does_not_fit_is_told_and_nothing_is_sent()
    {
        var room = new Room(Needed - 1);

        var refused = await Assert.ThrowsAsync<ModuleException>(() => Copy(room));

        Assert.Equal($"mirror: {Needed} into {Needed - 1}", refused.Message);
        Assert.Equal(["mirror"], room.Asked);
        Assert.Empty(target.Writes);
    }

    [Fact]
    public async Task What_just_fits_is_sent()
    {
        var room = new Room(Needed);

        Assert.All((await Copy(room)).Outcomes, outcome => Assert.Equal(CopyStatus.Loaded, outcome.Status));

        Assert.Equal(["mirror"], room.Asked);
    }

    [Fact]
    public async Task What_every_repository_has_without_its_tag_needs_no_room()
    {
        await Copy(room: null);
        foreach (var name in images.Keys)
            await target.RemoveTagAsync(Target(name, "mirror"), default);

        // One byte would be too much.
        Assert.All((await Copy(new Room(0))).Outcomes, outcome => Assert.Equal(CopyStatus.Loaded, outcome.Status));
    }

    [Fact]
    public async Task What_is_all_there_is_not_asked_for()
    {
        await Copy(room: null);
        var room = new Room(0);

        Assert.All((await Copy(room)).Outcomes, outcome => Assert.Equal(CopyStatus.Present, outcome.Status));

        Assert.Empty(room.Asked);
    }

    [Fact]
    public async Task What_another_namespace_has_is_mounted_and_counts_here()
    {
        await Copy(room: null);
        var room = new Room(0);

        var items = images.Select(image => Item(image.Key, "mirror")).Concat(images.Select(image => Item(image.Key, "second")));
        var refused = await Assert.ThrowsAsync<ModuleException>(() => Copy(room, [.. items]));

        Assert.Equal($"second: {Needed} into 0", refused.Message);
        Assert.Equal(["second"], room.Asked);
    }

    [Fact]
    public async Task A_registry_that_does_not_tell_is_pushed_to()
    {
        Assert.All((await Copy(new Room(null))).Outcomes, outcome => Assert.Equal(CopyStatus.Loaded, outcome.Status));
    }

    Task<CopyReport> Copy(Room? room, params CopyItem[] items) =>
        new ImageCopier(source, target, new CopyOptions { Concurrency = 1, Room = room }, new TransferProgress()).CopyAsync(items.Length > 0 ? items : [.. images.Keys.Select(name => Item(name, "mirror"))], default);

    CopyItem Item(string name, string @namespace) => new(Reference.Parse(name), images[name].Manifest.Descriptor, Target(name, @namespace));

    static Reference Target(string name, string @namespace) => Reference.Parse($"registry.example.com/{@namespace}/{name}");

    sealed class Room(long? free) : ITargetRoom
    {
        public List<string> Asked { get; } = [];

        public Task<FreeRoom?> AskAsync(string @namespace, CancellationToken cancellation)
        {
            Asked.Add(@namespace);
            return Task.FromResult(free is null ? null : new FreeRoom(@namespace, free.Value + 10, 10));
        }

        public ModuleException TooSmall(FreeRoom room, long needed) => new(ErrorCodes.DiskFull, $"{room.Place}: {needed} into {room.Bytes}");
    }
}
