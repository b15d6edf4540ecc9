namespace Passthrough.Core.Oci;

/// <summary>Media types of manifests and their parts (OCI image-spec media-types.md; Docker Image Manifest V2, Schema 2).</summary>
public static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";
    public const string DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    public const string OciConfig = "application/vnd.oci.image.config.v1+json";
    public const string DockerConfig = "application/vnd.docker.container.image.v1+json";
    public const string OciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    public const string DockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    public const string OciEmpty = "application/vnd.oci.empty.v1+json";

    /// <summary>
    /// What every manifest request accepts, in this order. All four always: Harbor answers 404 for an OCI manifest that was not asked for by name,
    /// Quay converts to schema 1 (registries.md 0.4).
    /// </summary>
    public static readonly IReadOnlyList<string> Manifests = [OciIndex, OciManifest, DockerManifestList, DockerManifest];

    const int LongestName = 127;

    static readonly string[] Common = [.. Manifests, OciConfig, DockerConfig, OciLayerGzip, DockerLayerGzip, OciEmpty];

    /// <summary>The same text, in one copy for all that have it where it is a common one.</summary>
    public static string Shared(string mediaType) => Array.Find(Common, common => common == mediaType) ?? mediaType;

    /// <summary>
    /// Whether a text is a media type (RFC 6838, 4.2) and can stand in a header; a document may have anything in its place.
    /// </summary>
    public static bool IsValid(string text) =>
        text.IndexOf('/', StringComparison.Ordinal) is var slash && IsRestrictedName(text.AsSpan(0, Math.Max(slash, 0)))
            && IsRestrictedName(text.AsSpan(slash + 1));

    static bool IsRestrictedName(ReadOnlySpan<char> name)
    {
        if (name.Length is 0 or > LongestName || !char.IsAsciiLetterOrDigit(name[0]))
            return false;
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && !"!#$&-^_.+".Contains(c, StringComparison.Ordinal))
                return false;
        }

        return true;
    }

    /// <summary>A list of manifests: an OCI index or a Docker manifest list.</summary>
    public static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerManifestList;

    /// <summary>A manifest of one image or artifact.</summary>
    public static bool IsImageManifest(string mediaType) => mediaType is OciManifest or DockerManifest;

    public static bool IsManifest(string mediaType) => IsIndex(mediaType) || IsImageManifest(mediaType);

    /// <summary>
    /// A layer, or the configuration of a build cache (moby/buildkit, "cacheconfig"): what an index of images never lists.
    /// </summary>
    public static bool IsPartOfImage(string mediaType) =>
        mediaType == "application/vnd.buildkit.cacheconfig.v0"
        || mediaType.StartsWith("application/vnd.oci.image.layer.", StringComparison.Ordinal)
        || mediaType.StartsWith("application/vnd.docker.image.rootfs.", StringComparison.Ordinal);

    public static bool IsSchema1(string mediaType) => mediaType is DockerSchema1 or DockerSchema1Signed;

    /// <summary>Layers that by their type need not be distributed (image-spec layer.md "Non-Distributable Layers"); registries need not hold them.</summary>
    public static bool IsNonDistributable(string mediaType) =>
        mediaType.StartsWith("application/vnd.oci.image.layer.nondistributable.", StringComparison.Ordinal)
        || mediaType == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
}
