using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Passthrough.Testing.Registries;

/// <summary>Server certificates in the forms that mirror-registry's installers make (registries.md C and C.2): odd ones, that its users have all the same.</summary>
/// <param name="Server">With its key.</param>
/// <param name="CaPem">What users are told to trust.</param>
public sealed record InstallerCertificates(X509Certificate2 Server, string CaPem)
{
    /// <summary>
    /// The classic one's: a root named after the host, and a leaf that says it may sign certificates and does not say that it is none that may
    /// (keyCertSign without basicConstraints), with one name.
    /// </summary>
    public static InstallerCertificates Classic(string host, DateTimeOffset? end = null)
    {
        using var rootKey = RSA.Create(2048);
        var rootRequest = new CertificateRequest($"C=US, ST=VA, L=New York, O=Quay, OU=Division, CN={host}", rootKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        rootRequest.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(rootRequest.PublicKey, critical: false));
        using var root = rootRequest.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1024));

        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=quay-enterprise", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.NonRepudiation | X509KeyUsageFlags.KeyEncipherment | X509KeyUsageFlags.KeyCertSign, critical: false));
        request.CertificateExtensions.Add(Names(host));
        using var leaf = request.Create(root, DateTimeOffset.UtcNow.AddDays(-1), end ?? DateTimeOffset.UtcNow.AddDays(356), RandomNumberGenerator.GetBytes(16));
        return new InstallerCertificates(leaf.CopyWithPrivateKey(key), root.ExportCertificatePem() + "\n");
    }

    /// <summary>The Go one's: signed by itself, which is what is trusted then.</summary>
    public static InstallerCertificates Go(string host)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(Names(host));
        var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(10));
        return new InstallerCertificates(certificate, certificate.ExportCertificatePem() + "\n");
    }

    static X509Extension Names(string host)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        return names.Build();
    }
}
