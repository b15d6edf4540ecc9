using System.Collections.Immutable;

namespace Passthrough.Core.Archive.Reading;

/// <summary>Several archives of one tool that belong together, as one: oc-mirror spreads its files over many tars, each whole by itself. A later one covers an earlier.</summary>
sealed class JoinedTree(ImmutableArray<ArchiveTree> parts) : ArchiveTree
{
    public ImmutableArray<ArchiveTree> Parts => parts;

    public override string Path { get; } = string.Join(", ", parts.Select(part => part.Path));

    public override long Size { get; } = parts.Sum(part => part.Size);

    public override IEnumerable<ArchivePart> Files => parts.SelectMany(part => part.Files);

    public override IEnumerable<ArchiveMember> Members => parts.SelectMany(part => part.Members);

    public override IEnumerable<ArchiveMember> FindAll(string name) => parts.Reverse().SelectMany(part => part.FindAll(name));

    protected internal override Stream Open(ArchiveEntry file, long offset) => throw new NotSupportedException("members are read by the part they are in");

    protected internal override string PlaceOf(ArchiveEntry file) => throw new NotSupportedException("members are read by the part they are in");

    protected override void Dispose(bool disposing)
    {
        foreach (var part in parts)
            part.Dispose();
    }
}
