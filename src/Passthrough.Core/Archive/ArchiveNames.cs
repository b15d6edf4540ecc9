using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Files;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive;

/// <summary>The names of the images that archives hold, as far as possible without the archives.</summary>
public static class ArchiveNames
{
    /// <param name="path">A sidecar <c>….manifest.json</c>; an archive of any format, of which its sidecar is read where there is one.</param>
    /// <exception cref="ModuleException">It cannot be read, or names no image.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        var sidecar = path.EndsWith(".json", StringComparison.Ordinal) ? path : ArchiveSaver.ManifestPath(path);
        return File.Exists(sidecar) || sidecar == path ? OfSidecar(sidecar) : OfArchive(path);
    }

    static List<string> OfSidecar(string path)
    {
        try
        {
            var names = new List<string>();
            foreach (var image in Json.TryParseObject(InputFile.ReadAllText(path))?["images"] as JArray ?? [])
            {
                if ((image as JObject)?["ref"] is JValue { Value: string name })
                    names.Add(name);
            }

            return names.Count > 0 ? names : throw new ModuleException(ErrorCodes.InvalidArgument, $"{path} lists no image", "give the file ….manifest.json that was written beside an archive, or the archive");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"{path} cannot be read: {(File.Exists(path) ? e.Message : "it does not exist")}", "it must be on the host that runs the module", e);
        }
    }

    static List<string> OfArchive(string path)
    {
        using var archive = ArchiveFormats.Open(path);
        var names = new List<string>();
        foreach (var image in archive.Images)
        {
            if (image.Reference is not null)
                names.Add(image.Reference.ToString());
        }

        return names;
    }
}
