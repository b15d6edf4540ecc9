using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Files;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Judges a server's certificate: the system's CAs first, then those of a PEM file. A self-signed server certificate, or an intermediate, that stands
/// in the file is accepted as it is. The host's name and the dates are always checked.
/// </summary>
sealed class CertificateTrust
{
    const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    readonly X509Certificate2Collection additional;
    readonly ConnectionOptions options;

    /// <param name="additional">CAs and server certificates trusted in addition to the system's.</param>
    /// <param name="options">Whether certificates are judged, and who is shown them.</param>
    public CertificateTrust(X509Certificate2Collection additional, ConnectionOptions options)
    {
        this.additional = additional;
        this.options = options;
    }

    /// <summary>Reads the certificates of a PEM file that the user named.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What a message calls it: a parameter's name.</param>
    /// <exception cref="ModuleException">The file cannot be read, or holds no certificate.</exception>
    public static X509Certificate2Collection ReadFile(string path, string what)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(InputFile.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"{what} {path} cannot be read: {Reason(e)}", "give the path of a PEM file on the host that runs the module", e);
        }
        catch (CryptographicException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{what} {path} holds a damaged certificate", "give a PEM file with one or more BEGIN CERTIFICATE blocks", e);
        }

        return certificates.Count > 0
            ? certificates
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"{what} {path} holds no certificate", "give a PEM file with one or more BEGIN CERTIFICATE blocks");
    }

    static string Reason(Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => "it does not exist",
        UnauthorizedAccessException => "permission denied, or it is a folder",
        _ => e.Message,
    };

    /// <summary>The callback of a TLS handshake. It throws instead of answering no, so that the reason reaches the user.</summary>
    /// <exception cref="ModuleException">The certificate is not good, and why.</exception>
    public bool Accept(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        var host = (sender as SslStream)?.TargetHostName ?? "the server";
        if (certificate is X509Certificate2 shown)
            options.OnCertificate?.Invoke(shown);
        if (!options.ValidateCertificates)
            return true;
        if (certificate is not X509Certificate2 leaf)
            throw new AuthenticationException("the server sent no certificate");
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
            CheckChain(host, leaf, chain);
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            throw Refused(host, $"is not for this host but for {Names(leaf)}", "use one of these names, or give the registry a certificate for the name you use");
        return true;
    }

    void CheckChain(string host, X509Certificate2 leaf, X509Chain? systems)
    {
        var sentAlong = new X509Certificate2Collection();
        foreach (var element in systems?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            sentAlong.Add(element.Certificate);
        sentAlong.AddRange(systems?.ChainPolicy.ExtraStore ?? []);

        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(additional);
        policy.ExtraStore.AddRange(additional);
        policy.ExtraStore.AddRange(sentAlong);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        // A module in a network without a way out must not wait for certificates from the internet.
        policy.DisableCertificateDownloads = true;
        if (chain.Build(leaf))
            return;

        var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        if (status.HasFlag(X509ChainStatusFlags.NotTimeValid))
            throw Refused(host, Expired(chain), "renew it, or correct this host's clock");
        // Roots must be self-signed for the platform; whoever gives an intermediate or the server's own certificate means exactly that one.
        const X509ChainStatusFlags RootMissing = X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot;
        if ((status & ~RootMissing) == X509ChainStatusFlags.NoError && chain.ChainElements.Any(element => additional.Any(given => given.RawDataMemory.Span.SequenceEqual(element.Certificate.RawDataMemory.Span))))
            return;
        throw (status & RootMissing) != X509ChainStatusFlags.NoError
            ? Refused(host, $"is not trusted (issuer {leaf.Issuer})", options.RemediesFor(host).Untrusted)
            : Refused(host, $"cannot be used: {string.Join(", ", chain.ChainStatus.Select(one => one.Status.ToString()))}", "give the registry a certificate for TLS servers");
    }

    static string Expired(X509Chain chain)
    {
        var certificate = chain.ChainElements.First(element => element.ChainElementStatus.Any(status => status.Status.HasFlag(X509ChainStatusFlags.NotTimeValid))).Certificate;
        return $"or one of its CAs is not valid now ({certificate.Subject}: {certificate.NotBefore.ToUniversalTime():yyyy-MM-dd HH:mm} to {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm} UTC)";
    }

    static string Names(X509Certificate2 leaf)
    {
        var names = leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(extension => extension.EnumerateDnsNames().Concat(extension.EnumerateIPAddresses().Select(address => address.ToString()))).ToList();
        return names.Count > 0 ? string.Join(", ", names.Take(10)) : $"{leaf.Subject} (no subjectAltName)";
    }

    static ModuleException Refused(string host, string why, string hint) => new(ErrorCodes.Tls, $"the certificate of {host} {why}", hint);
}
