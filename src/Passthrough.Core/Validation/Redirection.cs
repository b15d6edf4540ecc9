using System.Collections.Immutable;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>Where a redirection leads, as we understand it: to explain what a client did, and to hold it to its word.</summary>
sealed class Redirection(RegistriesConf conf)
{
    /// <summary>The entry that counts for a name: the longest whose scope it lies in.</summary>
    public RegistryEntry? EntryFor(string name) => EntriesFor(name).FirstOrDefault();

    /// <summary>All entries that a name lies in, the one that counts first; the first of a file wins over its doubles.</summary>
    public IEnumerable<RegistryEntry> EntriesFor(string name) =>
        conf.Registries.Where(entry => MatchLength(entry.Scope, name) > 0).OrderByDescending(entry => entry.Scope.Length).ThenBy(entry => entry.Scope, StringComparer.Ordinal);

    /// <summary>The places that are asked for an image in the source's stead, in order.</summary>
    public RedirectedPull Resolve(Reference image)
    {
        var entry = EntryFor(image.Name);
        return new RedirectedPull(entry, entry is null ? [] : MirrorsOf(entry, image));
    }

    /// <summary>The mirrors that an entry has for pulls by this reference's kind.</summary>
    public static ImmutableArray<MirrorPlace> MirrorsOf(RegistryEntry entry, Reference image) => [.. entry.Mirrors.Where(mirror => IsFor(entry, mirror, image)).Select(mirror => Place(entry, mirror, image))];

    /// <summary>Where a mirror of an entry has an image.</summary>
    public static MirrorPlace Place(RegistryEntry entry, RegistryMirror mirror, Reference image)
    {
        var text = mirror.Location + image.ToString()[MatchLength(entry.Scope, image.Name)..];
        return new MirrorPlace(mirror, text, Reference.TryParse(text, out var there, out _) ? there : null);
    }

    static bool IsFor(RegistryEntry entry, RegistryMirror mirror, Reference image) => (image.Digest is not null) switch
    {
        true => mirror.Pull != PullFromMirror.TagOnly,
        false => mirror.Pull != PullFromMirror.DigestOnly && !entry.MirrorByDigestOnly,
    };

    /// <summary>How much of the name the scope stands for; 0 where the name does not lie in it.</summary>
    static int MatchLength(string scope, string name)
    {
        if (!scope.StartsWith("*.", StringComparison.Ordinal))
            return name.StartsWith(scope, StringComparison.Ordinal) && (name.Length == scope.Length || name[scope.Length] is '/' or ':' or '@') ? scope.Length : 0;
        var end = name.AsSpan().IndexOfAny('/', ':', '@') is var separator && separator < 0 ? name.Length : separator;
        return name.AsSpan(0, end).EndsWith(scope.AsSpan(1), StringComparison.Ordinal) && end > scope.Length - 1 ? end : 0;
    }
}

/// <summary>What a redirection says of one image.</summary>
/// <param name="Entry">Null where no entry is for it.</param>
/// <param name="Mirrors">In the order in which they are asked.</param>
sealed record RedirectedPull(RegistryEntry? Entry, ImmutableArray<MirrorPlace> Mirrors);

/// <summary>A name in a mirror.</summary>
/// <param name="Text">The mirror's location with the rest of the source's name.</param>
/// <param name="Image">Null where that is no reference, which clients refuse.</param>
sealed record MirrorPlace(RegistryMirror Mirror, string Text, Reference? Image);
