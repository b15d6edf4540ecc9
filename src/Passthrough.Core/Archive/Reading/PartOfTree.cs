namespace Passthrough.Core.Archive.Reading;

/// <summary>One folder inside an archive, as if it were the whole: <c>tar -cf a.tar folder</c> puts a layout there, and zarf's packages keep theirs in <c>images</c>.</summary>
sealed class PartOfTree(ArchiveTree whole, string folder) : ArchiveTree
{
    readonly string prefix = folder + "/";

    public override string Path => whole.Path;

    public override long Size => whole.Size;

    public override IEnumerable<ArchivePart> Files => whole.Files;

    public override IEnumerable<ArchiveMember> Members =>
        whole.Members.Where(member => member.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(member => member with { Name = member.Name[prefix.Length..] });

    public override IEnumerable<ArchiveMember> FindAll(string name) => whole.FindAll(prefix + name).Select(member => member with { Name = name });

    protected internal override Stream Open(ArchiveEntry file, long offset) => whole.Open(file, offset);

    protected internal override bool IsPresent(ArchiveEntry file) => whole.IsPresent(file);

    protected internal override string PlaceOf(ArchiveEntry file) => whole.PlaceOf(file);

    protected override void Dispose(bool disposing) => whole.Dispose();
}
