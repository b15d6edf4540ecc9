namespace Passthrough.Core.Oci;

/// <summary>
/// A manifest as the bytes that its digest is over. These bytes are all that ever travels: nothing re-serialises a manifest (promise 1).
/// </summary>
/// <param name="MediaType">The type under which it was served or is listed; equal to the document's own <c>mediaType</c> where it has one.</param>
/// <param name="Bytes">Verbatim.</param>
/// <param name="Digest">The digest of <paramref name="Bytes"/>; whoever makes a value has computed or checked it.</param>
public sealed record RawManifest(string MediaType, ReadOnlyMemory<byte> Bytes, Digest Digest)
{
    public static RawManifest Of(string mediaType, ReadOnlyMemory<byte> bytes) => new(mediaType, bytes, Digest.Sha256(bytes.Span));

    public Descriptor Descriptor => new(MediaType, Digest, Bytes.Length);

    /// <summary>
    /// What <see cref="Manifest.Parse"/> made of the bytes, or why it made nothing: whoever names a manifest again does not read it
    /// again.
    /// </summary>
    internal object? Parsed { get; set; }

    // Content-addressed: the digest says it all.
    public bool Equals(RawManifest? other) => other is not null && Digest == other.Digest && MediaType == other.MediaType;

    public override int GetHashCode() => Digest.GetHashCode();
}
