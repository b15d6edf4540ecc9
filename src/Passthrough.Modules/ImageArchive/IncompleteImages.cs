using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Archive;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// Images that should be in an archive and of which not even the manifest is there: they are named, and nothing is called whole that has
/// one.
/// </summary>
static class IncompleteImages
{
    /// <summary>The first of them as a fault; null where there are none.</summary>
    public static ModuleException? FaultOf(IReadOnlyList<SkippedContent> incomplete, IArchive archive)
    {
        if (incomplete.Count == 0)
            return null;
        var others = incomplete.Count > 1 ? $", and {incomplete.Count - 1} more are incomplete" : "";
        return new ModuleException(
            ErrorCodes.ArchiveCorrupt, $"{incomplete[0].Name} is incomplete in {archive.Path}: {incomplete[0].Reason}{others}", "make "
                + "the archive again, or leave it out with exclude")
        {
            Image = incomplete[0].Name,
        };
    }

    /// <param name="status">What the state calls an image that is not whole.</param>
    public static JObject Describe(SkippedContent image, IArchive archive, string status) => new()
    {
        ["ref"] = image.Name,
        ["name"] = image.Name,
        ["digest"] = image.Digest?.ToString(),
        ["status"] = status,
        ["error"] = ResultParts.Error(FaultOf([image], archive)!),
    };
}
