using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Passthrough.Core.Tests.Registry;

/// <summary>
/// A server that does what no framework does: it answers as soon as it has the headers, leaves the body unread, and closes. The kernel
/// resets the connection then,
/// as behind real servers and proxies that refuse a large body. As a proxy it sees CONNECT.
/// </summary>
sealed class RawServer : IAsyncDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly X509Certificate2? certificate;
    readonly Func<string, int, string> answer;
    readonly List<string> requests = [];
    int count = -1;

    /// <param name="answer">Gets head and number of a request; gives the whole answer, headers and all.</param>
    public RawServer(Func<string, int, string> answer, X509Certificate2? certificate = null)
    {
        (this.answer, this.certificate) = (answer, certificate);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _ = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>The first lines.</summary>
    public IReadOnlyList<string> Requests
    {
        get
        {
            lock (requests)
                return [.. requests];
        }
    }

    /// <summary>How many bytes of a body are read before the connection is closed.</summary>
    public int ReadsOfBody { get; init; }

    public static string Answer(string status, string body = "", params string[] headers) =>
        $"HTTP/1.1 {status}\r\n{string.Concat(headers.Select(header => header + "\r\n"))}"
            + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\nConnection: close\r\n\r\n{body}";

    async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                await using var plain = new NetworkStream(socket);
                await using var stream = certificate is null ? plain : await SecureAsync(plain);
                var head = await ReadHeadAsync(stream);
                lock (requests)
                    requests.Add(head.Split("\r\n")[0]);
                if (ReadsOfBody > 0 && head.Contains("Content-Length: ", StringComparison.Ordinal)
                    && !head.Contains("Content-Length: 0", StringComparison.Ordinal))
                    await stream.ReadAtLeastAsync(new byte[ReadsOfBody], ReadsOfBody, throwOnEndOfStream: false);
                await stream.WriteAsync(Encoding.UTF8.GetBytes(answer(head, Interlocked.Increment(ref count))));
                await stream.FlushAsync();
                await Task.Delay(50);
            }
            catch (IOException)
            {
                // The client was faster.
            }
        }
    }

    async Task<Stream> SecureAsync(Stream plain)
    {
        var secure = new SslStream(plain);
        await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate });
        return secure;
    }

    static async Task<string> ReadHeadAsync(Stream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one) > 0)
            head.Append((char)one[0]);
        return head.ToString();
    }

    public ValueTask DisposeAsync()
    {
        listener.Dispose();
        return ValueTask.CompletedTask;
    }
}
