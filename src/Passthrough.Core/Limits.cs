namespace Passthrough.Core;

/// <summary>
/// Every bound on what a stranger can make large: archives, registries and files are read under these, so that no input takes the host's
/// memory or time.
/// They lie far above real content; <c>docs/security.md</c> has them with what happens beyond.
/// </summary>
public static class Limits
{
    /// <summary>Of one manifest. Distribution, Harbor and zot accept 4 MiB, Quay 1 MiB: a larger one cannot be delivered.</summary>
    public const int ManifestBytes = 4 * 1024 * 1024;

    /// <summary>Blobs or manifests that one manifest names. Docker stops at 127 layers; artifacts of thousands of files exist.</summary>
    public const int ManifestEntries = 10_000;

    /// <summary>Manifests of one image, with those below its index. The largest index known has about a hundred.</summary>
    public const int ImageManifests = 2_000;

    /// <summary>Bytes of all manifests of one image. Eight images are held at once, so this counts eight times.</summary>
    public const int ImageManifestBytes = 8 * 1024 * 1024;

    /// <summary>Configurations and layers of all manifests of one image.</summary>
    public const int ImageEntries = 20_000;

    /// <summary>Levels of indexes. Real images have two (index, manifest), some three.</summary>
    public const int ImageDepth = 8;

    /// <summary>
    /// Bytes of all manifests of the images of one save, which are held until they are written: 7,000 images for four platforms.
    /// </summary>
    public const long SavedManifestBytes = 96L * 1024 * 1024;

    /// <summary>Signatures, attestations and other referrers of one image, with theirs. A released image has a handful.</summary>
    public const int ImageReferrers = 1_000;

    /// <summary>
    /// Different entries of an archive's list: images, each under one name, with their signatures and the like. The largest mirror known
    /// has 20,000 images.
    /// </summary>
    public const int Images = 60_000;

    /// <summary>Bytes of the list of an archive, <c>index.json</c>. That of 20,000 images takes 10 MiB.</summary>
    public const int IndexBytes = 32 * 1024 * 1024;

    /// <summary>
    /// Bytes of manifests that an archive has as text in one file, or that are composed for it, and that are therefore held.
    /// </summary>
    public const int ComposedBytes = 32 * 1024 * 1024;

    /// <summary>
    /// Values of a JSON or YAML document that is held as a tree: each takes about 100 bytes of memory however short its text is.
    /// </summary>
    public const int DocumentValues = 250_000;

    /// <summary>Nesting of JSON and YAML. Objects of Kubernetes and configurations of images stay below 30.</summary>
    public const int DocumentDepth = 64;

    /// <summary>Bytes of a JSON, YAML or TOML document that is held as a tree. Kubernetes stores no object above 1.5 MiB.</summary>
    public const int DocumentBytes = 16 * 1024 * 1024;

    /// <summary>Characters of one string, name, number or comment in JSON: imgpkg keeps whole manifests in strings, escaped.</summary>
    public const int JsonTextLength = 8 * 1024 * 1024;

    /// <summary>
    /// Bytes of a file that is read at once, or entry by entry: lists, records, sidecars. Those of 20,000 images take 30 MiB.
    /// </summary>
    public const long ListBytes = 128L * 1024 * 1024;

    /// <summary>Parts of one dotted key, and levels of tables in TOML: containers-registries.conf(5) and hosts.toml need three.</summary>
    public const int TomlDepth = 32;

    /// <summary>Members of a tar or files of a folder. The largest archive of oc-mirror known has 100,000.</summary>
    public const int Members = 400_000;

    /// <summary>Bytes of the names of these, with those of links. They are held.</summary>
    public const int MemberNameBytes = 48 * 1024 * 1024;

    /// <summary>Bytes of one extended header or long name of a tar. Names have at most 4,096; attributes are skipped.</summary>
    public const int TarHeaderBytes = 1024 * 1024;

    /// <summary>Pages of one list of a server. With 100 entries each this is a million.</summary>
    public const int Pages = 10_000;

    /// <summary>Pages in a row that bring nothing new: servers that filter send some.</summary>
    public const int EmptyPages = 20;

    /// <summary>Entries of one list of a server: tags, referrers, robots, teams, projects.</summary>
    public const int ListEntries = 200_000;

    /// <summary>Bytes of one page of such a list.</summary>
    public const int PageBytes = 8 * 1024 * 1024;

    /// <summary>Redirects of one request, as many as docker follows at least; three in a row are real.</summary>
    public const int Redirects = 5;
}
