using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive;

/// <summary>
/// A tag that is made of another manifest's digest: <c>sha256-&lt;hex&gt;.sig</c>, <c>.att</c> and <c>.sbom</c> are cosign's, <c>sha256-&lt;hex&gt;</c> alone is
/// where referrers are listed by registries without an API for them. Our own <c>sha256-&lt;hex&gt;.image</c> is a tag like any other.
/// </summary>
/// <param name="Subject">The digest in it.</param>
/// <param name="Suffix">With its dot; may be empty.</param>
sealed record DigestTag(Digest Subject, string Suffix)
{
    const string Prefix = "sha256-";
    const int HexLength = 64;

    public static DigestTag? Parse(string? tag) =>
        tag is { Length: >= 71 } && tag.StartsWith(Prefix, StringComparison.Ordinal) && tag[(Prefix.Length + HexLength)..] is var suffix && suffix is "" or ".sig" or ".att" or ".sbom"
            && Digest.TryParse("sha256:" + tag.AsSpan(Prefix.Length, HexLength).ToString(), out var subject)
            ? new DigestTag(subject, suffix)
            : null;

    /// <summary>The manifest that has this tag, as <see cref="IArchive.Attachments"/> lists it.</summary>
    public Descriptor Attach(Descriptor manifest) => manifest.WithAnnotation(Annotations.RefName, ToString()).WithAnnotation(Annotations.ContainerdManifestSubject, Subject.ToString());

    public override string ToString() => $"{Prefix}{Subject.Hex}{Suffix}";
}
