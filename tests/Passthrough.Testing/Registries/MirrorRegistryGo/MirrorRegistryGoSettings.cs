using System.Security.Cryptography.X509Certificates;

namespace Passthrough.Testing.Registries.MirrorRegistryGo;

/// <summary>How <see cref="MirrorRegistryGoFake"/> is started.</summary>
public sealed record MirrorRegistryGoSettings
{
    /// <summary>The one user that <c>quay init</c> made; <c>admin</c> where nothing was said.</summary>
    public string User { get; init; } = "admin";

    public string Password { get; init; } = "Throwaway-Pw1";

    /// <summary>Users that may only pull. The product's own tools cannot make one: rows put into its database by hand.</summary>
    public IReadOnlyDictionary<string, string> Readers { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Whether it was started with a config.yaml (so also after <c>migrate</c>): then the user may push only into a namespace of its own name.</summary>
    public bool HasConfigFile { get; init; }

    /// <summary><c>CREATE_PRIVATE_REPO_ON_PUSH</c>: off as it comes, so that everybody may pull what was pushed.</summary>
    public bool PrivateOnPush { get; init; }

    /// <summary>How often untagged manifests are collected, without grace.</summary>
    public TimeSpan CollectEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For how long an uploaded blob counts that no manifest names.</summary>
    public TimeSpan BlobMarkLasts { get; init; } = TimeSpan.FromHours(1);

    /// <summary>For how long the content of a deleted or moved tag is kept.</summary>
    public TimeSpan DeletedTagLasts { get; init; } = TimeSpan.FromDays(14);

    /// <summary>What it calls itself in challenges and tokens (<c>--hostname</c>), where that is not how it is reached.</summary>
    public Uri? PublicAddress { get; init; }

    /// <summary>The name in addresses.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Its certificate; the product serves nothing but TLS, null is for tests to whom that does not matter.</summary>
    public X509Certificate2? Certificate { get; init; }
}
