using System.Collections.Immutable;

namespace Passthrough.Core.Archive;

/// <summary>The table of archive formats. A new format is a file with its <see cref="ArchiveFormat"/> and a line here.</summary>
public static class ArchiveFormats
{
    /// <summary>Asked in this order; the first that recognises the content opens it (docker writes archives that are two formats at once).</summary>
    public static readonly ImmutableArray<ArchiveFormat> All = [OciLayoutArchive.ArchiveFormat];

    /// <summary>What is recognised but not read, with what to do about it.</summary>
    static readonly ImmutableArray<(Func<TarIndex, bool> Recognises, string What, string Hint)> Unreadable =
    [
        (tar => HasAny(tar, "publish/.metadata.json"), "an archive of oc-mirror v1", "save the images with this module instead: state=saved"),
        (tar => tar.Entries.Any(entry => entry.Name.StartsWith("docker/registry/v2/", StringComparison.Ordinal)), "an archive of oc-mirror v2", "save the images with this module instead: state=saved"),
        (tar => HasAny(tar, "manifest.json", "repositories"), "a docker-archive, which has lost the digests of its images", "make it again as oci-archive: skopeo copy --all --preserve-digests docker://IMAGE oci-archive:FILE:IMAGE"),
        (tar => HasAny(tar, "oci-layout"), "an OCI layout without index.json", "copy or make it again: without its index nobody can tell what is in it"),
    ];

    /// <summary>Opens an archive, whatever its format.</summary>
    /// <param name="path">A file.</param>
    /// <param name="names">Names for images that have lost theirs.</param>
    /// <exception cref="ModuleException">It cannot be read, is damaged, or is no archive that we know.</exception>
    public static IArchive Open(string path, ImageNames? names = null)
    {
        var bytes = ArchiveFile.Open(path);
        try
        {
            var tar = TarIndex.Read(bytes);
            var format = All.FirstOrDefault(candidate => candidate.Recognises(tar)) ?? throw Unknown(path, tar);
            return format.Open(bytes, tar, names ?? ImageNames.None);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    static ModuleException Unknown(string path, TarIndex tar)
    {
        foreach (var (recognises, what, hint) in Unreadable)
        {
            if (recognises(tar))
                return new ModuleException(ErrorCodes.Unsupported, $"{path} is {what}", hint);
        }

        return new ModuleException(ErrorCodes.ArchiveCorrupt, $"{path} is a tar without index.json: it holds no OCI image layout ({tar.Entries.Count} members)", "give an archive made by this module, or by skopeo copy … oci-archive:FILE");
    }

    static bool HasAny(TarIndex tar, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (tar.FindFile(name) is not null)
                return true;
        }

        return false;
    }
}
