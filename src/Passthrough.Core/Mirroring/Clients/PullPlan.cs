using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Mirroring.Clients;

/// <summary>What a client does to pull one image.</summary>
public sealed record PullPlan
{
    /// <summary>The image in full; null where the text is no reference.</summary>
    public Reference? Image { get; init; }

    /// <summary>The entry of registries.conf that rules the pull; null where none does, and the image's own registry is asked.</summary>
    public RegistryEntry? Match { get; init; }

    /// <summary>Asked in this order until one has the image; none where <see cref="Error"/> is set.</summary>
    public ImmutableArray<PullSource> Sources { get; init; } = [];

    /// <summary>Why the pull fails before anything is asked, in the client's words; null where it does not.</summary>
    public string? Error { get; init; }
}

/// <summary>One place that is asked.</summary>
/// <param name="Image">The image as it is called there.</param>
/// <param name="Insecure">Certificates are not verified, and plain http is tried.</param>
/// <param name="BlockedBy">The prefix for which the client refuses to ask there (<c>registry PREFIX is blocked in …</c>) and goes on to the next place; null where it asks.</param>
public sealed record PullSource(Reference Image, bool Insecure, string? BlockedBy);
