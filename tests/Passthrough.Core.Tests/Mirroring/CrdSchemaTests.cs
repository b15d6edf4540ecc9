using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Kubernetes;

namespace Passthrough.Core.Tests.Mirroring;

/// <summary>The judge of what is rendered refuses what a real API server refused (kube-apiserver-transcript.txt, 42 to 76), where the definitions lie beside the checkout; else it says that it was skipped.</summary>
public sealed class CrdSchemaTests
{
    const string Idms = "apiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\nmetadata: {name: x}\n";

    [SkippableTheory]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io, mirrors: [m.local/q], mirrorSourcePolicy: NeverContactSource}]}")]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io}, {source: quay.io}]}")]
    [InlineData("spec: {imageDigestMirrors: [{source: '*.quay.io', mirrors: []}]}")]
    [InlineData("spec: {}")]
    public void What_a_server_takes(string spec) => Assert.Empty(CrdSchema.OrSkip("imagedigestmirrorsets").Validate(Parse(Idms + spec)));

    [SkippableTheory]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io, mirrorSourcePolicy: Never}]}", ".spec.imageDigestMirrors[0].mirrorSourcePolicy", "Unsupported value: \"Never\": supported values: \"NeverContactSource\", \"AllowContactingSource\"")]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io, mirrorSourcePolcy: NeverContactSource}]}", ".spec.imageDigestMirrors[0].mirrorSourcePolcy", "field not declared in schema")]
    [InlineData("spec: {imageDigestMirrors: [{mirrors: [m.local/q]}]}", ".spec.imageDigestMirrors[0].source", "Required value")]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io, mirrors: m.local/q}]}", ".spec.imageDigestMirrors[0].mirrors", "expected list")]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io, mirrors: null}]}", ".spec.imageDigestMirrors[0].mirrors", "expected list")]
    [InlineData("spec: {imageDigestMirrors: [{source: quay.io, mirrors: [m.local/q, m.local/q]}]}", ".spec.imageDigestMirrors[0].mirrors", "duplicate entries for key [=\"m.local/q\"]")]
    [InlineData("spec: {imageDigestMirrors: [{source: 'https://quay.io'}]}", ".spec.imageDigestMirrors[0].source", "Invalid value: \"https://quay.io\": spec.imageDigestMirrors[0].source in body should match '")]
    [InlineData("spec: {imageDigestMirrors: [{source: \"quay.io\\n\"}]}", ".spec.imageDigestMirrors[0].source", "Invalid value: ")]
    [InlineData("spec: {imageTagMirrors: []}", ".spec.imageTagMirrors", "field not declared in schema")]
    [InlineData("a: b", ".spec", "Required value")]
    public void What_a_server_refuses(string spec, string path, string message)
    {
        var fault = CrdSchema.OrSkip("imagedigestmirrorsets").Validate(Parse(Idms + spec))[0];

        Assert.Equal(path, fault.Path);
        Assert.StartsWith(message, fault.Message, StringComparison.Ordinal);
    }

    /// <summary>What an older renderer of this interface wrote (mirror-policies.md 0).</summary>
    [SkippableFact]
    public void Kinds_that_do_not_exist()
    {
        var faults = CrdSchema.OrSkip("imagecontentsourcepolicies").Validate(Parse("apiVersion: config.openshift.io/v1\nkind: ImageContentSourcePolicy\nmetadata: {name: Mirror_Registry, labels: {a: b c}}\nspec: {repositoryDigestMirrors: [{source: quay.io, sourceDigests: []}]}"));

        Assert.Equal([CrdFaultType.Mapping, CrdFaultType.Unknown, CrdFaultType.Value, CrdFaultType.Value], faults.Select(fault => fault.Type));
    }

    static JObject Parse(string yaml) => (JObject)Yaml.ParseAll(yaml).Single();
}
