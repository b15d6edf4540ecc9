using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive;

/// <summary>
/// Finds the full reference of an image of an OCI layout. Tools write names in many ways (archives.md 1a); the order here is from what cannot be
/// mistaken to what is only a hint. A name is never invented.
/// </summary>
/// <param name="given">What the user says: full references by the archive's own name or by digest.</param>
public sealed class ImageNames(IReadOnlyDictionary<string, Reference> given)
{
    const string HaulerReference = "hauler.dev/original-ref";
    const string HaulerKind = "kind";
    const string DistributionSource = "containerd.io/distribution.source.";
    const string BaseName = "org.opencontainers.image.base.name";

    public static readonly ImageNames None = new(ImmutableDictionary<string, Reference>.Empty);

    /// <summary>The image that a descriptor of a layout's index is.</summary>
    public ArchivedImage NameOf(Descriptor descriptor)
    {
        var name = descriptor.Annotation(Annotations.ContainerdImageName) is { Length: > 0 } containerdName ? containerdName : descriptor.Annotation(Annotations.RefName) ?? "";
        var (reference, source, warning) = Given(descriptor) ?? Written(descriptor) ?? (null, "", null);
        if (reference?.Digest is null || reference.Digest == descriptor.Digest)
            return new ArchivedImage(descriptor, reference, name, source) { Warning = warning };

        // podman writes the digest that was asked for on a manifest that it has made anew (archives.md 1a, rule a).
        return new ArchivedImage(descriptor, reference.Tag is null ? reference.WithDigest(descriptor.Digest) : reference.WithTag(reference.Tag), name, source)
        {
            DigestPreserved = false,
            Warning = $"{reference} is not in the archive: the tool that made it changed the image, which now has the digest {descriptor.Digest}; pulls by the digest in the name will not find it",
        };
    }

    (Reference?, string, string?)? Given(Descriptor descriptor)
    {
        foreach (var key in (string?[])[descriptor.Digest.ToString(), descriptor.Annotation(Annotations.ContainerdImageName), descriptor.Annotation(Annotations.RefName)])
        {
            if (key is { Length: > 0 } && given.TryGetValue(key, out var reference))
            {
                var bareTag = descriptor.Annotation(Annotations.RefName);
                var isNameless = reference.Tag is null && reference.Digest is null;
                return (isNameless && bareTag is not null && Reference.IsTag(bareTag) ? reference.WithTag(bareTag) : reference.WithDefaultTag(), "references", null);
            }
        }

        return null;
    }

    static (Reference?, string, string?)? Written(Descriptor descriptor)
    {
        foreach (var annotation in (string[])[Annotations.ContainerdImageName, HaulerReference, Annotations.RefName])
        {
            if (annotation == HaulerReference && descriptor.Annotation(HaulerKind) is not (null or "dev.hauler/image" or "dev.hauler/imageIndex"))
                continue;
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
    static Reference? FullReference(string? text)
    {
        var slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (text is null || slash < 1 || !(text[..slash] == "localhost" || text.AsSpan(0, slash).ContainsAny('.', ':')))
            return null;
        return Reference.TryParse(text, out var reference, out _) && reference.Registry == RegistryOf(text[..slash]) ? reference.WithDefaultTag() : null;
    }

    static string RegistryOf(string host) => host == "index.docker.io" ? "docker.io" : host;
}
