namespace Passthrough.Core.Registry.Http;

/// <summary>One request to a registry, as often as it must be sent.</summary>
sealed record RegistryCall(HttpMethod Method, Uri Address)
{
    /// <summary>What is tried, after "cannot": <c>push quay.local/mirror/a:v1</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The repository whose credential is used; empty for the registry itself.</summary>
    public string Repository { get; init; } = "";

    /// <summary>What a token must allow, for example <c>repository:mirror/a:pull</c>.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    public IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>Reads from here on to the end; 0 for all.</summary>
    public long Offset { get; init; }

    /// <summary>Whether the answer may lie elsewhere: blobs often do, and some registries (registry.k8s.io) hand on everything but <c>/v2/</c>. Writes and logins never.</summary>
    public bool MayBeRedirected { get; init; }

    /// <summary>Whether the answer is a blob.</summary>
    public bool ReadsBlob { get; init; }

    /// <summary>Makes the body anew for each attempt; null for none.</summary>
    public Func<HttpContent>? Body { get; init; }

    public HttpRequestMessage ToRequest(Uri address)
    {
        var request = new HttpRequestMessage(Method, address)
        {
            Content = Body?.Invoke(),
            // Bodies go over HTTP/1.1, which is faster with every server measured; the rest over HTTP/2 where it is offered (registries.md 0.9).
            Version = new Version(1, 1),
            VersionPolicy = Body is null && !ReadsBlob ? HttpVersionPolicy.RequestVersionOrHigher : HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("User-Agent", RegistryHttp.UserAgent);
        foreach (var type in Accept)
            request.Headers.Accept.ParseAdd(type);
        if (Offset > 0)
            request.Headers.Range = new(Offset, null);
        return request;
    }
}
