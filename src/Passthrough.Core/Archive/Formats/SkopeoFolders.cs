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

    /// <summary>What a blob is called until it is whole.</summary>
    const string UnfinishedBlob = "dir-put-blob";

    readonly Dictionary<Digest, ArchiveMember> places = [];

    SkopeoFolders(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        var images = ImmutableArray.CreateBuilder<ArchivedImage>();
        var skipped = ImmutableArray.CreateBuilder<SkippedContent>();
        var folders = new OrderedDictionary<string, ArchiveMember?>(StringComparer.Ordinal);
        foreach (var member in tree.Members.Where(member => member.Entry.Kind != EntryKind.Directory))
        {
            var slash = member.Name.LastIndexOf('/');
            var (folder, file) = (slash < 0 ? "" : member.Name[..slash], member.Name[(slash + 1)..]);
            if (DigestOf(file) is { } digest)
                places[digest] = places.TryGetValue(digest, out var known) && known.IsFile ? known : member;
            else if (!file.StartsWith(UnfinishedBlob, StringComparison.Ordinal) && !IsVersion(member))
                continue;
            folders.TryAdd(folder, null);
        }

        foreach (var folder in folders.Keys)
        {
            var name = folder.Length == 0 ? ManifestName : $"{folder}/{ManifestName}";
            if (tree.FindFile(name) is { } manifest)
                images.Add(ImageIn(folder, manifest, names));
            else
                skipped.Add(Incomplete(folder, tree.Find(name)));
        }

        Images = images.ToImmutable();
        Skipped = skipped.ToImmutable();
    }

    // skopeo writes the manifest last: a run that was interrupted leaves a folder without one.
    static SkippedContent Incomplete(string folder, ArchiveMember? manifest)
    {
        var name = ReferenceOf(folder)?.ToString() ?? folder;
        var reason = manifest is { Entry.Kind: EntryKind.SymbolicLink or EntryKind.HardLink }
            ? $"its {ManifestName} is a link to {manifest.Entry.LinkName}, which is not followed"
            : $"its folder has no {ManifestName}: the run of skopeo that wrote it was interrupted";
        return new SkippedContent(name, null, reason) { IsIncomplete = true };
    }

    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, tree => tree.Members.Any(IsVersion), (tree, names) =>
        new SkopeoFolders(tree, names));

    protected override IEnumerable<ArchiveMember> Find(Digest digest) => places.TryGetValue(digest, out var member) ? [member] : [];

    protected override IEnumerable<ArchivedContent> ContentMembers() =>
        places.Where(place => place.Value.IsFile).Select(place => new ArchivedContent(place.Key, place.Value));

    // Its version file says what a folder is: "Directory Transport Version: 1.1".
    static bool IsVersion(ArchiveMember member) =>
        member is { IsFile: true, Size: < 100 }
            && (member.Name == VersionName || member.Name.EndsWith("/" + VersionName, StringComparison.Ordinal))
        && Encoding.ASCII.GetString(member.Read()).StartsWith("Directory Transport Version:", StringComparison.Ordinal);

    static Digest? DigestOf(string file)
    {
        var hex = file.EndsWith(ChildSuffix, StringComparison.Ordinal) ? file[..^ChildSuffix.Length] : file;
        return Digest.TryParse("sha256:" + hex, out var digest) ? digest : null;
    }

    // The tree may have been packed with folders around it.
    static Reference? ReferenceOf(string folder)
    {
        for (var rest = folder; ; rest = rest[(rest.IndexOf('/', StringComparison.Ordinal) + 1)..])
        {
            if (ImageNames.FullReference(rest) is { } reference)
                return reference;
            if (!rest.Contains('/', StringComparison.Ordinal))
                return null;
        }
    }

    ArchivedImage ImageIn(string folder, ArchiveMember manifest, ImageNames names)
    {
        if (manifest.Size > Limits.ManifestBytes)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{manifest.Name} in {Path} has {manifest.Size} bytes: that is no manifest", "make the archive again");
        var digest = Digest.Sha256(manifest.Read());
        places[digest] = manifest;
        return names.NameOf(Describe(digest), folder, ReferenceOf(folder), "folder name");
    }
}
