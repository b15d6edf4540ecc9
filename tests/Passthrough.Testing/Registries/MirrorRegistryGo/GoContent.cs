using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.MirrorRegistryGo;

/// <summary>
/// What the Go mirror-registry holds: bytes in one storage for all repositories, and a database that says which repository has which. Its collector goes by the
/// database alone: a manifest without a tag, an index above it or a subject is forgotten at the next round, whatever is pushed a moment later (registries.md C.2).
/// </summary>
sealed class GoContent(MirrorRegistryGoSettings settings, TestClock clock)
{
    readonly Dictionary<string, Repository> repositories = new(StringComparer.Ordinal);
    readonly Dictionary<string, byte[]> blobs = new(StringComparer.Ordinal);
    readonly Dictionary<string, (string Type, byte[] Bytes)> manifests = new(StringComparer.Ordinal);
    DateTimeOffset nextRound = clock.GetUtcNow() + settings.CollectEvery;

    /// <summary>Does the rounds of the collector that fell due since the last call.</summary>
    public void CatchUp()
    {
        for (; nextRound <= clock.GetUtcNow(); nextRound += settings.CollectEvery)
            Collect(nextRound);
    }

    public bool Has(string repository) => repositories.ContainsKey(repository);

    public bool IsPublic(string repository) => repositories.TryGetValue(repository, out var found) && found.IsPublic;

    public bool Remove(string repository) => repositories.Remove(repository);

    public IReadOnlyList<string> Tags(string repository) => [.. repositories[repository].Tags.Keys.Order(StringComparer.Ordinal)];

    /// <summary>A blob that the repository has: named by a manifest of it, or uploaded within the hour.</summary>
    public byte[]? Blob(string repository, string digest) =>
        repositories.TryGetValue(repository, out var found) && found.Sees(digest, clock.GetUtcNow()) ? blobs.GetValueOrDefault(digest) : null;

    public void AddBlob(string repository, string digest, byte[] bytes)
    {
        blobs.TryAdd(digest, bytes);
        Open(repository).Marks[digest] = clock.GetUtcNow() + settings.BlobMarkLasts;
    }

    public void RemoveBlob(string repository, string digest)
    {
        var found = repositories[repository];
        found.Marks.Remove(digest);
        foreach (var record in found.Records.Values)
            record.Blobs.Remove(digest);
    }

    /// <summary>The bytes of a manifest. By digest it is found in every repository that exists, whoever pushed it: the database is not asked.</summary>
    public (string Type, byte[] Bytes)? Manifest(string repository, string digest) =>
        repositories.ContainsKey(repository) && manifests.TryGetValue(digest, out var found) ? found : null;

    public bool IsStored(string digest) => manifests.ContainsKey(digest);

    public string? Resolve(string repository, string tag) => repositories.TryGetValue(repository, out var found) ? found.Tags.GetValueOrDefault(tag) : null;

    /// <summary>Stores a manifest whose parts were checked.</summary>
    public void AddManifest(string repository, string? tag, string type, byte[] bytes, JObject document)
    {
        var digest = Digest.Sha256(bytes).ToString();
        manifests[digest] = (type, bytes);
        var found = Open(repository);
        var record = found.Records[digest] = new Record
        {
            Children = [.. Digests(document["manifests"])],
            Subject = (string?)document["subject"]?["digest"],
        };
        record.Blobs.UnionWith(Digests(document["layers"]).Concat(document["config"] is JObject config ? [(string)config["digest"]!] : []));
        // A child that the database has forgotten gets a row again, without its blobs.
        foreach (var child in record.Children)
            found.Records.TryAdd(child, new Record());
        if (tag is not null)
            Point(found, tag, digest);
    }

    /// <summary>Takes a tag away, or asks for nothing: the answer is the same, and the repository is there afterwards.</summary>
    public void RemoveTag(string repository, string tag)
    {
        var found = Open(repository);
        if (found.Tags.Remove(tag, out var digest))
            found.Deleted.Add((digest, clock.GetUtcNow() + settings.DeletedTagLasts));
    }

    public void RemoveManifest(string repository, string digest)
    {
        var found = Open(repository);
        found.Records.Remove(digest);
        foreach (var tag in found.Tags.Where(tag => tag.Value == digest).Select(tag => tag.Key).ToList())
            found.Tags.Remove(tag);
    }

    public IEnumerable<(string Digest, string Type, byte[] Bytes)> Referrers(string repository, string subject) =>
        repositories[repository].Records.Where(record => record.Value.Subject == subject).Select(record => (record.Key, manifests[record.Key].Type, manifests[record.Key].Bytes));

    void Point(Repository repository, string tag, string digest)
    {
        if (repository.Tags.TryGetValue(tag, out var before) && before != digest)
            repository.Deleted.Add((before, clock.GetUtcNow() + settings.DeletedTagLasts));
        repository.Tags[tag] = digest;
    }

    Repository Open(string name)
    {
        // A name without a slash is stored below "library", and is not found under its own name afterwards.
        var full = name.Contains('/') ? name : $"library/{name}";
        if (!repositories.TryGetValue(full, out var found))
            repositories[full] = found = new Repository { IsPublic = !settings.PrivateOnPush };
        return found;
    }

    void Collect(DateTimeOffset now)
    {
        foreach (var repository in repositories.Values)
        {
            repository.Deleted.RemoveAll(tag => tag.Until <= now);
            while (repository.Records.Where(record => !repository.Keeps(record.Key, record.Value)).Select(record => record.Key).ToList() is { Count: > 0 } forgotten)
                forgotten.ForEach(digest => repository.Records.Remove(digest));
            foreach (var mark in repository.Marks.Where(mark => mark.Value <= now).Select(mark => mark.Key).ToList())
                repository.Marks.Remove(mark);
        }

        foreach (var digest in blobs.Keys.Where(digest => !repositories.Values.Any(repository => repository.Sees(digest, now))).ToList())
            blobs.Remove(digest);
    }

    static IEnumerable<string> Digests(JToken? descriptors) => descriptors?.Select(descriptor => (string)descriptor["digest"]!) ?? [];

    sealed class Repository
    {
        public bool IsPublic { get; init; }

        public Dictionary<string, Record> Records { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, string> Tags { get; } = new(StringComparer.Ordinal);

        public List<(string Digest, DateTimeOffset Until)> Deleted { get; } = [];

        /// <summary>Until when an uploaded blob counts.</summary>
        public Dictionary<string, DateTimeOffset> Marks { get; } = new(StringComparer.Ordinal);

        public bool Sees(string blob, DateTimeOffset now) =>
            (Marks.TryGetValue(blob, out var until) && until > now) || Records.Values.Any(record => record.Blobs.Contains(blob));

        public bool Keeps(string digest, Record record) =>
            record.Subject is not null || Tags.ContainsValue(digest) || Deleted.Any(tag => tag.Digest == digest) || Records.Values.Any(other => other.Children.Contains(digest));
    }

    sealed class Record
    {
        public HashSet<string> Blobs { get; } = new(StringComparer.Ordinal);

        public IReadOnlyList<string> Children { get; init; } = [];

        public string? Subject { get; init; }
    }
}
