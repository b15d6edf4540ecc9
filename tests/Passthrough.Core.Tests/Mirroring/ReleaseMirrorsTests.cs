using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class ReleaseMirrorsTests
{
    static readonly MirrorNaming Naming = new(RegistryEndpoint.Parse("registry.local", 8443));

    static MirrorPlan Plan(params MirrorRequest[] requests) => MirrorPlan.Make(requests, [], Naming, MirrorSourcePolicy.AllowContactingSource);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Part_of_an_install_config(bool imageDigestSources) => Snapshot.Verify(
        ReleaseMirrors.InstallConfig(Plan(new MirrorRequest("r", "docker.io")), Naming, imageDigestSources, imageDigestSources ? "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n" : null, imageDigestSources ? "idms-harbor-bastion.yml" : "icsp-harbor-bastion.yml"), "yml", imageDigestSources ? "new" : "old");

    [Fact]
    public Task Part_of_a_HostedCluster() =>
        Snapshot.Verify(ReleaseMirrors.HostedCluster(Plan(new MirrorRequest("r", "quay.io"), new MirrorRequest("r", "*.example.com") { Mirrors = ["registry.local:8443/mirror/example"] }), Naming), "yml");

    [Fact]
    public void Releases_are_where_the_plan_leads_quay()
    {
        var plan = Plan(new MirrorRequest("r", "quay.io") { Mirrors = ["a.local/q", "b.local/q"] });

        var sources = Yaml.ParseAll(ReleaseMirrors.InstallConfig(plan, Naming, imageDigestSources: true, certificates: null, "idms-harbor-bastion.yml"))[0]["imageDigestSources"]!;

        Assert.Equal(["a.local/q/openshift-release-dev/ocp-release", "b.local/q/openshift-release-dev/ocp-release"], sources[0]!["mirrors"]!.Select(mirror => (string)mirror!));
    }

    [Fact]
    public void A_HostedCluster_takes_255_sources()
    {
        var plan = Plan([.. Enumerable.Range(0, 254).Select(i => new MirrorRequest("r", $"quay.io/team{i}"))]);

        Assert.Equal("outputs has hypershift, and a HostedCluster takes 255 sources where there would be 256", Assert.Throws<ModuleException>(() => ReleaseMirrors.HostedCluster(plan, Naming)).Message);
    }
}
