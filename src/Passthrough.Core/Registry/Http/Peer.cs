namespace Passthrough.Core.Registry.Http;

/// <summary>Whom a request goes to, for sentences about a connection that fails.</summary>
/// <param name="Address">The request's own.</param>
/// <param name="Options">How the connection is made.</param>
/// <param name="Registry">The registry that it is about, as references name it.</param>
sealed record Peer(Uri Address, ConnectionOptions Options, string Registry)
{
    /// <summary>How the request came to another host than the registry's: <c>quay.io redirected to sso.example.com</c>; null where it did
    /// not.</summary>
    public string? Via { get; init; }

    /// <summary>What to do, where that does not depend on the fault: the host was named by a server, or by another parameter.</summary>
    public string? Hint { get; init; }

    public string Where => $"{Address.Host}:{Address.Port}";

    public Remedies Remedies => Options.RemediesFor(Registry);

    /// <summary>The proxy that the request goes through; null for none.</summary>
    public Uri? Proxy => Options.UseProxy ? Options.Proxies.GetProxy(Address) : null;
}
