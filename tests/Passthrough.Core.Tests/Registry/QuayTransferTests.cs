using Passthrough.Core.Admin;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Core.Tests.Registry;

/// <summary>Our transfer to Quay (registries.md B.5): tokens for one repository each, uploads in one piece, manifests under their own types.</summary>
public sealed class QuayTransferTests : IAsyncLifetime
{
    const string Repository = "mirror/quay.io/ns/app";

    readonly MemoryRegistry source = new();
    Credential? credential = new() { Username = "init", Password = "Init-Password-1" };
    QuayFake registry = null!;

    public async Task InitializeAsync() => registry = await QuayFake.Start();

    public Task DisposeAsync() => registry.DisposeAsync().AsTask();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_image_of_two_platforms_arrives_unchanged_and_is_sent_once(bool docker)
    {
        var image = ImageBuilder.MultiArch("app", docker: docker);
        source.Add(image, "quay.io/ns/app:v1");

        Assert.Equal(CopyStatus.Loaded, await LoadAsync(image, "v1"));
        registry.ClearRequests();
        Assert.Equal(CopyStatus.Present, await LoadAsync(image, "v1"));

        Assert.Empty(registry.Writes);
        using var store = Open();
        Assert.Equal(image.Digest, (await store.ResolveAsync(Target("v1"), default))?.Digest);
        foreach (var blob in image.AllBlobs)
        {
            await using var stream = await store.OpenBlobAsync(Target("v1"), blob.Descriptor, 0, default);
            using var bytes = new MemoryStream();
            await stream.CopyToAsync(bytes);
            Assert.Equal(blob.Bytes, bytes.ToArray());
        }
    }

    [Fact]
    public async Task An_index_in_an_index_is_refused_before_anything_is_sent()
    {
        var image = ImageBuilder.Index([ImageBuilder.MultiArch("inner")]);
        source.Add(image, "quay.io/ns/app:v1");

        var refused = await Assert.ThrowsAsync<ModuleException>(() => LoadAsync(image, "v1"));

        Assert.Equal("quay.io/ns/app:v1 has an index within its index, which the registry does not take", refused.Message);
        Assert.Empty(registry.Writes);
    }

    [Fact]
    public async Task A_robot_makes_the_repositories_that_it_pushes_and_is_told_where_it_may_not()
    {
        var image = ImageBuilder.MultiArch("app");
        source.Add(image, "quay.io/ns/app:v1");
        registry.AddOrganization("mirror");
        registry.AddOrganization("other");
        registry.AddRobot("mirror", "pusher", isCreator: true);
        credential = new Credential { Username = "mirror+pusher", Password = registry.RobotToken("mirror+pusher") };

        Assert.Equal(CopyStatus.Loaded, await LoadAsync(image, "v1"));
        Assert.Equal(CopyStatus.Present, await LoadAsync(image, "v1"));
        var refused = await Assert.ThrowsAsync<ModuleException>(() => LoadAsync(image, "v1", "other/app"));
        Assert.Equal(401, refused.HttpStatus);

        // Nobody, or a wrong secret, is no sign that something is missing.
        credential = null;
        await Assert.ThrowsAsync<ModuleException>(() => LoadAsync(image, "v2"));
        credential = new Credential { Username = "mirror+pusher", Password = "wrong" };
        await Assert.ThrowsAsync<ModuleException>(() => LoadAsync(image, "v2"));
    }

    [Fact]
    public async Task More_tags_than_a_page_has_are_all_found()
    {
        var image = ImageBuilder.Image([ImageBuilder.Layer("app")]);
        source.Add(image, "quay.io/ns/app:v1");
        await LoadAsync(image, "v1");
        using var store = Open();
        for (var i = 0; i < 110; i++)
            await store.PutManifestAsync(Target($"t{i:000}"), image.Manifest, default);

        Assert.Equal(111, (await store.ListTagsAsync(Target("v1"), default)).Count);
    }

    [Fact]
    public async Task Uploads_are_never_split_nor_tokens_asked_for_two_things_at_once()
    {
        var image = ImageBuilder.MultiArch("app", size: 3_000_000);
        source.Add(image, "quay.io/ns/app:v1");

        await LoadAsync(image, "v1");

        Assert.DoesNotContain(registry.Requests, request => request.Method == "PATCH");
        Assert.All(registry.Requests.Where(request => request.Target.StartsWith("/v2/auth", StringComparison.Ordinal)), request =>
        {
            Assert.Contains($"service={registry.Name.Replace(":", "%3A", StringComparison.Ordinal)}", request.Target.Replace(registry.Name, registry.Name.Replace(":", "%3A", StringComparison.Ordinal), StringComparison.Ordinal), StringComparison.Ordinal);
            Assert.DoesNotContain("delete", request.Target, StringComparison.Ordinal);
            Assert.Equal(200, request.Status);
        });
    }

    async Task<CopyStatus> LoadAsync(BuiltImage image, string tag, string repository = Repository)
    {
        using var store = Open();
        var report = await new ImageCopier(source, store, new CopyOptions(), new TransferProgress()).CopyAsync([new CopyItem(Reference.Parse($"quay.io/ns/app:{tag}"), image.Manifest.Descriptor, Target(tag, repository))], default);
        var outcome = report.Outcomes.Single();
        return outcome.Error is { } error ? throw error : outcome.Status;
    }

    Reference Target(string tag, string repository = Repository) => Reference.Parse($"{registry.Name}/{repository}:{tag}");

    RegistryStore Open() => new(
        RegistryEndpoint.Parse(registry.Name, scheme: "http"),
        new ConnectionOptions { Retries = 0 },
        new GivenCredential(registry.Name, credential),
        RegistryProducts.Get("quay").Traits);
}
