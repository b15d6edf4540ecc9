using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Passthrough.Core.Oci;

/// <summary>
/// A content digest, <c>algorithm:hex</c> (OCI image-spec, descriptor.md "Digests"). Only the registered algorithms sha256 and sha512 exist here;
/// the hex part is lower case and of the algorithm's length, so that a digest is always safe as a file name.
/// </summary>
public sealed record Digest : IComparable<Digest>
{
    const string Sha256Name = "sha256";
    const string Sha512Name = "sha512";
    const int Sha512Length = 64;

    // Bytes, not text: ten thousand blobs are known by their digests at once.
    readonly byte[] hash;

    Digest(byte[] hash) => this.hash = hash;

    /// <summary><c>sha256</c> or <c>sha512</c>.</summary>
    public string Algorithm => hash.Length == Sha512Length ? Sha512Name : Sha256Name;

    /// <summary>64 or 128 lower-case hexadecimal characters.</summary>
    public string Hex => Convert.ToHexStringLower(hash);

    public override string ToString() => $"{Algorithm}:{Hex}";

    public bool Equals(Digest? other) => other is not null && hash.AsSpan().SequenceEqual(other.hash);

    // Seeded by the runtime: a manifest may claim whatever digests its author likes.
    public override int GetHashCode()
    {
        var code = default(HashCode);
        code.AddBytes(hash);
        return code.ToHashCode();
    }

    /// <summary>The SHA-256 digest of the bytes.</summary>
    public static Digest Sha256(ReadOnlySpan<byte> content) => new(SHA256.HashData(content));

    /// <summary>The digest of the bytes under the same algorithm as this one: equal to this one exactly when the bytes are what it names.</summary>
    public Digest OfSameAlgorithm(ReadOnlySpan<byte> content) =>
        hash.Length == Sha512Length ? new Digest(SHA512.HashData(content)) : Sha256(content);

    /// <summary>Starts hashing under this digest's algorithm; finish with <see cref="Finish"/>.</summary>
    public IncrementalHash StartHash() =>
        IncrementalHash.CreateHash(hash.Length == Sha512Length ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    /// <summary>The digest of what was appended to a hash that <see cref="StartHash"/> or the caller began.</summary>
    public static Digest Finish(IncrementalHash hash) => new(hash.GetHashAndReset());

    /// <exception cref="ModuleException">The text is no digest: wrong form, unknown algorithm, wrong length, upper-case hex.</exception>
    public static Digest Parse(string text) =>
        TryParse(text, out var digest, out var reason) ? digest : throw new ModuleException(ErrorCodes.InvalidArgument, $"digest \"{text}\": {reason}");

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out Digest? digest) => TryParse(text, out digest, out _);

    /// <param name="text">What to parse, for example <c>sha256:9f86d0…</c>.</param>
    /// <param name="digest">The digest, where the answer is true.</param>
    /// <param name="reason">Why not, in the words of the distribution project's reference package.</param>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out Digest? digest, [NotNullWhen(false)] out string? reason)
    {
        digest = null;
        var colon = text?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        if (text is null || colon < 1)
        {
            reason = "invalid checksum digest format";
            return false;
        }

        var expectedLength = text[..colon] switch { Sha256Name => 64, Sha512Name => 2 * Sha512Length, _ => 0 };
        reason = expectedLength == 0 ? "unsupported digest algorithm"
            : text.Length - colon - 1 != expectedLength ? "invalid checksum digest length"
            : !IsLowerHex(text.AsSpan(colon + 1)) ? "invalid checksum digest format"
            : null;
        if (reason is not null)
            return false;
        digest = new Digest(Convert.FromHexString(text.AsSpan(colon + 1)));
        return true;
    }

    static bool IsLowerHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept("0123456789abcdef");

    // As their texts do: sha256 before sha512.
    public int CompareTo(Digest? other) => other is null ? 1 : hash.Length == other.hash.Length ? hash.AsSpan().SequenceCompareTo(other.hash) : hash.Length - other.hash.Length;

    public static bool operator <(Digest left, Digest right) => left.CompareTo(right) < 0;

    public static bool operator >(Digest left, Digest right) => left.CompareTo(right) > 0;

    public static bool operator <=(Digest left, Digest right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Digest left, Digest right) => left.CompareTo(right) >= 0;
}
