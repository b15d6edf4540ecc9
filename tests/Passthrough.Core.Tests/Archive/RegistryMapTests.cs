using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Tests.Archive;

public sealed class RegistryMapTests
{
    [Theory]
    [InlineData("team/app", "quay.io/team/app")]
    [InlineData("openshift/release", "quay.io/openshift-release-dev/ocp-v4.0-art-dev")]
    [InlineData("openshift/release-images", "r.local:5000/openshift/release-images")]
    [InlineData("openshift/release/more", "quay.io/openshift-release-dev/ocp-v4.0-art-dev/more")]
    [InlineData("openshift", "r.local:5000/openshift")]
    [InlineData("openshift2/x", "docker.io/mirrored/openshift2/x")]
    [InlineData("alpine", "docker.io/mirrored/alpine")]
    public void The_longest_key_that_fits_decides(string repository, string upstream)
    {
        var map = new RegistryMap(new Dictionary<string, string>
        {
            ["*"] = "docker.io/mirrored",
            ["team"] = "quay.io",
            ["openshift"] = "r.local:5000",
            ["openshift/release"] = "quay.io/openshift-release-dev/ocp-v4.0-art-dev",
        });

        Assert.Equal(upstream, map.Find(repository)!.ToString());
    }

    [Fact]
    public void Without_a_key_that_fits_there_is_no_answer()
    {
        Assert.Null(new RegistryMap(new Dictionary<string, string> { ["team"] = "quay.io" }).Find("other/app"));
        Assert.Null(RegistryMap.None.Find("team/app"));
    }

    [Theory]
    [InlineData("Team", "quay.io", "registry_map has the key \"Team\", which is no repository")]
    [InlineData("team", "https://quay.io", "registry_map for team: \"https://quay.io\" is no registry")]
    [InlineData("*", "", "registry_map for *: \"\" is no registry")]
    [InlineData("team", "quay.io/Path", "registry_map for team: \"quay.io/Path\" is no registry")]
    public void What_is_none_is_refused(string key, string value, string message)
    {
        var error = Assert.Throws<ModuleException>(() => new RegistryMap(new Dictionary<string, string> { [key] = value }));

        Assert.Equal((ErrorCodes.InvalidArgument, message), (error.Code, error.Message));
    }

    [Fact]
    public void Names_without_a_registry_get_one_and_bare_tags_do_not()
    {
        var names = new ImageNames(new Dictionary<string, Reference>(), new RegistryMap(new Dictionary<string, string> { ["*"] = "quay.io/team" }));
        var root = new Descriptor(MediaTypes.OciManifest, Digest.Sha256("x"u8), 1);

        Assert.Equal(("quay.io/team/tool:2.1", ImageNames.FromRegistryMap), (Named("tool:2.1").Reference?.ToString(), Named("tool:2.1").NameSource));
        Assert.Equal($"quay.io/team/tool@{root.Digest}", Named($"tool@{root.Digest}").Reference?.ToString());
        Assert.Null(Named("2.1").Reference);
        Assert.Null(Named("").Reference);
        Assert.Equal("docker.io/library/tool:1", Named("docker.io/library/tool:1").Reference?.ToString());

        ArchivedImage Named(string refName) => names.NameOf(root.WithAnnotation(Annotations.RefName, refName));
    }

    [Fact]
    public void What_the_user_names_is_used_or_told()
    {
        var names = new ImageNames(new Dictionary<string, Reference> { ["2.1"] = Reference.Parse("quay.io/team/tool"), ["nothing"] = Reference.Parse("quay.io/a/b:1") });
        var root = new Descriptor(MediaTypes.OciManifest, Digest.Sha256("x"u8), 1);

        Assert.Equal("quay.io/team/tool:2.1", names.NameOf(root.WithAnnotation(Annotations.RefName, "2.1")).Reference!.ToString());
        Assert.Equal(["nothing"], names.Unused);
    }
}
