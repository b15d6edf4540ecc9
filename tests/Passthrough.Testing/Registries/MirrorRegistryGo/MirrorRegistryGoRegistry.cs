using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Testing.Registries.MirrorRegistryGo;

/// <summary>Its <c>/v2/</c>.</summary>
public sealed partial class MirrorRegistryGoFake
{
    const int LongestRepository = 255;

    FakeAnswer? Registry(FakeCall call)
    {
        if (call.Path == "/v2/")
            return Authorize(call, []) ?? FakeAnswer.Text(200, "{}", "application/json").With(ApiVersion, "registry/2.0");
        if (call.Path == "/v2/_catalog")
            return Authorize(call, [("catalog", "*")], "registry:catalog:*");
        if (Route().Match(call.Path) is not { Success: true } match)
            return null;
        var name = match.Groups["name"].Value;
        var parts = match.Groups["rest"].Value.Split('/');
        // The route's "tag" is a tag or a digest of any form.
        return parts switch
        {
            ["tags", "list"] when call.IsRead => Authorize(call, [(name, "pull")]) ?? Tags(call, name),
            ["referrers", var digest] when call.Method == "GET" => Authorize(call, [(name, "pull")]) ?? Referrers(call, name, digest),
            ["manifests", var reference] when ManifestReference().IsMatch(reference) => Manifests(call, name, reference),
            ["blobs", "uploads", ""] when call.Method == "POST" => StartUpload(call, name),
            ["blobs", "uploads", var id] when id.Length > 0 => Upload(call, name, id),
            ["blobs", var digest] when digest.Contains(':') => Blob(call, name, digest),
            _ => null,
        };
    }

    /// <summary>Null where the request may go on.</summary>
    FakeAnswer? Authorize(FakeCall call, IReadOnlyList<(string Name, string Action)> wanted, string? scope = null)
    {
        var header = call.Header("Authorization");
        var reads = wanted.Count > 0 && wanted.All(one => one.Action == "pull");
        if (header is null && reads && wanted.All(one => content.IsPublic(one.Name)))
            return null;
        var bearer = call.Bearer;
        var claims = bearer is null ? null : tokens.Read(bearer);
        // A delete asks for "delete" in words and for "push" of the token.
        if (claims is not null && scope is null && wanted.All(one => FakeTokens.Allows(claims, one.Name, one.Action == "delete" ? "push" : one.Action)))
            return null;

        var scopes = scope ?? string.Join(' ', wanted.GroupBy(one => one.Name).Select(group => $"repository:{group.Key}:{string.Join(',', group.Select(one => one.Action == "delete" ? "push" : one.Action))}"));
        var challenge = new StringBuilder($"Bearer realm=\"{Own}v2/auth\",service=\"{Own.Authority}\"");
        if (scopes.Length > 0)
            challenge.Append($",scope=\"{scopes}\"");
        if (claims is not null)
            challenge.Append(",error=\"insufficient_scope\"");
        else if (!string.IsNullOrEmpty(bearer))
            challenge.Append(",error=\"invalid_token\"");
        var detail = wanted.Count == 0 ? JValue.CreateNull() : (JToken)new JArray(wanted.Select(one => new JObject { ["Type"] = scope is null ? "repository" : "registry", ["Class"] = "", ["Name"] = one.Name, ["Action"] = one.Action }));
        return Error(401, "UNAUTHORIZED", "authentication required", detail).With("Www-Authenticate", challenge.ToString());
    }

    FakeAnswer Tags(FakeCall call, string name)
    {
        if (!content.Has(name))
            return Error(404, "NAME_UNKNOWN", "repository name not known to registry", new JObject { ["name"] = name });
        var count = int.MaxValue;
        if (call.Parameter("n") is { } text && (!int.TryParse(text, out count) || count < 0))
            return Error(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", new JObject { ["n"] = int.TryParse(text, out var number) ? number : 0 });
        var page = content.Tags(name).Where(tag => string.CompareOrdinal(tag, call.Parameter("last") ?? "") > 0).Take(count).ToList();
        var answer = FakeAnswer.Json(200, new JObject { ["name"] = name, ["tags"] = page.Count > 0 || count == 0 ? new JArray(page) : JValue.CreateNull() }).With(ApiVersion, "registry/2.0");
        return page.Count == count && count > 0 ? answer.With("Link", $"</v2/{name}/tags/list?last={page[^1]}&n={count}>; rel=\"next\"") : answer;
    }

    FakeAnswer Referrers(FakeCall call, string name, string digest)
    {
        // The reply is made beside distribution: its header is missing.
        if (!content.Has(name))
            return Bare(Error(404, "NAME_UNKNOWN", "repository name not known to registry"));
        if (!Digest.TryParse(digest, out _))
            return Bare(Error(400, "DIGEST_INVALID", "invalid digest"));
        var filter = call.Parameter("artifactType");
        var found = from referrer in content.Referrers(name, digest)
                    let document = (JObject)Core.Text.Json.Parse(referrer.Bytes)
                    let type = (string?)document["artifactType"] ?? (string?)document["config"]?["mediaType"]
                    where filter is null || filter == type
                    select Described(referrer, type, document["annotations"]);
        var answer = FakeAnswer.Json(200, new JObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = new JArray(found) }, MediaTypes.OciIndex);
        return filter is null ? answer : answer.With("Oci-Filters-Applied", "artifactType");

        static FakeAnswer Bare(FakeAnswer answer) => answer with { Headers = [.. answer.Headers.Where(header => header.Name != ApiVersion)] };

        static JObject Described((string Digest, string Type, byte[] Bytes) referrer, string? type, JToken? annotations)
        {
            var entry = new JObject { ["mediaType"] = referrer.Type, ["digest"] = referrer.Digest, ["size"] = referrer.Bytes.Length, ["artifactType"] = type };
            if (annotations is not null)
                entry["annotations"] = annotations;
            return entry;
        }
    }

    FakeAnswer Blob(FakeCall call, string name, string digest)
    {
        if (call.Method is not ("GET" or "HEAD" or "DELETE"))
            return Error(405, "UNSUPPORTED", "The operation is unsupported.");
        if (Authorize(call, [(name, call.Method == "DELETE" ? "delete" : "pull")]) is { } refusal)
            return refusal;
        if (!Digest.TryParse(digest, out _, out var reason))
            return Error(400, "DIGEST_INVALID", "provided digest did not match uploaded content", reason);
        if (content.Blob(name, digest) is not { } bytes)
            return Error(404, "BLOB_UNKNOWN", "blob unknown to registry", call.Method == "DELETE" ? null : (JToken)digest);
        if (call.Method == "DELETE")
        {
            content.RemoveBlob(name, digest);
            return FakeAnswer.Empty(202).With(ApiVersion, "registry/2.0");
        }

        var identity = FakeAnswer.Empty(304).With(ApiVersion, "registry/2.0").With("Docker-Content-Digest", digest).With("Etag", $"\"{digest}\"").With("Cache-Control", "max-age=31536000");
        if (call.Header("If-None-Match") == $"\"{digest}\"")
            return identity;
        identity = identity.With("Content-Type", "application/octet-stream").With("Accept-Ranges", "bytes");
        if (ByteRange().Match(call.Header("Range") ?? "") is not { Success: true } range)
            return identity with { Status = 200, Body = bytes };
        var start = int.Parse(range.Groups["start"].ValueSpan);
        if (start >= bytes.Length)
            return Plain(416, "invalid range: failed to overlap").With(ApiVersion, "registry/2.0").With("Docker-Content-Digest", digest).With("Content-Range", $"bytes */{bytes.Length}");
        var end = range.Groups["end"].Success ? Math.Min(int.Parse(range.Groups["end"].ValueSpan), bytes.Length - 1) : bytes.Length - 1;
        return (identity with { Status = 206, Body = bytes.AsMemory(start, end + 1 - start) }).With("Content-Range", $"bytes {start}-{end}/{bytes.Length}");
    }

    FakeAnswer StartUpload(FakeCall call, string name)
    {
        var (mount, from) = (call.Parameter("mount"), call.Parameter("from"));
        List<(string, string)> wanted = [(name, "pull"), (name, "push")];
        if (mount is not null && from is not null)
            wanted.Add((from, "pull"));
        if (Authorize(call, wanted) is { } refusal)
            return refusal;
        if (name.Length - name.IndexOf('/') - 1 > LongestRepository)
            return Error(500, "UNKNOWN", "unknown error", $"repository name \"{name}\" exceeds {LongestRepository} characters");
        if (mount is not null && from is not null && content.Blob(from, mount) is { } bytes)
        {
            content.AddBlob(name, mount, bytes);
            return Created(call, name, $"blobs/{mount}", mount);
        }

        // "?digest=" with the whole body is taken for a start like any other.
        return Progress(call, 202, uploads.Start(name));
    }

    FakeAnswer Upload(FakeCall call, string name, string id)
    {
        if (Authorize(call, call.IsRead ? [(name, "pull")] : call.Method == "DELETE" ? [(name, "delete")] : [(name, "pull"), (name, "push")]) is { } refusal)
            return refusal;
        var session = uploads.Find(name, id);
        // The status is told to whoever asks, and with it a fresh address.
        if (call.IsRead)
            return session is null ? Error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", "blob upload unknown") : Progress(call, 204, session);
        if (uploads.ReadState(call.Parameter("_state")) is not { } state)
            return Error(404, "BLOB_UPLOAD_INVALID", "blob upload invalid", "invalid secret");
        if (state.Repository != name || state.Id != id)
            return Error(404, "BLOB_UPLOAD_INVALID", "blob upload invalid");
        if (session is null)
            return Error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", "blob upload unknown");
        if (state.Offset != session.Received.Length)
            return Error(416, "RANGE_INVALID", "invalid content range");
        switch (call.Method)
        {
            case "DELETE":
                uploads.Remove(session);
                return FakeAnswer.Empty(204).With(ApiVersion, "registry/2.0").With("Docker-Upload-Uuid", id);
            case "PATCH":
                return CheckRange(call, session) ?? Receive();
            case "PUT":
                return Finish(call, session);
            default:
                return Error(405, "UNSUPPORTED", "The operation is unsupported.");
        }

        FakeAnswer Receive()
        {
            // Every byte that arrived is kept, also of a request that was cut.
            session.Received.Write(call.Body.Span);
            return Progress(call, 202, session);
        }
    }

    static FakeAnswer? CheckRange(FakeCall call, GoUploads.Session session)
    {
        if (call.Header("Content-Range") is not { } range || call.Header("Content-Length") is null)
            return null;
        var parts = range.Split('-');
        if (parts.Length != 2)
            return Error(500, "UNKNOWN", "unknown error", $"invalid content range format, {range}");
        if (!long.TryParse(parts[0], out var start))
            return Error(500, "UNKNOWN", "unknown error", $"strconv.ParseInt: parsing \"{parts[0]}\": invalid syntax");
        if (!long.TryParse(parts[1], out var end))
            return Error(500, "UNKNOWN", "unknown error", $"strconv.ParseInt: parsing \"{parts[1]}\": invalid syntax");
        if (start > end || start != session.Received.Length)
            return Error(416, "RANGE_INVALID", "invalid content range");
        return end - start + 1 != call.Body.Length ? Error(400, "SIZE_INVALID", "provided length did not match content length") : null;
    }

    FakeAnswer Finish(FakeCall call, GoUploads.Session session)
    {
        const string Mismatch = "provided digest did not match uploaded content";
        if (call.Parameter("digest") is not { Length: > 0 } text)
            return Error(400, "DIGEST_INVALID", Mismatch, "digest missing");
        if (!Digest.TryParse(text, out var wanted))
            return Error(400, "DIGEST_INVALID", Mismatch, "digest parsing failed");
        session.Received.Write(call.Body.Span);
        var bytes = session.Received.ToArray();
        if (wanted.OfSameAlgorithm(bytes) != wanted)
            return Error(400, "DIGEST_INVALID", Mismatch, $"invalid digest for referenced layer: {wanted}, content does not match digest");
        uploads.Remove(session);
        if (wanted.Algorithm != "sha256")
            return Error(500, "UNKNOWN", "unknown error", $"middleware: blob commit digest mismatch: got {Digest.Sha256(bytes)}, expected {wanted}");
        content.AddBlob(session.Repository, text, bytes);
        return Created(call, session.Repository, $"blobs/{text}", text);
    }

    FakeAnswer Progress(FakeCall call, int status, GoUploads.Session session) =>
        FakeAnswer.Empty(status).With(ApiVersion, "registry/2.0").With("Docker-Upload-Uuid", session.Id)
            .With("Location", $"{CalledBy(call)}/v2/{session.Repository}/blobs/uploads/{session.Id}?_state={Uri.EscapeDataString(uploads.State(session))}")
            .With("Range", $"0-{Math.Max(session.Received.Length - 1, 0)}");

    FakeAnswer Created(FakeCall call, string name, string path, string digest) =>
        FakeAnswer.Empty(201).With(ApiVersion, "registry/2.0").With("Docker-Content-Digest", digest).With("Location", $"{CalledBy(call)}/v2/{name}/{path}");

    /// <summary>Addresses follow what the client calls the server, and what a proxy says that it was called.</summary>
    string CalledBy(FakeCall call) => $"{call.Header("X-Forwarded-Proto") ?? Address.Scheme}://{call.Header("X-Forwarded-Host") ?? call.Header("Host")}";

    [GeneratedRegex(@"^(?:\w[\w.-]{0,127}|[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})$", RegexOptions.ExplicitCapture | RegexOptions.ECMAScript, 1000)]
    private static partial Regex ManifestReference();

    [GeneratedRegex(@"^bytes=(?<start>\d+)-(?<end>\d+)?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ByteRange();
}
