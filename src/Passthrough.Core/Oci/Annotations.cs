namespace Passthrough.Core.Oci;

/// <summary>Annotation keys that name images in archives (OCI image-spec annotations.md; containerd's archive importer).</summary>
public static class Annotations
{
    /// <summary>The name of an image in the index of a layout; skopeo and podman find an image by exactly this text.</summary>
    public const string RefName = "org.opencontainers.image.ref.name";

    /// <summary>The full reference under which containerd and Docker import an image.</summary>
    public const string ContainerdImageName = "io.containerd.image.name";

    /// <summary>Marks a descriptor of the top index as a referrer of the digest it gives, so that containerd makes no image of it.</summary>
    public const string ContainerdManifestSubject = "io.containerd.manifest.subject";
}
