namespace Passthrough.Testing.Registries.Harbor;

/// <summary>A project as Harbor's database has it.</summary>
public sealed class HarborProject
{
    public required int Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Of what is made with it: its quota and its list of allowed vulnerabilities. Refused projects use up none.</summary>
    public required int QuotaId { get; init; }

    public required HarborUser Owner { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>Texts by key, as they were given: Harbor checks little.</summary>
    public SortedDictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Makes it a proxy cache.</summary>
    public int? RegistryId { get; init; }

    /// <summary>Bytes; -1 for no limit.</summary>
    public long Quota { get; set; } = -1;

    /// <summary>Roles by the user's id: 1 administrator, 2 developer, 3 guest, 4 maintainer.</summary>
    public Dictionary<int, int> Members { get; } = [];

    public List<HarborRule> Rules { get; } = [];

    public bool IsPublic => Metadata.GetValueOrDefault("public") == "true";
}

public sealed class HarborUser
{
    public required int Id { get; init; }

    public required string Name { get; init; }

    public required string Password { get; set; }

    public string Email { get; init; } = "";

    public string RealName { get; init; } = "";

    public bool IsAdmin { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>After a wrong password nobody gets in under this name for a moment.</summary>
    public DateTimeOffset LockedUntil { get; set; }
}

/// <summary>A robot account as Harbor's database has it.</summary>
public sealed class HarborRobot
{
    public required int Id { get; init; }

    /// <summary>0 on system level.</summary>
    public required int ProjectId { get; init; }

    /// <summary>Without the prefix, which is put before it when it is read: <c>mirror+ocp-mirror</c>.</summary>
    public required string Name { get; init; }

    public required string Secret { get; set; }

    public string Description { get; set; } = "";

    /// <summary>Days; -1 for ever.</summary>
    public int Duration { get; set; }

    /// <summary>Seconds of Unix time; -1 for never.</summary>
    public long ExpiresAt { get; set; }

    public bool IsDisabled { get; set; }

    public List<HarborPermission> Permissions { get; set; } = [];

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset Updated { get; set; }

    /// <summary>The robot that made it; null where a user did.</summary>
    public int? CreatorRobot { get; init; }

    public int CreatorUser { get; init; }

    public bool IsProjectLevel => ProjectId != 0;
}

/// <summary>What a robot may do somewhere.</summary>
/// <param name="Kind"><c>project</c> or <c>system</c>.</param>
/// <param name="Namespace">A project, <c>*</c> for every, <c>/</c> for the system.</param>
public sealed record HarborPermission(string Kind, string Namespace, IReadOnlyList<HarborAccess> Access);

public sealed record HarborAccess(string Resource, string Action, string? Effect = null);

/// <summary>A rule for tags that may not be changed.</summary>
public sealed class HarborRule
{
    public required int Id { get; init; }

    public required Newtonsoft.Json.Linq.JObject Json { get; set; }

    public bool IsDisabled => (bool?)Json["disabled"] == true;
}

/// <summary>A retention policy.</summary>
public sealed class HarborRetention
{
    public required int Id { get; init; }

    public required int ProjectId { get; init; }

    public required Newtonsoft.Json.Linq.JObject Json { get; set; }
}

/// <summary>Numbers of a table, one after the other; what fails uses one up too, as in PostgreSQL.</summary>
sealed class HarborSequence
{
    int last;

    public int Next() => ++last;
}
