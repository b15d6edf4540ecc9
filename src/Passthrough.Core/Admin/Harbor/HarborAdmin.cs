using System.Net;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Admin.Harbor;

/// <summary>Harbor from 2.9 on (registries.md A). The namespace is a project, accounts are its robots.</summary>
public sealed class HarborAdmin : IRegistryAdmin
{
    public static readonly RegistryProduct Product = new("harbor", "Harbor", HarborTraits.Own)
    {
        Editions =
        [
            new RegistryCapabilities("Harbor")
            {
                Health = Ability.Yes("every component that GET /api/v2.0/health tells of"),
                Account = Ability.Yes("robot account of the project"),
                PullAccount = Ability.Yes("robot account with pull alone"),
                Rights = Ability.Yes("compared and mended"),
                Rotation = Ability.Yes("second robot account beside the first"),
                Namespace = Ability.Yes("project"),
                Quota = Ability.Yes("of the project; by a system administrator"),
                Visibility = Ability.Yes("public or private project"),
                Immutability = Ability.Yes("one rule for all tags"),
                OwnSecret = Ability.Yes("8 to 128 characters, upper and lower case and a digit"),
                Expiry = Ability.Yes("days of the robot account"),
                Method = AccountMethod.Robot,
                Rotates = RotationKind.SecondAccount,
                AccountNeedsNamespace = true,
                // The longest that was seen to work; the server answers 500 for what is too long.
                AccountNames = NameRule.Component(1, 200),
                NamespaceNames = NameRule.Component(1, 255),
            },
        ],
        Administer = (connection, _) => Task.FromResult<IRegistryAdmin>(new HarborAdmin(connection)),
        AskRoom = HarborQuota.AskAsync,
        Recognise = answer => answer.Challenge?["service"] == "harbor-registry" ? "Harbor" : null,
    };

    /// <summary>What the installer's file has as password unless somebody changes it.</summary>
    const string InstallersPassword = "Harbor12345";

    static readonly string[] Signatures = ["enable_content_trust", "enable_content_trust_cosign"];

    readonly AdminConnection connection;
    readonly HarborApi api;
    readonly HarborProject project;
    readonly HarborRobot robot;
    JObject info = [];
    string? projectId;
    bool hasReadProject;

    HarborAdmin(AdminConnection connection)
    {
        this.connection = connection;
        api = new HarborApi(connection);
        project = new HarborProject(api);
        robot = new HarborRobot(api, connection);
    }

    public RegistryCapabilities Capabilities => Product.Editions[0];

    public async Task<RegistryHealth> HealthAsync(CancellationToken cancellation)
    {
        var health = await api.ReadHealthAsync(cancellation);
        if (health.Condition == RegistryCondition.Unhealthy || connection.Credential is null)
            return health;
        // Told to those who log in alone; wrong credentials get what nobody gets.
        var call = new AdminCall(HttpMethod.Get, "api/v2.0/systeminfo") { Action = $"ask {api.Authority} for its state", Final = [HttpStatusCode.InternalServerError] };
        var answer = await connection.Client.SendAsync(call, cancellation);
        if (answer.Status == HttpStatusCode.InternalServerError)
            return health with { Condition = RegistryCondition.Unhealthy, Reason = $"it cannot tell its own state ({(int)answer.Status}: {answer.Words}), as when its database is down" };
        info = answer.Object();
        return info["read_only"] is { Type: JTokenType.Boolean } readOnly && (bool)readOnly
            ? health with { Condition = RegistryCondition.ReadOnly, Reason = "an administrator has switched that on (Administration, Configuration, System Settings)" }
            : health;
    }

    public async Task<AdminLogin> LogInAsync(string @namespace, CancellationToken cancellation)
    {
        if (!api.HasPassword)
            throw new ModuleException(ErrorCodes.Unauthorized, $"the API of Harbor takes no tokens, and no password was given for {api.Authority}", "give username and password of an administrator of Harbor or of the project");
        var answer = await project.GetAsync(@namespace, mayBeKnown: false, cancellation);
        if (answer.Status == HttpStatusCode.NotFound)
            return await MayCreateAsync(cancellation);
        if (answer.Status == HttpStatusCode.Forbidden)
            return (await WhoAsync(cancellation)).IsRobot
                ? No($"{connection.Credential!.Username} is a robot account, which can make no others")
                : No($"{api.Who} is no member of project {@namespace}, which belongs to somebody else");
        var role = (int?)answer.Object()["current_user_role_id"];
        // A system administrator needs no role in the project.
        return role == 1 || (await WhoAsync(cancellation)).IsSystemAdministrator
            ? new AdminLogin(api.Who, MayManage: true)
            : No(role is null
                ? $"{api.Who} is no member of project {@namespace}, which belongs to somebody else"
                : $"{api.Who} is {role switch { 2 => "developer", 3 or 5 => "guest", 4 => "maintainer", _ => "no administrator" }} in project {@namespace}, and only its administrators manage robot accounts");
    }

    AdminLogin No(string why) => new(api.Who, MayManage: false, why);

    /// <summary>There is no project yet: whether this account may make one.</summary>
    async Task<AdminLogin> MayCreateAsync(CancellationToken cancellation)
    {
        var (isRobot, isAdmin) = await WhoAsync(cancellation);
        if (isRobot)
            return No($"{connection.Credential!.Username} is a robot account, which can make no project");
        return isAdmin || HarborApi.Text(info["project_creation_restriction"]) != "adminonly"
            ? new AdminLogin(api.Who, MayManage: true)
            : No($"{api.Who} is no system administrator, and only they make projects on {api.Authority}");
    }

    async Task<(bool IsRobot, bool IsSystemAdministrator)> WhoAsync(CancellationToken cancellation)
    {
        var answer = await api.SendAsync(HttpMethod.Get, "users/current", $"log in to {api.Authority}", cancellation);
        // That is how a robot is told.
        if (answer.Status == HttpStatusCode.PreconditionFailed)
            return (true, false);
        var user = answer.Object();
        return (false, IsSet("sysadmin_flag") || IsSet("admin_role_in_auth"));

        bool IsSet(string flag) => user[flag] is { Type: JTokenType.Boolean } value && (bool)value;
    }

    public async Task<NamespaceState> ReadNamespaceAsync(NamespaceWish wish, CancellationToken cancellation)
    {
        var state = await project.ReadAsync(wish, cancellation);
        hasReadProject = true;
        projectId = ((HarborProjectState)state).Id is { Length: > 0 } id ? id : null;
        return state;
    }

    public IReadOnlyList<PlannedChange> PlanNamespace(NamespaceWish wish, NamespaceState state) => project.Plan(wish, state);

    public IReadOnlyList<PlannedChange> PlanNamespaceRemoval(NamespaceState state, bool force) => project.PlanRemoval(state, force);

    public async Task<AccountState> ReadAccountAsync(AccountWish wish, CancellationToken cancellation)
    {
        if (!hasReadProject)
            await ReadNamespaceAsync(new NamespaceWish(wish.Namespace), cancellation);
        return await robot.ReadAsync(wish, projectId, cancellation);
    }

    public IReadOnlyList<PlannedChange> PlanAccount(AccountWish wish, AccountState state) => robot.Plan(wish, state);

    public Task<MintedSecret> CreateAccountAsync(AccountWish wish, CancellationToken cancellation) => robot.CreateAsync(wish, cancellation);

    public Task<MintedSecret> RotateAccountAsync(AccountWish wish, AccountState state, CancellationToken cancellation) => robot.RotateAsync(wish, state, cancellation);

    public IReadOnlyList<PlannedChange> PlanAccountRemoval(AccountState state, IReadOnlyList<string>? ids = null) => robot.PlanRemoval(state);

    /// <summary>By <c>GET /v2/</c> with Basic: a pull from a public project takes wrong credentials for nobody's, and a token is given to anybody.</summary>
    public async Task<SecretCheck> CheckSecretAsync(Credential? credential, Reference repository, CancellationToken cancellation)
    {
        var action = $"log in to {api.Authority}{(credential?.Username is { } name ? $" as {name}" : "")}";
        var call = new AdminCall(HttpMethod.Get, "v2/")
        {
            Action = action,
            IsAnonymous = true,
            Headers = credential is { Token: null } ? [new("Authorization", Authorizer.Basic(credential).ToString())] : [],
        };
        var answer = await connection.Client.SendAsync(call, cancellation);
        if (answer.Status == HttpStatusCode.Unauthorized)
            await api.EnsureWellAsync(action, cancellation);
        // A user may be locked for a moment, because of somebody else's wrong password; a robot never is.
        if (answer.Status == HttpStatusCode.Unauthorized && credential is { Token: null } && !IsRobot(credential))
        {
            await Task.Delay(HarborApi.LoginLock, connection.Time, cancellation);
            answer = await connection.Client.SendAsync(call, cancellation);
        }

        if (answer.Status != HttpStatusCode.Unauthorized)
            return answer.EnsureSuccess().Json is JObject ? new SecretCheck(Refusal: null) : throw answer.NotExpected("a registry's answer");
        return new SecretCheck(credential is null
            ? answer.Fault
            : new ModuleException(ErrorCodes.Unauthorized, $"{api.Authority} refused {credential.Username}: wrong secret, or the account is disabled, has expired or is not there ({(int)answer.Status}: {answer.Words})", "give username and password of an administrator, and it gets a new secret") { HttpStatus = 401 });
    }

    /// <summary>A token tells the rights of its owner, whatever was asked for; nothing is written.</summary>
    public async Task<PushRight> JudgePushAsync(Credential? credential, Reference repository, PushTrial trial,
        CancellationToken cancellation)
    {
        using var store = connection.OpenStore(credential);
        var claims = await store.AskForClaimsAsync(repository, ["pull", "push"], cancellation);
        var actions = claims?.ActionsFor(repository.Repository) ?? [];
        if (actions.Contains("push"))
            return PushRight.Given;
        var (who, project) = (credential?.Username ?? "nobody", repository.Repository.Split('/')[0]);
        var allowed = actions.Count == 0 ? "nothing" : string.Join(" and ", actions);
        return PushRight.Refused(new ModuleException(
            ErrorCodes.Unauthorized,
            $"{who} may not push to {project} on {api.Authority}: its token allows {allowed}",
            "give the account push on the project; a project that does not exist gives no rights either: run mirror_repo first"));
    }

    public Task<IReadOnlyList<string>> FindRisksAsync(NamespaceState? @namespace, CancellationToken cancellation)
    {
        var risks = new List<string>();
        if (connection.Credential is { Username: "admin", Password: InstallersPassword })
            risks.Add($"admin on {api.Authority} still has the password that Harbor's installer suggests: anybody can be administrator; change it in Harbor");
        if (info["self_registration"] is { Type: JTokenType.Boolean } isOpen && (bool)isOpen)
            risks.Add($"anybody who reaches {api.Authority} can sign up{(HarborApi.Text(info["project_creation_restriction"]) == "everyone" ? " and make projects" : "")}: switch self-registration off (Administration, Configuration, Authentication)");
        if (@namespace is HarborProjectState { IsShown: true } state)
        {
            risks.AddRange(HarborProject.Risks(state, api.Authority));
            foreach (var policy in Signatures.Where(key => HarborApi.Text(state.Json["metadata"]?[key]) == "true"))
                risks.Add($"project {state.Name} on {api.Authority} refuses pulls of images that are not signed ({policy}): what is mirrored needs its signatures mirrored too, or that switched off");
        }

        return Task.FromResult<IReadOnlyList<string>>(risks);
    }

    public Credential? AsDockerLogin(Credential given) => given.Token is null ? given : null;

    public JObject AuthConfigFacts(string @namespace, Credential? credential) =>
        credential is not null && IsRobot(credential) ? new() { ["project"] = @namespace, ["robot_name"] = credential.Username } : new() { ["project"] = @namespace };

    // A plus is in no user's name, and between project and name of every robot of a project.
    static bool IsRobot(Credential credential) => credential.Username?.Contains('+', StringComparison.Ordinal) == true;
}
