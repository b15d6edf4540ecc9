using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Registry;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring.Clients;

/// <summary>What we write for containerd is read as containerd reads it.</summary>
public sealed class ContainerdHostsFileTests
{
    static MirrorSource Source(string source, MirrorSourcePolicy policy, params string[] mirrors) => new(source, [.. mirrors], policy) { Priority = "core" };

    static ContainerdHosts Read(MirrorSource source, string registry = "https://registry.local:8443", bool skipVerify = false, string? caFile = null)
    {
        var files = new Dictionary<string, string> { [$"{source.Source}/hosts.toml"] = ContainerdHostsFile.Render(source, RegistryEndpoint.Parse(registry), skipVerify, caFile) };
        if (caFile is not null)
            files[caFile] = "-----BEGIN CERTIFICATE-----";
        var hosts = ContainerdHosts.For(source.Source, files);
        Assert.Null(hosts.Ignored);
        Assert.Null(hosts.Error);
        return hosts;
    }

    [Theory]
    [InlineData("quay.io", "https://quay.io/v2")]
    [InlineData("docker.io", "https://registry-1.docker.io/v2")]
    [InlineData("reg.example.com:5000", "https://reg.example.com:5000/v2")]
    public void The_source_is_asked_last_where_it_may_be(string source, string last) => Assert.Equal(
        ["https://registry.local:8443/v2/mirror/x", "https://backup.local/v2/y", last],
        Read(Source(source, MirrorSourcePolicy.AllowContactingSource, "registry.local:8443/mirror/x", "backup.local/y")).Hosts.Select(host => host.Url));

    [Fact]
    public void The_source_is_never_asked_where_it_may_not()
    {
        var hosts = Read(Source("quay.io", MirrorSourcePolicy.NeverContactSource, "registry.local:8443/mirror/quay.io"), caFile: "ca.crt").Hosts;

        Assert.All(hosts, host => Assert.Equal("https://registry.local:8443/v2/mirror/quay.io", host.Url));
        Assert.All(hosts, host => Assert.Equal<string>(["/etc/containerd/certs.d/ca.crt"], host.CaFiles!.Value));
        Assert.Equal(ContainerdCapabilities.Pull | ContainerdCapabilities.Resolve, hosts[0].Capabilities);
    }

    [Fact]
    public void Trust_is_that_of_our_registry_alone()
    {
        var hosts = Read(Source("quay.io", MirrorSourcePolicy.AllowContactingSource, "registry.local:8443/m", "backup.local/y"), skipVerify: true, caFile: "ca.crt").Hosts;
        Assert.Equal([true, null, null], hosts.Select(host => host.SkipVerify));
        Assert.Equal([true, false, false], hosts.Select(host => host.CaFiles is not null));

        var plain = Read(Source("quay.io", MirrorSourcePolicy.NeverContactSource, "registry.local:5000/m"), "http://registry.local:5000", skipVerify: true, caFile: "ca.crt").Hosts;
        Assert.All(plain, host => Assert.Equal(("http://registry.local:5000/v2/m", false), (host.Url, host.HttpsThenHttp)));
    }

    [Theory]
    [InlineData("quay.io", true)]
    [InlineData("quay.io/team", false)]
    [InlineData("*.example.com", false)]
    public void Whole_hosts_can_be_redirected(string source, bool can) => Assert.Equal(can, ContainerdHostsFile.CanRedirect(source));

    [Theory]
    [InlineData(MirrorSourcePolicy.AllowContactingSource)]
    [InlineData(MirrorSourcePolicy.NeverContactSource)]
    public Task The_text(MirrorSourcePolicy policy) =>
        Snapshot.Verify(ContainerdHostsFile.Render(Source("quay.io", policy, "registry.local:8443/mirror/quay.io"), RegistryEndpoint.Parse("registry.local:8443"), skipVerify: false, "registry.local-8443-ca.crt"), "toml", policy.ToString());
}
