using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Text;
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
public sealed class IsolatedClientsTests : IAsyncLifetime, IDisposable
{
    const string Image = "quay.io/team/app";
    const string OutOfReach = @"lookup quay\.io|dial tcp";
    const string Blocked = @"registry quay\.io is blocked in";

    readonly TestFolder folder = new("isolated");
    readonly BuiltImage app = ImageBuilder.MultiArch("isolated", [ImageBuilder.Layer("isolated-shared", 5000, docker: true)], docker: true);
    readonly List<Step> steps = [];
    Pki? pki;
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
        await registry.Stop();
        await registry.Restart();
        await registry.Stop();
    }

    public async Task DisposeAsync() => await registry.DisposeAsync();

    public void Dispose()
    {
        pki?.Dispose();
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
    public async Task What_skopeo_does()
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
    public async Task What_podman_does()
    {
        var unpacked = await Unpack("podman", "podman", "conmon", "crun", "libsubid4", "libgpgme11", "libassuan0");
        var libraries = Path.GetDirectoryName(Directory.GetFiles(unpacked, "libsubid.so*", SearchOption.AllDirectories)[0]);
        var policy = folder.Write("policy.json", """{"default": [{"type": "insecureAcceptAnything"}]}""");
        var storage = folder.Write("storage.conf", $"[storage]\ndriver = \"vfs\"\ngraphroot = \"{folder["podman-root"]}\"\nrunroot = \"/tmp/podman-run\"\n");
        var engine = folder.Write("containers.conf", $"[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\nconmon_path = [\"{unpacked}/usr/bin/conmon\"]\n");

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
            $"env HOME={Home(conf, Rendered(conf))} PATH=$PATH:{unpacked}/usr/bin CONTAINERS_REGISTRIES_CONF={folder["home-" + conf, ".config", "containers", "registries.conf"]} CONTAINERS_STORAGE_CONF={storage} CONTAINERS_CONF={engine} LD_LIBRARY_PATH={libraries} "
            + $"{unpacked}/usr/bin/podman --log-level=debug pull --signature-policy {policy} {what}",
            error,
            error is null ? Mirror : ""));
    }

    [Fact]
    public async Task What_containerd_does()
    {
        var (ctr, start) = await Containerd(folder["c.sock"]);
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

        await RunAll(start);

        void Pull(string name, string hosts, string what, string? error) => steps.Add(new Step(
            name,
            $"sh -c '{ctr} images rm $({ctr} images ls -q) >/dev/null 2>&1; {ctr} images pull --snapshotter native --hosts-dir {hosts} {what} && {ctr} images ls'",
            error,
            error is null ? app.Digest.ToString() : ""));
    }

    /// <summary>The playbook for hosts that no operator looks after: a host with the drop-in and a containerd, whole and broken.</summary>
    [Fact]
    public async Task Hosts_are_proved_by_their_playbook()
    {
        var (ctr, start) = await Containerd(folder["c.sock"]);
        var ansible = new AnsibleRunner(folder["ansible"]).Environment(folder["results"]);
        foreach (var name in new[] { "whole", "hidden" })
        {
            Home(name, "");
            folder.Write($"home-{name}/.config/containers/registries.conf.d/50-registries-distribution.conf", Rendered("allow"));
        }

        folder.Write("home-hidden/.config/containers/registries.conf.d/90-theirs.conf", "[[registry]]\nlocation = \"quay.io/team\"\n");
        Record("delivered", "v1", "v1");
        Record("more", "v1", "v2");

        Host("whole", "whole", "delivered", folder["allow", "certs.d"], null, $"{Digest} is fetched by containerd through hosts.toml, the upstream blocked");
        Host("by the drop-in alone", "whole", "delivered", folder["none"], null, "quay.io/team/app:v1 is read from the mirror, as the host is configured");
        Host("hidden by another file", "hidden", "delivered", folder["none"], "Validation FAILED: quay.io/team/app:v1: as the host is configured it is not asked for in");
        Host("not in the mirror", "whole", "more", folder["none"], "Validation FAILED: quay.io/team/app:v2 by tag: .* is not there");
        Host("not in the mirror, containerd", "none", "more", folder["allow", "certs.d"], "Validation FAILED: quay.io/team/app:v2 is not fetched by containerd through hosts.toml, .*connection refused");
        Host("no upstream to fall back to", "none", "delivered", Path.GetDirectoryName(Path.GetDirectoryName(folder.Write("bare/quay.io/hosts.toml", "server = \"https://quay.io\"\n")))!, "Validation FAILED: quay.io/team/app:v1 is not fetched by containerd through hosts.toml, .*connection refused");
        Host("not redirected", "none", "delivered", folder["none"], "has neither a registries-distribution.conf in ");
        await RunAll(start);

        void Record(string name, params string[] tags) => folder.Write($"{name}/delivered-distribution.json", Json.Indented(new JObject
        {
            ["format"] = 1,
            ["registry"] = registry.Name,
            ["images"] = new JArray(tags.Distinct().Select(tag => new JObject
            {
                ["ref"] = $"{Image}:{tag}",
                ["target"] = $"{registry.Name}/mirror/{Image}:{tag}",
                ["digest"] = app.Digest.ToString(),
                ["media_type"] = app.Manifest.MediaType,
                ["platforms"] = new JArray("linux/amd64", "linux/arm64"),
                ["archive"] = "0f8fad5b-d9cb-469f-a165-70867728950e",
            })),
        }));

        void Host(string name, string home, string record, string certs, string? error, string shows = "")
        {
            var variables = folder.Write($"variables-{steps.Count.ToString(CultureInfo.InvariantCulture)}.json", Json.Indented(new JObject
            {
                ["passthrough_become"] = false,
                ["registry_type"] = "distribution",
                ["registry_local_uri"] = "127.0.0.1",
                ["registry_local_port"] = $"{registry.Port}",
                ["registry_ca_path"] = pki!.CaFile,
                ["icsp_template_dir"] = folder[record],
                ["redirected_conf_dir"] = folder[$"home-{home}", ".config", "containers", "registries.conf.d"],
                ["redirected_certs_d"] = certs,
                ["redirected_ctr"] = new JArray(ctr.Split(' ')),
            }));
            var environment = string.Join(' ', ansible.Append(new("HOME", folder[$"home-{home}"])).Select(pair => $"{pair.Key}={Command.Quote(pair.Value!)}"));
            steps.Add(new Step(name, $"env -C {Checkout.Playbooks} {environment} ansible-playbook validate-redirected-hosts.yml -i {folder.Write("inventory.ini", "[redirected]\nnode ansible_connection=local\n")} -e @{variables}", error, shows));
        }
    }

    /// <returns>The words of its client, and the lines that start it.</returns>
    async Task<(string Ctr, string Start)> Containerd(string socket)
    {
        var unpacked = await Unpack("containerd", "containerd");
        var conf = folder.Write("containerd.toml", $"version = 2\nroot = \"{folder["containerd-root"]}\"\nstate = \"{folder["containerd-state"]}\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{socket}\"\n");
        var ctr = $"{unpacked}/usr/bin/ctr -a {socket}";
        return (ctr, $"{unpacked}/usr/bin/containerd --config {conf} >{folder["containerd.log"]} 2>&1 &\nuntil {ctr} version >/dev/null 2>&1; do sleep 0.05; done");
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
        folder.Write($"home-{name}/.config/containers/certs.d/{registry.Name}/ca.crt", File.ReadAllText(pki!.CaFile));
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
            script.Append(CultureInfo.InvariantCulture, $"timeout 120 {steps[i].Line} >{folder.Folder("said")}/{i} 2>&1; echo $? >{folder["said"]}/{i}.rc\n");
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
