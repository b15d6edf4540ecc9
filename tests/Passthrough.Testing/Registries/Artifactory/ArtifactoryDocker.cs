using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>
/// The docker API below <c>/v2/&lt;key&gt;/…</c> and <c>/artifactory/api/docker/&lt;key&gt;/v2/…</c> (registries.md D.5): two shapes of errors, rights by path of the
/// stored file, schema 1 for whoever does not say what it accepts.
/// </summary>
sealed class ArtifactoryDocker(ArtifactorySettings settings, ArtifactoryRepositories repositories, MemoryContent content)
{
    static readonly Digest EmptyLayer = Digest.Parse("sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4");
    static readonly byte[] EmptyLayerBytes = Convert.FromHexString("1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000");

    /// <param name="key">The repository key.</param>
    /// <param name="path">Below it: <c>quay.io/app/manifests/v1</c>.</param>
    public ArtifactoryAnswer Answer(HttpContext context, string key, string path, ArtifactoryIdentity identity, byte[] body)
    {
        if (settings.Edition == ArtifactoryEdition.Oss || repositories.Find(key) is not { } repository || (string?)repository["packageType"] != "docker")
            return ArtifactoryAnswer.RestError(404, "Not Found");
        var (method, isRemote) = (context.Request.Method, (string?)repository["rclass"] == "remote");
        if (path == "_catalog")
            return Catalog(key, context.Request.Query);
        foreach (var place in new[] { "/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list", "/referrers/" })
        {
            var at = path.IndexOf(place, StringComparison.Ordinal);
            if (at <= 0)
                continue;
            var (image, rest) = (path[..at], path[(at + place.Length)..]);
            return place switch
            {
                "/blobs/uploads/" => isRemote ? ArtifactoryAnswer.RestError(400, "Unable to upload blobs to a remote repository.") : Upload(context, key, image, rest, identity, body),
                "/blobs/" => Blob(context, key, image, rest, identity),
                "/manifests/" when isRemote && method == "PUT" => ArtifactoryAnswer.RestError(400, "Unable to upload a manifest to a remote repository."),
                "/manifests/" when isRemote && method == "DELETE" => ArtifactoryAnswer.RestError(400, "Unable to delete a manifest from a remote repository."),
                "/manifests/" => Manifest(context, key, image, rest, identity, body),
                "/tags/list" => Tags(key, image, context.Request.Query),
                // Served from 7.90.1 on, by the documentation; what it answers is not recorded.
                _ => ArtifactoryAnswer.RestError(404, "Not Found"),
            };
        }

        return ArtifactoryAnswer.RestError(404, "Not Found");
    }

    ArtifactoryAnswer Upload(HttpContext context, string key, string image, string id, ArtifactoryIdentity identity, byte[] body)
    {
        var (name, query) = ($"{key}/{image}", context.Request.Query);
        if (context.Request.Method == "POST")
        {
            if (!identity.May('w', key, $"{image}/_uploads/x"))
                return Denied(403, $"User is unauthorized to upload to {key}/{image}/_uploads");
            if (query["mount"].ToString() is { Length: > 0 } mount && query["from"].ToString() is { Length: > 0 } from && Digest.TryParse(mount, out var mounted)
                && identity.May('r', from.Split('/')[0], from[(from.IndexOf('/') + 1)..] + "/x") && content.Mount(from, name, mounted))
                return Created(context, name, mounted);
            var upload = content.StartUpload(name);
            if (query["digest"].ToString() is { Length: > 0 } whole && body.Length > 0)
                return Finish(context, upload, whole, body);
            return ArtifactoryAnswer.Empty(202).With("Location", $"{Base(context)}v2/{name}/blobs/uploads/{upload.Id}").With("Docker-Upload-Uuid", upload.Id).With("Range", "0-0").With("Docker-Distribution-Api-Version", "registry/2.0");
        }

        if (content.Upload(id) is not { } session || session.Repository != name)
            return ArtifactoryAnswer.RestError(404, $"Item {key}:{image}/_uploads/{id} does not exist");
        switch (context.Request.Method)
        {
            case "PATCH":
                session.Received.Write(body);
                return ArtifactoryAnswer.Empty(202).With("Location", $"{Base(context)}v2/{name}/blobs/uploads/{id}").With("Docker-Upload-Uuid", id).With("Range", $"0-{session.Received.Length - 1}").With("Docker-Distribution-Api-Version", "registry/2.0");
            case "PUT":
                return Finish(context, session, query["digest"].ToString(), body);
            case "DELETE":
                if (!identity.May('d', key, $"{image}/_uploads/{id}"))
                    return Denied(403, $"Not enough permissions to delete {key}:{image}/_uploads/{id}");
                content.EndUpload(id);
                return ArtifactoryAnswer.Empty(204);
            default:
                return ArtifactoryAnswer.Text(405, "METHOD NOT ALLOWED");
        }
    }

    ArtifactoryAnswer Finish(HttpContext context, MemoryUpload upload, string wanted, byte[] body)
    {
        upload.Received.Write(body);
        var bytes = upload.Received.ToArray();
        content.EndUpload(upload.Id);
        if (!Digest.TryParse(wanted, out var digest) || digest.OfSameAlgorithm(bytes) != digest)
            return ArtifactoryAnswer.DockerError(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        content.PutBlob(upload.Repository, digest, bytes);
        return Created(context, upload.Repository, digest);
    }

    ArtifactoryAnswer Created(HttpContext context, string name, Digest digest) =>
        ArtifactoryAnswer.Empty(201).With("Location", $"{Base(context)}v2/{name}/blobs/{digest}").With("Docker-Content-Digest", digest.ToString()).With("Docker-Distribution-Api-Version", "registry/2.0");

    ArtifactoryAnswer Blob(HttpContext context, string key, string image, string reference, ArtifactoryIdentity identity)
    {
        if (context.Request.Method is not ("GET" or "HEAD"))
            return ArtifactoryAnswer.Text(405, "METHOD NOT ALLOWED");
        // A file lies in the folder of a tag; whoever may read none of them sees nothing.
        if (!MayRead(identity, key, image))
            return ArtifactoryAnswer.RestError(403, "Forbidden");
        if (!Digest.TryParse(reference, out var digest) || (digest == EmptyLayer ? EmptyLayerBytes : content.Blob($"{key}/{image}", digest)) is not { } bytes)
            return ArtifactoryAnswer.DockerError(404, "BLOB_UNKNOWN", "blob unknown to registry", new JObject { ["blobSum"] = reference });
        return new ArtifactoryAnswer(200, "application/octet-stream", bytes).With("Docker-Content-Digest", reference).With("Docker-Distribution-Api-Version", "registry/2.0");
    }

    bool MayRead(ArtifactoryIdentity identity, string key, string image) => settings.AllowsAnonymous || identity.May('r', key, $"{image}/_uploads/x") || identity.May('r', key, $"{image}/latest/x");

    ArtifactoryAnswer Manifest(HttpContext context, string key, string image, string reference, ArtifactoryIdentity identity, byte[] body)
    {
        var name = $"{key}/{image}";
        switch (context.Request.Method)
        {
            case "PUT":
                return PutManifest(context, key, image, reference, identity, body);
            case "DELETE":
                if (!identity.May('d', key, $"{image}/{reference}/manifest.json"))
                    return Denied(403, "No permission to delete manifest");
                return (Digest.TryParse(reference, out var doomed) ? content.RemoveManifest(name, doomed) : content.RemoveTag(name, reference)) ? ArtifactoryAnswer.Empty(202) : UnknownManifest(image);
        }

        if (!MayRead(identity, key, image))
            return ArtifactoryAnswer.RestError(403, "Forbidden");
        if (content.Manifest(name, reference) is not { } manifest)
            return UnknownManifest(image);
        var accepts = string.Join(',', context.Request.Headers.Accept.ToArray());
        var digest = manifest.Digest.ToString();
        var (bytes, type) = (manifest.Bytes.ToArray(), manifest.MediaType);
        if (!MediaTypes.Manifests.Any(known => accepts.Contains(known, StringComparison.Ordinal)))
        {
            bytes = System.Text.Encoding.UTF8.GetBytes($$"""{"schemaVersion":1,"name":"{{image}}","tag":"{{reference}}","architecture":"amd64","fsLayers":[],"history":[]}""");
            (type, digest) = (MediaTypes.DockerSchema1Signed, Digest.Sha256(bytes).ToString());
        }

        var sha1 = Convert.ToHexStringLower(Sha1(bytes));
        return new ArtifactoryAnswer(200, type, bytes)
            .With("Docker-Content-Digest", digest).With("Docker-Distribution-Api-Version", "registry/2.0").With("ETag", sha1).With("X-Checksum-Sha1", sha1)
            .With("X-Checksum-Sha256", digest.Split(':')[^1]).With("X-Artifactory-Docker-Registry", key).With("X-Artifactory-Filename", MediaTypes.IsIndex(manifest.MediaType) ? "list.manifest.json" : "manifest.json")
            .With("Content-Disposition", "attachment; filename=\"manifest.json\"").With("Last-Modified", settings.Time.GetUtcNow().ToString("R", CultureInfo.InvariantCulture)).With("Accept-Ranges", "bytes");
    }

#pragma warning disable CA5350 // Artifactory's Etag is a SHA-1
    static byte[] Sha1(byte[] bytes) => SHA1.HashData(bytes);
#pragma warning restore CA5350

    ArtifactoryAnswer PutManifest(HttpContext context, string key, string image, string reference, ArtifactoryIdentity identity, byte[] body)
    {
        var (name, isDigest) = ($"{key}/{image}", Digest.TryParse(reference, out var wanted));
        if (!identity.May('w', key, $"{image}/{reference}/manifest.json"))
            return Denied(403, "No permission to write manifest");
        var type = context.Request.ContentType?.Split(';')[0] ?? "";
        if (!MediaTypes.IsManifest(type))
            return Denied(403, "Pushing Docker images with manifest v2 schema 1 to this repository is blocked. For more information, see the Artifactory documentation.");
        var manifest = new RawManifest(type, body, isDigest ? wanted!.OfSameAlgorithm(body) : Digest.Sha256(body));
        if (isDigest && manifest.Digest != wanted)
            return Invalid("null");
        // A second push of a tag replaces a file, which wants the right to delete.
        if (!isDigest && content.Manifest(name, reference) is not null && !settings.AllowsOverwriting && !identity.May('d', key, $"{image}/{reference}/manifest.json"))
            return Invalid("HTTP 403 Forbidden");
        Manifest parsed;
        try
        {
            parsed = Core.Oci.Manifest.Parse(manifest);
        }
        catch (Exception e) when (e is ModuleException or JsonException)
        {
            return Invalid("null");
        }

        if (content.Missing(name, parsed).Count > 0)
            return Invalid("Circuit Breaker Threshold Reached, Breaking Operation. see log output for manifest details.");
        content.PutManifest(name, manifest, isDigest ? null : reference);
        return ArtifactoryAnswer.Empty(201).With("Location", $"{Base(context)}v2/{name}/manifests/{manifest.Digest}").With("Docker-Content-Digest", manifest.Digest.ToString()).With("Docker-Distribution-Api-Version", "registry/2.0");
    }

    static ArtifactoryAnswer Invalid(string why) => ArtifactoryAnswer.DockerError(400, "MANIFEST_INVALID", "manifest invalid", new JObject { ["description"] = why });

    static ArtifactoryAnswer Denied(int status, string message) => ArtifactoryAnswer.DockerError(status, "UNAUTHORIZED", message);

    static ArtifactoryAnswer UnknownManifest(string image) =>
        ArtifactoryAnswer.DockerError(404, "MANIFEST_UNKNOWN", "The named manifest is not known to the registry.", new JObject { ["manifest"] = image });

    ArtifactoryAnswer Tags(string key, string image, IQueryCollection query)
    {
        if (query.TryGetValue("n", out var text) && !int.TryParse(text, out _))
            return ArtifactoryAnswer.RestError(404, "Not Found");
        if (!content.HasRepository($"{key}/{image}"))
            return ArtifactoryAnswer.DockerError(404, "NAME_UNKNOWN", "Repository name not known to registry.", new JObject { ["name"] = image });
        var tags = Page(content.Tags($"{key}/{image}"), query);
        return ArtifactoryAnswer.Text(200, $"{{\n  \"name\" : \"{image}\",\n  \"tags\" : [ {string.Join(", ", tags.Select(tag => $"\"{tag}\""))} ]\n}}", "application/json");
    }

    ArtifactoryAnswer Catalog(string key, IQueryCollection query)
    {
        var names = Page([.. content.Repositories.Where(name => name.StartsWith(key + "/", StringComparison.Ordinal)).Select(name => name[(key.Length + 1)..])], query);
        return ArtifactoryAnswer.Text(200, $"{{\n  \"repositories\" : [ {string.Join(", ", names.Select(name => $"\"{name}\""))} ]\n}}", "application/json");
    }

    static IEnumerable<string> Page(IReadOnlyList<string> all, IQueryCollection query) =>
        all.Where(one => !query.TryGetValue("last", out var last) || string.CompareOrdinal(one, last) > 0).Take(int.TryParse(query["n"], out var n) ? n : 100);

    Uri Base(HttpContext context) => settings.BaseUrlOverride ?? new Uri($"{context.Request.Scheme}://{context.Request.Host}/");
}
