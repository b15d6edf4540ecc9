using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
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

    const int MaxQuote = 300;

    /// <summary>Reads the body of a failed answer, as much of it as a sentence needs.</summary>
    /// <param name="response">The answer; not disposed of.</param>
    /// <param name="action">What was tried, after "cannot": <c>push quay.local/mirror/a:v1</c>.</param>
    /// <param name="authority">Who answered.</param>
    /// <param name="credential">Who we said to be, for example <c>user "bob"</c>; null where we were anonymous.</param>
    /// <param name="passwordIsGood">A token service took the credential, so that a refusal is about rights.</param>
    public static async Task<ModuleException> FromAsync(HttpResponseMessage response, string action, string authority, string? credential, bool passwordIsGood, CancellationToken cancellation)
    {
        var body = await ReadAsync(response, cancellation);
        var (serverCode, words) = Explain(body, response.Content.Headers.ContentType?.MediaType);
        var status = (int)response.StatusCode;
        var answer = $"{status}{(serverCode is null ? " " + response.ReasonPhrase : " " + serverCode)}".TrimEnd() + (words.Length == 0 ? "" : $": {words}");
        var (sentence, hint) = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized when credential is null => ($"{authority} wants credentials and none were given ({answer})", $"give username and password, or an authfile with an entry for {authority}"),
            HttpStatusCode.Unauthorized when passwordIsGood => ($"{authority} does not let {credential} ({answer})", $"give {credential} the right to do this on the registry; where it has no such namespace yet, mirror_repo makes it"),
            HttpStatusCode.Unauthorized => ($"{authority} refused {credential}: wrong user name or password ({answer})", "correct username and password, or the entry of the auth file"),
            HttpStatusCode.Forbidden when credential is null => ($"{authority} answered {answer}", $"give credentials: a username and password, or an authfile with an entry for {authority}"),
            HttpStatusCode.Forbidden => ($"{authority} answered {answer}", $"give {credential} the right to do this on the registry"),
            // Harbor, Quay; and Artifactory, where a tag is a file.
            HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict when answer.Contains("immutable", StringComparison.OrdinalIgnoreCase) => ($"{authority} answered {answer}", "its tags are immutable: deliver the image under another tag, or let mirror_repo set immutable_tags: false"),
            HttpStatusCode.BadRequest when words.Contains("403 Forbidden", StringComparison.Ordinal) => ($"{authority} answered {answer}", "a tag that is there is only replaced by who may delete: let registry_auth give access: [pull, push, delete]"),
            // Quay's robots make no organization.
            HttpStatusCode.MethodNotAllowed when words.Contains("organization", StringComparison.Ordinal) => ($"{authority} answered {answer}", "make the namespace with mirror_repo first"),
            HttpStatusCode.NotFound => ($"{authority} answered {answer}", "check the name, and whether the account may see it"),
            HttpStatusCode.RequestEntityTooLarge => ($"{authority} answered {answer}", "raise the limit of the registry or of the proxy before it"),
            HttpStatusCode.ProxyAuthenticationRequired => ($"the proxy answered {answer}", "put the proxy's user name and password into HTTPS_PROXY, or set use_proxy: false"),
            >= HttpStatusCode.Ambiguous and < HttpStatusCode.BadRequest => ($"{authority} answered {answer}{Destination(response)}", "give the registry's own address, the one it redirects to"),
            HttpStatusCode.TooManyRequests => ($"{authority} answered {answer}", "wait, lower concurrency, or raise retries"),
            >= HttpStatusCode.InternalServerError => ($"{authority} answered {answer}", "look at the registry's log; it or a proxy before it is in trouble"),
            _ => ($"{authority} answered {answer}", null),
        };
        return new ModuleException(serverCode ?? CodeFor(status), $"cannot {action}: {sentence}", hint) { HttpStatus = status };
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
                return (Code(first["code"]), Quote(Join(first)));
            // Token services and management APIs.
            var words = json["details"] ?? json["message"] ?? json["error_description"] ?? json["error"] ?? json["detail"];
            return (null, Quote(words is null ? "" : words.Type == JTokenType.String ? (string)words! : Json.Compact(words)));
        }

        var title = Title().Match(body);
        if (title.Success)
            return (null, $"page \"{Quote(WebUtility.HtmlDecode(title.Groups["title"].Value))}\"");
        return (null, mediaType is "text/html" ? Quote(Tags().Replace(body, static _ => " ")) : Quote(body));
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

    static string Quote(string text)
    {
        var line = new StringBuilder();
        foreach (var c in text)
        {
            if (!char.IsWhiteSpace(c) && !char.IsControl(c))
                line.Append(c);
            else if (line.Length > 0 && line[^1] != ' ')
                line.Append(' ');
            if (line.Length > MaxQuote)
                return line.ToString(0, MaxQuote) + "…";
        }

        return line.ToString().TrimEnd();
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

        return Encoding.UTF8.GetString(body.GetBuffer(), 0, (int)body.Length);
    }

    [GeneratedRegex(@"<title[^>]*>(?<title>.*?)</title>", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Title();

    [GeneratedRegex(@"<[^>]*>", RegexOptions.None, 1000)]
    private static partial Regex Tags();
}
