using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// A docker-archive: <c>docker save</c> before version 25, <c>podman save</c>, skopeo's <c>docker-archive:</c>, <c>crane pull</c>. It has configurations and
/// layers and no manifests: one is composed over the layers as they are, so nothing is compressed again and the same archive always gives the same
/// digest; but it is never the upstream's.
/// </summary>
sealed class DockerArchive : ImageArchive
{
    const string FormatName = "docker-archive";

    readonly Dictionary<Digest, ArchiveMember> places = [];
    readonly Dictionary<ArchiveMember, (Compression? Compression, Digest? Digest)> compressed = [];

    DockerArchive(ArchiveTree tree, ImageNames names)
        : base(tree, FormatName)
    {
        var entries = DockerManifestJson.TryRead(tree)!.Value;
        Images = [.. entries.SelectMany((entry, i) => ImagesOf(entry, i, names))
            .DistinctBy(image => $"{image.Root.Digest} {image.Reference?.ToString() ?? image.Name}").Take(Limits.Images + 1)];
        if (Images.Length > Limits.Images)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt,
                $"{DockerManifestJson.FileName} in {Path} names more than {Limits.Images} images", "save them in several archives");
    }

    internal static ArchiveFormat ArchiveFormat { get; } = new(FormatName, tree => DockerManifestJson.TryRead(tree) is not null, (tree, names) => new DockerArchive(tree, names));

    protected override IEnumerable<ArchiveMember> Find(Digest digest) => places.TryGetValue(digest, out var member) ? [member] : [];

    protected override IEnumerable<ArchivedContent> ContentMembers() => places.Select(place => new ArchivedContent(place.Key, place.Value));

    IEnumerable<ArchivedImage> ImagesOf(DockerManifestEntry entry, int index, ImageNames names)
    {
        var label = entry.RepoTags.FirstOrDefault() ?? $"image {index + 1}";
        if (entry.Layers.Length > Limits.ManifestEntries)
            throw Broken(label, $"has more than {Limits.ManifestEntries} layers");
        var config = ReadConfig(entry, label);
        var diffIds = DiffIds(config.Content, label);
        if (diffIds.Count != entry.Layers.Length)
            throw Broken(label, $"has {entry.Layers.Length} layers, its configuration {entry.Config} names {diffIds.Count}");
        var root = Compose(config, entry.Layers.Select((path, i) => Layer(path, diffIds[i], entry, label)));
        // podman and skopeo save images that were asked for by digest without a name; so does docker by id.
        foreach (var repoTag in entry.RepoTags.IsEmpty ? [""] : entry.RepoTags)
        {
            var image = names.NameOf(root, repoTag, DockerManifestJson.Parse(repoTag), DockerManifestJson.RepoTags, null, config.Descriptor.Digest.ToString());
            yield return image with { DigestPreserved = false, Warning = DockerManifestJson.Lost(image.Reference?.ToString() ?? repoTag, root.Digest) };
        }
    }

    (Descriptor Descriptor, JObject Content) ReadConfig(DockerManifestEntry entry, string label)
    {
        var member = Resolve(entry.Config, label);
        if (member.Size > Limits.ManifestBytes)
            throw Broken(label, $"has a configuration of {member.Size} bytes, the limit is {Limits.ManifestBytes}");
        var bytes = member.Read();
        try
        {
            var content = Json.Parse(bytes) as JObject ?? throw Broken(label, $"has a configuration, {entry.Config}, that is no JSON object");
            var descriptor = new Descriptor(MediaTypes.OciConfig, Digest.Sha256(bytes), bytes.Length);
            places[descriptor.Digest] = member;
            return (descriptor, content);
        }
        catch (JsonException e)
        {
            throw Broken(label, $"has a configuration, {entry.Config}, that {Json.Complaint(e)}");
        }
    }

    List<Digest> DiffIds(JObject config, string label)
    {
        if (config["rootfs"] is not JObject rootfs)
            throw Broken(label, "has a configuration without rootfs, from which the digests of its layers are taken");
        var digests = new List<Digest>();
        foreach (var id in rootfs["diff_ids"] as JArray ?? [])
            digests.Add(id is JValue { Value: string text } && Digest.TryParse(text, out var digest) ? digest : throw Broken(label, $"has a configuration with the diff_id {Json.Compact(id)}, which is no digest"));
        return digests;
    }

    // The digest of an uncompressed layer is its diff_id; it is checked like every other when the bytes are sent.
    Descriptor Layer(string path, Digest diffId, DockerManifestEntry entry, string label)
    {
        if (entry.LayerSources.TryGetValue(diffId.ToString(), out var source) && !source.Urls.IsEmpty && Tree.Find(Normalise(path)) is null)
            return source with { MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" };
        var member = Resolve(path, label);
        var (compression, own) = FactsOf(member, path, label, diffId);
        var digest = own ?? diffId;
        places[digest] = member;
        return new Descriptor("application/vnd.oci.image.layer.v1.tar" + (compression is null ? "" : "+" + compression.Name), digest,
            member.Size);
    }

    // A layer may be named by many images, and many times by one: it is hashed once.
    (Compression? Compression, Digest? Digest) FactsOf(ArchiveMember layer, string path, string label, Digest diffId)
    {
        if (!compressed.TryGetValue(layer, out var known))
        {
            var compression = CompressionOf(layer, label);
            var digest = compression is null ? null : NamedDigest(path) is { } named && named != diffId ? named : Hash(layer);
            compressed[layer] = known = (compression, digest);
        }

        return known;
    }

    // A layer is a tar, or one that registries take as it is: what is packed in another way has neither the digest nor the size of what the
    // configuration names.
    Compression? CompressionOf(ArchiveMember layer, string label)
    {
        var compression = Compression.Of(layer.Read(Compression.MagicLength));
        return compression is null or { Name: "gzip" or "zstd" } ? compression : throw new ModuleException(
            ErrorCodes.Unsupported,
            $"{label} in {Path} has the layer {layer.Name}, which is compressed with {compression.Name}: registries take layers with "
                + "gzip, zstd or no compression",
            "load it with podman or docker and save it again");
    }

    // crane names layers by the digest of their bytes: "<hex>.tar.gz".
    static Digest? NamedDigest(string path)
    {
        var name = path[(path.LastIndexOf('/') + 1)..];
        return name.EndsWith(".tar.gz", StringComparison.Ordinal) && Digest.TryParse("sha256:" + name[..^".tar.gz".Length], out var digest) ? digest : null;
    }

    static Digest Hash(ArchiveMember member)
    {
        using var stream = member.Open();
        return Digest.Parse("sha256:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(stream)));
    }

    Descriptor Compose((Descriptor Descriptor, JObject Content) config, IEnumerable<Descriptor> layers)
    {
        var document = new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = DescriptorJson.Write(config.Descriptor),
            ["layers"] = new JArray(layers.Select(layer => DescriptorJson.Write(layer))),
        };
        var bytes = Encoding.UTF8.GetBytes(Json.Compact(document));
        return new Descriptor(MediaTypes.OciManifest, Add(bytes), bytes.Length)
        {
            Platform = config.Content["os"] is JValue { Value: string { Length: > 0 } os } && config.Content["architecture"] is JValue { Value: string { Length: > 0 } architecture }
                ? new Platform(os, architecture, config.Content["variant"] is JValue { Value: string { Length: > 0 } variant } ? variant : null)
                : null,
        };
    }

    // Old docker writes a layer that two images share once, and a link for the other (../<id>/layer.tar); skopeo and podman link the old names to the
    // new. One step, inside the archive, to a file: everything else is somebody's trick.
    ArchiveMember Resolve(string path, string label)
    {
        var name = Normalise(path);
        if (Tree.Find(name) is not { } member)
            throw Broken(label, $"needs the file {path}, which is not in the archive");
        if (member.IsFile)
            return member;
        var target = member.Entry.Kind switch
        {
            EntryKind.SymbolicLink => Join(name, member.Entry.LinkName),
            EntryKind.HardLink => Normalise(member.Entry.LinkName),
            _ => null,
        };
        return target is not null && Tree.FindFile(target) is { } file
            ? file
            : throw Broken(label, $"needs the file {path}, which is {(member.Entry.LinkName.Length > 0 ? $"a link to {member.Entry.LinkName}, no file of the archive" : "no file")}");
    }

    /// <summary>Where a link leads; null where that is outside of the archive.</summary>
    static string? Join(string link, string target)
    {
        if (target.StartsWith('/'))
            return null;
        var parts = new List<string>(link.Split('/')[..^1]);
        foreach (var part in target.Split('/'))
        {
            if (part is "" or ".")
                continue;
            if (part != "..")
                parts.Add(part);
            else if (parts.Count > 0)
                parts.RemoveAt(parts.Count - 1);
            else
                return null;
        }

        return string.Join('/', parts);
    }

    static string Normalise(string path) => TarIndex.Normalise(path);

    ModuleException Broken(string label, string what) =>
        new(ErrorCodes.ArchiveCorrupt, $"{label} in {Path} {what}", "make the archive again");
}
