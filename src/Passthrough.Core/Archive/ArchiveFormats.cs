using System.Collections.Immutable;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Archive.Reading;

namespace Passthrough.Core.Archive;

/// <summary>The table of archive formats. A new format is a file with its <see cref="ArchiveFormat"/> and a line here.</summary>
public static class ArchiveFormats
{
    /// <summary>Asked in this order; the first that recognises the content opens it (docker writes archives that are two formats at once).</summary>
    public static readonly ImmutableArray<ArchiveFormat> All =
    [
        OciLayoutArchive.ArchiveFormat,
        OcMirrorV1Archive.ArchiveFormat,
        OcMirrorV2Archive.ArchiveFormat,
        DockerArchive.ArchiveFormat,
        ImgpkgArchive.ArchiveFormat,
        SkopeoFolders.ArchiveFormat,
    ];

    /// <summary>What is recognised but not read, with what to do about it.</summary>
    static readonly ImmutableArray<(Func<ArchiveTree, bool> Recognises, string What, string Hint)> Unreadable =
    [
        (tree => tree.FindFile("repositories") is not null, "a docker-archive without manifest.json, as docker before 1.10 wrote it", "load it with docker and save it again"),
        (tree => tree.FindFile("oci-layout") is not null, "an OCI layout without index.json", "copy or make it again: without its index nobody can tell what is in it"),
    ];

    /// <summary>How deep a layout may lie in folders of a tar.</summary>
    const int MaxFolders = 4;

    /// <summary>Each is asked whether it is an archive; nobody packs more together.</summary>
    const int MostFolders = 64;

    /// <summary>How many names of members an error lists.</summary>
    const int MostNamed = 10;
    const int LongestName = 100;

    /// <summary>What each format has in the folder that it begins in.</summary>
    static readonly ImmutableArray<string> FirstFiles = ["/index.json", "/manifest.json", "/publish/.metadata.json"];

    /// <summary>How files are called that may be archives themselves.</summary>
    static readonly ImmutableArray<string> Packed = [".tar", ".tgz", ".tar.gz", ".tar.zst", ".tar.xz", ".tar.bz2", ".tar.000"];

    /// <summary>The storage of a registry, in which oc-mirror v2 keeps images.</summary>
    const string StorageFolder = "/docker/registry/v2/";

    /// <summary>Opens an archive, whatever its format.</summary>
    /// <param name="path">A file, a folder, a part of a split set, or the set's name.</param>
    /// <param name="names">Names for images that have lost theirs.</param>
    /// <exception cref="ModuleException">It cannot be read, is damaged, or is no archive that we know.</exception>
    public static IArchive Open(string path, ImageNames? names = null) => Open([path], new ArchiveOptions { Names = names ?? ImageNames.None });

    /// <summary>Opens one archive, or several as one.</summary>
    /// <param name="paths">Files, folders (of a layout, or of oc-mirror's archives), parts of split sets or their names, in the order in which they would be loaded one by one. Parts of one set may all be named.</param>
    /// <param name="options">Names, and how to treat what is compressed or incomplete.</param>
    /// <exception cref="ModuleException">One of them cannot be read, is damaged, or is no archive that we know.</exception>
    public static IArchive Open(IReadOnlyList<string> paths, ArchiveOptions options, CancellationToken cancellation = default)
    {
        var opened = new List<IDisposable>();
        try
        {
            var sources = new List<(ArchiveTree Tree, ArchiveFormat Format, ImmutableArray<string> MissingParts)>();
            foreach (var path in paths.SelectMany(Expand).Distinct(StringComparer.Ordinal))
            {
                var (tree, missing) = OpenTree(path, options, cancellation);
                opened.Add(tree);
                var found = Recognise(tree);
                if (found.IsEmpty)
                    throw missing.IsEmpty ? Unknown(path, tree) : PartsMissing(path, missing, archive: null);
                sources.AddRange(found.Select(part => (part.Tree, part.Format, missing)));
            }

            var archives = new List<IArchive>();
            foreach (var group in Group(sources))
            {
                var archive = group.Format.Open(group.Tree, options.Names);
                opened.Add(archive);
                archives.Add(archive);
                if (!group.MissingParts.IsEmpty && !options.AllowMissingParts)
                    throw PartsMissing(group.Tree.Path, group.MissingParts, archive);
            }

            return archives is [var only] ? only : new ArchiveSet([.. archives]);
        }
        catch
        {
            foreach (var thing in opened)
                thing.Dispose();
            throw;
        }
    }

    // oc-mirror is given the folder that its archives lie in; so may we.
    static IEnumerable<string> Expand(string path)
    {
        if (Directory.Exists(path) && Directory.EnumerateFiles(path, "mirror_*.tar", new EnumerationOptions { IgnoreInaccessible = true }).Order(StringComparer.Ordinal).ToList() is { Count: > 0 } archives)
            return archives;
        return [SplitSet.NameOf(path) ?? path];
    }

    static (ArchiveTree Tree, ImmutableArray<string> MissingParts) OpenTree(string path, ArchiveOptions options, CancellationToken cancellation)
    {
        if (Directory.Exists(path))
            return (FolderTree.Read(path), []);
        ArchiveBytes bytes = SplitSet.NameOf(path) is not null ? SplitSet.Open(path) : ArchiveFile.Open(path);
        try
        {
            var set = bytes as SplitSet;
            var missing = set?.Missing ?? [];
            if (set is { Recorded.IsEmpty: true } && !missing.IsEmpty)
                throw PartsMissing(path, missing, archive: null);
            if (CompressionOf(bytes) is { } compression)
            {
                var spooled = Spool.Decompress(bytes, compression, options, cancellation);
                bytes.Dispose();
                bytes = spooled;
            }

            return (new TarTree(bytes, TarIndex.Read(bytes, missing.IsEmpty ? null : set!.Recorded)), missing);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    static Compression? CompressionOf(ArchiveBytes bytes)
    {
        var length = (int)Math.Min(Compression.MagicLength, bytes.Length);
        return bytes.Holds(0, length) ? Compression.Of(bytes.ReadExactly(0, length)) : null;
    }

    // At the root, or else in the folders that were packed: people pack a layout with its folder, with notes and checksums, or two at once.
    static ImmutableArray<(ArchiveTree Tree, ArchiveFormat Format)> Recognise(ArchiveTree tree)
    {
        if (All.FirstOrDefault(candidate => candidate.Recognises(tree)) is { } format)
            return [(tree, format)];
        var found = ImmutableArray.CreateBuilder<(ArchiveTree Tree, ArchiveFormat Format)>();
        var folders = new List<string>();
        foreach (var folder in FoldersIn(tree))
        {
            // What lies in an archive is part of it.
            if (folders.Exists(outer => folder.StartsWith(outer + "/", StringComparison.Ordinal)))
                continue;
            var part = new PartOfTree(tree, folder);
            if (All.FirstOrDefault(candidate => candidate.Recognises(part)) is not { } inner
                || (inner == OciLayoutArchive.ArchiveFormat && !OciLayoutArchive.IsLayout(part)))
                continue;
            folders.Add(folder);
            found.Add((part, inner));
        }

        return found.ToImmutable();
    }

    // The folders in which a file lies that begins an archive, the outermost first.
    static IEnumerable<string> FoldersIn(ArchiveTree tree)
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in tree.Members)
        {
            if (folders.Count < MostFolders && FolderOf(member.Name) is { Length: > 0 } folder
                && folder.Count(letter => letter == '/') < MaxFolders)
                folders.Add(folder);
        }

        return folders.OrderBy(folder => folder.Count(letter => letter == '/'));
    }

    static string? FolderOf(string name)
    {
        foreach (var mark in FirstFiles)
        {
            if (name.EndsWith(mark, StringComparison.Ordinal))
                return name[..^mark.Length];
        }

        return name.IndexOf(StorageFolder, StringComparison.Ordinal) is > 0 and var at ? name[..at] : null;
    }

    // Several archives of a tool that spreads its files over many are read as one; the order stays.
    static IEnumerable<(ArchiveTree Tree, ArchiveFormat Format, ImmutableArray<string> MissingParts)> Group(List<(ArchiveTree Tree, ArchiveFormat Format, ImmutableArray<string> MissingParts)> sources)
    {
        foreach (var group in sources.GroupBy(source => source.Format.Joins ? (object)source.Format : source.Tree))
        {
            var members = group.ToList();
            yield return members is [var only] ? only : (new JoinedTree([.. members.Select(member => member.Tree)]), members[0].Format, [.. members.SelectMany(member => member.MissingParts)]);
        }
    }

    static ModuleException PartsMissing(string path, ImmutableArray<string> missing, IArchive? archive)
    {
        var affected = archive?.Images.Where(image => archive is ImageArchive own && !own.IsWhole(image.Root.Digest)).Select(image => image.Reference?.ToString() ?? image.Name).ToList();
        var images = affected switch
        {
            null => "which images are in it cannot be told",
            [] => "no image needs them",
            _ => $"incomplete without them: {string.Join(", ", affected.Take(MostNamed))}{(affected.Count > MostNamed ? $" and {affected.Count - MostNamed} more" : "")}",
        };
        return new ModuleException(ErrorCodes.NotFound, $"of {path} the parts {string.Join(", ", missing)} are not there ({images})", "bring them to the folder of the other parts, or set allow_missing_parts to take what is whole");
    }

    static ModuleException Unknown(string path, ArchiveTree tree)
    {
        var kind = tree is FolderTree ? "a folder" : "a tar";
        if (tree.Members.FirstOrDefault(member =>
            member.Entry.LinkName.Length > 0 && member.Name.Split('/')[^1] is "index.json" or "manifest.json") is { } link)
        {
            return new ModuleException(
                ErrorCodes.ArchiveCorrupt,
                $"{path} cannot be read: its {link.Name} is a link to {link.Entry.LinkName}, which is not followed",
                "make the archive again with the files instead of links to them (tar --dereference)");
        }

        foreach (var (recognises, what, hint) in Unreadable)
        {
            if (recognises(tree))
                return new ModuleException(ErrorCodes.Unsupported, $"{path} is {what}", hint);
        }

        var members = tree.Members.Where(member => member.Entry.Kind != EntryKind.Directory).Take(MostNamed + 1).ToList();
        var first = members.Take(MostNamed).Select(member => member.Name)
            .Select(name => name.Length > LongestName ? $"{name[..LongestName]}…" : name);
        var names = members.Count == 0 ? "" : $": {string.Join(", ", first)}{(members.Count > MostNamed ? ", …" : "")}";
        var nested = members.Find(member => member.IsFile && Packed.Any(end => member.Name.EndsWith(end, StringComparison.Ordinal)));
        return new ModuleException(
            ErrorCodes.ArchiveCorrupt,
            $"{path} is {kind} without index.json: it holds no OCI image layout ({tree.Members.Count()} members{names})",
            nested is null ? "give an archive made by this module, or by skopeo copy … oci-archive:FILE"
                : tree is FolderTree ? $"give the archive in it as path: {System.IO.Path.Combine(path, nested.Name)}"
                : $"it has another archive in it: unpack {nested.Name} and give that as path");
    }
}
