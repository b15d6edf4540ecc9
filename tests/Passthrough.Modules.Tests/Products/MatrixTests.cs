using Newtonsoft.Json.Linq;
using Passthrough.Core.Admin;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Products;

/// <summary>Wherever the matrix of docs/registries.md says no, asking for it gets the sentence of that page, with what to do instead, and changes nothing.</summary>
public sealed class MatrixTests : IDisposable
{
    readonly TestFolder folder = new("matrix");

    public static TheoryData<string> Editions => [.. RegistryProducts.All.SelectMany(product => product.Editions).Select(edition => edition.Title)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Editions))]
    public async Task What_cannot_be_done_says_so(string title)
    {
        await using var stage = await ProductStage.Open(title, folder);
        var run = new StagedRun(stage, folder);
        var edition = RegistryProducts.All.SelectMany(product => product.Editions).Single(one => one.Title == title);
        // A place that is empty can be said to be away.
        if (stage.Server is DockerRegistry registry)
            await registry.Push(ImageBuilder.Image([ImageBuilder.Layer("there")]), "mirror/quay.io/team/app", "v1");
        var writes = (await stage.Writes()).Count;
        (Ability Ability, string Asked, Func<Task<JObject>> Ask)[] requests =
        [
            (edition.Account, "method: robot", () => run.Auth(("method", "robot"))),
            (edition.Rights, "grant_to", () => run.Repo(("grant_to", new[] { "somebody" }))),
            (edition.Rotation, "rotate: always", () => run.Auth(("rotate", "always"))),
            (edition.Expiry, "expires_days", () => run.Auth(("expires_days", 30))),
            (edition.OwnSecret, "secret", () => run.Auth(("secret", "My0wnS3cret"))),
            (edition.Namespace, title == "Artifactory JCR" ? $"there is no repository mirror on {stage.Name}" : "state absent", () => run.Repo(("state", title == "Artifactory JCR" ? "present" : "absent"))),
            (edition.Quota, "quota", () => run.Repo(("quota", "10G"))),
            (edition.Visibility, "visibility", () => run.Repo(("visibility", "private"))),
            (edition.Immutability, "immutable_tags", () => run.Repo(("immutable_tags", true))),
        ];

        // Harbor can do all of it.
        Assert.Equal(title == "Harbor", requests.All(request => request.Ability.IsThere));
        foreach (var (ability, asked, ask) in requests.Where(request => !request.Ability.IsThere))
        {
            var result = await ask();
            result.MustFail($"{asked}: {ability.Text}", asked == "state absent" ? null : ability.Instead);
            Assert.Equal("UNSUPPORTED", (string)result["error"]!["code"]!);
        }

        // This one is no failure: the account is what there is.
        if (!edition.PullAccount.IsThere)
            Assert.Contains($"access is pull alone, but {edition.PullAccount.Text}: {edition.PullAccount.Instead}", (await run.Auth([StagedRun.PullOnly, ("check", true)])).MustChange().Warnings());
        Assert.Equal(writes, (await stage.Writes()).Count);
    }
}
