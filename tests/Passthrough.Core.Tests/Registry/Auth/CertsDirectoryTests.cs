using Newtonsoft.Json.Linq;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Registry.Auth;

public sealed class CertsDirectoryTests
{
    [Fact]
    public void Every_recorded_folder_is_read_as_containers_image_reads_it()
    {
        using var folder = new TestFolder("certs-d");
        using var pki = new Pki(folder["pki"]);
        var pem = File.ReadAllText(pki.CaFile);
        var number = 0;
        foreach (var item in ((JObject)Json.Parse(Fixtures.ReadText("authfile-golden.json")))["certs_d"]!)
        {
            var certs = folder.Folder($"{number++}");
            foreach (var file in item["files"]!.Select(file => ((string)file!).Split('=')))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(certs, file[0]))!);
                File.WriteAllText(Path.Combine(certs, file[0]), file is [_, "garbage"] ? "garbage" : pem);
            }

            // That a pair is garbage shows when it is used: see RegistryHttp.
            if (item["error"] is { } error && ((string)error!).StartsWith("missing", StringComparison.Ordinal))
            {
                var fault = Assert.Throws<ModuleException>(() => CertsDirectory.Read(certs));
                Assert.Contains(((string)error!).Split('.', 2)[0].Split(' ')[^1], fault.Message, StringComparison.Ordinal);
                continue;
            }

            var read = CertsDirectory.Read(certs);
            Assert.Equal((bool)item["extra_cas"]!, !read.Authorities.IsEmpty);
            if (item["error"] is null)
                Assert.Equal((int)item["client_pairs"]! > 0, read.ClientCertificate is not null);
        }
    }

    [Fact]
    public void The_first_folder_of_the_registry_is_used_alone()
    {
        using var folder = new TestFolder("certs-bases");
        using var pki = new Pki(folder["pki"]);
        folder.Folder("home", "registry.example.com:8443");
        folder.Write(Path.Combine("etc", "registry.example.com:8443", "ca.crt"), File.ReadAllText(pki.CaFile));
        folder.Write(Path.Combine("etc", "other.example.com", "ca.crt"), File.ReadAllText(pki.CaFile));

        Assert.Empty(CertsDirectory.Find([folder["home"], folder["etc"]], "registry.example.com:8443").Authorities);
        Assert.Single(CertsDirectory.Find([folder["home"], folder["etc"]], "other.example.com").Authorities);
        Assert.Empty(CertsDirectory.Find([folder["home"], folder["etc"]], "other.example.com:443").Authorities);
    }

    [Fact]
    public void A_folder_counts_where_no_file_was_given()
    {
        using var folder = new TestFolder("certs-options");
        using var pki = new Pki(folder["pki"]);
        folder.Write(Path.Combine("containers", "certs.d", "registry.example.com:8443", "ca.crt"), File.ReadAllText(pki.CaFile));
        var endpoint = new RegistryEndpoint("https", "registry.example.com", 8443);

        Assert.Single(With(new ConnectionOptions(), endpoint).TrustedCertificates);
        Assert.Empty(With(new ConnectionOptions { CaPath = pki.CaFile }, endpoint).TrustedCertificates);
        Assert.Empty(With(new ConnectionOptions(), endpoint with { Port = null }).TrustedCertificates);

        ConnectionOptions With(ConnectionOptions options, RegistryEndpoint registry) =>
            options.WithCertificatesOf(registry, name => name == "XDG_CONFIG_HOME" ? folder.Path : null);
    }
}
