using System.Text.RegularExpressions;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>Accounts, organizations, repositories, and who may do what with them.</summary>
sealed partial class QuayDatabase(QuaySettings settings)
{
    static readonly string[] Roles = ["read", "write", "admin"];

    public Dictionary<string, QuayUser> Users { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, QuayOrganization> Organizations { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, QuayRobot> Robots { get; } = new(StringComparer.Ordinal);

    /// <summary>In the order they were made.</summary>
    public List<QuayRepository> Repositories { get; } = [];

    public List<QuayToken> Tokens { get; } = [];

    /// <summary>What is wrong with a name of a user, organization or robot; null for nothing.</summary>
    public static string? NamespaceFault(string name) =>
        name.Length is < 2 or > 255 ? "Namespace must be between 2 and 255 characters in length"
        : NamespaceName().IsMatch(name) ? null
        : "Namespace must match expression ^([a-z0-9]+(?:[._-][a-z0-9]+)*)$";

    public bool IsTaken(string name) => Users.ContainsKey(name) || Organizations.ContainsKey(name);

    public bool IsEmailTaken(string email) => Users.Values.Any(user => user.Email == email) || Organizations.Values.Any(organization => organization.Email == email);

    public QuayUser AddUser(string name, string password, string email) => Users[name] = new QuayUser(name, password, email);

    public QuayOrganization AddOrganization(string name, string email, string owner)
    {
        var organization = Organizations[name] = new QuayOrganization(name, email);
        organization.Teams["owners"] = new QuayTeam("owners") { Role = "admin" };
        organization.Teams["owners"].Members.Add(owner);
        return organization;
    }

    public void RemoveOrganization(string name)
    {
        Organizations.Remove(name);
        Repositories.RemoveAll(repository => repository.Namespace == name);
        foreach (var robot in Robots.Values.Where(robot => robot.Owner == name).ToList())
            RemoveRobot(robot);
    }

    public void RemoveRobot(QuayRobot robot)
    {
        Robots.Remove(robot.Name);
        foreach (var team in Organizations.Values.SelectMany(organization => organization.Teams.Values))
            team.Members.Remove(robot.Name);
        foreach (var organization in Organizations.Values)
            organization.Prototypes.RemoveAll(prototype => !prototype.IsTeam && prototype.Delegate == robot.Name);
        foreach (var repository in Repositories)
            repository.UserRoles.Remove(robot.Name);
    }

    public QuayRepository? Repository(string fullName) => Repositories.Find(repository => repository.FullName == fullName);

    /// <summary>Makes a repository; its maker becomes its admin, and the organization's default permissions apply.</summary>
    public QuayRepository AddRepository(string @namespace, string name, bool isPublic, string maker)
    {
        var repository = new QuayRepository(@namespace, name, isPublic);
        repository.UserRoles[maker] = "admin";
        if (Organizations.TryGetValue(@namespace, out var organization))
        {
            foreach (var prototype in organization.Prototypes.Where(prototype => prototype.Delegate != maker))
                (prototype.IsTeam ? repository.TeamRoles : repository.UserRoles)[prototype.Delegate] = prototype.Role;
        }

        Repositories.Add(repository);
        return repository;
    }

    /// <summary>Whether a repository of that name may be: nested ones are a feature.</summary>
    public bool IsRepositoryName(string name) => name.Length <= 255 && (settings.ExtendedRepositoryNames ? ExtendedName() : SimpleName()).IsMatch(name);

    /// <param name="actor">A user or robot; null for anonymous.</param>
    public bool IsAdmin(QuayOrganization organization, string? actor) =>
        actor is not null && (HasTeamRole(organization, actor, "admin") || (settings.SuperusersFullAccess && settings.SuperUsers.Contains(actor)));

    public bool MayCreateIn(string @namespace, string? actor) =>
        actor is not null
        && (actor == @namespace || (Organizations.TryGetValue(@namespace, out var organization) && (IsAdmin(organization, actor) || HasTeamRole(organization, actor, "creator"))));

    public bool IsMember(QuayOrganization organization, string? actor) =>
        actor is not null && (organization.Teams.Values.Any(team => team.Members.Contains(actor)) || actor.StartsWith(organization.Name + "+", StringComparison.Ordinal));

    /// <summary>read, write or admin; null for nothing.</summary>
    public string? RoleIn(QuayRepository repository, string? actor)
    {
        var roles = new List<string>();
        if (repository.IsPublic)
            roles.Add("read");
        if (actor is not null)
        {
            if (actor == repository.Namespace)
                roles.Add("admin");
            if (repository.UserRoles.TryGetValue(actor, out var own))
                roles.Add(own);
            if (Organizations.TryGetValue(repository.Namespace, out var organization))
            {
                if (IsAdmin(organization, actor))
                    roles.Add("admin");
                roles.AddRange(organization.Teams.Values.Where(team => team.Members.Contains(actor)).Select(team => repository.TeamRoles.GetValueOrDefault(team.Name)).OfType<string>());
            }
        }

        return roles.MaxBy(role => Array.IndexOf(Roles, role));
    }

    public bool May(QuayRepository repository, string? actor, string role) =>
        RoleIn(repository, actor) is { } own && Array.IndexOf(Roles, own) >= Array.IndexOf(Roles, role);

    static bool HasTeamRole(QuayOrganization organization, string actor, string role) => organization.Teams.Values.Any(team => team.Role == role && team.Members.Contains(actor));

    [GeneratedRegex("^([a-z0-9]+(?:[._-][a-z0-9]+)*)$")]
    private static partial Regex NamespaceName();

    [GeneratedRegex(@"^[a-z0-9][\.a-z0-9_-]*(?:\/[a-z0-9][\.a-z0-9_-]*)*$")]
    private static partial Regex ExtendedName();

    [GeneratedRegex(@"^[a-z0-9][\.a-z0-9_-]*$")]
    private static partial Regex SimpleName();
}
