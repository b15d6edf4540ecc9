namespace Passthrough.Core.Oci;

/// <summary>
/// The platform of one manifest of an index: <c>os/architecture[/variant]</c>, for example <c>linux/amd64</c> or <c>linux/arm/v7</c>
/// (OCI image-spec image-index.md "platform"; the textual form is containerd's).
/// </summary>
public sealed record Platform(string Os, string Architecture, string? Variant = null)
{
    /// <exception cref="ModuleException">Not of the form <c>os/architecture[/variant]</c>.</exception>
    public static Platform Parse(string text)
    {
        var parts = text.Split('/');
        if (parts.Length is < 2 or > 3 || parts.Any(string.IsNullOrWhiteSpace))
            throw new ModuleException(ErrorCodes.InvalidArgument, $"platform \"{text}\" is not of the form os/architecture[/variant]", "write it like linux/amd64 or linux/arm/v7");
        return new Platform(parts[0].ToLowerInvariant(), parts[1].ToLowerInvariant(), parts.Length == 3 ? parts[2] : null);
    }

    /// <summary>Whether a manifest for <paramref name="other"/> serves a request for this platform; a request without a variant takes any.</summary>
    public bool Matches(Platform other) =>
        Os == other.Os && Architecture == other.Architecture && (Variant is null || Variant == other.Variant);

    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
