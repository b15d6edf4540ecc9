using System.Text;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>Repositories over REST: 400 for "exists" and for "missing", told apart by the message; a full one goes without a word (registries.md D.3).</summary>
sealed class ArtifactoryRepositories(ArtifactorySettings settings, MemoryContent content)
{
    const string ProOnly = "This REST API is available only in Artifactory Pro (see: jfrog.com/artifactory/features). If you are already running Artifactory Pro please make sure your server is activated with a valid license key.\n";

    readonly Lock gate = new();
    readonly Dictionary<string, JObject> repositories = new(StringComparer.OrdinalIgnoreCase);
    readonly Dictionary<string, int> hiddenFor = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How many changes of repositories are answered with "Could not merge and save new descriptor" before one goes through.</summary>
    public int MergeConflicts { get; set; }

    public bool Has(string key) => Find(key) is not null;

    public JObject? Find(string key)
    {
        lock (gate)
            return repositories.TryGetValue(key, out var found) && (string)found["key"]! == key ? found : null;
    }

    /// <summary>Adds one as an administrator would in the web interface.</summary>
    public void Add(string key, string rclass = "local", string package = "docker", Action<JObject>? change = null)
    {
        var settings = Defaults(key, rclass, package);
        change?.Invoke(settings);
        lock (gate)
            repositories[key] = settings;
    }

    public ArtifactoryAnswer Answer(HttpContext context, string path, ArtifactoryIdentity identity, byte[] body)
    {
        var method = context.Request.Method;
        if (path.Length == 0)
            return method == "GET" ? List(context) : ArtifactoryAnswer.RestError(405, "Method Not Allowed");
        // The single ones are Pro's, whoever asks.
        if (settings.Edition != ArtifactoryEdition.Pro)
            return ArtifactoryAnswer.RestError(400, ProOnly);
        var key = path[1..];
        if (key == "configurations")
            return identity.IsAdmin ? ArtifactoryAnswer.Json(200, new JObject()) : Forbidden();
        if (!identity.IsAdmin)
            return Forbidden();
        if (method is not ("GET" or "HEAD") && MergeConflicts > 0)
        {
            MergeConflicts--;
            return ArtifactoryAnswer.RestError(500, "Could not merge and save new descriptor [org.jfrog.common.ExecutionFailed: Last retry failed: code exception. Not trying again (Should update revision 4)]");
        }

        return method switch
        {
            "GET" or "HEAD" => Get(key),
            "PUT" => Create(key, Read(body)),
            "POST" => Update(key, Read(body)),
            "DELETE" => Delete(key),
            _ => ArtifactoryAnswer.RestError(405, "Method Not Allowed"),
        };
    }

    /// <summary>The newer path, with a clean 404.</summary>
    public ArtifactoryAnswer AnswerV2(string key, ArtifactoryIdentity identity) =>
        settings.Edition != ArtifactoryEdition.Pro ? ArtifactoryAnswer.RestError(400, ProOnly)
        : !identity.IsAdmin ? Forbidden()
        : Find(key) is null ? ArtifactoryAnswer.RestError(404, $"The repository {key} was not found")
        : Get(key);

    public static ArtifactoryAnswer Forbidden() => ArtifactoryAnswer.RestError(403, "Forbidden");

    ArtifactoryAnswer List(HttpContext context)
    {
        lock (gate)
        {
            var shown = new JArray();
            foreach (var repository in repositories.Values.OrderBy(repository => (string)repository["key"]!, StringComparer.Ordinal))
            {
                var key = (string)repository["key"]!;
                if (hiddenFor.TryGetValue(key, out var times) && times > 0)
                {
                    hiddenFor[key] = times - 1;
                    continue;
                }

                var package = (string)repository["packageType"]!;
                var item = new JObject
                {
                    ["key"] = key,
                    ["description"] = repository["description"],
                    ["type"] = ((string)repository["rclass"]!).ToUpperInvariant(),
                    ["url"] = $"{context.Request.Scheme}://{context.Request.Host}/artifactory/{key}",
                    ["packageType"] = char.ToUpperInvariant(package[0]) + package[1..],
                };
                if (string.IsNullOrEmpty((string?)repository["description"]))
                    item.Remove("description");
                shown.Add(item);
            }

            return ArtifactoryAnswer.Json(200, shown);
        }
    }

    ArtifactoryAnswer Get(string key) => Find(key) is not { } found
        ? ArtifactoryAnswer.RestError(settings.MissingIs404 ? 404 : 400, settings.MissingIs404 ? "Not Found" : "Bad Request")
        : ArtifactoryAnswer.Json(200, found, $"application/vnd.org.jfrog.artifactory.repositories.{((string)found["rclass"]! is var kind && kind == "local" ? "Local" : kind == "remote" ? "HttpRemote" : "Virtual")}RepositoryConfiguration+json").With("Cache-Control", "no-store");

    ArtifactoryAnswer Create(string key, JObject? wanted)
    {
        if (wanted is null)
            return ArtifactoryAnswer.RestError(400, "Bad Request");
        lock (gate)
        {
            if (repositories.ContainsKey(key))
                return ArtifactoryAnswer.RestError(400, "Case insensitive repository key already exists\n");
            var package = (string?)wanted["packageType"] ?? "generic";
            if (package == "docker" && key.Any(char.IsAsciiLetterUpper))
                return ArtifactoryAnswer.RestError(400, $"Docker Repository {key} key must be in lower case\n");
            var made = Defaults(key, (string?)wanted["rclass"] ?? "local", package);
            made.Merge(wanted);
            made["key"] = key;
            repositories[key] = made;
            hiddenFor[key] = settings.NodesLag;
        }

        return ArtifactoryAnswer.Text(200, $"Successfully created repository '{key}' \n");
    }

    ArtifactoryAnswer Update(string key, JObject? wanted)
    {
        if (wanted is null || Find(key) is not { } found)
            return ArtifactoryAnswer.RestError(400, "Bad Request");
        lock (gate)
            found.Merge(wanted);
        return ArtifactoryAnswer.Text(200, $"Repository {key} update successfully.\n");
    }

    ArtifactoryAnswer Delete(string key)
    {
        if (Find(key) is null)
            return ArtifactoryAnswer.RestError(settings.MissingIs404 ? 404 : 400, settings.MissingIs404 ? "Not Found" : "Bad Request");
        var below = content.Repositories.Where(name => name.StartsWith(key + "/", StringComparison.Ordinal)).ToList();
        var items = below.Sum(name => 1 + (content.Tags(name).Count * 2));
        foreach (var name in below)
            content.RemoveRepository(name);
        lock (gate)
            repositories.Remove(key);
        return ArtifactoryAnswer.Json(200, new JObject { ["repoKey"] = key, ["statusMsg"] = $"Repository '{key}' and all its content have been removed successfully.", ["deletedArtifactsCount"] = items, ["success"] = true });
    }

    static JObject? Read(byte[] body) => Json.TryParseObject(Encoding.UTF8.GetString(body));

    static JObject Defaults(string key, string rclass, string package) => new()
    {
        ["key"] = key,
        ["packageType"] = package,
        ["description"] = "",
        ["notes"] = "",
        ["includesPattern"] = "**/*",
        ["excludesPattern"] = "",
        ["repoLayoutRef"] = package == "docker" ? "simple-default" : "maven-2-default",
        ["signedUrlTtl"] = 90,
        ["enableDockerSupport"] = package == "docker",
        ["dockerApiVersion"] = "V2",
        ["blockPushingSchema1"] = true,
        ["dockerProjectId"] = "",
        ["priorityResolution"] = false,
        ["environments"] = new JArray(),
        ["checksumPolicyType"] = "client-checksums",
        ["maxUniqueTags"] = 0,
        ["blackedOut"] = false,
        ["propertySets"] = new JArray(),
        ["archiveBrowsingEnabled"] = false,
        ["dockerTagRetention"] = 1,
        ["downloadRedirect"] = false,
        ["cdnRedirect"] = false,
        ["xrayIndex"] = false,
        ["xrayDataTtl"] = 90,
        ["rclass"] = rclass,
    };
}
