using System.Security.Cryptography;
using System.Text;
using Passthrough.Core.Files;

namespace Passthrough.Core.Mirroring;

/// <summary>A file that is to be.</summary>
/// <param name="Name">Below the output folder.</param>
/// <param name="Kind">What it is, for programs: <c>icsp</c>, <c>script</c>, <c>registries_conf</c>, …</param>
public sealed record RenderedFile(string Name, string Kind, ReadOnlyMemory<byte> Content)
{
    public RenderedFile(string name, string kind, string text)
        : this(name, kind, Encoding.UTF8.GetBytes(text))
    {
    }

    /// <summary>Who may read and run it where the user does not say.</summary>
    public UnixFileMode Mode { get; init; } = FileSettings.Readable;

    public bool IsSecret => Mode == FileSettings.Secret;

    /// <summary>64 hex digits; null for a secret, whose hash would let people try passwords.</summary>
    public string? PublicSha256 => IsSecret ? null : Convert.ToHexStringLower(SHA256.HashData(Content.Span));
}
