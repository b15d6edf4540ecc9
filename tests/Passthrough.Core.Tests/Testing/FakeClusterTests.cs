using System.Net.Http.Headers;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Kubernetes;

namespace Passthrough.Core.Tests.Testing;

/// <summary>The fake API server answers as the real one did (kube-apiserver-transcript.txt, H1 to H28).</summary>
public sealed class FakeClusterTests
{
    const string Sets = "/apis/config.openshift.io/v1/imagedigestmirrorsets";
    const string Manager = "?fieldManager=ocp4-disconnected-helper&fieldValidation=Strict&force=false";

    static string Idms(string entries = "[{mirrors: [registry.example.com:8443/mirror/quay.io], source: quay.io}]", string name = "mirror-good") =>
        $"apiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\nmetadata: {{name: {name}}}\nspec: {{imageDigestMirrors: {entries}}}\n";

    static async Task<(int Status, string Body)> Ask(FakeCluster cluster, HttpMethod method, string path, string? body = null, string type = "application/apply-patch+yaml", string token = "any")
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(method, $"http://127.0.0.1:{cluster.Port}{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (body is not null)
            request.Content = new StringContent(body, new MediaTypeHeaderValue(type));
        using var response = await client.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    static async Task Fails(FakeCluster cluster, HttpMethod method, string path, string? body, int status, string? reason, string message, string type = "application/apply-patch+yaml")
    {
        var (code, answer) = await Ask(cluster, method, path, body, type);
        var json = (JObject)Json.Parse(answer);

        Assert.Equal((status, "Failure", reason, status), (code, (string)json["status"]!, (string?)json["reason"], (int)json["code"]!));
        Assert.StartsWith(message, (string)json["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply()
    {
        await using var cluster = await FakeCluster.Start();

        var dry = await Ask(cluster, HttpMethod.Patch, $"{Sets}/mirror-good{Manager}&dryRun=All", Idms());
        Assert.Equal(201, dry.Status);
        Assert.Null(cluster.Get("imagedigestmirrorsets", "mirror-good"));
        Assert.Empty(cluster.Writes);
        Assert.Equal(201, (await Ask(cluster, HttpMethod.Patch, $"{Sets}/mirror-good{Manager}", Idms())).Status);
        var again = await Ask(cluster, HttpMethod.Patch, $"{Sets}/mirror-good{Manager}", Idms());
        Assert.Equal((200, 1), (again.Status, (int)Json.Parse(again.Body)["metadata"]!["generation"]!));
        Assert.Equal(["PATCH imagedigestmirrorsets/mirror-good", "PATCH imagedigestmirrorsets/mirror-good"], cluster.Writes);

        var other = Idms("[{mirrors: [registry.example.com:8443/mirror2/quay.io], source: quay.io}]");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/mirror-good?fieldManager=other-tool", other, 409, "Conflict", "Apply failed with 1 conflict: conflict with \"ocp4-disconnected-helper\": .spec.imageDigestMirrors");
        // The same values are no conflict; from then on both own the field.
        Assert.Equal(200, (await Ask(cluster, HttpMethod.Patch, $"{Sets}/mirror-good?fieldManager=other-tool", Idms())).Status);
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/mirror-good{Manager}", other, 409, "Conflict", "Apply failed with 1 conflict: conflict with \"other-tool\": .spec.imageDigestMirrors");
        Assert.Equal(200, (await Ask(cluster, HttpMethod.Patch, $"{Sets}/mirror-good?fieldManager=other-tool&force=true", other)).Status);

        await Fails(cluster, HttpMethod.Patch, $"{Sets}/mirror-good", other, 422, "Invalid", "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/other-name{Manager}", Idms(), 400, "BadRequest", "the name of the object (mirror-good) does not match the name on the URL (other-name)");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/mirror-good{Manager}", Idms(), 415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml", "text/plain");
    }

    [SkippableFact]
    public async Task What_the_schema_refuses()
    {
        CrdSchema.OrSkip("imagedigestmirrorsets");
        await using var cluster = await FakeCluster.Start();

        await Fails(cluster, HttpMethod.Patch, $"{Sets}/x{Manager}", Idms("[{source: quay.io, mirrorSourcePolcy: NeverContactSource}]", "x"), 500, null, "failed to create typed patch object (/x; config.openshift.io/v1, Kind=ImageDigestMirrorSet): .spec.imageDigestMirrors[0].mirrorSourcePolcy: field not declared in schema");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/x{Manager}", Idms("[{source: quay.io, mirrors: [a.local/b, a.local/b]}]", "x"), 500, null, "failed to create typed patch object (/x; config.openshift.io/v1, Kind=ImageDigestMirrorSet): .spec.imageDigestMirrors[0].mirrors: duplicate entries for key [=\"a.local/b\"]");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/x{Manager}", Idms("[{source: quay.io, mirrorSourcePolicy: Never}]", "x"), 422, "Invalid", "ImageDigestMirrorSet.config.openshift.io \"x\" is invalid: spec.imageDigestMirrors[0].mirrorSourcePolicy: Unsupported value: \"Never\": supported values: \"NeverContactSource\", \"AllowContactingSource\"");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/x{Manager}", Idms("[{mirrors: [a.local/b]}]", "x"), 422, "Invalid", "ImageDigestMirrorSet.config.openshift.io \"x\" is invalid: spec.imageDigestMirrors[0].source: Required value");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/x{Manager}", Idms("[{source: 'https://quay.io'}]", "x"), 422, "Invalid", "ImageDigestMirrorSet.config.openshift.io \"x\" is invalid: spec.imageDigestMirrors[0].source: Invalid value: \"https://quay.io\": spec.imageDigestMirrors[0].source in body should match '^");
        Assert.Empty(cluster.Writes);
    }

    [Fact]
    public async Task What_is_missing_or_forbidden()
    {
        await using var cluster = await FakeCluster.Start(new() { Denied = ["list imagedigestmirrorsets", "patch imagedigestmirrorsets", "create imagetagmirrorsets"] });

        Assert.Equal((404, "404 page not found"), await Ask(cluster, HttpMethod.Get, "/apis/none.example.com/v1/things"));
        await Fails(cluster, HttpMethod.Get, $"{Sets}/nope", null, 404, "NotFound", "imagedigestmirrorsets.config.openshift.io \"nope\" not found");
        await Fails(cluster, HttpMethod.Delete, $"{Sets}/nope", null, 404, "NotFound", "imagedigestmirrorsets.config.openshift.io \"nope\" not found");
        await Fails(cluster, HttpMethod.Get, Sets, null, 403, "Forbidden", "imagedigestmirrorsets.config.openshift.io is forbidden: User \"tester\" cannot list resource \"imagedigestmirrorsets\" in API group \"config.openshift.io\" at the cluster scope");
        await Fails(cluster, HttpMethod.Patch, $"{Sets}/mirror-good{Manager}", Idms(), 403, "Forbidden", "imagedigestmirrorsets.config.openshift.io \"mirror-good\" is forbidden: User \"tester\" cannot patch resource \"imagedigestmirrorsets\" in API group \"config.openshift.io\" at the cluster scope");
        await Fails(cluster, HttpMethod.Patch, $"/apis/config.openshift.io/v1/imagetagmirrorsets/t{Manager}", "apiVersion: config.openshift.io/v1\nkind: ImageTagMirrorSet\nmetadata: {name: t}\nspec: {}\n", 403, "Forbidden", "imagetagmirrorsets.config.openshift.io \"t\" is forbidden: User \"tester\" cannot create resource");

        await using var closed = await FakeCluster.Start(new() { Token = "right" });
        Assert.Equal(401, (await Ask(closed, HttpMethod.Get, Sets)).Status);
        Assert.Equal(200, (await Ask(closed, HttpMethod.Get, Sets, token: "right")).Status);
    }
}
