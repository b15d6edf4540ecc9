namespace Passthrough.Testing.Registries;

/// <summary>How <see cref="DockerRegistry"/> is started.</summary>
public sealed record DockerRegistrySettings
{
    /// <summary>Serves TLS with a certificate from here; null serves plain HTTP.</summary>
    public Pki? Pki { get; init; }

    /// <summary>Accounts that may do everything; null lets anybody.</summary>
    public IReadOnlyDictionary<string, string>? Accounts { get; init; }

    /// <summary>Names besides 127.0.0.1 and localhost that the certificate is for.</summary>
    public string[] HostNames { get; init; } = [];

    public bool ReadOnly { get; init; }

    public bool DeleteEnabled { get; init; } = true;

    /// <summary>Where it listens; 0 takes a free port.</summary>
    public int Port { get; init; }

    /// <summary>Where it keeps its content; null keeps it in the folder given to Start.</summary>
    public string? Storage { get; init; }
}
