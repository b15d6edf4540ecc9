using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// What objects say that a tool wrote or a cluster has: mirror sets and image.config, alone or in lists as <c>oc get -o yaml</c> prints them. What servers add
/// (<c>resourceVersion</c>, <c>uid</c>, <c>status</c>, …) and other kinds are left out.
/// </summary>
/// <param name="Sets">In their order.</param>
/// <param name="Registries">image.config's lists; null where there is no such object.</param>
/// <param name="Others">Kind and name of what is neither.</param>
public sealed record MirrorObjects(ImmutableArray<MirrorSet> Sets, RegistrySources? Registries, ImmutableArray<string> Others)
{
    const string ImageConfigVersion = "config.openshift.io/v1";

    /// <param name="place">Where the objects come from, for messages.</param>
    /// <exception cref="ModuleException">One has not the form of its kind.</exception>
    public static MirrorObjects Read(string place, IEnumerable<JToken> documents)
    {
        var sets = ImmutableArray.CreateBuilder<MirrorSet>();
        var others = ImmutableArray.CreateBuilder<string>();
        RegistrySources? registries = null;
        foreach (var token in documents.SelectMany(document => Items(place, document)))
        {
            if (token is not JObject item || Text(item["kind"]) is not { Length: > 0 } kind)
                throw Fault(place, "has something that is no object of Kubernetes: it has no kind");
            var name = Text(item["metadata"]?["name"]) ?? "";
            if (MirrorResource.All.FirstOrDefault(resource => resource.Kind.ToString() == kind) is { } resource)
                sets.Add(Set(place, resource, name, item));
            else if (kind == "Image" && Text(item["apiVersion"]) == ImageConfigVersion)
                registries = Sources($"{place}: Image {name}", item["spec"]);
            else
                others.Add($"{kind} {name}".TrimEnd());
        }

        return new MirrorObjects(sets.ToImmutable(), registries, others.ToImmutable());
    }

    /// <summary>Where an entry of a set stands, for messages.</summary>
    public static string PlaceOf(string place, MirrorSet set, int index) => $"{place}: {set.Kind} {set.Name} {MirrorResource.Of(set.Kind).List}[{index}]";

    static IEnumerable<JToken> Items(string place, JToken document)
    {
        if (document is JArray list)
            return list.SelectMany(item => Items(place, item));
        return document is JObject json && Text(json["kind"]) is { } kind && kind.EndsWith("List", StringComparison.Ordinal)
            ? json["items"] as JArray ?? throw Fault(place, $"has a {kind} without items")
            : [document];
    }

    static MirrorSet Set(string place, MirrorResource resource, string name, JObject item)
    {
        var where = $"{place}: {resource.Kind} {name}";
        if (Text(item["apiVersion"]) is var version && version != resource.ApiVersion)
            throw Fault(where, $"has apiVersion {version ?? "of nothing"}, and this kind is of {resource.ApiVersion}");
        var partOf = Text((item["metadata"]?["annotations"] as JObject)?[MirrorSetManifest.PartOf]);
        if (item["spec"] is not JObject spec)
            throw Fault(where, "has no spec");
        if (spec[resource.List] is null or { Type: JTokenType.Null })
            return spec.Count == 0 ? new MirrorSet(resource.Kind, name, []) { PartOf = partOf } : throw Fault(where, $"has no {resource.List} but {string.Join(", ", spec.Properties().Select(member => member.Name))}");
        if (spec[resource.List] is not JArray entries)
            throw Fault(where, $"has {resource.List} that is no list");
        return new MirrorSet(resource.Kind, name, [.. entries.Select((entry, index) => Entry($"{where} {resource.List}[{index}]", resource, entry))]) { PartOf = partOf };
    }

    static MirrorEntry Entry(string where, MirrorResource resource, JToken token)
    {
        if (token is not JObject entry || Text(entry["source"]) is not { } source)
            throw Fault(where, "has no source");
        string[] known = resource.HasPolicy ? ["source", "mirrors", "mirrorSourcePolicy"] : ["source", "mirrors"];
        if (entry.Properties().FirstOrDefault(member => !known.Contains(member.Name)) is { } unknown)
            throw Fault(where, $"has {unknown.Name}, which {resource.Kind} does not know");
        MirrorSourcePolicy? policy = null;
        if (Text(entry["mirrorSourcePolicy"]) is { Length: > 0 } text)
            policy = Enum.TryParse<MirrorSourcePolicy>(text, out var known1) && known1.ToString() == text ? known1 : throw Fault(where, $"has mirrorSourcePolicy {text}, which is none");
        return new MirrorEntry(source, Strings(where, "mirrors", entry["mirrors"]) ?? [], policy);
    }

    static RegistrySources Sources(string where, JToken? spec)
    {
        var lists = (spec as JObject)?["registrySources"] as JObject ?? [];
        return new RegistrySources
        {
            Insecure = Strings(where, "insecureRegistries", lists["insecureRegistries"]),
            Blocked = Strings(where, "blockedRegistries", lists["blockedRegistries"]),
            Allowed = Strings(where, "allowedRegistries", lists["allowedRegistries"]),
            Search = Strings(where, "containerRuntimeSearchRegistries", lists["containerRuntimeSearchRegistries"]),
        };
    }

    static ImmutableArray<string>? Strings(string where, string name, JToken? token) => token switch
    {
        null or { Type: JTokenType.Null } => null,
        JArray items when items.All(item => item.Type == JTokenType.String) => [.. items.Select(item => (string)item!)],
        _ => throw Fault(where, $"has {name} that is no list of text"),
    };

    static string? Text(JToken? token) => token is JValue { Value: string text } ? text : null;

    static ModuleException Fault(string where, string what) => new(ErrorCodes.InvalidArgument, $"{where} {what}", "give ImageContentSourcePolicy, ImageDigestMirrorSet and ImageTagMirrorSet as oc-mirror or oc get -o yaml writes them");
}
