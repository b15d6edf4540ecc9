using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Registry.Auth;

public sealed class AuthFileSearchTests
{
    static AuthFileSearch Search(params string[] variables) =>
        new(name => variables.Contains(name) ? "/" + name : null, "4242");

    [Fact]
    public void The_library_s_order_is_kept_with_every_set_of_variables()
    {
        var recorded = ((JObject)Json.Parse(Fixtures.ReadText("authfile-golden.json")))["search"]!
            .Where(item => item["order"] is JArray { Count: > 1 }).ToList();
        Assert.NotEmpty(recorded);

        foreach (var item in recorded)
        {
            var search = Search([.. item["environment"]!.Select(name => (string)name!)]);
            Assert.Equal(
                item["order"]!.Select(place => ((string)place!).Replace("$UID", "4242", StringComparison.Ordinal).Replace('$', '/')),
                search.Defaults().Select(place => place.Path));
        }
    }

    [Fact]
    public void A_file_that_is_named_is_the_only_one()
    {
        Assert.Equal([new("/a/auth.json", MustExist: true)], Search("HOME", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG").Places("/a/auth.json"));
        Assert.Equal([new("/REGISTRY_AUTH_FILE", MustExist: true)], Search("HOME", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG").Places(null));
        Assert.Equal([new("/DOCKER_CONFIG/config.json")], Search("HOME", "DOCKER_CONFIG").Places(null));
        Assert.Equal(4, Search("HOME").Places(null).Count);
    }

    [Fact]
    public void The_next_file_is_asked_where_one_has_nothing()
    {
        using var folder = new TestFolder("auth-files");
        var first = folder.Write("first.json", """{"auths": {"quay.io": {}, "registry.io": {"auth": "dTE6cHc="}}}""");
        var second = folder.Write("second.json", """{"auths": {"quay.io": {"auth": "dTI6c2Vjb25k"}, "registry.io": {"auth": "dTI6cHc="}}}""");
        var secrets = new List<string?>();
        var files = new AuthFiles([new(first), new(folder["missing.json"]), new(second)], secrets.Add, CredentialHelper.Ask);

        Assert.Equal("u2", files.Find("quay.io", "a/b")!.Username);
        Assert.Equal("u1", files.Find("registry.io", "a/b")!.Username);
        Assert.Null(files.Find("other.io", "a/b"));
        Assert.Contains("second", secrets);
    }

    [Fact]
    public void A_named_file_that_is_missing_is_a_mistake()
    {
        var fault = Assert.Throws<ModuleException>(() => new AuthFiles("/no/such/auth.json").Find("quay.io", "a"));
        Assert.Equal("auth file /no/such/auth.json does not exist", fault.Message);
        Assert.Equal(ErrorCodes.File, fault.Code);
    }
}
