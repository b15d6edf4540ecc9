using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin.Quay;

/// <summary>
/// Quay (registries.md B), and the classic mirror-registry, which is one. The place of the mirror is an organization, the service account a robot in it. What a robot
/// may do has three sources: a team whose members may make repositories, a default permission for those that others make later, and its right on each that is there.
/// </summary>
public sealed partial class QuayAdmin : IRegistryAdmin
{
    public static readonly RegistryProduct Product = new("quay", "Quay", OwnTraits)
    {
        Editions = [Describe("Quay", isMirrorRegistry: false, features: null)],
        Administer = (connection, cancellation) => ConnectAsync(connection, isMirrorRegistry: false, cancellation),
        AskRoom = QuayQuota.AskAsync,
        Recognise = answer =>
            answer is { TokenPath: TokenPath, ErrorMessage: not DistributionAdmin.LoginWanted, HasVersionHeader: true } ? "Quay" : null,
    };

    /// <summary>Where its token service is.</summary>
    internal const string TokenPath = "/v2/auth";

    readonly AdminConnection connection;
    readonly QuayApi api;
    readonly bool isMirrorRegistry;
    readonly IReadOnlySet<string> features;
    readonly List<string> risks = [];

    QuayAdmin(AdminConnection connection, QuayApi api, bool isMirrorRegistry, IReadOnlySet<string> features)
    {
        (this.connection, this.api, this.isMirrorRegistry, this.features) = (connection, api, isMirrorRegistry, features);
        Capabilities = Describe(isMirrorRegistry ? "mirror-registry" : "Quay", isMirrorRegistry, features);
    }

    internal static RegistryTraits OwnTraits => QuayTraits.Own;

    public RegistryCapabilities Capabilities { get; }

    string Authority => api.Authority;

    internal static async Task<IRegistryAdmin> ConnectAsync(AdminConnection connection, bool isMirrorRegistry, CancellationToken cancellation)
    {
        var quay = new QuayApi(connection, isMirrorRegistry ? "mirror-registry" : "Quay");
        return new QuayAdmin(connection, quay, isMirrorRegistry, await quay.FeaturesAsync(cancellation));
    }

    /// <param name="features">Null where no server was asked.</param>
    internal static RegistryCapabilities Describe(string title, bool isMirrorRegistry, IReadOnlySet<string>? features) => new(title)
    {
        Health = Ability.Yes("`GET /health/instance`, each part of it"),
        Account = Ability.Yes("a robot of the organization"),
        PullAccount = Ability.Yes("a robot that may read"),
        Rights = Ability.Yes("team with the role creator, default permission, right on each repository"),
        Rotation = Ability.Yes("a new token for the robot; the old one is dead at once, so only with `allow_outage`"),
        Namespace = Ability.Yes("an organization"),
        Quota = features?.Contains("QUOTA_MANAGEMENT") ?? !isMirrorRegistry
            ? Ability.Yes("of the organization, by a superuser")
            : Ability.No($"quotas are switched off on {(isMirrorRegistry ? "mirror-registry" : "this Quay")}", "set FEATURE_QUOTA_MANAGEMENT: true in its config.yaml and restart it, or limit the file system that it stores to"),
        Visibility = Ability.Yes("of each repository; one that a push makes later has the server's default until the next run"),
        Immutability = Ability.No("immutable tags of Quay (from 3.17 on) are not managed here", "set an immutability policy on the organization by hand"),
        OwnSecret = Ability.No($"{title} makes the secrets of its robots itself", "leave secret out; the new one stands in the files"),
        Expiry = Ability.No($"robots of {title} do not expire", "leave expires_days out, and use rotate: always with allow_outage: true when it is time"),
        Method = AccountMethod.Robot,
        Rotates = RotationKind.InPlace,
        SecretIsReadable = true,
        AccountNeedsNamespace = true,
        AccountNames = NameRule.Component(2, 255),
        NamespaceNames = NameRule.Component(2, 255),
    };

    public async Task<RegistryHealth> HealthAsync(CancellationToken cancellation)
    {
        var answer = await connection.Client.SendAsync(
            new(HttpMethod.Get, "health/instance") { Action = $"ask {Authority} how it is", IsAnonymous = true, IsFinal = one => Services(one) is not null },
            cancellation);
        if (Services(answer) is not { } services)
            throw (int)answer.Status is >= 300 and < 400 ? answer.Fault! : answer.NotExpected("the health of a Quay");
        var components = services.Properties().ToDictionary(part => part.Name, part => part.Value is JValue { Value: true } ? "healthy" : "unhealthy", StringComparer.Ordinal);
        List<string> ill = [.. components.Where(part => part.Value != "healthy").Select(part => part.Key)];
        // The disk's warning comes long before it is full.
        var condition = ill.Count == 0 ? RegistryCondition.Healthy : ill is ["disk_space"] ? RegistryCondition.Degraded : RegistryCondition.Unhealthy;
        return new RegistryHealth(condition, components) { Reason = ill.Count == 0 ? null : string.Join(", ", ill.Select(part => part == "disk_space" ? "its disk is nearly full" : $"{part} does not work")) };
    }

    static JObject? Services(AdminAnswer answer) => ((answer.Json as JObject)?["data"] as JObject)?["services"] as JObject is { Count: > 0 } services ? services : null;

    public async Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation)
    {
        if (connection.Credential is not { } credential)
            throw new ModuleException(ErrorCodes.Unauthorized, $"no credentials were given for {Authority}", "give username and password, or a token");
        if (await api.LogInAsync(credential, cancellation) is { } whyNot)
            return new AdminLogin(api.Who, MayManage: false, whyNot);
        var organization = await FindOrganizationAsync(@namespace, cancellation);
        var isOwner = organization?["is_admin"] is JValue { Value: true };
        // Whom it does not know it treats as nobody; this call it refuses to nobody with another status than to somebody who may not.
        if (api.IsToken && !isOwner)
            await api.GetAsync($"organization/{Escape(@namespace)}/robots?token=false&limit=1", $"use the token on {Authority}", cancellation);
        return organization is null || isOwner
            ? new AdminLogin(api.Who, MayManage: true)
            : new AdminLogin(api.Who, MayManage: false, $"{api.Who} is no owner of organization {@namespace}{(api.IsToken ? ", or lacks the scope org:admin" : "")}");
    }

    /// <summary>An organization as it shows itself to us; null where there is none of this name.</summary>
    async Task<JObject?> FindOrganizationAsync(string name, CancellationToken cancellation)
    {
        var answer = await api.GetAsync($"organization/{Escape(name)}", $"look at organization {name} on {Authority}", cancellation);
        return answer.Status == HttpStatusCode.NotFound && answer.Json is JObject ? null : answer.Object();
    }

    public Task<SecretCheck> CheckSecretAsync(Credential? credential, Reference repository, CancellationToken cancellation) => CheckAsync(credential, repository, cancellation);

    async Task<SecretCheck> CheckAsync(Credential? credential, Reference repository, CancellationToken cancellation)
    {
        var check = await connection.CheckSecretAsync(credential, repository, cancellation);
        if (check.Refusal is { } refusal && refusal.Message.Contains("Robot account have been disabled", StringComparison.Ordinal))
            throw new ModuleException(ErrorCodes.Unsupported, $"robot accounts are switched off on {Authority}, so {credential?.Username} is refused: {refusal.Message}", RobotsHint) { HttpStatus = refusal.HttpStatus };
        return check;
    }

    public async Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation)
    {
        var found = risks.ToList();
        risks.Clear();
        // Its installer makes "admin" a superuser, whatever the first user is called, and lets anybody sign up.
        if (!isMirrorRegistry || !features.Contains("USER_CREATION") || features.Contains("INVITE_ONLY_USER_CREATION"))
            return found;
        // Where nobody may look unless logged in, and nobody is, this cannot be known.
        if (!api.IsLoggedIn && !features.Contains("ANONYMOUS_ACCESS"))
            return found;
        var answer = await api.GetAsync("users/admin", $"look for user admin on {Authority}", cancellation);
        if (answer.Status == HttpStatusCode.NotFound && answer.Json is JObject)
            found.Add($"anybody who reaches {Authority} can sign up as user \"admin\", whom mirror-registry's installer made a superuser over all that is in it: sign up as admin yourself now, or set FEATURE_USER_CREATION: false in its config.yaml and restart it (the next time, install with --initUser admin)");
        return found;
    }

    public Credential? AsDockerLogin(Credential given) => given.Token is { } token ? new Credential { Username = QuayApi.TokenUser, Password = token } : given;

    public JObject AuthConfigFacts(string @namespace, Credential? credential) => isMirrorRegistry
        ? new JObject { ["token"] = credential?.Password ?? "", ["auth_required"] = credential is not null }
        : new JObject { ["organization"] = @namespace };

    static string Escape(string name) => Uri.EscapeDataString(name);

    /// <summary>A change on the server. 400 is also what "is there already" and "is not there" are: then it is read again, and if it still is to be done, that was the answer.</summary>
    /// <param name="text">For <c>actions</c>, and in messages.</param>
    PlannedChange Change(string text, HttpMethod method, string path, JToken? body) => new(text, cancellation => DoAsync(text, method, path, body, cancellation));

    async Task DoAsync(string text, HttpMethod method, string path, JToken? body, CancellationToken cancellation)
    {
        var answer = await api.WriteAsync(method, path, body, $"{text} on {Authority}", cancellation);
        if (answer.Status is HttpStatusCode.NotFound or HttpStatusCode.BadRequest)
            throw new ConflictFault(answer.Fault!);
        answer.EnsureSuccess();
    }

    /// <summary>Some names, for a sentence.</summary>
    static string Some(IReadOnlyList<string> names) => names.Count <= 3 ? string.Join(", ", names) : $"{string.Join(", ", names.Take(2))} and {names.Count - 2} more";
}
