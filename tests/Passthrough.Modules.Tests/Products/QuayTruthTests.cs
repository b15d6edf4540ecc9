using System.Net.Http.Headers;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing.Registries.Quay;

namespace Passthrough.Modules.Tests.Products;

/// <summary>What is said of a Quay was seen on it, and nothing is left there that was only asked about.</summary>
public sealed class QuayTruthTests : IAsyncLifetime, IDisposable
{
    const string Organization = "/api/v1/organization/mirror";

    static readonly (string, JToken?) PullOnly = ("access", new JArray("pull"));

    QuayFake registry = null!;
    ProductRun run = null!;

    public async Task InitializeAsync()
    {
        registry = await QuayFake.Start(
            new QuaySettings { User = "quayadmin", Password = "Quay-Password-1", CreateNamespaceOnPush = false });
        run = new ProductRun("quay", registry, "quayadmin", "Quay-Password-1");
    }

    public void Dispose() => run.Dispose();

    public async Task DisposeAsync()
    {
        await registry.DisposeAsync();
    }

    async Task Api(string method, string path, JToken? body = null)
    {
        var (cookie, csrf) = registry.StartSession("quayadmin");
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(registry.Address, path));
        request.Headers.TryAddWithoutValidation("Cookie", $"_csrf_token={cookie}");
        request.Headers.TryAddWithoutValidation("X-CSRF-Token", csrf);
        if (body is not null)
            request.Content = new StringContent(Json.Compact(body), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using var response = await client.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode,
            $"{method} {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
    }

    async Task AddToTeam(string role, string member, string repositoryRole)
    {
        await Api("PUT", $"{Organization}/team/guests", new JObject { ["role"] = role });
        await Api("PUT", $"{Organization}/team/guests/members/{member}");
        await Api("PUT", "/api/v1/repository/mirror/quay.io/ns/app/permissions/team/guests", new JObject { ["role"] = repositoryRole });
    }

    [Theory]
    [InlineData("write")]
    [InlineData("admin")]
    public async Task A_team_that_lets_the_pulling_robot_write_is_left(string role)
    {
        registry.AddOrganization("mirror");
        registry.AddRepository("mirror/quay.io/ns/app");
        (await run.Auth(PullOnly)).MustChange();
        await AddToTeam("member", "mirror+ocp-pull", role);

        var predicted = (await run.PredictAuth(PullOnly)).MustChange();
        var done = (await run.Auth(PullOnly)).MustChange();

        Assert.Contains("take robot ocp-pull out of team guests", (string)predicted["msg"]!, StringComparison.Ordinal);
        Assert.Contains("was changed (take robot ocp-pull out of team guests", (string)done["msg"]!, StringComparison.Ordinal);
        Assert.False((bool)done["account"]!["may_push"]!);
        (await run.Auth(PullOnly)).MustNotChange();
        Assert.False((await run.Push("mirror/quay.io/ns/app:v1", run.PullDockerConfig)).Succeeded);
    }

    [Fact]
    public async Task A_team_that_only_reads_is_none_of_our_business()
    {
        registry.AddOrganization("mirror");
        registry.AddRepository("mirror/quay.io/ns/app");
        (await run.Auth(PullOnly)).MustChange();
        await AddToTeam("member", "mirror+ocp-pull", "read");

        (await run.Auth(PullOnly)).MustNotChange();
    }

    [Fact]
    public async Task Setup_leaves_no_repository_behind()
    {
        (await run.Auth()).MustChange();
        (await run.Auth(PullOnly)).MustChange();
        (await run.Repo()).MustNotChange();

        Assert.Empty(registry.RepositoryNames);
    }

    [Fact]
    public async Task A_given_owner_is_proved_without_making_a_repository()
    {
        registry.AddOrganization("mirror");

        var result = (await run.Auth(("method", "user"))).MustChange();

        Assert.Contains("may use", (string)result["msg"]!, StringComparison.Ordinal);
        Assert.Contains("push to mirror", (string)result["msg"]!, StringComparison.Ordinal);
        Assert.Empty(registry.RepositoryNames);
    }

    [Fact]
    public async Task An_owners_token_that_cannot_make_robots_gets_into_no_file_of_the_cluster()
    {
        registry.AddOrganization("mirror");
        registry.AddRepository("mirror/quay.io/ns/app");
        var token = registry.AddToken("quayadmin", "repo:write", "repo:read");

        (await run.Auth(PullOnly, ("token", token))).MustFail("may also push to mirror", "registry_pull_username");
        Assert.False(Path.Exists(run.PullDockerConfig));
    }

    [Fact]
    public async Task What_is_not_known_is_not_taken_for_pull_only()
    {
        registry.AddOrganization("mirror");
        var token = registry.AddToken("quayadmin", "repo:write", "repo:read");

        (await run.Auth(PullOnly, ("token", token))).MustFail("is not known");
        Assert.Empty(registry.RepositoryNames);
    }

    [Fact]
    public async Task An_organization_of_others_says_that_nothing_may_be_done()
    {
        registry.AddOrganization("mirror");
        registry.AddUser("bob", "Bobs-Password-1");
        using var bob = new ProductRun("quay", registry, "bob", "Bobs-Password-1");

        (await bob.Repo()).MustFail("is no owner of organization mirror and no member", "owners");
        (await bob.Repo(("state", "absent"))).MustFail("and no member, and may do nothing in it");
    }

    [Fact]
    public async Task A_member_is_told_that_the_settings_are_not_known()
    {
        registry.AddOrganization("mirror");
        registry.AddRepository("mirror/quay.io/ns/app");
        registry.AddUser("bob", "Bobs-Password-1");
        await AddToTeam("member", "bob", "write");
        using var bob = new ProductRun("quay", registry, "bob", "Bobs-Password-1");

        Assert.Contains("its settings are not known: user \"bob\" is not an owner", (string)(await bob.Repo()).MustNotChange()["msg"]!,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Drift_is_in_the_sentence()
    {
        (await run.Auth()).MustChange();
        await Api("DELETE", $"{Organization}/team/passthrough-creators/members/mirror+ocp-mirror");

        Assert.Contains("would be changed (put robot ocp-mirror into team passthrough-creators",
            (string)(await run.PredictAuth()).MustChange()["msg"]!, StringComparison.Ordinal);
        Assert.Contains("was changed (put robot ocp-mirror into team passthrough-creators",
            (string)(await run.Auth()).MustChange()["msg"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_mode_knows_that_robots_are_switched_off()
    {
        registry.AddOrganization("mirror");
        registry.Settings.RobotsDisallow = true;

        (await run.PredictAuth()).MustFail("robot accounts are switched off", "ROBOTS_DISALLOW");
    }

    [Fact]
    public async Task What_was_reached_before_a_failure_is_told_and_no_more()
    {
        registry.AddOrganization("mirror");
        foreach (var name in new[] { "one", "two", "three" })
            registry.AddRepository($"mirror/{name}");
        (await run.Auth()).MustChange();
        foreach (var name in new[] { "one", "two", "three" })
            await Api("PUT", $"/api/v1/repository/mirror/{name}/permissions/user/mirror+ocp-mirror", new JObject { ["role"] = "read" });
        registry.Before = call => call.Method == "PUT" && call.Path.Contains("/mirror/two/", StringComparison.Ordinal)
            ? Passthrough.Testing.Registries.FakeAnswer.Json(403, new JObject { ["error_message"] = "no" }) : null;

        var result = await run.Auth();

        Assert.True((bool)result["failed"]!);
        Assert.Equal(["let robot ocp-mirror write in 1 repositories of mirror that are there (one)"], result.Actions());
    }
}
