using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Tests.Registry;

/// <summary>NO_PROXY as curl and Go's clients read it, and errors that come from a proxy and say so.</summary>
public sealed class ProxyRulesTests
{
    static ProxyRules Rules(string noProxy, string variable = "NO_PROXY") => new(name => name switch
    {
        "HTTPS_PROXY" => "http://proxy.example.com:3128",
        "http_proxy" => "proxy.example.com:3129",
        _ => name == variable ? noProxy : null,
    });

    [Theory]
    [InlineData("10.0.0.0/8", "https://10.1.2.3:8443/", true)]
    [InlineData("10.1.2.3/8", "https://10.200.0.1/", true)]
    [InlineData("10.0.0.0/8", "https://11.1.2.3/", false)]
    [InlineData("10.0.0.0/8", "https://registry.example.com/", false)]
    [InlineData("fd00::/8", "https://[fd00::1]:5000/", true)]
    [InlineData("[::2]:8443", "https://[::2]:8443/", true)]
    [InlineData("[::2]:8443", "https://[::2]/", false)]
    [InlineData("::2", "https://[::2]:5000/", true)]
    [InlineData("registry.corp.example:8443", "https://registry.corp.example:8443/", true)]
    [InlineData("registry.corp.example:8443", "https://registry.corp.example/", false)]
    [InlineData("corp.example", "https://corp.example/", true)]
    [InlineData("corp.example", "https://registry.corp.example:8443/", true)]
    [InlineData("corp.example", "https://notcorp.example/", false)]
    [InlineData(".corp.example", "https://registry.corp.example/", true)]
    [InlineData("*.corp.example", "https://registry.corp.example/", true)]
    [InlineData("*.corp.example", "https://corp.example/", false)]
    [InlineData("CORP.example.", "https://Registry.Corp.Example/", true)]
    [InlineData("*", "https://quay.io/", true)]
    [InlineData("a.example, corp.example", "https://registry.corp.example/", true)]
    [InlineData("a.example corp.example", "https://registry.corp.example/", true)]
    [InlineData("192.0.2.7", "https://192.0.2.7:5000/", true)]
    [InlineData("192.0.2.7", "https://192.0.2.70/", false)]
    [InlineData("10.0.0.0/99,/,:,quay.io", "https://quay.io/", true)]
    [InlineData("", "https://127.0.0.1:5000/", true)]
    [InlineData("", "http://localhost:5000/", true)]
    [InlineData("", "https://quay.io/", false)]
    public void What_goes_past_the_proxy(string noProxy, string address, bool isDirect)
    {
        Assert.Equal(isDirect, Rules(noProxy).GetProxy(new Uri(address)) is null);
        Assert.Equal(isDirect, Rules(noProxy, "no_proxy").IsBypassed(new Uri(address)));
    }

    [Fact]
    public void Each_scheme_has_its_proxy_and_its_password_is_not_part_of_the_address()
    {
        var rules = new ProxyRules(name => name == "https_proxy" ? "http://bob:p%40ss@proxy.example.com:3128/" : null);

        var proxy = rules.GetProxy(new Uri("https://quay.io/"))!;

        Assert.Equal("http://proxy.example.com:3128/", proxy.AbsoluteUri);
        Assert.Equal(("bob", "p@ss"),
            (rules.Credentials!.GetCredential(proxy, "Basic")!.UserName, rules.Credentials.GetCredential(proxy, "Basic")!.Password));
        Assert.Null(rules.GetProxy(new Uri("http://quay.io/")));
        Assert.Equal(3129, Rules("").GetProxy(new Uri("http://quay.io/"))!.Port);
    }

    static async Task<ModuleException> Fails(string scheme, int proxy, int retries = 0)
    {
        var options = new ConnectionOptions
        {
            Retries = retries,
            Proxies = new ProxyRules(name =>
                name.EndsWith("_PROXY", StringComparison.Ordinal) && name != "NO_PROXY" ? $"http://127.0.0.1:{proxy}" : null)
        };
        using var store = new RegistryStore(new RegistryEndpoint(scheme, "registry.corp.example", 8443), options,
            NoCredentials.Instance, random: () => 0);
        return await Assert.ThrowsAsync<ModuleException>(() =>
            store.ResolveAsync(new Reference("registry.corp.example:8443", "a") { Tag = "v1" }, default));
    }

    [Theory]
    [InlineData("403 Forbidden", "let the proxy allow registry.corp.example:8443")]
    [InlineData("407 Proxy Authentication Required", "user name and password into HTTPS_PROXY")]
    [InlineData("502 Bad Gateway", "the proxy cannot reach registry.corp.example:8443")]
    [InlineData("503 Service Unavailable", "the proxy cannot reach registry.corp.example:8443")]
    public async Task A_tunnel_that_the_proxy_refuses_is_not_blamed_on_the_registry(string status, string hint)
    {
        await using var proxy = new RawServer((_, _) => RawServer.Answer(status, "<html><title>Squid</title></html>"));

        var fault = await Fails("https", proxy.Port);

        Assert.Contains($"the proxy 127.0.0.1:{proxy.Port} refuses to connect to registry.corp.example:8443 ({status})", fault.Message,
            StringComparison.Ordinal);
        Assert.Contains(hint, fault.Hint, StringComparison.Ordinal);
        Assert.Contains("NO_PROXY", fault.Hint, StringComparison.Ordinal);
        Assert.StartsWith("CONNECT registry.corp.example:8443", Assert.Single(proxy.Requests), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("503 Service Unavailable")]
    [InlineData("403 Forbidden")]
    [InlineData("407 Proxy Authentication Required")]
    public async Task A_page_of_the_proxy_says_so(string status)
    {
        await using var proxy = new RawServer((_, _) =>
            RawServer.Answer(status, "<html><title>Access Denied</title></html>", "Content-Type: text/html"));

        var fault = await Fails("http", proxy.Port);

        Assert.Contains("the proxy", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("registry_host", fault.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_that_is_not_there_is_named_and_not_the_registry()
    {
        var fault = await Fails("https", 1);

        Assert.Contains("the proxy 127.0.0.1:1: nobody listens there", fault.Message, StringComparison.Ordinal);
        Assert.Contains("correct HTTPS_PROXY", fault.Hint, StringComparison.Ordinal);
    }
}
