using System.Collections.Immutable;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Validation;

/// <summary>What is to be proved, and with what.</summary>
public sealed record ProofRequest
{
    /// <summary>The rendered <c>registries-&lt;type&gt;.conf</c>.</summary>
    public required string RegistriesConf { get; init; }

    /// <summary>The mirror; its certificate options and credentials are the next two.</summary>
    public required RegistryEndpoint Endpoint { get; init; }

    public ConnectionOptions Options { get; init; } = new();

    public ICredentialSource Credentials { get; init; } = NoCredentials.Instance;

    /// <summary>The auth file that the client itself is to read; null writes what <see cref="Credentials"/> gives into a private one.</summary>
    public string? AuthFile { get; init; }

    /// <summary>Whether the credentials are those of the account that the cluster pulls with.</summary>
    public bool IsClusterAccount { get; init; }

    /// <summary>What was delivered, and what the user named beside it.</summary>
    public ImmutableArray<ProofImage> Images { get; init; } = [];

    /// <summary>Copies every image whole, not only the smallest of each source.</summary>
    public bool Deep { get; init; }

    /// <summary>Where skopeo and podman are looked for, as in <c>PATH</c>; null for this process's.</summary>
    public string? SearchPath { get; init; }

    public TransferProgress? Progress { get; init; }
}

/// <summary>An image by its upstream name: with a tag it is read by tag and by digest, without one by digest only.</summary>
public sealed record ProofImage(Reference Image)
{
    /// <summary>What it has upstream; null where nobody recorded it: then what the mirror has under the tag is expected, and the report says so.</summary>
    public Digest? Digest { get; init; }

    /// <summary>Where it was delivered to; null where that is not known.</summary>
    public Reference? Target { get; init; }

    /// <summary>The platforms that were delivered; empty for all of its index.</summary>
    public ImmutableArray<Platform> Platforms { get; init; } = [];
}
