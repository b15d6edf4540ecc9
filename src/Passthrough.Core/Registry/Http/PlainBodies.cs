using System.IO.Compression;
using System.Net;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Asks for bodies as they are (RFC 9110 12.5.3, <c>identity</c>), for a digest is over those bytes, and undoes gzip where a server or a
/// proxy applies it all the
/// same. The length of what comes is unknown then: every reader has its own bound.
/// </summary>
sealed class PlainBodies(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity");
        var response = await base.SendAsync(request, cancellationToken);
        var encodings = response.Content.Headers.ContentEncoding.Where(encoding =>
            !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)).ToList();
        if (encodings.Count == 0)
            return response;
        if (encodings is [var one] && one.ToLowerInvariant() is "gzip" or "x-gzip")
        {
            // A part of a gzip stream cannot be unpacked: all of it is asked for, which every reader of parts allows.
            if (response.StatusCode == HttpStatusCode.PartialContent)
            {
                response.Dispose();
                request.Headers.Range = null;
                using var whole = new HttpRequestMessage(request.Method, request.RequestUri)
                {
                    Version = request.Version,
                    VersionPolicy = request.VersionPolicy
                };
                foreach (var (name, values) in request.Headers.NonValidated)
                    whole.Headers.TryAddWithoutValidation(name, values);
                response = await base.SendAsync(whole, cancellationToken);
                if (response.Content.Headers.ContentEncoding.Count == 0)
                    return response;
            }

            response.Content = new Unpacked(response.Content);
            return response;
        }

        using (response)
        {
            throw new ModuleException(
                ErrorCodes.NotARegistry,
                $"{request.RequestUri!.Authority} sends {request.RequestUri.AbsolutePath} with "
                    + $"Content-Encoding {string.Join(", ", encodings)}, which was not asked for",
                "switch compression off in the registry's front end or in the proxy between")
            { HttpStatus = (int)response.StatusCode };
        }
    }

    /// <summary>A gzip body, unpacked as it is read. It keeps the headers that describe the content, but not its length.</summary>
    sealed class Unpacked : HttpContent
    {
        readonly HttpContent packed;

        public Unpacked(HttpContent packed)
        {
            this.packed = packed;
            foreach (var (name, values) in packed.Headers.NonValidated)
            {
                if (name is not ("Content-Length" or "Content-Encoding"))
                    Headers.TryAddWithoutValidation(name, values);
            }
        }

        protected override async Task<Stream> CreateContentReadStreamAsync() =>
            new GZipStream(await packed.ReadAsStreamAsync(), CompressionMode.Decompress);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using var plain = await CreateContentReadStreamAsync();
            await plain.CopyToAsync(stream);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                packed.Dispose();
            base.Dispose(disposing);
        }
    }
}
