using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>A program that resolves image names as the cluster's nodes do, in a world in which every upstream is blocked.</summary>
interface IPullClient
{
    /// <summary>Its name and version.</summary>
    string Title { get; }

    /// <summary>Whether it is a program that others wrote; only such a one can prove anything.</summary>
    bool Proves => true;

    /// <summary>Whether it reads nothing without copying it whole.</summary>
    bool CopiesAll => false;

    /// <summary>Reads the manifest under an upstream name.</summary>
    /// <param name="expected">What should come; null where nobody knows.</param>
    Task<ClientAnswer> ReadManifestAsync(Reference image, Digest? expected, CancellationToken cancellation);

    /// <summary>Reads the configuration of one image, named by its manifest's digest.</summary>
    Task<ClientAnswer> ReadConfigAsync(Reference image, Digest expected, CancellationToken cancellation);

    /// <summary>Copies one image whole, named by its manifest's digest, which is what should come.</summary>
    Task<ClientAnswer> CopyAsync(Reference image, long bytes, CancellationToken cancellation);

    /// <summary>Reads a manifest where no source has a mirror.</summary>
    Task<ClientAnswer> ReadWithoutMirrorsAsync(Reference image, CancellationToken cancellation);
}

/// <summary>What a client gave.</summary>
/// <param name="Command">As a person would type it; null where nothing was run.</param>
/// <param name="Got">The digest of what came; null where it failed.</param>
/// <param name="Words">Its last words where it failed.</param>
/// <param name="Places">Where it went, in order.</param>
sealed record ClientAnswer(string? Command, Digest? Got, string Words, IReadOnlyList<string> Places);
