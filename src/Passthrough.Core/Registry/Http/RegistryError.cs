using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// Turns an answer that is no success into one sentence: what was tried, where, the status, the server's own code and words
/// (distribution-spec, "Error Codes"), and what to do about it.
/// </summary>
static partial class RegistryError
{
    /// <summary>More of an error body is never read.</summary>
    const int MaxBodyBytes = 64 * 1024;

    /// <summary>Reads the body of a failed answer, as much of it as a sentence needs.</summary>
    /// <param name="response">The answer; not disposed of.</param>
    /// <param name="refusal">What is known about the request.</param>
    public static async Task<Verdict> FromAsync(HttpResponseMessage response, Refusal refusal, CancellationToken cancellation)
    {
        var body = await ReadAsync(response, cancellation);
        var (serverCode, words) = Explain(body, response.Content.Headers.ContentType?.MediaType);
        var status = (int)response.StatusCode;
        var reason = serverCode ?? ForeignText.Quote(response.ReasonPhrase ?? "");
        var answer = $"{status} {reason}".TrimEnd() + (words.Length == 0 ? "" : $": {words}");
        var known = refusal.Known.Concat(KnownAnswer.Common).FirstOrDefault(one => one.Fits(status, answer, refusal.Method));
        var (sentence, hint) = refusal switch
        {
            { Via: { } via } => ($"{via}, which answered {answer}",
                $"images are not there: check what {refusal.Remedies.Authority} redirects to, or a login page in front of it"),
            { Illness: { } illness } =>
                ($"{refusal.Authority} answered {answer}, but is unhealthy: {illness}",
                    "repair the registry first; this answer says nothing about accounts or images"),
            _ when known is not null => ($"{refusal.Authority} answered {answer}", known.Remedy),
            _ => Judge(response, refusal, serverCode, words, answer),
        };
        var fault = new ModuleException(serverCode ?? CodeFor(status), $"cannot {refusal.Action}: {sentence}",
            hint)
        { HttpStatus = status };
        return new Verdict(fault, known?.IsFinal == true && refusal.Illness is null);
    }

    static (string Sentence, string? Hint) Judge(HttpResponseMessage response, Refusal refusal, string? serverCode, string words,
        string answer)
    {
        var (authority, who, remedies) = (refusal.Authority, refusal.Identity, refusal.Remedies);
        // Gateways answer in pages or bare text, registries in JSON.
        if (refusal.Proxy is { } proxy && serverCode is null && (int)response.StatusCode is 403 or 502 or 503 or 504)
            return ($"the proxy {proxy.Authority}, or {authority} behind it, answered {answer}",
                $"check the proxy, or add {authority.Split(':')[0]} to NO_PROXY or set use_proxy: false");
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized when Unsupported(response) is { } scheme =>
                ($"{authority} {scheme}; no password was sent ({answer})",
                    "let the registry offer Basic or Bearer, or use the address of the registry behind what asks for this"),
            HttpStatusCode.Unauthorized when who is null =>
                ($"{authority} wants credentials and none were given ({answer})", remedies.NoCredentials),
            HttpStatusCode.Unauthorized when refusal.PasswordIsGood =>
                ($"{authority} does not let {who} ({answer})",
                    Rights(refusal, remedies.Upstream is null ? "; where it has no such namespace yet, mirror_repo makes it" : "")),
            HttpStatusCode.Unauthorized => ($"{authority} refused {who}: wrong user name or password ({answer})", remedies.WrongPassword),
            HttpStatusCode.Forbidden when who is null =>
                ($"{authority} answered {answer}",
                    remedies.Upstream is null
                        ? $"give credentials: a username and password, or an authfile with an entry for {authority}"
                            : remedies.NoCredentials),
            HttpStatusCode.Forbidden => ($"{authority} answered {answer}", Rights(refusal, "")),
            HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict when answer.Contains("immutable",
                StringComparison.OrdinalIgnoreCase) =>
                    ($"{authority} answered {answer}",
                        "its tags are immutable: deliver the image under another tag, or lift that rule on the registry"),
            HttpStatusCode.NotFound => ($"{authority} answered {answer}", "check the name, and whether the account may see it"),
            HttpStatusCode.RequestEntityTooLarge => ($"{authority} answered {answer}", "raise the limit of the registry or of the proxy before it"),
            HttpStatusCode.ProxyAuthenticationRequired =>
                ($"the proxy {refusal.Proxy?.Authority} answered {answer}".Replace("  ", " ", StringComparison.Ordinal),
                    "put the proxy's user name and password into HTTPS_PROXY, or set use_proxy: false"),
            >= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest =>
                ($"{authority} answered {answer}{Destination(response)}", Redirected(response, remedies)),
            HttpStatusCode.TooManyRequests => ($"{authority} answered {answer}", "wait, lower concurrency, or raise retries"),
            >= HttpStatusCode.InternalServerError => ($"{authority} answered {answer}", "look at the registry's log; it or a proxy before it is in trouble"),
            _ => ($"{authority} answered {answer}", null),
        };
    }

    static string Rights(Refusal refusal, string andElse) =>
        refusal.Remedies.Rights(refusal.Identity!) + andElse
            + (refusal.Method is { } method && method != HttpMethod.Get && method != HttpMethod.Head && refusal.OnDeniedPush is { } note
                ? $"; {note}" : "");

    // RFC 9110 15.5.2: a 401 names what it wants. Without a scheme that can be served nothing was sent, so nothing sent was wrong.
    static string? Unsupported(HttpResponseMessage response)
    {
        if (response.RequestMessage?.Headers.Authorization is not null)
            return null;
        var offered = response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines) ? Challenge.Parse(lines) : [];
        if (offered.Exists(one => one.IsBasic || (one.IsBearer && one["realm"] is not null)))
            return null;
        return offered.Count == 0 ? "answered 401 without saying how to log in (no WWW-Authenticate)"
            : offered.TrueForAll(one => one.IsBearer) ? "wants a token and does not name its token service (Bearer without realm)"
            : $"wants {string.Join(" or ", offered.Select(one => one.Scheme).Distinct(StringComparer.OrdinalIgnoreCase).Take(3))} "
                + $"authentication, which registry clients do not have";
    }

    // Only what goes on at another host's /v2/ is a registry's other address; the rest is a login page or a portal.
    static string Redirected(HttpResponseMessage response, Remedies remedies)
    {
        if (response.RequestMessage?.RequestUri is not { } asked
            || ServerAddress.TryResolve(asked, response.Headers.Location?.OriginalString) is not { } next)
            return "give the registry's own address";
        if (next.Scheme == Uri.UriSchemeHttps && asked.Scheme == Uri.UriSchemeHttp && next.Host == asked.Host)
            return remedies.NeedsTls;
        return next.AbsolutePath.StartsWith("/v2", StringComparison.Ordinal)
            ? "give the registry's own address, the one it redirects to"
            : $"a login page or a portal stands before the registry: let it pass /v2/ through, or {remedies.Address}";
    }

    // Without its query, which may be signed, and without user names.
    static string Destination(HttpResponseMessage response) =>
        response.RequestMessage?.RequestUri is { } asked
            && ServerAddress.TryResolve(asked, response.Headers.Location?.OriginalString) is { } address
            ? $" to {ServerAddress.WithoutQuery(address)}"
            : "";

    static string CodeFor(int status) => status switch
    {
        401 or 403 or 407 => ErrorCodes.Unauthorized,
        404 => ErrorCodes.NotFound,
        408 or 504 or 522 => ErrorCodes.Timeout,
        >= 300 and < 400 => ErrorCodes.NotARegistry,
        _ => ErrorCodes.Server,
    };

    /// <summary>The server's code and words; where it is no registry's error, the title of the page or the beginning of the text.</summary>
    internal static (string? Code, string Words) Explain(string body, string? mediaType)
    {
        if (Json.TryParseObject(body) is { } json)
        {
            if (json["errors"] is JArray { Count: > 0 } errors && errors[0] is JObject first)
                return (Code(first["code"]), ForeignText.Quote(Join(first)));
            // Token services and management APIs.
            var words = json["details"] ?? json["message"] ?? json["error_description"] ?? json["error"] ?? json["detail"];
            return (null, ForeignText.Quote(words is null ? "" : words.Type == JTokenType.String ? (string)words! : Json.Compact(words)));
        }

        var title = Title().Match(body);
        if (title.Success)
            return (null, $"page \"{ForeignText.Quote(WebUtility.HtmlDecode(title.Groups["title"].Value))}\"");
        return (null, mediaType is "text/html" ? ForeignText.Quote(Tags().Replace(body, static _ => " ")) : ForeignText.Quote(body));
    }

    static string? Code(JToken? code) =>
        code?.Type == JTokenType.String && (string)code! is { Length: > 0 and <= 64 } text && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') ? text : null;

    static string Join(JObject error)
    {
        var message = error["message"]?.Type == JTokenType.String ? (string)error["message"]! : "";
        var detail = error["detail"] switch
        {
            null or { Type: JTokenType.Null } => "",
            { Type: JTokenType.String } text => (string)text!,
            JContainer { Count: 0 } => "",
            { } other => Json.Compact(other),
        };
        return detail.Length == 0 || detail == message ? message : message.Length == 0 ? detail : $"{message}, {detail}";
    }

    static async Task<string> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        using var body = new MemoryStream();
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            var buffer = new byte[8 * 1024];
            while (body.Length < MaxBodyBytes && await stream.ReadAsync(buffer, cancellation) is var count && count > 0)
                body.Write(buffer, 0, count);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The status, and what came until then, say enough.
        }

        // Before tags are taken out or members chosen: what is left over of a secret would not be found.
        return ForeignText.Masked(Encoding.UTF8.GetString(body.GetBuffer(), 0, (int)body.Length));
    }

    [GeneratedRegex(@"<title[^>]*>(?<title>.*?)</title>", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Title();

    [GeneratedRegex(@"<[^>]*>", RegexOptions.None, 1000)]
    private static partial Regex Tags();
}
