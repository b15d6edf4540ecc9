using System.Net;

namespace Passthrough.Core.Registry.Http;

/// <summary>Counts what really goes over the network.</summary>
sealed class CountingHandler(RequestCounts counts, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        counts.AddRequest();
        var response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode == HttpStatusCode.TooManyRequests)
            counts.AddThrottled();
        return response;
    }
}
