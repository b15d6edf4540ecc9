using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>A program that resolves image names as the cluster's nodes do, in a world in which every upstream is blocked.</summary>
interface IPullClient
{
    /// <summary>Its name and version.</summary>
    string Title { get; }

    /// <summary>Whether it is a program that others wrote; only such a one can prove anything.</summary>
    bool Proves => true;

    /// <summary>The bytes of the manifest under an upstream name.</summary>
    Task<ClientAnswer> ReadManifestAsync(Reference image, CancellationToken cancellation);

    /// <summary>The bytes of the configuration of one image, named by its manifest's digest.</summary>
    Task<ClientAnswer> ReadConfigAsync(Reference image, CancellationToken cancellation);

    /// <summary>Copies one image whole, named by its manifest's digest; the answer's bytes are the manifest that it wrote.</summary>
    Task<ClientAnswer> CopyAsync(Reference image, long bytes, CancellationToken cancellation);

    /// <summary>Reads a manifest where no source has a mirror.</summary>
    Task<ClientAnswer> ReadWithoutMirrorsAsync(Reference image, CancellationToken cancellation);
}

/// <summary>What a client gave.</summary>
/// <param name="Command">As a person would type it; null where nothing was run.</param>
/// <param name="Output">Null where it failed.</param>
/// <param name="Words">Its last words where it failed.</param>
/// <param name="Places">Where it went, in order.</param>
sealed record ClientAnswer(string? Command, byte[]? Output, string Words, IReadOnlyList<string> Places);
