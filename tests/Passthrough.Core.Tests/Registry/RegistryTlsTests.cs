using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Registry;

/// <summary>Which servers are trusted, and what is said of those that are not, or that cannot be reached.</summary>
public sealed class RegistryTlsTests : IDisposable
{
    static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    readonly TestFolder folder = new("tls");
    readonly X509Certificate2 root = Authority("Root CA", null);

    public void Dispose()
    {
        root.Dispose();
        folder.Dispose();
    }

    static X509Certificate2 Authority(string name, X509Certificate2? issuer) => Make(name, issuer, request =>
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
    }, Now.AddDays(30));

    static X509Certificate2 Server(X509Certificate2? issuer, string host = "127.0.0.1", DateTimeOffset? until = null) => Make("server", issuer, request =>
    {
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(host, out var address))
            names.AddIpAddress(address);
        else
            names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, false, 0, critical: false));
    }, until ?? Now.AddDays(20));

    static X509Certificate2 Make(string name, X509Certificate2? issuer, Action<CertificateRequest> extend, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        extend(request);
        if (issuer is null)
            return request.CreateSelfSigned(Now.AddDays(-10), until);
        using var signed = request.Create(issuer, Now.AddDays(-10), until, RandomNumberGenerator.GetBytes(16));
        return signed.CopyWithPrivateKey(key);
    }

    string Pem(params X509Certificate2[] certificates) => folder.Write($"{Guid.NewGuid():N}.pem", string.Join('\n', certificates.Select(one => one.ExportCertificatePem())) + "\n");

    static async Task<bool> Ping(int port, string? caPath, string host = "127.0.0.1", string scheme = "https", bool validate = true)
    {
        using var store = new RegistryStore(new RegistryEndpoint(scheme, host, port), new ConnectionOptions { CaPath = caPath, Retries = 0, ValidateCertificates = validate, Timeout = TimeSpan.FromSeconds(10) }, NoCredentials.Instance);
        return await store.PingAsync(default);
    }

    static async Task<string> Refused(string code, int port, string? caPath, string host = "127.0.0.1", string scheme = "https")
    {
        var fault = await Assert.ThrowsAsync<ModuleException>(() => Ping(port, caPath, host, scheme));
        Assert.Equal(code, fault.Code);
        Assert.DoesNotContain('\n', fault.Message);
        return $"{fault.Message} | {fault.Hint}".Replace($":{port}", ":PORT", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_a_given_ca_is_trusted_and_without_it_is_not()
    {
        await using var server = await ScriptedServer.Start(Server(root));
        using var other = Authority("Other CA", null);

        Assert.True(await Ping(server.Port, Pem(root)));
        Assert.True(await Ping(server.Port, Pem(other, root)));
        Assert.True(await Ping(server.Port, null, validate: false));
        const string Untrusted = "cannot reach the registry https://127.0.0.1:PORT: the certificate of 127.0.0.1 is not trusted (issuer CN=Root CA) | give the PEM file of its CA in ca_path (registry_ca_path in the playbooks)";
        Assert.Equal(Untrusted, await Refused(ErrorCodes.Tls, server.Port, null));
        Assert.Equal(Untrusted, await Refused(ErrorCodes.Tls, server.Port, Pem(other)));
    }

    [Fact]
    public async Task A_self_signed_certificate_is_trusted_where_it_is_given_itself()
    {
        using var certificate = Server(null);
        using var twin = Server(null);
        await using var server = await ScriptedServer.Start(certificate);

        Assert.True(await Ping(server.Port, Pem(certificate)));
        Assert.Contains("is not trusted (issuer CN=server)", await Refused(ErrorCodes.Tls, server.Port, Pem(twin)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_intermediate_alone_is_enough()
    {
        using var intermediate = Authority("Intermediate CA", root);
        await using var server = await ScriptedServer.Start(Server(intermediate));

        Assert.True(await Ping(server.Port, Pem(intermediate)));
        Assert.Contains("is not trusted (issuer CN=Intermediate CA)", await Refused(ErrorCodes.Tls, server.Port, Pem(root)), StringComparison.Ordinal);
        Assert.True(await Ping(server.Port, Pem(root, intermediate)));
    }

    [Fact]
    public async Task A_certificate_of_another_host_is_refused_even_if_its_ca_is_trusted()
    {
        await using var server = await ScriptedServer.Start(Server(root, "registry.example.com"));

        Assert.Equal(
            "cannot reach the registry https://127.0.0.1:PORT: the certificate of 127.0.0.1 is not for this host but for registry.example.com | use one of these names, or give the registry a certificate for the name you use",
            await Refused(ErrorCodes.Tls, server.Port, Pem(root)));
    }

    [Fact]
    public async Task An_expired_certificate_is_refused_with_its_dates()
    {
        await using var server = await ScriptedServer.Start(Server(root, until: Now.AddDays(-1)));

        var said = await Refused(ErrorCodes.Tls, server.Port, Pem(root));

        Assert.StartsWith("cannot reach the registry https://127.0.0.1:PORT: the certificate of 127.0.0.1 or one of its CAs is not valid now (CN=server: ", said, StringComparison.Ordinal);
        Assert.EndsWith(" UTC) | renew it, or correct this host's clock", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_certificate_is_shown_to_a_server_that_wants_one()
    {
        await using var server = await ScriptedServer.Start(Server(root), wantsClientCertificate: true);
        using var client = Server(root, "client");
        var (certificate, key) = (Pem(client), folder.Write("client.key", client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()));
        var options = new ConnectionOptions { CaPath = Pem(root), Retries = 0 };
        var endpoint = new RegistryEndpoint("https", "127.0.0.1", server.Port);

        using (var store = new RegistryStore(endpoint, options with { ClientCertificate = certificate, ClientKey = key }, NoCredentials.Instance))
            Assert.True(await store.PingAsync(default));
        using (var store = new RegistryStore(endpoint, options, NoCredentials.Instance))
            // TLS 1.3 lets the client begin before the server looks: it sees a connection that ends, or an alert.
            Assert.Contains((await Assert.ThrowsAsync<ModuleException>(() => store.PingAsync(default))).Code, new[] { ErrorCodes.Tls, ErrorCodes.Connection });

        var fault = Assert.Throws<ModuleException>(() => new RegistryStore(endpoint, options with { ClientCertificate = certificate, ClientKey = Pem(root) }, NoCredentials.Instance));
        Assert.StartsWith($"client_cert {certificate} and client_key ", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_wrong_scheme_is_recognised_both_ways()
    {
        await using var plain = await ScriptedServer.Start();
        await using var secure = await ScriptedServer.Start(Server(root));

        Assert.Equal("cannot reach the registry https://127.0.0.1:PORT: 127.0.0.1:PORT does not speak TLS | set scheme: http if the registry serves plain HTTP, or correct registry_port", await Refused(ErrorCodes.Tls, plain.Port, null));
        Assert.Contains("set scheme: https", await Refused(ErrorCodes.Connection, secure.Port, null, scheme: "http"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bodies_go_over_http_1_and_the_rest_over_http_2()
    {
        await using var server = await ScriptedServer.Start(Server(root));
        var protocols = new List<string>();
        server.Script = (context, _) =>
        {
            protocols.Add($"{context.Request.Method} {context.Request.Protocol}");
            return ScriptedServer.Answer(context, 200, "");
        };
        using var store = new RegistryStore(new RegistryEndpoint("https", "127.0.0.1", server.Port), new ConnectionOptions { CaPath = Pem(root), Retries = 0 }, NoCredentials.Instance);
        var (name, blob) = (new Reference(server.Name, "mirror/app"), new Descriptor("a/b", Digest.Sha256(""u8), 0));

        await store.HasBlobAsync(name, blob, default);
        await (await store.OpenBlobAsync(name, blob, 0, default)).DisposeAsync();

        Assert.Equal(["HEAD HTTP/2", "GET HTTP/1.1"], protocols);
    }

    [Fact]
    public async Task An_upload_is_not_sent_on_unencrypted()
    {
        await using var other = await ScriptedServer.Start();
        await using var server = await ScriptedServer.Start(Server(root));
        server.Script = (context, _) => ScriptedServer.Answer(context, 202, "", headers: ("Location", $"http://localhost:{other.Port}/upload"));
        using var store = new RegistryStore(new RegistryEndpoint("https", "127.0.0.1", server.Port), new ConnectionOptions { CaPath = Pem(root), Retries = 3 }, NoCredentials.Instance);
        var blob = new Descriptor("a/b", Digest.Sha256("x"u8), 1);

        var fault = await Assert.ThrowsAsync<ModuleException>(() => store.PutBlobAsync(new Reference(server.Name, "mirror/app"), blob, null, _ => Task.FromResult<Stream>(new MemoryStream("x"u8.ToArray())), default));

        Assert.Equal($"cannot upload blob {blob.Digest} to {server.Name}/mirror/app: {server.Name} sends uploads to http://localhost:{other.Port}, which is not encrypted", fault.Message);
        Assert.Equal(ErrorCodes.Tls, fault.Code);
        Assert.Empty(other.Requests);
    }

    [Fact]
    public async Task A_port_that_nobody_listens_on_and_a_name_that_nobody_has()
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        Assert.Equal("cannot reach the registry https://127.0.0.1:PORT: 127.0.0.1:PORT: nobody listens there (connection refused) | start the registry, or correct registry_host and registry_port", await Refused(ErrorCodes.Connection, port, null));
        Assert.Equal("cannot reach the registry https://no-such-registry.invalid:PORT: the name no-such-registry.invalid does not resolve | correct registry_host, or add the name to DNS or /etc/hosts of the host that runs the module", await Refused(ErrorCodes.NameResolution, port, null, "no-such-registry.invalid"));
    }

    [Fact]
    public void A_ca_file_that_cannot_be_used_is_named()
    {
        Assert.Equal("ca_path /no/such/ca.pem cannot be read: it does not exist", Fault("/no/such/ca.pem").Message);
        var text = folder.Write("notes.txt", "no certificate\n");
        Assert.Equal($"ca_path {text} holds no certificate", Fault(text).Message);
        Assert.Equal(ErrorCodes.InvalidArgument, Fault(text).Code);
        var damaged = folder.Write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        Assert.Equal($"ca_path {damaged} holds a damaged certificate", Fault(damaged).Message);

        static ModuleException Fault(string path) =>
            Assert.Throws<ModuleException>(() => new RegistryStore(new RegistryEndpoint("https", "127.0.0.1", 1), new ConnectionOptions { CaPath = path }, NoCredentials.Instance));
    }
}
