namespace Passthrough.Core.Mirroring;

/// <summary>
/// Hosts that lists of registries name although no image reference can: they come from a list of addresses that a firewall lets through
/// (mirror-policies.md 3.6). Redirecting them does no harm and nothing.
/// </summary>
public static class HostsWithoutImages
{
    const string Cdn = "serves the blobs that quay.io redirects to; clients follow such redirects without asking any configuration, so quay.io is what is redirected";

    static readonly Dictionary<string, string> Reasons = new(StringComparer.Ordinal)
    {
        ["cdn.quay.io"] = Cdn,
        ["cdn01.quay.io"] = Cdn,
        ["cdn02.quay.io"] = Cdn,
        ["cdn03.quay.io"] = Cdn,
        ["cdn04.quay.io"] = Cdn,
        ["cdn05.quay.io"] = Cdn,
        ["cdn06.quay.io"] = Cdn,
        ["storage.googleapis.com/openshift-release"] = "serves signatures of releases over HTTPS, no images; a disconnected cluster gets them as a ConfigMap",
        ["sso.redhat.com"] = "is where people log in, it serves no images",
        ["github.com"] = "serves source code; its images are at ghcr.io",
        ["gitlab.com"] = "serves source code; its images are at registry.gitlab.com",
    };

    /// <summary>What the host does in place of serving images; null for one that may serve some.</summary>
    public static string? Explain(string source) => Reasons.GetValueOrDefault(source);
}
