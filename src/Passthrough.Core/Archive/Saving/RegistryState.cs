using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// What a registry has of images, in the form of an archive's sidecar, so that it can be carried back and be a base of the next archive:
/// <code>
/// {
///   "format": 1,
///   "id": "0f8fad5b-…",                        depends on what follows only
///   "registry": "registry.example.com:8443",
///   "images": [{"ref": "quay.io/centos/centos:stream8", "digest": "sha256:…"}],
///   "blobs": [{"digest": "sha256:…", "size": 82314567, "in": ["quay.io/centos/centos"]}]     upstream repositories, three at most
/// }
/// </code>
/// </summary>
public sealed class RegistryState(string registry)
{
    readonly Lock gate = new();
    readonly SortedDictionary<string, Digest> images = new(StringComparer.Ordinal);
    readonly Dictionary<Digest, BaseBlob> blobs = [];

    /// <summary>Adds an image of which the registry has everything. From several threads.</summary>
    public void Add(Reference source, ManifestTree tree)
    {
        lock (gate)
        {
            images[source.ToString()] = tree.Root.Digest;
            foreach (var blob in tree.Blobs)
            {
                if (!ManifestTree.IsForeign(blob))
                    blobs[blob.Digest] = blobs.TryGetValue(blob.Digest, out var known) ? With(known, source.Name) : new BaseBlob(blob.Size, [source.Name]);
            }
        }
    }

    /// <summary>Writes it where it differs (0644); its folder is made where it is missing.</summary>
    /// <exception cref="ModuleException">It cannot be written.</exception>
    public FileChange Write(string path, bool checkMode) =>
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(Render()), new FileSettings(FileSettings.Readable) { MakeFolder = true }, checkMode);

    string Render()
    {
        var (listed, held) = (new JArray(), new JArray());
        foreach (var (source, digest) in images)
            listed.Add(new JObject { ["ref"] = source, ["digest"] = digest.ToString() });
        foreach (var digest in blobs.Keys.Order())
            held.Add(new JObject { ["digest"] = digest.ToString(), ["size"] = blobs[digest].Size, ["in"] = new JArray(blobs[digest].Repositories) });
        var json = new JObject { ["registry"] = registry, ["images"] = listed, ["blobs"] = held };
        var id = ArchivePlan.IdOf(Encoding.UTF8.GetBytes(Json.Compact(json)));
        json.AddFirst(new JProperty("id", id));
        json.AddFirst(new JProperty("format", ArchiveManifestJson.FormatVersion));
        return Json.Indented(json);
    }

    // The first by name, so that the order of the registry's answers changes nothing.
    static BaseBlob With(BaseBlob blob, string repository) =>
        blob.Repositories.Contains(repository) ? blob : blob with { Repositories = [.. blob.Repositories.Add(repository).Order(StringComparer.Ordinal).Take(BaseArchives.MostRepositories)] };
}
