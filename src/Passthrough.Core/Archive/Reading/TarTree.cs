namespace Passthrough.Core.Archive.Reading;

/// <summary>A tar, read in place.</summary>
sealed class TarTree(ArchiveBytes bytes, TarIndex index) : ArchiveTree
{
    public override string Path => bytes.Path;

    public override long Size => bytes.StoredSize;

    public override IEnumerable<ArchivePart> Files => bytes.Files;

    public override IEnumerable<ArchiveMember> Members => index.Entries.Select(entry => new ArchiveMember(this, entry));

    public override IEnumerable<ArchiveMember> FindAll(string name) => index.FindAll(name).Select(entry => new ArchiveMember(this, entry));

    protected internal override Stream Open(ArchiveEntry file, long offset) => bytes.OpenRange(file.Offset + offset, file.Size - offset);

    protected internal override bool IsPresent(ArchiveEntry file) => bytes.Holds(file.Offset, file.Size);

    protected internal override string PlaceOf(ArchiveEntry file) => $"{Path} (byte {file.Offset})";

    protected override void Dispose(bool disposing) => bytes.Dispose();
}
