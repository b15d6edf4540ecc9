using System.Collections.Concurrent;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Registry;

/// <summary>What is to be uploaded into each namespace of the target, held against what it takes. What a namespace has, wherever in it, takes no more room.</summary>
sealed class ImageCopierRoom(ITargetRoom target)
{
    readonly ConcurrentDictionary<string, ConcurrentDictionary<Digest, Descriptor>> wanted = new(StringComparer.Ordinal);
    readonly Dictionary<string, FreeRoom?> told = new(StringComparer.Ordinal);

    /// <summary>An image that the target lacks needs the blob.</summary>
    public void Add(CopyItem item, Descriptor blob) => wanted.GetOrAdd(NamespaceOf(item.Target.Repository), _ => new())[blob.Digest] = blob;

    /// <summary>What the user is told where there is too little room; null where there is enough, as far as the target tells.</summary>
    public async Task<ModuleException?> FindShortageAsync(ImageCopierBlobs blobs, CancellationToken cancellation)
    {
        foreach (var (name, missing) in wanted)
        {
            var needed = 0L;
            foreach (var blob in missing.Values)
            {
                if (blobs.HolderOf(blob.Digest) is not { } holder || NamespaceOf(holder) != name)
                    needed += blob.Size;
            }

            if (needed == 0)
                continue;
            if (!told.TryGetValue(name, out var room))
                told[name] = room = await target.AskAsync(name, cancellation);
            if (room is not null && needed > room.Bytes)
                return target.TooSmall(room, needed);
        }

        return null;
    }

    static string NamespaceOf(string repository) => repository.Split('/')[0];
}
