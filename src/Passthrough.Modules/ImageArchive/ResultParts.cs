using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Archive;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>The members that results of several states have.</summary>
static class ResultParts
{
    public static JObject Archive(IArchive archive) => Archive(archive.Path, archive.Format, archive.Size, archive.Id, new JArray(archive.Files.Select(Part)));

    static JObject Part(ArchivePart part)
    {
        var json = Part(part.Name, part.Size, sha256: null);
        if (part.IsMissing)
            json["missing"] = true;
        return json;
    }

    public static JObject Archive(string path, string format, long size, string id, JArray parts) => new()
    {
        ["path"] = path,
        ["format"] = format,
        ["size"] = size,
        ["parts"] = parts,
        ["id"] = id,
    };

    /// <param name="sha256">Of the file; null where it was not computed.</param>
    public static JObject Part(string name, long size, string? sha256) => new() { ["name"] = name, ["size"] = size, ["sha256"] = sha256 };

    /// <summary>What an archive holds and does not deliver, with the reason.</summary>
    public static JArray LeftOut(IArchive archive)
    {
        var skipped = new JArray();
        foreach (var content in archive.Skipped)
            skipped.Add(new JObject { ["name"] = content.Name, ["digest"] = content.Digest?.ToString(), ["reason"] = content.Reason });
        return skipped;
    }

    /// <summary>Whether upstream has the image under its digest, and why that is not known or not so.</summary>
    public static void AddDigestPreserved(JObject json, ArchivedImage image)
    {
        json["digest_preserved"] = image.DigestPreserved;
        if (image.DigestPreserved is null)
            json["digest_reason"] = "the archive does not tell whether the tool that made it changed the image: podman and skopeo may "
                + "compress layers again";
    }

    public static JArray Platforms(IEnumerable<Platform> platforms) => new(platforms.Select(platform => platform.ToString()));

    /// <summary>What is wrong with one image.</summary>
    public static JObject Error(ModuleException fault)
    {
        var json = new JObject { ["code"] = fault.Code, ["message"] = fault.Message };
        if (fault.Hint is not null)
            json["hint"] = fault.Hint;
        if (fault.HttpStatus is not null)
            json["http_status"] = fault.HttpStatus;
        if (fault.Blob is not null)
            json["blob"] = fault.Blob;
        return json;
    }

    public static JObject Requests(RequestCounts counts) => new() { ["total"] = counts.Total, ["retries"] = counts.Retries, ["throttled"] = counts.Throttled };

    /// <summary>In seconds, to the millisecond.</summary>
    public static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);

    /// <summary>Where each repository is, in the order of the images; made when it is printed.</summary>
    public static IEnumerable<JToken> MirrorMap(IEnumerable<CopyItem> images) =>
        images.DistinctBy(image => $"{image.Source.Name} {image.Target.Name}").Select(image => new JObject { ["source"] = image.Source.Name, ["mirror"] = image.Target.Name });

    /// <summary>One line an image, for diffs.</summary>
    /// <param name="images">Each as reference and digest.</param>
    public static string Lines(IEnumerable<string> images) =>
        string.Concat(images.Order(StringComparer.Ordinal).Select(image => image + "\n"));

    /// <summary>How many images have each status.</summary>
    public static JObject Counts(IEnumerable<string> statuses, params ReadOnlySpan<string> all)
    {
        var given = statuses.ToList();
        var counts = new JObject { ["images"] = given.Count };
        foreach (var status in all)
            counts[status] = given.Count(one => one == status);
        return counts;
    }
}
