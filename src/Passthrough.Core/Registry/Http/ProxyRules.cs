using System.Net;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Which proxy a request goes through, by <c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c>, <c>ALL_PROXY</c> and <c>NO_PROXY</c>, in lower or upper
/// case. NO_PROXY is read as
/// curl and Go's clients read it (golang.org/x/net/http/httpproxy, curl(1) "NO_PROXY"), since the same variables serve podman and oc on
/// this host.
/// </summary>
sealed class ProxyRules : IWebProxy
{
    readonly Uri? https;
    readonly Uri? http;
    readonly List<Exemption> exemptions = [];
    readonly CredentialCache credentials = new();

    public ProxyRules(Func<string, string?> environment)
    {
        https = Read(environment, "https_proxy") ?? Read(environment, "all_proxy");
        http = Read(environment, "http_proxy") ?? Read(environment, "all_proxy");
        foreach (var entry in (Value(environment, "no_proxy") ?? "").Split([',', ' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            exemptions.Add(new Exemption(entry.ToLowerInvariant()));
    }

    /// <summary>Those of this process.</summary>
    public static ProxyRules OfEnvironment() => new(Environment.GetEnvironmentVariable);

    public ICredentials? Credentials
    {
        get => credentials;
        set => throw new NotSupportedException();
    }

    /// <summary>The proxy, without user name and password; null for a direct connection.</summary>
    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : Of(destination);

    public bool IsBypassed(Uri host) =>
        Of(host) is null || host.IsLoopback || host.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || exemptions.Exists(exemption => exemption.Covers(host.IdnHost.TrimEnd('.').ToLowerInvariant(), host.Port));

    Uri? Of(Uri destination) => destination.Scheme == Uri.UriSchemeHttps ? https : http;

    Uri? Read(Func<string, string?> environment, string name)
    {
        if (Value(environment, name) is not { } text)
            return null;
        if (!text.Contains("://", StringComparison.Ordinal))
            text = $"http://{text}";
        if (!Uri.TryCreate(text, UriKind.Absolute, out var proxy)
            || proxy.Scheme is not ("http" or "https" or "socks4" or "socks4a" or "socks5") || proxy.Host.Length == 0)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{name.ToUpperInvariant()} is not the address of a proxy",
                "write http://[user:password@]host:port");
        var address = new UriBuilder(proxy) { UserName = "", Password = "" }.Uri;
        if (proxy.UserInfo.Length > 0)
        {
            var pair = proxy.UserInfo.Split(':', 2);
            credentials.Remove(address, "Basic");
            credentials.Add(address, "Basic",
                new NetworkCredential(Uri.UnescapeDataString(pair[0]), pair.Length > 1 ? Uri.UnescapeDataString(pair[1]) : ""));
        }

        return address;
    }

    static string? Value(Func<string, string?> environment, string name) =>
        new[] { name, name.ToUpperInvariant() }.Select(environment).FirstOrDefault(value => !string.IsNullOrWhiteSpace(value))?.Trim();

    /// <summary>One entry of NO_PROXY: <c>*</c>, an address, a network, a name with its sub-domains, <c>.name</c>, <c>*.name</c>; each
    /// but a network with a port if wanted.</summary>
    sealed class Exemption
    {
        readonly IPNetwork? network;
        readonly IPAddress? address;
        readonly int? port;
        readonly string name = "";

        public Exemption(string entry)
        {
            if (entry.Contains('/', StringComparison.Ordinal))
            {
                network = ParseNetwork(entry);
                return;
            }

            var colon = entry.LastIndexOf(':');
            var hasPort = colon >= 0 && (entry.IndexOf(':') == colon || entry[colon - 1] == ']');
            if (hasPort && int.TryParse(entry[(colon + 1)..], out var number))
                (port, entry) = (number, entry[..colon]);
            name = entry.Trim('[', ']').TrimEnd('.');
            address = IPAddress.TryParse(name, out var parsed) ? parsed : null;
        }

        public bool Covers(string host, int hostPort)
        {
            if (port is not null && port != hostPort)
                return false;
            var isAddress = IPAddress.TryParse(host.Trim('[', ']'), out var ip);
            if (network is not null)
                return isAddress && network.Value.Contains(ip!.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip);
            if (name == "*")
                return true;
            if (isAddress || address is not null)
                return isAddress && ip!.Equals(address);
            // Sub-domains alone with "*."; curl and .NET let ".corp.example" cover corp.example as well.
            if (name.StartsWith("*.", StringComparison.Ordinal))
                return host.EndsWith(name[1..], StringComparison.Ordinal);
            var bare = name.TrimStart('.');
            return bare.Length > 0 && (host == bare || host.EndsWith($".{bare}", StringComparison.Ordinal));
        }

        // Host bits may be set, as in 10.1.2.3/8, which IPNetwork itself refuses.
        static IPNetwork? ParseNetwork(string entry)
        {
            var parts = entry.Split('/');
            if (parts.Length != 2 || !IPAddress.TryParse(parts[0].Trim('[', ']'), out var first) || !int.TryParse(parts[1], out var length))
                return null;
            var bytes = first.GetAddressBytes();
            if (length < 0 || length > bytes.Length * 8)
                return null;
            for (var bit = length; bit < bytes.Length * 8; bit++)
                bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
            return new IPNetwork(new IPAddress(bytes), length);
        }
    }
}
