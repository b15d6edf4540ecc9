using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Modules.Shared;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.Shared;

public sealed class RegistryConnectionTests
{
    static ModuleContext Context(params (string Name, JToken Value)[] given)
    {
        var values = new JObject();
        foreach (var argument in RegistryConnection.Arguments)
            values[argument.Name] = argument.Default is null ? JValue.CreateNull() : JToken.FromObject(argument.Default);
        values["registry_host"] = "Registry.Example.com";
        foreach (var (name, value) in given)
            values[name] = value;
        return new ModuleContext { Arguments = new ModuleArguments(values) };
    }

    static string Refused(params (string Name, JToken Value)[] given) =>
        Assert.Throws<ModuleException>(() => RegistryConnection.From(Context(given))).Message;

    [Fact]
    public void Defaults_are_the_network_policy()
    {
        var connection = RegistryConnection.From(Context());

        Assert.Equal("https://registry.example.com", connection.Endpoint.ToString());
        Assert.Equal("mirror-registry", connection.Product.Name);
        Assert.True(connection.Options is { ValidateCertificates: true, UseProxy: true, CaPath: null, Retries: 5 });
        Assert.Equal((30, 120, 10), (connection.Options.Timeout.TotalSeconds, connection.Options.StallTimeout.TotalSeconds, connection.Options.AnswerTimeout.TotalMinutes));
    }

    [Fact]
    public void What_is_given_is_used_for_this_registry_alone()
    {
        using var folder = new TestFolder("connection");
        var authfile = folder.Write("auth.json", """{"auths": {"quay.io": {"auth": "YW5uOm90aGVyLXNlY3JldA=="}, "registry.example.com:8443": {"auth": "YW5uOm90aGVyLXNlY3JldA=="}}}""");
        var context = Context(("registry_port", 8443), ("username", "bob"), ("password", "s3cret"), ("authfile", authfile));

        var credentials = RegistryConnection.From(context).Credentials;

        Assert.Equal("bob", credentials.Find("registry.example.com:8443", "mirror/a")!.Username);
        Assert.Equal("ann", credentials.Find("quay.io", "a")!.Username);
        Assert.Null(credentials.Find("registry.example.com", "a"));
        Assert.DoesNotContain("s3cret", context.Secrets.Mask("the password is s3cret"), StringComparison.Ordinal);
        Assert.DoesNotContain("other-secret", context.Secrets.Mask("the password is other-secret"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_a_template_left_empty_are_none()
    {
        await using var registry = await ZotFake.Start();
        var connection = RegistryConnection.From(Context(
            ("registry_type", "distribution"), ("registry_host", "127.0.0.1"), ("registry_port", registry.Port), ("scheme", "http"),
                ("ca_path", ""), ("client_cert", ""), ("client_key", ""), ("token", "")));

        Assert.Equal((null, null, null), (connection.Options.CaPath, connection.Options.ClientCertificate, connection.Options.ClientKey));
        (await connection.OpenStoreAsync(default)).Dispose();
        using var folder = new TestFolder("connection");
        var authfile = folder.Write("auth.json", "{}");
        Assert.Null(RegistryConnection.From(Context(("authfile", authfile), ("username", ""))).Credentials.Find("registry.example.com", "a"));
    }

    [Fact]
    public void Tokens_that_are_minted_are_masked()
    {
        var context = Context();

        RegistryConnection.From(context).Options.OnSecret!("minted-token");

        Assert.DoesNotContain("minted-token", context.Secrets.Mask("Bearer minted-token"), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_credentials_the_auth_file_has_them()
    {
        using var folder = new TestFolder("connection");
        var authfile = folder.Write("auth.json", """{"auths": {"registry.example.com": {"auth": "YW5uOng="}}}""");

        var credentials = RegistryConnection.From(Context(("username", ""), ("password", ""), ("authfile", authfile))).Credentials;

        Assert.Equal("ann", credentials.Find("registry.example.com", "mirror/a")!.Username);
    }

    [Fact]
    public void A_wrong_value_is_named()
    {
        Assert.Equal("password is given without username", Refused(("password", "x")));
        Assert.Equal("username is given without password", Refused(("username", "x")));
        Assert.Equal("username has a colon, which no registry can receive", Refused(("username", "x:y"), ("password", "z")));
        Assert.Equal("client_key is given without client_cert", Refused(("client_key", "/x")));
        Assert.Equal("timeout 0 is not between 1 and 3600 seconds", Refused(("timeout", 0)));
        Assert.Equal("retries -1 is not between 0 and 100", Refused(("retries", -1)));
        Assert.Equal("registry_host \"https://x/mirror\" cannot be used: it has a path", Refused(("registry_host", "https://x/mirror")));
    }

    [Fact]
    public void Secrets_are_marked_and_the_environment_is_asked_for_them()
    {
        Assert.Equal(["password", "token"], RegistryConnection.Arguments.Where(argument => argument.NoLog).Select(argument => argument.Name));
        Assert.Equal(["REGISTRY_USERNAME", "REGISTRY_PASSWORD", "REGISTRY_TOKEN"], RegistryConnection.Arguments.SelectMany(argument => argument.EnvironmentFallback));
        Assert.All(RegistryConnection.OptionalArguments, argument => Assert.False(argument.Required));
    }
}
