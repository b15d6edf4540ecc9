using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring.Cluster;

/// <summary>
/// Every recorded case of the operator's own functions, value for value. Of a case's answer all is compared but <c>policy</c>: policy.json says which images may run, not where they come from,
/// and this product neither renders nor reads it.
/// </summary>
public sealed class MachineConfigOperatorTests
{
    static readonly string[] Compared = ["error", "warning", "registries_conf", "registries", "search_dropin"];

    static readonly JObject Golden = OperatorGolden.File;

    public static TheoryData<string> Cases => [.. Golden["cases"]!.Select(item => (string)item["id"]!)];

    public static TheoryData<string> Transitions => [.. Golden["drain"]!.Select(item => (string)item["id"]!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Writes_what_the_operator_writes(string id)
    {
        var item = Golden["cases"]!.Single(one => (string)one["id"]! == id);
        var expected = item["out"]!;

        var files = OperatorGolden.Write(item["in"]!);

        Assert.Equal((string?)expected["error"], files.Refusal);
        Assert.Equal((string?)expected["warning"], files.Warning);
        var text = (string?)expected["registries_conf"];
        Assert.Equal(text is null, files.RegistriesConf is null);
        if (files.RegistriesConf is { } conf)
        {
            Assert.Equal(RegistriesShown.Of(expected["registries"] ?? new JArray()), RegistriesShown.Of(conf.Registries));
            Assert.Equal(RegistriesConf.Parse(text!).Render(), conf.Render());
        }

        var search = (string?)expected["search_dropin"];
        Assert.Equal(search is null ? null : RegistriesConf.Parse(search).UnqualifiedSearchRegistries?.ToArray(), files.SearchRegistries?.ToArray());
    }

    [Fact]
    public void Every_case_is_compared()
    {
        var keys = Golden["cases"]!.SelectMany(item => ((JObject)item["out"]!).Properties()).Select(property => property.Name).Distinct();

        Assert.Equal((370, 78), (Golden["cases"]!.Count(), Golden["drain"]!.Count()));
        Assert.Equal(["policy"], keys.Except(Compared));
    }

    /// <summary>Which reason the daemon logs, where there are several, is left to the order of a Go map; all are ours.</summary>
    [Theory]
    [MemberData(nameof(Transitions))]
    public void Nodes_are_drained_for_what_the_daemon_drains_them(string id)
    {
        var item = Golden["drain"]!.Single(one => (string)one["id"]! == id);

        var rollout = Rollout.Between(OperatorGolden.Write(item["before"]!), OperatorGolden.Write(item["after"]!));

        Assert.Equal(((bool)item["change"]!, (bool)item["drain"]!), (rollout.Changes, rollout.Drains));
        if (rollout.Drains)
            Assert.Contains((string)item["why"]!, rollout.DrainReasons);
    }

    [Fact]
    public void Another_search_list_reboots_nodes_without_a_word_of_draining()
    {
        var rollout = Rollout.Between(new NodeFiles(), MachineConfigOperator.Write([], new RegistrySources { Search = ["quay.io"] }));

        Assert.Equal((true, false, false), (rollout.Reboots, rollout.Changes, rollout.Drains));
    }

    [Fact]
    public void What_is_refused_changes_nothing()
    {
        var before = MachineConfigOperator.Write([new MirrorSet(MirrorKind.ImageDigestMirrorSet, "o", [new MirrorEntry("quay.io", ["m.local/quay.io"])])]);
        var after = MachineConfigOperator.Write([new MirrorSet(MirrorKind.ImageDigestMirrorSet, "o", [new MirrorEntry("quay.io/", ["m.local/quay.io"])])]);

        Assert.Equal("could not update registries config with new changes: invalid format for source \"quay.io/\"", after.Refusal);
        Assert.Equal(new Rollout(), Rollout.Between(before, after));
    }

    /// <summary>The older recording, which holds answers only: its titles say what was asked.</summary>
    [Theory]
    [InlineData("ICSP", """{icsp: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io']}, {source: 'registry.redhat.io', mirrors: ['registry.local:8443/mirror/registry.redhat.io']}]}]}""")]
    [InlineData("IDMS never", """{idms: [{name: 'o', sets: [{source: 'registry.redhat.io', mirrors: ['registry.local:8443/mirror/registry.redhat.io'], mirrorSourcePolicy: 'NeverContactSource'}, {source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io'], mirrorSourcePolicy: 'NeverContactSource'}]}]}""")]
    [InlineData("ITMS", """{itms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io']}]}]}""")]
    [InlineData("IDMS+ITMS allow, insecure local registry", """{idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io'], mirrorSourcePolicy: 'AllowContactingSource'}]}], itms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io']}]}], insecure: ['registry.local:8443']}""")]
    [InlineData("IDMS+ITMS never + installer ICSP for ocp-release (shadowing)", """{icsp: [{name: 'image-policy-0', sets: [{source: 'quay.io/openshift-release-dev/ocp-release', mirrors: ['registry.local:8443/ocp4/openshift4']}]}], idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io'], mirrorSourcePolicy: 'NeverContactSource'}]}], itms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io'], mirrorSourcePolicy: 'NeverContactSource'}]}]}""")]
    [InlineData("blockedRegistries nested in mirrored source", """{idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io']}]}], itms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['registry.local:8443/mirror/quay.io']}]}], blocked: ['quay.io/evil']}""")]
    [InlineData("wildcard", """{idms: [{name: 'o', sets: [{source: '*.redhat.io', mirrors: ['registry.local:8443/mirror/redhat.io']}]}]}""")]
    [InlineData("wildcard + more specific source", """{idms: [{name: 'o', sets: [{source: 'registry.redhat.io', mirrors: ['registry.local:8443/mirror/registry.redhat.io']}, {source: '*.redhat.io', mirrors: ['registry.local:8443/mirror/redhat.io']}]}]}""")]
    [InlineData("wildcard + blocked nested", """{idms: [{name: 'o', sets: [{source: '*.redhat.io', mirrors: ['registry.local:8443/mirror/redhat.io']}]}], blocked: ['registry.redhat.io']}""")]
    [InlineData("wildcard + blocked nested elsewhere *.x", """{idms: [{name: 'o', sets: [{source: '*.redhat.io', mirrors: ['registry.local:8443/mirror/redhat.io']}]}], blocked: ['*.registry.redhat.io']}""")]
    [InlineData("topological merge (b,c)+(a,b)", """{idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['b.local', 'c.local']}]}, {name: 'p', sets: [{source: 'quay.io', mirrors: ['a.local', 'b.local']}]}]}""")]
    [InlineData("two objects, independent mirrors -> lexicographic", """{idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['z.local']}]}, {name: 'p', sets: [{source: 'quay.io', mirrors: ['a.local']}]}]}""")]
    [InlineData("no mirrors + Never, self mirror + Never (ignored)", """{idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: [], mirrorSourcePolicy: 'NeverContactSource'}, {source: 'docker.io', mirrors: ['docker.io']}]}]}""")]
    [InlineData("source listed first among mirrors", """{idms: [{name: 'o', sets: [{source: 'quay.io', mirrors: ['quay.io', 'm.local/quay.io']}]}]}""")]
    public void Writes_what_the_operator_of_4_17_wrote(string title, string input)
    {
        var recorded = Fixtures.ReadText("mco-registries-golden.txt").Split("##### ").Single(section => section.StartsWith(title + "\n", StringComparison.Ordinal))[(title.Length + 1)..];

        var files = OperatorGolden.Write(Json.Parse(input));

        if (recorded.StartsWith("ERROR: ", StringComparison.Ordinal))
            Assert.Equal("could not update registries config with new changes: " + recorded["ERROR: ".Length..].Trim(), files.Refusal);
        else
            Assert.Equal(RegistriesConf.Parse(recorded).Render(), files.RegistriesConf?.Render());
    }
}
