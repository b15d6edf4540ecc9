using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class TrustedCaTests : IDisposable
{
    readonly TestFolder folder = new("trusted-ca");
    readonly string ca;

    public TrustedCaTests()
    {
        using var pki = new Pki(folder["pki"]);
        ca = File.ReadAllText(pki.CaFile).ReplaceLineEndings("\n").TrimEnd();
    }

    public void Dispose() => folder.Dispose();

    static string Refusal(string pem) => Assert.Throws<ModuleException>(() => TrustedCa.Certificates("ca.pem", pem)).Message;

    [Fact]
    public void Certificates_stay_as_they_are_and_what_is_between_them_goes()
    {
        Assert.Equal($"{ca}\n", TrustedCa.Certificates("ca.pem", ca));
        Assert.Equal($"{ca}\n{ca}\n", TrustedCa.Certificates("ca.pem", $"# Subject: CN=one\r\n{ca.ReplaceLineEndings("\r\n")}\r\n\r\n# two\r\n{ca}"));
    }

    [Fact]
    public void What_cannot_be_published_or_used_is_refused()
    {
        Assert.Equal("registry_ca_file ca.pem holds no certificate", Refusal("nothing"));
        Assert.Equal("registry_ca_file ca.pem holds a private key, and everybody may read what is made of it", Refusal($"{ca}\n-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n"));
        Assert.Equal("registry_ca_file ca.pem holds a damaged certificate", Refusal("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"));
    }

    [Theory]
    [InlineData("registry.local:8443", "registry.local..8443")]
    [InlineData("registry.local", "registry.local")]
    public void The_ConfigMap_has_the_registry_as_its_key(string authority, string key)
    {
        var document = Assert.Single(Yaml.ParseAll(TrustedCa.Render(authority, ca + "\n")));

        Assert.Equal($"{ca}\n", (string)document["data"]![key]!);
        Assert.Equal(("ConfigMap", "registry-passthrough-ca", "openshift-config"), ((string)document["kind"]!, (string)document["metadata"]!["name"]!, (string)document["metadata"]!["namespace"]!));
    }
}
