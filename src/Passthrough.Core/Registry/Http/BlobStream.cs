namespace Passthrough.Core.Registry.Http;

/// <summary>
/// The body of a blob, watched for progress. What breaks off is asked for again from there on; when that does not help, the fault is a
/// <see cref="ModuleException"/> with the code of a broken connection, so that a reader can go on elsewhere.
/// </summary>
/// <param name="body">The body, from <paramref name="start"/> on.</param>
/// <param name="end">The size of the whole blob.</param>
sealed class BlobStream(HttpResponseMessage first, Stream body, long start, long end, RegistryCall call, RegistryClient client)
    : ReadOnlyStream
{
    HttpResponseMessage response = first;
    Stream inner = body;
    long position = start;
    int broken;

    /// <summary>Opens the blob anew at a position; null where what breaks off is an error at once.</summary>
    public Func<long, CancellationToken, Task<(HttpResponseMessage Response, Stream Body)>>? Reopen { get; init; }

    /// <summary>Reads over bytes that were not asked for.</summary>
    public async Task SkipAsync(long count, CancellationToken cancellation)
    {
        var buffer = new byte[64 * 1024];
        while (count > 0)
        {
            var read = await ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, count)), cancellation);
            if (read == 0)
                throw new ModuleException(ErrorCodes.Connection, $"cannot {call.Action}: it ends before the bytes that are missing");
            count -= read;
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var count = await ReadOnceAsync(buffer, cancellationToken);
                (position, broken) = (position + count, count > 0 ? 0 : broken);
                return count;
            }
            catch (ModuleException e) when (TransportError.MayPass(e) && Reopen is not null && position < end
                && broken < client.Options.Retries)
            {
                await client.Retry.PauseAsync(broken++, cancellationToken);
                client.Options.Requests.AddRetry();
                Release();
                (response, inner) = await Reopen(position, cancellationToken);
            }
        }
    }

    async ValueTask<int> ReadOnceAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var watchdog = new Watchdog(client.Options.StallTimeout, client.Time, cancellationToken);
        try
        {
            return await inner.ReadAsync(buffer, watchdog.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ModuleException(ErrorCodes.Timeout, $"cannot {call.Action}: nothing came for {client.Options.StallTimeout.TotalSeconds} s", "check the network, or the registry", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw TransportError.From(e, call.Action,
                client.PeerOf(response.RequestMessage?.RequestUri ?? call.Address, mayBeRedirected: true));
        }
        catch (InvalidDataException e)
        {
            throw new ModuleException(ErrorCodes.NotARegistry, $"cannot {call.Action}: its gzip encoding is damaged",
                "switch compression off in the registry's front end or in the proxy between", e);
        }
    }

    void Release()
    {
        inner.Dispose();
        response.Dispose();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Release();
        base.Dispose(disposing);
    }
}
