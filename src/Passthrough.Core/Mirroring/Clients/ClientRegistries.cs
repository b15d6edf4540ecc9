using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Mirroring.Clients;

/// <summary>
/// What podman, skopeo, buildah and CRI-O (containers/image v5.40 and newer) make of a <c>registries.conf</c> with its drop-ins, and where they look for an image
/// (containers-registries.conf(5); mirror-policies.md 2.2 and 2.3).
/// </summary>
public sealed class ClientRegistries
{
    const string MainPath = "/etc/containers/registries.conf";

    /// <summary>One for a prefix, in ascending order of the prefix, which is always filled in.</summary>
    public ImmutableArray<RegistryEntry> Registries { get; private init; } = [];

    public ImmutableArray<string> UnqualifiedSearchRegistries { get; private init; } = [];

    /// <summary><c>enforcing</c>, <c>permissive</c> or <c>disabled</c>.</summary>
    public string ShortNameMode { get; private init; } = "permissive";

    /// <summary>Empty where only auth files are asked.</summary>
    public ImmutableArray<string> CredentialHelpers { get; private init; } = [];

    /// <param name="conf">The main file.</param>
    /// <param name="dropIns">The files of its <c>registries.conf.d</c>, name and text; those that do not end in <c>.conf</c> are ignored.</param>
    /// <param name="path">What messages call the main file.</param>
    /// <exception cref="ModuleException">Every pull fails, with the message of <see cref="RegistriesConf.Parse"/>.</exception>
    public static ClientRegistries Load(string conf, IReadOnlyDictionary<string, string>? dropIns = null, string path = MainPath)
    {
        var read = (dropIns ?? new Dictionary<string, string>()).Where(file => file.Key.EndsWith(".conf", StringComparison.Ordinal)).OrderBy(file => file.Key, StringComparer.Ordinal);
        return read.Aggregate(
            new ClientRegistries().With(RegistriesConf.Parse(conf, path)),
            (merged, file) => merged.With(RegistriesConf.Parse(file.Value, $"{path}.d/{file.Key}")));
    }

    /// <summary>The entry that rules an image: of those that match, the one with the longest prefix; of two of one length the first in order, so that <c>*.example.com</c> beats <c>a.example.com</c>.</summary>
    /// <param name="name"><c>registry/repository</c>.</param>
    public RegistryEntry? Find(string name)
    {
        RegistryEntry? found = null;
        foreach (var registry in Registries)
        {
            if (registry.Prefix.Length > (found?.Prefix.Length ?? 0) && MatchLength(name, registry.Prefix) >= 0)
                found = registry;
        }

        return found;
    }

    /// <param name="image">What a user or a pod names: <c>nginx</c>, <c>quay.io/centos/centos@sha256:…</c>.</param>
    public PullPlan PlanPull(string image)
    {
        if (!ClientReference.TryParse(image, out var reference, out var reason))
            return new PullPlan { Error = reason };
        var plan = new PullPlan { Image = reference, Match = Find(reference.Name) };
        if (plan.Match is not { } match)
            return plan with { Sources = [new PullSource(reference, Insecure: false, BlockedBy: null)] };

        var sources = ImmutableArray.CreateBuilder<PullSource>(match.Mirrors.Length + 1);
        foreach (var (location, insecure) in Endpoints(match, byDigest: reference.Digest is not null))
        {
            if (!TryRewrite(reference, match.Prefix, location, out var rewritten, out reason))
                return plan with { Error = $"rewriting reference: {reason}" };
            // The entry of the place itself says whether it may be asked, the mirror's own line how.
            sources.Add(new PullSource(rewritten, insecure, Find(rewritten.Name) is { Blocked: true } blocked ? blocked.Prefix : null));
        }

        return plan with { Sources = sources.ToImmutable() };
    }

    // A later file replaces an entry as a whole; within a file the first of a prefix counts.
    ClientRegistries With(RegistriesConf conf)
    {
        var merged = Registries.ToDictionary(registry => registry.Prefix, StringComparer.Ordinal);
        foreach (var registry in conf.Registries.DistinctBy(registry => registry.Scope, StringComparer.Ordinal))
            merged[registry.Scope] = registry with { Prefix = registry.Scope };
        return new ClientRegistries
        {
            Registries = [.. merged.Values.OrderBy(registry => registry.Prefix, StringComparer.Ordinal)],
            UnqualifiedSearchRegistries = conf.UnqualifiedSearchRegistries ?? UnqualifiedSearchRegistries,
            ShortNameMode = string.IsNullOrEmpty(conf.ShortNameMode) ? ShortNameMode : conf.ShortNameMode,
            CredentialHelpers = conf.CredentialHelpers ?? CredentialHelpers,
        };
    }

    static IEnumerable<(string Location, bool Insecure)> Endpoints(RegistryEntry registry, bool byDigest)
    {
        foreach (var mirror in registry.Mirrors)
        {
            var pull = registry.MirrorByDigestOnly ? PullFromMirror.DigestOnly : mirror.Pull;
            if (pull == PullFromMirror.All || pull == PullFromMirror.DigestOnly == byDigest)
                yield return (mirror.Location, mirror.Insecure);
        }

        yield return (registry.Location, registry.Insecure);
    }

    // What follows the prefix is appended to the location as it stands, a port too.
    static bool TryRewrite(Reference image, string prefix, string location, out Reference rewritten, out string? reason)
    {
        var text = image.ToString();
        (rewritten, reason) = (image, null);
        if (location.Length == 0)
            return true;
        if (!ClientReference.TryParseCanonical($"{location}{text.AsSpan(MatchLength(text, prefix))}", out var parsed, out reason))
            return false;
        rewritten = parsed;
        return true;
    }

    /// <summary>How much of the name the prefix stands for; -1 where it does not match. <c>quay.io</c> matches <c>quay.io:443/…</c> too.</summary>
    static int MatchLength(string name, string prefix)
    {
        var end = prefix.Length;
        if (prefix.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal))
        {
            var domain = name.IndexOf(prefix[1..], StringComparison.Ordinal);
            if (domain < 0 || name.AsSpan(0, domain).Contains('/'))
                return -1;
            end = domain + prefix.Length - 1;
        }
        else if (!name.StartsWith(prefix, StringComparison.Ordinal))
        {
            return -1;
        }

        return end == name.Length || name[end] is ':' or '/' or '@' ? end : -1;
    }
}
