using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>One step at a time, as the README shows it: from the root of the checkout, words as <c>k=v</c>, credentials in the environment.</summary>
public sealed class AdHocTests(Stage stage) : IClassFixture<Stage>
{
    [Fact]
    public async Task Ansible_localhost_mirror_repo()
    {
        var run = await stage.Ansible().AdHoc(
            "localhost", "mirror_repo", $"registry_type=distribution registry_host=127.0.0.1 registry_port={stage.Mirror.Port} ca_path={stage.Mirror.CaFile}", settings: stage.WithCredentials);

        run.MustSucceed();
        Assert.Empty(run.Warnings);
        var result = run.Result("mirror_repo");
        Assert.Contains(result["mirror_map"]!, entry => (string?)entry["source"] == "quay.io" && (string?)entry["mirror"] == $"{stage.Mirror.Name}/mirror/quay.io");
        Assert.Contains("\nlocalhost | SUCCESS => {", run.Command.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task From_the_playbooks_folder_too()
    {
        var run = await stage.Ansible().AdHoc(
            "localhost", "icsp_render", $"registry_type=distribution registry_host=127.0.0.1 registry_port={stage.Mirror.Port} dest_dir={stage.Folder["icsp"]}",
            settings: new CommandSettings { WorkingDirectory = Checkout.Playbooks });

        run.MustSucceed();
        Assert.Empty(run.Warnings);
        Assert.True(File.Exists(stage.Folder["icsp", "registries-distribution.conf"]));
    }

    [Theory]
    [InlineData("registry_auth")]
    [InlineData("mirror_repo")]
    [InlineData("image_archive")]
    [InlineData("icsp_render")]
    public async Task Ansible_doc_shows_the_page(string module)
    {
        var page = (await Command.Run("ansible-doc", "-t", "module", "-M", "modules", module)).MustSucceed();

        Assert.Contains("EXAMPLES:", page.Output, StringComparison.Ordinal);
        Assert.Contains("registry_host", page.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("[WARNING]", page.All, StringComparison.Ordinal);
    }
}
