using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// A <c>registries.conf</c> of version 2 as podman, skopeo, buildah and CRI-O read it (containers-registries.conf(5)): the file of one host, or a drop-in.
/// </summary>
public sealed partial record RegistriesConf
{
    /// <summary>In the order of the file.</summary>
    public ImmutableArray<RegistryEntry> Registries { get; init; } = [];

    /// <summary>Null where the file does not say; an empty list empties the host's.</summary>
    public ImmutableArray<string>? UnqualifiedSearchRegistries { get; init; }

    /// <summary><c>enforcing</c>, <c>permissive</c>, <c>disabled</c> or empty; null where the file does not say.</summary>
    public string? ShortNameMode { get; init; }

    /// <summary>Where credentials are looked for, instead of auth files; null where the file does not say.</summary>
    public ImmutableArray<string>? CredentialHelpers { get; init; }
}

/// <summary>One <c>[[registry]]</c>.</summary>
public sealed record RegistryEntry
{
    /// <summary>Which names it is for; empty where it is <see cref="Location"/>.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>What the prefix is replaced with; empty only for a <c>*.</c> prefix.</summary>
    public string Location { get; init; } = "";

    public bool Insecure { get; init; }

    /// <summary>Nothing is pulled from the location itself; its mirrors are still asked.</summary>
    public bool Blocked { get; init; }

    /// <summary>The old form of digest-only for all its mirrors.</summary>
    public bool MirrorByDigestOnly { get; init; }

    /// <summary>In the order in which they are asked.</summary>
    public ImmutableArray<RegistryMirror> Mirrors { get; init; } = [];

    /// <summary>The prefix that counts.</summary>
    public string Scope => Prefix.Length > 0 ? Prefix : Location;
}

/// <summary>One <c>[[registry.mirror]]</c>.</summary>
/// <param name="Location"><c>host[:port]/path</c>.</param>
public sealed record RegistryMirror(string Location, PullFromMirror Pull = PullFromMirror.All)
{
    public bool Insecure { get; init; }
}

/// <summary><c>pull-from-mirror</c>.</summary>
public enum PullFromMirror
{
    /// <summary><c>all</c>, or nothing said.</summary>
    All,

    /// <summary><c>digest-only</c></summary>
    DigestOnly,

    /// <summary><c>tag-only</c></summary>
    TagOnly,
}
