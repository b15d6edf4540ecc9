using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Oci;

/// <summary>Descriptors as JSON (OCI image-spec descriptor.md), as they stand in manifests and in the <c>index.json</c> of a layout.</summary>
public static class DescriptorJson
{
    /// <summary>Null, with the reason, where the object is no descriptor.</summary>
    /// <param name="json">The descriptor's object.</param>
    /// <param name="defaultMediaType">Taken where the object has none; some old tools leave it out.</param>
    /// <param name="reason">What is wrong with it.</param>
    public static Descriptor? TryRead(JObject json, string defaultMediaType, out string? reason)
    {
        if (!Digest.TryParse(AsText(json["digest"]), out var digest, out reason))
            return null;
        if (json["size"] is not JValue { Value: long and >= 0 and var size })
        {
            reason = "size is missing or no positive integer";
            return null;
        }

        return new Descriptor(AsText(json["mediaType"]) is { Length: > 0 } type ? MediaTypes.Shared(type) : defaultMediaType, digest, size)
        {
            Platform = json["platform"] is JObject platform ? ReadPlatform(platform) : null,
            ArtifactType = AsText(json["artifactType"]) is { Length: > 0 } artifact ? artifact : null,
            Annotations = ReadAnnotations(json["annotations"] as JObject),
            Urls = json["urls"] is JArray urls ? [.. urls.Select(AsText).OfType<string>()] : [],
        };
    }

    /// <summary>Members in a fixed order, empty ones left out.</summary>
    public static JObject Write(Descriptor descriptor)
    {
        var json = new JObject { ["mediaType"] = descriptor.MediaType, ["digest"] = descriptor.Digest.ToString(), ["size"] = descriptor.Size };
        if (descriptor.Platform is { } platform)
        {
            var platformJson = new JObject { ["architecture"] = platform.Architecture, ["os"] = platform.Os };
            if (platform.Variant is not null)
                platformJson["variant"] = platform.Variant;
            json["platform"] = platformJson;
        }

        if (descriptor.ArtifactType is not null)
            json["artifactType"] = descriptor.ArtifactType;
        if (!descriptor.Urls.IsEmpty)
            json["urls"] = new JArray(descriptor.Urls);
        if (descriptor.Annotations.Count > 0)
            json["annotations"] = new JObject(descriptor.Annotations.Select(a => new JProperty(a.Key, a.Value)));
        return json;
    }

    /// <summary>Those that are texts, in the order of their names.</summary>
    internal static IReadOnlyDictionary<string, string> ReadAnnotations(JObject? json)
    {
        if (json is null || json.Count == 0)
            return Descriptor.EmptyAnnotations;
        var annotations = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in json.Properties())
        {
            if (AsText(property.Value) is { } text)
                annotations[property.Name] = text;
        }

        return annotations;
    }

    static Platform? ReadPlatform(JObject json) =>
        AsText(json["os"]) is { Length: > 0 } os && AsText(json["architecture"]) is { Length: > 0 } architecture
            ? new Platform(os, architecture, AsText(json["variant"]) is { Length: > 0 } variant ? variant : null)
            : null;

    static string? AsText(JToken? token) => token is JValue { Type: JTokenType.String } value ? (string?)value : null;
}
