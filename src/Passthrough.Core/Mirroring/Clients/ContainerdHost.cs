using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring.Clients;

/// <summary>One place that containerd asks.</summary>
public sealed record ContainerdHost
{
    /// <summary>The root of the API: <c>/NAME/manifests/TAG</c> and the like are appended to it.</summary>
    public string Url => $"{Scheme}://{Host}{Path}";

    public string Scheme { get; init; } = "";

    /// <summary>Empty where the registry of the image itself is meant.</summary>
    public string Host { get; init; } = "";

    public string Path { get; init; } = "";

    public ContainerdCapabilities Capabilities { get; init; } = ContainerdCapabilities.All;

    /// <summary>Null where nothing is said.</summary>
    public bool? SkipVerify { get; init; }

    /// <summary>TLS is tried first, and plain http after a TLS error: what becomes of <c>http</c> with a CA, a client certificate or a word on verification.</summary>
    public bool HttpsThenHttp { get; init; }

    /// <summary>Files that are trusted beside the system's; null where nothing is said.</summary>
    public ImmutableArray<string>? CaFiles { get; init; }

    /// <summary>Certificate and key; the key is empty where it is in the certificate's file.</summary>
    public ImmutableArray<(string Certificate, string Key)> ClientFiles { get; init; } = [];

    /// <summary>Values by name, in the order of their names.</summary>
    public IReadOnlyList<ContainerdHeader> Header { get; init; } = [];

    internal bool SaysHowToTrust => CaFiles is not null || !ClientFiles.IsEmpty || SkipVerify is not null;
}

/// <summary>A header sent with every request.</summary>
public sealed record ContainerdHeader(string Name, ImmutableArray<string> Values);

/// <summary>What a host is asked for. The names are the values of <c>capabilities</c>; containerd 1.7 does not know the last.</summary>
[Flags]
public enum ContainerdCapabilities
{
    None = 0,
    Pull = 1,
    Resolve = 2,
    Push = 4,
    Referrers = 8,
    All = Pull | Resolve | Push | Referrers,
}
