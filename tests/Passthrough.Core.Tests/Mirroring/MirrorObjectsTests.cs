using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class MirrorObjectsTests
{
    static MirrorObjects Read(string yaml) => MirrorObjects.Read("a.yaml", Yaml.ParseAll(yaml));

    static string Refusal(string yaml) => Assert.Throws<ModuleException>(() => Read(yaml)).Message;

    /// <summary>As oc-mirror writes it, with what it writes beside it.</summary>
    [Fact]
    public void What_oc_mirror_writes()
    {
        var objects = Read("""
            ---
            apiVersion: config.openshift.io/v1
            kind: ImageDigestMirrorSet
            metadata:
              annotations:
                createdBy: oc-mirror v2
              name: idms-release-0
            spec:
              imageDigestMirrors:
              - mirrors:
                - registry.local:8443/openshift/release
                source: quay.io/openshift-release-dev/ocp-v4.0-art-dev
              - mirrors: []
                source: quay.io/empty
            status: {}
            ---
            apiVersion: config.openshift.io/v1
            kind: ImageTagMirrorSet
            metadata: {name: itms-generic-0}
            spec:
              imageTagMirrors:
              - {source: quay.io/team, mirrors: [registry.local:8443/team], mirrorSourcePolicy: NeverContactSource}
            ---
            apiVersion: operators.coreos.com/v1alpha1
            kind: CatalogSource
            metadata: {name: cs-redhat-operator-index-v4-16}
            """);

        Assert.Equal([("ImageDigestMirrorSet", "idms-release-0", 2), ("ImageTagMirrorSet", "itms-generic-0", 1)], objects.Sets.Select(set => (set.Kind.ToString(), set.Name, set.Entries.Length)));
        Assert.Equal("registry.local:8443/openshift/release", Assert.Single(objects.Sets[0].Entries[0].Mirrors));
        Assert.Null(objects.Sets[0].Entries[0].Policy);
        Assert.Equal(MirrorSourcePolicy.NeverContactSource, objects.Sets[1].Entries[0].Policy);
        Assert.Equal<string>(["CatalogSource cs-redhat-operator-index-v4-16"], objects.Others);
        Assert.Null(objects.Registries);
    }

    /// <summary>As oc get -o yaml prints it.</summary>
    [Fact]
    public void What_a_cluster_has()
    {
        var objects = Read("""
            apiVersion: v1
            kind: List
            metadata: {resourceVersion: ""}
            items:
            - apiVersion: operator.openshift.io/v1alpha1
              kind: ImageContentSourcePolicy
              metadata: {name: old, resourceVersion: "5", uid: u, generation: 1}
              spec: {repositoryDigestMirrors: [{source: quay.io, mirrors: [m.local/q]}]}
            - apiVersion: config.openshift.io/v1
              kind: Image
              metadata: {name: cluster}
              spec: {registrySources: {insecureRegistries: [], blockedRegistries: [docker.io]}}
            - apiVersion: operator.openshift.io/v1alpha1
              kind: ImageContentSourcePolicy
              metadata: {name: empty}
              spec: {}
            """);

        Assert.Equal(["old", "empty"], objects.Sets.Select(set => set.Name));
        Assert.Equal<string>(["docker.io"], objects.Registries!.Blocked!.Value);
        Assert.Empty(objects.Registries.Insecure!.Value);
        Assert.Null(objects.Registries.Allowed);
    }

    [Theory]
    [InlineData("a: b", "a.yaml has something that is no object of Kubernetes: it has no kind")]
    [InlineData("text", "a.yaml has something that is no object of Kubernetes: it has no kind")]
    [InlineData("{kind: List}", "a.yaml has a List without items")]
    [InlineData("{kind: ImageContentSourcePolicy, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {}}", "a.yaml: ImageContentSourcePolicy x has apiVersion config.openshift.io/v1, and this kind is of operator.openshift.io/v1alpha1")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}}", "a.yaml: ImageDigestMirrorSet x has no spec")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {imageTagMirrors: []}}", "a.yaml: ImageDigestMirrorSet x has no imageDigestMirrors but imageTagMirrors")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {imageDigestMirrors: quay.io}}", "a.yaml: ImageDigestMirrorSet x has imageDigestMirrors that is no list")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {imageDigestMirrors: [{mirrors: [a/b]}]}}", "a.yaml: ImageDigestMirrorSet x imageDigestMirrors[0] has no source")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {imageDigestMirrors: [{source: quay.io, mirrorDigests: [a/b]}]}}", "a.yaml: ImageDigestMirrorSet x imageDigestMirrors[0] has mirrorDigests, which ImageDigestMirrorSet does not know")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {imageDigestMirrors: [{source: quay.io, mirrors: a/b}]}}", "a.yaml: ImageDigestMirrorSet x imageDigestMirrors[0] has mirrors that is no list of text")]
    [InlineData("{kind: ImageDigestMirrorSet, apiVersion: config.openshift.io/v1, metadata: {name: x}, spec: {imageDigestMirrors: [{source: quay.io, mirrorSourcePolicy: Never}]}}", "a.yaml: ImageDigestMirrorSet x imageDigestMirrors[0] has mirrorSourcePolicy Never, which is none")]
    [InlineData("{kind: ImageContentSourcePolicy, apiVersion: operator.openshift.io/v1alpha1, metadata: {name: x}, spec: {repositoryDigestMirrors: [{source: quay.io, mirrorSourcePolicy: NeverContactSource}]}}", "a.yaml: ImageContentSourcePolicy x repositoryDigestMirrors[0] has mirrorSourcePolicy, which ImageContentSourcePolicy does not know")]
    public void What_is_no_such_object_is_refused_with_its_place(string yaml, string message) => Assert.Equal(message, Refusal(yaml));
}
