using System.Collections.Immutable;
using System.Text;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// What <c>skopeo sync --dest dir</c> writes, in a folder or a tar of it: one folder an image, <c>&lt;host&gt;/&lt;path&gt;:&lt;tag&gt;</c> or <c>…@sha256:&lt;hex&gt;</c>
/// (without <c>--scoped</c> only the path's last component), with the manifest, its children as <c>&lt;hex&gt;.manifest.json</c>, and blobs as <c>&lt;hex&gt;</c>
/// (containers/image, directory transport). Bytes are untouched, so digests are kept.
/// </summary>
sealed class SkopeoFolders : ImageArchive
{
    const string FormatName = "skopeo-dir";
    const string ManifestName = "manifest.json";
    const string ChildSuffix = ".manifest.json";
    const string VersionName = "version";

    readonly Dictionary<Digest, ArchiveMember> places = [];

    SkopeoFolders(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        var images = ImmutableArray.CreateBuilder<ArchivedImage>();
        var folders = FoldersOf(tree).ToHashSet(StringComparer.Ordinal);
        foreach (var member in tree.Members.Where(member => member.IsFile))
        {
            var slash = member.Name.LastIndexOf('/');
            var (folder, file) = (slash < 0 ? "" : member.Name[..slash], member.Name[(slash + 1)..]);
            if (!folders.Contains(folder))
                continue;
            if (file == ManifestName)
                images.Add(ImageIn(folder, member, names));
            else if (DigestOf(file) is { } digest)
                places.TryAdd(digest, member);
        }

        Images = images.ToImmutable();
    }

    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, tree => FoldersOf(tree).Any(), (tree, names) => new SkopeoFolders(tree, names));

    protected override IEnumerable<ArchiveMember> Find(Digest digest) => places.TryGetValue(digest, out var member) ? [member] : [];

    protected override IEnumerable<ArchivedContent> ContentMembers() => places.Select(place => new ArchivedContent(place.Key, place.Value));

    // Its version file says what a folder is: "Directory Transport Version: 1.1".
    static IEnumerable<string> FoldersOf(ArchiveTree tree) =>
        from member in tree.Members
        where member is { IsFile: true, Size: < 100 } && (member.Name == VersionName || member.Name.EndsWith("/" + VersionName, StringComparison.Ordinal))
        let folder = member.Name[..^VersionName.Length]
        where tree.FindFile(folder + ManifestName) is not null && Encoding.ASCII.GetString(member.Read()).StartsWith("Directory Transport Version:", StringComparison.Ordinal)
        select folder.TrimEnd('/');

    static Digest? DigestOf(string file)
    {
        var hex = file.EndsWith(ChildSuffix, StringComparison.Ordinal) ? file[..^ChildSuffix.Length] : file;
        return Digest.TryParse("sha256:" + hex, out var digest) ? digest : null;
    }

    ArchivedImage ImageIn(string folder, ArchiveMember manifest, ImageNames names)
    {
        if (manifest.Size > Manifest.MaxBytes)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{manifest.Name} in {Path} has {manifest.Size} bytes: that is no manifest", "make the archive again");
        var digest = Digest.Sha256(manifest.Read());
        places[digest] = manifest;
        return names.NameOf(Describe(digest), folder, ImageNames.FullReference(folder), "folder name");
    }
}
