using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Core.Tests.Validation;

/// <summary>
/// What the real skopeo does in a scenario, asked apart from our engine: it copies every image whole, by tag and by digest, through the registries.conf as it is,
/// on a host whose way to the upstream registries is a proxy at which nobody listens.
/// </summary>
static class SkopeoOracle
{
    static readonly Dictionary<string, string?> NoWayOut = new()
    {
        ["HTTPS_PROXY"] = "http://127.0.0.1:1",
        ["HTTP_PROXY"] = "http://127.0.0.1:1",
    };

    /// <returns>Null where every image comes with the digest that was delivered; else the first failure.</returns>
    public static async Task<string?> FirstFailure(Scenario scenario)
    {
        if (scenario.Images.Count == 0)
            return "nothing to copy";
        using var folder = new TestFolder("oracle");
        foreach (var image in scenario.Images)
        {
            foreach (var name in new[] { image.Upstream.Tag is null ? null : image.Upstream, image.Upstream.WithDigest(image.Image.Digest) }.OfType<Reference>())
            {
                if (await Copy(scenario, name, image.Image.Digest, folder) is { } failure)
                    return failure;
            }
        }

        return null;
    }

    /// <returns>Null where it can be copied, else what skopeo says.</returns>
    public static async Task<string?> Failure(Scenario scenario, Reference name)
    {
        using var folder = new TestFolder("oracle");
        return await Copy(scenario, name, null, folder);
    }

    static async Task<string?> Copy(Scenario scenario, Reference name, Digest? expected, TestFolder folder)
    {
        var conf = folder.Write("registries.conf", scenario.Conf());
        var options = new List<string>(Trust(scenario, folder)) { "--src-authfile", scenario.AuthFile ?? AuthFile(scenario, folder) };
        var target = folder[$"{Guid.NewGuid():N}"];
        var result = await Command.Run(
            ["skopeo", "--registries-conf", conf, "--insecure-policy", "copy", "--quiet", "--all", .. options, $"docker://{name}", $"dir:{target}"],
            new CommandSettings { Environment = new Dictionary<string, string?>(NoWayOut) { ["HOME"] = folder.Folder("home") } });
        if (!result.Succeeded)
            return result.Error;
        var got = Digest.Sha256(File.ReadAllBytes(Path.Combine(target, "manifest.json")));
        Directory.Delete(target, recursive: true);
        return expected is null || got == expected ? null : $"{name} came with {got}";
    }

    static IEnumerable<string> Trust(Scenario scenario, TestFolder folder)
    {
        if (!scenario.ValidateCertificates)
            yield return "--src-tls-verify=false";
        if (scenario.CertsD is { } own)
        {
            yield return "--src-cert-dir";
            yield return Path.Combine(own, "containers", "certs.d", scenario.Registry.Name);
        }
        else if (scenario.CaPath is { } ca)
        {
            var certs = folder.Folder("certs");
            File.Copy(ca, Path.Combine(certs, "ca.crt"), overwrite: true);
            yield return "--src-cert-dir";
            yield return certs;
        }
    }

    static string AuthFile(Scenario scenario, TestFolder folder)
    {
        var auths = new JObject();
        if (scenario.Credential is { } credential)
            auths[scenario.Registry.Name] = new JObject { ["auth"] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}")) };
        return folder.Write("auth.json", Json.Indented(new JObject { ["auths"] = auths }));
    }
}
