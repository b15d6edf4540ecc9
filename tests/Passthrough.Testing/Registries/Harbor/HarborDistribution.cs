using System.Globalization;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>The distribution API: who may, then what core itself checks, then what its backend (distribution 2.8) does.</summary>
sealed partial class HarborDistribution(HarborServer server, HarborState state)
{
    const int MaxManifestBytes = 4 * 1024 * 1024;

    readonly HarborUploads uploads = new(server, state);

    public HarborAnswer Answer(HarborCall call)
    {
        HarborAnswer answer;
        try
        {
            answer = Route(call);
        }
        catch (HarborRefusal refusal)
        {
            answer = refusal.Answer;
        }

        return answer.IsFromBackend || answer.Status == 401 ? answer.With("Docker-Distribution-Api-Version", "registry/2.0") : answer;
    }

    HarborAnswer Route(HarborCall call)
    {
        if (call.Path == "/v2/")
            return !call.Who.IsKnown && call.Who.Claims is null ? Challenge(call, "unauthorized", scope: null)
                : server.Down.Contains("registry") ? new HarborAnswer(502)
                : HarborAnswer.Utf8Json(new JObject()).FromBackend();
        if (call.Path == "/v2/_catalog")
            return Catalog(call);
        if (RepositoryPath().Match(call.Path) is not { Success: true } match)
            return Unrecognized(call);
        var (name, rest) = (match.Groups["name"].Value, match.Groups["rest"].Value);
        if (!name.Contains('/', StringComparison.Ordinal))
            return HarborAnswer.BadRequest($"bad request: invalid repository name: {name}");
        if (!RepositoryName().IsMatch(name))
            return Unrecognized(call);
        if (server.Down.Contains("database"))
            return call.Method is "GET" or "HEAD"
                ? HarborAnswer.Error(401, "UNAUTHORIZED", "failed to connect to `user=postgres database=registry`: 127.0.0.1:5433 (127.0.0.1): dial error: dial tcp 127.0.0.1:5433: connect: connection refused").With("Www-Authenticate", "")
                : HarborAnswer.Internal();
        var project = Authorize(call, name);
        if (server.Down.Contains("registry"))
            return new HarborAnswer(502);
        if (name.Length > 255)
            return HarborAnswer.Error(500, "UNKNOWN", "unknown error", new JObject { ["Name"] = name, ["Reason"] = new JObject() }).FromBackend();
        if (name.Length == 255)
            return HarborAnswer.Utf8Json(new JObject(), 500).FromBackend();
        return (call.Method, rest.Split('/')) switch
        {
            ("GET", ["tags", "list"]) => Tags(call, name),
            ("GET" or "HEAD", ["manifests", var reference]) => Manifest(call, project, name, reference),
            ("PUT", ["manifests", var reference]) => PutManifest(call, project, name, reference),
            ("DELETE", ["manifests", var reference]) => DeleteManifest(project, name, reference),
            ("GET", ["referrers", var digest]) => Referrers(call, name, digest),
            (_, ["blobs", "uploads", ..]) => uploads.Answer(call, project, name, rest["blobs/uploads/".Length..]),
            ("GET" or "HEAD", ["blobs", var digest]) => uploads.Blob(call, project, name, digest),
            ("DELETE", ["blobs", var digest]) => uploads.DeleteBlob(name, digest),
            _ => Unrecognized(call),
        };
    }

    static HarborAnswer Unrecognized(HarborCall call)
    {
        var words = $"un-recognized request: {call.Method} {call.Path}";
        return HarborAnswer.Error(401, "UNAUTHORIZED", $"{words}: {words}").With("Www-Authenticate", "");
    }

    /// <summary>The project of a repository, if the caller may do there what the request wants.</summary>
    HarborProject Authorize(HarborCall call, string name)
    {
        var project = FindProject(name);
        var action = call.Method switch { "GET" or "HEAD" => "pull", "DELETE" => "delete", _ => "push" };
        var from = call.Method == "POST" && call["mount"] is not null ? call["from"] : null;
        var scope = $"repository:{name}:{(action == "push" ? "pull,push" : action)}{(from is null ? "" : $" repository:{from}:pull")}";
        if (action == "pull" && !call.HasAuthorization)
            throw new HarborRefusal(Challenge(call, "authorize header needed to send HEAD to repository", scope));
        if (!Allows(call, project, action))
            throw new HarborRefusal(Challenge(call, $"unauthorized to access repository: {name}, action: {action}", scope));
        if (from is not null && from.Split('/')[0] != project.Name)
            FindProject(from);
        if (from is not null && FindProject(from) == project && !Allows(call, project, "pull"))
            throw new HarborRefusal(Challenge(call, $"unauthorized to access repository: {from}, action: pull", scope));
        if (project.RegistryId is not null && action == "push")
            throw new HarborRefusal(HarborAnswer.Error(403, "DENIED", $"denied: can not push artifact to a proxy project: {project.Name}"));
        return project;
    }

    HarborProject FindProject(string repository)
    {
        var name = repository.Split('/')[0];
        return state.Project(name) ?? throw new HarborRefusal(HarborAnswer.Error(401, "UNAUTHORIZED", $"project {name} not found: project {name} not found").With("Www-Authenticate", ""));
    }

    internal bool Allows(HarborCall call, HarborProject project, string action) =>
        call.Who.Claims is { } claims ? state.MayWith(claims, project, action) : state.May(call.Who, project, "repository", action);

    // Without credentials the way to the token service is shown; with wrong ones, and with a token that is not enough, Basic is asked for.
    HarborAnswer Challenge(HarborCall call, string words, string? scope) =>
        HarborAnswer.Error(401, "UNAUTHORIZED", $"{words}: {words}").With(
            "Www-Authenticate",
            call.HasAuthorization ? "Basic realm=\"harbor\"" : $"Bearer realm=\"{server.TokenServer(call)}/service/token\",service=\"harbor-registry\"{(scope is null ? "" : $",scope=\"{scope}\"")}");

    HarborAnswer Catalog(HarborCall call)
    {
        if (call.Who.Claims is not null || !state.MayOnServer(call.Who, "catalog", "read"))
            return HarborAnswer.Error(401, "UNAUTHORIZED", "unauthorized to list catalog: unauthorized to list catalog").With("Www-Authenticate", "Basic realm=\"harbor\"");
        return Page(call, [.. state.Content.Repositories.Where(name => state.Content.Manifests(name).Count > 0)], names => new JObject { ["repositories"] = new JArray(names) });
    }

    HarborAnswer Tags(HarborCall call, string name) => state.Content.HasRepository(name)
        ? Page(call, state.Content.Tags(name), tags => new JObject { ["name"] = name, ["tags"] = new JArray(tags) })
        : HarborAnswer.NotFound($"repository {name} not found");

    static HarborAnswer Page(HarborCall call, IReadOnlyList<string> all, Func<IReadOnlyList<string>, JObject> json)
    {
        var number = -1;
        if (call["n"] is { } text && (!int.TryParse(text, CultureInfo.InvariantCulture, out number) || number < 0))
            return HarborAnswer.BadRequest("the N must be a positive int type");
        List<string> after = [.. all.Where(name => call["last"] is not { } last || string.CompareOrdinal(name, last) > 0)];
        if (number < 0 || number >= after.Count)
            return HarborAnswer.Utf8Json(json(after));
        List<string> page = [.. after.Take(number)];
        var answer = HarborAnswer.Utf8Json(json(page));
        return page.Count == 0 ? answer : answer.With("Link", $"<{call.Path}?last={Uri.EscapeDataString(page[^1])}&n={number}>; rel=\"next\"");
    }

    HarborAnswer Manifest(HarborCall call, HarborProject project, string name, string reference)
    {
        var isDigest = Digest.TryParse(reference, out _);
        if (!isDigest && !state.Content.HasRepository(name))
            return project.RegistryId is null ? HarborAnswer.NotFound($"repository {name} not found") : HarborAnswer.NotFound($"resource not found: repo {name}, tag {reference} not found");
        if (state.Content.Manifest(name, reference) is not { } manifest)
            return HarborAnswer.NotFound($"artifact {name}{(isDigest ? "@" : ":")}{reference} not found");
        if (project.Metadata.GetValueOrDefault("enable_content_trust_cosign") == "true")
            return HarborAnswer.Error(412, "PROJECTPOLICYVIOLATION", "The image is not signed by cosign.");
        var accepted = string.Join(',', call.Context.Request.Headers.Accept.ToArray()).Split(',').Select(type => type.Split(';')[0].Trim());
        if (manifest.MediaType is MediaTypes.OciManifest or MediaTypes.OciIndex && !accepted.Contains(manifest.MediaType))
            return HarborAnswer.Error(404, "MANIFEST_UNKNOWN", manifest.MediaType == MediaTypes.OciManifest
                ? "OCI manifest found, but accept header does not support OCI manifests"
                : "OCI index found, but accept header does not support OCI indexes").FromBackend();
        if (call.Header("If-None-Match") == $"\"{manifest.Digest}\"")
            return new HarborAnswer(304);
        return new HarborAnswer(200) { ContentType = manifest.MediaType, Body = manifest.Bytes }
            .With("Docker-Content-Digest", manifest.Digest.ToString()).With("Etag", $"\"{manifest.Digest}\"").FromBackend();
    }

    HarborAnswer PutManifest(HarborCall call, HarborProject project, string name, string reference)
    {
        var isDigest = reference.Contains(':', StringComparison.Ordinal);
        if (!isDigest && !TagName().IsMatch(reference))
            return HarborAnswer.BadRequest($"bad request: invalid tag name: {reference}");
        // Only what is there cannot be changed; the content does not matter.
        if (!isDigest && state.Content.Manifest(name, reference) is not null && IsImmutable(project, name, reference))
            return HarborAnswer.Error(412, "PRECONDITION", $"Failed to process request due to '{name[(project.Name.Length + 1)..]}:{reference}' configured as immutable.");
        if (call.Body.Length > MaxManifestBytes)
            return HarborAnswer.Error(400, "MANIFEST_INVALID", "manifest invalid", "http: request body too large").FromBackend();
        var type = call.Context.Request.ContentType ?? "";
        if (Misfit(type, call.Body, out var document) is { } words)
            return HarborAnswer.Error(400, "MANIFEST_INVALID", $"unmarshal manifest failed: {words}");
        if (document!["config"] is null && document["manifests"] is null)
            return HarborAnswer.Error(500, "UNKNOWN", "unknown error", new JObject()).FromBackend();
        var raw = RawManifest.Of(type, call.Body);
        if (isDigest && reference != raw.Digest.ToString())
            return HarborAnswer.Error(400, "DIGEST_INVALID", "provided digest did not match uploaded content").FromBackend();
        var manifest = Core.Oci.Manifest.Parse(raw);
        if (state.Content.Missing(name, manifest) is { Count: > 0 } missing)
            return HarborAnswer.Errors(400, [.. missing.Select(descriptor => ("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", (JToken?)descriptor.Digest.ToString()))]).FromBackend();
        if (OverQuota(project, raw.Digest, raw.Bytes.Length) is { } over)
            return over;
        state.Content.PutManifest(name, raw, isDigest ? null : reference);
        var answer = new HarborAnswer(201).With("Docker-Content-Digest", raw.Digest.ToString()).With("Location", $"{call.External}/v2/{name}/manifests/{raw.Digest}").FromBackend();
        return manifest.Subject is { } subject ? answer.With("Oci-Subject", subject.Digest.ToString()) : answer;
    }

    /// <summary>Why the body is no manifest of its type, in distribution's words; null where it is one.</summary>
    static string? Misfit(string type, byte[] body, out JObject? document)
    {
        document = null;
        if (!MediaTypes.IsManifest(type))
            return "missing signature key";
        try
        {
            document = Json.Parse(body) as JObject;
        }
        catch (Newtonsoft.Json.JsonException)
        {
            return body.Length > 0 && body[0] != '{' ? $"invalid character '{(char)body[0]}' looking for beginning of value" : "unexpected end of JSON input";
        }

        var claimed = (string?)document?["mediaType"];
        return claimed is not null && claimed != type ? $"mediaType in manifest should be '{type}' not '{claimed}'" : null;
    }

    /// <summary>What is answered where content would be too much; null where it is not.</summary>
    internal HarborAnswer? OverQuota(HarborProject project, Digest digest, long bytes)
    {
        if (project.Quota <= 0)
            return null;
        var sizes = state.Content.Sizes(project.Name + "/");
        var used = sizes.Values.Sum();
        return sizes.ContainsKey(digest) || used + bytes <= project.Quota ? null : Refusal("adding", bytes, used, project.Quota);
    }

    internal static HarborAnswer Refusal(string doing, long bytes, long used, long limit) => HarborAnswer.Error(
        403,
        "DENIED",
        $"{doing} {HarborText.Bytes(bytes)} of storage resource, which when updated to current usage of {HarborText.Bytes(used)} will exceed the configured upper limit of {HarborText.Bytes(limit)}.");

    HarborAnswer DeleteManifest(HarborProject project, string name, string reference)
    {
        if (!Digest.TryParse(reference, out var digest))
            return HarborAnswer.Error(400, "UNSUPPORTED", $"unsupported digest {reference}: invalid checksum digest format");
        if (state.Content.Manifest(name, reference) is null)
            return HarborAnswer.NotFound($"artifact {name}@{reference} not found");
        if (state.Content.Manifests(name).Any(parent => Core.Oci.Manifest.Parse(parent).Manifests.Any(child => child.Digest == digest)))
            return HarborAnswer.Error(412, "VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others");
        if (state.Content.TagsOf(name, digest).FirstOrDefault(tag => IsImmutable(project, name, tag)) is { } immutable)
            return HarborAnswer.Error(412, "PRECONDITION", $"the tag {immutable} configured as immutable, cannot be deleted");
        state.Content.RemoveManifest(name, digest);
        return new HarborAnswer(202);
    }

    HarborAnswer Referrers(HarborCall call, string name, string reference)
    {
        if (!Digest.TryParse(reference, out var subject, out var reason))
            return HarborAnswer.BadRequest($"unsupported digest {reference}: {reason}");
        List<JObject> all = [.. state.Content.Manifests(name).Where(raw => Core.Oci.Manifest.Parse(raw).Subject?.Digest == subject).Select(Referrer)];
        var shown = call["artifactType"] is { } type ? all.Where(entry => (string?)entry["artifactType"] == type) : all;
        if (server.Version == HarborVersion.V2_9_5 && all.Count == 0 && state.Content.Manifest(name, reference) is null)
            return HarborAnswer.Utf8Json(new JObject()).With("X-Total-Count", "0");
        var answer = HarborAnswer.Json(new JObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = new JArray(shown) }) with
        {
            ContentType = server.Version == HarborVersion.V2_9_5 ? "application/json; charset=utf-8" : MediaTypes.OciIndex,
        };
        answer = answer.With("X-Total-Count", all.Count.ToString());
        return call["artifactType"] is null ? answer : answer.With("Oci-Filters-Applied", "artifactType");
    }

    static JObject Referrer(RawManifest raw)
    {
        var document = (JObject)Json.Parse(raw.Bytes.Span);
        return new JObject
        {
            ["mediaType"] = raw.MediaType,
            ["digest"] = raw.Digest.ToString(),
            ["size"] = raw.Bytes.Length,
            ["annotations"] = new JObject((document["annotations"] as JObject ?? []).Properties().Select(annotation => new JProperty(annotation.Name, (string?)annotation.Value ?? ""))),
            ["artifactType"] = document["artifactType"] ?? document["config"]?["mediaType"],
        };
    }

    /// <summary>The manifests that count as artifacts: what has a subject belongs to that.</summary>
    internal static IReadOnlyList<RawManifest> Artifacts(MemoryContent content, string name)
    {
        var all = content.Manifests(name);
        var children = all.SelectMany(raw => Core.Oci.Manifest.Parse(raw).Manifests).Select(child => child.Digest).ToHashSet();
        return [.. all.Where(raw => Core.Oci.Manifest.Parse(raw).Subject is null && !(children.Contains(raw.Digest) && content.TagsOf(name, raw.Digest).Count == 0))];
    }

    internal static bool IsImmutable(HarborProject project, string repository, string tag) => project.Rules.Exists(rule =>
        !rule.IsDisabled
        && rule.Json["tag_selectors"] is JArray { Count: > 0 } tags && tags.Any(selector => Fits((string?)selector["pattern"], tag))
        && (rule.Json["scope_selectors"]?["repository"] as JArray ?? []).Any(selector => Fits((string?)selector["pattern"], repository[(project.Name.Length + 1)..])));

    static bool Fits(string? pattern, string text) => pattern is not null && Regex.IsMatch(text, "^" + Regex.Escape(pattern).Replace(@"\*\*", ".*", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal) + "$", RegexOptions.None, TimeSpan.FromSeconds(1));

    [GeneratedRegex("^/v2/(?<name>.+?)/(?<rest>(?:tags/list|manifests/[^/]+|referrers/[^/]+|blobs/uploads/[^/]*|blobs/[^/]+))$")]
    private static partial Regex RepositoryPath();

    [GeneratedRegex("^[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*)*$")]
    private static partial Regex RepositoryName();

    [GeneratedRegex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
    private static partial Regex TagName();
}
