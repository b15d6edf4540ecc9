using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>
/// Manifests that name another one as their subject: signatures, attestations, lists of what is in an image (distribution-spec, "Listing referrers").
/// Registries without the API for them keep a list under a tag made of the subject's digest, which clients write.
/// </summary>
public static class Referrers
{
    /// <summary>Tags have at most 128 characters, so that only the beginning of a long digest is in one.</summary>
    const int DigestCharacters = 64;

    /// <summary>The tag that lists the referrers of a manifest: <c>sha256-&lt;hex&gt;</c>. With a suffix, where cosign looks for a signature.</summary>
    public static string TagOf(Digest subject) => $"{subject.Algorithm}-{subject.Hex[..Math.Min(subject.Hex.Length, DigestCharacters)]}";

    /// <summary>The referrers of the manifest that the reference names by digest.</summary>
    public static async Task<IReadOnlyList<Descriptor>> FindAsync(IImageStore store, Reference subject, CancellationToken cancellation)
    {
        if (await store.ListReferrersAsync(subject, cancellation) is { } listed)
            return listed;
        return await ReadListAsync(store, subject, cancellation) is { List: { } list } ? list.Children : [];
    }

    /// <summary>
    /// The list that clients keep under the tag of a subject. Some tools tag the image itself like this: that is no list.
    /// </summary>
    /// <returns>Whether there is something under the tag, and the list where it is one.</returns>
    static async Task<(bool IsThere, ImageIndex? List)> ReadListAsync(IImageStore store, Reference subject, CancellationToken cancellation)
    {
        var raw = await store.ReadManifestAsync(subject.WithTag(TagOf(subject.Digest!)), cancellation);
        if (raw is null)
            return (false, null);
        var isSubject = raw.Digest == subject.Digest || subject.Digest!.OfSameAlgorithm(raw.Bytes.Span) == subject.Digest;
        return (true, isSubject ? null : Manifest.Parse(raw) as ImageIndex);
    }

    /// <summary>Adds to the list of a registry that does not keep it itself. What the list has stays.</summary>
    /// <param name="target">The registry.</param>
    /// <param name="subject">The manifest, by digest.</param>
    /// <param name="referrers">Manifests that are there.</param>
    /// <returns>Whether anything was added.</returns>
    public static async Task<bool> ListAsync(IImageTarget target, Reference subject, IReadOnlyList<RawManifest> referrers, CancellationToken cancellation)
    {
        if (await target.ListReferrersAsync(subject, cancellation) is not null)
            return false;
        var place = subject.WithTag(TagOf(subject.Digest!));
        var listed = new List<Descriptor>();
        var (isThere, list) = await ReadListAsync(target, subject, cancellation);
        // Such an image is not ours to replace.
        if (isThere && list is null)
            return false;
        listed.AddRange(list?.Children ?? []);

        var before = listed.Count;
        foreach (var referrer in referrers)
        {
            if (!listed.Exists(known => known.Digest == referrer.Digest))
                listed.Add(Describe(referrer));
        }

        if (listed.Count == before)
            return false;
        var document = new JObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = new JArray(listed.Select(DescriptorJson.Write)) };
        await target.PutManifestAsync(place, RawManifest.Of(MediaTypes.OciIndex, Encoding.UTF8.GetBytes(Json.Indented(document))), cancellation);
        return true;
    }

    // Type and annotations are the manifest's own, as a registry would tell them.
    static Descriptor Describe(RawManifest raw)
    {
        var json = Json.TryParseObject(Encoding.UTF8.GetString(raw.Bytes.Span)) ?? [];
        return raw.Descriptor with { ArtifactType = Text(json["artifactType"]) ?? Text((json["config"] as JObject)?["mediaType"]), Annotations = DescriptorJson.ReadAnnotations(json["annotations"] as JObject) };
    }

    static string? Text(JToken? token) => token is JValue { Value: string { Length: > 0 } text } ? text : null;
}
