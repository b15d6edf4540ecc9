namespace Passthrough.Core.Registry.Http;

/// <summary>Addresses that a server gives in <c>Location</c> and <c>Link</c>: any text, so that nothing is taken for granted.</summary>
static class ServerAddress
{
    /// <summary>The address that a text means to whoever was asked; null if it is not one of HTTP.</summary>
    public static Uri? TryResolve(Uri asked, string? text) =>
        text is not null && Uri.TryCreate(asked, text, out var address) && address.Scheme is "http" or "https" && address.Host.Length > 0
            ? address : null;

    /// <summary>Where a redirect leads.</summary>
    /// <param name="asked">Who was asked.</param>
    /// <param name="location">Its <c>Location</c>.</param>
    /// <param name="action">What is tried, after "cannot".</param>
    /// <exception cref="ModuleException">Nowhere, or from https to http.</exception>
    public static Uri Redirect(Uri asked, Uri location, string action)
    {
        var next = TryResolve(asked, location.OriginalString)
            ?? throw new ModuleException(
                ErrorCodes.NotARegistry,
                $"cannot {action}: {asked.Authority} redirects to \"{location.OriginalString}\", which is not an address",
                "check the server and any proxy in front of it");
        return next.Scheme == Uri.UriSchemeHttps || asked.Scheme == Uri.UriSchemeHttp
            ? next
            : throw new ModuleException(
                ErrorCodes.Tls,
                $"cannot {action}: {asked.Authority} redirects to {WithoutPath(next)}, which is not encrypted",
                "let the server redirect to https");
    }

    /// <summary>Scheme and host, without a user name that may stand before the host.</summary>
    public static string WithoutPath(Uri address) => address.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);

    /// <summary>The same with the path, for messages: a query may be signed.</summary>
    public static string WithoutQuery(Uri address) =>
        address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

    /// <summary>The next page of a list (RFC 8288): <c>&lt;path?last=…&gt;; rel="next"</c>.</summary>
    public static Uri? NextPage(HttpResponseMessage response, Uri asked)
    {
        if (!response.Headers.NonValidated.TryGetValues("Link", out var links)
            || links.FirstOrDefault(link => link.Contains("rel=\"next\"", StringComparison.Ordinal)) is not { } next)
            return null;
        var (start, end) = (next.IndexOf('<', StringComparison.Ordinal) + 1, next.IndexOf('>', StringComparison.Ordinal));
        return start > 0 && end > start ? TryResolve(asked, next[start..end]) : null;
    }
}
