using System.Text;
using Passthrough.Core.Admin;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Tests.Registry;

/// <summary>A registry that restarts is waited for, one that is overrun gets less at once, and tokens that are refused are told apart
/// from accounts that are.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    static readonly byte[] Bytes = Encoding.UTF8.GetBytes(new string('x', 100_000));
    static readonly Descriptor Blob = new("application/octet-stream", Digest.Sha256(Bytes), Bytes.Length);
    static readonly Credential Bob = new() { Username = "bob", Password = "s3cret-of-bob" };

    readonly HurryingTime time = new();
    readonly List<string> troubles = [];
    ScriptedServer server = null!;

    public async Task InitializeAsync() => server = await ScriptedServer.Start();

    public async Task DisposeAsync() => await server.DisposeAsync();

    RegistryStore Store(Credential? credential = null, string? product = null, int retries = 5)
    {
        var endpoint = new RegistryEndpoint("http", "127.0.0.1", server.Port);
        var options = new ConnectionOptions { Retries = retries, OnTrouble = troubles.Add };
        return new RegistryStore(endpoint, options, new GivenCredential(endpoint.Authority, credential),
            product is null ? null : RegistryProducts.Get(product).Traits, time, () => 0.5);
    }

    Reference Name => new(server.Name, "mirror/app") { Tag = "v1" };

    [Theory]
    [InlineData(null, 60, true)]
    [InlineData(null, 20, true)]
    [InlineData("quay", 60, true)]
    [InlineData("harbor", 60, true)]
    [InlineData(null, 300, false)]
    public async Task A_restart_of_a_minute_is_survived_with_the_default_of_retries(string? product, int seconds, bool survives)
    {
        var since = time.GetUtcNow();
        bool IsDown() => (time.GetUtcNow() - since).TotalSeconds < seconds;
        server.Ping = context => ScriptedServer.Answer(context, IsDown() ? 502 : 200, "{}");
        server.Script = async (context, _) =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await (IsDown() ? ScriptedServer.Answer(context, 502, "<html><title>502 Bad Gateway</title></html>", "text/html")
                : ScriptedServer.Answer(context, context.Request.Method == "POST" ? 202 : context.Request.Method == "GET" ? 200 : 201,
                    "{}", headers: ("Location", "/upload/1")));
        };
        using var store = Store(product: product);
        Task<BlobOutcome> Put() => store.PutBlobAsync(Name, Blob, null, _ => Task.FromResult<Stream>(new MemoryStream(Bytes)), default);

        if (survives)
        {
            Assert.Equal(BlobOutcome.Uploaded, await Put());
            // Nothing large is sent into a registry that is down.
            var method = product == "harbor" ? "PATCH" : "PUT";
            Assert.Single(server.Requests, request => request.StartsWith(method, StringComparison.Ordinal));
        }
        else
        {
            Assert.Contains("502", (await Assert.ThrowsAsync<ModuleException>(Put)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Without_retries_nothing_is_waited_for()
    {
        var start = time.GetUtcNow();
        server.Ping = context => ScriptedServer.Answer(context, 502, "");
        using var store = Store(retries: 0);

        await Assert.ThrowsAsync<ModuleException>(() => store.ResolveAsync(Name, default));

        Assert.True(time.GetUtcNow() - start < TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task An_outage_is_told_while_it_is_waited_for()
    {
        var answers = 0;
        server.Ping = context => ScriptedServer.Answer(context, ++answers < 5 ? 503 : 200, "{}");
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        using var store = Store();

        Assert.NotNull(await store.ReadManifestAsync(Name, default));

        Assert.Equal($"{server.Name} is down (/v2/ answers 503): waiting up to 75 s for it", Assert.Single(troubles));
    }

    [Fact]
    public async Task Repeated_trouble_halves_what_a_registry_gets_at_once_and_good_answers_raise_it_again()
    {
        var admission = new Admission("registry.example.com", troubles.Add, time);
        for (var i = 0; i < 8; i++)
            await admission.EnterAsync(default);

        admission.Leave(502);
        Assert.Equal(int.MaxValue, admission.Limit);
        admission.Leave(502);
        Assert.Equal(3, admission.Limit);
        admission.Leave(429);
        Assert.Equal(3, admission.Limit);
        for (var i = 0; i < 5; i++)
            admission.Leave(null);
        for (var i = 0; i < 3; i++)
            await admission.EnterAsync(default);
        var waits = admission.EnterAsync(default);
        Assert.False(waits.IsCompleted);
        admission.Leave(null);
        await waits;
        for (var i = 0; i < 40; i++)
        {
            admission.Leave(null);
            await admission.EnterAsync(default);
        }

        Assert.Equal(5, admission.Limit);
        Assert.Equal("registry.example.com answered 502 repeatedly: it gets 3 requests at once for now; a lower concurrency may be "
            + "faster", Assert.Single(troubles));
    }

    [Fact]
    public async Task Who_waits_for_a_turn_can_go_away()
    {
        var admission = new Admission("registry.example.com", null, time);
        await admission.EnterAsync(default);
        await admission.EnterAsync(default);
        admission.Leave(500);
        admission.Leave(500);
        await admission.EnterAsync(default);
        using var stop = new CancellationTokenSource();
        var waits = admission.EnterAsync(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);

        var next = admission.EnterAsync(default);
        admission.Leave(null);
        await next;
    }

    [Theory]
    [InlineData("repository:mirror/app:pull repository:mirror/base:pull")]
    [InlineData("repository:mirror/app:pull,delete")]
    public async Task Another_scope_that_the_registry_names_is_asked_for_once(string scope)
    {
        var asked = new List<string>();
        var challenge = $"Bearer realm=\"{server.Address}token\",service=\"s\"";
        server.Ping = context =>
            ScriptedServer.Answer(context, 401, "", headers: ("WWW-Authenticate", $"Bearer realm=\"{server.Address}token\",service=\"s\""));
        server.Script = (context, _) =>
        {
            if (context.Request.Path == "/token")
            {
                asked.Add(string.Join(' ', context.Request.Query["scope"].ToArray()));
                return ScriptedServer.Answer(context, 200, $$"""{"token":"t{{asked.Count}}"}""");
            }

            return context.Request.Headers.Authorization == "Bearer t1"
                ? ScriptedServer.Answer(context, 401, "",
                    headers: ("WWW-Authenticate",
                        $"{challenge},scope=\"{scope}\",error=\"insufficient_scope\""))
                : ScriptedServer.Answer(context, 200, "{}", MediaTypes.OciManifest);
        };
        using var store = Store(Bob);

        Assert.NotNull(await store.ReadManifestAsync(Name, default));
        Assert.NotNull(await store.ReadManifestAsync(Name, default));

        Assert.Equal(2, asked.Count);
        Assert.All(scope.Split(' '), one => Assert.Contains(one, asked[1], StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, "its key, its issuer \"auth.example.com\" or its service \"registry\"", "auth.token.issuer")]
    [InlineData(-600, "valid only in 600 s", "clocks")]
    [InlineData(7200, "expired", "clocks")]
    public async Task A_fresh_token_that_is_invalid_is_the_fault_of_clocks_or_keys_and_not_of_the_user(int registryIsAhead,
        string cause, string hint)
    {
        var now = TimeProvider.System.GetUtcNow();
        var (from, until) = (now.ToUnixTimeSeconds(), now.AddMinutes(5).ToUnixTimeSeconds());
        var payload = $$"""{"iss":"auth.example.com","aud":"registry","nbf":{{from}},"exp":{{until}}}""";
        var token = $"e30.{Convert.ToBase64String(Encoding.UTF8.GetBytes(payload)).TrimEnd('=').Replace('+', '-').Replace('/', '_')}.c2ln";
        server.Ping = context =>
            ScriptedServer.Answer(context, 401, "",
                headers: ("WWW-Authenticate", $"Bearer realm=\"{server.Address}token\",service=\"registry\""));
        server.Script = (context, _) => context.Request.Path == "/token"
            ? ScriptedServer.Answer(context, 200, $$"""{"token":"{{token}}"}""")
            : ScriptedServer.Answer(context, 401, "", "application/json",
                ("WWW-Authenticate", $"Bearer realm=\"{server.Address}token\",service=\"registry\",error=\"invalid_token\""),
                ("Date", now.AddSeconds(registryIsAhead).ToString("r")));
        using var store = Store(Bob);

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.ReadManifestAsync(Name, default));

        Assert.Contains(cause, fault.Message, StringComparison.Ordinal);
        Assert.Contains(hint, fault.Hint, StringComparison.Ordinal);
        Assert.DoesNotContain("bob", fault.Message + fault.Hint, StringComparison.Ordinal);
    }

    /// <summary>Short waits are over at once and move the clock; limits on a request (20 s and more) never strike.</summary>
    sealed class HurryingTime : TimeProvider
    {
        long ticks = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).UtcTicks;

        public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref ticks), TimeSpan.Zero);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref ticks);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime <= TimeSpan.Zero || dueTime >= TimeSpan.FromSeconds(9))
                return System.CreateTimer(callback, state, dueTime, period);
            Interlocked.Add(ref ticks, dueTime.Ticks);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
