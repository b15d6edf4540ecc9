using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.Quay;

/// <summary><c>/v2/</c>: Bearer tokens only, and whatever is refused is 401.</summary>
public sealed partial class QuayFake
{
    const int LargestPage = 100;

    /// <summary>Puts a blob into a repository as if it had been uploaded; whether the bytes have that digest is not asked.</summary>
    public void AddBlob(string repository, string digest, byte[] bytes)
    {
        storage.Add(digest, bytes);
        Content(repository).Content.Blobs.Add(digest);
    }

    /// <summary>Begins an upload.</summary>
    /// <returns>Its id.</returns>
    public string StartUpload(string repository) => storage.Start(repository).Id;

    /// <summary>Loses a manifest that a tag or an index still names.</summary>
    public void Forget(string fullName, Core.Oci.Digest manifest) =>
        database.Repository(fullName)!.Content.Manifests.Remove(manifest.ToString());

    public bool HasRepository(string fullName) => database.Repository(fullName) is not null;

    /// <summary>All repositories, with their full names.</summary>
    public IReadOnlyList<string> RepositoryNames => [.. database.Repositories.Select(repository => repository.FullName)];

    /// <summary>Makes a repository as the owner of its namespace would.</summary>
    public void AddRepository(string fullName, bool isPublic = false, string? maker = null) =>
        database.AddRepository(fullName.Split('/')[0], fullName[(fullName.IndexOf('/') + 1)..], isPublic, maker ?? Settings.User);

    QuayRepository Content(string repository) => database.Repository(repository) ?? throw new InvalidOperationException($"there is no repository {repository}");

    FakeAnswer Registry(FakeCall call)
    {
        if (call.RawPath == "/v2/")
        {
            if (call.Header("Authorization") is null)
                return Loud(FakeAnswer.Text(401, "true", "text/html; charset=utf-8"), "UNAUTHORIZED").With("WWW-Authenticate", Challenge(null)).With("Docker-Distribution-API-Version", "registry/2.0");
            return BadBearer(call, null) ?? FakeAnswer.Text(200, "true", "text/html; charset=utf-8").With("WWW-Authenticate", Challenge(null)).With("Docker-Distribution-API-Version", "registry/2.0");
        }

        if (call.RawPath == "/v2/_catalog")
            return Catalog(call);
        var path = call.Path;
        if (path.EndsWith("/blobs/uploads", StringComparison.Ordinal))
            return Redirecting(308, $"{OwnWithoutPort}{call.RawPath}/");
        if (V2Route().Match(path) is not { Success: true } route)
            return NotFoundPage();
        var (name, rest) = (route.Groups["name"].Value, route.Groups["rest"].Value);
        return rest.Split('/') switch
        {
            ["tags", "list"] => Tags(call, name),
            ["referrers", var digest] => Referrers(call, name, digest),
            ["manifests", var reference] => Manifests(call, name, reference),
            ["blobs", "uploads", ""] => StartUpload(call, name),
            ["blobs", "uploads", var id] => Upload(call, name, id),
            ["blobs", var digest] => Blob(call, name, digest),
            _ => NotFoundPage(),
        };
    }

    // Everything that is no token of its own: JSON that says it is a page.
    FakeAnswer? BadBearer(FakeCall call, string? scope)
    {
        if (call.Header("Authorization") is null)
            return null;
        var error = call.Bearer is not { } token || !token.Contains('.') ? "Invalid bearer token format"
            : tokens.Read(token) is not { } claims ? "Invalid header string: 'utf-8' codec can't decode byte 0x9e in position 0: invalid start byte"
            : (string?)claims["aud"] != Own.Authority ? "Audience doesn't match"
            : null;
        return error is null ? null : Plain(401, error).With("WWW-Authenticate", Challenge(scope)).With("Docker-Distribution-API-Version", "registry/2.0");
    }

    /// <summary>Null where the request may go on.</summary>
    FakeAnswer? Authorize(FakeCall call, string name, params string[] actions)
    {
        var full = name.Contains('/') ? name : $"library/{name}";
        var scope = $"repository:{full}:{string.Join(',', actions)}";
        if (BadBearer(call, scope) is { } bad)
            return bad;
        var claims = call.Bearer is { } token ? tokens.Read(token) : null;
        var needed = actions[^1];
        if (claims is not null && (FakeTokens.Allows(claims, name, needed) || FakeTokens.Allows(claims, $"{Own.Authority}/{name}", needed)))
            return Settings.IsReadOnly && needed == "push" ? Loud(FakeAnswer.Json(405, new JObject { ["errors"] = new JArray(new JObject { ["code"] = "DENIED", ["detail"] = new JObject(), ["message"] = "System is currently read-only. Pulls will succeed but all write operations are currently suspended." }), ["is_readonly"] = true }), "METHOD NOT ALLOWED") : null;
        if (claims is null && needed == "pull" && Settings.AnonymousAccess && database.Repository(full) is { IsPublic: true })
            return null;
        return V2Error(401, "UNAUTHORIZED", AccessDenied).With("WWW-Authenticate", Challenge(scope)).With("Docker-Distribution-API-Version", "registry/2.0");
    }

    FakeAnswer Catalog(FakeCall call)
    {
        if (BadBearer(call, null) is { } bad)
            return bad;
        if (call.Bearer is null && !Settings.AnonymousAccess)
            return Plain(401, "Anonymous access is not allowed");
        var actor = call.Bearer is { } token ? (string?)tokens.Read(token)?["sub"] : null;
        var count = call.Parameter("n") is not { } asked ? LargestPage : int.TryParse(asked, out var n) && n > 0 ? Math.Min(n, LargestPage) : 1;
        var start = call.Parameter("next_page") is { } next && int.TryParse(next.AsSpan("gAAAAAB".Length), out var from) ? from : 0;
        // Seen is what the caller has a right of its own to, not what is public.
        var seen = database.Repositories.Where(repository => actor is not null && Sees(repository, actor)).Select(repository => repository.FullName).ToList();
        var answer = FakeAnswer.Json(200, new JObject { ["repositories"] = new JArray(seen.Skip(start).Take(count)) });
        return seen.Count > start + count ? answer.With("Link", $"</v2/_catalog?n={count}&next_page=gAAAAAB{start + count}>; rel=\"next\"") : answer;

        bool Sees(QuayRepository repository, string actor) =>
            actor == repository.Namespace || repository.UserRoles.ContainsKey(actor) || (database.Organizations.TryGetValue(repository.Namespace, out var organization)
                && (database.IsAdmin(organization, actor) || organization.Teams.Values.Any(team => team.Members.Contains(actor) && repository.TeamRoles.ContainsKey(team.Name))));
    }

    FakeAnswer Tags(FakeCall call, string name)
    {
        if (Authorize(call, name, "pull") is { } refusal)
            return refusal;
        if (database.Repository(name) is not { } repository)
            return V2Error(404, "NAME_UNKNOWN", "repository not found");
        var count = int.TryParse(call.Parameter("n"), out var asked) ? Math.Clamp(asked, 0, LargestPage) : LargestPage;
        var tags = repository.Content.Alive.Select(tag => tag.Name).Order(StringComparer.Ordinal).Where(tag => string.CompareOrdinal(tag, call.Parameter("last") ?? "") > 0).ToList();
        var page = tags.Take(count).ToList();
        var answer = FakeAnswer.Json(200, new JObject { ["name"] = name, ["tags"] = new JArray(page) });
        return page.Count > 0 && tags.Count > page.Count ? answer.With("Link", $"</v2/{name}/tags/list?n={count}&last={page[^1]}>; rel=\"next\"") : answer;
    }

    FakeAnswer Blob(FakeCall call, string name, string digest)
    {
        if (!BlobDigest().IsMatch(digest))
            return MethodNotAllowedPage("DELETE, OPTIONS");
        if (Authorize(call, name, call.IsRead ? ["pull"] : ["pull", "push"]) is { } refusal)
            return refusal;
        if (call.Method == "DELETE")
            return V2Error(405, "UNSUPPORTED", "The operation is unsupported.");
        if (database.Repository(name)?.Content.Blobs.Contains(digest) != true || storage.Blob(digest) is not { } blob)
            return V2Error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        // The size is the database's, the bytes are the disk's. Range is not looked at.
        return (new FakeAnswer(200, blob.Stored) { DeclaredLength = blob.Size }).With("Content-Type", "application/octet-stream").With("Docker-Content-Digest", digest).With("Cache-Control", "max-age=31536000");
    }

    FakeAnswer StartUpload(FakeCall call, string name)
    {
        if (call.Method != "POST")
            return MethodNotAllowedPage("OPTIONS, POST");
        if (Authorize(call, name, "pull", "push") is { } refusal)
            return refusal;
        if (database.Repository(name) is not { } repository)
            return V2Error(404, "NAME_UNKNOWN", "repository not found");
        if (IsOverQuota(repository.Namespace))
            return V2Error(403, "DENIED", "Quota has been exceeded on namespace");
        if (call.Parameter("mount") is { } mount && call.Parameter("from") is { } from && Mounted(call, repository, mount, from))
            return Loud(FakeAnswer.Text(201, "", "text/html; charset=utf-8"), "CREATED").With("Docker-Content-Digest", mount).With("Location", $"{Own}v2/{name}/blobs/{mount}");
        var upload = storage.Start(name);
        if (call.Parameter("digest") is { } digest)
        {
            upload.Write(call.Body.Span, 0);
            return Committed(name, upload, digest);
        }

        return Loud(FakeAnswer.Text(202, "", "text/html; charset=utf-8"), "ACCEPTED").With("Docker-Upload-UUID", upload.Id).With("Range", "bytes=0--1").With("Location", UploadAddress(upload));
    }

    bool Mounted(FakeCall call, QuayRepository target, string digest, string from)
    {
        // The token must say that the other may be read: a right alone does not do.
        if (database.Repository(from) is not { } source || !source.Content.Blobs.Contains(digest) || !FakeTokens.Allows(tokens.Read(call.Bearer!), from, "pull"))
            return false;
        target.Content.Blobs.Add(digest);
        return true;
    }

    FakeAnswer Upload(FakeCall call, string name, string id)
    {
        if (Authorize(call, name, call.IsRead ? ["pull"] : ["pull", "push"]) is { } refusal)
            return refusal;
        if (storage.Find(name, id) is not { } upload)
            return V2Error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
        if (call.IsRead)
            return Loud(FakeAnswer.Empty(204), "NO CONTENT").With("Content-Type", "text/html; charset=utf-8").With("Docker-Upload-UUID", id).With("Range", $"bytes=0-{upload.Received}");
        if (call.Method == "DELETE")
        {
            storage.Remove(upload);
            return Loud(FakeAnswer.Empty(204), "NO CONTENT").With("Content-Type", "text/html; charset=utf-8");
        }

        if (call.Method is not ("PATCH" or "PUT"))
            return MethodNotAllowedPage("GET, OPTIONS, HEAD, PATCH, PUT, DELETE");
        if (call.Method == "PUT" && call.Parameter("digest") is null)
        {
            storage.Remove(upload);
            return V2Error(400, "BLOB_UPLOAD_INVALID", "blob upload invalid", new JObject { ["reason"] = "Missing digest arg on monolithic upload" });
        }

        long start = 0;
        if (call.Header("Content-Range") is { } range)
        {
            // Its own form: without "bytes".
            if (OwnRange().Match(range) is not { Success: true } match)
                return V2Error(400, "INVALID_REQUEST", "Invalid range header");
            start = long.Parse(match.Groups[1].ValueSpan);
        }

        if (!upload.Write(call.Body.Span, start))
            return Loud(FakeAnswer.Text(416, "", "text/html; charset=utf-8"), "REQUESTED RANGE NOT SATISFIABLE").With("Location", UploadAddress(upload)).With("Range", $"0-{upload.Received}").With("Docker-Upload-UUID", id);
        return call.Method == "PUT"
            ? Committed(name, upload, call.Parameter("digest")!)
            : Loud(FakeAnswer.Text(202, "", "text/html; charset=utf-8"), "ACCEPTED").With("Location", UploadAddress(upload)).With("Range", $"0-{upload.Received - 1}").With("Docker-Upload-UUID", id);
    }

    FakeAnswer Committed(string name, QuayUpload upload, string digest)
    {
        if (!storage.Commit(upload, digest))
            return V2Error(400, "BLOB_UPLOAD_INVALID", "blob upload invalid");
        Content(name).Content.Blobs.Add(digest);
        return Loud(FakeAnswer.Text(201, "", "text/html; charset=utf-8"), "CREATED").With("Docker-Content-Digest", digest).With("Location", $"{Own}v2/{name}/blobs/{digest}");
    }

    string UploadAddress(QuayUpload upload) => $"{Own}v2/{upload.Repository}/blobs/uploads/{upload.Id}";

    FakeAnswer Referrers(FakeCall call, string name, string digest)
    {
        if (!Settings.ReferrersApi)
            return Plain(404, "Not Found");
        if (Authorize(call, name, "pull") is { } refusal)
            return refusal;
        if (database.Repository(name) is not { } repository || !repository.Content.Manifests.ContainsKey(digest))
            return V2Error(400, "MANIFEST_INVALID", "manifest invalid", "");
        var filter = call.Parameter("artifactType");
        var found = new JArray();
        foreach (var referrer in repository.Content.Manifests.Values.Where(manifest => !MediaTypes.IsSchema1(manifest.MediaType) && Manifest.Parse(manifest).Subject?.Digest.ToString() == digest))
        {
            var document = Core.Text.Json.Parse(referrer.Bytes.Span);
            var type = (string?)document["artifactType"] ?? (string?)document["config"]?["mediaType"];
            if (filter is not null && filter != type)
                continue;
            var entry = new JObject { ["mediaType"] = referrer.MediaType, ["digest"] = referrer.Digest.ToString(), ["size"] = referrer.Bytes.Length, ["artifactType"] = type };
            if (document["annotations"] is { } annotations)
                entry["annotations"] = annotations;
            found.Add(entry);
        }

        var answer = FakeAnswer.Json(200, new JObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = found }, MediaTypes.OciIndex);
        return filter is null ? answer : answer.With("OCI-Filters-Applied", "artifactType");
    }

    [GeneratedRegex("^/v2/(?<name>.+)/(?<rest>(?:manifests|referrers)/[^/]+|tags/list|blobs/uploads/[^/]*|blobs/[^/]+)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex V2Route();

    [GeneratedRegex("^[A-Za-z0-9_+.-]+:[A-Fa-f0-9]{32,}$")]
    private static partial Regex BlobDigest();

    [GeneratedRegex("^([0-9]+)-([0-9]+)$")]
    private static partial Regex OwnRange();
}
