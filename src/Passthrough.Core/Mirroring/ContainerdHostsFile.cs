using System.Text;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// A <c>hosts.toml</c> for <c>/etc/containerd/certs.d</c> (mirror-policies.md 8.4 and 4). containerd redirects whole hosts, digests and tags alike. It only logs what is wrong
/// with the file and then asks the upstream itself, so nothing stands in it but what every version knows.
/// </summary>
public static class ContainerdHostsFile
{
    /// <summary>Where the tree of files is copied to.</summary>
    public const string Root = "/etc/containerd/certs.d";

    /// <summary>Whether containerd can redirect the source: a host, no part of one and no wildcard.</summary>
    public static bool CanRedirect(string source) => !source.Contains('/') && !MirrorName.IsWildcard(source);

    /// <param name="source">One that <see cref="CanRedirect"/>.</param>
    /// <param name="registry">Our registry.</param>
    /// <param name="skipVerify">Whether its certificate is not looked at.</param>
    /// <param name="caFile">The file below <see cref="Root"/> that vouches for our registry; null where the system's CAs do.</param>
    public static string Render(MirrorSource source, RegistryEndpoint registry, bool skipVerify, string? caFile)
    {
        var text = new StringBuilder();
        // What is asked last. A mirror, so that the source itself never is; its settings are its own, and a CA that stands in a table only would not count here.
        if (source.Policy == MirrorSourcePolicy.NeverContactSource)
            Settings(text, "server = " + Url(source.Mirrors[^1]), source.Mirrors[^1], "");
        else
            text.Append("server = ").Append(Toml.Quote(source.Source == "docker.io" ? "https://registry-1.docker.io" : "https://" + source.Source)).Append('\n');
        foreach (var mirror in source.Mirrors)
            Settings(text.Append('\n'), $"[host.{Url(mirror)}]\n  capabilities = [\"pull\", \"resolve\"]", mirror, "  ");
        return text.ToString();

        string Url(string mirror) => Toml.Quote($"{(IsOurs(mirror) ? registry.Scheme : "https")}://{mirror.Insert(MirrorName.AuthorityOf(mirror).Length, "/v2")}");

        // Without override_path containerd puts another /v2 behind the path.
        void Settings(StringBuilder to, string first, string mirror, string indent)
        {
            to.Append(first).Append('\n').Append(indent).Append("override_path = true\n");
            if (IsOurs(mirror) && registry.Scheme == "https" && caFile is not null)
                to.Append(indent).Append("ca = ").Append(Toml.Quote($"{Root}/{caFile}")).Append('\n');
            if (IsOurs(mirror) && registry.Scheme == "https" && skipVerify)
                to.Append(indent).Append("skip_verify = true\n");
        }

        bool IsOurs(string mirror) => MirrorName.AuthorityOf(mirror) == registry.Authority;
    }
}
