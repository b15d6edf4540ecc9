namespace Passthrough.Core.Archive;

/// <summary>One file, or folder, that an archive consists of.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Size">What it takes there, in bytes.</param>
public sealed record ArchivePart(string Path, long Size)
{
    /// <summary>Whether it is known to belong to the archive and is not there.</summary>
    public bool IsMissing { get; init; }

    public string Name => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(Path));
}
