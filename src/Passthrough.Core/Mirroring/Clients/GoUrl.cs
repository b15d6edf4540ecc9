namespace Passthrough.Core.Mirroring.Clients;

/// <summary>A URL as Go's <c>net/url</c> takes it apart, as far as hosts.toml needs it: no validation of names, the path decoded.</summary>
/// <param name="Scheme">In lower case; may be empty, and so may the rest.</param>
/// <param name="Host">With its port, without user and password.</param>
sealed record GoUrl(string Scheme, string Host, string Path)
{
    /// <returns>The URL, or why it is none.</returns>
    public static (GoUrl? Url, string? Fault) Parse(string text)
    {
        if (text.Any(c => c is < ' ' or '\x7f'))
            return Fault("net/url: invalid control character in URL");
        var rest = text.Split('#')[0];
        var scheme = "";
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && char.IsAsciiLetter(rest[0]) && !rest.AsSpan(0, colon).ContainsAnyExcept("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."))
            (scheme, rest) = (rest[..colon].ToLowerInvariant(), rest[(colon + 1)..]);
        rest = rest.Split('?')[0];
        var host = "";
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            var slash = rest.IndexOf('/', 2);
            var authority = slash < 0 ? rest[2..] : rest[2..slash];
            rest = slash < 0 ? "" : rest[slash..];
            host = authority[(authority.LastIndexOf('@') + 1)..];
            if (RefuseHost(host) is { } fault)
                return Fault(fault);
        }

        return (new GoUrl(scheme, host, Uri.UnescapeDataString(rest)), null);

        (GoUrl?, string) Fault(string reason) => (null, $"parse {GoText.Quote(text)}: {reason}");
    }

    /// <summary>The shortest path that means the same (Go's <c>path.Clean</c>).</summary>
    public static string Clean(string path)
    {
        var rooted = path.StartsWith('/');
        var kept = new List<string>();
        foreach (var part in path.Split('/').Where(part => part is not ("" or ".")))
        {
            if (part != "..")
                kept.Add(part);
            else if (kept.Count > 0 && kept[^1] != "..")
                kept.RemoveAt(kept.Count - 1);
            else if (!rooted)
                kept.Add(part);
        }

        return rooted ? "/" + string.Join('/', kept) : kept.Count > 0 ? string.Join('/', kept) : ".";
    }

    static string? RefuseHost(string host)
    {
        var bracket = host.LastIndexOf(']');
        if (host.StartsWith('[') && bracket < 0)
            return "missing ']' in host";
        if (host.AsSpan().IndexOfAny(" \"<>\\^`{|}") is var wrong && wrong >= 0)
            return $"invalid character {GoText.Quote(host[wrong].ToString())} in host name";
        var port = host.StartsWith('[') ? host[(bracket + 1)..] : host.LastIndexOf(':') is var colon && colon < 0 ? "" : host[colon..];
        return port.Length > 0 && (port[0] != ':' || port.AsSpan(1).ContainsAnyExceptInRange('0', '9')) ? $"invalid port {GoText.Quote(port)} after host" : null;
    }
}
