using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Modules.IcspRender;
using Passthrough.Modules.ImageArchive;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Modules.Tests.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Images;

namespace Passthrough.Modules.Tests.BadInput;

/// <summary>What users get wrong, and the exact sentence that each of them reads: the approved file beside this one of each module is the catalogue.</summary>
public sealed class BadInputTests : IAsyncLifetime
{
    ArchiveStage stage = null!;
    BadInputCatalogue catalogue = null!;
    string noAuth = null!;

    public async Task InitializeAsync()
    {
        stage = await ArchiveStage.Start();
        catalogue = new BadInputCatalogue(stage);
        noAuth = stage.Folder.Write("none.json", "{}");
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task Of_mirror_repo()
    {
        await stage.Mirror.Push(ArchiveStage.ToolImage, "kept/quay.io/team/tool", "2");
        var text = stage.Folder.Write("notes.txt", "no certificate, no JSON\n");
        var damaged = stage.Folder.Write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        await Each(
            "registry",
            new MirrorRepoModule(),
            ("a parameter that does not exist", [("upstream", "quay.io")]),
            ("no registry", [("registry_host", null)]),
            ("a registry with a path", [("registry_host", "https://registry.example.com/mirror")]),
            ("a port twice", [("registry_host", "registry.example.com:5000"), ("registry_port", 8443)]),
            ("a port that is none", [("registry_port", 70000)]),
            ("a product that does not exist", [("registry_type", "quai")]),
            ("another product than is there", [("registry_type", "quay")]),
            ("a state that does not exist", [("state", "presnt")]),
            ("no number", [("timeout", "soon")]),
            ("no time at all", [("timeout", 0)]),
            ("fewer than no retries", [("retries", -1)]),
            ("neither yes nor no", [("validate_certs", "perhaps")]),
            ("nobody listens", [("registry_port", 1)]),
            ("a certificate of a CA that nobody named", [("ca_path", null)]),
            ("a CA file that is not there", [("ca_path", stage.Folder["no-ca.pem"])]),
            ("a CA file without a certificate", [("ca_path", text)]),
            ("a CA file with half a certificate", [("ca_path", damaged)]),
            ("plain HTTP to a port with TLS", [("scheme", "http"), ("ca_path", null)]),
            ("TLS to a port without", [("registry_port", stage.Upstream.Port)]),
            ("a key without its certificate", [("client_key", text)]),
            ("a client certificate that is not there", [("client_cert", stage.Folder["no-client.pem"])]),
            ("a wrong password", [("password", "mistyped")]),
            ("no credentials", [("username", ""), ("password", "")]),
            ("a user without a password", [("password", "")]),
            ("a password without a user", [("username", "")]),
            ("user and password in one", [("username", "pusher:mistyped")]),
            ("an auth file that is not there", [("authfile", stage.Folder["no-auth.json"]), ("username", ""), ("password", "")]),
            ("an auth file that is no JSON", [("authfile", text), ("username", ""), ("password", "")]),
            ("a namespace in capitals", [("namespace", "Mirror")]),
            ("a template that loses the path", [("mirror_path_template", "{namespace}/{registry}")]),
            ("a template in capitals", [("mirror_path_template", "{namespace}/Of/{path}")]),
            ("a template that puts two upstreams into one place", [("mirror_path_template", "{namespace}/{path}"), ("upstreams", new JArray("quay.io", "docker.io"))]),
            ("an upstream with a scheme", [("upstreams", new JArray("https://quay.io"))]),
            ("a repository in capitals", [("repositories", new JArray("quay.io/Team/App"))]),
            ("a repository with too long a name", [("repositories", new JArray("quay.io/" + new string('a', 240)))]),
            ("privacy that the product does not have", [("visibility", "private")]),
            ("a quota that the product does not have", [("quota", "1G")]),
            ("a quota below nothing", [("quota", -1)]),
            ("a quota that is no size", [("quota", "plenty")]),
            ("immutable tags that the product does not have", [("immutable_tags", true)]),
            ("rights that the product does not have", [("grant_to", new JArray("puller"))]),
            ("images where nothing is to be", [("state", "absent"), ("namespace", "kept")]));
        await Snapshot.Verify(catalogue.ToString());
    }

    [Fact]
    public async Task Of_registry_auth()
    {
        var text = stage.Folder.Write("notes.txt", "no JSON\n");
        var helpers = stage.Folder.Write("helpers.json", $"{{\"credHelpers\": {{\"{stage.Mirror.Name}\": \"pass\"}}}}");
        await Each(
            "account",
            new RegistryAuthModule(),
            ("nowhere to write to", [("dest_dir", null)]),
            ("a right that does not exist", [("access", new JArray("admin"))]),
            ("no rights", [("access", new JArray())]),
            ("a method that does not exist", [("method", "robots")]),
            ("a method that the product does not have", [("method", "robot")]),
            ("an end that is over", [("expires_days", 0)]),
            ("an end that the product does not have", [("expires_days", 30)]),
            ("a rotation after the end", [("rotate_before_days", -1)]),
            ("a new password for an account of somebody else", [("rotate", "always")]),
            ("a secret that the product does not take", [("secret", "ch0sen-s3cret")]),
            ("a token for a product with passwords alone", [("token", "t0ken-s3cret"), ("username", null), ("password", null)]),
            ("a wrong password", [("password", "mistyped")]),
            ("a user who does not exist", [("username", "nobody")]),
            ("no credentials, and no file of an earlier run", [("username", ""), ("password", "")]),
            ("a namespace in capitals", [("namespace", "Mirror")]),
            ("a mode that is none", [("mode", "rw-------")]),
            ("an owner who does not exist", [("owner", "no-such-user")]),
            ("a group that does not exist", [("group", "no-such-group")]),
            ("a folder where a file is", [("dest_dir", Path.Combine(text, "auth"))]),
            ("a file where a folder is", [("docker_config_path", stage.Folder["pki"])]),
            ("a docker config that is no JSON", [("docker_config_path", text)]),
            ("a docker config that asks a program for this registry", [("docker_config_path", helpers)]),
            ("a pull secret that is not there", [("pull_secret_path", stage.Folder["no-pull-secret.json"])]));
        await Snapshot.Verify(catalogue.ToString());
    }

    [Fact]
    public async Task Of_icsp_render()
    {
        var text = stage.Folder.Write("notes.txt", "no mirror set\n");
        var badYaml = stage.Folder.Write("bad.yaml", "a: b: c");
        var catalogSource = stage.Folder.Write("cs.yaml", "kind: CatalogSource\nmetadata: {name: cs}");
        await Each(
            "render",
            new IcspRenderModule(),
            ("a parameter of an entry that does not exist", [("registries", new JArray(new JObject { ["url"] = "quay.io" }))]),
            ("an entry that is a number", [("registries", new JArray(5))]),
            ("a source with a scheme", [("registries", new JArray("docker.io", "https://quay.io"))]),
            ("a source with a tag", [("registries", new JArray("quay.io/app:v1"))]),
            ("a wildcard without mirrors", [("registries", new JArray("*.redhat.io"))]),
            ("a priority that does not exist", [("registry_priorities", new JArray("highest"))]),
            ("nothing that is enabled", [("registries", new JArray(new JObject { ["source"] = "quay.io", ["enabled"] = false }))]),
            ("a mirror without a path", [("extra_mirrors", new JArray(Entry("quay.io", "m.local")))]),
            ("its own only mirror", [("registries", new JArray(Entry("registry.example.com/a", "registry.example.com/a")))]),
            ("a mirror that its own policy blocks", [("registries", new JArray(Entry("m.example.com", "m.example.com/mirror"))), ("mirror_source_policy", "NeverContactSource")]),
            ("one source with two policies", [("registries", new JArray("quay.io", new JObject { ["source"] = "quay.io", ["mirror_source_policy"] = "NeverContactSource" }))]),
            ("a pair of the map without its mirror", [("mirror_map", new JArray(new JObject { ["source"] = "quay.io" }))]),
            ("a name in capitals", [("name", "Mirror_Registry")]),
            ("a label with a blank", [("labels", new JObject { ["team"] = "has space" })]),
            ("a label that is a list", [("labels", new JObject { ["team"] = new JArray() })]),
            ("an annotation's key with two slashes", [("annotations", new JObject { ["a/b/c"] = "1" })]),
            ("annotations that are too large", [("annotations", new JObject { ["a"] = new string('x', 300_000) })]),
            ("a host that is a path", [("filename_host", "../etc")]),
            ("a template that loses the path", [("mirror_path_template", "mirror/{registry}")]),
            ("a template that puts two upstreams into one place", [("mirror_path_template", "mirror/{path}"), ("registries", new JArray("cdn.quay.io", "registry.access.redhat.com"))]),
            ("a version that is a word", [("openshift_version", "latest")]),
            ("a kind that came later", [("openshift_version", "4.12"), ("kinds", new JArray("idms"))]),
            ("a kind that does not exist", [("kinds", new JArray("idsm"))]),
            ("an output that does not exist", [("outputs", new JArray("everything"))]),
            ("a file to import that is not there", [("import_files", new JArray(stage.Folder["none.yaml"]))]),
            ("a file to import without a mirror set", [("import_files", new JArray(text))]),
            ("a file to import that is no YAML", [("import_files", new JArray(badYaml))]),
            ("a file to import with something else", [("import_files", new JArray(catalogSource))]),
            ("an object of the cluster that is none", [("existing_objects", new JArray(new JObject { ["apiVersion"] = "config.openshift.io/v1", ["kind"] = "ImageDigestMirrorSet", ["metadata"] = new JObject { ["name"] = "x" } }))]),
            ("a pull secret from nowhere", [("outputs", new JArray("pull_secret"))]),
            ("a pull secret that is not there", [("outputs", new JArray("pull_secret")), ("pull_secret_path", stage.Folder["no-pull-secret.json"])]),
            ("a CA to trust from nowhere", [("outputs", new JArray("trusted_ca"))]),
            ("a CA to trust that is not there", [("outputs", new JArray("trusted_ca")), ("registry_ca_file", stage.Folder["no-ca.pem"])]),
            ("a CA to trust that is no certificate", [("outputs", new JArray("trusted_ca")), ("registry_ca_file", text)]),
            ("a CA to trust with its private key", [("outputs", new JArray("trusted_ca")), ("registry_ca_file", stage.Folder.Write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))]),
            ("a port that contradicts", [("registry_host", "https://registry.local:1")]),
            ("objects of less than nothing", [("max_object_size", -1)]),
            ("objects without room for an entry", [("max_object_size", 100)]),
            ("a mode that is none", [("mode", "rw")]),
            ("a folder where a file is", [("dest_dir", Path.Combine(text, "icsp"))]));
        await Snapshot.Verify(catalogue.ToString());

        static JObject Entry(string source, string mirror) => new() { ["source"] = source, ["mirrors"] = new JArray(mirror) };
    }

    [Fact]
    public async Task Of_image_archive()
    {
        var archive = stage.WriteArchive("set.tar", (ArchiveStage.App, ArchiveStage.AppImage), (ArchiveStage.Tool, ArchiveStage.ToolImage));
        var damaged = stage.WriteArchive("damaged.tar", (ArchiveStage.Tool, ArchiveStage.ToolImage));
        ArchiveStage.Damage(damaged, ArchiveStage.SharedLayer);
        var truncated = stage.Folder["truncated.tar"];
        await File.WriteAllBytesAsync(truncated, (await File.ReadAllBytesAsync(archive))[..100_000]);
        var text = stage.Folder.Write("notes.txt", string.Concat(Enumerable.Repeat("this is no archive\n", 100)));
        // Several images are looked at at the same time, and any may be the first to fail.
        var one = ("only", new JArray(ArchiveStage.Tool));
        var emptyFolder = stage.Folder.Folder("empty");
        await Each(
            "saved",
            new ImageArchiveModule(),
            ("no state", [("state", null)]),
            ("a state that does not exist", [("state", "save")]),
            ("no images", [("images", null)]),
            ("an empty list of images", [("images", new JArray())]),
            ("an image that is a number", [("images", new JArray(5))]),
            ("an image in capitals", [("images", new JArray("quay.io/Team/App:v1"))]),
            ("an image with a broken digest", [("images", new JArray("quay.io/team/app@sha256:abc"))]),
            ("an image with an empty tag", [("images", new JArray("quay.io/team/app:"))]),
            ("an image that is not there", [("images", new JArray("quay.io/team/none:v1"))]),
            ("a platform without its system", [("platforms", new JArray("amd64"))]),
            ("a platform that the image does not have", [("platforms", new JArray("windows/amd64"))]),
            ("a list file that is not there", [("images_file", stage.Folder["none.txt"]), ("images", null)]),
            ("a list file that is a folder", [("images_file", emptyFolder), ("images", null)]),
            ("patterns that leave nothing", [("only", new JArray("ghcr.io/*"))]),
            ("a place to pull from that is a list", [("pull_from", new JObject { ["quay.io"] = new JArray() })]),
            ("a place to pull from for no registry", [("pull_from", new JObject { ["quay.io/team"] = "m.example.com" })]),
            ("a place to pull from with capitals", [("pull_from", new JObject { ["quay.io"] = "m.example.com/Quay" })]),
            ("one registry twice", [("pull_from", new JObject { ["docker.io"] = "a.example.com", ["index.docker.io"] = "b.example.com" })]),
            ("a size of parts that is none", [("part_size", "small")]),
            ("parts of one byte", [("part_size", 1)]),
            ("nobody to do the work", [("concurrency", 0)]),
            ("two archives to save into", [("path", new JArray("a.tar", "b.tar"))]),
            ("a folder where a file is", [("path", Path.Combine(text, "set.tar"))]));
        await Each(
            "loaded",
            new ImageArchiveModule(),
            ("no archive", [("path", null)]),
            ("an archive that is not there", [("path", stage.Folder["none.tar"])]),
            ("an archive that is no tar", [("path", text)]),
            ("an archive that was cut off", [("path", truncated)]),
            ("a folder without an archive", [("path", emptyFolder)]),
            ("no registry", [("registry_host", null)]),
            ("no credentials to push with", [one, ("username", ""), ("password", "")]),
            ("a wrong password", [one, ("password", "mistyped")]),
            ("patterns that leave nothing of the archive", [("only", new JArray("ghcr.io/*"))]),
            ("a name that is no reference", [("references", new JObject { ["app"] = "Quay.io/App" })]),
            ("two images for one place", [("references", new JObject { [ArchiveStage.App] = "quay.io/team/one:1", [ArchiveStage.Tool] = "quay.io/team/one:1" })]),
            ("a namespace in capitals", [("namespace", "Mirror")]));
        await Each(
            "verified",
            new ImageArchiveModule(),
            ("nothing to prove", [("path", null), ("registry_host", null)]),
            ("a way that does not exist", [("verify", "archives")]),
            ("an archive that was not loaded", [one]),
            ("an archive with a flipped bit", [("verify", "archive"), ("path", damaged)]),
            ("nothing that says what should be there", [("path", null)]),
            ("a redirection from nowhere", [("verify", "redirection")]),
            ("a redirection of what was not loaded", [("verify", "redirection"), ("registries_conf", stage.Folder["none.conf"])]));
        await Each(
            "pruned",
            new ImageArchiveModule(),
            ("no record", [("record_path", null)]),
            ("a record that is no JSON", [("record_path", text)]));
        await Snapshot.Verify(catalogue.ToString());
    }

    [Fact]
    public void Are_more_than_sixty()
    {
        var lines = Directory.GetFiles(Checkout.PathOf("tests", "Passthrough.Modules.Tests", "BadInput"), "*.verified.txt").Select(File.ReadAllLines).ToList();

        Assert.Equal(4, lines.Count);
        Assert.InRange(lines.SelectMany(file => file).Where(line => line.StartsWith("  ", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal).Count(), 60, int.MaxValue);
    }

    async Task Each(string way, IAnsibleModule module, params (string Mistake, (string Name, JToken? Value)[] Given)[] mistakes)
    {
        foreach (var (mistake, given) in mistakes)
        {
            var parameters = Good(way);
            foreach (var (name, value) in given)
                parameters[name] = value;
            await catalogue.Run(module, mistake, parameters);
        }
    }

    /// <summary>What would work, but for the mistake.</summary>
    JObject Good(string way)
    {
        if (way == "render")
            return new JObject { ["registry_type"] = "harbor", ["registry_host"] = "registry.local", ["registry_port"] = 8443, ["dest_dir"] = stage.Folder["out"], ["filename_host"] = "bastion" };
        var parameters = way == "saved" ? new JObject { ["images"] = new JArray(ArchiveStage.App), ["pull_from"] = stage.PullFrom } : JObject.FromObject(stage.Mirror.Parameters());
        if (way != "saved")
            (parameters["username"], parameters["password"]) = (stage.Mirror.UserName, stage.Mirror.Password);
        // No test looks at the auth files of whoever runs it.
        parameters["authfile"] = noAuth;
        parameters["retries"] = 0;
        if (way == "account")
            parameters["dest_dir"] = stage.Folder["out"];
        if (way is "saved" or "loaded" or "verified" or "pruned")
            (parameters["state"], parameters["path"]) = (way, way == "saved" ? stage.Folder["out", "set.tar"] : stage.Archive);
        return parameters;
    }
}
