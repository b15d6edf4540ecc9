using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Validation;

/// <summary>Says why a pull through the redirection failed: what the redirection says of the image, and what the registry there has.</summary>
/// <param name="conf">What messages call the redirection.</param>
/// <param name="rendered">As the file has it.</param>
/// <param name="redirection">As the client had it: every source blocked.</param>
sealed partial class PullCauses(string conf, Redirection rendered, Redirection redirection, MirrorStores stores)
{
    public const string PushAgain = "push it again: push-tar-to-registry.yml";

    /// <summary>
    /// A registry that has a blob skips its upload, and distribution keeps the old bytes even where it is uploaded again
    /// (moveBlob of registry/storage/blobwriter.go): only garbage collection removes them.
    /// </summary>
    public const string ReplaceDamage =
        "pushing again does not replace damaged content: delete the images that use it from the registry, "
        + "run its garbage collection, then push them again";

    const string Blocked = " is blocked";
    const string Render = "correct the mirrors and render them again: setup-registry-passthrough.yml";

    readonly ConcurrentDictionary<string, PullCause> down = new();

    /// <summary>The fault of registries that are known not to answer, where an image could only come from these; null where the pull may be tried.</summary>
    public PullCause? KnownDown(Reference pull)
    {
        var places = redirection.Asked(pull).ToList();
        var faults = places.Select(place => down.GetValueOrDefault(place.Image.Registry)).OfType<PullCause>().ToList();
        return faults.Count > 0 && faults.Count == places.Count ? new PullCause(string.Join("; ", faults.Select(fault => fault.Text).Distinct()), faults[0].Hint) : null;
    }

    /// <summary>The cause in our words, then the client's.</summary>
    /// <param name="image">What was asked for.</param>
    /// <param name="pull">By which name.</param>
    /// <param name="words">The client's last words.</param>
    public async Task<PullCause> ExplainAsync(ProofImage image, Reference pull, Digest? expected, string client, string words, CancellationToken cancellation)
    {
        var cause = await CauseAsync(image, pull, expected, cancellation);
        return words.Length == 0 ? cause : cause with { Text = $"{(cause.Text.Length == 0 ? "" : cause.Text + "; ")}{client} says: {Shorten(words)}" };
    }

    // The name that was asked for stands beside it, the private files are gone when it is read, and that the source is blocked is our own doing.
    static string Shorten(string words)
    {
        words = Preamble().Replace(words, static _ => "");
        if (MirrorsFailed().MatchesAfter(words, "(Mirrors also failed: [").FirstOrDefault() is { } mirrors)
            return mirrors.Groups[1].Value;
        return words.IndexOf(Blocked + " in ", StringComparison.Ordinal) is >= 0 and var blocked ? words[..(blocked + Blocked.Length)] : words;
    }

    async Task<PullCause> CauseAsync(ProofImage image, Reference pull, Digest? expected, CancellationToken cancellation)
    {
        var plan = rendered.Plan(pull);
        if (plan.Error is { } error)
            return new PullCause($"one of the mirrors that {conf} names for {plan.Match?.Scope} makes no image name of {pull} ({error})", Render);
        if (redirection.Mirrors(pull).IsEmpty)
            return new PullCause(NotRedirected(pull, plan.Match), Render);
        var causes = new List<PullCause>();
        foreach (var place in redirection.Mirrors(pull))
            causes.Add(await CauseAtAsync(image, pull, expected, place, cancellation));
        return new PullCause(string.Join("; ", causes.Select(cause => cause.Text).Where(text => text.Length > 0).Distinct()), causes.Select(cause => cause.Hint).OfType<string>().FirstOrDefault());
    }

    string NotRedirected(Reference pull, RegistryEntry? ruling)
    {
        var (kind, needed) = pull.Digest is null ? ("by tag", "an ImageTagMirrorSet is what redirects tags") : ("by digest", "an ImageDigestMirrorSet is what redirects digests");
        if (ruling is not { } entry)
            return $"{conf} has no entry for {pull.Registry}, so nothing redirects {pull.Name}";
        if (rendered.HiddenBy(entry, pull) is { } hidden)
            return $"{conf} does not redirect pulls {kind} in its entry {entry.Scope}, which is longer than {hidden} and hides it";
        return entry.Mirrors.IsEmpty
            ? $"{conf} names no mirror for {entry.Scope}"
            : $"{conf} does not redirect pulls {kind} of {entry.Scope}: {needed}";
    }

    async Task<PullCause> CauseAtAsync(ProofImage image, Reference pull, Digest? expected, PullSource place, CancellationToken cancellation)
    {
        var there = place.Image;
        if (place.BlockedBy is { } blocked)
            return new PullCause(rendered.EntryFor(there.Name) is { Blocked: true } ? $"{conf} blocks {blocked}, and the mirror {there.Name} lies in it" : $"{conf} names {there.Registry}, itself a source, as a mirror", Render);
        var mirror = await stores.OpenAsync(place, cancellation);
        if (mirror.Fault is { } fault)
        {
            if (fault.Code is ErrorCodes.Connection or ErrorCodes.Timeout or ErrorCodes.NameResolution or ErrorCodes.Tls)
                down[there.Registry] = new PullCause(fault.Message, fault.Hint);
            return new PullCause(fault.Message + Elsewhere(image, there), Elsewhere(image, there).Length > 0 ? Render : fault.Hint);
        }

        try
        {
            if (await mirror.Store.ReadManifestAsync(there, cancellation) is { } found)
            {
                return expected is not null && found.Digest != expected
                    ? new PullCause(Moved(there, found.Digest, expected), there.Digest is null ? PushAgain : ReplaceDamage)
                    : mirror.Store.Endpoint.Scheme == Uri.UriSchemeHttp && !place.Insecure ? new PullCause($"{there.Registry} speaks plain HTTP, which clients do only where {conf} says insecure = true of the mirror", "give the registry a certificate, or render for an insecure one")
                    : new PullCause("", null);
            }

            if (Elsewhere(image, there) is { Length: > 0 } elsewhere)
                return new PullCause($"{there} is not there{elsewhere}{(rendered.EntryFor(pull.Name) is { } entry && rendered.HiddenBy(entry, pull) is { } hidden ? $"; its entry {entry.Scope} is longer than {hidden} and hides it" : "")}", Render);
            return new PullCause(there.Digest is null && expected is not null && await mirror.Store.ReadManifestAsync(there.WithDigest(expected), cancellation) is not null
                ? $"{there} is not there, only its digest is: the tag was removed"
                : $"{there} is not there: it was never pushed, or was removed", PushAgain);
        }
        catch (ModuleException e)
        {
            return new PullCause(e.Message, e.Code == ErrorCodes.DigestMismatch ? ReplaceDamage : e.Hint);
        }
    }

    public static string Moved(Reference there, Digest found, Digest expected) => there.Digest is null
        ? $"the tag {there} was moved: it has {found}, what was delivered has {expected}"
        : $"{there} gives other bytes: {found}";

    string Elsewhere(ProofImage image, Reference there) =>
        image.Target is { } target && target.Name != there.Name ? $"; {conf} leads to {there.Name}, but it was delivered to {target.Name}" : "";

    [GeneratedRegex("""^(Error parsing image name|initializing source) "?docker://[^ ]+: """)]
    private static partial Regex Preamble();

    [GeneratedRegex(@"\G(.*)\]\): ")]
    private static partial Regex MirrorsFailed();
}

/// <summary>Why a pull failed.</summary>
/// <param name="Text">One sentence.</param>
/// <param name="Hint">What to do; null where nothing better is known than to look.</param>
sealed record PullCause(string Text, string? Hint);
