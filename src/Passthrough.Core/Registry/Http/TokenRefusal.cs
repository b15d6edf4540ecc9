using System.Globalization;
using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Registry.Http;

/// <summary>
/// A registry that calls its own token service's fresh token invalid (RFC 6750 3.1, <c>invalid_token</c>): no account is at fault. Clocks
/// that differ are seen in
/// the token's times and the answer's Date; otherwise key, issuer or service are not those that the registry trusts.
/// </summary>
static class TokenRefusal
{
    /// <summary>Clocks differ by a moment everywhere.</summary>
    static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(5);

    /// <returns>Null for any other answer.</returns>
    public static ModuleException? Of(HttpResponseMessage response, string authority, string action)
    {
        if (response.RequestMessage?.Headers.Authorization is not { Scheme: "Bearer" } sent
            || !response.Headers.NonValidated.TryGetValues("WWW-Authenticate", out var lines))
            return null;
        if (Challenge.Parse(lines).FirstOrDefault(one => one.IsBearer) is not { } challenge || challenge["error"] is not "invalid_token")
            return null;
        var (cause, hint) = Explain(TokenClaims.TryParse(sent.Parameter), response.Headers.Date);
        return new ModuleException("invalid_token",
            $"cannot {action}: {authority} calls a fresh token of its own token service invalid: {cause}",
                hint)
        { HttpStatus = (int)HttpStatusCode.Unauthorized };
    }

    static (string Cause, string Hint) Explain(TokenClaims? claims, DateTimeOffset? date)
    {
        const string Clocks = "set the clocks of the registry and of its token service right (chronyd or ntpd on both)";
        if (date is { } now && (Time(claims, "nbf") ?? Time(claims, "iat")) is { } from && from - now > Tolerance)
            return ($"by the registry's clock it is valid only in {Seconds(from - now)} s, so the clocks differ", Clocks);
        if (date is { } then && claims?.ExpiresAt is { } until && then - until > Tolerance)
            return ($"by the registry's clock it expired {Seconds(then - until)} s ago, so the clocks differ", Clocks);
        return (
            $"its key, its issuer{Quoted(claims, "iss")} or its service{Quoted(claims, "aud")} is not what the registry expects",
            "compare issuer, service and signing key of the token service with those of the registry (distribution: "
                + "auth.token.issuer, auth.token.service, auth.token.rootcertbundle or jwks)");
    }

    static string Seconds(TimeSpan time) => Math.Round(time.TotalSeconds).ToString(CultureInfo.InvariantCulture);

    static string Quoted(TokenClaims? claims, string name) =>
        claims?.Payload[name] is JValue { Value: string { Length: > 0 and <= 200 } text } ? $" \"{text}\"" : "";

    static DateTimeOffset? Time(TokenClaims? claims, string name) =>
        claims?.Payload[name] is JValue { Type: JTokenType.Integer } seconds && (long)seconds is >= 0 and < 253402300799
            ? DateTimeOffset.FromUnixTimeSeconds((long)seconds) : null;
}
