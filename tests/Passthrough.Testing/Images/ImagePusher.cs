using System.Net.Http.Headers;
using Passthrough.Testing.Registries;

namespace Passthrough.Testing.Images;

/// <summary>
/// Puts built images into a registry by the plainest requests of the distribution spec: for what skopeo cannot push (nested indexes, artifacts,
/// Docker lists out of a layout) and to save its start-up time.
/// </summary>
public static class ImagePusher
{
    public static async Task Push(this DockerRegistry registry, BuiltImage image, string repository, string tag)
    {
        foreach (var blob in image.AllBlobs)
            await PushBlob(registry, repository, blob);
        foreach (var manifest in image.Manifests)
            await PushManifest(registry, repository, manifest, manifest.Digest.ToString());
        await PushManifest(registry, repository, image, tag);
    }

    static async Task PushBlob(DockerRegistry registry, string repository, BuiltBlob blob)
    {
        using var start = await registry.Client.PostAsync(new Uri(registry.Address, $"/v2/{repository}/blobs/uploads/"), content: null);
        start.EnsureSuccessStatusCode();
        var location = new Uri(registry.Address, start.Headers.Location!);
        using var body = new ByteArrayContent(blob.Bytes);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var end = await registry.Client.PutAsync(new Uri($"{location}{(location.Query.Length > 0 ? "&" : "?")}digest={blob.Digest}"), body);
        end.EnsureSuccessStatusCode();
    }

    static async Task PushManifest(DockerRegistry registry, string repository, BuiltImage image, string reference)
    {
        using var body = new ByteArrayContent(image.Manifest.Bytes.ToArray());
        body.Headers.ContentType = MediaTypeHeaderValue.Parse(image.Manifest.MediaType);
        using var answer = await registry.Client.PutAsync(new Uri(registry.Address, $"/v2/{repository}/manifests/{reference}"), body);
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException($"PUT manifest {reference}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }
}
