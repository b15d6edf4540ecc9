using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Passthrough.Testing.Registries;

/// <summary>A certificate authority made for one run, and server certificates from it, as PEM files in one folder.</summary>
public sealed class Pki : IDisposable
{
    readonly string folder;
    readonly X509Certificate2 authority;

    /// <param name="folder">Receives <c>ca.crt</c> and the certificates; is also what skopeo calls a cert-dir.</param>
    /// <param name="name">The common name of the authority.</param>
    /// <param name="days">For how many days it and its certificates are good.</param>
    public Pki(string folder, string name = "Passthrough test CA", int days = 90)
    {
        this.folder = Directory.CreateDirectory(folder).FullName;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(days));
        CaFile = Path.Combine(this.folder, "ca.crt");
        File.WriteAllText(CaFile, authority.ExportCertificatePem() + "\n");
    }

    /// <summary>The authority's certificate, PEM.</summary>
    public string CaFile { get; }

    /// <summary>A folder with <c>ca.crt</c> alone in it, as skopeo's <c>--cert-dir</c> and certs.d want it.</summary>
    public string CertDir
    {
        get
        {
            var certDir = Directory.CreateDirectory(Path.Combine(folder, "certs.d")).FullName;
            File.Copy(CaFile, Path.Combine(certDir, "ca.crt"), overwrite: true);
            return certDir;
        }
    }

    /// <summary>Makes a server certificate for 127.0.0.1, ::1, localhost and the given names.</summary>
    /// <returns>The files of certificate and key.</returns>
    public (string Certificate, string Key) Issue(string name, params string[] hostNames)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        foreach (var host in hostNames.Prepend("localhost").Distinct())
            names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, false, 0, critical: false));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        using var certificate = request.Create(authority, authority.NotBefore, authority.NotAfter, RandomNumberGenerator.GetBytes(16));
        var (certificateFile, keyFile) = (Path.Combine(folder, name + ".pem"), Path.Combine(folder, name + ".key"));
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem() + "\n");
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return (certificateFile, keyFile);
    }

    public void Dispose() => authority.Dispose();
}
