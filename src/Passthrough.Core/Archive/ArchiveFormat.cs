namespace Passthrough.Core.Archive;

/// <summary>One format of archive: how it is recognised by its content, and how it is opened.</summary>
/// <param name="Name">For results and messages.</param>
/// <param name="Recognises">Looks at the members' names only.</param>
/// <param name="Open">Takes the bytes over, also when it throws.</param>
public sealed record ArchiveFormat(string Name, Func<TarIndex, bool> Recognises, Func<ArchiveBytes, TarIndex, ImageNames, IArchive> Open);
