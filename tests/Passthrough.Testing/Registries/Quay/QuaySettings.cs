using System.Security.Cryptography.X509Certificates;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>How <see cref="QuayFake"/> is started and configured; as it stands here, the way mirror-registry's installer does it. What can change without a new server may be set later.</summary>
public sealed class QuaySettings
{
    /// <summary>A Quay that somebody configured with the features that mirror-registry leaves off.</summary>
    public static QuaySettings Quay => new()
    {
        SuperUsers = new HashSet<string>(StringComparer.Ordinal) { "quayadmin" },
        User = "quayadmin",
        Password = "Quay-Password-1",
        CreateNamespaceOnPush = false,
        UserCreation = false,
        QuotaManagement = true,
        ProxyCache = true,
        AutoPrune = true,
    };

    /// <summary>The first user.</summary>
    public string User { get; init; } = "init";

    public string Password { get; init; } = "Init-Password-1";

    /// <summary>Whether the first user is there from the start; otherwise <c>/api/v1/user/initialize</c> makes it.</summary>
    public bool IsInitialized { get; init; } = true;

    /// <summary><c>SUPER_USERS</c>. The installer writes <c>admin</c>, whatever its first user is called.</summary>
    public IReadOnlySet<string> SuperUsers { get; init; } = new HashSet<string>(StringComparer.Ordinal) { "admin" };

    /// <summary><c>SERVER_HOSTNAME</c> and scheme, where that is not how it is reached.</summary>
    public Uri? PublicAddress { get; init; }

    /// <summary>The name in addresses.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Serves TLS with it; null serves plain HTTP.</summary>
    public X509Certificate2? Certificate { get; init; }

    public bool CreateNamespaceOnPush { get; set; } = true;

    public bool PrivateOnPush { get; set; } = true;

    public bool AnonymousAccess { get; set; } = true;

    /// <summary>Anybody may sign up, under any name that is free.</summary>
    public bool UserCreation { get; set; } = true;

    public bool UserInitialize { get; set; } = true;

    public bool ExtendedRepositoryNames { get; set; } = true;

    public bool ReferrersApi { get; set; } = true;

    /// <summary><c>FEATURE_SPARSE_INDEX</c>: an index is taken although manifests that it names are not there.</summary>
    public bool SparseIndex { get; set; }

    public bool QuotaManagement { get; set; }

    /// <summary>Whether the worker has run that adds up what namespaces hold.</summary>
    public bool IsCounted { get; set; } = true;

    public bool ProxyCache { get; set; }

    public bool AutoPrune { get; set; }

    public bool SuperusersFullAccess { get; set; }

    public bool SuperusersOrgCreationOnly { get; set; }

    public bool RobotsDisallow { get; set; }

    /// <summary>After a login, deletions of organizations are allowed for so long.</summary>
    public TimeSpan FreshLogin { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary><c>REGISTRY_STATE: readonly</c>.</summary>
    public bool IsReadOnly { get; set; }

    /// <summary>Whether its processes run, redis among them; a start takes a while.</summary>
    public bool WebIsUp { get; set; } = true;

    public bool RegistryIsUp { get; set; } = true;

    public bool RedisIsUp { get; set; } = true;

    public bool DatabaseIsUp { get; set; } = true;
}
