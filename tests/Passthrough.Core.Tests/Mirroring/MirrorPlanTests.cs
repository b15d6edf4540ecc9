using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class MirrorPlanTests
{
    const MirrorSourcePolicy Allow = MirrorSourcePolicy.AllowContactingSource;
    const MirrorSourcePolicy Never = MirrorSourcePolicy.NeverContactSource;

    static readonly MirrorNaming Naming = new(RegistryEndpoint.Parse("registry.local", 8443));

    static MirrorRequest Ask(string source, params string[] mirrors) => new("registries[3]", source) { Mirrors = [.. mirrors] };

    static MirrorPlan Plan(MirrorSourcePolicy policy, params MirrorRequest[] requests) => MirrorPlan.Make(requests, [], Naming, policy);

    static string Refusal(MirrorSourcePolicy policy, params MirrorRequest[] requests) => Assert.Throws<ModuleException>(() => Plan(policy, requests)).Message;

    [Theory]
    [InlineData("quay.io", "quay.io", "registry.local:8443/mirror/quay.io")]
    [InlineData("Quay.IO/team", "quay.io/team", "registry.local:8443/mirror/quay.io/team")]
    [InlineData("index.docker.io", "docker.io", "registry.local:8443/mirror/docker.io")]
    [InlineData("registry-1.docker.io/library/nginx", "docker.io/library/nginx", "registry.local:8443/mirror/docker.io/library/nginx")]
    [InlineData("reg.example.com:5000/a__b/c--d", "reg.example.com:5000/a__b/c--d", "registry.local:8443/mirror/reg.example.com_5000/a__b/c--d")]
    [InlineData("10.0.0.1:5000/x", "10.0.0.1:5000/x", "registry.local:8443/mirror/10.0.0.1_5000/x")]
    [InlineData("localhost/x", "localhost/x", "registry.local:8443/mirror/localhost/x")]
    [InlineData("quay.io:443", "quay.io:443", "registry.local:8443/mirror/quay.io_443")]
    public void A_source_has_one_name_and_one_place(string written, string source, string mirror)
    {
        var planned = Assert.Single(Plan(Allow, Ask(written)).Sources);

        Assert.Equal((source, mirror, Allow), (planned.Source, Assert.Single(planned.Mirrors), planned.Policy));
    }

    [Theory]
    [InlineData("", "registries[3].source \"\": it is empty; expected host[:port][/path] or *.host")]
    [InlineData("https://quay.io", "registries[3].source \"https://quay.io\": remove the scheme; expected host[:port][/path] or *.host")]
    [InlineData("quay.io/app:v1", "registries[3].source \"quay.io/app:v1\": a mirror source cannot carry a tag or digest")]
    [InlineData("quay.io/app@sha256:00", "registries[3].source \"quay.io/app@sha256:00\": a mirror source cannot carry a tag or digest")]
    [InlineData("nginx:latest", "registries[3].source \"nginx:latest\": a mirror source cannot carry a tag or digest")]
    [InlineData("quay.io/", "registries[3].source \"quay.io/\": remove the slash at its end; expected host[:port][/path] or *.host")]
    [InlineData("quay.io\n", "registries[3].source \"quay.io\\n\": remove the white space; expected host[:port][/path] or *.host")]
    [InlineData(" quay.io", "registries[3].source \" quay.io\": remove the white space; expected host[:port][/path] or *.host")]
    [InlineData("quay.io/Team", "registries[3].source \"quay.io/Team\": the path must be in lower case")]
    [InlineData("quay.io/a..b", "registries[3].source \"quay.io/a..b\": it is no name of a registry or repository; expected host[:port][/path] or *.host")]
    [InlineData("reg_1.local", "registries[3].source \"reg_1.local\": it is no name of a registry or repository; expected host[:port][/path] or *.host")]
    [InlineData("quay.io//a", "registries[3].source \"quay.io//a\": it is no name of a registry or repository; expected host[:port][/path] or *.host")]
    [InlineData("[::1]:5000", "registries[3].source \"[::1]:5000\": an IPv6 address cannot be used, neither by the cluster nor by podman; expected host[:port][/path] or *.host")]
    [InlineData("quay.io:99999", "registries[3].source \"quay.io:99999\": its port is not between 1 and 65535")]
    [InlineData("quay.io:0", "registries[3].source \"quay.io:0\": its port is not between 1 and 65535")]
    [InlineData("nginx", "registries[3].source \"nginx\": nginx is no registry: references whose first part has no dot and no port are Docker Hub's; write docker.io/library/nginx")]
    [InlineData("*", "registries[3].source \"*\": a wildcard stands before a whole domain, without port and path; expected host[:port][/path] or *.host")]
    [InlineData("*.redhat.io/x", "registries[3].source \"*.redhat.io/x\": a wildcard stands before a whole domain, without port and path; expected host[:port][/path] or *.host")]
    [InlineData("*.redhat.io", "registries[3].source: wildcard \"*.redhat.io\" collapses all hosts into one namespace; give mirrors: explicitly")]
    public void A_wrong_source_is_refused_with_the_reason(string source, string message) => Assert.Equal(message, Refusal(Allow, Ask(source)));

    [Theory]
    [InlineData("registry.local", "a mirror needs a path, or pulls of a source that is a whole repository fail; expected host[:port]/path")]
    [InlineData("*.local/x", "a mirror cannot be a wildcard; expected host[:port]/path")]
    [InlineData("http://m.local/x", "remove the scheme; expected host[:port]/path")]
    [InlineData("m.local/x/", "remove the slash at its end; expected host[:port]/path")]
    [InlineData("m.local/mirror/reg.example.com:5000", "a mirror source cannot carry a tag or digest")]
    [InlineData("m.local/X", "the path must be in lower case")]
    [InlineData("[::1]/x", "an IPv6 address cannot be used, neither by the cluster nor by podman; expected host[:port]/path")]
    public void A_wrong_mirror_is_refused_with_the_reason(string mirror, string reason) => Assert.Equal($"registries[3].mirrors[1] \"{mirror}\": {reason}", Refusal(Allow, Ask("quay.io", "m.local/q", mirror)));

    [Fact]
    public void Names_that_are_too_long_are_refused()
    {
        Assert.Equal($"registries[3].source \"quay.io/{new string('a', 250)}\": it has 258 characters, clients accept 255", Refusal(Allow, Ask("quay.io/" + new string('a', 250))));
        Assert.EndsWith("clients accept 255", Refusal(Allow, Ask("quay.io/" + new string('a', 230))), StringComparison.Ordinal);
        Assert.DoesNotContain(new string('a', 400), Refusal(Allow, Ask("quay.io/" + new string('a', 9000))), StringComparison.Ordinal);
    }

    /// <summary>The patterns of the CRDs need minutes for this.</summary>
    [Fact]
    public void Text_made_to_be_slow_is_refused_at_once() =>
        Assert.StartsWith("registries[3].source \"quay.io/aaa", Refusal(Allow, Ask("quay.io/" + new string('a', 100_000) + "!")), StringComparison.Ordinal);

    [Fact]
    public void The_same_source_twice_has_the_mirrors_of_both()
    {
        var plan = Plan(Allow, Ask("quay.io", "a.local/q", "b.local/q"), Ask("QUAY.io", "b.local/q", "c.local/q"));

        Assert.Equal<string>(["a.local/q", "b.local/q", "c.local/q"], Assert.Single(plan.Sources).Mirrors);
    }

    [Fact]
    public void Two_policies_for_one_source_are_refused() => Assert.Equal(
        "source \"quay.io\" appears with two policies (Allow in registries[0], Never in extra_mirrors[1]); the Machine Config Operator would ignore every mirror change",
        Refusal(Allow, new MirrorRequest("registries[0]", "quay.io"), new MirrorRequest("extra_mirrors[1]", "quay.io") { Policy = Never }));

    [Theory]
    [InlineData("registry.corp.example:8443/mirror", "*.corp.example", "mirror registry.corp.example:8443/mirror lies inside source *.corp.example with NeverContactSource: the mirror itself would be blocked")]
    [InlineData("registry.corp.example:8443/mirror", "registry.corp.example", "mirror registry.corp.example:8443/mirror lies inside source registry.corp.example with NeverContactSource: the mirror itself would be blocked")]
    [InlineData("registry.corp.example/mirror/a", "registry.corp.example/mirror", "mirror registry.corp.example/mirror/a lies inside source registry.corp.example/mirror with NeverContactSource: the mirror itself would be blocked")]
    public void A_mirror_inside_a_blocked_source_is_refused(string mirror, string blocked, string message) =>
        Assert.Equal(message, Refusal(Never, Ask("quay.io", mirror), Ask(blocked, "other.local/x")));

    [Fact]
    public void A_longer_entry_that_lets_the_mirror_pass_counts()
    {
        Assert.Equal(3, Plan(Never, Ask("quay.io", "registry.corp.example/mirror/q"), Ask("*.corp.example", "other.local/x"), Ask("registry.corp.example/mirror", "other.local/y") with { Policy = Allow }).Sources.Length);
        Assert.Equal(2, Plan(Allow, Ask("quay.io", "registry.corp.example/mirror/q"), Ask("*.corp.example", "other.local/x")).Sources.Length);
    }

    [Fact]
    public void A_source_among_its_own_mirrors()
    {
        Assert.Equal("registries[3]: cannot set mirrorSourcePolicy: NeverContactSource if the source \"quay.io/a\" is one of the mirrors", Refusal(Never, Ask("quay.io/a", "quay.io/a", "m.local/a")));
        Assert.Equal("registries[3]: \"quay.io/a\" is its own only mirror, so nothing would be redirected", Refusal(Allow, Ask("quay.io/a", "quay.io/a")));
        Assert.Equal<string>(["quay.io/a", "m.local/a"], Assert.Single(Plan(Allow, Ask("quay.io/a", "quay.io/a", "m.local/a")).Sources).Mirrors);
    }

    [Fact]
    public void What_works_but_not_as_somebody_may_think_is_said()
    {
        Assert.Equal<string>(["sources quay.io and quay.io:443 are two registries: quay.io:443 has another place in the mirror, and images pushed from one are not found under the other"], Plan(Allow, Ask("quay.io"), Ask("quay.io:443")).Warnings);
        Assert.Equal<string>(
            ["source registry.local is the host of the mirror registry.local:8443/mirror/registry.local: a workload that names registry.local:8443 itself cannot pull, because clients take registry.local for it and find no place"],
            Plan(Allow, Ask("registry.local")).Warnings);
        Assert.Equal<string>(["source a.example.com has as many characters as *.example.com: clients then use *.example.com, and the entry of a.example.com never"], Plan(Allow, Ask("*.example.com", "m.local/x"), Ask("a.example.com")).Warnings);
        Assert.Empty(Plan(Allow, Ask("*.example.com", "m.local/x"), Ask("ab.example.com"), Ask("quay.io"), Ask("quay.io/team")).Warnings);
    }

    [Fact]
    public void The_guides_ten_are_fine_under_both_policies()
    {
        var ten = DefaultRegistries.Sources.Select(source => Ask(source)).ToArray();

        foreach (var policy in new[] { Allow, Never })
        {
            var plan = Plan(policy, ten);
            Assert.Empty(plan.Warnings);
            Assert.Equal(["core", "core", "core", "high", "high", "high", "high", "medium", "medium", "medium"], plan.Sources.Select(source => source.Priority));
            Assert.Equal(["cdn.quay.io", "storage.googleapis.com/openshift-release", "github.com", "gitlab.com", "sso.redhat.com"], plan.Sources.Where(source => source.Note is not null).Select(source => source.Source));
        }
    }

    [Fact]
    public void Images_that_a_source_leads_to_their_place_add_nothing()
    {
        MirrorRequest[] images =
        [
            new("mirror_map[0]", "quay.io/centos/centos") { Mirrors = ["registry.local:8443/mirror/quay.io/centos/centos"] },
            new("mirror_map[1]", "quay.io") { Mirrors = ["registry.local:8443/mirror/quay.io"] },
            new("mirror_map[2]", "quay.io/openshift-release-dev/ocp-release") { Mirrors = ["registry.local:8443/openshift/release-images"] },
            new("mirror_map[3]", "ghcr.io/team/tool") { Mirrors = ["registry.local:8443/mirror/ghcr.io/team/tool"] },
        ];

        var plan = MirrorPlan.Make([Ask("quay.io")], images, Naming, Allow);

        Assert.Equal(["quay.io", "ghcr.io/team/tool", "quay.io/openshift-release-dev/ocp-release"], plan.Sources.Select(source => source.Source));
        Assert.Equal<string>(["registry.local:8443/openshift/release-images"], plan.MirrorsOf("quay.io/openshift-release-dev/ocp-release"));
        Assert.Equal<string>(["registry.local:8443/mirror/quay.io/a/b"], plan.MirrorsOf("quay.io/a/b"));
        Assert.Empty(plan.MirrorsOf("docker.io/library/nginx"));
    }

    [Fact]
    public void A_repository_that_would_get_too_long_a_name_is_refused()
    {
        var repository = "quay.io/" + new string('a', 215);
        var refusal = Assert.Throws<ModuleException>(() => MirrorPlan.Make([Ask("quay.io", "other.local/" + new string('b', 30), "registry.local:8443/mirror/quay.io")], [new("mirror_map[0]", repository) { Mirrors = ["registry.local:8443/mirror/" + repository] }], Naming, Allow));

        Assert.Contains("characters; clients accept 255", refusal.Message, StringComparison.Ordinal);
    }
}
