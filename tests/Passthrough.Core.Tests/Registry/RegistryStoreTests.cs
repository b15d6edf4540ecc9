using Passthrough.Core.Admin;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry;

/// <summary>The store against a real registry, over TLS with a password.</summary>
public sealed class RegistryStoreTests : IAsyncLifetime, IDisposable
{
    readonly TestFolder folder = new("registry-store");
    readonly Pki pki;
    DockerRegistry registry = null!;

    public RegistryStoreTests() => pki = new Pki(folder["pki"]);

    static readonly BuiltImage Image = ImageBuilder.MultiArch("store", size: 300_000);

    public async Task InitializeAsync() =>
        registry = await DockerRegistry.Start(folder["registry"], new DockerRegistrySettings { Pki = pki, Accounts = new Dictionary<string, string> { ["bob"] = "s3cret" } });

    public async Task DisposeAsync() => await registry.DisposeAsync();

    public void Dispose()
    {
        pki.Dispose();
        folder.Dispose();
    }

    RegistryStore Store(string password = "s3cret", UploadForm upload = UploadForm.PostThenPut, Func<ConnectionOptions, ConnectionOptions>? change = null)
    {
        var endpoint = new RegistryEndpoint("https", "127.0.0.1", registry.Port);
        var options = new ConnectionOptions { CaPath = pki.CaFile, Retries = 0 };
        return new RegistryStore(endpoint, change?.Invoke(options) ?? options, new GivenCredential(endpoint.Authority, new Credential { Username = "bob", Password = password }), new RegistryTraits { Upload = upload });
    }

    Reference Name(string repository, string? tag = "v1") => new(registry.Name, repository) { Tag = tag };

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_blob_is_not_taken_for_one_of_another_size(int difference)
    {
        using var store = Store();
        await registry.Push(Image, "team/sized", "v1");
        var blob = Image.AllBlobs.First().Descriptor;

        Assert.True(await store.HasBlobAsync(Name("team/sized"), blob, default));
        var wrong = blob with { Size = blob.Size + difference };
        var error = await Assert.ThrowsAsync<ModuleException>(() => store.HasBlobAsync(Name("team/sized"), wrong, default));

        Assert.Equal(ErrorCodes.DigestMismatch, error.Code);
        Assert.Contains($"has {blob.Size} bytes in {registry.Name}/team/sized, but the manifest says {wrong.Size}", error.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UploadForm.PostThenPut)]
    [InlineData(UploadForm.PostPatchPut)]
    public async Task What_was_put_is_read_back_byte_by_byte(UploadForm form)
    {
        using var store = Store(upload: form);
        var name = Name("mirror/quay.io/team/app");

        foreach (var blob in Image.AllBlobs)
        {
            Assert.False(await store.HasBlobAsync(name, blob.Descriptor, default));
            Assert.Equal(BlobOutcome.Uploaded, await store.PutBlobAsync(name, blob.Descriptor, null, _ => Task.FromResult<Stream>(new MemoryStream(blob.Bytes)), default));
            Assert.True(await store.HasBlobAsync(name, blob.Descriptor, default));
        }

        foreach (var manifest in Image.Manifests)
            await store.PutManifestAsync(name.WithDigest(manifest.Digest), manifest.Manifest, default);
        await store.PutManifestAsync(name, Image.Manifest, default);

        Assert.Equal(Image.Manifest.Descriptor, await store.ResolveAsync(name, default));
        var read = await store.ReadManifestAsync(name, default);
        Assert.Equal(Image.Manifest, read);
        Assert.Equal(Image.Manifest.Bytes.ToArray(), read!.Bytes.ToArray());
        Assert.Equal(["v1"], await store.ListTagsAsync(name, default));
        var layer = Image.AllBlobs.Last();
        Assert.Equal(layer.Bytes, await ReadAll(store, name, layer, 0));
        Assert.Equal(layer.Bytes[100_000..], await ReadAll(store, name, layer, 100_000));
        Assert.Empty(await ReadAll(store, name, layer, layer.Bytes.Length));

        Assert.Equal(BlobOutcome.Mounted, await store.PutBlobAsync(Name("mirror/other"), layer.Descriptor, name.Repository, _ => throw new InvalidOperationException("opened"), default));
        Assert.Equal(layer.Bytes, await ReadAll(store, Name("mirror/other"), layer, 0));
    }

    [Theory]
    [InlineData(UploadForm.PostThenPut)]
    [InlineData(UploadForm.PostPatchPut)]
    public async Task Many_images_are_copied_at_once_and_a_second_copy_writes_nothing(UploadForm form)
    {
        var source = new MemoryRegistry();
        var shared = ImageBuilder.Layer("shared", 500_000);
        var images = Enumerable.Range(0, 6).ToDictionary(i => Reference.Parse($"quay.io/team/app{i}:v1"), i => ImageBuilder.MultiArch($"app{i}", [shared], docker: i % 2 == 0));
        foreach (var (name, image) in images)
            source.Add(image, name.ToString());
        var items = images.Select(image => new CopyItem(image.Key, image.Value.Manifest.Descriptor, Name($"mirror/quay.io/{image.Key.Repository}"))).ToList();
        using var store = Store(upload: form);

        var report = await new ImageCopier(source, store, new CopyOptions { SourceName = "memory" }, new TransferProgress()).CopyAsync(items, default);

        Assert.All(report.Outcomes, outcome => Assert.Equal((CopyStatus.Loaded, null), (outcome.Status, outcome.Error?.Message)));
        foreach (var item in items)
            Assert.Equal(item.Root, await store.ResolveAsync(item.Target, default));
        var requests = await registry.Requests();
        Assert.Equal(images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).Count(), requests.Count(request => request.Method == "PUT" && request.Path.Contains("/uploads/", StringComparison.Ordinal)));

        var mark = await registry.Mark();
        await new ImageCopier(source, store, new CopyOptions { SourceName = "memory" }, new TransferProgress()).CopyAsync(items, default);
        // One for each image and for each manifest below an index.
        Assert.Equal(images.Values.Sum(image => image.Manifests.Count()), (await registry.Requests(mark)).Count);
        Assert.Empty(await registry.Writes(mark));
    }

    [Fact]
    public async Task What_is_not_there_is_no_fault()
    {
        using var store = Store();

        Assert.Null(await store.ResolveAsync(Name("mirror/none"), default));
        Assert.Null(await store.ReadManifestAsync(Name("mirror/none"), default));
        Assert.Empty(await store.ListTagsAsync(Name("mirror/none"), default));
        Assert.False(await store.HasBlobAsync(Name("mirror/none"), Image.AllBlobs.First().Descriptor, default));
    }

    [Fact]
    public async Task The_administration_tells_health_credentials_and_the_right_to_write()
    {
        var account = new Credential { Username = registry.UserName, Password = registry.Password };
        using var connection = new AdminConnection(new RegistryEndpoint("https", "127.0.0.1", registry.Port), new ConnectionOptions { CaPath = pki.CaFile, Retries = 0 }, account, new RegistryTraits());
        var admin = await RegistryProducts.Get("distribution").AdminAsync(connection, default);

        Assert.Equal("healthy", (await admin.HealthAsync(default)).Status);
        Assert.Equal(new SecretCheck(Refusal: null, IsProved: true), await admin.CheckSecretAsync(account, Name("mirror/app"), default));
        Assert.Equal(401, (await admin.CheckSecretAsync(account with { Password = "wrong" }, Name("mirror/app"), default)).Refusal?.HttpStatus);
        var mark = await registry.Mark();
        (await admin.JudgePushAsync(account, Name("mirror/passthrough-probe", null), PushTrial.Always, default)).Require();
        var sent = (await registry.Requests(mark)).Where(request => request.Method != "GET");
        Assert.Equal([("POST", 202), ("DELETE", 204)], sent.Select(request => (request.Method, request.Status)));
    }

    [Fact]
    public async Task A_wrong_password_is_refused_and_sent_once()
    {
        using var store = Store(password: "wrong");
        var mark = await registry.Mark();

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.CheckCredentialsAsync(Name("mirror/app"), default));

        Assert.Equal($"cannot log in to {registry.Name}: {registry.Name} refused user \"bob\": wrong user name or password (401 UNAUTHORIZED: authentication required)", fault.Message);
        Assert.Equal("UNAUTHORIZED", fault.Code);
        Assert.Equal(2, (await registry.Requests(mark)).Count);
    }

    [Fact]
    public async Task Plain_http_to_its_tls_port_is_recognised()
    {
        using var store = new RegistryStore(new RegistryEndpoint("http", "127.0.0.1", registry.Port), new ConnectionOptions { Retries = 0 }, NoCredentials.Instance);

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PingAsync(default));

        Assert.Equal(($"cannot reach the registry http://{registry.Name}: {registry.Name} speaks TLS, and scheme is http", "set scheme: https", ErrorCodes.Tls), (fault.Message, fault.Hint, fault.Code));
    }

    [Fact]
    public async Task A_registry_that_is_down_is_reached_when_it_is_back()
    {
        await registry.Stop();
        using var store = Store(change: options => options with { Retries = 20 });

        var ping = store.PingAsync(default);
        await registry.Restart();

        Assert.True(await ping);
    }

    static async Task<byte[]> ReadAll(RegistryStore store, Reference name, BuiltBlob blob, long offset)
    {
        await using var stream = await store.OpenBlobAsync(name, blob.Descriptor, offset, default);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }
}
