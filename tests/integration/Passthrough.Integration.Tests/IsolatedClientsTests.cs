using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>
/// What icsp_render writes, given to the real skopeo, podman and containerd beside the real docker-registry in a network that has no way out: by tag and by digest, one
/// platform and all, Allow and Never, and for each client what must fail with the words that it fails with. Needs root; podman and containerd are unpacked for it, not installed.
/// </summary>
[Trait("Category", "Long")]
public sealed class IsolatedClientsTests : IAsyncLifetime
{
    const string Image = "quay.io/team/app";
    const string OutOfReach = @"lookup quay\.io|dial tcp";
    const string Blocked = @"registry quay\.io is blocked in";

    readonly TestFolder folder = new("isolated");
    readonly BuiltImage app = ImageBuilder.MultiArch("isolated", [ImageBuilder.Layer("isolated-shared", 5000)], docker: true);
    readonly List<Step> steps = [];
    Pki pki = null!;
    DockerRegistry registry = null!;

    string Digest => $"{Image}@{app.Digest}";

    string Mirror => $"{registry.Name}/mirror/quay.io";

    public async Task InitializeAsync()
    {
        pki = new Pki(folder["pki"]);
        registry = await DockerRegistry.Start(folder["registry"], new() { Pki = pki });
        await registry.Push(app, "mirror/quay.io/team/app", "v1");
        await Render("allow", "AllowContactingSource");
        await Render("never", "NeverContactSource");
        // Its configuration now names the port; inside it is started from that.
        await registry.Restart();
        await registry.Stop();
    }

    public async Task DisposeAsync()
    {
        await registry.DisposeAsync();
        pki.Dispose();
        folder.Dispose();
    }

    async Task Render(string name, string policy)
    {
        var parameters = registry.Parameters();
        foreach (var (key, value) in new Dictionary<string, object?> { ["dest_dir"] = folder[name], ["registries"] = new[] { "quay.io" }, ["mirror_source_policy"] = policy, ["outputs"] = new[] { "registries_conf", "hosts_toml" } })
            parameters[key] = value;
        (await NativeModule.Run("icsp_render", parameters)).MustSucceed();
        // On a host the file lies where hosts.toml says.
        foreach (var file in Directory.GetFiles(folder[name, "certs.d"], "hosts.toml", SearchOption.AllDirectories))
            File.WriteAllText(file, File.ReadAllText(file).Replace("/etc/containerd/certs.d/", folder[name, "certs.d"] + "/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Skopeo()
    {
        foreach (var conf in new[] { "allow", "never" })
        {
            Skopeo($"{conf}, tag", Home(conf, Rendered(conf)), $"{Image}:v1", null);
            Skopeo($"{conf}, digest", Home(conf, Rendered(conf)), Digest, null);
        }

        // What is not in the mirror, and a mirror that is taken away: Never asks nobody, Allow would go out and cannot.
        Skopeo("never, missing", Home("never", Rendered("never")), $"{Image}:none", Blocked);
        Skopeo("allow, missing", Home("allow", Rendered("allow")), $"{Image}:none", OutOfReach);
        Skopeo("never, no mirror", Home("control-never", "[[registry]]\nlocation = \"quay.io\"\nblocked = true\n"), $"{Image}:v1", Blocked);
        Skopeo("no redirection", Home("control-none", ""), Digest, OutOfReach);

        // What the operator writes to nodes for one kind alone.
        foreach (var (kind, tag, digest) in new (MirrorKind, string?, string?)[] { (MirrorKind.ImageDigestMirrorSet, OutOfReach, null), (MirrorKind.ImageContentSourcePolicy, OutOfReach, null), (MirrorKind.ImageTagMirrorSet, null, OutOfReach) })
        {
            var home = Home($"{kind}", OnNodes(new MirrorEntry("quay.io", [Mirror]), kind));
            Skopeo($"{kind}, tag", home, $"{Image}:v1", tag);
            Skopeo($"{kind}, digest", home, Digest, digest);
        }

        var both = Home("both", OnNodes(new MirrorEntry("quay.io", [Mirror], MirrorSourcePolicy.NeverContactSource), MirrorKind.ImageDigestMirrorSet, MirrorKind.ImageTagMirrorSet));
        Skopeo("both never, tag", both, $"{Image}:v1", null);
        Skopeo("both never, digest", both, Digest, null);
        var idms = Home("idms-never", OnNodes(new MirrorEntry("quay.io", [Mirror], MirrorSourcePolicy.NeverContactSource), MirrorKind.ImageDigestMirrorSet));
        Skopeo("idms never, tag", idms, $"{Image}:v1", Blocked);

        // A wildcard with the rule's template is refused, because all hosts would fall together; with a mirror of its own it works.
        var refused = await NativeModule.Run("icsp_render", new Dictionary<string, object?>(registry.Parameters()) { ["dest_dir"] = folder["wild"], ["registries"] = new[] { "*.io" } });
        Assert.StartsWith("registries[0].source: wildcard \"*.io\" collapses all hosts into one namespace; give mirrors: explicitly", refused.Message, StringComparison.Ordinal);
        Skopeo("wildcard, tag", Home("wildcard", OnNodes(new MirrorEntry("*.io", [Mirror]), MirrorKind.ImageDigestMirrorSet, MirrorKind.ImageTagMirrorSet)), $"{Image}:v1", null);

        await RunAll("");
    }

    [Fact]
    public async Task Podman()
    {
        var unpacked = await Unpack("podman", "podman", "conmon", "crun", "libsubid4", "libgpgme11", "libassuan0");
        var libraries = Path.GetDirectoryName(Directory.GetFiles(unpacked, "libsubid.so*", SearchOption.AllDirectories)[0]);
        var policy = folder.Write("policy.json", """{"default": [{"type": "insecureAcceptAnything"}]}""");
        var storage = folder.Write("storage.conf", $"[storage]\ndriver = \"vfs\"\ngraphroot = \"{folder["podman-root"]}\"\nrunroot = \"/tmp/podman-run\"\n");
        var engine = folder.Write("containers.conf", "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\n");

        foreach (var conf in new[] { "allow", "never" })
        {
            Pull($"{conf}, tag", conf, $"{Image}:v1", null);
            Pull($"{conf}, digest", conf, Digest, null);
            Pull($"{conf}, another platform", conf, $"--arch arm64 {Image}:v1", null);
        }

        Pull("never, missing", "never", $"{Image}:none", Blocked);
        Pull("allow, missing", "allow", $"{Image}:none", OutOfReach);
        await RunAll("");

        void Pull(string name, string conf, string what, string? error) => steps.Add(new Step(
            name,
            $"env HOME={Home(conf, Rendered(conf))} CONTAINERS_REGISTRIES_CONF={folder["home-" + conf, ".config", "containers", "registries.conf"]} CONTAINERS_STORAGE_CONF={storage} CONTAINERS_CONF={engine} LD_LIBRARY_PATH={libraries} "
            + $"{unpacked}/usr/bin/podman --log-level=info pull --signature-policy {policy} {what}",
            error,
            error is null ? Mirror : ""));
    }

    [Fact]
    public async Task Containerd()
    {
        var unpacked = await Unpack("containerd", "containerd");
        var socket = folder["c.sock"];
        var conf = folder.Write("containerd.toml", $"version = 2\nroot = \"{folder["containerd-root"]}\"\nstate = \"{folder["containerd-state"]}\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{socket}\"\n");
        Directory.CreateDirectory(folder["no-hosts"]);

        foreach (var policy in new[] { "allow", "never" })
        {
            Pull($"{policy}, tag", folder[policy, "certs.d"], $"{Image}:v1", null);
            Pull($"{policy}, digest", folder[policy, "certs.d"], Digest, null);
            Pull($"{policy}, all platforms", folder[policy, "certs.d"], $"--all-platforms {Image}:v1", null);
        }

        Pull("never, missing", folder["never", "certs.d"], $"{Image}:none", "none: not found");
        Pull("allow, missing", folder["allow", "certs.d"], $"{Image}:none", OutOfReach);
        Pull("no redirection", folder["no-hosts"], $"{Image}:v1", OutOfReach);
        // The authority is named in the file: without it the same pull fails.
        var distrusting = folder.Write("distrust/quay.io/hosts.toml", string.Join('\n', File.ReadAllLines(folder["never", "certs.d", "quay.io", "hosts.toml"]).Where(line => !line.TrimStart().StartsWith("ca = ", StringComparison.Ordinal))));
        Pull("never, unknown authority", Path.GetDirectoryName(Path.GetDirectoryName(distrusting))!, $"{Image}:v1", "x509: certificate signed by unknown authority");

        await RunAll($"{unpacked}/usr/bin/containerd --config {conf} >{folder["containerd.log"]} 2>&1 &\nuntil {unpacked}/usr/bin/ctr -a {socket} version >/dev/null 2>&1; do sleep 0.05; done");

        void Pull(string name, string hosts, string what, string? error) => steps.Add(new Step(
            name,
            $"sh -c '{unpacked}/usr/bin/ctr -a {socket} images rm $({unpacked}/usr/bin/ctr -a {socket} images ls -q) >/dev/null 2>&1; {unpacked}/usr/bin/ctr -a {socket} images pull --snapshotter native --hosts-dir {hosts} {what} && {unpacked}/usr/bin/ctr -a {socket} images ls'",
            error,
            error is null ? app.Digest.ToString() : ""));
    }

    void Skopeo(string name, string home, string what, string? error)
    {
        var target = folder[$"copy-{steps.Count.ToString(CultureInfo.InvariantCulture)}"];
        steps.Add(new Step(name, $"sh -c 'HOME={home} skopeo --insecure-policy copy --quiet --all docker://{what} dir:{target} && sha256sum {target}/manifest.json'", error, error is null ? app.Digest.Hex : ""));
    }

    string Rendered(string name) => File.ReadAllText(folder[name, "registries-distribution.conf"]);

    static string OnNodes(MirrorEntry entry, params MirrorKind[] kinds) =>
        MachineConfigOperator.Write([.. kinds.Select(kind => new MirrorSet(kind, "one", [kind == MirrorKind.ImageContentSourcePolicy ? entry with { Policy = null } : entry]))]).RegistriesConf!.Render();

    /// <summary>A HOME that is all that a client of these libraries reads, beside <c>/etc</c>, which is taken away from it.</summary>
    string Home(string name, string conf)
    {
        var home = folder[$"home-{name}"];
        folder.Write($"home-{name}/.config/containers/registries.conf", conf);
        folder.Write($"home-{name}/.config/containers/certs.d/{registry.Name}/ca.crt", File.ReadAllText(pki.CaFile));
        return home;
    }

    static async Task<string> Unpack(string name, params string[] packages)
    {
        var unpacked = Checkout.PathOf("artifacts", "tools", name);
        (await Command.Run([Checkout.PathOf("scripts", "unpack-debs"), "host", unpacked, .. packages], new CommandSettings { Timeout = TimeSpan.FromMinutes(10) })).MustSucceed();
        return unpacked;
    }

    /// <summary>Runs every step in one network of its own and compares what each said.</summary>
    async Task RunAll(string before)
    {
        var script = new StringBuilder("set -u\nip link set lo up\nmount -t tmpfs tmpfs /tmp\n");
        script.Append($"{Checkout.Tool("docker-registry", "usr/bin/docker-registry")} serve {folder["registry", "config.yml"]} >{folder["registry.log"]} 2>&1 &\n");
        script.Append($"until (exec 3<>/dev/tcp/127.0.0.1/{registry.Port.ToString(CultureInfo.InvariantCulture)}) 2>/dev/null; do sleep 0.05; done\n{before}\n");
        for (var i = 0; i < steps.Count; i++)
            script.Append(CultureInfo.InvariantCulture, $"timeout 60 {steps[i].Line} >{folder.Folder("said")}/{i} 2>&1; echo $? >{folder["said"]}/{i}.rc\n");
        var run = await Command.Run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", folder.Write("steps.sh", script.ToString())], new CommandSettings { Timeout = TimeSpan.FromMinutes(8) });

        var wrong = new List<string>();
        for (var i = 0; i < steps.Count; i++)
        {
            var (name, line, error, shows) = steps[i];
            var said = File.Exists(folder["said", $"{i}.rc"]) ? File.ReadAllText(folder["said", $"{i}"]) : $"it was not run: {run}";
            var succeeded = File.Exists(folder["said", $"{i}.rc"]) && File.ReadAllText(folder["said", $"{i}.rc"]).Trim() == "0";
            var isRight = error is null ? succeeded && said.Contains(shows, StringComparison.Ordinal) : !succeeded && System.Text.RegularExpressions.Regex.IsMatch(said, error, System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(5));
            if (!isRight)
                wrong.Add($"{name}: {(error is null ? $"it was to pull and say {shows}" : $"it was to fail with {error}")}\n$ {line}\n{said}");
        }

        Assert.True(wrong.Count == 0, string.Join("\n\n", wrong));
        Assert.NotEmpty(steps);
    }

    /// <param name="Error">What it must fail with; null where it must pull.</param>
    /// <param name="Shows">What it must say where it pulls.</param>
    sealed record Step(string Name, string Line, string? Error, string Shows);
}
