using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry;

public sealed class ReferrersTests : IAsyncLifetime
{
    static readonly BuiltImage Image = ImageBuilder.Image([ImageBuilder.Layer("image")]);
    static readonly BuiltImage Signature = ImageBuilder.Artifact("application/vnd.example.signature", "signed"u8.ToArray(), Image);

    ScriptedServer server = null!;

    public async Task InitializeAsync() => server = await ScriptedServer.Start();

    public async Task DisposeAsync() => await server.DisposeAsync();

    Reference Subject => new Reference(server.Name, "mirror/app").WithDigest(Image.Digest);

    [Fact]
    public async Task Pages_of_the_api_are_followed()
    {
        server.Script = (context, i) => i == 0
            ? ScriptedServer.Answer(context, 200, Page(Image), MediaTypes.OciIndex, ("Link", $"</v2/mirror/app/referrers/{Image.Digest}?last=1>; rel=\"next\""))
            : ScriptedServer.Answer(context, 200, Page(Signature), MediaTypes.OciIndex);
        using var store = Store();

        Assert.Equal([Image.Digest, Signature.Digest], (await store.ListReferrersAsync(Subject, default))!.Select(referrer => referrer.Digest));

        Assert.Equal([$"GET /v2/mirror/app/referrers/{Image.Digest}", $"GET /v2/mirror/app/referrers/{Image.Digest}?last=1"], server.Requests);
    }

    [Theory]
    [InlineData(404, "404 page not found", "text/plain")]
    [InlineData(405, "{}", "application/json")]
    [InlineData(200, "<html></html>", "text/html")]
    public async Task Registries_without_the_api_have_no_list(int status, string body, string type)
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, status, body, type);
        using var store = Store();

        Assert.Null(await store.ListReferrersAsync(Subject, default));
    }

    [Fact]
    public async Task A_registry_that_has_none_has_an_empty_list()
    {
        // Harbor 2.9 answers this for what it does not know.
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, "{}");
        using var store = Store();

        Assert.Empty((await store.ListReferrersAsync(Subject, default))!);
    }

    [Fact]
    public async Task A_list_under_the_tag_grows_and_what_is_no_list_is_left_alone()
    {
        var target = new MemoryRegistry();
        var subject = new Reference("r", "mirror/app").WithDigest(Image.Digest);
        target.Add(Image, "r.local/mirror/app:1");
        target.Add(Signature, "r.local/mirror/app:s");

        Assert.True(await Referrers.ListAsync(target, subject, [Signature.Manifest], default));
        Assert.False(await Referrers.ListAsync(target, subject, [Signature.Manifest], default));
        var listed = Assert.Single(await Referrers.FindAsync(target, subject, default));
        Assert.Equal((Signature.Digest, "application/vnd.example.signature"), (listed.Digest, listed.ArtifactType));

        var other = new Reference("r", "mirror/app").WithDigest(Signature.Digest);
        target.Add(Image, $"r.local/mirror/app:{Referrers.TagOf(Signature.Digest)}");
        Assert.False(await Referrers.ListAsync(target, other, [Signature.Manifest], default));
        Assert.Empty(await Referrers.FindAsync(target, other, default));
    }

    static string Page(BuiltImage image) => $$"""{"schemaVersion":2,"manifests":[{"mediaType":"{{image.Manifest.MediaType}}","digest":"{{image.Digest}}","size":{{image.Manifest.Bytes.Length}}}]}""";

    RegistryStore Store() => new(new RegistryEndpoint("http", "127.0.0.1", server.Port), new ConnectionOptions { Retries = 0 }, new NoCredentials());
}
