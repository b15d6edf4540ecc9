using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry;

/// <summary>A final answer that comes before the body was read, and a connection that is reset right behind it: the answer counts, and
/// the layer is not sent again.</summary>
public sealed class EarlyAnswerTests : IDisposable
{
    static readonly byte[] Layer = new byte[30_000_000];
    static readonly Descriptor Blob = new("application/octet-stream", Digest.Sha256(Layer), Layer.Length);

    readonly TestFolder folder = new("early");

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("413 Request Entity Too Large", false, false)]
    [InlineData("413 Request Entity Too Large", true, false)]
    [InlineData("413 Request Entity Too Large", true, true)]
    [InlineData("403 Forbidden", true, false)]
    [InlineData("507 Insufficient Storage", false, true)]
    [InlineData("507 Insufficient Storage", true, false)]
    public async Task The_answer_is_read_although_the_write_failed(string status, bool isTls, bool patches)
    {
        using var pki = new Pki(folder["pki"]);
        var (certificateFile, keyFile) = pki.Issue("registry");
        using var certificate = isTls ? X509Certificate2.CreateFromPemFile(certificateFile, keyFile) : null;
        await using var server = new RawServer(
            (head, _) => head.StartsWith("GET", StringComparison.Ordinal) ? RawServer.Answer("200 OK", "{}")
                : head.StartsWith("POST", StringComparison.Ordinal)
                    ? RawServer.Answer("202 Accepted", "", "Location: /v2/mirror/app/blobs/uploads/1")
                : RawServer.Answer(status, "<html><head><title>" + status + "</title></head></html>", "Content-Type: text/html"),
            certificate)
        { ReadsOfBody = 100_000 };
        var endpoint = new RegistryEndpoint(isTls ? "https" : "http", "127.0.0.1", server.Port);
        using var store = new RegistryStore(
            endpoint, new ConnectionOptions { Retries = 3, CaPath = pki.CaFile }, NoCredentials.Instance,
            new RegistryTraits { Upload = patches ? UploadForm.PostPatchPut : UploadForm.PostThenPut }, random: () => 0);

        var fault = await Assert.ThrowsAsync<ModuleException>(() =>
            store.PutBlobAsync(new Reference(endpoint.Authority, "mirror/app"), Blob, null, _ =>
                Task.FromResult<Stream>(new MemoryStream(Layer)), default));

        Assert.Contains($"answered {status[..3]}", fault.Message, StringComparison.Ordinal);
        Assert.Equal(int.Parse(status[..3], System.Globalization.CultureInfo.InvariantCulture), fault.HttpStatus);
        Assert.Single(server.Requests, request =>
            request.StartsWith('P') && !request.StartsWith("POST", StringComparison.Ordinal));
    }
}
