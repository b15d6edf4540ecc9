using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Passthrough.Core.Oci;

/// <summary>
/// A content digest, <c>algorithm:hex</c> (OCI image-spec, descriptor.md "Digests"). Only the registered algorithms sha256 and sha512 exist here;
/// the hex part is lower case and of the algorithm's length, so that a digest is always safe as a file name.
/// </summary>
public sealed record Digest : IComparable<Digest>
{
    readonly string text;

    Digest(string text) => this.text = text;

    /// <summary>Length of <c>sha256:</c> and <c>sha512:</c>, both seven characters.</summary>
    const int PrefixLength = 7;

    /// <summary><c>sha256</c> or <c>sha512</c>.</summary>
    public string Algorithm => text[..(PrefixLength - 1)];

    /// <summary>64 or 128 lower-case hexadecimal characters.</summary>
    public string Hex => text[PrefixLength..];

    public override string ToString() => text;

    /// <summary>The SHA-256 digest of the bytes.</summary>
    public static Digest Sha256(ReadOnlySpan<byte> content) => FromHash("sha256", SHA256.HashData(content));

    /// <summary>The digest of the bytes under the same algorithm as this one: equal to this one exactly when the bytes are what it names.</summary>
    public Digest OfSameAlgorithm(ReadOnlySpan<byte> content) =>
        Algorithm == "sha512" ? FromHash("sha512", SHA512.HashData(content)) : Sha256(content);

    /// <summary>Starts hashing under this digest's algorithm; finish with <see cref="Finish"/>.</summary>
    public IncrementalHash StartHash() =>
        IncrementalHash.CreateHash(Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    /// <summary>The digest of what was appended to a hash that <see cref="StartHash"/> or the caller began.</summary>
    public static Digest Finish(IncrementalHash hash) =>
        FromHash(hash.AlgorithmName == HashAlgorithmName.SHA512 ? "sha512" : "sha256", hash.GetHashAndReset());

    static Digest FromHash(string algorithm, byte[] hash) => new($"{algorithm}:{Convert.ToHexStringLower(hash)}");

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

        var expectedLength = text[..colon] switch { "sha256" => 64, "sha512" => 128, _ => 0 };
        reason = expectedLength == 0 ? "unsupported digest algorithm"
            : text.Length - colon - 1 != expectedLength ? "invalid checksum digest length"
            : !IsLowerHex(text.AsSpan(colon + 1)) ? "invalid checksum digest format"
            : null;
        if (reason is not null)
            return false;
        digest = new Digest(text);
        return true;
    }

    static bool IsLowerHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept("0123456789abcdef");

    public int CompareTo(Digest? other) => string.CompareOrdinal(text, other?.text);

    public static bool operator <(Digest left, Digest right) => left.CompareTo(right) < 0;

    public static bool operator >(Digest left, Digest right) => left.CompareTo(right) > 0;

    public static bool operator <=(Digest left, Digest right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Digest left, Digest right) => left.CompareTo(right) >= 0;
}
