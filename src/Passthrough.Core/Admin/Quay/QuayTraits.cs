using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin.Quay;

/// <summary>What a transfer must know about Quay (quay/quay, endpoints/v2/errors.py, conf/nginx).</summary>
static class QuayTraits
{
    // nginx before it takes no manifest over 1 MiB; MAXIMUM_LAYER_SIZE is 20G where nobody sets it, and an index in an index ends in a
    // 500 (registries.md B.5).
    public static RegistryTraits Own { get; } = new()
    {
        HasReferrersApi = true,
        RefusesWhatIsMissing = true,
        MaxManifestBytes = 1024 * 1024,
        TakesNestedIndexes = false,
        UsualMaxBlobBytes = 20L * 1024 * 1024 * 1024,
        MisusesTooLarge = true,
        ExpiryLabel = ExpiryLabel.Quay,
        Health = new HealthProbe(["health/instance"], Judge),
        OnDeniedPush = "a repository in the state READ_ONLY or MIRROR takes no push from anyone: set it to NORMAL in its settings",
        KnownAnswers =
        [
            new("currently read-only",
                "Quay is in read-only mode: set REGISTRY_STATE: normal in its config.yaml and restart it") { IsFinal = true },
            new("Quota has been exceeded",
                "the organization's quota is used up: raise it as a superuser (mirror_repo with quota), or delete images "
                    + "there") { IsFinal = true },
            new("immutable", "the tag is immutable: deliver the image under another tag, or remove the immutability policy of the "
                + "organization or repository in Quay") { Status = 409 },
            // Quay's robots make no organization.
            new("organization", "make the namespace with mirror_repo first") { Status = 405 },
            new("", "raise the limit of Quay (MAXIMUM_LAYER_SIZE) or of a proxy before it; Quay answers this as well when a worker of "
                + "it dies in mid-upload: see its log and its memory") { Status = 413 },
            new("database is locked", "Quay's sqlite takes few writers at once: lower concurrency, 1 if need be"),
        ],
    };

    static string? Judge(int status, JObject? body)
    {
        var services = (body?["data"] as JObject)?["services"] as JObject;
        // The disk's warning comes long before it is full.
        var down = services?.Properties().Where(part => part.Name != "disk_space" && part.Value is not JValue { Value: true })
            .Select(part => part.Name).ToList() ?? [];
        return down.Count > 0 ? $"{string.Join(", ", down)} {(down.Count == 1 ? "does" : "do")} not work" : status >= 500
            && services is null ? $"its health check answers {status}" : null;
    }
}
