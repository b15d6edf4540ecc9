using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>Harbor's database, and who may do what in it.</summary>
public sealed class HarborState
{
    readonly HarborSettings settings;
    readonly HarborSequence projectIds = new();
    readonly HarborSequence quotaIds = new();
    readonly HarborSequence userIds = new();
    readonly HarborSequence robotIds = new();
    readonly HarborSequence ruleIds = new();
    readonly HarborSequence retentionIds = new();
    readonly HarborSequence registryIds = new();

    internal HarborState(HarborSettings settings)
    {
        this.settings = settings;
        var admin = AddUser("admin", settings.AdminPassword, isAdmin: true);
        // Number 2 is an anonymous user of old.
        userIds.Next();
        AddProject("library", admin).Metadata["public"] = "true";
    }

    /// <summary>Held while a request is answered.</summary>
    internal Lock Gate { get; } = new();

    public MemoryContent Content { get; } = new();

    public List<HarborProject> Projects { get; } = [];

    public List<HarborUser> Users { get; } = [];

    public List<HarborRobot> Robots { get; } = [];

    public List<HarborRetention> Retentions { get; } = [];

    /// <summary>Endpoints that proxy caches pull from: their numbers.</summary>
    public List<int> Registries { get; } = [];

    /// <summary>Stands before the name of every robot, also of those that were made before it was changed.</summary>
    public string RobotPrefix { get; set; } = "robot$";

    public bool IsReadOnly { get; set; }

    /// <summary><c>everyone</c> or <c>adminonly</c>.</summary>
    public string ProjectCreation { get; set; } = "everyone";

    public DateTimeOffset Now => settings.Time.GetUtcNow();

    public HarborUser AddUser(string name, string password, bool isAdmin = false, string email = "", string realName = "")
    {
        var user = new HarborUser { Id = userIds.Next(), Name = name, Password = password, IsAdmin = isAdmin, Email = email, RealName = realName, Created = Now };
        Users.Add(user);
        return user;
    }

    public HarborProject AddProject(string name, HarborUser? owner = null, int? registryId = null)
    {
        owner ??= Users[0];
        var project = new HarborProject { Id = projectIds.Next(), QuotaId = quotaIds.Next(), Name = name, Owner = owner, RegistryId = registryId, Created = Now };
        project.Metadata["public"] = "false";
        project.Members[owner.Id] = 1;
        Projects.Add(project);
        return project;
    }

    /// <summary>What a refused insert uses up.</summary>
    internal void SkipProject() => projectIds.Next();

    internal void SkipRobot() => robotIds.Next();

    internal int NextRule() => ruleIds.Next();

    internal int NextRetention() => retentionIds.Next();

    internal int AddRegistry()
    {
        Registries.Add(registryIds.Next());
        return Registries[^1];
    }

    public HarborProject? Project(string name) => Projects.Find(project => project.Name == name);

    /// <summary>A robot with its full name as it is now.</summary>
    public HarborRobot? Robot(string fullName) => Robots.Find(robot => FullName(robot) == fullName);

    public string FullName(HarborRobot robot) => RobotPrefix + robot.Name;

    internal HarborRobot AddRobot(int projectId, string name, HarborIdentity creator, IReadOnlyList<HarborPermission> permissions, int duration, string description)
    {
        var robot = new HarborRobot
        {
            Id = robotIds.Next(),
            ProjectId = projectId,
            Name = name,
            Secret = NewSecret(),
            Description = description,
            Duration = duration,
            Permissions = [.. permissions],
            Created = Now,
            Updated = Now,
            CreatorRobot = creator.Robot?.Id,
            CreatorUser = creator.User?.Id ?? 0,
        };
        robot.ExpiresAt = Expiry(robot.Created, duration);
        Robots.Add(robot);
        return robot;
    }

    internal static long Expiry(DateTimeOffset created, int days) => days == -1 ? -1 : created.ToUnixTimeSeconds() + (days * 86400L);

    /// <summary>32 letters and digits, at least one of each kind.</summary>
    internal static string NewSecret() =>
        SuiteOutput.Secret(RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 29) + "aA1");

    public void RemoveProject(HarborProject project)
    {
        Projects.Remove(project);
        Content.RemoveBelow(project.Name + "/");
        Robots.RemoveAll(robot => robot.ProjectId == project.Id);
        Retentions.RemoveAll(retention => retention.ProjectId == project.Id);
        // System robots lose what they had there, for good.
        foreach (var robot in Robots)
            robot.Permissions.RemoveAll(permission => permission.Kind == "project" && permission.Namespace == project.Name);
    }

    /// <summary>Bytes that count against the quota of a project.</summary>
    public long Used(HarborProject project) => Content.Sizes(project.Name + "/").Values.Sum();

    public int RepositoryCount(HarborProject project) => RepositoriesOf(project).Count;

    /// <summary>In the order in which they were made.</summary>
    public IReadOnlyList<string> RepositoriesOf(HarborProject project) => [.. Content.RepositoriesByAge.Where(name => name.StartsWith(project.Name + "/", StringComparison.Ordinal))];

    internal bool IsExpired(HarborRobot robot) => robot.ExpiresAt != -1 && robot.ExpiresAt <= Now.ToUnixTimeSeconds();

    /// <summary>Whether a password is right, without lock and delay.</summary>
    internal HarborIdentity Authenticate(string name, string password)
    {
        if (Robot(name) is { } robot && name.StartsWith(RobotPrefix, StringComparison.Ordinal))
            return robot is { IsDisabled: false } && !IsExpired(robot) && Matches(robot.Secret, password) ? new HarborIdentity { Robot = robot, Name = name } : HarborIdentity.Nobody;
        return Users.Find(user => user.Name == name) is { } found && Matches(found.Password, password) ? new HarborIdentity { User = found, Name = name } : HarborIdentity.Nobody;
    }

    static bool Matches(string secret, string password) => CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(password));

    /// <summary>Whether somebody may do something in a project.</summary>
    internal bool May(HarborIdentity who, HarborProject project, string resource, string action)
    {
        if (who.IsAdmin)
            return true;
        if (project.IsPublic && (resource, action) is ("repository", "pull" or "list" or "read") or ("project", "read"))
            return true;
        if (who.User is { } user)
            return project.Members.TryGetValue(user.Id, out var role) && role switch
            {
                1 => true,
                2 or 4 => (resource, action) is ("repository", not "delete") or ("robot", "list" or "read") or (_, "list" or "read"),
                _ => action is "pull" or "list" or "read",
            };
        return who.Robot is { } robot && Rights(robot, "project", project.Name).Any(access =>
            access.Resource == resource && (access.Action == action
                // On project level who may push may pull as well (src/common/security/robot/context.go).
                || (robot.IsProjectLevel && (resource, action, access.Action) == ("repository", "pull", "push"))));
    }

    /// <summary>Whether a token allows something in a project: of its scopes only the project counts, and of several for one the last.</summary>
    internal bool MayWith(JObject claims, HarborProject project, string action)
    {
        // A project that was made after the token is another one, give or take a minute; of old nobody looked.
        if (settings.Version != HarborVersion.V2_9_5 && (long)claims["iat"]! < (project.Created - TimeSpan.FromSeconds(60)).ToUnixTimeSeconds())
            return false;
        var entry = (claims["access"] as JArray ?? []).OfType<JObject>().LastOrDefault(entry => ((string)entry["name"]!).Split('/')[0] == project.Name);
        return entry?["actions"] is JArray actions && actions.Any(allowed => (string)allowed! == action);
    }

    /// <summary>Whether somebody may do something on the server as a whole.</summary>
    internal bool MayOnServer(HarborIdentity who, string resource, string action) =>
        who.IsAdmin || (who.Robot is { } robot && Rights(robot, "system", "/").Any(access => access.Resource == resource && access.Action == action));

    internal static IEnumerable<HarborAccess> Rights(HarborRobot robot, string kind, string @namespace) =>
        robot.Permissions.Where(permission => permission.Kind == kind && (permission.Namespace == @namespace || permission.Namespace == "*")).SelectMany(permission => permission.Access);
}
