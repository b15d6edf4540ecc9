namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// What an archive holds, by name: the members of a tar, the files of a folder, or several of these as one. Formats read this; where the bytes
/// are is not their business. Names are keys, links are told and never followed.
/// </summary>
public abstract class ArchiveTree : IDisposable
{
    /// <summary>What messages call it: the path that the user gave.</summary>
    public abstract string Path { get; }

    /// <summary>In bytes, with everything that is in it.</summary>
    public abstract long Size { get; }

    /// <summary>The files that it consists of.</summary>
    public virtual IEnumerable<ArchivePart> Files => [new(Path, Size)];

    /// <summary>In the order of the archive.</summary>
    public abstract IEnumerable<ArchiveMember> Members { get; }

    /// <summary>Everything of that name; the last one first, which is what an extraction would leave.</summary>
    public abstract IEnumerable<ArchiveMember> FindAll(string name);

    /// <summary>What has that name, a link too; null where nothing has.</summary>
    public ArchiveMember? Find(string name)
    {
        foreach (var member in FindAll(name))
            return member;
        return null;
    }

    /// <summary>The file of that name; null where there is none.</summary>
    public ArchiveMember? FindFile(string name) => Find(name) is { IsFile: true } file ? file : null;

    /// <summary>A file's content, whole; null where there is no such file or it is larger than <paramref name="limit"/>.</summary>
    public byte[]? ReadFile(string name, long limit) => FindFile(name) is { } file && file.Size <= limit ? file.Read() : null;

    /// <summary>The content of a file from an offset in it to its end.</summary>
    protected internal abstract Stream Open(ArchiveEntry file, long offset);

    /// <summary>Whether the file's bytes can be had; they cannot where a part of a split set is missing.</summary>
    protected internal virtual bool IsPresent(ArchiveEntry file) => true;

    /// <summary>Where a file is, for messages.</summary>
    protected internal abstract string PlaceOf(ArchiveEntry file);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);
}

/// <summary>A member of a tree, with the tree that can read it.</summary>
public sealed record ArchiveMember(ArchiveTree Tree, ArchiveEntry Entry)
{
    /// <summary>The name in the tree that was asked, which may be a part of <see cref="Tree"/>.</summary>
    public string Name { get; init; } = Entry.Name;

    public long Size => Entry.Size;

    public bool IsFile => Entry.Kind == EntryKind.File;

    public bool IsPresent => Tree.IsPresent(Entry);

    /// <summary>For messages: the archive, and where in it.</summary>
    public string Place => Tree.PlaceOf(Entry);

    public Stream Open(long offset = 0) => Tree.Open(Entry, offset);

    /// <summary>The whole content: only for what is known to be small.</summary>
    public byte[] Read() => Read((int)Size);

    /// <summary>The first bytes, fewer where the file is shorter.</summary>
    public byte[] Read(int count)
    {
        using var stream = Open();
        var bytes = new byte[Math.Min(count, Size)];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
