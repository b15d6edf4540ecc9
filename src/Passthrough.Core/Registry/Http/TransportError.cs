using System.Net;
using System.Net.Sockets;

namespace Passthrough.Core.Registry.Http;

/// <summary>Turns what .NET throws when a request gets no answer into one sentence.</summary>
static class TransportError
{
    /// <summary>Whether the same request may succeed a moment later: a broken connection may, a wrong name or certificate does not.</summary>
    public static bool MayPass(ModuleException fault) => fault.Code is ErrorCodes.Connection or ErrorCodes.Timeout;

    /// <param name="e">An exception of HttpClient or of a stream it gave.</param>
    /// <param name="action">What was tried, after "cannot".</param>
    /// <param name="peer">Where.</param>
    public static ModuleException From(Exception e, string action, Peer peer)
    {
        var prefix = $"cannot {action}: {(peer.Via is null ? "" : $"{peer.Via}: ")}";
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is ModuleException { Code: ErrorCodes.Tls } untrusted)
                return new ModuleException(untrusted.Code, prefix + untrusted.Message, peer.Via is null ? untrusted.Hint : peer.Hint, e);
        }

        var (code, why, hint) = Explain(e, peer);
        return new ModuleException(code, prefix + why, peer.Hint ?? hint, e);
    }

    static (string Code, string Why, string Hint) Explain(Exception e, Peer peer)
    {
        var (error, where, remedies) = ((e as HttpRequestException)?.HttpRequestError, peer.Where, peer.Remedies);
        if (peer.Proxy is { } proxy && OfProxy(e, error, proxy, peer) is { } ofProxy)
            return ofProxy;
        return error switch
        {
            HttpRequestError.NameResolutionError =>
                (ErrorCodes.NameResolution, $"the name {peer.Address.Host} does not resolve", remedies.Name),
            HttpRequestError.SecureConnectionError => Tls(e, where, remedies),
            // Over HTTP/2 a connection that ends before the first frame is called an invalid response, too.
            HttpRequestError.InvalidResponse when !BrokeOff(e) => peer.Address.Scheme == "http"
                ? (ErrorCodes.NotARegistry, $"{where} does not speak HTTP; perhaps it wants https",
                    $"{remedies.NeedsTls}, or {remedies.Address}")
                : (ErrorCodes.NotARegistry, $"{where} does not speak HTTP", remedies.Address),
            _ => Connection(e, where, peer.Address.Scheme, remedies),
        };
    }

    // The tunnel was refused, or the proxy itself is out of reach: the registry has not been asked.
    static (string Code, string Why, string Hint)? OfProxy(Exception e, HttpRequestError? error, Uri proxy, Peer peer)
    {
        var (variable, name) = (peer.Address.Scheme == "http" ? "HTTP_PROXY" : "HTTPS_PROXY", $"the proxy {proxy.Authority}");
        var without = $"add {peer.Address.Host} to NO_PROXY or set use_proxy: false if it is reached without a proxy";
        var status = (e as HttpRequestException)?.StatusCode;
        if (error == HttpRequestError.ProxyTunnelError || status is not null)
        {
            var answer = status is null ? FirstLine(Root(e)) : $"{(int)status} {Phrase(status.Value)}".TrimEnd();
            var (code, hint) = status switch
            {
                HttpStatusCode.ProxyAuthenticationRequired =>
                    (ErrorCodes.Unauthorized,
                        $"put the proxy's user name and password into {variable} (http://user:password@host:port), or {without}"),
                { } passing when Retry.MayPass(passing) =>
                    (ErrorCodes.Connection, $"the proxy cannot reach {peer.Where}: check that it is up, or {without}"),
                null => (ErrorCodes.Connection, $"check the proxy, or {without}"),
                _ => (ErrorCodes.Unauthorized, $"let the proxy allow {peer.Where}, or {without}"),
            };
            return (code, $"{name} refuses to connect to {peer.Where} ({answer})", hint);
        }

        if (error == HttpRequestError.NameResolutionError)
            return (ErrorCodes.NameResolution, $"the name {proxy.Host} of the proxy does not resolve", $"correct {variable}, or {without}");
        return error == HttpRequestError.ConnectionError
            ? (ErrorCodes.Connection, $"{name}: {Connection(e, "", "", peer.Remedies).Why.TrimStart(':', ' ')}",
                $"correct {variable}, or {without}")
            : null;
    }

    static (string Code, string Why, string Hint) Connection(Exception e, string where, string scheme, Remedies remedies)
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
        var hint = socket?.SocketErrorCode == SocketError.ConnectionRefused ? remedies.NotListening
            : scheme == "http" && socket?.SocketErrorCode is null or SocketError.ConnectionReset
                ? $"{remedies.NeedsTls} if the registry speaks TLS; otherwise check the network and proxies between"
            : socket is null ? $"check the network and proxies between; a server that wants a client certificate "
                + $"({remedies.ClientCertificate}) ends connections like this"
            : "check the network, firewalls and proxies between this host and the registry";
        return (ErrorCodes.Connection, $"{where}: {why}", hint);
    }

    static (string Code, string Why, string Hint) Tls(Exception e, string where, Remedies remedies)
    {
        var root = Root(e);
        // The first bytes of a plain HTTP answer are no TLS record.
        if (e.ToString() is var text && (text.Contains("SSL_ERROR_SSL", StringComparison.Ordinal) && text.Contains("wrong version number", StringComparison.Ordinal) || text.Contains("Cannot determine the frame size", StringComparison.Ordinal) || text.Contains("corrupted frame", StringComparison.Ordinal)))
            return (ErrorCodes.Tls, $"{where} does not speak TLS", remedies.NoTls);
        if (Socket(e) is not null || root is IOException)
            return (ErrorCodes.Connection, $"{where}: the connection broke off during the TLS handshake",
                "check that the port is the registry's, and the network between");
        return (ErrorCodes.Tls, $"the TLS handshake with {where} failed: {FirstLine(root)}",
            $"check the registry's TLS versions, and {remedies.ClientCertificate} if it asks for a client certificate");
    }

    static string? Phrase(HttpStatusCode status)
    {
        using var response = new HttpResponseMessage(status);
        return response.ReasonPhrase;
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
