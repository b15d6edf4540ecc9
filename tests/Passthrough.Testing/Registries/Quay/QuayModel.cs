using System.Security.Cryptography;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>Who can log in, or owns: a user, an organization, a robot.</summary>
sealed class QuayUser(string name, string password, string email)
{
    public string Name => name;

    public string Password => password;

    public string Email => email;

    public string Uuid { get; } = Guid.NewGuid().ToString();

    /// <summary>Wrong passwords in a row, and until when that locks the account.</summary>
    public int BadLogins { get; set; }

    public DateTimeOffset LockedUntil { get; set; }

    /// <summary>Signing out ends every session of the user.</summary>
    public int SessionEpoch { get; set; }

    public Dictionary<string, string> AppTokens { get; } = new(StringComparer.Ordinal);
}

sealed class QuayRobot(string owner, string shortName, DateTimeOffset created)
{
    const string Letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    public string Name => $"{owner}+{shortName}";

    public string Owner => owner;

    public DateTimeOffset Created => created;

    public DateTimeOffset? LastAccessed { get; set; }

    public string Description { get; init; } = "";

    public Newtonsoft.Json.Linq.JToken? Metadata { get; set; }

    public string Token { get; private set; } = SuiteOutput.Secret(RandomNumberGenerator.GetString(Letters, 64));

    public void Regenerate() => Token = SuiteOutput.Secret(RandomNumberGenerator.GetString(Letters, 64));
}

sealed class QuayOrganization(string name, string email)
{
    public const int DefaultTagExpiration = 14 * 24 * 3600;

    public string Name => name;

    public string Email { get; set; } = email;

    public int TagExpiration { get; set; } = DefaultTagExpiration;

    public Dictionary<string, QuayTeam> Teams { get; } = new(StringComparer.Ordinal);

    public List<QuayPrototype> Prototypes { get; } = [];

    public List<QuayApplication> Applications { get; } = [];

    public List<QuayQuota> Quotas { get; } = [];

    public (string Upstream, int Expiration, bool Insecure)? ProxyCache { get; set; }

    public List<(string Uuid, string Method, Newtonsoft.Json.Linq.JToken Value)> PrunePolicies { get; } = [];
}

sealed class QuayTeam(string name)
{
    public string Name => name;

    public string Role { get; set; } = "member";

    public string Description { get; set; } = "";

    /// <summary>Users and robots.</summary>
    public List<string> Members { get; } = [];
}

/// <summary>A default permission: what somebody gets in repositories that are made from now on.</summary>
sealed record QuayPrototype(string Id, string Role, string Delegate, bool IsTeam);

sealed record QuayApplication(string Name, string ClientId, string ClientSecret, string RedirectUri);

sealed class QuayQuota(int id, long limit)
{
    public int Id => id;

    public long Limit { get; set; } = limit;

    public List<(int Id, string Type, int Percent)> Limits { get; } = [];
}

/// <summary>An OAuth token.</summary>
sealed record QuayToken(string Text, QuayUser User, IReadOnlySet<string> Scopes, QuayApplication? Application, DateTimeOffset ExpiresAt);

sealed class QuayRepository(string @namespace, string name, bool isPublic)
{
    public string Namespace => @namespace;

    public string Name => name;

    public string FullName => $"{@namespace}/{name}";

    public bool IsPublic { get; set; } = isPublic;

    public string Description { get; set; } = "";

    public string State { get; set; } = "NORMAL";

    public string StatusToken { get; } = Guid.NewGuid().ToString();

    /// <summary>By name of a user or robot: read, write or admin.</summary>
    public Dictionary<string, string> UserRoles { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, string> TeamRoles { get; } = new(StringComparer.Ordinal);

    public QuayRepositoryContent Content { get; } = new();
}
