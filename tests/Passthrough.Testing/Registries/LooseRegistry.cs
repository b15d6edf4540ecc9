using Passthrough.Core.Oci;
using Passthrough.Testing.Images;

namespace Passthrough.Testing.Registries;

/// <summary>
/// An upstream that serves whatever it was given, whole or not: registries collect what others name, and some take what distribution
/// refuses. It serves no
/// referrers API unless <see cref="FakeServer.Before"/> does.
/// </summary>
public sealed class LooseRegistry() : FakeServer("127.0.0.1", certificate: null)
{
    readonly Dictionary<string, RawManifest> manifests = new(StringComparer.Ordinal);
    readonly Dictionary<string, byte[]> blobs = new(StringComparer.Ordinal);

    public static async Task<LooseRegistry> Start()
    {
        var registry = new LooseRegistry();
        await registry.ListenAsync();
        return registry;
    }

    /// <summary>Puts an image there with all that it consists of.</summary>
    public LooseRegistry Add(BuiltImage image, string repository, string? tag = null)
    {
        foreach (var manifest in image.Manifests)
            Add(manifest.Manifest, repository, tag: null);
        foreach (var blob in image.AllBlobs)
            blobs[$"{repository}@{blob.Digest}"] = blob.Bytes;
        return Add(image.Manifest, repository, tag);
    }

    /// <summary>Puts a manifest there, whatever it names.</summary>
    public LooseRegistry Add(RawManifest manifest, string repository, string? tag)
    {
        manifests[$"{repository}@{manifest.Digest}"] = manifest;
        if (tag is not null)
            manifests[$"{repository}:{tag}"] = manifest;
        return this;
    }

    public void Remove(string repository, Digest digest)
    {
        manifests.Remove($"{repository}@{digest}");
        blobs.Remove($"{repository}@{digest}");
    }

    protected override FakeAnswer Answer(FakeCall call)
    {
        var parts = call.Path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts is ["v2"])
            return FakeAnswer.Text(200, "{}", "application/json");
        if (parts is ["v2", .. var path, "manifests", var reference] && manifests.TryGetValue(Key(path, reference), out var manifest))
            return new FakeAnswer(200, manifest.Bytes).With("Content-Type", manifest.MediaType)
                .With("Docker-Content-Digest", manifest.Digest.ToString());
        if (parts is ["v2", .. var repository, "blobs", var digest] && blobs.TryGetValue(Key(repository, digest), out var blob))
            return new FakeAnswer(200, blob).With("Content-Type", "application/octet-stream");
        return FakeAnswer.Text(404, """{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}""", "application/json");
    }

    static string Key(IEnumerable<string> repository, string reference) =>
        $"{string.Join('/', repository)}{(reference.Contains(':') ? "@" : ":")}{reference}";
}
