using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin.Harbor;

/// <summary>What a transfer must know about Harbor (goharbor/harbor, src/server/middleware: quota, readonly, immutable, contenttrust,
/// vulnerable).</summary>
static class HarborTraits
{
    public static RegistryTraits Own { get; } = new()
    {
        HasReferrersApi = true,
        Upload = UploadForm.PostPatchPut,
        RemovesTags = false,
        // systeminfo needs the database and tells at once; the health check is made every ten seconds and tells of the rest.
        Health = new HealthProbe(["api/v2.0/systeminfo", "api/v2.0/health"], Judge) { Lag = TimeSpan.FromSeconds(10) },
        KnownAnswers =
        [
            new("read only mode",
                "Harbor is in read-only mode: an administrator switches it off under Configuration, System Settings (Repository Read "
                    + "Only)") { IsFinal = true },
            new("will exceed the configured upper limit",
                "the project's quota is used up: raise quota with mirror_repo as an administrator, or delete images "
                    + "there") { IsFinal = true },
            new("to a proxy project",
                "the project is a proxy cache, which nobody can push to: set namespace (mirror_path_template) to another "
                    + "project") { IsFinal = true },
            new("not signed by cosign",
                "the project hands out signed images only: switch Cosign off under Configuration of the project, or sign the image "
                    + "there with cosign"),
            new("PROJECTPOLICYVIOLATION",
                "the project holds back vulnerable images: allow them under Configuration of the project, or add the CVEs to its "
                    + "allowlist"),
            new("configured as immutable",
                "the tag is immutable: deliver the image under another tag, or let mirror_repo set immutable_tags: false"),
            new("VIOLATE_FOREIGN_KEY_CONSTRAINT", "an index in the same repository names this image: remove that index first"),
        ],
    };

    static string? Judge(int status, JObject? body)
    {
        if (status >= 500)
            return $"its API answers {status}";
        var ill = (body?["components"] as JArray ?? []).OfType<JObject>()
            .Where(part => HarborApi.Text(part["status"]) != "healthy"
                && HarborApi.Text(part["name"]) is "core" or "database" or "redis" or "registry").ToList();
        return ill.Count == 0 ? null
            : string.Join(", ", ill.Select(part => $"{HarborApi.Text(part["name"])} is {HarborApi.Text(part["status"])}"));
    }
}
