using Passthrough.Core.Archive.Formats;

namespace Passthrough.Core.Archive;

/// <summary>How archives are opened.</summary>
public sealed record ArchiveOptions
{
    /// <summary>Names for images that have lost theirs.</summary>
    public ImageNames Names { get; init; } = ImageNames.None;

    /// <summary>
    /// Where a compressed archive is decompressed to: blobs are read at their offsets, which a compressed file does not have. The file there has no name,
    /// so that nothing is left of it however the run ends. By default <c>TMPDIR</c> or <c>/var/tmp</c>.
    /// </summary>
    public string SpoolFolder { get; init; } = Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } folder ? folder : "/var/tmp";

    /// <summary>Whether a split set may lack parts; images that need them are incomplete then.</summary>
    public bool AllowMissingParts { get; init; }

    /// <summary>Told what takes long.</summary>
    public TransferProgress? Progress { get; init; }
}
