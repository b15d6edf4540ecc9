using Newtonsoft.Json.Linq;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.MirrorRepo;

/// <summary>Against a real docker-registry with TLS and an account.</summary>
public sealed class MirrorRepoModuleTests : IAsyncLifetime, IDisposable
{
    readonly TestFolder folder = new("mirror-repo");
    Pki pki = null!;
    DockerRegistry registry = null!;

    public async Task InitializeAsync()
    {
        pki = new Pki(folder["pki"]);
        registry = await DockerRegistry.Start(folder["registry"], new() { Pki = pki, Accounts = new Dictionary<string, string> { ["pusher"] = "s3cret+/&" } });
    }

    public Task DisposeAsync() => registry.DisposeAsync().AsTask();

    public void Dispose()
    {
        pki.Dispose();
        folder.Dispose();
    }

    Task<JObject> Run(bool check = false, params (string Name, JToken? Value)[] more)
    {
        var parameters = JObject.FromObject(registry.Parameters());
        parameters["authfile"] = folder.Write("none.json", "{}");
        parameters["retries"] = 0;
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new MirrorRepoModule(), parameters, check, environment: registry.Environment().ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal));
    }

    static string Message(JObject answer) => (string)answer["msg"]!;

    [Fact]
    public async Task Every_upstream_has_its_place_and_nothing_ever_changes()
    {
        var mark = await registry.Mark();
        var predicted = await Run(check: true);
        Assert.Empty(await registry.Writes(mark));

        var first = await Run();
        var second = await Run();

        Assert.All([predicted, first, second], answer => Assert.False((bool)answer["changed"]!, answer.ToString()));
        Assert.Equal(10, first["mirror_map"]!.Count());
        Assert.Equal(predicted["mirror_map"]!, first["mirror_map"]!, JToken.EqualityComparer);
        Assert.Equal(("storage.googleapis.com/openshift-release", $"{registry.Name}/mirror/storage.googleapis.com/openshift-release"), ((string)first["mirror_map"]![6]!["source"]!, (string)first["mirror_map"]![6]!["mirror"]!));
        Assert.True((bool)first["namespace"]!["writable"]!);
        Assert.False((bool)first["namespace"]!["exists"]!);
        Assert.Equal(255, (int)first["limits"]!["max_name_length"]!);
        Assert.Equal(["POST", "DELETE", "POST", "DELETE"], (await registry.Writes(mark)).Select(write => write.Method));
    }

    [Fact]
    public async Task A_place_that_holds_images_is_not_asked_again()
    {
        await registry.Push(ImageBuilder.Image([ImageBuilder.Layer("app")]), "mirror/quay.io/team/app", "v1");
        var mark = await registry.Mark();

        var answer = await Run();

        Assert.True((bool)answer["namespace"]!["exists"]!, answer.ToString());
        Assert.Empty(await registry.Writes(mark));
    }

    [Fact]
    public async Task The_likes_of_the_namespace_are_not_it()
    {
        await registry.Push(ImageBuilder.Image([ImageBuilder.Layer("app")]), "mirror-of-somebody/app", "v1");
        await registry.Push(ImageBuilder.Image([ImageBuilder.Layer("app")]), "zzz/app", "v1");

        Assert.False((bool)(await Run())["namespace"]!["exists"]!);
    }

    [Fact]
    public async Task Repositories_and_templates()
    {
        var answer = await Run(more: [
            ("namespace", "team"),
            ("mirror_path_template", "{namespace}/of/{registry}/{path}"),
            ("upstreams", new JArray("quay.io", "reg.example.com:5000")),
            ("repositories", new JArray("quay.io/centos/centos:stream8", "nginx")),
        ]);

        Assert.Equal(
            [
                $"quay.io -> {registry.Name}/team/of/quay.io",
                $"reg.example.com:5000 -> {registry.Name}/team/of/reg.example.com_5000",
                $"quay.io/centos/centos -> {registry.Name}/team/of/quay.io/centos/centos",
                $"docker.io/library/nginx -> {registry.Name}/team/of/docker.io/library/nginx",
            ],
            answer["mirror_map"]!.Select(pair => $"{pair["source"]} -> {pair["mirror"]}"));
    }

    [Fact]
    public async Task Absent_of_nothing_is_nothing_and_of_something_is_refused()
    {
        var nothing = await Run(more: [("state", "absent")]);
        Assert.False((bool)nothing["changed"]!, nothing.ToString());
        Assert.Null(nothing["failed"]);

        await registry.Push(ImageBuilder.Image([ImageBuilder.Layer("app")]), "mirror/quay.io/team/app", "v1");
        var something = await Run(more: [("state", "absent")]);
        Assert.True((bool)something["failed"]!);
        Assert.Equal("UNSUPPORTED", (string)something["error"]!["code"]!);
        Assert.StartsWith("state absent: the distribution registry has no namespaces", Message(something), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_mistake_gives_one_sentence()
    {
        (string Start, JObject Answer)[] mistakes =
        [
            ($"cannot log in to {registry.Name}: {registry.Name} refused user \"pusher\"", await Run(more: [("password", "mistyped")])),
            ("cannot reach the registry https://127.0.0.1:1: ", await Run(more: [("registry_port", 1)])),
            ($"registry_type quay is wrong for {registry.Name}: a plain distribution registry answers there; set registry_type: "
                + "distribution", await Run(more: [("registry_type", "quay")])),
            ("visibility: the distribution registry shows all repositories to everybody whom it lets in", await Run(more: [("visibility", "private")])),
            ("quota: the distribution registry has no quotas", await Run(more: [("quota", "1G")])),
            ("immutable_tags: the distribution registry has no immutable tags", await Run(more: [("immutable_tags", true)])),
            ("grant_to: the distribution registry gives every account all rights", await Run(more: [("grant_to", new JArray("puller"))])),
            ("quota -1 is less than nothing", await Run(more: [("quota", -1)])),
            ("\"https://quay.io\" is no registry or part of one", await Run(more: [("upstreams", new JArray("https://quay.io"))])),
            ("image reference \"quay.io/Team/App\"", await Run(more: [("repositories", new JArray("quay.io/Team/App"))])),
            ("quay.io and docker.io would both be", await Run(more: [("upstreams", new JArray("quay.io", "docker.io")), ("mirror_path_template", "{namespace}/{path}")])),
            ("Unsupported parameters for (mirror_repo) module: upstream", await Run(more: [("upstream", "quay.io")])),
        ];

        foreach (var (start, answer) in mistakes)
        {
            Assert.True((bool?)answer["failed"] ?? false, $"{start}: {answer}");
            Assert.StartsWith(start, Message(answer), StringComparison.Ordinal);
            Assert.DoesNotContain('\n', Message(answer));
        }
    }

    [Fact]
    public async Task A_registry_that_is_read_only_is_said_to_be()
    {
        await using var readOnly = await DockerRegistry.Start(folder["read-only"], new() { ReadOnly = true });

        var answer = await Run(more: [("registry_port", readOnly.Port), ("scheme", "http"), ("ca_path", null)]);

        Assert.True((bool)answer["failed"]!, answer.ToString());
        Assert.StartsWith($"cannot write to {readOnly.Name}/mirror/passthrough-probe", Message(answer), StringComparison.Ordinal);
    }
}
