using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing.Registries;
using Passthrough.Testing.Registries.Harbor;

namespace Passthrough.Core.Tests.Testing.Harbor;

/// <summary>What no recording can show of our Harbor: time, several clients, and our own client against it.</summary>
public sealed class HarborServerTests
{
    [Fact]
    public async Task A_wrong_password_locks_a_user_for_every_client_and_never_a_robot()
    {
        var time = new ManualTime(DateTimeOffset.UtcNow);
        await using var server = await HarborServer.Start(new HarborSettings { LoginLock = TimeSpan.FromMilliseconds(100), Time = time });
        using var http = new HttpClient { BaseAddress = server.Address };

        Assert.Equal(HttpStatusCode.Unauthorized, await Ask("admin", "wrong"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Ask("admin", "Harbor12345"));
        Assert.Equal(HttpStatusCode.Unauthorized, await Ask("robot$nobody", "wrong"));
        time.Advance(TimeSpan.FromMilliseconds(101));
        Assert.Equal(HttpStatusCode.OK, await Ask("admin", "Harbor12345"));

        async Task<HttpStatusCode> Ask(string user, string password)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/v2.0/users/current") { Headers = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"))) } };
            using var response = await http.SendAsync(request);
            return response.StatusCode;
        }
    }

    /// <summary>Why Harbor's trait is one PATCH and an empty PUT: nginx loses a refusal of a large body.</summary>
    [Theory]
    [InlineData(UploadForm.PostPatchPut, 403, "will exceed the configured upper limit of 1.0 MiB")]
    [InlineData(UploadForm.PostThenPut, 502, "page \"502 Bad Gateway\"")]
    public async Task An_upload_over_the_quota_is_told_so_in_Harbors_own_form_alone(UploadForm form, int status, string words)
    {
        await using var server = await HarborServer.Start();
        server.State.AddProject("mirror").Quota = 1024 * 1024;
        var content = new byte[3_000_000];
        var blob = new Descriptor(MediaTypes.OciLayerGzip, Digest.Sha256(content), content.Length);
        using var store = Store(server, new RegistryTraits { Upload = form });

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutBlobAsync(Repository(server), blob, mountFrom: null, _ => Task.FromResult<Stream>(new MemoryStream(content)), CancellationToken.None));

        Assert.Equal(status, fault.HttpStatus);
        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
    }

    /// <summary>Even the same content; so a mirror asks before it pushes.</summary>
    [Fact]
    public async Task An_immutable_tag_takes_nothing_again_and_new_tags_are_taken()
    {
        await using var server = await HarborServer.Start();
        var project = server.State.AddProject("mirror");
        project.Rules.Add(new HarborRule { Id = 1, Json = (Newtonsoft.Json.Linq.JObject)Core.Text.Json.Parse("""{"scope_selectors":{"repository":[{"pattern":"**"}]},"tag_selectors":[{"pattern":"**"}]}""") });
        var manifest = RawManifest.Of(MediaTypes.OciIndex, Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciIndex}}","manifests":[]}"""));
        using var store = Store(server, new RegistryTraits());
        var image = Reference.Parse($"{server.Name}/mirror/a:v1");

        await store.PutManifestAsync(image, manifest, CancellationToken.None);
        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutManifestAsync(image, manifest, CancellationToken.None));

        Assert.Equal(412, fault.HttpStatus);
        Assert.Contains("Failed to process request due to 'a:v1' configured as immutable.", fault.Message, StringComparison.Ordinal);
        Assert.Equal(manifest.Digest, (await store.ResolveAsync(image, CancellationToken.None))!.Digest);
        await store.PutManifestAsync(Reference.Parse($"{server.Name}/mirror/a:v2"), manifest, CancellationToken.None);
    }

    static RegistryStore Store(HarborServer server, RegistryTraits traits) => new(
        RegistryEndpoint.Parse(server.Name, port: null, "http"),
        new ConnectionOptions { Retries = 0 },
        new GivenCredential(server.Name, new Credential { Username = "admin", Password = "Harbor12345" }),
        traits);

    static Reference Repository(HarborServer server) => Reference.Parse($"{server.Name}/mirror/a");
}
