using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Testing.Registries;

/// <summary>
/// What a registry holds, in memory: blobs, manifests and tags by repository, and the uploads that are under way. It has no opinion on what may be put in or taken
/// out: that is the product's. Safe for requests that come at the same time.
/// </summary>
public sealed class MemoryContent
{
    readonly Lock gate = new();
    readonly Dictionary<string, Repository> repositories = new(StringComparer.Ordinal);
    readonly Dictionary<string, MemoryUpload> uploads = new(StringComparer.Ordinal);
    int count;

    /// <summary>The repositories that have or had a manifest, in byte order.</summary>
    public IReadOnlyList<string> Repositories
    {
        get
        {
            lock (gate)
                return [.. repositories.Where(repository => repository.Value.HadManifest).Select(repository => repository.Key).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>The same in the order in which they were made.</summary>
    public IReadOnlyList<string> RepositoriesByAge
    {
        get
        {
            lock (gate)
                return [.. repositories.Where(repository => repository.Value.HadManifest).OrderBy(repository => repository.Value.Number).Select(repository => repository.Key)];
        }
    }

    /// <summary>Whether a manifest was ever put there: blobs alone make no repository.</summary>
    public bool HasRepository(string name)
    {
        lock (gate)
            return repositories.TryGetValue(name, out var repository) && repository.HadManifest;
    }

    /// <summary>Makes a repository with nothing in it.</summary>
    public void AddRepository(string name)
    {
        lock (gate)
            Begin(At(name));
    }

    public bool RemoveRepository(string name)
    {
        lock (gate)
            return repositories.Remove(name);
    }

    /// <summary>Everything whose name begins so, blobs without a manifest too.</summary>
    public void RemoveBelow(string prefix)
    {
        lock (gate)
        {
            foreach (var name in repositories.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToList())
                repositories.Remove(name);
        }
    }

    public byte[]? Blob(string repository, Digest digest)
    {
        lock (gate)
            return repositories.GetValueOrDefault(repository)?.Blobs.GetValueOrDefault(digest);
    }

    public void PutBlob(string repository, Digest digest, byte[] bytes)
    {
        lock (gate)
            At(repository).Blobs[digest] = bytes;
    }

    public bool RemoveBlob(string repository, Digest digest)
    {
        lock (gate)
            return At(repository).Blobs.Remove(digest);
    }

    /// <summary>Gives a repository a blob of another one.</summary>
    /// <returns>False where the other has none.</returns>
    public bool Mount(string from, string to, Digest digest)
    {
        lock (gate)
        {
            if (repositories.GetValueOrDefault(from)?.Blobs.GetValueOrDefault(digest) is not { } bytes)
                return false;
            At(to).Blobs[digest] = bytes;
            return true;
        }
    }

    /// <param name="reference">A tag or a digest.</param>
    public RawManifest? Manifest(string repository, string reference)
    {
        lock (gate)
        {
            if (repositories.GetValueOrDefault(repository) is not { } found)
                return null;
            return (Digest.TryParse(reference, out var digest) || found.Tags.TryGetValue(reference, out digest)) ? found.Manifests.GetValueOrDefault(digest) : null;
        }
    }

    public IReadOnlyList<RawManifest> Manifests(string repository)
    {
        lock (gate)
            return [.. repositories.GetValueOrDefault(repository)?.Manifests.Values ?? Enumerable.Empty<RawManifest>()];
    }

    /// <param name="tag">Null for none.</param>
    public void PutManifest(string repository, RawManifest manifest, string? tag)
    {
        lock (gate)
        {
            var target = At(repository);
            Begin(target);
            target.Manifests[manifest.Digest] = manifest;
            if (tag is not null)
                target.Tags[tag] = manifest.Digest;
        }
    }

    /// <summary>Removes a manifest and the tags that name it.</summary>
    public bool RemoveManifest(string repository, Digest digest)
    {
        lock (gate)
        {
            var target = At(repository);
            foreach (var tag in target.Tags.Where(tag => tag.Value == digest).Select(tag => tag.Key).ToList())
                target.Tags.Remove(tag);
            return target.Manifests.Remove(digest);
        }
    }

    /// <summary>In byte order.</summary>
    public IReadOnlyList<string> Tags(string repository)
    {
        lock (gate)
            return [.. repositories.GetValueOrDefault(repository)?.Tags.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>()];
    }

    public IReadOnlyList<string> TagsOf(string repository, Digest digest)
    {
        lock (gate)
            return [.. repositories.GetValueOrDefault(repository)?.Tags.Where(tag => tag.Value == digest).Select(tag => tag.Key) ?? []];
    }

    public bool RemoveTag(string repository, string tag)
    {
        lock (gate)
            return At(repository).Tags.Remove(tag);
    }

    /// <summary>What the manifest names and the repository does not have, in the manifest's order: blobs, but for foreign ones, and manifests.</summary>
    public IReadOnlyList<Descriptor> Missing(string repository, Manifest manifest)
    {
        lock (gate)
        {
            var target = At(repository);
            return
            [
                .. manifest.Blobs.Where(blob => !ManifestTree.IsForeign(blob) && !target.Blobs.ContainsKey(blob.Digest)),
                .. manifest.Manifests.Where(child => !target.Manifests.ContainsKey(child.Digest)),
            ];
        }
    }

    /// <summary>The content below a prefix, each digest once: what a quota counts.</summary>
    public IReadOnlyDictionary<Digest, long> Sizes(string prefix)
    {
        lock (gate)
        {
            var sizes = new Dictionary<Digest, long>();
            foreach (var (_, repository) in repositories.Where(repository => repository.Key.StartsWith(prefix, StringComparison.Ordinal)))
            {
                foreach (var (digest, bytes) in repository.Blobs)
                    sizes[digest] = bytes.Length;
                foreach (var (digest, manifest) in repository.Manifests)
                    sizes[digest] = manifest.Bytes.Length;
            }

            return sizes;
        }
    }

    public MemoryUpload StartUpload(string repository)
    {
        var upload = new MemoryUpload(Guid.NewGuid().ToString(), repository);
        lock (gate)
            uploads[upload.Id] = upload;
        return upload;
    }

    public MemoryUpload? Upload(string id)
    {
        lock (gate)
            return uploads.GetValueOrDefault(id);
    }

    public bool EndUpload(string id)
    {
        lock (gate)
            return uploads.Remove(id);
    }

    void Begin(Repository repository)
    {
        if (!repository.HadManifest)
            repository.Number = ++count;
    }

    Repository At(string name) => repositories.TryGetValue(name, out var repository) ? repository : repositories[name] = new Repository();

    sealed class Repository
    {
        public Dictionary<Digest, byte[]> Blobs { get; } = [];

        public Dictionary<Digest, RawManifest> Manifests { get; } = [];

        public Dictionary<string, Digest> Tags { get; } = new(StringComparer.Ordinal);

        /// <summary>Counts from 1 in the order of the first manifest; 0 before it.</summary>
        public int Number { get; set; }

        public bool HadManifest => Number > 0;
    }
}

/// <summary>An upload that was started and not finished.</summary>
/// <param name="Id">A UUID.</param>
public sealed record MemoryUpload(string Id, string Repository)
{
    public MemoryStream Received { get; } = new();

    /// <summary>What the client must send back; a product that cares changes it with every request.</summary>
    public string State { get; set; } = "";
}
