using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>Says why a pull through the redirection failed: what the redirection says of the image, and what the registry there has.</summary>
/// <param name="conf">What messages call the redirection.</param>
/// <param name="redirection">As it was rendered.</param>
sealed partial class PullCauses(string conf, Redirection redirection, MirrorStores stores)
{
    readonly ConcurrentDictionary<string, string> down = new();

    /// <summary>The fault of registries that are known not to answer, where an image could only come from these; null where the pull may be tried.</summary>
    public string? KnownDown(Reference pull)
    {
        var places = redirection.Resolve(pull).Mirrors;
        var faults = places.Select(place => place.Image is { } image ? down.GetValueOrDefault(image.Registry) : null).OfType<string>().ToList();
        return faults.Count > 0 && faults.Count == places.Length ? string.Join("; ", faults.Distinct()) : null;
    }

    /// <summary>The cause in our words, then the client's.</summary>
    /// <param name="image">What was asked for.</param>
    /// <param name="pull">By which name.</param>
    /// <param name="words">The client's last words.</param>
    public async Task<string> ExplainAsync(ProofImage image, Reference pull, Digest? expected, string client, string words, CancellationToken cancellation)
    {
        var cause = await CauseAsync(image, pull, expected, cancellation);
        return words.Length == 0 ? cause : $"{(cause.Length == 0 ? "" : cause + "; ")}{client} says: {Shorten(words)}";
    }

    // The name that was asked for stands beside it, the private files are gone when it is read, and that the source is blocked is our own doing.
    static string Shorten(string words)
    {
        words = Preamble().Replace(words, static _ => "");
        return MirrorsFailed().Match(words) is { Success: true } mirrors ? mirrors.Groups[1].Value : BlockedIn().Replace(words, static match => match.Groups[1].Value);
    }

    async Task<string> CauseAsync(ProofImage image, Reference pull, Digest? expected, CancellationToken cancellation)
    {
        var resolved = redirection.Resolve(pull);
        if (resolved.Mirrors.IsEmpty)
            return NotRedirected(pull, resolved);
        var causes = new List<string>();
        foreach (var place in resolved.Mirrors)
        {
            if (await CauseAtAsync(image, pull, expected, place, cancellation) is { Length: > 0 } cause)
                causes.Add(cause);
        }

        return string.Join("; ", causes.Distinct());
    }

    string NotRedirected(Reference pull, RedirectedPull resolved)
    {
        var (kind, needed) = pull.Digest is null ? ("by tag", "an ImageTagMirrorSet is what redirects tags") : ("by digest", "an ImageDigestMirrorSet is what redirects digests");
        if (resolved.Entry is not { } entry)
            return $"{conf} has no entry for {pull.Registry}, so nothing redirects {pull.Name}";
        if (Hidden(pull, entry) is { } hidden)
            return $"{conf} does not redirect pulls {kind} in its entry {entry.Scope}, which is longer than {hidden} and hides it";
        return entry.Mirrors.IsEmpty
            ? $"{conf} names no mirror for {entry.Scope}"
            : $"{conf} does not redirect pulls {kind} of {entry.Scope}: {needed}";
    }

    async Task<string> CauseAtAsync(ProofImage image, Reference pull, Digest? expected, MirrorPlace place, CancellationToken cancellation)
    {
        if (place.Image is not { } there)
            return $"{conf} leads to {place.Text}, which is no image name";
        if (redirection.EntryFor(there.Name) is { Blocked: true } blocking)
            return $"{conf} blocks {blocking.Scope}, and the mirror {there.Name} lies in it";
        var mirror = await stores.OpenAsync(place, cancellation);
        if (mirror.Fault is { } fault)
        {
            if (fault.Code is ErrorCodes.Connection or ErrorCodes.Timeout or ErrorCodes.NameResolution or ErrorCodes.Tls)
                down[there.Registry] = fault.Message;
            return fault.Message + Elsewhere(image, there);
        }

        try
        {
            if (await mirror.Store.ReadManifestAsync(there, cancellation) is { } found)
            {
                return expected is not null && found.Digest != expected ? Moved(there, found.Digest, expected.Value)
                    : mirror.Store.Endpoint.Scheme == Uri.UriSchemeHttp && !place.Mirror.Insecure ? $"{there.Registry} speaks plain HTTP, which clients do only where {conf} says insecure = true of the mirror"
                    : "";
            }

            if (Elsewhere(image, there) is { Length: > 0 } elsewhere)
                return $"{there} is not there{elsewhere}{(redirection.EntryFor(pull.Name) is { } entry && Hidden(pull, entry) is { } hidden ? $"; its entry {entry.Scope} is longer than {hidden} and hides it" : "")}";
            return there.Digest is null && expected is not null && await mirror.Store.ResolveAsync(there.WithDigest(expected.Value), cancellation) is not null
                ? $"{there} is not there, only its digest is: the tag was removed"
                : $"{there} is not there: it was never pushed, or was removed";
        }
        catch (ModuleException e)
        {
            return e.Message;
        }
    }

    public static string Moved(Reference there, Digest found, Digest expected) => there.Digest is null
        ? $"the tag {there} was moved: it has {found}, what was delivered has {expected}"
        : $"{there} gives other bytes: {found}";

    string Elsewhere(ProofImage image, Reference there) =>
        image.Target is { } target && target.Name != there.Name ? $"; {conf} leads to {there.Name}, but it was delivered to {target.Name}" : "";

    /// <summary>The shorter entry that would redirect this pull if it counted.</summary>
    string? Hidden(Reference pull, RegistryEntry counting) =>
        redirection.EntriesFor(pull.Name).SkipWhile(entry => entry != counting).Skip(1).FirstOrDefault(entry => !Redirection.MirrorsOf(entry, pull).IsEmpty)?.Scope;

    [GeneratedRegex("""^(Error parsing image name|initializing source) "?docker://[^ ]+: """)]
    private static partial Regex Preamble();

    [GeneratedRegex(@"\(Mirrors also failed: \[(.*)\]\): ")]
    private static partial Regex MirrorsFailed();

    [GeneratedRegex("( is blocked) in /.*$")]
    private static partial Regex BlockedIn();
}
