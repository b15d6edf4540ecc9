using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>The ConfigMap through which a cluster's nodes trust a registry's private authority (mirror-policies.md 4, additionalTrustedCA).</summary>
public static class TrustedCa
{
    public const string Name = "registry-passthrough-ca";

    const string Form = "give a PEM file with one or more BEGIN CERTIFICATE blocks and no key";

    /// <param name="authority">The registry as image names have it, <c>host[:port]</c>.</param>
    /// <param name="certificates">What <see cref="Certificates"/> gave.</param>
    public static string Render(string authority, string certificates) => YamlText.Document(new JObject
    {
        ["apiVersion"] = "v1",
        ["kind"] = "ConfigMap",
        ["metadata"] = new JObject { ["name"] = Name, ["namespace"] = "openshift-config" },
        ["data"] = new JObject { [Key(authority)] = certificates },
    });

    /// <summary>The key of the ConfigMap: it cannot have a colon.</summary>
    public static string Key(string authority) => authority.Replace(":", "..", StringComparison.Ordinal);

    /// <summary>The certificates of a PEM file, each as it stands there, lines ended by LF; comments and what stands between them are left out.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <exception cref="ModuleException">It holds none, a damaged one, or a private key, which must not be published.</exception>
    public static string Certificates(string path, string pem)
    {
        var text = new StringBuilder();
        for (var rest = pem.AsSpan(); PemEncoding.TryFind(rest, out var block); rest = rest[block.Location.End..])
        {
            var label = rest[block.Label].ToString();
            if (label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))
                throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_ca_file {path} holds a private key, and everybody may read what is made of it", Form);
            if (label != "CERTIFICATE")
                continue;
            try
            {
                X509CertificateLoader.LoadCertificate(Convert.FromBase64String(rest[block.Base64Data].ToString())).Dispose();
            }
            catch (CryptographicException e)
            {
                throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_ca_file {path} holds a damaged certificate", Form, e);
            }

            text.Append(rest[block.Location].ToString().ReplaceLineEndings("\n")).Append('\n');
        }

        return text.Length > 0 ? text.ToString() : throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_ca_file {path} holds no certificate", Form);
    }
}
