using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive;

/// <summary>What a differential archive of this program says about what it leaves to earlier ones.</summary>
sealed class Differential
{
    readonly Dictionary<Digest, ImmutableArray<Reference>> left = [];
    readonly Dictionary<string, Reference?> repositories = new(StringComparer.Ordinal);
    readonly List<string> names = [];
    readonly List<string> registries = [];

    /// <summary>The ids of the archives that it builds on.</summary>
    public List<string> Bases { get; } = [];

    /// <summary>What to do where something of it is missing.</summary>
    public string WhenIncomplete => names.Count > 0
        ? $"it is a differential: load {string.Join(" and ", names)} first, or give the archives together in path"
        : $"it is a differential to what {string.Join(" and ", registries)} had: save it again with what state_path writes today as its base, or without base";

    /// <summary>Takes an entry of <c>external_blobs</c>.</summary>
    public void Add(JToken token)
    {
        if (token is JObject blob && blob["base"] is not null && Digest.TryParse((string?)(blob["digest"] as JValue), out var digest))
            left[digest] = Repositories(blob["in"]);
    }

    /// <summary>The same with its bases; null for an archive that has everything.</summary>
    public Differential? Of(JToken? bases)
    {
        if (bases is not JArray list)
            return null;
        foreach (var token in list)
        {
            if (token is not JObject entry || entry["id"] is not JValue { Value: string id })
                continue;
            Bases.Add(id);
            if (entry["registry"] is JValue { Value: string registry })
                registries.Add(registry);
            else
                names.Add(entry["name"] is JValue { Value: string name } ? $"{name} ({id})" : id);
        }

        return this;
    }

    /// <summary>Whether an earlier archive has the blob.</summary>
    public bool Leaves(Digest blob) => left.ContainsKey(blob);

    /// <summary>Upstream repositories with which it was delivered.</summary>
    public ImmutableArray<Reference> HoldersOf(Digest blob) => left.TryGetValue(blob, out var repositories) ? repositories : [];

    // Tens of thousands of blobs are of a few hundred repositories: each is kept once.
    ImmutableArray<Reference> Repositories(JToken? list)
    {
        var found = ImmutableArray.CreateBuilder<Reference>();
        foreach (var name in Json.Texts(list))
        {
            if (!repositories.TryGetValue(name, out var repository))
                repositories[name] = repository = Reference.TryParse(name, out var parsed, out _) ? parsed : null;
            if (repository is not null)
                found.Add(repository);
        }

        return found.ToImmutable();
    }
}
