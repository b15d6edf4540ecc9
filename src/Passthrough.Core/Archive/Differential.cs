using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive;

/// <summary>What a differential archive of this program says about what it leaves to earlier ones.</summary>
sealed class Differential
{
    readonly Dictionary<Digest, ImmutableArray<Reference>> left = [];
    readonly List<string> names = [];
    readonly List<string> registries = [];

    Differential()
    {
    }

    /// <summary>The ids of the archives that it builds on.</summary>
    public List<string> Bases { get; } = [];

    /// <summary>What to do where something of it is missing.</summary>
    public string WhenIncomplete => names.Count > 0
        ? $"it is a differential: load {string.Join(" and ", names)} first, or give the archives together in path"
        : $"it is a differential to what {string.Join(" and ", registries)} had: save it again with what state_path writes today as its base, or without base";

    /// <summary>Null for an archive that has everything.</summary>
    public static Differential? Read(JObject? json)
    {
        if (json?["bases"] is not JArray bases)
            return null;
        var read = new Differential();
        foreach (var token in bases)
        {
            if (token is not JObject entry || entry["id"] is not JValue { Value: string id })
                continue;
            read.Bases.Add(id);
            if (entry["registry"] is JValue { Value: string registry })
                read.registries.Add(registry);
            else
                read.names.Add(entry["name"] is JValue { Value: string name } ? $"{name} ({id})" : id);
        }

        foreach (var token in json["external_blobs"] as JArray ?? [])
        {
            if (token is JObject blob && blob["base"] is not null && Digest.TryParse((string?)(blob["digest"] as JValue), out var digest))
                read.left[digest] = Repositories(blob["in"]);
        }

        return read;
    }

    /// <summary>Whether an earlier archive has the blob.</summary>
    public bool Leaves(Digest blob) => left.ContainsKey(blob);

    /// <summary>Upstream repositories with which it was delivered.</summary>
    public ImmutableArray<Reference> HoldersOf(Digest blob) => left.TryGetValue(blob, out var repositories) ? repositories : [];

    static ImmutableArray<Reference> Repositories(JToken? names)
    {
        var repositories = ImmutableArray.CreateBuilder<Reference>();
        foreach (var name in Json.Texts(names))
        {
            if (Reference.TryParse(name, out var repository, out _))
                repositories.Add(repository);
        }

        return repositories.ToImmutable();
    }
}
