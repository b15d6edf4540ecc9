using System.Collections.Immutable;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// <c>manifest.json</c> of <c>docker save</c> (moby image/spec v1.2): which configuration and layer files make which image. imgpkg and skopeo's folders
/// have files of the same name with other content, so its elements are looked at before it is believed.
/// </summary>
static class DockerManifestJson
{
    public const string FileName = "manifest.json";

    /// <summary>Where a name was found.</summary>
    public const string RepoTags = "manifest.json RepoTags";

    const string UncompressedLayer = "application/vnd.oci.image.layer.v1.tar";

    /// <summary>Null where the archive has no such file, or one of another tool.</summary>
    public static ImmutableArray<DockerManifestEntry>? TryRead(ArchiveTree tree)
    {
        if (tree.ReadFile(FileName, Limits.DocumentBytes) is not { } content)
            return null;
        try
        {
            if (Json.Parse(content) is not JArray { Count: > 0 } items)
                return null;
            var entries = items.Select(TryRead).ToList();
            return entries.Contains(null) ? null : [.. entries.OfType<DockerManifestEntry>()];
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// The configurations of images whose manifest docker has composed anew: its classic store keeps none, so since version 25 it writes one over its
    /// uncompressed layers. With each its first name. regctl writes the same member for layers as they are upstream.
    /// </summary>
    public static IReadOnlyDictionary<Digest, Reference?> ComposedBy(ArchiveTree tree)
    {
        var composed = new Dictionary<Digest, Reference?>();
        foreach (var entry in TryRead(tree) ?? [])
        {
            var isComposed = entry.LayerSources.Count > 0 && entry.LayerSources.All(source => source.Value.MediaType == UncompressedLayer && source.Key == source.Value.Digest.ToString());
            if (isComposed && Digest.TryParse("sha256:" + entry.Config[(entry.Config.LastIndexOf('/') + 1)..], out var config))
                composed[config] = entry.RepoTags.Select(Parse).OfType<Reference>().FirstOrDefault();
        }

        return composed;
    }

    /// <summary>A short name here is docker's own: <c>alpine:3.20</c> is <c>docker.io/library/alpine:3.20</c>. Null for what is no name of an image.</summary>
    public static Reference? Parse(string repoTag) =>
        Reference.TryParse(repoTag, out var reference, out _) && reference.Tag != InventedTag ? reference.WithDefaultTag() : null;

    /// <summary>What crane writes where the image was asked for by its digest.</summary>
    const string InventedTag = "i-was-a-digest";

    /// <summary>The sentence about a digest that is gone.</summary>
    public static string Lost(string name, Digest digest) =>
        $"{(name.Length > 0 ? name : "an image")} has lost its upstream digest, since docker's archives keep no manifests: it is delivered as {digest}, and pulls by the upstream's digest will not find it";

    static DockerManifestEntry? TryRead(JToken token) =>
        token is JObject json && json["Config"] is JValue { Value: string config } && json["Layers"] is JArray or JValue { Type: JTokenType.Null }
            ? new DockerManifestEntry(config, [.. Json.Texts(json["RepoTags"])], [.. Json.Texts(json["Layers"])], Sources(json["LayerSources"]))
            : null;

    static Dictionary<string, Descriptor> Sources(JToken? token)
    {
        var sources = new Dictionary<string, Descriptor>(StringComparer.Ordinal);
        foreach (var source in (token as JObject)?.Properties() ?? [])
        {
            if (source.Value is JObject json && DescriptorJson.TryRead(json, UncompressedLayer, out _) is { } descriptor)
                sources[source.Name] = descriptor;
        }

        return sources;
    }
}

/// <summary>One image of <c>manifest.json</c>.</summary>
/// <param name="Config">A file of the archive.</param>
/// <param name="RepoTags">Its names; may be empty.</param>
/// <param name="Layers">Files of the archive, from the lowest.</param>
/// <param name="LayerSources">Where layers come from, by the digest of their uncompressed content; mostly empty.</param>
sealed record DockerManifestEntry(string Config, ImmutableArray<string> RepoTags, ImmutableArray<string> Layers, IReadOnlyDictionary<string, Descriptor> LayerSources);
