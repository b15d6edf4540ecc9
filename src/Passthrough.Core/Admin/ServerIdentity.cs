using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin;

/// <summary>What answers at the registry's address, judged by its answer to one anonymous <c>GET /v2/</c>, which every client begins
/// with.</summary>
/// <param name="Type">The value of <c>registry_type</c> that is right for it.</param>
/// <param name="Title">The product or its edition, for people.</param>
sealed record ServerIdentity(string Type, string Title)
{
    /// <summary>Asks once. Null if the answer is not one that a known product gives: a proxy or a login page may answer in its
    /// place.</summary>
    /// <exception cref="ModuleException">There was no answer.</exception>
    public static async Task<ServerIdentity?> AskAsync(AdminConnection connection, CancellationToken cancellation)
    {
        var endpoint = connection.Endpoint;
        var call = new AdminCall(HttpMethod.Get, "v2/")
        {
            Action = $"reach the registry {endpoint}",
            IsAnonymous = true,
            IsFinal = _ => true
        };
        var answer = VersionAnswer.Of(await connection.Client.SendAsync(call, cancellation));
        return RegistryProducts.All
            .Select(product => product.Recognise?.Invoke(answer) is { } title ? new ServerIdentity(product.Name, title) : null)
            .FirstOrDefault(identity => identity is not null);
    }

    /// <exception cref="ModuleException">It is another product than the one that was given.</exception>
    public void Require(RegistryProduct product, string authority)
    {
        if (Type != product.Name && !product.AlsoAnswersAs.Contains(Type))
        {
            throw new ModuleException(
                ErrorCodes.InvalidArgument,
                $"registry_type {product.Name} is wrong for {authority}: {Title} answers there",
                $"set registry_type: {Type}, or correct registry_host and registry_port");
        }
    }
}

/// <summary>The parts of an answer to <c>GET /v2/</c> that products differ in.</summary>
/// <param name="Challenge">The first of its challenges; null if it has none.</param>
/// <param name="Body">The text; empty where it is longer than any registry's.</param>
/// <param name="ErrorMessage">Of the first error in the body, if it is one of the distribution specification's.</param>
sealed record VersionAnswer(HttpStatusCode Status, Challenge? Challenge, IReadOnlyDictionary<string, string[]> Headers, string Body,
    string? ErrorMessage)
{
    const int LongestBody = 4096;

    /// <summary>The header that the distribution project's registry and its relatives send with every answer.</summary>
    const string VersionHeader = "Docker-Distribution-Api-Version";

    public bool HasVersionHeader => Headers.ContainsKey(VersionHeader);

    /// <summary>The path of the token service, without its host, which proxies change; empty if it names none.</summary>
    public string TokenPath =>
        Challenge is { IsBearer: true } && Uri.TryCreate(Challenge["realm"], UriKind.Absolute, out var realm) ? realm.AbsolutePath : "";

    /// <summary>Whether it has the token service of Artifactory, which some others have too: Gitea and GitLab give themselves another name
    /// in the challenge.</summary>
    public bool HasOwnTokens => TokenPath.EndsWith("/v2/token", StringComparison.Ordinal) && Challenge?["service"] != "container_registry";

    public string ContentType => Headers.TryGetValue("Content-Type", out var types) ? types[0] : "";

    public static VersionAnswer Of(AdminAnswer answer)
    {
        var lines = answer.Headers.TryGetValue("WWW-Authenticate", out var all) ? all : [];
        var error = ((answer.Json as JObject)?["errors"] as JArray)?.FirstOrDefault() as JObject;
        return new VersionAnswer(
            answer.Status,
            Challenge.Parse(lines).FirstOrDefault(),
            answer.Headers,
            answer.Body.Length <= LongestBody ? answer.Text.Trim() : "",
            error?["message"] is JValue { Value: string message } ? message : null);
    }
}
