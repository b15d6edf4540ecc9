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
                var (part, format) = Recognise(tree) ?? throw (missing.IsEmpty ? Unknown(path, tree) : PartsMissing(path, missing, archive: null));
                sources.Add((part, format, missing));
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

    static (ArchiveTree Tree, ArchiveFormat Format)? Recognise(ArchiveTree tree)
    {
        for (var (part, depth) = (tree, 0); ; depth++)
        {
            if (All.FirstOrDefault(candidate => candidate.Recognises(part)) is { } format)
                return (part, format);
            // What was packed together with the folder that it is in, or lies in a package beside other things.
            if (depth == MaxFolders || FolderIn(part) is not { } folder)
                return null;
            part = new PartOfTree(part, folder);
        }
    }

    static string? FolderIn(ArchiveTree tree)
    {
        var folders = tree.Members.Select(member => member.Name.Split('/') is [var folder, _, ..] ? folder : "").Where(folder => folder.Length > 0).Distinct(StringComparer.Ordinal).Take(2).ToList();
        if (folders is [var only] && tree.Members.All(member => member.Name == only || member.Name.StartsWith(only + "/", StringComparison.Ordinal)))
            return only;
        return tree.FindFile("images/index.json") is not null ? "images" : null;
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
        const int MostNamed = 10;
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
        foreach (var (recognises, what, hint) in Unreadable)
        {
            if (recognises(tree))
                return new ModuleException(ErrorCodes.Unsupported, $"{path} is {what}", hint);
        }

        var kind = tree is FolderTree ? "a folder" : "a tar";
        return new ModuleException(ErrorCodes.ArchiveCorrupt, $"{path} is {kind} without index.json: it holds no OCI image layout ({tree.Members.Count()} members)", "give an archive made by this module, or by skopeo copy … oci-archive:FILE");
    }
}
