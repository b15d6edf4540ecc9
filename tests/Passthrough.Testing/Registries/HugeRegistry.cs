using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries;

/// <summary>
/// A registry on a free port of 127.0.0.1 whose large blobs take no room: they are zeros, made when they are read and counted when they are written.
/// Manifests and small blobs are kept in memory.
/// </summary>
public sealed class HugeRegistry : IAsyncDisposable
{
    const int Chunk = 1024 * 1024;

    static readonly byte[] Zeros = new byte[Chunk];

    readonly ConcurrentDictionary<string, RawManifest> manifests = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, byte[]> small = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, long> large = new(StringComparer.Ordinal);
    LocalServer server = null!;

    HugeRegistry()
    {
    }

    public string Name => $"127.0.0.1:{server.Port}";

    public int Port => server.Port;

    public static async Task<HugeRegistry> Start()
    {
        var registry = new HugeRegistry();
        registry.server = await LocalServer.Start(registry.Serve, given: null);
        return registry;
    }

    public void Add(string repository, string reference, RawManifest manifest) =>
        manifests[$"{repository}/manifests/{reference}"] = manifests[$"{repository}/manifests/{manifest.Digest}"] = manifest;

    public void AddBlob(Digest digest, byte[] content) => small[digest.ToString()] = content;

    /// <summary>A blob of so many zeros.</summary>
    public void AddZeros(Digest digest, long size) => large[digest.ToString()] = size;

    /// <summary>How many bytes of zeros it was sent under that digest; null for none.</summary>
    public long? Received(Digest digest) => large.TryGetValue(digest.ToString(), out var size) ? size : null;

    public RawManifest? Manifest(string repository, string reference) => manifests.GetValueOrDefault($"{repository}/manifests/{reference}");

    async Task Serve(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        var path = request.Path.Value!["/v2/".Length..];
        var last = path[(path.LastIndexOf('/') + 1)..];
        switch (request.Method)
        {
            case "GET" when path.Length == 0:
                return;
            case "GET" or "HEAD" when path.Contains("/manifests/", StringComparison.Ordinal):
                if (!manifests.TryGetValue(path, out var manifest))
                    response.StatusCode = 404;
                else
                    await Answer(context, manifest.MediaType, manifest.Digest.ToString(), manifest.Bytes);
                return;
            case "PUT" when path.Contains("/manifests/", StringComparison.Ordinal):
                using (var bytes = new MemoryStream())
                {
                    await request.Body.CopyToAsync(bytes);
                    var raw = RawManifest.Of(request.ContentType!, bytes.ToArray());
                    Add(path[..path.IndexOf("/manifests/", StringComparison.Ordinal)], last, raw);
                    response.Headers["Docker-Content-Digest"] = raw.Digest.ToString();
                    response.StatusCode = 201;
                }

                return;
            case "GET" or "HEAD" when small.TryGetValue(last, out var content):
                await Answer(context, "application/octet-stream", last, content);
                return;
            case "GET" or "HEAD" when large.TryGetValue(last, out var size):
                await SendZeros(context, last, size);
                return;
            case "POST":
                response.Headers.Location = $"/v2/{path.TrimEnd('/')}/{Guid.NewGuid():N}";
                response.StatusCode = 202;
                return;
            case "PUT":
                await Take(context, request.Query["digest"]!);
                return;
            default:
                response.StatusCode = 404;
                return;
        }
    }

    static async Task Answer(HttpContext context, string type, string digest, ReadOnlyMemory<byte> content)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = content.Length;
        context.Response.Headers["Docker-Content-Digest"] = digest;
        if (context.Request.Method == "GET")
            await context.Response.Body.WriteAsync(content);
    }

    static async Task SendZeros(HttpContext context, string digest, long size)
    {
        var from = 0L;
        if (context.Request.Headers.Range is [{ } range])
        {
            from = long.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{size - 1}/{size}");
        }

        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = size - from;
        context.Response.Headers["Docker-Content-Digest"] = digest;
        if (context.Request.Method == "HEAD")
            return;
        for (var left = size - from; left > 0; left -= Chunk)
            await context.Response.Body.WriteAsync(Zeros.AsMemory(0, (int)Math.Min(Chunk, left)), context.RequestAborted);
    }

    async Task Take(HttpContext context, string digest)
    {
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
        var buffer = new byte[Chunk];
        using var head = new MemoryStream();
        var isZeros = true;
        var size = 0L;
        for (int count; (count = await context.Request.Body.ReadAsync(buffer)) > 0; size += count)
        {
            isZeros &= !buffer.AsSpan(0, count).ContainsAnyExcept((byte)0);
            if (size < Chunk)
                head.Write(buffer, 0, count);
        }

        if (size > Chunk && isZeros)
            large[digest] = size;
        else if (size <= Chunk)
            small[digest] = head.ToArray();
        context.Response.StatusCode = size > Chunk && !isZeros ? 400 : 201;
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
