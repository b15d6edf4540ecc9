using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Archive.Reading;

namespace Passthrough.Core.Archive;

/// <summary>One format of archive: how it is recognised by its content, and how it is opened.</summary>
/// <param name="Name">For results and messages.</param>
/// <param name="Recognises">Looks at the members' names, and where these do not tell at a small file.</param>
/// <param name="Open">Takes the tree over, unless it throws.</param>
public sealed record ArchiveFormat(string Name, Func<ArchiveTree, bool> Recognises, Func<ArchiveTree, ImageNames, IArchive> Open)
{
    /// <summary>Whether several archives of this format are read as one, because the tool spreads what belongs together over them.</summary>
    public bool Joins { get; init; }
}
