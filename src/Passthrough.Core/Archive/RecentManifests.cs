using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive;

/// <summary>
/// The manifests that were read last, few bytes of them, and always the very last. An archive may name one manifest a hundred thousand
/// times: it is read, hashed and parsed once. Safe to use from several threads.
/// </summary>
sealed class RecentManifests
{
    const int MostBytes = 256 * 1024;

    readonly Lock gate = new();
    readonly Dictionary<Digest, RawManifest> kept = [];
    readonly Queue<RawManifest> order = new();
    long bytes;

    /// <summary>Null where it was not read lately.</summary>
    public RawManifest? Find(Digest digest)
    {
        lock (gate)
            return kept.GetValueOrDefault(digest);
    }

    /// <returns>The same manifest.</returns>
    public RawManifest Keep(RawManifest manifest)
    {
        lock (gate)
        {
            if (!kept.TryAdd(manifest.Digest, manifest))
                return manifest;
            order.Enqueue(manifest);
            bytes += manifest.Bytes.Length;
            while (bytes > MostBytes && order.Count > 1 && order.TryDequeue(out var oldest))
            {
                kept.Remove(oldest.Digest);
                bytes -= oldest.Bytes.Length;
            }
        }

        return manifest;
    }
}
