using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>
/// The user's day on other systems than this machine: three Ansible cores, targets over ssh as root and as a user who may become root, an old glibc,
/// and hosts that have no checkout and no SDK. What each suite brings stands in docs/compatibility.md.
/// </summary>
[Collection(nameof(DebianRoot))]
public sealed class OtherSystemsTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Local = "local";
    const string Root = "ssh as root";
    const string Sudo = "ssh as a user with sudo";

    /// <summary>What the guide calls the folder that the pack is unpacked to.</summary>
    const string PackFolder = "/root/ocp4-disconnected-helper";

    static readonly string[] Steps = ["download-to-tar", "setup-registry-passthrough", "push-tar-to-registry", "validate-passthrough-mode"];

    /// <summary>Suites with ansible-core 2.19 and the newest beta; their roots take minutes to make.</summary>
    static readonly string[] NewerSuites = ["trixie", "sid"];

    static readonly string[] Ways = [Local, Root, Sudo];

    readonly TestFolder folder = new("systems");
    readonly SecretCollector secrets = new();

    public static TheoryData<string> AllWays => [.. Ways];

    public static TheoryData<string, string> NewerCells
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (var suite in NewerSuites)
            {
                foreach (var way in Ways)
                    cells.Add(suite, way);
            }

            return cells;
        }
    }

    public void Dispose() => folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(AllWays))]
    public Task The_day_under_the_oldest_core(string way) => TheDay("bookworm", way);

    [SkippableTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(NewerCells))]
    public Task The_day_under_newer_cores(string suite, string way) => TheDay(suite, way);

    async Task TheDay(string suite, string way)
    {
        var controller = await DebianRoot.Controller(suite);
        await controller.Clear();
        var target = way == Local ? null : await DebianRoot.Target("bookworm", "skopeo");
        await using var ssh = target is null ? null : await SshTarget.Start(folder["ssh"], target);
        if (target is not null)
            await target.Clear();

        await Day(controller, ssh is null ? ["-i", "inventory"] : ["-i", Inventory(ssh, way, "registry", "orchestration")], Checkout.Playbooks, step => step + ".yml");
    }

    [SkippableTheory]
    [Trait("Category", "Long")]
    [InlineData(Root)]
    [InlineData(Sudo)]
    public async Task A_registry_host_with_an_old_glibc_and_OpenSSL_1_1(string way)
    {
        var controller = await DebianRoot.Controller("bookworm");
        await controller.Clear();
        var target = await DebianRoot.Target("bullseye", "libssl1.1");
        await target.Clear();
        await using var ssh = await SshTarget.Start(folder["ssh"], target);

        // What is not on the old host, skopeo, is where the cluster is looked after.
        await Day(controller, ["-i", Inventory(ssh, way, "registry"), "-i", folder.Write("here", "[orchestration]\nlocalhost\n")], Checkout.Playbooks, step => step + ".yml");

        Assert.True(File.Exists(target["/opt/ocp4-disconnected-helper/templates/icsp/icsp-distribution-target.yml"]));
    }

    [SkippableTheory]
    [InlineData("bookworm")]
    [InlineData("bullseye")]
    public async Task From_the_tarball_on_a_host_with_nothing_but_ansible_core(string suite)
    {
        var host = suite == "bullseye" ? await DebianRoot.OldController() : await DebianRoot.Controller(suite);
        await host.Clear();
        var tarball = Assert.Single(Directory.GetFiles(Checkout.PathOf("artifacts", "dist"), "*.tar.gz"));
        (await host.Run("sh", "-c", $"mkdir {PackFolder} && tar -xf {tarball} -C {PackFolder} --strip-components=1 && cd {PackFolder} && sha256sum -c --quiet SHA256SUMS")).MustSucceed();

        await Day(host, ["-i", "inventory"], $"{PackFolder}/playbooks", step => step + ".yml");
    }

    [SkippableFact]
    public async Task From_the_collection_by_its_full_names()
    {
        var host = await DebianRoot.Controller("bookworm");
        await host.Clear();
        var artifact = Assert.Single(Directory.GetFiles(Checkout.PathOf("artifacts", "collection"), "*.tar.gz"));
        var ansible = Ansible(host);
        var installed = new CommandSettings { WorkingDirectory = "/root", Environment = new Dictionary<string, string?> { ["ANSIBLE_COLLECTIONS_PATH"] = "/root/.ansible/collections" } };
        (await ansible.Run(["ansible-galaxy", "collection", "install", "--offline", artifact], installed)).MustSucceed();

        var list = (await ansible.Run(["ansible-doc", "-l", "disconnected.passthrough"], installed)).MustSucceed();
        foreach (var module in new[] { "registry_auth", "mirror_repo", "image_archive", "icsp_render" })
            Assert.Contains($"disconnected.passthrough.{module} ", list.Output, StringComparison.Ordinal);
        Assert.Empty(list.Warnings);
        (await ansible.Run(["ansible-galaxy", "collection", "verify", "--offline", "disconnected.passthrough"], installed)).MustSucceed();

        await Day(host, ["-i", "localhost,", "-c", "local"], "/root", step => "disconnected.passthrough." + step.Replace('-', '_'), installed.Environment);
    }

    [SkippableFact]
    public async Task A_checkout_without_built_modules_uses_the_installed_collection_and_else_says_what_to_do()
    {
        var host = await DebianRoot.Controller("bookworm");
        await host.Clear();
        (await host.Run("sh", "-c", $"mkdir {PackFolder} && cp -r ansible.cfg inventory extra_vars playbooks {PackFolder} && mkdir {PackFolder}/modules && cp modules/*.yml {PackFolder}/modules")).MustSucceed();
        var ansible = Ansible(host);
        var settings = stage.WithCredentials with { WorkingDirectory = $"{PackFolder}/playbooks" };
        string[] setup = ["ansible-playbook", "-i", "inventory", "setup-registry-passthrough.yml", "-e", $"@{Variables()}"];

        var without = await ansible.Run(setup, settings);
        var artifact = Assert.Single(Directory.GetFiles(Checkout.PathOf("artifacts", "collection"), "*.tar.gz"));
        (await ansible.Run(["ansible-galaxy", "collection", "install", "--offline", "-p", "/usr/share/ansible/collections", artifact], settings)).MustSucceed();
        var with = await ansible.Run(setup, settings);
        (await host.Run("rm", "-rf", "/usr/share/ansible/collections")).MustSucceed();

        Assert.False(without.Succeeded);
        Assert.Contains("the modules of Registry Passthrough are not here: run make modules in the checkout", without.Output, StringComparison.Ordinal);
        with.MustSucceed();
        Assert.True(with.Changed > 0, with.Output);
    }

    async Task Day(DebianRoot controller, string[] inventory, string workingDirectory, Func<string, string> playbook, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var ansible = Ansible(controller);
        var variables = Variables();
        var settings = stage.WithCredentials with { WorkingDirectory = workingDirectory, Environment = stage.Credentials.Concat(environment ?? new Dictionary<string, string?>()).ToDictionary() };
        for (var day = 1; day <= 2; day++)
        {
            foreach (var step in Steps)
            {
                var run = (await ansible.Run(["ansible-playbook", .. inventory, playbook(step), "-e", $"@{variables}", "-vvvv"], settings)).MustSucceed();
                Assert.True(run.Recap.Values.Sum(recap => recap.Ok) > 0, run.Output);
                Assert.True(day == 1 || run.Changed == 0, $"{step}, the second time:\n{run.Command}");
                if (step == Steps[^1])
                    Assert.True((bool?)run.Results("image_archive").Select(result => result["validation"]).OfType<JObject>().Last()["passed"], run.Output);
            }
        }

        Assert.Empty(secrets.Find());
    }

    AnsibleRunner Ansible(DebianRoot root)
    {
        secrets.AddSecret(Stage.UserName, Stage.Password);
        return new AnsibleRunner(folder["ansible"]) { Root = root, Collector = secrets };
    }

    /// <summary>Where the registry is and what to bring there; every folder is the default.</summary>
    string Variables() => folder.Write("vars.json", Json.Indented(JObject.FromObject(new Dictionary<string, object?>
    {
        ["registry_type"] = "distribution",
        ["registry_local_uri"] = "127.0.0.1",
        ["registry_local_port"] = $"{stage.Mirror.Port}",
        ["registry_ca_path"] = stage.Mirror.CaFile,
        ["images"] = stage.Images.Keys,
        ["pull_from"] = stage.PullFrom,
    })));

    string Inventory(SshTarget target, string way, params string[] groups) => folder.Write("hosts", string.Join('\n', groups.Select(group => $"[{group}]\ntarget\n")
        .Prepend($"localhost ansible_connection=local ansible_python_interpreter=\"{{{{ ansible_playbook_python }}}}\"\n{target.InventoryLine("target", way == Sudo ? SshTarget.Unprivileged : "root")}")));
}
