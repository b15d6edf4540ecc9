namespace Passthrough.Testing.Registries.Harbor;

/// <summary>How a <see cref="HarborServer"/> is set up.</summary>
public sealed record HarborSettings
{
    public HarborVersion Version { get; init; } = HarborVersion.V2_15_2;

    public string AdminPassword { get; init; } = "Harbor12345";

    /// <summary>Gives it a certificate; without one it speaks plain HTTP.</summary>
    public Pki? Pki { get; init; }

    /// <summary>Whether nginx stands in front, as in every installation: it shows the portal, decodes paths once, and answers while core is down.</summary>
    public bool IsBehindProxy { get; init; } = true;

    /// <summary>For how long a user is locked, and the answer held back, after a wrong password.</summary>
    public TimeSpan LoginLock { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>What the administrator configured as the server's address; 2.9 sends clients there for tokens, whatever name they used. Null for where it listens.</summary>
    public string? ExternalAddress { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>The two versions that were recorded.</summary>
public enum HarborVersion
{
    V2_9_5,
    V2_15_2,
}
