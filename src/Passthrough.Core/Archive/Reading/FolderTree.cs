using System.IO.Enumeration;

namespace Passthrough.Core.Archive.Reading;

/// <summary>A folder: what a tar of it would hold. Links in it are told and never followed, so nothing outside it is ever read.</summary>
sealed class FolderTree : ArchiveTree
{
    readonly EntryTable entries;

    FolderTree(string path, List<ArchiveEntry> found)
    {
        Path = path;
        entries = new EntryTable(path);
        foreach (var entry in found)
            entries.Add(entry);
        Size = found.Sum(entry => entry.Size);
    }

    public override string Path { get; }

    public override long Size { get; }

    public override IEnumerable<ArchiveMember> Members => entries.Select(entry => new ArchiveMember(this, entry));

    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be read.</exception>
    public static FolderTree Read(string path)
    {
        var found = new List<ArchiveEntry>();
        var nameBytes = 0L;
        try
        {
            // Sorted, so that the same folder reads the same everywhere.
            foreach (var entry in new FileSystemEnumerable<ArchiveEntry>(path, ToEntry, Options) { ShouldRecursePredicate = (ref FileSystemEntry entry) => entry is { IsDirectory: true, Attributes: var attributes } && !attributes.HasFlag(FileAttributes.ReparsePoint) })
            {
                nameBytes += entry.Name.Length + entry.LinkName.Length;
                if (found.Count == Limits.Members || nameBytes > Limits.MemberNameBytes / 2)
                    throw new ModuleException(ErrorCodes.ArchiveCorrupt,
                        $"{path} has more than {Limits.Members} files, or names of more than {Limits.MemberNameBytes / 2} bytes together",
                            "this is no image archive");
                found.Add(entry);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"the folder {path} cannot be read: {e.Message}", "make it and everything in it readable for the user that runs the task", e);
        }

        found.Sort((left, right) => string.CompareOrdinal(left.Name, right.Name));
        return new FolderTree(path, found);

        ArchiveEntry ToEntry(ref FileSystemEntry entry)
        {
            var full = entry.ToFullPath();
            var name = System.IO.Path.GetRelativePath(path, full);
            if (entry.Attributes.HasFlag(FileAttributes.ReparsePoint))
                return new ArchiveEntry(name, EntryKind.SymbolicLink, 0, 0, new FileInfo(full).LinkTarget ?? "");
            return new ArchiveEntry(name, entry.IsDirectory ? EntryKind.Directory : EntryKind.File, entry.IsDirectory ? 0 : entry.Length, 0, "");
        }
    }

    static EnumerationOptions Options => new() { RecurseSubdirectories = true, IgnoreInaccessible = false, AttributesToSkip = FileAttributes.None, ReturnSpecialDirectories = false };

    public override IEnumerable<ArchiveMember> FindAll(string name) => entries.FindAll(name).Select(entry => new ArchiveMember(this, entry));

    protected internal override Stream Open(ArchiveEntry file, long offset)
    {
        // Pipes and devices have no length: they are never opened, which could wait for ever.
        if (file.Size == offset)
            return new MemoryStream([]);
        var bytes = ArchiveFile.Open(FullName(file));
        return new ArchiveRange(bytes, offset, file.Size - offset, owned: bytes);
    }

    protected internal override string PlaceOf(ArchiveEntry file) => FullName(file);

    string FullName(ArchiveEntry file) => System.IO.Path.Combine(Path, file.Name);

    protected override void Dispose(bool disposing)
    {
        // Files are open only while they are read.
    }
}
