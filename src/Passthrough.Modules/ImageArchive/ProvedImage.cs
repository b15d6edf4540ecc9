using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Archive;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>What was proved of one image, in the archive, in the registry, or in both.</summary>
sealed class ProvedImage(string name)
{
    public const string Verified = "verified";
    public const string Failed = "failed";
    public const string Unknown = "unknown";

    VerifiedArchiveImage? inArchive;
    VerifiedImage? inRegistry;
    ModuleException? notEvenBegun;

    /// <summary>An image that is whole in the archive and not in the registry, or the reverse, has failed.</summary>
    public string Status => Fault is null ? Verified : inArchive?.Fault is null && inRegistry is { IsUnknown: true } ? Unknown : Failed;

    /// <summary>Whether it belongs to an image and is none itself.</summary>
    public bool IsReferrer => inRegistry is { Image.IsReferrer: true };

    ModuleException? Fault => notEvenBegun ?? inArchive?.Fault ?? inRegistry?.Fault;

    /// <summary>What an archive's image is called by.</summary>
    public static string NameOf(VerifiedArchiveImage image) => image.Content.Image.Reference?.ToString() ?? image.Content.Image.Root.Digest.ToString();

    // Two images of one name have both to be whole.
    public void Add(VerifiedArchiveImage image) => inArchive = inArchive?.Fault is null ? image : inArchive;

    public void Add(SkippedContent image, IArchive archive) => notEvenBegun = IncompleteImages.FaultOf([image], archive);

    public void Add(VerifiedImage image) => inRegistry = inRegistry?.Fault is null ? image : inRegistry;

    public JObject Describe()
    {
        var json = new JObject { ["ref"] = name, ["status"] = Status };
        if (Fault is { } fault)
            json["error"] = ResultParts.Error(fault);
        if (inArchive is { } archived)
        {
            json["ref"] = archived.Content.Image.Reference?.ToString();
            json["digest"] = archived.Content.Image.Root.Digest.ToString();
            json["platforms"] = ResultParts.Platforms(archived.Content.Platforms);
            json["bytes"] = archived.Content.Bytes;
        }

        if (inRegistry is { } delivered)
        {
            json["target"] = delivered.Image.Target.ToString();
            json["digest"] ??= (delivered.Image.Digest ?? delivered.Digest)?.ToString();
            json["digest_in_registry"] = delivered.Digest?.ToString();
            json["platforms"] ??= ResultParts.Platforms(delivered.Platforms);
            json["bytes"] ??= delivered.Bytes;
        }

        return json;
    }
}
