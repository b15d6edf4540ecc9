namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>How an <see cref="ArtifactoryServer"/> is set up. Where no answer was recorded, what is plausible can be chosen.</summary>
public sealed record ArtifactorySettings
{
    public ArtifactoryEdition Edition { get; init; } = ArtifactoryEdition.Pro;

    public string AdminPassword { get; init; } = "Artifact0ry!pass";

    /// <summary>Gives it a certificate; without one it speaks plain HTTP.</summary>
    public Pki? Pki { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public string Version { get; init; } = "7.161.20 86120900";

    /// <summary>Whether the router stands in front (8082); without it there is only <c>/artifactory</c> (8081).</summary>
    public bool HasRouter { get; init; } = true;

    /// <summary>Whether anybody may read.</summary>
    public bool AllowsAnonymous { get; init; }

    /// <summary>Whether a password is enough to make tokens; off by default since it exists.</summary>
    public bool MakesTokensForPasswords { get; init; }

    /// <summary>For how long the third wrong password in a row locks everything out.</summary>
    public TimeSpan LoginLock { get; init; } = TimeSpan.FromSeconds(9);

    /// <summary>Tokens that live shorter are not stored, so that they can be neither listed nor revoked.</summary>
    public TimeSpan PersistencyThreshold { get; init; } = TimeSpan.FromHours(3);

    /// <summary>How many tokens a page of the list has; null for all of them, as older releases answer.</summary>
    public int? TokenPage { get; init; }

    /// <summary>Whether the list leaves out what the filter does not match.</summary>
    public bool FiltersTokens { get; init; } = true;

    /// <summary>Whether the list tells the scope of tokens.</summary>
    public bool TellsScopes { get; init; } = true;

    /// <summary>Whether administrators are shown the licence; where JFrog hosts it, nobody may be.</summary>
    public bool ShowsLicense { get; init; } = true;

    /// <summary>Whether a missing repository is a 404, which no release was seen to answer, instead of the 400.</summary>
    public bool MissingIs404 { get; init; }

    /// <summary>How often the list of repositories is asked until it shows a new one: another node of a cluster answers.</summary>
    public int NodesLag { get; init; }

    /// <summary>Whether a tag that is there can be pushed again without the right to delete.</summary>
    public bool AllowsOverwriting { get; init; }

    /// <summary>Whether it has accepted its EULA; JCR answers nothing before.</summary>
    public bool HasSignedEula { get; init; } = true;

    /// <summary>What challenges and upload addresses name in place of the request's host and scheme, as behind a proxy that was set up wrongly; null for the right ones.</summary>
    public Uri? BaseUrlOverride { get; init; }
}

public enum ArtifactoryEdition
{
    /// <summary>Everything.</summary>
    Pro,

    /// <summary>Docker, and no REST for single repositories.</summary>
    Jcr,

    /// <summary>The same without Docker.</summary>
    Oss,
}
