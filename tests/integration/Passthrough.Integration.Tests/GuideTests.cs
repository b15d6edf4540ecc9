using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Kubernetes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>
/// The guide's own commands, unchanged, on a machine of their own: the pack unpacked where the guide has it, the registry answering to the guide's name and port,
/// a cluster behind the real kubectl. What the page says that they print is what they print.
/// </summary>
public sealed class GuideTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Page = "docs/registry-passthrough-guide.md";
    const string Registry = "registry.disconnected.local";

    readonly TestFolder folder = new("guide");

    public void Dispose() => folder.Dispose();

    [SkippableTheory]
    [InlineData("mirror-registry")]
    [InlineData("mirror-registry (Go)")]
    [InlineData("Harbor")]
    [InlineData("Quay")]
    [InlineData("Artifactory")]
    public async Task Every_command_of_the_page(string product)
    {
        Skip.IfNot(System.Environment.IsPrivilegedProcess, "only root can make a private machine");
        await using var registry = await ProductStage.Open(product, folder, Registry, 8443);
        await using var cluster = await FakeCluster.Start(new FakeClusterSettings { Pools = new Dictionary<string, int> { ["master"] = 1, ["worker"] = 1 } });
        await using var machine = new PrivateMachine(folder) { Names = { Registry } };
        await machine.Lead(8443, registry.Port);
        await machine.Lead(cluster.Port, cluster.Port);
        File.CreateSymbolicLink(Path.Combine(folder.Folder("bin"), "oc"), Checkout.Tool("kubectl", "usr/bin/kubectl"));
        // The fake cluster counts looks, not seconds: between two of them nobody needs to wait.
        folder.Write("bin/sleep", "#!/bin/sh\nexec /usr/bin/sleep 0.1\n");
        File.SetUnixFileMode(folder["bin", "sleep"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var commands = CodeBlock.Read(Page).Where(block => block.IsShell && block.Mark is null).ToList();

        var script = new StringBuilder($"""
            mkdir -p /root/ocp4-disconnected-helper /opt/images /root/.kube
            tar -xf {Assert.Single(Directory.GetFiles(Checkout.PathOf("artifacts", "dist"), "*.tar.gz"))} -C /root/ocp4-disconnected-helper --strip-components=1
            cp {cluster.KubeConfig(folder["kubeconfig"])} /root/.kube/config
            # Where the installer of mirror-registry leaves it; of other registries, where podman looks.
            ca={product switch { "mirror-registry" => "/root/quay-install/quay-rootCA/rootCA.pem", "mirror-registry (Go)" => "/var/lib/quay/ssl.cert", _ => $"/etc/containers/certs.d/{Registry}:8443/ca.crt" }}
            mkdir -p "$(dirname "$ca")"
            cp {registry.Pki.CaFile} "$ca"
            cp {await Archive()} /opt/images/mirror_seq1_000000.tar
            export HOME=/root
            cd /root/ocp4-disconnected-helper

            """);
        for (var i = 0; i < commands.Count; i++)
        {
            // Of other registries the name of one file differs.
            var text = commands[i].Text.Replace("apply-icsp-mirror-registry", $"apply-icsp-{registry.Type}", StringComparison.Ordinal);
            script.Append($"{{\n{text}\n}} >{folder[$"{i}.out"]} 2>&1\necho $? >{folder[$"{i}.code"]}\n");
            if (i == 0)
                script.Append($"sed -i 's/^registry_type: .*/registry_type: \"{registry.Type}\"/' extra_vars/passthrough-vars.yml\n");
        }

        (await machine.Run(script.ToString(), Environment(registry))).MustSucceed();

        var outputs = commands.Select((command, i) => (Command: command, Output: File.ReadAllText(folder[$"{i}.out"]))).ToList();
        foreach (var (command, output) in outputs.Where(one => !one.Command.Text.StartsWith("cat", StringComparison.Ordinal)))
            SuiteOutput.Add(command.Text, output);
        Assert.All(outputs.Select((one, i) => (one, i)), item => Assert.True(File.ReadAllText(folder[$"{item.i}.code"]) == "0\n", $"{item.one.Command}:\n{item.one.Output}"));
        Assert.Contains("Status:   PASS", outputs.Single(one => one.Command.Text.Contains("validate-passthrough-mode.yml", StringComparison.Ordinal)).Output, StringComparison.Ordinal);
        Assert.NotNull(cluster.Get("imagedigestmirrorsets", $"registry-passthrough-{registry.Type}"));
        // Where there is one user only, the file that is shown has that.
        Assert.All(outputs.Where(one => registry.TellsAccountsApart || !one.Command.Text.StartsWith("cat", StringComparison.Ordinal)), one => Assert.DoesNotContain(registry.Manager.Secret, one.Output, StringComparison.Ordinal));
        if (product == "mirror-registry")
            Assert.All(outputs, one => SaysWhatItPrints(one.Command, one.Output));
    }

    /// <summary>The page has every command of the guide that it was made after, unchanged; an extra check where that lies beside the checkout.</summary>
    [SkippableFact]
    public void No_command_of_the_guide_is_missing()
    {
        var guide = Checkout.PathOf("..", "shared", "reference", "guide.md");
        Skip.IfNot(File.Exists(guide), "the guide is not beside the checkout");

        var page = CodeBlock.Read(Page).Select(block => block.Text).ToHashSet(StringComparer.Ordinal);
        Assert.All(CodeBlock.Read(guide), block => Assert.Contains(block.Text, page));
        var lines = File.ReadAllLines(Checkout.PathOf(Page)).ToHashSet(StringComparer.Ordinal);
        Assert.All(File.ReadAllLines(guide).Where(line => line.StartsWith('#') || line.StartsWith('|')), line => Assert.Contains(line, lines));
    }

    static Dictionary<string, string?> Environment(ProductStage registry) => new()
    {
        ["PATH"] = $"{Path.Combine(Path.GetDirectoryName(registry.Pki.CaFile)!, "..", "bin")}:{System.Environment.GetEnvironmentVariable("PATH")}",
        [registry.Type == "jfrog" ? "REGISTRY_TOKEN" : "REGISTRY_PASSWORD"] = registry.Manager.Secret,
        ["REGISTRY_USERNAME"] = registry.Type == "jfrog" ? null : registry.Manager.User,
        ["ANSIBLE_NOCOLOR"] = "1",
    };

    /// <summary>Each line of the text blocks that follow a command is in what it printed; "…" stands for anything.</summary>
    static void SaysWhatItPrints(CodeBlock command, string output)
    {
        var promised = CodeBlock.Read(Page).SkipWhile(block => block != command).Skip(1).TakeWhile(block => !block.IsShell).Where(block => block.Language == "text");
        foreach (var line in promised.SelectMany(block => block.Text.Split('\n')))
        {
            var pieces = line.Split('…', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            Assert.True(output.Split('\n').Any(printed => Has(printed, pieces)), $"{command} says that this is printed:\n{line}\nbut it is not:\n{output}");
        }

        static bool Has(string printed, string[] pieces)
        {
            var from = 0;
            foreach (var piece in pieces)
            {
                var found = printed.IndexOf(piece, from, StringComparison.Ordinal);
                if (found < 0)
                    return false;
                from = found + piece.Length;
            }

            return true;
        }
    }

    /// <summary>Without the image whose index names indexes: Quay answers 500 to such a one.</summary>
    async Task<string> Archive()
    {
        var parameters = stage.SaveAll(folder["set.tar"]);
        parameters["images"] = stage.Images.Keys.Where(name => Reference.Parse(name).Registry != "docker.io").ToArray();
        (await NativeModule.Run("image_archive", parameters)).MustSucceed();
        return folder["set.tar"];
    }
}
