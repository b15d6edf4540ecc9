using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;
using Passthrough.Modules.IcspRender;
using Passthrough.Testing;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Modules.Tests.IcspRender;

public sealed partial class IcspRenderModuleTests : IDisposable
{
    const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    const UnixFileMode Executable = Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    readonly TestFolder folder = new("icsp-render");

    string Out => folder["out"];

    public void Dispose() => folder.Dispose();

    Task<JObject> Run(bool check = false, bool diff = false, params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject { ["registry_type"] = "harbor", ["registry_host"] = "registry.local", ["registry_port"] = 8443, ["dest_dir"] = Out, ["filename_host"] = "bastion" };
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new IcspRenderModule(), parameters, check, diff);
    }

    Task<JObject> Run(params (string Name, JToken? Value)[] more) => Run(check: false, diff: false, more);

    string Read(string name) => File.ReadAllText(Path.Combine(Out, name));

    static string Message(JObject answer) => (string)answer["msg"]!;

    IReadOnlyDictionary<string, (string Content, DateTime Time, UnixFileMode Mode)> Files() => Directory.GetFiles(Out, "*", SearchOption.AllDirectories)
        .ToDictionary(path => Path.GetRelativePath(Out, path), path => (File.ReadAllText(path), File.GetLastWriteTimeUtc(path), File.GetUnixFileMode(path)), StringComparer.Ordinal);

    [Fact]
    public async Task First_run_changes_the_second_does_not_and_check_mode_predicts()
    {
        var predicted = await Run(check: true);
        Assert.True((bool)predicted["changed"]!, predicted.ToString());
        Assert.False(Path.Exists(Out));

        var first = await Run();
        Assert.True((bool)first["changed"]!, first.ToString());
        Assert.Equal(predicted["actions"]!, first["actions"]!, JToken.EqualityComparer);

        var files = Files();
        var second = await Run(diff: true);
        Assert.False((bool)second["changed"]!, second.ToString());
        Assert.Empty(second["actions"]!);
        Assert.Null(second["diff"]);
        Assert.Equal(files, Files());
        Assert.False((bool)(await Run(check: true))["changed"]!);
        Assert.EndsWith("are as they should be. cdn.quay.io, storage.googleapis.com/openshift-release, github.com, gitlab.com, sso.redhat.com serve no images: the notes of sources say what they are", Message(second), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_files_have_the_names_and_modes_that_workflows_know()
    {
        var answer = await Run();

        Assert.Equal(
            ["apply-icsp-harbor.sh", "icsp-harbor-bastion.yml", "icsp-harbor-metadata.json", "idms-harbor-bastion.yml", "itms-harbor-bastion.yml", "registries-harbor.conf"],
            Files().Keys.Order(StringComparer.Ordinal));
        Assert.All(Files(), file => Assert.Equal(file.Key.EndsWith(".sh", StringComparison.Ordinal) ? Executable : Readable, file.Value.Mode));
        Assert.Equal(["icsp", "idms", "itms", "script", "registries_conf", "metadata"], answer["files"]!.Select(file => (string)file["kind"]!));
        Assert.All(answer["files"]!, file => Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes((string)file["path"]!))), (string)file["sha256"]!));
        Assert.Equal(10, answer["sources"]!.Count());
        Assert.Equal("""{"source":"registry.access.redhat.com","mirrors":["registry.local:8443/mirror/registry.access.redhat.com"],"policy":"AllowContactingSource","priority":"core","description":"Red Hat Access Registry"}""", Json.Compact(answer["sources"]![0]!));
        Assert.Null(answer["warnings"]);
    }

    [Theory]
    [InlineData("icsp", "yml")]
    [InlineData("idms", "yml")]
    [InlineData("itms", "yml")]
    [InlineData("registries_conf", "conf")]
    [InlineData("metadata", "json")]
    public async Task What_is_rendered_is_what_was_approved(string kind, string extension)
    {
        var answer = await Run(("registries", new JArray("registry.redhat.io", "quay.io")), ("mirror_source_policy", "NeverContactSource"));

        var path = (string)answer["files"]!.Single(file => (string)file["kind"]! == kind)["path"]!;
        await Snapshot.Verify(File.ReadAllText(path), extension, kind, text => Volatile().Replace(text.Replace(Out, "/out", StringComparison.Ordinal), "\"$1\": \"…\""));
    }

    [Fact]
    public async Task The_drop_in_is_read_as_clients_read_it()
    {
        await Run(("registries", new JArray("quay.io", new JObject { ["source"] = "*.example.com", ["mirrors"] = new JArray("other.local/example"), ["mirror_source_policy"] = "NeverContactSource" })), ("scheme", "http"));

        var conf = RegistriesConf.Parse(Read("registries-harbor.conf"));

        Assert.Null(conf.UnqualifiedSearchRegistries);
        Assert.Equal(["quay.io", "*.example.com"], conf.Registries.Select(registry => registry.Scope));
        Assert.Equal([false, true], conf.Registries.Select(registry => registry.Blocked));
        Assert.Equal<RegistryMirror>([new RegistryMirror("registry.local:8443/mirror/quay.io") { Insecure = true }], conf.Registries[0].Mirrors);
        Assert.Equal<RegistryMirror>([new RegistryMirror("other.local/example")], conf.Registries[1].Mirrors);
    }

    [Fact]
    public async Task The_time_in_the_metadata_changes_only_when_the_rest_does()
    {
        await Run();
        var path = Path.Combine(Out, "icsp-harbor-metadata.json");
        var old = Volatile().Replace(File.ReadAllText(path), match => match.Groups[1].Value == "generated_at" ? "\"generated_at\": \"2020-01-01T00:00:00Z\"" : match.Value);
        File.WriteAllText(path, old);

        Assert.False((bool)(await Run())["changed"]!);
        Assert.Equal(old, File.ReadAllText(path));
        await Run(("outputs", new JArray("metadata")));
        Assert.False((bool)(await Run(("outputs", new JArray("metadata"))))["changed"]!);
        File.WriteAllText(path, old);

        Assert.True((bool)(await Run(("labels", new JObject { ["team"] = "a" })))["changed"]!);
        Assert.DoesNotContain("2020-01-01T00:00:00Z", File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_nodes_get_comes_back()
    {
        var answer = await Run(("registries", new JArray("quay.io")), ("mirror_source_policy", "NeverContactSource"));

        Assert.Equal(
            """{"unqualified-search-registries":["registry.access.redhat.com","docker.io"],"short-name-mode":"","registry":[{"prefix":"","location":"quay.io","blocked":true,"mirror":[{"location":"registry.local:8443/mirror/quay.io","pull-from-mirror":"digest-only"},{"location":"registry.local:8443/mirror/quay.io","pull-from-mirror":"tag-only"}]}]}""",
            Json.Compact(answer["registries_conf"]!));
        Assert.Empty(answer["conflicts"]!);
    }

    [Fact]
    public async Task Before_4_13_there_is_one_kind_which_cannot_do_all()
    {
        var answer = await Run(("openshift_version", "4.12.30"), ("registries", new JArray("quay.io")), ("mirror_source_policy", "NeverContactSource"));

        Assert.Equal(["icsp", "script", "registries_conf", "metadata"], answer["files"]!.Select(file => (string)file["kind"]!));
        Assert.Equal(["ImageContentSourcePolicy redirects pulls by digest only: pulls by tag go to the source itself", "ImageContentSourcePolicy cannot say NeverContactSource: nodes may ask the source itself"], answer["warnings"]!.Select(warning => (string)warning!));
        Assert.Equal("""[{"prefix":"","location":"quay.io","mirror-by-digest-only":true,"mirror":[{"location":"registry.local:8443/mirror/quay.io"}]}]""", Json.Compact(answer["registries_conf"]!["registry"]!));
        Assert.Equal("kinds has idms, which came with 4.13, and openshift_version is 4.9; leave kinds out, or give icsp alone", Message(await Run(("openshift_version", "4.9"), ("kinds", new JArray("idms")))));
        Assert.Equal("kinds has no itms: with NeverContactSource every pull by tag from these sources fails", (string)(await Run(("kinds", new JArray("idms")), ("mirror_source_policy", "NeverContactSource")))["warnings"]![0]!);
        Assert.Equal("kinds has no idms: pulls by digest go to the source itself", (string)(await Run(("kinds", new JArray("itms"))))["warnings"]![0]!);
    }

    [Fact]
    public async Task What_oc_mirror_pushed_is_redirected_too()
    {
        var file = folder.Write("idms.yaml", "apiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\nmetadata: {name: idms-release-0}\nspec:\n  imageDigestMirrors:\n  - {mirrors: [registry.local:8443/openshift/release], source: quay.io/openshift-release-dev/ocp-v4.0-art-dev}\n");

        var answer = await Run(("registries", new JArray("quay.io")), ("import_files", new JArray(file)), ("mirror_map", new JArray(
            new JObject { ["source"] = "quay.io/centos/centos", ["mirror"] = "registry.local:8443/mirror/quay.io/centos/centos" },
            new JObject { ["source"] = "ghcr.io/team/tool", ["mirror"] = "registry.local:8443/mirror/ghcr.io/team/tool" })));

        Assert.Equal(["quay.io", "ghcr.io/team/tool", "quay.io/openshift-release-dev/ocp-v4.0-art-dev"], answer["sources"]!.Select(source => (string)source["source"]!));
        Assert.Contains("  - source: quay.io/openshift-release-dev/ocp-v4.0-art-dev\n    mirrors:\n    - registry.local:8443/openshift/release\n", Read("itms-harbor-bastion.yml"), StringComparison.Ordinal);
        Assert.False((bool)(await Run(check: true, more: [("registries", new JArray("quay.io")), ("import_files", new JArray(file)), ("mirror_map", new JArray(new JObject { ["source"] = "ghcr.io/team/tool", ["mirror"] = "registry.local:8443/mirror/ghcr.io/team/tool" }))]))["changed"]!);
    }

    [Fact]
    public async Task What_a_cluster_has_is_held_against_it()
    {
        var existing = new JArray(
            new JObject { ["apiVersion"] = "operator.openshift.io/v1alpha1", ["kind"] = "ImageContentSourcePolicy", ["metadata"] = new JObject { ["name"] = "image-policy-0" }, ["spec"] = new JObject { ["repositoryDigestMirrors"] = new JArray(new JObject { ["source"] = "quay.io", ["mirrors"] = new JArray("old.local/q") }) } },
            new JObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = new JObject { ["name"] = "x" } });

        var never = await Run(("registries", new JArray("quay.io")), ("mirror_source_policy", "NeverContactSource"), ("existing_objects", existing));
        Assert.Equal(("policy", "quay.io", "ImageContentSourcePolicy image-policy-0"), ((string)never["conflicts"]![0]!["type"]!, (string)never["conflicts"]![0]!["source"]!, (string)never["conflicts"]![0]!["object"]!));
        Assert.Equal((string)never["conflicts"]![0]!["message"]!, (string)Assert.Single(never["warnings"]!)!);
        Assert.Equal(JTokenType.Null, never["registries_conf"]!.Type);

        var allow = await Run(("registries", new JArray("quay.io")), ("existing_objects", existing));
        Assert.Empty(allow["conflicts"]!);
        Assert.Equal(["old.local/q", "registry.local:8443/mirror/quay.io", "registry.local:8443/mirror/quay.io"], allow["registries_conf"]!["registry"]![0]!["mirror"]!.Select(mirror => (string)mirror["location"]!));
    }

    [Fact]
    public async Task A_long_list_is_in_parts_of_one_file_and_they_do_not_meet_each_other()
    {
        var more = new (string, JToken?)[] { ("registries", new JArray("quay.io", "ghcr.io", "docker.io")), ("mirror_source_policy", "NeverContactSource"), ("max_object_size", 480), ("outputs", new JArray("manifests", "install_config")) };
        var answer = await Run(more);

        var parts = Yaml.ParseAll(Read("idms-harbor-bastion.yml")).Cast<JObject>().ToList();
        Assert.Equal(["registry-passthrough-harbor-0", "registry-passthrough-harbor-1", "registry-passthrough-harbor-2"], parts.Select(part => (string)part["metadata"]!["name"]!));
        Assert.All(parts, part => Assert.Equal("registry-passthrough-harbor", (string)part["metadata"]!["annotations"]!["ocp4-disconnected-helper.io/part-of"]!));
        Assert.Equal(["docker.io", "quay.io", "ghcr.io"], parts.Select(part => (string)Assert.Single(part["spec"]!["imageDigestMirrors"]!)["source"]!));
        Assert.Equal(Read("idms-harbor-bastion.yml"), Read("openshift/99-registry-passthrough-harbor-idms.yml"));
        Assert.Null(answer["warnings"]);
        Assert.False((bool)(await Run(more))["changed"]!);

        // What the same name had before with another policy is replaced; what somebody else called alike is not.
        var before = Yaml.ParseAll(Read("itms-harbor-bastion.yml").Replace("NeverContactSource", "AllowContactingSource", StringComparison.Ordinal)).Cast<JObject>().ToList();
        Assert.Empty((await Run([.. more, ("existing_objects", new JArray(before))]))["conflicts"]!);
        Assert.Empty((await Run([.. more, ("max_object_size", 0), ("existing_objects", new JArray(before))]))["conflicts"]!);
        ((JObject)before[0]["metadata"]!).Remove("annotations");
        Assert.Equal("ImageTagMirrorSet registry-passthrough-harbor-0", (string)Assert.Single((await Run([.. more, ("max_object_size", 0), ("existing_objects", new JArray(before))]))["conflicts"]!)["object"]!);
    }

    [Fact]
    public async Task An_entry_that_is_larger_than_an_object_should_be_is_said()
    {
        var mirrors = new JArray(Enumerable.Range(0, 50).Select(i => $"m{i}.local/q"));
        var answer = await Run(("registries", new JArray("ghcr.io", new JObject { ["source"] = "quay.io", ["mirrors"] = mirrors })), ("max_object_size", 800), ("kinds", new JArray("idms", "itms")));

        Assert.Equal([Warning("ImageDigestMirrorSet", "idms"), Warning("ImageTagMirrorSet", "itms")], answer["warnings"]!.Select(warning => (string)warning!));

        string Warning(string kind, string shortName) =>
            $"{kind} registry-passthrough-harbor-0 has {Read($"{shortName}-harbor-bastion.yml").IndexOf("---\n", 4, StringComparison.Ordinal)} bytes, for the entry of quay.io alone is larger than max_object_size: by hand it may need oc apply --server-side";
    }

    [Fact]
    public async Task What_a_cluster_has_may_be_a_file_that_oc_printed()
    {
        var dump = folder.Write("dump.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: config.openshift.io/v1\n  kind: ImageDigestMirrorSet\n  metadata: {name: theirs, resourceVersion: '1', uid: x}\n  spec: {imageDigestMirrors: [{source: quay.io/a, mirrors: [t.local/a]}]}\n  status: {}\n- {apiVersion: v1, kind: Namespace, metadata: {name: x}}\n");

        var answer = await Run(("registries", new JArray("quay.io")), ("existing_objects", new JArray(dump)));

        Assert.Equal(["shadowed"], answer["conflicts"]!.Select(conflict => (string)conflict["type"]!));
        Assert.Equal($"existing_objects {dump}.none does not exist on this host", Message(await Run(("existing_objects", new JArray(dump + ".none"))))[..($"existing_objects {dump}.none does not exist on this host".Length)]);
    }

    [Theory]
    [InlineData("mirror-registry")]
    [InlineData("quay")]
    [InlineData("harbor")]
    [InlineData("jfrog")]
    [InlineData("distribution")]
    public async Task Files_bear_the_type_of_the_registry_as_the_guide_names_them(string type)
    {
        await Run(("registry_type", type), ("registries", new JArray("quay.io")));

        Assert.Equal(
            [$"apply-icsp-{type}.sh", $"icsp-{type}-bastion.yml", $"icsp-{type}-metadata.json", $"idms-{type}-bastion.yml", $"itms-{type}-bastion.yml", $"registries-{type}.conf"],
            Files().Keys.Order(StringComparer.Ordinal));
        Assert.Contains($"name: registry-passthrough-{type}\n", Read($"idms-{type}-bastion.yml"), StringComparison.Ordinal);
    }

    /// <summary>A culture with other signs for numbers and times, whether this machine has any of its own or not.</summary>
    [Fact]
    public async Task Another_culture_changes_no_byte()
    {
        using var pki = new Pki(folder["pki"]);
        (string, JToken?)[] all =
        [
            ("registries", new JArray("quay.io", "registry.redhat.io", "INDEX.DOCKER.IO", "Registry.Example.IO:5000")), ("registry_ca_file", pki.CaFile), ("pull_secret_path", folder.Write("saved.json", "{}")), ("username", "puller"), ("password", "s3cret"),
            ("outputs", new JArray(new IcspRenderModule().Spec.Arguments.Single(argument => argument.Name == "outputs").Choices)),
        ];
        await Run(all);
        var before = Files();
        var own = System.Globalization.CultureInfo.CurrentCulture;
        try
        {
            var other = (System.Globalization.CultureInfo)System.Globalization.CultureInfo.InvariantCulture.Clone();
            (other.NumberFormat.NegativeSign, other.NumberFormat.NumberDecimalSeparator, other.NumberFormat.NumberGroupSeparator, other.DateTimeFormat.DateSeparator, other.DateTimeFormat.TimeSeparator) = ("~", ",", ".", "\u00b7", "h");
            System.Globalization.CultureInfo.CurrentCulture = System.Globalization.CultureInfo.CurrentUICulture = other;

            Assert.False((bool)(await Run(all))["changed"]!);
        }
        finally
        {
            System.Globalization.CultureInfo.CurrentCulture = System.Globalization.CultureInfo.CurrentUICulture = own;
        }

        Assert.Equal(before, Files());
    }

    [Fact]
    public async Task All_outputs_at_once()
    {
        using var pki = new Pki(folder["pki"]);
        var saved = folder.Write("saved.json", """{"auths":{"quay.io":{"auth":"YTpi"}}}""");
        (string, JToken?)[] all =
        [
            ("registries", new JArray("quay.io", "docker.io", "storage.googleapis.com/openshift-release")), ("outputs", new JArray(new IcspRenderModule().Spec.Arguments.Single(argument => argument.Name == "outputs").Choices)),
            ("registry_ca_file", pki.CaFile), ("pull_secret_path", saved), ("username", "puller"), ("password", "s3cret-\"+/&"),
        ];

        var answer = await Run(diff: true, more: all);

        Assert.Null(answer["failed"]);
        Assert.Equal(
            ["apply-icsp-harbor.sh", "certs.d/docker.io/hosts.toml", "certs.d/quay.io/hosts.toml", "certs.d/registry.local-8443-ca.crt", "hostedcluster-mirrors.yml", "icsp-harbor-bastion.yml", "icsp-harbor-metadata.json", "idms-harbor-bastion.yml", "install-config-mirrors.yml", "itms-harbor-bastion.yml", "openshift/99-registry-passthrough-harbor-idms.yml", "openshift/99-registry-passthrough-harbor-itms.yml", "pull-secret-harbor.json", "registries-harbor.conf", "registry-ca-configmap.yml"],
            Files().Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Read("itms-harbor-bastion.yml"), Read("openshift/99-registry-passthrough-harbor-itms.yml"));
        Assert.Contains("oc adm release extract --command=openshift-install --idms-file=idms-harbor-bastion.yml quay.io/openshift-release-dev/ocp-release@sha256:", Read("install-config-mirrors.yml"), StringComparison.Ordinal);
        var secret = Path.Combine(Out, "pull-secret-harbor.json");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(secret));
        Assert.Equal(["quay.io", "registry.local:8443"], ((JObject)((JObject)Json.Parse(File.ReadAllText(secret)))["auths"]!).Properties().Select(entry => entry.Name));
        Assert.Equal("""{"auths":{"quay.io":{"auth":"YTpi"}}}""", File.ReadAllText(saved));
        var secrets = new SecretCollector();
        secrets.AddSecret("puller", "s3cret-\"+/&");
        secrets.Add("result", Json.Compact(answer));
        secrets.Add("metadata", Read("icsp-harbor-metadata.json"));
        secrets.Add("script", Read("apply-icsp-harbor.sh"));
        Assert.Empty(secrets.Find());
        Assert.Null((string?)answer["files"]!.Single(file => (string)file["kind"]! == "pull_secret")["sha256"]);

        Assert.False((bool)(await Run(check: true, more: all))["changed"]!);
        Assert.False((bool)(await Run(more: all))["changed"]!);
    }

    [Fact]
    public async Task Mode_backup_and_owner()
    {
        await Run(("mode", "0640"), ("registries", new JArray("quay.io")));
        Assert.Equal((UnixFileMode)0b110_100_000, File.GetUnixFileMode(Path.Combine(Out, "idms-harbor-bastion.yml")));
        Assert.Equal((UnixFileMode)0b111_101_000, File.GetUnixFileMode(Path.Combine(Out, "apply-icsp-harbor.sh")));
        Assert.False((bool)(await Run(("mode", "0640"), ("backup", true), ("registries", new JArray("quay.io"))))["changed"]!);

        var old = Read("idms-harbor-bastion.yml");
        var answer = await Run(("mode", "0640"), ("backup", true), ("registries", new JArray("docker.io")));

        var backup = Assert.Single(Directory.GetFiles(Out, "idms-harbor-bastion.yml.*~"));
        Assert.Equal(old, File.ReadAllText(backup));
        Assert.Contains(answer["actions"]!, action => (string)action! == $"keep the old {Path.Combine(Out, "idms-harbor-bastion.yml")} as {backup}");
        Assert.DoesNotContain(Directory.GetFiles(Out, "*~"), path => path.Contains("apply-icsp", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_script_is_good_shell_that_names_the_files()
    {
        await Run(("filename_host", "node-1"), ("kinds", new JArray("idms", "itms")));

        (await Command.Run("shellcheck", Path.Combine(Out, "apply-icsp-harbor.sh"))).MustSucceed();
        var help = (await Command.Run(Path.Combine(Out, "apply-icsp-harbor.sh"), "--help")).MustSucceed();
        Assert.Contains("Redirects the cluster of the current kubeconfig to registry.local:8443.", help.Output, StringComparison.Ordinal);
        Assert.Contains("idms_file='idms-harbor-node-1.yml'", Read("apply-icsp-harbor.sh"), StringComparison.Ordinal);
        Assert.Contains("icsp_file=''", Read("apply-icsp-harbor.sh"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_mistake_gives_one_sentence_and_leaves_no_file()
    {
        var file = folder.Write("a-file", "");
        (string Start, JObject Answer)[] mistakes =
        [
            ("registries[1].source \"https://quay.io\": remove the scheme; expected host[:port][/path] or *.host", await Run(("registries", new JArray("docker.io", "https://quay.io")))),
            ("registries[0].source \"quay.io/app:v1\": a mirror source cannot carry a tag or digest", await Run(("registries", new JArray(new JObject { ["source"] = "quay.io/app:v1" })))),
            ("extra_mirrors[0].mirrors[0] \"m.local\": a mirror needs a path", await Run(("extra_mirrors", new JArray(new JObject { ["source"] = "quay.io", ["mirrors"] = new JArray("m.local") })))),
            ("registries[0] is neither a name nor an object", await Run(("registries", new JArray(5)))),
            ("nothing is left to redirect", await Run(("registries", new JArray(new JObject { ["source"] = "quay.io", ["enabled"] = false })))),
            ("Unsupported parameters for (icsp_render) module: registries.url.", await Run(("registries", new JArray(new JObject { ["url"] = "quay.io" })))),
            ("name \"Mirror_Registry\" cannot be an object's name", await Run(("name", "Mirror_Registry"))),
            ("labels: team cannot be \"has space\"", await Run(("labels", new JObject { ["team"] = "has space" }))),
            ("labels: the value of team is no text", await Run(("labels", new JObject { ["team"] = new JArray() }))),
            ("annotations are too large", await Run(("annotations", new JObject { ["a"] = new string('x', 300_000) }))),
            ("annotations: \"a/b/c\" cannot be a key", await Run(("annotations", new JObject { ["a/b/c"] = "1" }))),
            ("filename_host \"../etc\" cannot be part of a file's name", await Run(("filename_host", "../etc"))),
            ("mirror_path_template \"mirror/{registry}\" does not end in /{path}", await Run(("mirror_path_template", "mirror/{registry}"))),
            ("cdn.quay.io and registry.access.redhat.com would both be registry.local:8443/mirror in the mirror", await Run(("mirror_path_template", "mirror/{path}"), ("registries", new JArray("cdn.quay.io", "registry.access.redhat.com")))),
            ("openshift_version \"latest\" is no version", await Run(("openshift_version", "latest"))),
            ("mirror_map[0].mirrors[0] \"m.local\": a mirror needs a path", await Run(("mirror_map", new JArray(new JObject { ["source"] = "ghcr.io/a", ["mirror"] = "m.local" })))),
            ($"import_files {file} has no mirror set", await Run(("import_files", new JArray(file)))),
            ($"import_files {file}.none does not exist on this host", await Run(("import_files", new JArray(file + ".none")))),
            ($"import_files {folder.Write("bad.yaml", "a: b: c")} is no YAML: line 1, column ", await Run(("import_files", new JArray(folder["bad.yaml"])))),
            ($"import_files {folder.Write("cs.yaml", "kind: CatalogSource\nmetadata: {name: cs}")} has no mirror set, only CatalogSource cs", await Run(("import_files", new JArray(folder["cs.yaml"])))),
            ($"import_files {folder.Write("tag.yaml", "apiVersion: config.openshift.io/v1\nkind: ImageTagMirrorSet\nmetadata: {name: t}\nspec: {imageTagMirrors: [{source: 'quay.io/a:v1', mirrors: [m.local/a]}]}")}: ImageTagMirrorSet t imageTagMirrors[0].source \"quay.io/a:v1\": a mirror source cannot carry a tag or digest", await Run(("import_files", new JArray(folder["tag.yaml"])))),
            ("existing_objects: ImageDigestMirrorSet x has no spec", await Run(("existing_objects", new JArray(new JObject { ["apiVersion"] = "config.openshift.io/v1", ["kind"] = "ImageDigestMirrorSet", ["metadata"] = new JObject { ["name"] = "x" } })))),
            ("outputs has pull_secret, and pull_secret_path is missing", await Run(("outputs", new JArray("pull_secret")))),
            ($"pull_secret_path {file}.none does not exist on this host", await Run(("outputs", new JArray("pull_secret")), ("pull_secret_path", file + ".none"))),
            ("outputs has pull_secret, and neither the parameters nor an auth file have a user name and a password for registry.local:8443", await Run(("outputs", new JArray("pull_secret")), ("pull_secret_path", file), ("authfile", folder.Write("none.json", "{}")))),
            ("username is given without password", await Run(("outputs", new JArray("pull_secret")), ("pull_secret_path", file), ("username", "me"))),
            ("outputs has trusted_ca, and registry_ca_file is missing", await Run(("outputs", new JArray("trusted_ca")))),
            ($"registry_ca_file {file} holds no certificate", await Run(("outputs", new JArray("trusted_ca")), ("registry_ca_file", file))),
            ("mode \"rw\" is no octal number", await Run(("mode", "rw"))),
            ("user \"no-such-user\" does not exist on this host", await Run(("owner", "no-such-user"))),
            ($"folder {Path.Combine(file, "icsp")} cannot be made: {file} is a file", await Run(("dest_dir", Path.Combine(file, "icsp")))),
            ("registry_host \"https://registry.local:1\" cannot be used: its port 1 contradicts registry_port 8443", await Run(("registry_host", "https://registry.local:1"))),
        ];

        using (var large = File.OpenWrite(folder["large.yaml"]))
            large.SetLength((16 << 20) + 1);
        mistakes = [.. mistakes, ($"import_files {folder["large.yaml"]} has 16777217 bytes; 16777216 are accepted", await Run(("import_files", new JArray(folder["large.yaml"]))))];
        mistakes = [.. mistakes, ("the largest object would have ", await Run(("extra_mirrors", new JArray(Enumerable.Range(0, 6000).Select(i => (object)$"quay.io/organisation-number-{i}/with-a-long-name")))))];

        foreach (var (start, answer) in mistakes)
        {
            Assert.True((bool?)answer["failed"] ?? false, $"{start}: {answer}");
            Assert.StartsWith(start, Message(answer), StringComparison.Ordinal);
            Assert.DoesNotContain('\n', Message(answer));
            Assert.False(string.IsNullOrEmpty((string?)answer["error"]!["code"]));
        }

        Assert.False(Path.Exists(Out));
    }

    [GeneratedRegex(@"""(generated_at|sha256)"": ""[^""]*""")]
    private static partial Regex Volatile();
}
