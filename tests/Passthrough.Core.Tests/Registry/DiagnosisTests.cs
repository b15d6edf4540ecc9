using System.Text;
using Passthrough.Core.Admin;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Registry;

/// <summary>The cause before the remedy: who answered, whether anything was sent that could be wrong, and what helps on this product or
/// for an upstream.</summary>
public sealed class DiagnosisTests : IAsyncLifetime
{
    static readonly byte[] Bytes = Encoding.UTF8.GetBytes(new string('x', 100_000));
    static readonly Descriptor Blob = new("application/octet-stream", Digest.Sha256(Bytes), Bytes.Length);
    static readonly Credential Bob = new() { Username = "bob", Password = "s3cret-of-bob" };

    ScriptedServer server = null!;

    public async Task InitializeAsync() => server = await ScriptedServer.Start();

    public async Task DisposeAsync() => await server.DisposeAsync();

    RegistryStore Store(Credential? credential = null, string? product = null, int retries = 0)
    {
        var endpoint = new RegistryEndpoint("http", "127.0.0.1", server.Port);
        var options = new ConnectionOptions { Retries = retries, Timeout = TimeSpan.FromSeconds(20) };
        return new RegistryStore(endpoint, options, new GivenCredential(endpoint.Authority, credential),
            product is null ? null : RegistryProducts.Get(product).Traits, random: () => 0);
    }

    Reference Name => new(server.Name, "mirror/app") { Tag = "v1" };

    static Task<Stream> Open(CancellationToken cancellation) => Task.FromResult<Stream>(new MemoryStream(Bytes));

    async Task<ModuleException> Fails(RegistryStore store, Func<RegistryStore, Task> work)
    {
        using (store)
            return await Assert.ThrowsAsync<ModuleException>(() => work(store));
    }

    [Theory]
    [InlineData("NTLM", "wants NTLM authentication")]
    [InlineData("Negotiate", "wants Negotiate authentication")]
    [InlineData("Digest realm=\"r\", nonce=\"n\"", "wants Digest authentication")]
    [InlineData("Negotiate, NTLM", "wants Negotiate or NTLM authentication")]
    [InlineData("Bearer service=\"registry\"", "does not name its token service")]
    [InlineData("", "without saying how to log in")]
    public async Task Who_wants_what_was_never_sent_does_not_hear_of_a_wrong_password(string challenge, string says)
    {
        server.Ping = context =>
            ScriptedServer.Answer(context, 401, "", headers: challenge.Length == 0 ? [] : [("WWW-Authenticate", challenge)]);

        var fault = await Fails(Store(Bob), store => store.CheckCredentialsAsync(Name, default));

        Assert.Contains(says, fault.Message, StringComparison.Ordinal);
        Assert.Contains("no password was sent", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong user name or password", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("correct username", fault.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("harbor", 403, "DENIED", "The system is in read only mode. Any modification is prohibited.", "read-only mode")]
    [InlineData("harbor", 403, "DENIED",
        "adding 2.9 MiB of storage resource, which when updated to current usage of 17.2 MiB will exceed the configured upper limit "
            + "of 19.1 MiB.", "raise quota")]
    [InlineData("harbor", 403, "DENIED", "denied: can not push artifact to a proxy project: cache", "proxy cache")]
    [InlineData("harbor", 412, "PRECONDITION", "Failed to process request due to 'a:v1' configured as immutable.", "immutable_tags: false")]
    [InlineData("harbor", 500, "UNKNOWN", "filesystem: write /storage/x: no space left on device", "storage is full")]
    [InlineData("quay", 403, "DENIED", "Quota has been exceeded on namespace", "quota is used up")]
    [InlineData("quay", 405, "DENIED",
        "System is currently read-only. Pulls will succeed but all write operations are currently suspended.", "REGISTRY_STATE: normal")]
    [InlineData("quay", 409, "TAG_IMMUTABLE", "tag is immutable", "remove the immutability policy")]
    [InlineData("distribution", 405, "UNSUPPORTED", "The operation is unsupported.", "storage.maintenance.readonly")]
    [InlineData("distribution", 500, "UNKNOWN", "write /var/lib/registry: disk quota exceeded", "storage is full")]
    [InlineData("distribution", 500, "UNKNOWN", "mkdir /var/lib/registry/docker: read-only file system", "mounted read-only")]
    public async Task The_registrys_own_reason_decides_on_the_remedy(string product, int status, string code, string words, string remedy)
    {
        server.Script = (context, _) => ScriptedServer.Error(context, status, code, words);

        var fault = await Fails(Store(Bob, product, retries: 2), store =>
            store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default));

        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, fault.Hint, StringComparison.Ordinal);
        Assert.DoesNotContain("give user", fault.Hint, StringComparison.Ordinal);
        // None of these is another answer a moment later.
        Assert.Single(server.Requests, request => request.StartsWith("PUT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_immutable_tag_of_Quay_is_not_answered_with_a_parameter_that_its_type_refuses()
    {
        server.Script = (context, _) => ScriptedServer.Error(context, 409, "TAG_IMMUTABLE", "tag v1 is immutable");

        var fault = await Fails(Store(Bob, "quay"), store =>
            store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default));

        Assert.DoesNotContain("immutable_tags", fault.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("The image is not signed by cosign.", "switch Cosign off")]
    [InlineData("current image with 3 vulnerabilities cannot be pulled due to configured policy", "vulnerable images")]
    public async Task The_reason_for_412_is_asked_for_with_GET(string words, string remedy)
    {
        server.Script = (context, _) => context.Request.Method == "HEAD"
            ? ScriptedServer.Answer(context, 412, "")
            : ScriptedServer.Error(context, 412, "PROJECTPOLICYVIOLATION", words);

        var fault = await Fails(Store(Bob, "harbor"), store => store.ResolveAsync(Name, default));

        Assert.Contains(words[..20], fault.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, fault.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("api/v2.0/health")]
    [InlineData("api/v2.0/systeminfo")]
    public async Task The_health_of_Harbor_is_asked_before_an_account_is_blamed(string tells)
    {
        server.Script = (context, _) => context.Request.Path.Value switch
        {
            "/api/v2.0/systeminfo" =>
                ScriptedServer.Answer(context, tells.EndsWith("systeminfo", StringComparison.Ordinal) ? 500 : 200, "{}"),
            "/api/v2.0/health" => ScriptedServer.Answer(context, 200, """{"components":[{"name":"database","status":"unhealthy"}]}"""),
            _ => ScriptedServer.Answer(context, 401, """{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized"}]}""",
                "application/json", ("WWW-Authenticate", "Basic realm=\"harbor\"")),
        };

        var fault = await Fails(Store(Bob, "harbor"), store => store.ResolveAsync(Name, default));

        Assert.Contains("unhealthy", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("bob", fault.Message + fault.Hint, StringComparison.Ordinal);
        Assert.DoesNotContain("right", fault.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_healthy_Harbor_the_account_is_named_as_before()
    {
        server.Script = (context, _) => context.Request.Path.Value switch
        {
            "/api/v2.0/systeminfo" => ScriptedServer.Answer(context, 200, "{}"),
            "/api/v2.0/health" => ScriptedServer.Answer(context, 200,
                """{"status":"healthy","components":[{"name":"database","status":"healthy"}]}"""),
            _ => ScriptedServer.Answer(context, 401, "", "application/json", ("WWW-Authenticate", "Basic realm=\"harbor\"")),
        };

        Assert.Contains("refused user \"bob\"", (await Fails(Store(Bob, "harbor"), store => store.ResolveAsync(Name, default))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(307)]
    [InlineData(308)]
    public async Task A_write_follows_a_redirection_within_the_registry(int status)
    {
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.Path.Value!.EndsWith("/moved", StringComparison.Ordinal)
                ? ScriptedServer.Answer(context, context.Request.Method == "POST" ? 202 : 201, "",
                    headers: ("Location", "/v2/mirror/app/blobs/uploads/7"))
                : ScriptedServer.Answer(context, status, "", headers: ("Location", context.Request.Path + "/moved")));
        };
        using var store = Store();

        await store.PutBlobAsync(Name, Blob, null, Open, default);
        await store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default);

        Assert.Equal(["POST", "POST", "PUT", "PUT", "PUT", "PUT"], server.Requests.Select(request => request.Split(' ')[0]));
    }

    [Theory]
    [InlineData("http://other.example.com/v2/mirror/app/manifests/v1", "other.example.com")]
    [InlineData("https://127.0.0.1:1/v2/mirror/app/manifests/v1", "https://127.0.0.1:1")]
    public async Task A_write_to_another_origin_is_refused_and_the_origin_named(string location, string named)
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 307, "", headers: ("Location", location));

        var fault = await Fails(Store(Bob), store =>
            store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default));

        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(501)]
    public async Task A_mount_that_the_registry_trips_over_becomes_an_upload(int status)
    {
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.QueryString.Value!.Contains("mount=", StringComparison.Ordinal)
                ? ScriptedServer.Error(context, status, "UNKNOWN", "unknown error")
                : ScriptedServer.Answer(context, context.Request.Method == "POST" ? 202 : 201, "", headers: ("Location", "/upload/1")));
        };
        using var store = Store(retries: 3);

        Assert.Equal(BlobOutcome.Uploaded, await store.PutBlobAsync(Name, Blob, "mirror/other", Open, default));
    }

    [Theory]
    [InlineData(403)]
    [InlineData(500)]
    public async Task A_failed_upload_is_cancelled(int status)
    {
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.Method switch
            {
                "POST" => ScriptedServer.Answer(context, 202, "", headers: ("Location", "/v2/mirror/app/blobs/uploads/1")),
                "DELETE" => ScriptedServer.Answer(context, 204, ""),
                _ => ScriptedServer.Error(context, status, "UNKNOWN", "no space left on device"),
            });
        };

        await Fails(Store(), store => store.PutBlobAsync(Name, Blob, null, Open, default));

        Assert.Equal("DELETE /v2/mirror/app/blobs/uploads/1", server.Requests[^1]);
    }

    [Fact]
    public async Task An_upload_that_is_given_up_is_cancelled_too()
    {
        using var stop = new CancellationTokenSource();
        server.Script = async (context, _) =>
        {
            if (context.Request.Method == "PUT")
            {
                await context.Request.Body.ReadExactlyAsync(new byte[1000]);
                await stop.CancelAsync();
                await Task.Delay(TimeSpan.FromSeconds(1));
            }

            await ScriptedServer.Answer(context, context.Request.Method == "POST" ? 202 : 204, "",
                headers: ("Location", "/v2/mirror/app/blobs/uploads/1"));
        };
        using var store = Store();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.PutBlobAsync(Name, Blob, null, Open, stop.Token));

        Assert.Contains("DELETE /v2/mirror/app/blobs/uploads/1", server.Requests);
    }

    [Theory]
    [InlineData("http://sso.invalid/login", "redirected to sso.invalid")]
    [InlineData("http://127.0.0.1:1/oauth", "redirected to 127.0.0.1:1")]
    public async Task A_host_that_the_registry_redirects_to_is_not_the_users_registry_host(string location, string says)
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 302, "", headers: ("Location", location));

        var fault = await Fails(Store(Bob), store => store.ReadManifestAsync(Name, default));

        Assert.Contains($"{server.Name} {says}", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("registry_host", fault.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(413, true)]
    [InlineData(502, true)]
    public async Task A_413_of_Quay_after_a_worker_died_is_tried_again(int status, bool passes)
    {
        var bodies = 0;
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.Method switch
            {
                "POST" => ScriptedServer.Answer(context, 202, "", headers: ("Location", "/v2/mirror/app/blobs/uploads/1")),
                "PUT" when ++bodies == 1 =>
                    ScriptedServer.Answer(context, status, "<html><head><title>413 Request Entity Too Large</title></head></html>",
                        "text/html"),
                "GET" => ScriptedServer.Answer(context, 200, """{"data":{"services":{"auth":true}}}"""),
                _ => ScriptedServer.Answer(context, 201, ""),
            });
        };
        using var store = Store(Bob, "quay", retries: 5);

        Assert.Equal(passes, await store.PutBlobAsync(Name, Blob, null, Open, default) == BlobOutcome.Uploaded);
        Assert.Equal(2, bodies);
    }

    [Fact]
    public async Task A_413_where_as_much_passed_before_is_tried_again_on_any_registry_and_a_limit_is_not()
    {
        var bodies = 0;
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.Method switch
            {
                "POST" => ScriptedServer.Answer(context, 202, "", headers: ("Location", "/v2/mirror/app/blobs/uploads/1")),
                "PUT" when ++bodies is 2 or > 3 => ScriptedServer.Answer(context, 413, "too large", "text/plain"),
                _ => ScriptedServer.Answer(context, 201, ""),
            });
        };
        using var store = Store(Bob, retries: 3);

        await store.PutBlobAsync(Name, Blob, null, Open, default);
        await store.PutBlobAsync(Name, Blob, null, Open, default);
        Assert.Equal(3, bodies);
        var larger = new byte[Bytes.Length + 1];
        await Assert.ThrowsAsync<ModuleException>(() =>
            store.PutBlobAsync(Name, new Descriptor("x/y", Digest.Sha256(larger), larger.Length), null, _ =>
                Task.FromResult<Stream>(new MemoryStream(larger)), default));
        Assert.Equal(4, bodies);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("x-gzip")]
    public async Task An_encoding_that_nobody_asked_for_is_undone(string encoding)
    {
        var manifest = Encoding.UTF8.GetBytes("""{"schemaVersion":2}""" + new string(' ', 3000));
        server.Script = async (context, _) =>
        {
            var isBlob = context.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal);
            using var packed = new MemoryStream();
            await using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest,
                leaveOpen: true))
                await gzip.WriteAsync(isBlob ? Bytes : manifest);
            context.Response.Headers.ContentEncoding = encoding;
            context.Response.ContentType = isBlob ? "application/octet-stream" : MediaTypes.OciManifest;
            context.Response.ContentLength = packed.Length;
            if (context.Request.Method == "GET")
                await context.Response.Body.WriteAsync(packed.ToArray());
        };
        using var store = Store();

        Assert.Equal(Digest.Sha256(manifest), (await store.ReadManifestAsync(Name, default))!.Digest);
        Assert.Equal(manifest.Length, (await store.ResolveAsync(Name.WithDigest(Digest.Sha256(manifest)), default))!.Size);
        await using var blob = await store.OpenBlobAsync(Name, Blob, 40_000, default);
        using var read = new MemoryStream();
        await blob.CopyToAsync(read);
        Assert.Equal(Bytes[40_000..], read.ToArray());
    }

    [Fact]
    public async Task Bodies_are_asked_for_as_they_are()
    {
        var seen = "";
        server.Script = (context, _) =>
        {
            seen = context.Request.Headers.AcceptEncoding.ToString();
            return ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        };
        using var store = Store();

        await store.ReadManifestAsync(Name, default);

        Assert.Equal("identity", seen);
    }

    [Theory]
    [InlineData(95_000, 1)]
    [InlineData(30_000, 3)]
    public async Task A_layer_that_is_cut_goes_on_where_it_was(int at, int cuts)
    {
        var served = 0L;
        server.Script = async (context, number) =>
        {
            var from = context.Request.Headers.Range.ToString() is { Length: > 0 } range
                ? int.Parse(range["bytes=".Length..^1], System.Globalization.CultureInfo.InvariantCulture) : 0;
            context.Response.StatusCode = from > 0 ? 206 : 200;
            if (from > 0)
                context.Response.Headers.ContentRange = $"bytes {from}-{Bytes.Length - 1}/{Bytes.Length}";
            context.Response.ContentLength = Bytes.Length - from;
            var count = number < cuts ? Math.Min(at, Bytes.Length - from) : Bytes.Length - from;
            served += count;
            await context.Response.Body.WriteAsync(Bytes.AsMemory(from, count));
            await context.Response.Body.FlushAsync();
            if (from + count < Bytes.Length)
            {
                await Task.Delay(100);
                context.Abort();
            }
        };
        using var store = Store(retries: 2);

        await using var blob = new DigestCheckedStream(await store.OpenBlobAsync(Name, Blob, 0, default), Blob, "test");
        await blob.CopyToAsync(Stream.Null);

        Assert.True(blob.IsComplete);
        Assert.True(served <= Bytes.Length, $"{served} bytes were served");
    }
}
