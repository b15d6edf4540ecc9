using System.Net;

namespace Passthrough.Core.Admin.Quay;

/// <summary>
/// mirror-registry: the classic one, which is a Quay, and its successor in Go, which is another program with little in common (registries.md C and C.2). One request
/// tells them apart.
/// </summary>
public static class MirrorRegistryAdmin
{
    // Both are sold under this name: where nobody has asked which one it is, what holds of both.
    public static readonly RegistryProduct Product = new("mirror-registry", "mirror-registry", QuayAdmin.OwnTraits with { TagProvesContent = false, DigestProvesContent = false })
    {
        Editions = [QuayAdmin.Describe("mirror-registry", isMirrorRegistry: true, features: null), MirrorRegistryGoAdmin.Edition],
        Administer = async (connection, cancellation) =>
            await IsGoAsync(connection, cancellation) ? new MirrorRegistryGoAdmin(connection) : await QuayAdmin.ConnectAsync(connection, isMirrorRegistry: true, cancellation),
        AskFirstUser = async (connection, cancellation) => await IsGoAsync(connection, cancellation) ? "admin" : "init",
        // Distribution's words behind the token service of Quay.
        Recognise = answer => answer is { TokenPath: QuayAdmin.TokenPath, ErrorMessage: DistributionAdmin.LoginWanted }
            ? MirrorRegistryGoAdmin.Edition.Title : null,
        AlsoAnswersAs = ["quay"],
        AskTraits = async (connection, cancellation) => await IsGoAsync(connection, cancellation) ? MirrorRegistryGoAdmin.OwnTraits : QuayAdmin.OwnTraits,
    };

    static async Task<bool> IsGoAsync(AdminConnection connection, CancellationToken cancellation) =>
        connection.Server.Identity is { Type: "quay" or "mirror-registry" } known
            ? known.Type == "mirror-registry"
            : StatusOf(await AskHealthAsync(connection, cancellation)) is not null;

    /// <summary>What only the Go edition answers: the classic one has a page of its user interface there, or a redirect.</summary>
    internal static async Task<AdminAnswer> AskHealthAsync(AdminConnection connection, CancellationToken cancellation) =>
        connection.Server.Health ??= await connection.Client.SendAsync(
            new(HttpMethod.Get, "healthz")
            {
                Action = $"ask {connection.Endpoint.Authority} how it is",
                IsAnonymous = true,
                IsFinal = answer => StatusOf(answer) is not null
            },
            cancellation);

    /// <summary><c>ok</c> or <c>unhealthy</c>; null where it is not the Go edition that answers.</summary>
    internal static string? StatusOf(AdminAnswer answer) =>
        answer.Status is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable && QuayApi.Text(answer.Json, "status") is ("ok" or "unhealthy") and var word ? word : null;
}
