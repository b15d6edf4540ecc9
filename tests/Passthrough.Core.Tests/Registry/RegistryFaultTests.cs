using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Registry;

/// <summary>What the store makes of registries that fail, lie or stall; every sentence as the user reads it.</summary>
public sealed class RegistryFaultTests : IAsyncLifetime
{
    static readonly byte[] Bytes = Encoding.UTF8.GetBytes(new string('x', 100_000));
    static readonly Descriptor Blob = new("application/octet-stream", Digest.Sha256(Bytes), Bytes.Length);

    ScriptedServer server = null!;

    public async Task InitializeAsync() => server = await ScriptedServer.Start();

    public async Task DisposeAsync() => await server.DisposeAsync();

    RegistryStore Store(int retries = 0, Credential? credential = null, Func<ConnectionOptions, ConnectionOptions>? change = null, RegistryTraits? traits = null)
    {
        var endpoint = new RegistryEndpoint("http", "127.0.0.1", server.Port);
        var options = new ConnectionOptions { Retries = retries, Timeout = TimeSpan.FromSeconds(20) };
        return new RegistryStore(endpoint, change?.Invoke(options) ?? options, new GivenCredential(endpoint.Authority, credential), traits, random: () => 0);
    }

    static readonly Credential Bob = new() { Username = "bob", Password = "s3cret" };

    Reference Name => new(server.Name, "mirror/app") { Tag = "v1" };

    async Task<ModuleException> Fails(Func<RegistryStore, Task> work, RegistryStore? store = null)
    {
        using var own = store ?? Store();
        var fault = await Assert.ThrowsAsync<ModuleException>(() => work(own));
        Assert.DoesNotContain('\n', fault.Message);
        return fault;
    }

    string Says(ModuleException fault) => fault.Message.Replace(server.Name, "HOST", StringComparison.Ordinal).Replace(Blob.Digest.ToString(), "DIGEST", StringComparison.Ordinal);

    static Task<Stream> Open(CancellationToken cancellation) => Task.FromResult<Stream>(new MemoryStream(Bytes));

    Task Put(RegistryStore store) => store.PutBlobAsync(Name, Blob, null, Open, default);

    [Fact]
    public async Task A_refusal_is_told_with_the_registrys_code_and_words()
    {
        server.Script = (context, _) => ScriptedServer.Error(context, 403, "DENIED", "requested access to the resource is denied");

        var fault = await Fails(store => store.ReadManifestAsync(Name, default), Store(credential: Bob));

        Assert.Equal("cannot read the manifest of HOST/mirror/app:v1: HOST answered 403 DENIED: requested access to the resource is denied", Says(fault));
        Assert.Equal(("DENIED", 403), (fault.Code, fault.HttpStatus));
        Assert.Equal("give user \"bob\" the right to do this on the registry", fault.Hint);
        Assert.Equal(Name.ToString(), fault.Image);
    }

    [Fact]
    public async Task An_unknown_repository_keeps_its_code_on_a_push()
    {
        var fault = await Fails(store => store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default));

        Assert.Equal("cannot push HOST/mirror/app:v1: HOST answered 404 NAME_UNKNOWN: repository name not known to registry", Says(fault));
        Assert.Equal("NAME_UNKNOWN", fault.Code);
    }

    [Fact]
    public async Task A_page_of_a_proxy_is_quoted_by_its_title()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 502, "<html><head><title>502 Bad\n Gateway</title></head><body><h1>nginx</h1></body></html>", "text/html");

        var fault = await Fails(store => store.ReadManifestAsync(Name, default));

        Assert.Equal("cannot read the manifest of HOST/mirror/app:v1: HOST answered 502 Bad Gateway: page \"502 Bad Gateway\"", Says(fault));
        Assert.Equal(ErrorCodes.Server, fault.Code);
    }

    [Fact]
    public async Task A_portal_in_the_registrys_place_is_no_registry()
    {
        server.Ping = context => ScriptedServer.Answer(context, 200, "<html><title>Welcome to Guest WiFi</title></html>", "text/html");

        var fault = await Fails(store => store.ResolveAsync(Name, default));

        Assert.Equal("cannot look up HOST/mirror/app:v1: HOST answered 200 OK: page \"Welcome to Guest WiFi\", which is no registry's answer", Says(fault));
        Assert.Equal(ErrorCodes.NotARegistry, fault.Code);
    }

    [Fact]
    public async Task A_server_without_v2_is_no_registry()
    {
        server.Ping = context => ScriptedServer.Answer(context, 404, "404 page not found", "text/plain");

        var fault = await Fails(store => store.PingAsync(default));

        Assert.Equal("cannot reach the registry http://HOST: HOST answered 404 Not Found: 404 page not found to /v2/, so it is no registry", Says(fault));
        Assert.Equal(ErrorCodes.NotARegistry, fault.Code);
    }

    [Fact]
    public async Task A_portal_that_redirects_is_no_registry()
    {
        server.Ping = context => ScriptedServer.Answer(context, 302, "", "text/html", ("Location", "/login?token=hidden"));
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, "<html><title>Log in</title></html>", "text/html");

        var fault = await Fails(store => store.PingAsync(default));
        Assert.Equal("cannot reach the registry http://HOST: HOST answered 302 Found to http://HOST/login", Says(fault));
        Assert.Equal(ErrorCodes.NotARegistry, fault.Code);

        fault = await Fails(store => store.CheckCredentialsAsync(Name, default), Store(credential: Bob));
        Assert.Equal("cannot log in to HOST: HOST answered 302 Found to http://HOST/login", Says(fault));
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_registry_that_refuses_HEAD_is_asked_with_GET()
    {
        server.Script = (context, _) => context.Request.Method == "HEAD" ? ScriptedServer.Answer(context, 405, "") : ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        using var store = Store();

        Assert.Equal(new Descriptor(MediaTypes.OciManifest, Digest.Sha256("{}"u8), 2), await store.ResolveAsync(Name, default));
        Assert.Equal(["HEAD /v2/mirror/app/manifests/v1", "GET /v2/mirror/app/manifests/v1"], server.Requests);
    }

    [Fact]
    public async Task A_part_that_does_not_say_which_is_refused()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 206, "part", "application/octet-stream");

        var fault = await Fails(store => store.OpenBlobAsync(Name, Blob, 60_000, default));

        Assert.Equal("cannot read blob DIGEST of HOST/mirror/app: HOST answered with the range \"\" instead of the bytes from 60000 on", Says(fault));
    }

    [Fact]
    public async Task An_upload_of_wrong_bytes_is_cancelled()
    {
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await ScriptedServer.Answer(context, 202, "", headers: ("Location", "/upload/1?_state=2"));
        };
        var other = (byte[])Bytes.Clone();
        other[5] = 0;

        var fault = await Fails(store => store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(other)), default), Store(traits: new RegistryTraits { Upload = UploadForm.PostPatchPut }));

        Assert.Equal(ErrorCodes.DigestMismatch, fault.Code);
        Assert.Equal(["POST /v2/mirror/app/blobs/uploads/", "PATCH /upload/1?_state=2", "DELETE /upload/1?_state=2"], server.Requests);
    }

    [Fact]
    public async Task Of_an_endless_error_only_the_beginning_is_read()
    {
        server.Script = async (context, _) =>
        {
            context.Response.StatusCode = 500;
            context.Response.ContentType = "text/plain";
            var junk = Encoding.ASCII.GetBytes(new string('e', 1024 * 1024));
            for (var i = 0; i < 5; i++)
                await context.Response.Body.WriteAsync(junk);
        };

        var fault = await Fails(store => store.ReadManifestAsync(Name, default));

        Assert.Equal($"cannot read the manifest of HOST/mirror/app:v1: HOST answered 500 Internal Server Error: {new string('e', 300)}…", Says(fault));
    }

    [Fact]
    public async Task Other_bytes_than_asked_for_are_refused()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, """{"other": 1}""", MediaTypes.OciManifest);
        var wanted = Digest.Sha256("wanted"u8);

        var fault = await Fails(store => store.ReadManifestAsync(Name.WithDigest(wanted), default));

        Assert.Equal($"cannot read the manifest of HOST/mirror/app@{wanted}: HOST sent other bytes, of digest {Digest.Sha256("""{"other": 1}"""u8)}, for {wanted}", Says(fault));
        Assert.Equal(ErrorCodes.DigestMismatch, fault.Code);
    }

    [Fact]
    public async Task A_manifest_without_end_is_not_read()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, new string('x', 5 * 1024 * 1024), MediaTypes.OciManifest);

        var fault = await Fails(store => store.ReadManifestAsync(Name, default));

        Assert.Equal("the answer of http://HOST/v2/mirror/app/manifests/v1 is larger than 4096 KiB", Says(fault));
    }

    [Fact]
    public async Task Too_many_requests_are_sent_again_after_the_pause_the_registry_asks_for()
    {
        server.Script = (context, number) => number == 0
            ? ScriptedServer.Error(context, 429, "TOOMANYREQUESTS", "slow down", ("Retry-After", "1"))
            : ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        using var store = Store(retries: 1);
        var started = TimeProvider.System.GetTimestamp();

        Assert.NotNull(await store.ReadManifestAsync(Name, default));

        Assert.True(TimeProvider.System.GetElapsedTime(started) >= TimeSpan.FromSeconds(1.9), "two seconds are the shortest pause");
        Assert.Equal(2, server.Requests.Count);
        // The first is GET /v2/.
        Assert.Equal((3, 1, 1), (store.Requests.Total, store.Requests.Retries, store.Requests.Throttled));
    }

    [Fact]
    public async Task A_registry_that_wants_hours_is_not_waited_for()
    {
        server.Script = (context, _) => ScriptedServer.Error(context, 429, "TOOMANYREQUESTS", "pull limit reached", ("Retry-After", "7200"));

        var fault = await Fails(store => store.ReadManifestAsync(Name, default), Store(retries: 5));

        Assert.StartsWith("cannot read the manifest of HOST/mirror/app:v1: HOST answered 429 TOOMANYREQUESTS: pull limit reached; it asks to come back at 20", Says(fault), StringComparison.Ordinal);
        Assert.EndsWith(" UTC", fault.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Faults_that_stay_are_told_with_the_number_of_attempts()
    {
        server.Script = (context, _) => ScriptedServer.Error(context, 503, "UNAVAILABLE", "database is down");

        var fault = await Fails(store => store.ReadManifestAsync(Name, default), Store(retries: 3));

        Assert.Equal("cannot read the manifest of HOST/mirror/app:v1: HOST answered 503 UNAVAILABLE: database is down (tried 4 times)", Says(fault));
        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public async Task An_upload_that_breaks_begins_anew_with_a_new_session()
    {
        server.Script = async (context, number) =>
        {
            if (context.Request.Method == "POST")
            {
                await ScriptedServer.Answer(context, 202, "", headers: ("Location", $"/v2/mirror/app/blobs/uploads/session-{number}?_state=a%2Bb%3D"));
                return;
            }

            if (number < 2)
            {
                await context.Request.Body.ReadExactlyAsync(new byte[1000]);
                context.Abort();
                return;
            }

            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await ScriptedServer.Answer(context, body.ToArray().AsSpan().SequenceEqual(Bytes) ? 201 : 400, "");
        };
        using var store = Store(retries: 2);

        Assert.Equal(BlobOutcome.Uploaded, await store.PutBlobAsync(Name, Blob, null, Open, default));

        var digest = Uri.EscapeDataString(Blob.Digest.ToString());
        Assert.Equal(
            ["POST /v2/mirror/app/blobs/uploads/", $"PUT /v2/mirror/app/blobs/uploads/session-0?_state=a%2Bb%3D&digest={digest}",
             "DELETE /v2/mirror/app/blobs/uploads/session-0?_state=a%2Bb%3D",
             "POST /v2/mirror/app/blobs/uploads/", $"PUT /v2/mirror/app/blobs/uploads/session-3?_state=a%2Bb%3D&digest={digest}"],
            server.Requests);
    }

    [Fact]
    public async Task A_mount_that_is_not_done_gives_the_session_for_the_upload()
    {
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.Method == "POST" ? ScriptedServer.Answer(context, 202, "", headers: ("Location", "/upload/1")) : ScriptedServer.Answer(context, 201, ""));
        };
        using var store = Store();

        Assert.Equal(BlobOutcome.Uploaded, await store.PutBlobAsync(Name, Blob, "mirror/other", Open, default));

        var digest = Uri.EscapeDataString(Blob.Digest.ToString());
        Assert.Equal([$"POST /v2/mirror/app/blobs/uploads/?mount={digest}&from=mirror%2Fother", $"PUT /upload/1?digest={digest}"], server.Requests);
    }

    [Fact]
    public async Task Bytes_of_another_digest_are_an_error_of_the_source()
    {
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (context.Request.Method == "POST" ? ScriptedServer.Answer(context, 202, "", headers: ("Location", "/upload/1")) : ScriptedServer.Error(context, 400, "DIGEST_INVALID", "provided digest did not match uploaded content"));
        };
        var other = (byte[])Bytes.Clone();
        other[5] = 0;

        var fault = await Fails(store => store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(other)), default));

        Assert.Equal($"cannot upload blob DIGEST to HOST/mirror/app: the bytes that were read have the digest {Digest.Sha256(other)}", Says(fault));
        Assert.Equal(ErrorCodes.DigestMismatch, fault.Code);
        Assert.Equal(Blob.Digest.ToString(), fault.Blob);
    }

    [Fact]
    public async Task A_fault_of_the_source_is_not_blamed_on_the_registry()
    {
        server.Script = async (context, _) =>
        {
            if (context.Request.Method == "POST")
                await ScriptedServer.Answer(context, 202, "", headers: ("Location", "/upload/1"));
            else
                await context.Request.Body.CopyToAsync(Stream.Null);
        };

        var fault = await Fails(store => store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(Bytes, 0, 70_000)), default));

        Assert.Equal("cannot upload blob DIGEST to HOST/mirror/app: blob DIGEST ends after 70000 of 100000 bytes", Says(fault));
    }

    [Fact]
    public async Task A_body_that_is_too_large_for_a_proxy_is_told_so()
    {
        var large = new byte[20_000_000];
        server.Script = (context, _) => context.Request.Method == "POST"
            ? ScriptedServer.Answer(context, 202, "", headers: ("Location", "/upload/1"))
            : ScriptedServer.Answer(context, 413, "<html><head><title>413 Request Entity Too Large</title></head></html>", "text/html");

        var fault = await Fails(store => store.PutBlobAsync(Name, new Descriptor("x/y", Digest.Sha256(large), large.Length), null, _ => Task.FromResult<Stream>(new MemoryStream(large)), default));

        Assert.Equal($"cannot upload blob {Digest.Sha256(large)} to HOST/mirror/app: HOST answered 413 Payload Too Large: page \"413 Request Entity Too Large\"", Says(fault));
        Assert.Equal("raise the limit of the registry or of the proxy before it", fault.Hint);
    }

    [Fact]
    public async Task A_registry_that_does_not_answer_is_left_after_the_timeout()
    {
        server.Script = (context, _) => Task.Delay(Timeout.Infinite, context.RequestAborted);

        var fault = await Fails(store => store.ResolveAsync(Name, default), Store(change: options => options with { Timeout = TimeSpan.FromSeconds(0.3) }));

        Assert.Equal("cannot look up HOST/mirror/app:v1: HOST gave no answer in 0.3 s", Says(fault));
        Assert.Equal(ErrorCodes.Timeout, fault.Code);
    }

    [Fact]
    public async Task A_blob_that_stalls_is_left_after_the_time_without_progress()
    {
        server.Script = async (context, _) =>
        {
            context.Response.ContentLength = Bytes.Length;
            await context.Response.Body.WriteAsync(Bytes.AsMemory(0, 500));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };
        using var store = Store(change: options => options with { StallTimeout = TimeSpan.FromSeconds(0.3) });
        await using var stream = await store.OpenBlobAsync(Name, Blob, 0, default);

        var fault = await Assert.ThrowsAsync<ModuleException>(() => stream.CopyToAsync(Stream.Null));

        Assert.Equal("cannot read blob DIGEST of HOST/mirror/app: nothing came for 0.3 s", Says(fault));
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_is_read_from_the_right_byte()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, Encoding.UTF8.GetString(Bytes), "application/octet-stream");
        using var store = Store();
        await using var stream = await store.OpenBlobAsync(Name, Blob, 60_000, default);
        using var rest = new MemoryStream();
        await stream.CopyToAsync(rest);

        Assert.Equal(40_000, rest.Length);
    }

    [Fact]
    public async Task Cancelling_is_no_fault_of_the_registry()
    {
        using var cancel = new CancellationTokenSource();
        server.Script = async (context, _) =>
        {
            await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        };
        using var store = Store(retries: 3);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.ResolveAsync(Name, cancel.Token));
        Assert.Single(server.Requests);
    }
}
