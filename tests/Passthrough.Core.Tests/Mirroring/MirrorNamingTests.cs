using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class MirrorNamingTests
{
    static readonly RegistryEndpoint Local = RegistryEndpoint.Parse("registry.local", 8443);
    static readonly string Hex = new('a', 64);

    [Theory]
    // The guide's examples, literally.
    [InlineData("quay.io/centos/centos:stream8", "registry.local:8443/mirror/quay.io/centos/centos:stream8")]
    [InlineData("registry.redhat.io/rhel8/httpd-24:latest", "registry.local:8443/mirror/registry.redhat.io/rhel8/httpd-24:latest")]
    [InlineData("nginx", "registry.local:8443/mirror/docker.io/library/nginx:latest")]
    [InlineData("index.docker.io/nginx:1", "registry.local:8443/mirror/docker.io/library/nginx:1")]
    [InlineData("registry-1.docker.io/library/nginx:1", "registry.local:8443/mirror/docker.io/library/nginx:1")]
    [InlineData("Quay.IO/a/b:v1", "registry.local:8443/mirror/quay.io/a/b:v1")]
    [InlineData("reg.example.com:5000/a/b:v1", "registry.local:8443/mirror/reg.example.com_5000/a/b:v1")]
    public void An_image_has_one_place(string upstream, string target) =>
        Assert.Equal(target, new MirrorNaming(Local).Target(Reference.Parse(upstream)).ToString());

    [Fact]
    public void A_digest_alone_gets_a_tag()
    {
        var naming = new MirrorNaming(Local);

        Assert.Equal($"registry.local:8443/mirror/quay.io/a/b:sha256-{Hex}.image", naming.Target(Reference.Parse($"quay.io/a/b@sha256:{Hex}")).ToString());
        Assert.Equal("registry.local:8443/mirror/quay.io/a/b:v1", naming.Target(Reference.Parse($"quay.io/a/b:v1@sha256:{Hex}")).ToString());
    }

    [Theory]
    [InlineData("quay.io", "registry.local:8443/mirror/quay.io")]
    [InlineData("docker.io", "registry.local:8443/mirror/docker.io")]
    [InlineData("storage.googleapis.com/openshift-release", "registry.local:8443/mirror/storage.googleapis.com/openshift-release")]
    [InlineData("reg.example.com:5000", "registry.local:8443/mirror/reg.example.com_5000")]
    public void A_registry_has_one_scope(string upstream, string scope) => Assert.Equal(scope, new MirrorNaming(Local).Scope(upstream));

    [Fact]
    public void Other_namespaces_and_templates()
    {
        Assert.Equal("registry.local/team/sub/quay.io/a:v1", new MirrorNaming(RegistryEndpoint.Parse("registry.local"), "team/sub").Target(Reference.Parse("quay.io/a:v1")).ToString());
        Assert.Equal("registry.local:8443/quay.io", new MirrorNaming(Local, template: "{registry}/{path}").Scope("quay.io"));
    }

    [Theory]
    [InlineData("Mirror", MirrorNaming.DefaultTemplate)]
    [InlineData("", MirrorNaming.DefaultTemplate)]
    [InlineData("mirror/", MirrorNaming.DefaultTemplate)]
    [InlineData("mirror", "{namespace}/{registry}")]
    [InlineData("mirror", "/{path}")]
    [InlineData("mirror", "{namespace}/{regstry}/{path}")]
    public void What_makes_no_name_is_refused(string name, string template) =>
        Assert.Equal(ErrorCodes.InvalidArgument, Assert.Throws<ModuleException>(() => new MirrorNaming(Local, name, template)).Code);

    [Theory]
    [InlineData("*.quay.io")]
    [InlineData("https://quay.io")]
    [InlineData("quay.io/")]
    [InlineData("")]
    public void What_is_no_registry_is_refused(string upstream) => Assert.Throws<ModuleException>(() => new MirrorNaming(Local).Scope(upstream));

    [Fact]
    public void Two_images_at_one_place_are_an_error()
    {
        var naming = new MirrorNaming(Local, template: "{namespace}/{path}");
        Reference[] images = [Reference.Parse("quay.io/a/b:v1"), Reference.Parse("docker.io/a/b:v1")];

        var fault = Assert.Throws<ModuleException>(() => naming.Targets(images));

        Assert.Equal(ErrorCodes.Collision, fault.Code);
        Assert.Equal("quay.io/a/b:v1 and docker.io/a/b:v1 would both be registry.local:8443/mirror/a/b:v1 in the mirror", fault.Message);
        Assert.Equal(ErrorCodes.Collision, Assert.Throws<ModuleException>(() => naming.Scopes(["quay.io", "docker.io"])).Code);
        Assert.Equal(2, new MirrorNaming(Local).Targets(images).Count);
        Assert.Equal(2, new MirrorNaming(Local).Scopes(["docker.io", "index.docker.io"]).Count);
    }

    [Fact]
    public void A_name_that_clients_refuse_is_refused_here()
    {
        var fault = Assert.Throws<ModuleException>(() => new MirrorNaming(Local).Target(Reference.Parse($"quay.io/{new string('a', 240)}:v1")));

        Assert.Contains("255 is the most", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_guides_ten() => Assert.Equal(
        "registry.access.redhat.com registry.redhat.io registry.connect.redhat.com quay.io cdn.quay.io docker.io storage.googleapis.com/openshift-release sso.redhat.com github.com gitlab.com",
        string.Join(' ', DefaultRegistries.Sources));
}
