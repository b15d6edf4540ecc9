namespace Passthrough.Core.Archive.Reading;

/// <summary>One member of a tar, or one file of a folder.</summary>
/// <param name="Name">Without a leading <c>./</c>, doubled and trailing slashes. Only ever a key: nothing is extracted.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Size">Bytes of content; 0 for everything but files.</param>
/// <param name="Offset">Where the content begins in the archive; 0 in a folder.</param>
/// <param name="LinkName">The target of a link, as it stands; empty for everything else.</param>
public sealed record ArchiveEntry(string Name, EntryKind Kind, long Size, long Offset, string LinkName);

public enum EntryKind
{
    File,
    Directory,
    SymbolicLink,
    HardLink,

    /// <summary>A device, a pipe, or something that only one tool knows.</summary>
    Other,
}
