using Newtonsoft.Json.Linq;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries.Artifactory;

namespace Passthrough.Modules.Tests.MirrorRepo;

/// <summary><c>mirror_repo</c> on Artifactory.</summary>
public sealed class ArtifactoryNamespaceTests : IAsyncLifetime, IDisposable
{
    readonly TestFolder folder = new("artifactory-namespace");
    ArtifactoryServer server = null!;
    string adminToken = null!;

    public Task InitializeAsync() => Restart(new());

    public Task DisposeAsync() => server.DisposeAsync().AsTask();

    public void Dispose() => folder.Dispose();

    async Task Restart(ArtifactorySettings settings)
    {
        if (server is not null)
            await server.DisposeAsync();
        server = await ArtifactoryServer.Start(settings);
        adminToken = server.MintToken();
    }

    Task<JObject> Run(bool check = false, params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject
        {
            ["registry_type"] = "jfrog",
            ["registry_host"] = "127.0.0.1",
            ["registry_port"] = server.Port,
            ["scheme"] = "http",
            ["token"] = adminToken,
            ["authfile"] = folder.Write("none.json", "{}"),
            ["retries"] = 0,
        };
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new MirrorRepoModule(), parameters, check, diff: true);
    }

    static void AssertChanged(bool expected, JObject answer) => Assert.True((bool?)answer["failed"] != true && (bool)answer["changed"]! == expected, answer.ToString());

    static string Fault(JObject answer)
    {
        Assert.True((bool?)answer["failed"] ?? false, answer.ToString());
        var (message, hint) = ((string)answer["msg"]!, (string?)answer["error"]!["hint"]);
        return hint is not null && message.EndsWith("; " + hint, StringComparison.Ordinal) ? message[..^(hint.Length + 2)] : message;
    }

    IEnumerable<string> Writes => server.Web.Requests.Where(request => request.IsWrite).Select(request => $"{request.Method} {request.Path.Split('?')[0]}");

    void PushTo(string name)
    {
        var image = ImageBuilder.Image([ImageBuilder.Layer("namespace")]);
        foreach (var blob in image.AllBlobs)
            server.Content.PutBlob(name, blob.Digest, blob.Bytes);
        server.Content.PutManifest(name, image.Manifest, "v1");
    }

    [Fact]
    public async Task First_run_makes_the_repository_the_second_nothing_and_check_mode_predicts()
    {
        var predicted = await Run(check: true, more: ("description", "Images for the cluster"));
        AssertChanged(true, predicted);
        Assert.Empty(Writes);

        var first = await Run(more: ("description", "Images for the cluster"));
        AssertChanged(true, first);
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);
        Assert.Equal(predicted["diff"]!, first["diff"]!, JToken.EqualityComparer);
        Assert.Equal("create local Docker repository mirror", (string)Assert.Single(first["actions"]!)!);
        Assert.Equal("name: mirror\ndescription: Images for the cluster\n", (string)first["diff"]![0]!["after"]!);
        Assert.True((bool)first["namespace"]!["created"]!);
        Assert.Equal(10, first["mirror_map"]!.Count());
        Assert.Equal(("local", "docker", 0, false), ((string)server.Repository("mirror")!["rclass"]!, (string)server.Repository("mirror")!["packageType"]!, (int)server.Repository("mirror")!["maxUniqueTags"]!, (bool)server.Repository("mirror")!["xrayIndex"]!));

        server.Web.ClearRequests();
        AssertChanged(false, await Run(more: ("description", "Images for the cluster")));
        AssertChanged(false, await Run());
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task What_differs_is_changed_and_nothing_else()
    {
        server.AddRepository("mirror", change: repository =>
        {
            repository["maxUniqueTags"] = 5;
            repository["notes"] = "of the administrator";
        });

        var answer = await Run(more: ("description", "new"));

        AssertChanged(true, answer);
        Assert.Equal(["describe repository mirror as \"new\"", "keep all tags in repository mirror, not only the newest 5"], answer["actions"]!.Select(action => (string)action!));
        Assert.Equal((0, "new", "of the administrator"), ((int)server.Repository("mirror")!["maxUniqueTags"]!, (string)server.Repository("mirror")!["description"]!, (string)server.Repository("mirror")!["notes"]!));
        AssertChanged(false, await Run(more: ("description", "new")));
    }

    [Theory]
    [InlineData("remote", "docker", "a remote repository, which only passes on what another registry has")]
    [InlineData("virtual", "docker", "a virtual repository, which only shows what others hold")]
    [InlineData("local", "generic", "a repository for generic")]
    public async Task A_repository_of_another_kind_is_left_alone(string rclass, string package, string what)
    {
        server.AddRepository("mirror", rclass, package);

        var sentence = $"mirror on {server.Name} cannot hold a mirror: it is {what}";
        Assert.Equal(sentence, Fault(await Run()), ignoreCase: true);
        Assert.Equal(sentence, Fault(await Run(more: [("state", "absent"), ("force", true)])), ignoreCase: true);
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task A_full_repository_goes_only_by_force()
    {
        await Run();
        PushTo("mirror/quay.io/team/app");
        server.Web.ClearRequests();

        var refused = await Run(more: ("state", "absent"));
        Assert.Equal($"mirror on {server.Name} holds images, so it was not removed", Fault(refused));
        Assert.Equal("remove the images first, or set force: true to remove it with all of them", (string)refused["error"]!["hint"]!);
        AssertChanged(true, await Run(check: true, more: [("state", "absent"), ("force", true)]));
        Assert.Empty(Writes);

        AssertChanged(true, await Run(more: [("state", "absent"), ("force", true)]));
        Assert.Null(server.Repository("mirror"));
        Assert.Empty(server.Content.Repositories);
        AssertChanged(false, await Run(more: [("state", "absent"), ("force", true)]));

        // What only the probe left is nothing.
        await Run();
        PushTo("mirror/passthrough-probe");
        AssertChanged(true, await Run(more: ("state", "absent")));
    }

    /// <summary>What no recording tells: 404 for what is missing, another node that answers late, two changes at a time.</summary>
    [Theory]
    [InlineData(true, 0, 0)]
    [InlineData(false, 2, 0)]
    [InlineData(false, 0, 2)]
    public async Task Whatever_the_cluster_is_like_one_repository_is_made(bool missingIs404, int lag, int conflicts)
    {
        await Restart(new() { MissingIs404 = missingIs404, NodesLag = lag });
        server.MergeConflicts = conflicts;

        AssertChanged(true, await Run());
        Assert.Equal(1 + conflicts, Writes.Count(write => write == "PUT /artifactory/api/repositories/mirror"));
        AssertChanged(false, await Run());
        AssertChanged(true, await Run(more: ("state", "absent")));
    }

    [Fact]
    public async Task The_free_edition_says_what_to_click_and_takes_what_was_clicked()
    {
        await Restart(new() { Edition = ArtifactoryEdition.Jcr });
        var sentence = $"there is no repository mirror on {server.Name}: the JCR edition of Artifactory cannot make, change or remove repositories over REST";

        var answer = await Run();
        Assert.Equal(sentence, Fault(answer));
        Assert.StartsWith("do it in its web interface: Administration, Repositories, Local, package type Docker", (string)answer["error"]!["hint"]!, StringComparison.Ordinal);
        Assert.Equal(sentence, Fault(await Run(check: true)));

        server.AddRepository("mirror");
        AssertChanged(false, await Run());
        Assert.StartsWith($"state absent: there is a repository mirror on {server.Name}: the JCR edition", Fault(await Run(more: ("state", "absent"))), StringComparison.Ordinal);
        Assert.Empty(Writes);
    }

    [Fact]
    public async Task A_service_account_may_look_and_what_it_cannot_do_is_said()
    {
        server.AddRepository("mirror");
        var pusher = server.MintToken("ocp-mirror", "artifact:mirror/**:r,w");

        AssertChanged(false, await Run(more: ("token", pusher)));

        server.AddRepository("mirror2");
        Assert.StartsWith("cannot create local Docker repository elsewhere: the token of ocp-mirror is no administrator of Artifactory", Fault(await Run(more: [("token", pusher), ("namespace", "elsewhere")])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Anonymous_access_is_warned_of()
    {
        await Restart(new() { AllowsAnonymous = true });

        var answer = await Run();

        Assert.Equal($"anybody who reaches {server.Name} can pull from mirror: anonymous access is on and a permission target lets user anonymous read it", (string)Assert.Single(answer["warnings"]!)!);
    }

    [Fact]
    public async Task What_Artifactory_cannot_do_is_said_with_what_can_be_done()
    {
        (string Sentence, string Hint, JObject Answer)[] wishes =
        [
            ("quota: Artifactory has no quota for one repository", "limit the storage in Administration, or use a project with a quota", await Run(more: ("quota", "500G"))),
            ("visibility: Artifactory shows a repository to anonymous users by a permission target, not by a switch of the repository", "allow anonymous access and give user anonymous read in a permission target, or the reverse", await Run(more: ("visibility", "public"))),
            ("immutable_tags: Artifactory has no switch for immutable tags", "leave delete out of access: a token without it may not replace what is there", await Run(more: ("immutable_tags", true))),
            ("grant_to: the rights of an Artifactory token cannot be changed", "registry_auth replaces a token whose rights are not those asked for; users get rights by a permission target on the repository", await Run(more: ("grant_to", new JArray("ocp-mirror")))),
            ($"namespace \"{new string('a', 65)}\" is no name that Artifactory takes: 1 to 64 characters, lower-case letters and digits, with . _ - between them", "choose another namespace", await Run(more: ("namespace", new string('a', 65)))),
        ];

        foreach (var (sentence, hint, answer) in wishes)
            Assert.Equal((sentence, hint), (Fault(answer), (string)answer["error"]!["hint"]!));
        Assert.Empty(Writes);
    }
}
