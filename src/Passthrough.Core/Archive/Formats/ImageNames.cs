using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// Finds the full references of images. Tools write names in many ways (archives.md 1a); the order here is from what cannot be mistaken to what is
/// only a hint, and what the user says goes before all of it. A name is never invented.
/// </summary>
/// <param name="given">What the user says: full references by the archive's own name or by digest.</param>
/// <param name="registries">What the user says about repositories whose registry the archive does not tell.</param>
public sealed class ImageNames(IReadOnlyDictionary<string, Reference> given, RegistryMap? registries = null)
{
    /// <summary>Sources of names that the user gives.</summary>
    public const string FromReferences = "references";
    public const string FromRegistryMap = "registry_map";

    const string HaulerReference = "hauler.dev/original-ref";
    internal const string DistributionSource = "containerd.io/distribution.source.";
    const string BaseName = "org.opencontainers.image.base.name";

    readonly HashSet<string> used = new(StringComparer.Ordinal);

    public static readonly ImageNames None = new(new Dictionary<string, Reference>());

    /// <summary>The image that a descriptor of a layout's index is.</summary>
    public ArchivedImage NameOf(Descriptor descriptor)
    {
        var refName = descriptor.Annotation(Annotations.RefName) ?? "";
        var name = descriptor.Annotation(Annotations.ContainerdImageName) is { Length: > 0 } containerdName ? containerdName : refName;
        if (Given([descriptor.Digest.ToString(), name, refName], TagOf(refName)) is { } asked)
            return Image(descriptor, asked, name, FromReferences, null);
        var (reference, source, warning) = Written(descriptor) ?? (Mapped(name), FromRegistryMap, null);
        return Image(descriptor, reference, name, reference is null ? "" : source, warning);
    }

    /// <summary>The image of a format that keeps names in its own way.</summary>
    /// <param name="root">Its manifest or index.</param>
    /// <param name="name">What the archive calls it.</param>
    /// <param name="written">The reference that the format has found; null where there is none.</param>
    /// <param name="source">Where it was found.</param>
    /// <param name="warning">What the user should know about it.</param>
    /// <param name="keys">What the user may call the image beside its name and its digest.</param>
    public ArchivedImage NameOf(Descriptor root, string name, Reference? written, string source, string? warning = null, params IEnumerable<string> keys)
    {
        if (Given([root.Digest.ToString(), name, .. keys], TagOf(name)) is { } asked)
            return Image(root, asked, name, FromReferences, null);
        if (written is not null)
            return Image(root, written, name, source, warning);
        return Mapped(name) is { } mapped ? Image(root, mapped, name, FromRegistryMap, null) : Image(root, null, name, "", warning);
    }

    /// <summary>What the user has named and no archive that was opened with these names holds.</summary>
    public IEnumerable<string> Unused => given.Keys.Where(key => !used.Contains(key));

    /// <summary>Whether the user has named what the archive calls so.</summary>
    public bool Names(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            if (given.ContainsKey(key))
                return true;
        }

        return false;
    }

    /// <summary>What <c>registry_map</c> says about a repository.</summary>
    public Reference? RepositoryOf(string repository) => (registries ?? RegistryMap.None).Find(repository);

    static ArchivedImage Image(Descriptor root, Reference? reference, string name, string source, string? warning)
    {
        if (reference?.Digest is null || reference.Digest == root.Digest)
            return new ArchivedImage(root, reference, name, source)
            {
                Warning = warning,
                DigestPreserved = reference?.Digest is null ? null
                : true
            };

        // podman writes the digest that was asked for on a manifest that it has made anew (archives.md 1a, rule a).
        return new ArchivedImage(root, reference.Tag is null ? reference.WithDigest(root.Digest) : reference.WithTag(reference.Tag), name, source)
        {
            DigestPreserved = false,
            Warning = $"{reference} is not in the archive: the tool that made it changed the image, which now has the digest {root.Digest}; pulls by the digest in the name will not find it",
        };
    }

    Reference? Given(ReadOnlySpan<string> keys, string? tag)
    {
        foreach (var key in keys)
        {
            if (key.Length == 0 || !given.TryGetValue(key, out var reference))
                continue;
            used.Add(key);
            return reference is { Tag: null, Digest: null } && tag is not null ? reference.WithTag(tag) : reference.WithDefaultTag();
        }

        return null;
    }

    // "3.20", and "team/app:3.20" too.
    static string? TagOf(string name)
    {
        var tag = name[(name.LastIndexOf(':') + 1)..];
        return Reference.IsTag(tag) && !name.Contains('@', StringComparison.Ordinal) ? tag : null;
    }

    // "team/app:3.20" and "team/app@sha256:…", which have a repository and lack its registry; a bare "3.20" has none.
    Reference? Mapped(string name)
    {
        var at = name.IndexOf('@', StringComparison.Ordinal);
        var tagged = at < 0 ? name : name[..at];
        var colon = tagged.LastIndexOf(':');
        if ((at < 0 && colon < 0) || RepositoryOf(colon < 0 ? tagged : tagged[..colon]) is not { } repository)
            return null;
        return Reference.TryParse(repository.Name + name[(colon < 0 ? at : colon)..], out var reference, out _) ? reference : null;
    }

    static (Reference?, string, string?)? Written(Descriptor descriptor)
    {
        foreach (var annotation in (string[])[Annotations.ContainerdImageName, HaulerReference, Annotations.RefName])
        {
            if (FullReference(descriptor.Annotation(annotation)) is { } reference)
                return (reference, annotation, null);
        }

        var source = descriptor.Annotations.FirstOrDefault(a => a.Key.StartsWith(DistributionSource, StringComparison.Ordinal));
        // Several paths, with commas, mean that the content was seen in several repositories.
        if (source.Key is not null && FullReference($"{source.Key[DistributionSource.Length..]}/{source.Value.Split(',')[0]}@{descriptor.Digest}") is { } hinted)
            return (hinted, source.Key, $"{hinted}: this name is only a hint of docker's (a registry's port is not in it); if it is wrong give the right one in references");
        return FullReference(descriptor.Annotation(BaseName)) is { } baseName ? (baseName, BaseName, null) : null;
    }

    /// <summary>The reference, where the text is one with a registry's host in it; <c>alpine:3.20</c> and <c>3.20</c> are none.</summary>
    internal static Reference? FullReference(string? text)
    {
        var slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (text is null || slash < 1 || !(text[..slash] == "localhost" || text.AsSpan(0, slash).ContainsAny('.', ':')))
            return null;
        return Reference.TryParse(text, out var reference, out _) && reference.Registry == RegistryOf(text[..slash]) ? reference.WithDefaultTag() : null;
    }

    static string RegistryOf(string host) => host == "index.docker.io" ? "docker.io" : host;
}
