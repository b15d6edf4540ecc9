using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// Counts the manifests that a save holds until they are written: those of an upstream that sends large ones would fill the memory.
/// </summary>
sealed class HeldManifests
{
    readonly HashSet<Digest> roots = [];
    long bytes;

    /// <exception cref="ModuleException">There are more bytes than one archive takes.</exception>
    public void Add(SelectedImage image)
    {
        lock (roots)
        {
            if (!roots.Add(image.Tree.Root.Digest))
                return;
            bytes += image.Tree.Manifests.Sum(manifest => (long)manifest.Raw.Bytes.Length);
            if (bytes > Limits.SavedManifestBytes)
            {
                throw new ModuleException(
                    ErrorCodes.Unsupported,
                    $"the images have manifests of more than {Limits.SavedManifestBytes} bytes together",
                    "save them into several archives");
            }
        }
    }
}
