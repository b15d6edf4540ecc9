namespace Passthrough.Core.Registry.Http;

/// <summary>Reads a body that must be small: what a server sends is not trusted to be.</summary>
static class BoundedBody
{
    /// <exception cref="ModuleException">There is more than the limit.</exception>
    public static async Task<byte[]> ReadAsync(HttpResponseMessage response, int limit, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentLength > limit)
            throw TooLarge(response, limit);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var bytes = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await stream.ReadAsync(buffer, cancellation) is var count && count > 0)
        {
            bytes.Write(buffer, 0, count);
            if (bytes.Length > limit)
                throw TooLarge(response, limit);
        }

        return bytes.ToArray();
    }

    static ModuleException TooLarge(HttpResponseMessage response, int limit) =>
        new(ErrorCodes.NotARegistry, $"the answer of {response.RequestMessage?.RequestUri?.GetLeftPart(UriPartial.Path)} is larger than {limit / 1024} KiB", "check that the address is a registry's") { HttpStatus = (int)response.StatusCode };
}
