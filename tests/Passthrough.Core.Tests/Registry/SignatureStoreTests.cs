using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Tests.Registry;

/// <summary>Signatures of releases, from where they are kept apart from registries.</summary>
public sealed class SignatureStoreTests : IAsyncLifetime
{
    static readonly Digest Release = Digest.Sha256("release"u8);

    ScriptedServer server = null!;

    public async Task InitializeAsync() => server = await ScriptedServer.Start();

    public async Task DisposeAsync() => await server.DisposeAsync();

    [Fact]
    public async Task Numbers_are_asked_for_until_one_is_missing_and_redirections_are_followed()
    {
        server.Script = (context, i) => i switch
        {
            0 => ScriptedServer.Answer(context, 302, "", headers: ("Location", $"/elsewhere/sha256={Release.Hex}/signature-1")),
            1 => ScriptedServer.Answer(context, 200, "first", "application/octet-stream"),
            2 => ScriptedServer.Answer(context, 503, "busy", "text/plain"),
            3 => ScriptedServer.Answer(context, 200, "second", "application/octet-stream"),
            _ => ScriptedServer.Answer(context, 403, "<Error/>", "application/xml"),
        };

        var signatures = await Read();

        Assert.Equal(["first", "second"], signatures.Select(System.Text.Encoding.UTF8.GetString));
        string[] expected = [$"/store/sha256={Release.Hex}/signature-1", $"/elsewhere/sha256={Release.Hex}/signature-1", $"/store/sha256={Release.Hex}/signature-2", $"/store/sha256={Release.Hex}/signature-2", $"/store/sha256={Release.Hex}/signature-3"];
        Assert.Equal(expected.Select(path => $"GET {path}"), server.Requests);
    }

    [Fact]
    public async Task No_more_than_ten_are_taken()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, "again", "application/octet-stream");

        Assert.Equal(10, (await Read()).Length);
    }

    [Theory]
    [InlineData(200, "text/html", "<html>please log in</html>", "answers 200 with a page, which is no signature")]
    [InlineData(401, "text/plain", "who are you", "answers 401")]
    public async Task What_is_no_signature_is_told(int status, string type, string body, string message)
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, status, body, type);

        var fault = await Assert.ThrowsAsync<ModuleException>(Read);

        Assert.Equal($"cannot read the signatures of a release: {server.Address}store/sha256={Release.Hex}/signature-1 {message}", fault.Message);
    }

    [Fact]
    public async Task A_body_without_end_is_not_read()
    {
        server.Script = (context, _) => ScriptedServer.Answer(context, 200, new string('x', 70_000), "application/octet-stream");

        Assert.Contains("is larger than 64 KiB", (await Assert.ThrowsAsync<ModuleException>(Read)).Message, StringComparison.Ordinal);
    }

    async Task<System.Collections.Immutable.ImmutableArray<byte[]>> Read()
    {
        using var store = new SignatureStore($"{server.Address}store/", new ConnectionOptions { Retries = 1 }, TimeProvider.System);
        return await store.ReadAsync(Release, default);
    }
}
