using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>The stage before the play: the real programs that the other tests rely on do what the tests believe they do.</summary>
public sealed class FixtureTests : IDisposable
{
    readonly TestFolder folder = new("fixture");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_skopeo_pushes_out_of_a_layout_comes_back_with_the_same_bytes()
    {
        using var pki = new Pki(folder["pki"]);
        await using var registry = await DockerRegistry.Start(folder["registry"], new() { Pki = pki, Accounts = new Dictionary<string, string> { ["tester"] = "s3cret word" } });
        var image = ImageBuilder.MultiArch("app", [ImageBuilder.Layer("base")]);
        OciLayout.Write(folder["layout"], new Dictionary<string, BuiltImage> { ["v1"] = image });
        var skopeo = new Skopeo(folder["skopeo"]);

        await skopeo.Copy($"oci:{folder["layout"]}:v1", $"docker://{registry.Name}/team/app:v1", skopeo.To(registry));

        Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), await skopeo.RawManifest(registry, "team/app:v1"));
        var requests = await registry.Requests();
        Assert.Contains(requests, request => request is { Method: "PUT", Status: 201, Path: "/v2/team/app/manifests/v1" } && request.UserAgent.Contains("skopeo", StringComparison.Ordinal));
        Assert.Contains(requests, request => request is { Method: "GET", Status: 401 });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nested_indexes_artifacts_and_referrers_can_be_put_into_a_registry(bool docker)
    {
        await using var registry = await DockerRegistry.Start(folder["registry"]);
        var app = ImageBuilder.MultiArch("app", docker: docker);
        var nested = ImageBuilder.Index([app, ImageBuilder.Image([ImageBuilder.Layer("other")], new Platform("linux", "arm", "v7"))]);
        var signature = ImageBuilder.Artifact("application/vnd.example.signature", "signed"u8.ToArray(), app);

        await registry.Push(app, "team/app", "v1");
        await registry.Push(nested, "team/nested", "v1");
        await registry.Push(signature, "team/app", $"sha256-{app.Digest.Hex}");

        var skopeo = new Skopeo(folder["skopeo"]);
        Assert.Equal(Encoding.UTF8.GetString(nested.Manifest.Bytes.Span), await skopeo.RawManifest(registry, "team/nested:v1"));
        Assert.Equal(Encoding.UTF8.GetString(signature.Manifest.Bytes.Span), await skopeo.RawManifest(registry, $"team/app@{signature.Digest}"));
    }

    [Fact]
    public async Task A_registry_keeps_its_content_and_port_over_a_restart()
    {
        await using var registry = await DockerRegistry.Start(folder["registry"]);
        await registry.Push(ImageBuilder.MultiArch("app"), "app", "v1");
        var port = registry.Port;

        await registry.Stop();
        await registry.Restart();

        Assert.Equal(port, registry.Port);
        Assert.NotEmpty(await new Skopeo(folder["skopeo"]).RawManifest(registry, "app:v1"));
        Assert.Empty(await registry.Writes());
    }

    [Fact]
    public async Task A_slow_line_carries_everything_at_its_pace_and_counts_it()
    {
        await using var registry = await DockerRegistry.Start(folder["registry"]);
        await using var line = new SlowLine(registry.Port, port: 0, bytesPerSecond: 1_000_000);
        var image = ImageBuilder.Image([ImageBuilder.Layer("slow", 500_000)]);
        OciLayout.Write(folder["layout"], new Dictionary<string, BuiltImage> { ["v1"] = image });
        var half = line.WhenSent(250_000);
        var watch = System.Diagnostics.Stopwatch.StartNew();

        await new Skopeo(folder["skopeo"]).Copy($"oci:{folder["layout"]}:v1", $"docker://127.0.0.1:{line.Port}/app:v1", "--dest-tls-verify=false");

        Assert.True(half.IsCompletedSuccessfully);
        Assert.InRange(line.Sent, 500_000, 600_000);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.4, 30);
        Assert.Equal(Encoding.UTF8.GetString(image.Manifest.Bytes.Span), await new Skopeo(folder["skopeo"]).RawManifest(registry, "app:v1"));
    }

    [Fact]
    public async Task A_read_only_registry_refuses_writes()
    {
        await using var registry = await DockerRegistry.Start(folder["registry"], new() { ReadOnly = true });

        await Assert.ThrowsAsync<HttpRequestException>(() => registry.Push(ImageBuilder.MultiArch("app"), "app", "v1"));

        Assert.All(await registry.Requests(), request => Assert.Equal(405, request.Status));
    }

    [Fact]
    public async Task Ansible_reaches_the_ssh_target_as_root_through_a_terminal()
    {
        await using var target = await SshTarget.Start(folder["ssh"]);
        var inventory = folder.Write("inventory", target.InventoryLine("target") + "\n");

        var run = await new AnsibleRunner(folder["ansible"]).AdHoc("target", "command", "cat /etc/passwd", ["-i", inventory]);

        run.MustSucceed();
        Assert.Contains(target.Home, (string)run.Result("command")["stdout"]!, StringComparison.Ordinal);
        Assert.Contains("target | CHANGED | rc=0", run.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists("/run/sshd"), "the target's private /run must not show outside");
    }
}
