using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.MirrorRegistryGo;

/// <summary>Manifests: what it takes, and what it serves to whom.</summary>
public sealed partial class MirrorRegistryGoFake
{
    const int LargestManifest = 4 * 1024 * 1024;

    FakeAnswer Manifests(FakeCall call, string name, string reference)
    {
        var isDigest = reference.Contains(':');
        if (Authorize(call, call.IsRead ? [(name, "pull")] : call.Method == "DELETE" ? [(name, "delete")] : [(name, "pull"), (name, "push")]) is { } refusal)
            return refusal;
        switch (call.Method)
        {
            case "GET" or "HEAD":
                return Read(call, name, isDigest ? null : reference, isDigest ? reference : content.Resolve(name, reference));
            case "PUT":
                return Put(call, name, reference, isDigest);
            case "DELETE" when isDigest && !content.IsStored(reference):
                return Error(404, "MANIFEST_UNKNOWN", "manifest unknown");
            case "DELETE":
                if (isDigest)
                    content.RemoveManifest(name, reference);
                else
                    content.RemoveTag(name, reference);
                return FakeAnswer.Empty(202).With(ApiVersion, "registry/2.0");
            default:
                return Error(405, "UNSUPPORTED", "The operation is unsupported.");
        }
    }

    FakeAnswer Read(FakeCall call, string name, string? tag, string? digest)
    {
        if (digest is null || content.Manifest(name, digest) is not { } found)
            return Error(404, "MANIFEST_UNKNOWN", "manifest unknown", tag is not null ? $"unknown tag={tag}" : $"unknown manifest name={name} revision={digest}");
        if (call.Header("If-None-Match") == $"\"{digest}\"")
            return FakeAnswer.Empty(304).With(ApiVersion, "registry/2.0");
        var accepted = (call.Header("Accept") ?? "").Split(',').Select(type => type.Split(';')[0].Trim()).ToHashSet(StringComparer.Ordinal);
        if (found.Type == MediaTypes.OciManifest && !accepted.Contains(MediaTypes.OciManifest))
            return Error(404, "MANIFEST_UNKNOWN", "OCI manifest found, but accept header does not support OCI manifests");
        // A Docker list that is asked for by tag is a question for one image to clients who know no lists.
        if (tag is not null && found.Type == MediaTypes.DockerManifestList && !accepted.Contains(MediaTypes.DockerManifestList))
        {
            if (!accepted.Contains(MediaTypes.DockerManifest))
                return Error(400, "MANIFEST_INVALID", "Schema 2 manifest not supported by client");
            var child = Core.Text.Json.Parse(found.Bytes)["manifests"]!.FirstOrDefault(one => (string?)one["platform"]?["architecture"] == "amd64" && (string?)one["platform"]?["os"] == "linux");
            return child is null ? Error(404, "MANIFEST_UNKNOWN", "manifest unknown", $"unknown manifest name={name} revision=") : Read(call, name, null, (string?)child["digest"]);
        }

        return new FakeAnswer(200, found.Bytes).With("Content-Type", found.Type).With(ApiVersion, "registry/2.0").With("Docker-Content-Digest", digest).With("Etag", $"\"{digest}\"");
    }

    FakeAnswer Put(FakeCall call, string name, string reference, bool isDigest)
    {
        var type = (call.Header("Content-Type") ?? "").Split(';')[0].Trim();
        var bytes = call.Body.ToArray();
        if (bytes.Length > LargestManifest)
            return Invalid("http: request body too large");
        if (!MediaTypes.IsManifest(type))
            return Invalid($"unsupported manifest media type and no default available: {type}");
        JObject document;
        try
        {
            document = Core.Text.Json.Parse(bytes) as JObject ?? throw new JsonReaderException("no object");
        }
        catch (JsonException)
        {
            return Invalid("unexpected end of JSON input");
        }

        if ((string?)document["mediaType"] is { } own && own != type)
            return Invalid($"mediaType in manifest should be '{type}' not '{own}'");
        if ((int?)document["schemaVersion"] != 2)
            return Error(500, "UNKNOWN", "unknown error", $"unrecognized manifest schema version {document["schemaVersion"]}");
        var digest = Digest.Sha256(bytes).ToString();
        if (isDigest && reference != digest)
            return Error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        if (Missing(name, document) is { Count: > 0 } errors)
            return FakeAnswer.Json(errors.Any(error => (string?)error["code"] == "UNKNOWN") ? 500 : 400, new JObject { ["errors"] = new JArray(errors) }).With(ApiVersion, "registry/2.0");

        content.AddManifest(name, isDigest ? null : reference, type, bytes, document);
        var answer = Created(call, name, $"manifests/{digest}", digest);
        return (string?)document["subject"]?["digest"] is { } subject ? answer.With("Oci-Subject", subject) : answer;

        static FakeAnswer Invalid(string detail) => Error(400, "MANIFEST_INVALID", "manifest invalid", detail);
    }

    List<JObject> Missing(string name, JObject document)
    {
        var errors = new List<JObject>();
        if (document["manifests"] is JArray children)
        {
            errors.AddRange(children.Select(child => (string)child["digest"]!).Where(child => !content.IsStored(child)).Select(Unknown));
            return errors;
        }

        if (document["config"]?["digest"] is null)
            errors.Add(new JObject { ["code"] = "DIGEST_INVALID", ["message"] = "provided digest did not match uploaded content" });
        foreach (var layer in (document["layers"] ?? new JArray()).Append(document["config"] ?? new JObject { ["digest"] = "" }))
        {
            if (layer["urls"] is JArray { Count: > 0 } && (string?)layer["mediaType"] is { } type && type.StartsWith("application/vnd.oci.image.layer.nondistributable.", StringComparison.Ordinal))
            {
                errors.Add(new JObject { ["code"] = "UNKNOWN", ["message"] = "unknown error" });
                errors.Add(new JObject { ["code"] = "UNKNOWN", ["message"] = "unknown error", ["detail"] = "invalid URL on layer" });
            }

            if ((string?)layer["digest"] is { } digest && content.Blob(name, digest) is null)
                errors.Add(Unknown(digest));
        }

        return errors;

        static JObject Unknown(string digest) => new() { ["code"] = "MANIFEST_BLOB_UNKNOWN", ["message"] = "blob unknown to registry", ["detail"] = digest };
    }
}
