using System.Collections.Immutable;
using System.Net;

namespace Passthrough.Core.Mirroring.Clients;

/// <summary>Where containerd 2 looks for the images of one registry, by the files below its <c>config_path</c> (containerd docs/hosts.md; mirror-policies.md 4, "containerd").</summary>
public sealed record ContainerdHosts
{
    const string DefaultRoot = "/etc/containerd/certs.d";

    /// <summary>The folder that is used; null where the registry has none.</summary>
    public string? Folder { get; private init; }

    /// <summary>Asked in this order; none where <see cref="Error"/> is set.</summary>
    public ImmutableArray<ContainerdHost> Hosts { get; private init; } = [];

    /// <summary>Why <c>hosts.toml</c> is thrown away; containerd only logs it, and asks the registry itself. Null where it is used.</summary>
    public string? Ignored { get; private init; }

    /// <summary>Why every pull from the registry fails; null where it does not.</summary>
    public string? Error { get; private init; }

    /// <param name="registry">As the image names it: <c>quay.io</c>, <c>registry.local:8443</c>.</param>
    /// <param name="files">Path below the root, and text; a path that ends in <c>/</c> is an empty folder.</param>
    public static ContainerdHosts For(string registry, IReadOnlyDictionary<string, string> files, string root = DefaultRoot)
    {
        var folder = FoldersOf(registry).FirstOrDefault(name => files.Keys.Any(path => path.StartsWith(name + "/", StringComparison.Ordinal)));
        var (hosts, ignored) = folder is null ? ([new ContainerdHost()], null) : Read(folder, files, root);
        var result = new ContainerdHosts { Folder = folder is null ? null : $"{root}/{folder}", Ignored = ignored };
        if (hosts[^1].Host.Length == 0)
            hosts = hosts.SetItem(hosts.Length - 1, Itself(registry, hosts[^1]));
        return hosts.Select(host => RefuseFiles(host, files, root)).FirstOrDefault(reason => reason is not null) is { } error
            ? result with { Error = error }
            : result with { Hosts = [.. hosts.Select(PreferTls)] };
    }

    static IEnumerable<string> FoldersOf(string registry)
    {
        if (registry.LastIndexOf(':') is > 0 and var colon)
            yield return $"{registry[..colon]}_{registry[(colon + 1)..]}_";
        yield return registry;
        yield return "_default";
    }

    static (ImmutableArray<ContainerdHost> Hosts, string? Ignored) Read(string folder, IReadOnlyDictionary<string, string> files, string root)
    {
        string? fault = null;
        if (files.GetValueOrDefault($"{folder}/hosts.toml") is { Length: > 0 } text)
        {
            (var hosts, fault) = new HostsToml($"{root}/{folder}").Read(text);
            if (fault is null)
                return (hosts, null);
        }

        return ([WithCertificates(folder, files, root)], fault);
    }

    // Docker's form: every .crt is a CA, a .cert may have its .key beside it.
    static ContainerdHost WithCertificates(string folder, IReadOnlyDictionary<string, string> files, string root)
    {
        var names = files.Keys.Where(path => path.StartsWith(folder + "/", StringComparison.Ordinal) && path.LastIndexOf('/') == folder.Length).Order(StringComparer.Ordinal).ToList();
        ImmutableArray<string> authorities = [.. names.Where(name => name.EndsWith(".crt", StringComparison.Ordinal)).Select(name => $"{root}/{name}")];
        return new ContainerdHost
        {
            CaFiles = authorities.IsEmpty ? null : authorities,
            ClientFiles =
            [
                .. names.Where(name => name.EndsWith(".cert", StringComparison.Ordinal))
                    .Select(name => ($"{root}/{name}", Path.ChangeExtension(name, ".key") is var key && names.Contains(key) ? $"{root}/{key}" : "")),
            ],
        };
    }

    // Where nothing else is named last, the registry of the image is; whatever its capabilities were said to be.
    static ContainerdHost Itself(string registry, ContainerdHost host)
    {
        host = host with { Scheme = "https", Host = registry == "docker.io" ? "registry-1.docker.io" : registry, Path = "/v2", Capabilities = ContainerdCapabilities.All };
        if (!IsLoopback(registry))
            return host;
        var port = PortOf(registry);
        return host with { Scheme = port is "" or "443" ? "https" : "http", SkipVerify = port == "80" ? host.SkipVerify : true };
    }

    static ContainerdHost PreferTls(ContainerdHost host) =>
        host.Scheme == "http" && host.SaysHowToTrust && PortOf(host.Host) != "80" ? host with { Scheme = "https", HttpsThenHttp = true } : host;

    static string? RefuseFiles(ContainerdHost host, IReadOnlyDictionary<string, string> files, string root)
    {
        foreach (var file in host.CaFiles ?? [])
        {
            if (TextOf(file) is not { } text)
                return $"unable to read CA cert {GoText.Quote(file)}: open {file}: no such file or directory";
            if (!text.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
                return $"unable to load CA cert {GoText.Quote(file)}";
        }

        foreach (var (certificate, key) in host.ClientFiles)
        {
            foreach (var file in (ReadOnlySpan<string>)[certificate, key.Length > 0 ? key : certificate])
            {
                if (TextOf(file) is null)
                    return $"unable to read CERT file {GoText.Quote(file)}: open {file}: no such file or directory";
            }

            if (!TextOf(certificate)!.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
                return "failed to load X509 key pair: tls: failed to find any PEM data in certificate input";
            var keyText = TextOf(key.Length > 0 ? key : certificate)!;
            if (!keyText.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
                return $"failed to load X509 key pair: tls: {(keyText.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal) ? "found a certificate rather than a key in the PEM for the private key" : "failed to find any PEM data in key input")}";
        }

        return null;

        string? TextOf(string file) => file.StartsWith(root + "/", StringComparison.Ordinal) ? files.GetValueOrDefault(file[(root.Length + 1)..]) : null;
    }

    static bool IsLoopback(string registry)
    {
        var host = PortOf(registry).Length > 0 ? registry[..registry.LastIndexOf(':')].Trim('[', ']') : registry;
        return host == "localhost" || (IPAddress.TryParse(host, out var address) && !host.StartsWith('[') && IPAddress.IsLoopback(address));
    }

    // Go's SplitHostPort: an address of many colons without brackets has none.
    static string PortOf(string host) =>
        host.LastIndexOf(':') is var colon && colon < 0 || (host.IndexOf(':', StringComparison.Ordinal) != colon && host[colon - 1] != ']') || host.EndsWith(']') ? "" : host[(colon + 1)..];
}
