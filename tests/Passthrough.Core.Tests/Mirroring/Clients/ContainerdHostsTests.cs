using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring.Clients;

/// <summary>Every recorded case of containerd v2.4.2; where v1.7.35 differs, it is by the capability <c>referrers</c>, by <c>dial_timeout</c> and by the words of its TOML reader: not modelled.</summary>
public sealed class ContainerdHostsTests
{
    const string Root = "/etc/containerd/certs.d";
    const string Certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
    const string Key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

    static readonly JToken Cases = Json.Parse(Fixtures.ReadText("containerd-hosts-golden.json"))["cases"]!;

    public static TheoryData<string> Ids => [.. Cases.Select(item => (string)item["id"]!)];

    [Theory]
    [MemberData(nameof(Ids))]
    public void Asks_whom_containerd_asks(string id)
    {
        var item = Cases.Single(one => (string)one["id"]! == id);
        var expected = item["out"]!;

        var hosts = ContainerdHosts.For((string)item["host"]!, ((JObject)item["files"]!).Properties().ToDictionary(file => file.Name, file => Expand((string)file.Value!)));

        Assert.Equal((string?)expected["dir"], hosts.Folder);
        Assert.Equal((string?)expected["error"], hosts.Error);
        var ignored = (string?)expected["parse_error"];
        // What is wrong with TOML is told in the words of the library that reads it.
        if (ignored?.StartsWith("toml: ", StringComparison.Ordinal) == true)
            Assert.StartsWith("toml: ", hosts.Ignored, StringComparison.Ordinal);
        else
            Assert.Equal(ignored, hosts.Ignored);
        Assert.Equal(Json.Compact(expected["hosts"]!), Json.Compact(new JArray(hosts.Hosts.Select(Shown))));
    }

    [Fact]
    public void Every_case_is_compared() => Assert.Equal(96, Cases.Count());

    // A table without a heading of its own is no host, and neither is its syntax wrong.
    [Theory]
    [InlineData("[host]\n'https://a.test' = {}\n", "https://quay.io/v2")]
    [InlineData("host = {'https://a.test' = {}}\n", "https://quay.io/v2")]
    [InlineData("[host.'https://a.test']\n[host.'https://b.test']\n[host.'https://a.test'.header]\n", "https://a.test/v2 https://b.test/v2 https://a.test/v2 https://quay.io/v2")]
    [InlineData("server = 'https://u:p@a.test:80/x%20y/../z?q#f'\n", "https://a.test:80/z/v2")]
    public void Order_is_the_order_of_headings(string toml, string urls) =>
        Assert.Equal(urls, string.Join(' ', ContainerdHosts.For("quay.io", new Dictionary<string, string> { ["quay.io/hosts.toml"] = toml }).Hosts.Select(host => host.Url)));

    [Theory]
    [InlineData("dial_timeout = '1h2.5m'\n", null)]
    [InlineData("dial_timeout = '-0'\n", null)]
    [InlineData("dial_timeout = '3'\n", "time: missing unit in duration \"3\"")]
    [InlineData("dial_timeout = '3x'\n", "time: unknown unit \"x\" in duration \"3x\"")]
    [InlineData("dial_timeout = '1.2.3s'\n", "time: invalid duration \"1.2.3s\"")]
    [InlineData("dial_timeout = '--3s'\n", "time: invalid duration \"--3s\"")]
    [InlineData("client = [5]\n", "invalid type int64 for \"client\"")]
    [InlineData("client = true\n", "invalid type true for \"client\"")]
    [InlineData("ca = ['a', 5]\n", "unable to cast 5 to string")]
    [InlineData("ca = {b = 1, a = [true]}\n", "invalid type map[a:[true] b:1] for \"ca\"")]
    [InlineData("header = {x = 5}\n", "invalid type 5 for header \"x\"")]
    [InlineData("server = 'https://a.test:x'\n", "unable to parse server https://a.test:x: parse \"https://a.test:x\": invalid port \":x\" after host")]
    [InlineData("server = 'a b'\n", "unable to parse server https://a b: parse \"https://a b\": invalid character \" \" in host name")]
    public void A_file_is_thrown_away_for_its_first_fault(string toml, string? fault) =>
        Assert.Equal(fault, ContainerdHosts.For("quay.io", new Dictionary<string, string> { ["quay.io/hosts.toml"] = toml }).Ignored);

    // In the form of the recordings, with their order of keys; how TLS is verified before plain http is tried could not be seen there.
    static JObject Shown(ContainerdHost host)
    {
        var shown = new JObject
        {
            ["url"] = host.Url,
            ["capabilities"] = string.Join(',', Enum.GetValues<ContainerdCapabilities>().Where(one => one is not (ContainerdCapabilities.None or ContainerdCapabilities.All) && host.Capabilities.HasFlag(one))).ToLowerInvariant(),
        };
        if (host.HttpsThenHttp)
            shown["https_then_http"] = true;
        else if (host.SkipVerify == true)
            shown["skip_verify"] = true;
        if (host.CaFiles is { } authorities)
            shown["ca"] = new JArray(authorities);
        if (!host.ClientFiles.IsEmpty)
        {
            shown["client"] = new JArray(host.ClientFiles.Select(pair => new JArray(pair.Key.Length > 0 ? [pair.Certificate, pair.Key] : new[] { pair.Certificate })));
            shown["client_certificates"] = host.ClientFiles.Length;
        }

        if (host.Header.Count > 0)
            shown["header"] = new JObject(host.Header.Select(one => new JProperty(one.Name, new JArray(one.Values))));
        return shown;
    }

    static string Expand(string text) =>
        text.Replace("@ROOT@", Root, StringComparison.Ordinal).Replace("@CERT@", Certificate, StringComparison.Ordinal).Replace("@KEY@", Key, StringComparison.Ordinal).Replace("@PEM@", Certificate + Key, StringComparison.Ordinal);
}
