using System.Collections.Immutable;
using System.Formats.Tar;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Images;

/// <summary>Writes built images as an OCI image layout folder (image-spec image-layout.md), from which skopeo pushes.</summary>
public static class OciLayout
{
    /// <param name="folder">Is created.</param>
    /// <param name="images">By the text that becomes <c>org.opencontainers.image.ref.name</c>.</param>
    public static void Write(string folder, IReadOnlyDictionary<string, BuiltImage> images)
    {
        var blobs = FolderOf("sha256");
        foreach (var image in images.Values)
        {
            foreach (var manifest in image.Manifests)
                File.WriteAllBytes(Path.Combine(FolderOf(manifest.Digest.Algorithm), manifest.Digest.Hex),
                    manifest.Manifest.Bytes.ToArray());
            foreach (var blob in image.AllBlobs)
                File.WriteAllBytes(Path.Combine(blobs, blob.Digest.Hex), blob.Bytes);
        }

        File.WriteAllText(Path.Combine(folder, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        File.WriteAllText(Path.Combine(folder, "index.json"), Json.Indented(new JObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JArray(images.Select(image => DescriptorJson.Write(image.Value.Manifest.Descriptor with
            {
                Annotations = new Dictionary<string, string> { [Annotations.RefName] = image.Key }.ToImmutableSortedDictionary(),
            }))),
        }));

        string FolderOf(string algorithm) => Directory.CreateDirectory(Path.Combine(folder, "blobs", algorithm)).FullName;
    }

    /// <summary>The same as one uncompressed tar.</summary>
    public static void WriteTar(string path, IReadOnlyDictionary<string, BuiltImage> images)
    {
        var folder = path + ".layout";
        Write(folder, images);
        TarFile.CreateFromDirectory(folder, path, includeBaseDirectory: false);
        Directory.Delete(folder, recursive: true);
    }
}
