using System.Collections.Immutable;

namespace Passthrough.Core.Mirroring;

/// <summary>One object that redirects a cluster: an ImageContentSourcePolicy, an ImageDigestMirrorSet or an ImageTagMirrorSet (mirror-policies.md 1).</summary>
/// <param name="Name">Its <c>metadata.name</c>.</param>
public sealed record MirrorSet(MirrorKind Kind, string Name, ImmutableArray<MirrorEntry> Entries)
{
    /// <summary>The name that it would have if it were not split into several; null where it is not.</summary>
    public string? PartOf { get; init; }

    /// <summary>The same for all parts of one.</summary>
    public string Whole => PartOf ?? Name;
}

/// <summary>One item of a set: a source and where it is mirrored.</summary>
/// <param name="Source"><c>host[:port][/path]</c>, or <c>*.host</c>.</param>
/// <param name="Mirrors"><c>host[:port]/path</c> each, in the order of preference; may be empty.</param>
/// <param name="Policy">Null where nothing is said, which means <see cref="MirrorSourcePolicy.AllowContactingSource"/>; an ImageContentSourcePolicy cannot say anything.</param>
public sealed record MirrorEntry(string Source, ImmutableArray<string> Mirrors, MirrorSourcePolicy? Policy = null);

/// <summary>The three kinds. The first and second redirect pulls by digest only, the third pulls by tag only.</summary>
public enum MirrorKind
{
    /// <summary><c>operator.openshift.io/v1alpha1</c>; deprecated since 4.13, the only one before.</summary>
    ImageContentSourcePolicy,

    /// <summary><c>config.openshift.io/v1</c>, since 4.13.</summary>
    ImageDigestMirrorSet,

    /// <summary><c>config.openshift.io/v1</c>, since 4.13.</summary>
    ImageTagMirrorSet,
}

/// <summary>Whether the source itself may be asked where no mirror has the image. The names are the values of <c>mirrorSourcePolicy</c>.</summary>
public enum MirrorSourcePolicy
{
    AllowContactingSource,
    NeverContactSource,
}
