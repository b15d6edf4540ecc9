using System.Text;
using System.Web;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Registry;

/// <summary>Who gets credentials, and who never does.</summary>
public sealed class RegistryAccessTests : IAsyncLifetime
{
    static readonly Credential Bob = new() { Username = "bob", Password = "s3cret" };
    static readonly string BobsBasic = "Basic " + Convert.ToBase64String("bob:s3cret"u8);
    static readonly byte[] Bytes = "a blob"u8.ToArray();
    static readonly Descriptor Blob = new("application/octet-stream", Digest.Sha256(Bytes), Bytes.Length);

    ScriptedServer registry = null!;
    ScriptedServer other = null!;

    public async Task InitializeAsync() => (registry, other) = (await ScriptedServer.Start(), await ScriptedServer.Start());

    public async Task DisposeAsync()
    {
        await registry.DisposeAsync();
        await other.DisposeAsync();
    }

    sealed class Source(params (string Authority, Credential Credential)[] entries) : ICredentialSource
    {
        public Credential? Find(string authority, string repository) => entries.FirstOrDefault(entry => entry.Authority == authority).Credential;
    }

    RegistryStore Store(params (string Authority, Credential Credential)[] credentials) =>
        new(new RegistryEndpoint("http", "127.0.0.1", registry.Port), new ConnectionOptions { Retries = 1 }, new Source(credentials), random: () => 0);

    Reference Name => new(registry.Name, "mirror/app") { Tag = "v1" };

    string Says(ModuleException fault) => fault.Message.Replace(registry.Name, "HOST", StringComparison.Ordinal).Replace(other.Name, "OTHER", StringComparison.Ordinal);

    void WantBasic() => registry.Ping = context => ScriptedServer.Error(context, 401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", "Basic realm=\"a \\\"quoted\\\", realm\""));

    void WantBearer(string realm) => registry.Ping = context => ScriptedServer.Error(context, 401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", $"Bearer realm=\"{realm}\",service=\"reg:1\""));

    [Fact]
    public async Task A_wrong_password_is_named_with_its_user()
    {
        WantBasic();
        registry.Script = (context, _) => ScriptedServer.Error(context, 401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", "Basic realm=\"x\""));
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.ResolveAsync(Name, default));

        Assert.Equal("cannot look up HOST/mirror/app:v1: HOST refused user \"bob\": wrong user name or password (401 Unauthorized)", Says(fault));
        Assert.Equal(ErrorCodes.Unauthorized, fault.Code);
        Assert.Equal([BobsBasic], registry.Authorizations);
    }

    [Fact]
    public async Task Missing_credentials_are_named_with_what_to_give()
    {
        WantBasic();
        registry.Script = (context, _) => ScriptedServer.Error(context, 401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", "Basic realm=\"x\""));
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.ReadManifestAsync(Name, default));

        Assert.Equal("cannot read the manifest of HOST/mirror/app:v1: HOST wants credentials and none were given (401 UNAUTHORIZED: authentication required)", Says(fault));
        Assert.Equal($"give username and password, or an authfile with an entry for {registry.Name}", fault.Hint);
    }

    [Fact]
    public async Task A_token_is_got_once_for_each_set_of_scopes_and_anew_when_it_is_refused()
    {
        WantBearer(new Uri(registry.Address, "/token?static=1").ToString());
        var tokens = 0;
        registry.Script = (context, _) =>
            context.Request.Path == "/token" ? ScriptedServer.Answer(context, 200, $$"""{"access_token": "t{{++tokens}}", "expires_in": 300}""")
            : context.Request.Headers.Authorization == "Bearer t1" && tokens == 1 && context.Request.Path.Value!.Contains("/second", StringComparison.Ordinal) ? ScriptedServer.Answer(context, 401, "")
            : ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        using var store = Store((registry.Name, Bob));

        await store.ReadManifestAsync(Name, default);
        await store.ReadManifestAsync(Name, default);
        await store.ReadManifestAsync(Name.WithTag("second"), default);

        Assert.Equal(
            ["GET /token?static=1&account=bob&service=reg%3A1&scope=repository%3Amirror%2Fapp%3Apull", "GET /v2/mirror/app/manifests/v1", "GET /v2/mirror/app/manifests/v1",
             "GET /v2/mirror/app/manifests/second", "GET /token?static=1&account=bob&service=reg%3A1&scope=repository%3Amirror%2Fapp%3Apull", "GET /v2/mirror/app/manifests/second"],
            registry.Requests);
        Assert.Equal([BobsBasic, "Bearer t1", "Bearer t1", "Bearer t1", BobsBasic, "Bearer t2"], registry.Authorizations);
    }

    [Fact]
    public async Task A_registry_that_refuses_every_token_is_asked_twice_and_no_more()
    {
        WantBearer(new Uri(registry.Address, "/token").ToString());
        registry.Script = (context, _) => context.Request.Path == "/token"
            ? ScriptedServer.Answer(context, 200, """{"token": "t"}""")
            : ScriptedServer.Error(context, 401, "UNAUTHORIZED", "access to the requested resource is not authorized");
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.ReadManifestAsync(Name, default));

        Assert.Equal("cannot read the manifest of HOST/mirror/app:v1: HOST does not let user \"bob\" (401 UNAUTHORIZED: access to the requested resource is not authorized)", Says(fault));
        Assert.Equal(2, registry.Requests.Count(request => request.Contains("/manifests/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_token_service_that_refuses_the_password_is_named()
    {
        WantBearer(new Uri(registry.Address, "/token").ToString());
        registry.Script = (context, _) => ScriptedServer.Answer(context, 401, """{"details": "incorrect username or password"}""");
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.CheckCredentialsAsync(Name, default));

        Assert.Equal("cannot log in to HOST (token from HOST): HOST refused user \"bob\": wrong user name or password (401 Unauthorized: incorrect username or password)", Says(fault));
    }

    [Fact]
    public async Task Credentials_are_not_sent_to_a_token_service_of_somebody_else()
    {
        WantBearer(new Uri($"http://localhost:{other.Port}/token").ToString());
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.ReadManifestAsync(Name, default));

        Assert.Equal($"cannot read the manifest of HOST/mirror/app:v1: HOST names localhost:{other.Port} as its token service, which is not of its domain, so the credentials were not sent there", Says(fault));
        Assert.Equal($"if the two belong together, set token_services: {{{registry.Name}: localhost:{other.Port}}}", fault.Hint);
        Assert.Empty(other.Requests);
    }

    /// <summary>
    /// A hostile registry may name the token service of another one: it gets neither that registry's account nor its token.
    /// </summary>
    [Fact]
    public async Task A_token_service_is_never_sent_the_credentials_kept_under_its_own_name()
    {
        WantBearer($"http://localhost:{other.Port}/token");
        other.Script = (context, _) => ScriptedServer.Answer(context, 200, """{"token": "t"}""");
        using var store = Store((registry.Name, Bob), ($"localhost:{other.Port}", new Credential { Username = "ann", Password = "x" }));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.ReadManifestAsync(Name, default));

        Assert.Equal(ErrorCodes.Unauthorized, fault.Code);
        Assert.Empty(other.Requests);
        Assert.DoesNotContain(registry.Authorizations, sent => sent.StartsWith('B'));
    }

    /// <summary>Without an account of the called registry the token service is asked anonymously, whatever there is for its name.</summary>
    [Fact]
    public async Task A_registry_without_an_account_gets_an_anonymous_token_alone()
    {
        WantBearer($"http://localhost:{other.Port}/token");
        other.Script = (context, _) => ScriptedServer.Answer(context, 200, """{"token": "t"}""");
        registry.Script = (context, _) => ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        using var store = Store(($"localhost:{other.Port}", new Credential { Username = "ann", Password = "x" }));

        await store.ReadManifestAsync(Name, default);

        Assert.Equal(["-"], other.Authorizations);
    }

    [Fact]
    public async Task A_token_service_that_the_user_named_is_sent_the_credentials_of_the_registry()
    {
        WantBearer($"http://localhost:{other.Port}/token");
        other.Script = (context, _) => ScriptedServer.Answer(context, 200, """{"token": "t"}""");
        registry.Script = (context, _) => ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        var services = TokenServices.Parse([new(registry.Name, $"localhost:{other.Port}")]);
        using var store = new RegistryStore(
            new RegistryEndpoint("http", "127.0.0.1", registry.Port), new ConnectionOptions { Retries = 0, TokenServices = services },
                new Source((registry.Name, Bob)));

        await store.ReadManifestAsync(Name, default);

        Assert.Equal([BobsBasic], other.Authorizations);
    }

    /// <summary>A name that is the same but for its port, or an entry for another registry, is not what the user named.</summary>
    [Theory]
    [InlineData("{0}", "localhost:1")]
    [InlineData("{0}", "localhost")]
    [InlineData("127.0.0.1", "localhost:{1}")]
    public async Task An_entry_of_token_services_is_for_this_pair_alone(string from, string to)
    {
        WantBearer($"http://localhost:{other.Port}/token");
        var services = TokenServices.Parse([new(from.Replace("{0}", registry.Name), to.Replace("{1}", $"{other.Port}"))]);
        using var store = new RegistryStore(
            new RegistryEndpoint("http", "127.0.0.1", registry.Port), new ConnectionOptions { Retries = 0, TokenServices = services },
                new Source((registry.Name, Bob)));

        await Assert.ThrowsAsync<ModuleException>(() => store.ReadManifestAsync(Name, default));

        Assert.Empty(other.Requests);
    }

    [Theory]
    [InlineData("//")]
    [InlineData("http://")]
    [InlineData("https://[::1/")]
    [InlineData("http://:80/x")]
    [InlineData("file:///etc/passwd")]
    [InlineData("javascript:alert(1)")]
    [InlineData("http://a b/")]
    public async Task A_redirect_to_nowhere_is_a_sentence_about_the_server(string location)
    {
        registry.Script = (context, _) => ScriptedServer.Answer(context, 307, "", headers: ("Location", location));
        using var store = Store();

        Func<Task>[] reads = [() => store.ReadManifestAsync(Name, default), () => store.OpenBlobAsync(Name, Blob, 0, default)];
        foreach (var work in reads)
        {
            var fault = await Assert.ThrowsAsync<ModuleException>(work);
            Assert.Contains(registry.Name, fault.Message, StringComparison.Ordinal);
        }

        registry.Script = (context, _) => ScriptedServer.Answer(context, 202, "", headers: ("Location", location));
        var upload = await Assert.ThrowsAsync<ModuleException>(() =>
            store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(Bytes)), default));
        Assert.Contains(registry.Name, upload.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://a/x", "http://a/x", false)]
    [InlineData("https://a/x", "http://b/", false)]
    [InlineData("https://a/x", "//b/y", true)]
    [InlineData("https://a/x", "/y", true)]
    [InlineData("http://a/x", "https://b/y", true)]
    [InlineData("http://a/x", "http://b/y", true)]
    public void No_redirect_leads_from_https_to_http(string asked, string location, bool isFollowed)
    {
        Uri Follow() => Core.Registry.Http.ServerAddress.Redirect(new Uri(asked), new Uri(location, UriKind.RelativeOrAbsolute), "read it");
        if (isFollowed)
            Assert.NotNull(Follow());
        else
            Assert.Equal(ErrorCodes.Tls, Assert.Throws<ModuleException>(() => Follow()).Code);
    }

    [Theory]
    [InlineData(">x<; rel=\"next\"")]
    [InlineData("<//>; rel=\"next\"")]
    [InlineData("<http://[>; rel=\"next\"")]
    [InlineData("rel=\"next\"")]
    [InlineData("<>; rel=\"next\"")]
    public async Task A_next_page_that_is_no_address_ends_the_list(string link)
    {
        registry.Script = (context, _) =>
            ScriptedServer.Answer(context, 200, """{"tags": ["a"]}""", "application/json", headers: ("Link", link));
        using var store = Store();

        Assert.Equal(["a"], await store.ListTagsAsync(Name, default));
    }

    [Theory]
    [InlineData("text/plain\r\nX-Evil: 1")]
    [InlineData("application/\u001b[31m")]
    [InlineData("application/vnd.oci image")]
    [InlineData("application/a; charset=utf-8")]
    [InlineData("nothing")]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("long")]
    public async Task A_media_type_that_is_none_is_a_sentence_about_the_image(string type)
    {
        var raw = RawManifest.Of(type == "long" ? "application/" + new string('a', 100_000) : type, "{}"u8.ToArray());
        using var store = Store();

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutManifestAsync(Name, raw, default));

        Assert.Equal((Name.ToString(), "MANIFEST_INVALID"), (fault.Image, fault.Code));
        Assert.Empty(registry.Requests);
    }

    [Fact]
    public async Task An_identity_token_goes_in_a_form()
    {
        WantBearer(new Uri(registry.Address, "/token").ToString());
        var form = "";
        registry.Script = async (context, _) =>
        {
            if (context.Request.Path == "/token")
            {
                using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
                form = await reader.ReadToEndAsync();
            }

            await ScriptedServer.Answer(context, 200, """{"access_token": "t", "expires_in": "60"}""", MediaTypes.OciManifest);
        };
        using var store = Store((registry.Name, new Credential { Username = "<token>", Password = "", Token = "refresh me", IsIdentityToken = true }));

        await store.ReadManifestAsync(Name, default);

        Assert.Equal("POST /token", registry.Requests[0]);
        var fields = HttpUtility.ParseQueryString(form);
        Assert.Equal(("refresh_token", "reg:1", "refresh me", "repository:mirror/app:pull"), (fields["grant_type"], fields["service"], fields["refresh_token"], fields["scope"]));
    }

    [Fact]
    public async Task A_blob_elsewhere_is_got_without_credentials()
    {
        WantBasic();
        other.Script = (context, _) => ScriptedServer.Answer(context, 200, "a blob", "application/octet-stream");
        registry.Script = (context, _) => ScriptedServer.Answer(context, 307, "", headers: ("Location", $"{other.Address}storage?signature=a%2Bb"));
        using var store = Store((registry.Name, Bob), (other.Name, Bob));

        await using var stream = await store.OpenBlobAsync(Name, Blob, 0, default);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);

        Assert.Equal(Bytes, bytes.ToArray());
        Assert.Equal([BobsBasic], registry.Authorizations);
        Assert.Equal(["GET /storage?signature=a%2Bb"], other.Requests);
        Assert.Equal(["-"], other.Authorizations);
    }

    [Fact]
    public async Task An_upload_elsewhere_is_sent_without_credentials()
    {
        WantBasic();
        other.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await ScriptedServer.Answer(context, 201, "");
        };
        registry.Script = (context, _) => ScriptedServer.Answer(context, 202, "", headers: ("Location", $"{other.Address}upload?_state=1"));
        using var store = Store((registry.Name, Bob));

        await store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(Bytes)), default);

        Assert.Equal([BobsBasic], registry.Authorizations);
        Assert.Equal([$"PUT /upload?_state=1&digest={Uri.EscapeDataString(Blob.Digest.ToString())}"], other.Requests);
        Assert.Equal(["-"], other.Authorizations);
    }

    [Fact]
    public async Task A_write_is_never_redirected()
    {
        registry.Script = (context, _) => ScriptedServer.Answer(context, 308, "", headers: ("Location", $"{other.Address}v2/"));
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default));

        Assert.Equal("cannot push HOST/mirror/app:v1: HOST answered 308 Permanent Redirect to http://OTHER/v2/", Says(fault));
        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task What_is_secret_in_a_redirection_is_not_told()
    {
        registry.Script = (context, _) => ScriptedServer.Answer(context, 307, "", headers: ("Location", $"{other.Address}v2/?X-Amz-Signature=hidden"));
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutManifestAsync(Name, RawManifest.Of(MediaTypes.OciManifest, "{}"u8.ToArray()), default));

        Assert.Equal("cannot push HOST/mirror/app:v1: HOST answered 307 Temporary Redirect to http://OTHER/v2/", Says(fault));
    }

    [Fact]
    public async Task Requests_that_are_refused_at_once_are_all_sent_again_with_credentials()
    {
        // Anybody may ask for /v2/, nobody for an image: the first requests go out together, none with credentials.
        const int Parallel = 8;
        using var all = new CountdownEvent(Parallel);
        var together = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        registry.Script = async (context, number) =>
        {
            if (number < Parallel)
            {
                if (all.Signal())
                    together.SetResult();
                await together.Task;
            }

            await (context.Request.Headers.Authorization == BobsBasic
                ? ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest)
                : ScriptedServer.Error(context, 401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", "Basic realm=\"x\"")));
        };
        using var store = Store((registry.Name, Bob));

        var read = await Task.WhenAll(Enumerable.Range(0, Parallel).Select(i => store.ReadManifestAsync(Name.WithTag($"v{i}"), default)));

        Assert.All(read, Assert.NotNull);
    }

    [Fact]
    public async Task Tokens_are_told_so_that_they_can_be_masked()
    {
        WantBearer(new Uri(registry.Address, "/token").ToString());
        registry.Script = (context, _) => ScriptedServer.Answer(context, 200, """{"token": "minted"}""", MediaTypes.OciManifest);
        var secrets = new List<string?>();
        using var store = new RegistryStore(new RegistryEndpoint("http", "127.0.0.1", registry.Port), new ConnectionOptions { Retries = 0, OnSecret = secrets.Add }, new Source((registry.Name, Bob)));

        await store.ReadManifestAsync(Name, default);

        Assert.Equal(["minted"], secrets);
    }

    [Fact]
    public async Task An_upload_elsewhere_that_wants_credentials_is_tried_once_and_explained()
    {
        WantBasic();
        other.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await ScriptedServer.Error(context, 401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", "Basic realm=\"x\""));
        };
        registry.Script = (context, _) => ScriptedServer.Answer(context, 202, "", headers: ("Location", $"{other.Address}upload?_state=1"));
        using var store = Store((registry.Name, Bob));

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(Bytes)), default));

        Assert.Equal($"cannot upload blob {Blob.Digest} to HOST/mirror/app: OTHER wants credentials and none were given (401 UNAUTHORIZED: authentication required)", Says(fault));
        Assert.Equal($"{registry.Name} sends uploads to {other.Name}, which gets no credentials: use that name for the registry, or correct it in the registry's configuration (Quay: SERVER_HOSTNAME, Harbor: external_url, distribution: http.host)", fault.Hint);
        Assert.Single(other.Requests);
        Assert.Equal(["-"], other.Authorizations);
    }

    [Fact]
    public async Task The_place_that_stands_in_is_asked_with_its_own_credentials()
    {
        WantBasic();
        registry.Script = (context, _) => ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        using var stores = new UpstreamStores(
            new Dictionary<string, string> { ["quay.io"] = $"http://{registry.Name}/quay/" },
            new Source((registry.Name, Bob), ("quay.io", new Credential { Username = "original", Password = "secret" })), new ConnectionOptions { Retries = 0 });

        Assert.NotNull(await stores.ReadManifestAsync(Reference.Parse("quay.io/team/app:v1"), default));

        Assert.Equal(["GET /v2/quay/team/app/manifests/v1"], registry.Requests);
        Assert.Equal([BobsBasic], registry.Authorizations);
    }

    [Fact]
    public void Two_places_for_one_registry_are_a_mistake()
    {
        var fault = Assert.Throws<ModuleException>(() => new UpstreamStores([new("docker.io", "a.example.com"), new("index.docker.io", "b.example.com")], NoCredentials.Instance, new ConnectionOptions()));
        Assert.Equal((ErrorCodes.InvalidArgument, "pull_from names docker.io twice"), (fault.Code, fault.Message));
    }

    [Theory]
    [InlineData("quay.io/team", "https://x", "pull_from names \"quay.io/team\", which is no registry")]
    [InlineData("quay.io", "ftp://x", "pull_from for quay.io: \"ftp://x\" cannot be used: the scheme is ftp")]
    [InlineData("quay.io", "https://x/Team", "pull_from for quay.io: \"https://x/Team\" has the path \"Team\", which no repository can begin with")]
    public void A_wrong_place_to_pull_from_is_named(string key, string value, string message)
    {
        var fault = Assert.Throws<ModuleException>(() => new UpstreamStores([new(key, value)], NoCredentials.Instance, new ConnectionOptions()));
        Assert.Equal(message, fault.Message);
    }
}
