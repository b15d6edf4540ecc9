using System.Collections.Immutable;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Core.Tests.Mirroring.Cluster;

public sealed class ClusterConflictTests
{
    const MirrorKind Icsp = MirrorKind.ImageContentSourcePolicy;
    const MirrorKind Idms = MirrorKind.ImageDigestMirrorSet;
    const MirrorKind Itms = MirrorKind.ImageTagMirrorSet;
    const MirrorSourcePolicy Never = MirrorSourcePolicy.NeverContactSource;

    static MirrorSet Set(MirrorKind kind, string name, params MirrorEntry[] entries) => new(kind, name, [.. entries]);

    static MirrorEntry Entry(string source, string mirror, MirrorSourcePolicy? policy = null) => new(source, [mirror], policy);

    static readonly MirrorEntry Quay = Entry("quay.io", "m.local/mirror/quay.io", MirrorSourcePolicy.AllowContactingSource);

    static ImmutableArray<MirrorSet> Both(params MirrorEntry[] entries) => [Set(Idms, "ours", entries), Set(Itms, "ours", entries)];

    static string[] Find(ImmutableArray<MirrorSet> ours, RegistrySources? registries = null, string? version = null, params MirrorSet[] existing) =>
        [.. ClusterConflict.Find(ours, new MirrorObjects([.. existing], registries, []), version is null ? null : OpenShiftVersion.Parse(version)).Select(conflict => $"{conflict.Type}{(conflict.IsWarning ? "" : " (known)")}: {conflict.Message}")];

    [Fact]
    public void Nothing_else_is_no_conflict() => Assert.Empty(Find(Both(Quay)));

    [Fact]
    public void Our_own_objects_are_replaced() => Assert.Empty(Find(Both(Quay), existing: [Set(Idms, "ours", Entry("quay.io", "old.local/q", Never))]));

    [Fact]
    public void Another_policy_is_a_conflict_with_every_object_that_has_it()
    {
        Assert.Equal(
            [
                "policy: source quay.io is NeverContactSource here and AllowContactingSource in ImageContentSourcePolicy image-policy-0: the Machine Config Operator would ignore every mirror change until they agree",
                "policy: source quay.io is NeverContactSource here and AllowContactingSource in ImageDigestMirrorSet a: the Machine Config Operator would ignore every mirror change until they agree",
            ],
            Find(Both(Quay with { Policy = Never }), existing: [Set(Icsp, "image-policy-0", Quay with { Policy = null }), Set(Idms, "a", Quay with { Policy = null })]));
        Assert.Empty(Find(Both(Quay), existing: Set(Icsp, "image-policy-0", Quay with { Policy = null })));
    }

    [Theory]
    [InlineData("4.13.26", true)]
    [InlineData("4.13.27", false)]
    [InlineData("4.14.2", true)]
    [InlineData("4.14.3", false)]
    [InlineData("4.14", false)]
    [InlineData("4.15.0", false)]
    [InlineData("4.9.0", false)]
    [InlineData("5.0.0", false)]
    [InlineData(null, false)]
    public void Old_and_new_kinds_side_by_side(string? version, bool isConflict)
    {
        var found = Find(Both(Quay), version: version, existing: Set(Icsp, "old", Entry("docker.io", "m.local/d")));

        Assert.Equal(isConflict ? [$"coexistence: OpenShift {version} cannot have ImageContentSourcePolicy beside the newer kinds, and there is ImageContentSourcePolicy old; 4.13.27, 4.14.3 and 4.15 can"] : [], found);
    }

    /// <summary>The installer's own objects, which every mirrored cluster has.</summary>
    [Fact]
    public void A_narrower_entry_of_others_shadows_ours()
    {
        var release = Entry("quay.io/openshift-release-dev/ocp-release", "m.local/release");

        Assert.Equal(
            ["shadowed: ImageDigestMirrorSet image-digest-mirror lists quay.io/openshift-release-dev/ocp-release but no ImageTagMirrorSet does: tag pulls of quay.io/openshift-release-dev/ocp-release would bypass the mirror"],
            Find(Both(Quay), existing: Set(Idms, "image-digest-mirror", release)));
        Assert.Equal(
            ["shadowed: ImageTagMirrorSet t lists quay.io/openshift-release-dev/ocp-release but no ImageDigestMirrorSet does: digest pulls of quay.io/openshift-release-dev/ocp-release would bypass the mirror"],
            Find(Both(Quay), existing: Set(Itms, "t", release)));
        Assert.Equal(
            ["shadowed (known): ImageDigestMirrorSet d has its own entry for quay.io/openshift-release-dev/ocp-release; there it counts, not the one for quay.io"],
            Find(Both(Quay), existing: [Set(Idms, "d", release), Set(Itms, "t", release)]));
        Assert.Empty(Find(Both(Quay, release), existing: Set(Idms, "image-digest-mirror", release)));
    }

    [Fact]
    public void What_the_operator_refuses_in_silence_is_said() => Assert.Equal(
        ["refused: the Machine Config Operator would ignore every mirror change: could not update registries config with new changes: internal error: mirrorsAdjustedForNestedScope for a wildcard scope \"*.redhat.io\""],
        Find(Both(Entry("*.redhat.io", "m.local/redhat")), new RegistrySources { Blocked = ["registry.redhat.io"] }));

    [Fact]
    public void Lists_of_image_config_that_keep_it_from_working()
    {
        Assert.Equal(
            ["blocked: image.config blocks m.local, in which the mirror m.local/mirror/quay.io lies"],
            Find(Both(Quay), new RegistrySources { Blocked = ["m.local"] }));
        Assert.Equal(
            ["not_allowed: image.config allows only what allowedRegistries lists, and quay.io is not there: images are judged by the name that workloads use, not by the mirror's"],
            Find(Both(Quay), new RegistrySources { Allowed = ["m.local"] }));
        Assert.Equal(
            ["ambiguous: image.config lists quay.io/a/b, which lies in quay.io and quay.io/a: it gets the mirrors of quay.io, the first in order, not of the nearest"],
            Find(Both(Quay, Entry("quay.io/a", "m.local/a")), new RegistrySources { Insecure = ["quay.io/a/b"] }));
        Assert.Contains(Find(Both(Entry("docker.io", "m.local/d")), new RegistrySources { Blocked = ["quay.io/openshift-release-dev/ocp-release"] }), found => found.StartsWith("refused: the Machine Config Operator leaves out what image.config blocks: ", StringComparison.Ordinal));
        Assert.Empty(Find(Both(Quay), new RegistrySources { Blocked = ["docker.io"], Insecure = ["m.local"] }));
    }

    [Theory]
    [InlineData("4.9", false, false)]
    [InlineData("4.12.30", false, false)]
    [InlineData("4.13.0", true, false)]
    [InlineData("4.14.0-rc.1", true, true)]
    [InlineData("5.1", true, true)]
    public void Versions_are_compared_number_by_number(string text, bool hasMirrorSets, bool hasImageDigestSources)
    {
        var version = OpenShiftVersion.Parse(text);

        Assert.Equal((hasMirrorSets, hasImageDigestSources), (version.HasMirrorSets, version.HasImageDigestSources));
    }

    [Theory]
    [InlineData("4")]
    [InlineData("v4.14")]
    [InlineData("4.14.3.1")]
    [InlineData("4.")]
    [InlineData("latest")]
    public void What_is_no_version_is_refused(string text) =>
        Assert.Equal($"openshift_version \"{text}\" is no version", Assert.Throws<ModuleException>(() => OpenShiftVersion.Parse(text)).Message);
}
