using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.MirrorRegistryGo;

namespace Passthrough.Core.Tests.Registry;

/// <summary>"Delivered stays delivered" on a registry that forgets untagged manifests every half minute (registries.md C.2).</summary>
public sealed class CollectingRegistryTests : IAsyncLifetime
{
    const string Upstream = "quay.io/ns/app:v1";
    const string Repository = "mirror/quay.io/ns/app";

    static readonly TimeSpan MoreThanARound = TimeSpan.FromSeconds(35);
    static readonly RegistryTraits Collecting = new() { TagProvesContent = false, DigestProvesContent = false, CollectsUntaggedChildren = true };

    readonly MemoryRegistry source = new();
    readonly BuiltImage image = ImageBuilder.MultiArch("app");
    MirrorRegistryGoFake registry = null!;

    public async Task InitializeAsync()
    {
        registry = await MirrorRegistryGoFake.Start();
        source.Add(image, Upstream);
    }

    public Task DisposeAsync() => registry.DisposeAsync().AsTask();

    [Fact]
    public async Task A_load_that_is_held_between_two_children_still_serves_every_layer_an_hour_later()
    {
        Hold(MoreThanARound, IsManifest);

        await Load(CopyStatus.Loaded);

        await AssertServedAnHourLater(image);
    }

    [Fact]
    public async Task Without_it_the_layers_of_such_a_load_are_lost()
    {
        // One at a time: the second child is put after the first was collected.
        Hold(MoreThanARound, IsManifest);

        await Load(CopyStatus.Loaded, traits: Collecting with { CollectsUntaggedChildren = false });

        registry.Clock.Advance(TimeSpan.FromHours(1.5));
        using var store = Open(Collecting);
        Assert.Equal(image.Digest, (await store.ResolveAsync(Target("v1"), default))?.Digest);
        Assert.False(await store.HasBlobAsync(Target("v1"), image.AllBlobs.First().Descriptor, default));
    }

    [Fact]
    public async Task A_second_load_asks_and_writes_nothing()
    {
        await Load(CopyStatus.Loaded);
        registry.Clock.Advance(TimeSpan.FromDays(1));
        registry.ClearRequests();

        await Load(CopyStatus.Present);

        Assert.Empty(registry.Writes);
        Assert.Single(registry.Requests, request => request.Target.StartsWith($"/v2/{Repository}/tags/list", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("PUT", "/manifests/passthrough-child-")]
    [InlineData("PUT", "/manifests/v1")]
    [InlineData("DELETE", "/manifests/passthrough-child-")]
    public async Task A_run_that_was_killed_leaves_no_tags_after_the_next_one(string method, string route)
    {
        await LoadKilledAt(request => request.Method == method && request.Path.Contains(route, StringComparison.Ordinal));
        Assert.Contains(await Tags(), tag => tag.StartsWith("passthrough-child-", StringComparison.Ordinal));
        registry.Clock.Advance(TimeSpan.FromMinutes(5));

        var report = await Run(image);

        Assert.Contains(report.Outcomes.Single().Status, new[] { CopyStatus.Loaded, CopyStatus.Updated });
        Assert.Equal(["v1"], await Tags());
        await AssertServedAnHourLater(image);
    }

    [Fact]
    public async Task Check_mode_tells_of_tags_that_were_left_and_removes_none()
    {
        await LoadKilledAt(request => request.Method == "DELETE");
        registry.ClearRequests();
        using var store = Open(Collecting);

        var report = await new ImageCopier(source, new ReadOnlyTarget(store), new CopyOptions(), new TransferProgress()).CopyAsync([Item(image)], default);

        Assert.Equal(CopyStatus.Updated, report.Outcomes.Single().Status);
        Assert.Empty(registry.Writes);
    }

    [Fact]
    public async Task Blobs_whose_hour_ended_before_their_manifest_came_are_sent_again()
    {
        // The first manifest that is put finds all blobs gone.
        var isFirst = true;
        registry.Before = call =>
        {
            if (IsManifest(call) && isFirst)
            {
                isFirst = false;
                registry.Clock.Advance(TimeSpan.FromHours(1.1));
            }

            return null;
        };

        await Load(CopyStatus.Loaded);

        Assert.Contains(registry.Requests, request => request is { Method: "PUT", Status: 400 });
        await AssertServedAnHourLater(image);
    }

    [Fact]
    public async Task An_index_of_indexes_is_kept_too()
    {
        var nested = ImageBuilder.Index([image, ImageBuilder.MultiArch("other")]);
        source.Add(nested, "quay.io/ns/app:v2");
        Hold(MoreThanARound, IsManifest);

        await Load(CopyStatus.Loaded, nested, "v2");

        Assert.Equal(["v2"], await Tags());
        await AssertServedAnHourLater(nested, "v2");
    }

    [Fact]
    public async Task A_damaged_mirror_is_found_and_repaired_though_its_tag_and_manifests_answer()
    {
        Hold(MoreThanARound, IsManifest);
        await Load(CopyStatus.Loaded, traits: Collecting with { CollectsUntaggedChildren = false });
        registry.Before = null;
        registry.Clock.Advance(TimeSpan.FromHours(1.5));

        await Load(CopyStatus.Updated);

        await AssertServedAnHourLater(image);
    }

    static bool IsManifest(FakeCall call) => call.Method == "PUT" && call.Path.Contains("/manifests/", StringComparison.Ordinal);

    /// <summary>Lets time pass before each of such requests.</summary>
    void Hold(TimeSpan time, Func<FakeCall, bool> when) => registry.Before = call =>
    {
        if (when(call))
            registry.Clock.Advance(time);
        return null;
    };

    async Task LoadKilledAt(Func<FakeCall, bool> when)
    {
        using var kill = new CancellationTokenSource();
        registry.Done = (call, _) => when(call) ? kill.CancelAsync() : Task.CompletedTask;
        // Nothing that a killed process would still have asked is answered.
        registry.Before = _ => kill.IsCancellationRequested ? FakeAnswer.Empty(503) : null;
        Assert.DoesNotContain((await Run(image, cancellation: kill.Token)).Outcomes, outcome => outcome.IsThere);
        (registry.Done, registry.Before) = (null, null);
    }

    async Task Load(CopyStatus expected, BuiltImage? what = null, string tag = "v1", RegistryTraits? traits = null)
    {
        var outcome = (await Run(what ?? image, tag, traits)).Outcomes.Single();
        Assert.Null(outcome.Error);
        Assert.Equal(expected, outcome.Status);
    }

    async Task<CopyReport> Run(BuiltImage what, string tag = "v1", RegistryTraits? traits = null, CancellationToken cancellation = default)
    {
        using var store = Open(traits ?? Collecting);
        // One manifest at a time, so that a hold stands between any two.
        return await new ImageCopier(source, store, new CopyOptions { Concurrency = 1 }, new TransferProgress()).CopyAsync([Item(what, tag)], cancellation);
    }

    CopyItem Item(BuiltImage what, string tag = "v1") => new(Reference.Parse($"quay.io/ns/app:{tag}"), what.Manifest.Descriptor, Target(tag));

    Reference Target(string tag) => Reference.Parse($"{registry.Name}/{Repository}:{tag}");

    RegistryStore Open(RegistryTraits traits) => new(
        RegistryEndpoint.Parse(registry.Name, scheme: "http"),
        new ConnectionOptions { Retries = 0 },
        new GivenCredential(registry.Name, new Credential { Username = "admin", Password = "Throwaway-Pw1" }),
        traits);

    async Task<IReadOnlyList<string>> Tags()
    {
        using var store = Open(Collecting);
        return await store.ListTagsAsync(Target("v1"), default);
    }

    async Task AssertServedAnHourLater(BuiltImage what, string tag = "v1")
    {
        registry.Before = null;
        registry.Clock.Advance(TimeSpan.FromHours(1.5));
        using var store = Open(Collecting);
        Assert.Equal(what.Digest, (await store.ResolveAsync(Target(tag), default))?.Digest);
        foreach (var manifest in what.Manifests)
            Assert.Equal(manifest.Manifest.Bytes.ToArray(), (await store.ReadManifestAsync(Target(tag).WithDigest(manifest.Digest), default))?.Bytes.ToArray());
        foreach (var blob in what.AllBlobs)
        {
            await using var stream = await store.OpenBlobAsync(Target(tag), blob.Descriptor, 0, default);
            using var bytes = new MemoryStream();
            await stream.CopyToAsync(bytes);
            Assert.True(blob.Bytes.AsSpan().SequenceEqual(bytes.ToArray()), Encoding.UTF8.GetString(bytes.ToArray()));
        }
    }
}
