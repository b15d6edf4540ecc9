using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Text;
using Passthrough.Modules.IcspRender;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

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

        Assert.True((bool)(await Run(("labels", new JObject { ["team"] = "a" })))["changed"]!);
        Assert.DoesNotContain("2020-01-01T00:00:00Z", File.ReadAllText(path), StringComparison.Ordinal);
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
            ("annotations: \"a/b/c\" cannot be a key", await Run(("annotations", new JObject { ["a/b/c"] = "1" }))),
            ("filename_host \"../etc\" cannot be part of a file's name", await Run(("filename_host", "../etc"))),
            ("mirror_path_template \"mirror/{registry}\" does not end in /{path}", await Run(("mirror_path_template", "mirror/{registry}"))),
            ("cdn.quay.io and registry.access.redhat.com would both be registry.local:8443/mirror in the mirror", await Run(("mirror_path_template", "mirror/{path}"), ("registries", new JArray("cdn.quay.io", "registry.access.redhat.com")))),
            ("outputs has trusted_ca, and registry_ca_file is missing", await Run(("outputs", new JArray("trusted_ca")))),
            ($"registry_ca_file {file} holds no certificate", await Run(("outputs", new JArray("trusted_ca")), ("registry_ca_file", file))),
            ("mode \"rw\" is no octal number", await Run(("mode", "rw"))),
            ("user \"no-such-user\" does not exist on this host", await Run(("owner", "no-such-user"))),
            ($"folder {Path.Combine(file, "icsp")} cannot be made: {file} is a file", await Run(("dest_dir", Path.Combine(file, "icsp")))),
            ("registry_host \"https://registry.local:1\" cannot be used: its port 1 contradicts registry_port 8443", await Run(("registry_host", "https://registry.local:1"))),
        ];

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
