namespace Passthrough.Core.Registry.Http;

/// <summary>The body of a blob, watched for progress. Faults are <see cref="ModuleException"/> with the codes of broken connections, so that a reader can go on elsewhere.</summary>
sealed class BlobStream(HttpResponseMessage response, Stream inner, RegistryCall call, RegistryClient client) : ReadOnlyStream
{
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
            throw TransportError.From(e, call.Action, call.Address);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            response.Dispose();
        }

        base.Dispose(disposing);
    }
}
