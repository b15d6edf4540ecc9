using System.Collections.Immutable;

namespace Passthrough.Core.Oci;

/// <summary>Names content by type, digest and size in bytes (OCI image-spec descriptor.md).</summary>
public sealed record Descriptor(string MediaType, Digest Digest, long Size)
{
    /// <summary>The platform that an index gives for this manifest; null where it gives none.</summary>
    public Platform? Platform { get; init; }

    /// <summary>The type of an artifact; null for images.</summary>
    public string? ArtifactType { get; init; }

    /// <summary>In the order of their names.</summary>
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = EmptyAnnotations;

    /// <summary>Places outside the registry that serve the content (foreign layers).</summary>
    public ImmutableArray<string> Urls { get; init; } = [];

    internal static readonly IReadOnlyDictionary<string, string> EmptyAnnotations = new SortedDictionary<string, string>(StringComparer.Ordinal);

    public string? Annotation(string name) => Annotations.GetValueOrDefault(name);

    /// <summary>The same with one annotation more, or with one fewer where the value is null.</summary>
    public Descriptor WithAnnotation(string name, string? value)
    {
        var annotations = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var annotation in Annotations)
            annotations.Add(annotation.Key, annotation.Value);
        annotations.Remove(name);
        if (value is not null)
            annotations.Add(name, value);
        return this with { Annotations = annotations };
    }

    // Two descriptors name the same content exactly when digest, size and type agree; the rest is what somebody said about it.
    public bool Equals(Descriptor? other) => other is not null && Digest == other.Digest && Size == other.Size && MediaType == other.MediaType;

    public override int GetHashCode() => Digest.GetHashCode();
}
