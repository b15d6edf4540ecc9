using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.Quay;

/// <summary>Manifests of Quay: kept byte for byte, and converted to schema 1 for clients that do not say what they can read.</summary>
public sealed partial class QuayFake
{
    /// <summary>nginx's own limit, which nobody raised.</summary>
    const int LargestManifest = 1024 * 1024;

    FakeAnswer Manifests(FakeCall call, string name, string reference)
    {
        var isDigest = reference.Contains(':');
        if (call.Method == "PUT" && call.Body.Length > LargestManifest)
            return Nginx(413, "Request Entity Too Large", "413 Request Entity Too Large");
        if (!isDigest && !TagName().IsMatch(reference))
            return NotFoundPage();
        if (call.Method == "DELETE" && !isDigest)
            return MethodNotAllowedPage("HEAD, OPTIONS, PUT, GET");
        if (Authorize(call, name, call.IsRead ? ["pull"] : ["pull", "push"]) is { } refusal)
            return refusal;
        if (database.Repository(name) is not { } repository)
            return V2Error(404, "NAME_UNKNOWN", "repository not found");
        repository.Content.Expire(Clock.GetUtcNow());
        return call.Method switch
        {
            "GET" or "HEAD" => isDigest ? ReadByDigest(repository, reference) : ReadByTag(call, repository, reference),
            "PUT" => PutManifest(call, repository, reference, isDigest),
            "DELETE" => DeleteManifest(repository, reference),
            _ => MethodNotAllowedPage("HEAD, OPTIONS, PUT, GET"),
        };
    }

    static FakeAnswer ReadByDigest(QuayRepository repository, string digest) =>
        repository.Content.Manifests.TryGetValue(digest, out var manifest) && repository.Content.IsAlive(digest)
            ? Served(manifest)
            : V2Error(404, "MANIFEST_UNKNOWN", "manifest unknown");

    FakeAnswer ReadByTag(FakeCall call, QuayRepository repository, string tag)
    {
        if (repository.Content.Resolve(tag) is not { } digest)
        {
            if (repository.Content.Tags.Any(one => one.Name == tag))
                return V2Error(404, "TAG_EXPIRED", $"Tag {tag} was deleted or has expired. To pull, revive via time machine");
            return database.Organizations.GetValueOrDefault(repository.Namespace)?.ProxyCache is null
                ? V2Error(404, "MANIFEST_UNKNOWN", "manifest unknown")
                : V2Error(404, "MANIFEST_UNKNOWN", "the requested image may not exist in the upstream registry, or the configured Quay organization credentials have insufficient rights to access it (404)");
        }

        var manifest = repository.Content.Manifests[digest];
        var accepted = (call.Header("Accept") ?? "").Split(',').Select(type => type.Split(';')[0].Trim()).ToHashSet(StringComparer.Ordinal);
        if (accepted.Contains(manifest.MediaType) || MediaTypes.IsSchema1(manifest.MediaType))
            return Served(manifest);
        // To clients that know no lists, the image of the usual platform.
        if (MediaTypes.IsIndex(manifest.MediaType))
        {
            var child = Manifest.Parse(manifest).Manifests.FirstOrDefault(one => one.Platform is { Os: "linux", Architecture: "amd64" });
            if (child is null || !repository.Content.Manifests.TryGetValue(child.Digest.ToString(), out manifest))
                return V2Error(404, "MANIFEST_UNKNOWN", "manifest unknown");
            if (accepted.Contains(manifest.MediaType))
                return Served(manifest);
        }

        return Served(ToSchema1(repository, tag, manifest));
    }

    RawManifest ToSchema1(QuayRepository repository, string tag, RawManifest manifest)
    {
        var image = (ImageManifest)Manifest.Parse(manifest);
        var config = storage.Blob(image.Config.Digest.ToString()) is { } stored ? Core.Text.Json.TryParseObject(Encoding.UTF8.GetString(stored.Stored)) ?? [] : [];
        var document = new JObject
        {
            ["tag"] = tag,
            ["name"] = repository.FullName,
            ["architecture"] = (string?)config["architecture"] ?? "amd64",
            ["schemaVersion"] = 1,
            ["history"] = new JArray(image.Layers.Select(layer => new JObject { ["v1Compatibility"] = Core.Text.Json.Compact(new JObject { ["id"] = layer.Digest.Hex, ["Size"] = layer.Size }) })),
            ["fsLayers"] = new JArray(image.Layers.Select(layer => new JObject { ["blobSum"] = layer.Digest.ToString() })),
        };
        return RawManifest.Of(MediaTypes.DockerSchema1, Encoding.UTF8.GetBytes(Core.Text.Json.Indented(document)));
    }

    static FakeAnswer Served(RawManifest manifest) =>
        new FakeAnswer(200, manifest.Bytes).With("Content-Type", manifest.MediaType).With("Docker-Content-Digest", manifest.Digest.ToString());

    FakeAnswer PutManifest(FakeCall call, QuayRepository repository, string reference, bool isDigest)
    {
        if (IsOverQuota(repository.Namespace))
            return V2Error(403, "DENIED", "Quota has been exceeded on namespace");
        var type = call.Header("Content-Type") ?? "";
        var isSchema1 = type is "" or "application/json" || MediaTypes.IsSchema1(type);
        if (!isSchema1 && !MediaTypes.IsManifest(type))
            return V2Error(415, "MANIFEST_INVALID", "manifest invalid", new JObject { ["message"] = "manifest schema version not supported" });
        var bytes = call.Body.ToArray();
        if (Fault(repository, type, isSchema1, bytes, out var manifest, out var crashes) is { } fault)
            return V2Error(400, "MANIFEST_INVALID", "manifest invalid", new JObject { ["message"] = fault });
        if (crashes)
            return Crash();
        var digest = manifest.Digest.ToString();
        if (isDigest && reference != digest)
            return V2Error(400, "MANIFEST_INVALID", "manifest invalid", new JObject { ["message"] = "manifest digest mismatch" });
        repository.Content.Manifests[digest] = manifest;
        if (isDigest)
            repository.Content.Untagged.Add(digest);
        else
        {
            repository.Content.Point(reference, digest, Clock.GetUtcNow());
            if (!isSchema1 && Lifetime(repository, manifest) is { } lifetime)
                repository.Content.SetExpiry(reference, Clock.GetUtcNow() + lifetime);
        }

        return Loud(FakeAnswer.Text(201, "OK", "text/html; charset=utf-8"), "CREATED").With("Docker-Content-Digest", digest).With("Location", $"/v2/{repository.FullName}/manifests/{digest}");
    }

    /// <summary>Why a manifest is not taken; null where nothing is wrong, or the server crashes over it.</summary>
    string? Fault(QuayRepository repository, string type, bool isSchema1, byte[] bytes, out RawManifest manifest, out bool crashes)
    {
        const string Start = "failed to parse manifest: ";
        crashes = false;
        manifest = RawManifest.Of(isSchema1 ? MediaTypes.DockerSchema1 : type, bytes);
        JObject document;
        try
        {
            document = Core.Text.Json.Parse(bytes) as JObject ?? throw new JsonReaderException();
        }
        catch (JsonException)
        {
            return Start + "malformed manifest data: " + (bytes.Length == 0 ? "Expecting value: line 1 column 1 (char 0)" : "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)");
        }

        if (isSchema1)
            return document["tag"] is null || document["fsLayers"] is null ? Start + "manifest data does not match schema: 'tag' is a required property\n\nFailed validating 'required' in schema:\n    {}" : null;
        if (document["schemaVersion"] is null)
            return Start + "manifest data does not match schema: 'schemaVersion' is a required property\n\nFailed validating 'required' in schema:\n    {}";
        if ((string?)document["mediaType"] is { } own && own != type)
            return Start + $"manifest data does not match schema: '{own}' is not one of ['{type}']\n\nFailed validating 'enum' in schema['properties']['mediaType']:\n    {{}}";
        if (document["manifests"] is JArray children)
            return ChildFault(repository, children, out crashes);
        var missing = (document["layers"] ?? new JArray()).Where(layer => layer["urls"] is null).Prepend(document["config"]).Select(blob => (string?)blob?["digest"]).FirstOrDefault(digest => digest is not null && !repository.Content.Blobs.Contains(digest));
        return missing is null ? null : $"Unknown blob `{missing}`";
    }

    // quay.expires-after of an image's configuration; of an index, what all manifests of it have.
    TimeSpan? Lifetime(QuayRepository repository, RawManifest raw)
    {
        var parsed = Manifest.Parse(raw);
        var images = parsed is ImageManifest one ? [one]
            : parsed.Manifests.Select(child => repository.Content.Manifests.GetValueOrDefault(child.Digest.ToString()))
            .OfType<RawManifest>().Select(Manifest.Parse).OfType<ImageManifest>().ToList();
        var labels = images.Select(image =>
            storage.Blob(image.Config.Digest.ToString()) is { } config
            ? (string?)Core.Text.Json.TryParseObject(Encoding.UTF8.GetString(config.Stored))?["config"]?["Labels"]?["quay.expires-after"]
            : null).Distinct().ToList();
        if (labels is not [{ Length: > 1 } text])
            return null;
        if (!int.TryParse(text[..^1], System.Globalization.CultureInfo.InvariantCulture, out var number))
            return null;
        return text[^1] switch
        {
            'w' => TimeSpan.FromDays(7 * number),
            'd' => TimeSpan.FromDays(number),
            'h' => TimeSpan.FromHours(number),
            'm' => TimeSpan.FromMinutes(number),
            _ => TimeSpan.FromSeconds(number)
        };
    }

    string? ChildFault(QuayRepository repository, JArray children, out bool crashes)
    {
        crashes = false;
        foreach (var child in children)
        {
            if (!repository.Content.Manifests.TryGetValue((string)child["digest"]!, out var found) && Settings.SparseIndex)
                continue;
            if (found is null)
                return $"Could not find child manifest with digest `{child["digest"]}`";
            if ((int)child["size"]! != found.Bytes.Length)
                return $"('Size of manifest does not match that retrieved: %s vs %s', {found.Bytes.Length}, {child["size"]})";
            crashes |= MediaTypes.IsIndex(found.MediaType);
        }

        return null;
    }

    FakeAnswer DeleteManifest(QuayRepository repository, string digest)
    {
        var tags = repository.Content.Alive.Where(tag => tag.Digest == digest).Select(tag => tag.Name).ToList();
        if (tags.Count == 0 && !repository.Content.Untagged.Remove(digest))
            return V2Error(404, "MANIFEST_UNKNOWN", "manifest unknown");
        foreach (var tag in tags)
            repository.Content.EndTag(tag, Clock.GetUtcNow());
        repository.Content.Untagged.Remove(digest);
        return Loud(FakeAnswer.Text(202, "", "text/html; charset=utf-8"), "ACCEPTED");
    }

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
    private static partial Regex TagName();
}
