using System.Net.Sockets;

namespace Passthrough.Core.Registry.Http;

/// <summary>Turns what .NET throws when a request gets no answer into one sentence.</summary>
static class TransportError
{
    /// <summary>Whether the same request may succeed a moment later: a broken connection may, a wrong name or certificate does not.</summary>
    public static bool MayPass(ModuleException fault) => fault.Code is ErrorCodes.Connection or ErrorCodes.Timeout;

    /// <param name="e">An exception of HttpClient or of a stream it gave.</param>
    /// <param name="action">What was tried, after "cannot".</param>
    /// <param name="address">Where.</param>
    public static ModuleException From(Exception e, string action, Uri address)
    {
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is ModuleException { Code: ErrorCodes.Tls } untrusted)
                return new ModuleException(untrusted.Code, $"cannot {action}: {untrusted.Message}", untrusted.Hint, e);
        }

        var where = $"{address.Host}:{address.Port}";
        return (e as HttpRequestException)?.HttpRequestError switch
        {
            HttpRequestError.NameResolutionError => new(ErrorCodes.NameResolution, $"cannot {action}: the name {address.Host} does not resolve", "correct registry_host, or add the name to DNS or /etc/hosts of the host that runs the module", e),
            HttpRequestError.SecureConnectionError => Tls(e, action, where),
            HttpRequestError.ProxyTunnelError => new(ErrorCodes.Connection, $"cannot {action}: the proxy does not connect to {where}: {Root(e).Message}", "correct HTTPS_PROXY, add the registry to NO_PROXY, or set use_proxy: false", e),
            // Over HTTP/2 a connection that ends before the first frame is called an invalid response, too.
            HttpRequestError.InvalidResponse when !BrokeOff(e) => new(ErrorCodes.NotARegistry, $"cannot {action}: {where} does not speak HTTP{(address.Scheme == "http" ? "; perhaps it wants https" : "")}", address.Scheme == "http" ? "set scheme: https, or correct registry_port" : "correct registry_port", e),
            _ => Connection(e, action, where, address.Scheme),
        };
    }

    static ModuleException Connection(Exception e, string action, string where, string scheme)
    {
        var socket = Socket(e);
        var why = socket?.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => "nobody listens there (connection refused)",
            SocketError.ConnectionReset or SocketError.Shutdown => "the connection was reset",
            SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.NetworkDown => "there is no way to it (no route to host)",
            SocketError.TimedOut => "it does not answer (connection timed out)",
            null => "the connection broke off",
            _ => socket.Message,
        };
        var hint = socket?.SocketErrorCode == SocketError.ConnectionRefused ? "start the registry, or correct registry_host and registry_port"
            : scheme == "http" && socket?.SocketErrorCode is null or SocketError.ConnectionReset ? "set scheme: https if the registry speaks TLS; otherwise check the network and proxies between"
            : socket is null ? "check the network and proxies between; a server that wants a client certificate (client_cert) ends connections like this"
            : "check the network, firewalls and proxies between this host and the registry";
        return new ModuleException(ErrorCodes.Connection, $"cannot {action}: {where}: {why}", hint, e);
    }

    static ModuleException Tls(Exception e, string action, string where)
    {
        var root = Root(e);
        // The first bytes of a plain HTTP answer are no TLS record.
        if (e.ToString() is var text && (text.Contains("SSL_ERROR_SSL", StringComparison.Ordinal) && text.Contains("wrong version number", StringComparison.Ordinal) || text.Contains("Cannot determine the frame size", StringComparison.Ordinal) || text.Contains("corrupted frame", StringComparison.Ordinal)))
            return new ModuleException(ErrorCodes.Tls, $"cannot {action}: {where} does not speak TLS", "set scheme: http if the registry serves plain HTTP, or correct registry_port", e);
        if (Socket(e) is not null || root is IOException)
            return new ModuleException(ErrorCodes.Connection, $"cannot {action}: {where}: the connection broke off during the TLS handshake", "check that the port is the registry's, and the network between", e);
        return new ModuleException(ErrorCodes.Tls, $"cannot {action}: the TLS handshake with {where} failed: {FirstLine(root)}", "check scheme, client_cert and the TLS versions of the registry", e);
    }

    static bool BrokeOff(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is SocketException or HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded })
                return true;
        }

        return false;
    }

    static string FirstLine(Exception e) => e.Message.Split('\n', 2)[0].Trim().TrimEnd('.');

    static SocketException? Socket(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is SocketException socket)
                return socket;
        }

        return null;
    }

    static Exception Root(Exception e) => e.InnerException is null ? e : Root(e.InnerException);
}
