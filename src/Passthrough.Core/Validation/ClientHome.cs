using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Core.Programs;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Validation;

/// <summary>
/// A folder that is the client's whole world for one proof: a home with a registries.conf, so that the host's own is not read, trust, credentials, and room
/// for what it copies. Mode 0700; gone with everything in it when disposed of.
/// </summary>
sealed class ClientHome : IDisposable
{
    /// <summary>Variables of ours that a client needs to reach a registry through a proxy.</summary>
    static readonly string[] ProxyVariables = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];

    /// <summary>Where this host keeps its CAs, where that is not where programs expect them.</summary>
    static readonly string[] TrustVariables = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

    readonly PrivateFolder folder = PrivateFolder.Create("passthrough-proof-");

    string Root => folder.Path;

    /// <summary>The client's HOME with the redirection.</summary>
    public string Mirrored => Path.Combine(Root, "home");

    /// <summary>The client's HOME with the redirection's mirrors taken away.</summary>
    public string Unmirrored => Path.Combine(Root, "control");

    /// <summary>Where <c>lookaside</c> servers of signatures would be named: nowhere.</summary>
    public string RegistriesD => folder.Make("registries.d");

    public string Temporary => folder.Make("tmp");

    public string AuthFile => Path.Combine(Root, "auth.json");

    /// <summary>Bytes that may still be written here.</summary>
    public long FreeBytes => new DriveInfo(Root).AvailableFreeSpace;

    /// <summary>Whether a path lies in it.</summary>
    public bool Holds(string path) => path.StartsWith(Root + "/", StringComparison.Ordinal);

    /// <summary>A file of the client's own.</summary>
    /// <returns>Its path.</returns>
    public string Write(string name, string text) => folder.Write(name, Encoding.UTF8.GetBytes(text));

    /// <summary>An empty folder that is not there yet.</summary>
    public string NewFolder(string name) => Path.Combine(Root, name);

    /// <summary>
    /// Puts the rendered file, byte for byte, and what is laid over it into both homes. Clients of before v5.40 of their library read a drop-in of
    /// their home; newer ones read the file that a variable names, and a second one over it (mirror-policies.md 2.3).
    /// </summary>
    public void WriteRedirection(ReadOnlySpan<byte> rendered, BlockedRedirection blocked)
    {
        Write(Conf(Mirrored), rendered);
        Write(DropIn(Mirrored), Encoding.UTF8.GetBytes(blocked.WithMirrors.Render()));
        Write(Conf(Unmirrored), rendered);
        Write(DropIn(Unmirrored), Encoding.UTF8.GetBytes(blocked.WithoutMirrors.Render()));
    }

    /// <summary>Puts the CA and client certificate for one registry where clients look first.</summary>
    public void WriteTrust(string authority, ConnectionOptions options)
    {
        var certs = Path.Combine(Mirrored, ".config", "containers", "certs.d", authority);
        if (options.CaPath is { } ca)
            Write(Path.Combine(certs, "ca.crt"), InputFile.ReadAllBytes(ca));
        else if (!options.TrustedCertificates.IsEmpty)
            Write(Path.Combine(certs, "ca.crt"), Encoding.UTF8.GetBytes(string.Join('\n', options.TrustedCertificates.Select(certificate => certificate.ExportCertificatePem())) + "\n"));
        if (options.ClientCertificate is { } certificate)
        {
            Write(Path.Combine(certs, "client.cert"), InputFile.ReadAllBytes(certificate));
            Write(Path.Combine(certs, "client.key"), InputFile.ReadAllBytes(options.ClientKey ?? certificate));
        }
    }

    public void WriteAuthFile(JObject content) => Write(AuthFile, Encoding.UTF8.GetBytes(Json.Indented(content)));

    /// <summary>The whole environment of a client.</summary>
    /// <param name="home"><see cref="Mirrored"/> or <see cref="Unmirrored"/>.</param>
    /// <param name="useProxy">Whether our proxy variables go along.</param>
    public Dictionary<string, string> EnvironmentFor(string home, bool useProxy, SearchPath searchPath)
    {
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = home,
            ["PATH"] = searchPath.ToString(),
            ["TMPDIR"] = Temporary,
            ["LC_ALL"] = "C",
            ["CONTAINERS_REGISTRIES_CONF"] = Conf(home),
            ["CONTAINERS_REGISTRIES_CONF_OVERRIDE"] = DropIn(home),
        };
        foreach (var name in useProxy ? [.. TrustVariables, .. ProxyVariables] : TrustVariables)
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
                environment[name] = value;
        }

        return environment;
    }

    /// <summary>Removes a file or folder of this name with everything in it.</summary>
    public void Remove(string name) => folder.Remove(name);

    public void Dispose() => folder.Dispose();

    static string Conf(string home) => Path.Combine(home, ".config", "containers", "registries.conf");

    static string DropIn(string home) => Path.Combine(home, ".config", "containers", "registries.conf.d", "blocked.conf");

    // What is below a 0700 folder is nobody else's; secrets are 0600 all the same.
    void Write(string path, ReadOnlySpan<byte> content) => folder.Write(Path.GetRelativePath(Root, path), content);
}
