using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Files;

namespace Passthrough.Core.Registry.Http;

/// <summary>Makes the HTTP connections to one registry from its <see cref="ConnectionOptions"/>.</summary>
static class RegistryHttp
{
    /// <summary>Names us to servers and in their logs.</summary>
    public const string UserAgent = "registry-passthrough/1.0";

    /// <summary>The innermost handlers: counted, bodies without an encoding, TLS, proxy, no redirects (credentials would travel or get
    /// lost: registries.md 0.7), no cookies (0.2).</summary>
    /// <exception cref="ModuleException">A certificate file cannot be used.</exception>
    public static HttpMessageHandler Connect(ConnectionOptions options) =>
        new CountingHandler(options.Requests, new PlainBodies(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = options.Timeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(10),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            UseProxy = options.UseProxy,
            Proxy = options.UseProxy ? options.Proxies : null,
            SslOptions = Tls(options),
        }));

    static SslClientAuthenticationOptions Tls(ConnectionOptions options)
    {
        var tls = new SslClientAuthenticationOptions { CertificateRevocationCheckMode = X509RevocationMode.NoCheck };
        var additional = options.CaPath is null ? new X509Certificate2Collection() : CertificateTrust.ReadFile(options.CaPath, "ca_path");
        foreach (var certificate in options.TrustedCertificates)
            additional.Add(certificate);
#pragma warning disable CA5359 // it throws what is wrong, and takes all only where the user said so
        tls.RemoteCertificateValidationCallback = new CertificateTrust(additional, options).Accept;
#pragma warning restore CA5359
        if (options.ClientCertificate is not null)
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(ClientCertificate(options), additionalCertificates: null, offline: true);
        return tls;
    }

    static X509Certificate2 ClientCertificate(ConnectionOptions options)
    {
        var (certificate, key) = (options.ClientCertificate!, options.ClientKey ?? options.ClientCertificate!);
        try
        {
            using var leaf = X509Certificate2.CreateFromPem(InputFile.ReadAllText(certificate));
            var pem = InputFile.ReadAllText(key);
            // TLS knows these two; the platform's one call brings a dozen kinds of keys along.
            if (leaf.GetRSAPublicKey() is not null)
            {
                using var rsa = RSA.Create();
                rsa.ImportFromPem(pem);
                return leaf.CopyWithPrivateKey(rsa);
            }

            using var ecdsa = ECDsa.Create();
            ecdsa.ImportFromPem(pem);
            return leaf.CopyWithPrivateKey(ecdsa);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"client_cert {certificate}{(options.ClientKey is null ? "" : $" with client_key {key}")} cannot be read: {e.Message}", "give PEM files that the user running the module can read", e);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"client_cert {certificate} and client_key {key} do not fit together: {e.Message}", "give the PEM certificate and its unencrypted PEM key", e);
        }
    }
}
