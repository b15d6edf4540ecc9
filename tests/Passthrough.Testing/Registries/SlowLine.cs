using System.Net;
using System.Net.Sockets;

namespace Passthrough.Testing.Registries;

/// <summary>
/// A line between a client and a registry that is only so fast, and counts: listens on 127.0.0.1 and passes bytes on unread, TLS as it is.
/// What a transfer that is cut half-way did and did not send is seen here exactly.
/// </summary>
public sealed class SlowLine : IAsyncDisposable
{
    readonly TcpListener listener;
    readonly int target;
    readonly long bytesPerSecond;
    readonly bool slowsAnswers;
    readonly CancellationTokenSource stop = new();
    readonly TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly TaskCompletionSource cut = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Lock gate = new();
    readonly List<(long Bytes, TaskCompletionSource Reached)> watches = [];
    long due = TimeProvider.System.GetTimestamp();
    long sent;
    int open;

    /// <param name="target">The registry's port.</param>
    /// <param name="port">Where to listen; 0 takes a free one.</param>
    /// <param name="bytesPerSecond">How much it carries towards the registry, over all connections; the other way is not limited.</param>
    /// <param name="slowsAnswers">Limits and counts the way from the registry instead.</param>
    public SlowLine(int target, int port, long bytesPerSecond, bool slowsAnswers = false)
    {
        (this.target, this.bytesPerSecond, this.slowsAnswers) = (target, bytesPerSecond, slowsAnswers);
        listener = new TcpListener(IPAddress.Loopback, port);
        listener.Server.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Start();
        _ = Accept();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Bytes carried in the slow direction.</summary>
    public long Sent => Interlocked.Read(ref sent);

    /// <summary>Completes as soon as that many bytes were carried in the slow direction.</summary>
    public Task WhenSent(long bytes)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
            watches.Add((bytes, reached));
        return reached.Task;
    }

    /// <summary>A request that begins like this is not passed on; null for none. Only of lines without TLS.</summary>
    public byte[]? HoldsRequest { get; init; }

    /// <summary>Completes as soon as such a request came. Everything else still passes.</summary>
    public Task WhenHeld => held.Task;

    /// <summary>Ends the connection of such a request; the registry never sees it.</summary>
    public void CutHeld() => cut.TrySetResult();

    /// <summary>Completes when nothing is under way any more: what a killed client had written arrives after its end.</summary>
    public async Task WhenIdle()
    {
        while (Volatile.Read(ref open) > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(20));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
    }

    async Task Accept()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptSocketAsync(stop.Token);
                Interlocked.Increment(ref open);
                _ = Relay(client);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    async Task Relay(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            try
            {
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, target, stop.Token);
                // Each direction ends by itself: closing both with the first would cut off what the other still carries.
                await Task.WhenAll(Pump(client, server, slowsAnswers ? AtOnce : Pace, HoldsRequest), Pump(server, client, slowsAnswers ? Pace : AtOnce));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // A side that went away, or the end of the test: both sides are closed.
            }
            finally
            {
                Interlocked.Decrement(ref open);
            }
        }
    }

    async Task Pump(Socket from, Socket to, Func<int, Task> pace, byte[]? holds = null)
    {
        var buffer = new byte[16 * 1024];
        int count;
        try
        {
            while ((count = await from.ReceiveAsync(buffer, stop.Token)) > 0)
            {
                if (holds is not null && buffer.AsSpan(0, count).StartsWith(holds))
                {
                    held.TrySetResult();
                    await cut.Task.WaitAsync(stop.Token);
                    throw new SocketException((int)SocketError.ConnectionReset);
                }

                await pace(count);
                for (var at = 0; at < count;)
                    at += await to.SendAsync(buffer.AsMemory(at, count - at), stop.Token);
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            // A side that is gone takes nothing more, and the other one is told so.
            from.Dispose();
            to.Dispose();
        }
    }

    static Task AtOnce(int count) => Task.CompletedTask;

    Task Pace(int count)
    {
        TimeSpan wait;
        lock (gate)
        {
            sent += count;
            foreach (var watch in watches)
            {
                if (sent >= watch.Bytes)
                    watch.Reached.TrySetResult();
            }

            var now = TimeProvider.System.GetTimestamp();
            due = Math.Max(due, now) + (count * TimeProvider.System.TimestampFrequency / bytesPerSecond);
            wait = TimeProvider.System.GetElapsedTime(now, due);
        }

        return wait > TimeSpan.FromMilliseconds(1) ? Task.Delay(wait, stop.Token) : Task.CompletedTask;
    }
}
