using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>What vars files, inventories and playbooks of others rely on: names, defaults, precedence, task files, files and their keys, facts, tags.</summary>
public sealed class CompatibilityTests(Stage stage) : IClassFixture<Stage>, IDisposable
{
    const string Setup = "setup-registry-passthrough.yml";

    /// <summary>What the files of an example for mirror-registry look like that was made from the upstream project's.</summary>
    const string OldVariables = """
        registry_type: "mirror-registry"
        registry_local_uri: "registry.disconnected.local"
        registry_local_port: "8443"
        icsp_template_dir: "/opt/ocp4-disconnected-helper/templates/icsp"
        harbor_admin_user: "admin"
        harbor_admin_password: "{{ vault_harbor_password }}"
        quay_oauth_token: "{{ vault_quay_token }}"
        quay_organization: "mirror"
        mirror_registry_user: "init"
        mirror_registry_password: "{{ vault_mirror_registry_password }}"
        test_image: "quay.io/centos/centos:stream8"

        """;

    readonly TestFolder folder = new("compatibility");

    public void Dispose() => folder.Dispose();

    /// <summary>Every name that is promised is used by a playbook; what is ignored is said to be.</summary>
    [Theory]
    [InlineData("registry_type registry_local_uri registry_local_port icsp_template_dir icsp_namespace icsp_name naming_pattern registry_mirror_config oc_config_path test_image")]
    [InlineData("mirror_registry_user mirror_registry_password harbor_admin_user harbor_admin_password quay_oauth_token quay_organization jfrog_admin_token")]
    [InlineData("vault_mirror_registry_password vault_harbor_password vault_quay_token enable_passthrough registry_ca_path registry_validate_certs registry_username registry_password passthrough_hosts")]
    [InlineData("target_mirror_path rh_pull_secret local_rh_pull_secret_path target_rh_pull_secret_path openshift_releases operators additional_images architectures archive_size enable_graph")]
    [InlineData("max_per_registry mirror_retry continue_on_error skip_missing skip_cleanup clean_mirror_path base_packages setup_cockpit images images_file")]
    [InlineData("registries mirror_tar_file source_mirror_path target_registry_auth_path target_registry_auth_path_user target_registry_auth_path_group proxy")]
    [InlineData("registry_hostname registry_port upstream_registry mirror_config")]
    [InlineData("registry_pull_account registry_pull_username registry_pull_password registry_namespace")]
    [InlineData("push_concurrency oc_mirror_version validation_deep")]
    [InlineData("registry_credentials icsp_test_result image_verify_result validation_passed repo_count")]
    public void Names_are_known(string names)
    {
        var text = string.Concat(Directory.EnumerateFiles(Checkout.Playbooks, "*", SearchOption.AllDirectories).Where(file => file.EndsWith(".yml", StringComparison.Ordinal) || file.EndsWith(".j2", StringComparison.Ordinal)).Select(File.ReadAllText));

        Assert.All(names.Split(' '), name => Assert.Matches($@"\b{name}\b", text));
    }

    /// <summary>What registry_credentials.method is, by type.</summary>
    [Theory]
    [InlineData("mirror-registry", "mirror_registry")]
    [InlineData("harbor", "harbor_robot")]
    [InlineData("quay", "quay_robot")]
    [InlineData("jfrog", "jfrog_token")]
    public void Methods_are_called_as_before(string type, string method) =>
        Assert.Matches($@"(?m)^  {type}:\n    title: .*\n    method: {method}$", File.ReadAllText(Path.Combine(Checkout.Playbooks, "vars", "passthrough-defaults.yml")));

    [Fact]
    public void Task_files_are_there()
    {
        string[] types = ["mirror-registry", "harbor", "quay", "jfrog", "distribution"];
        string[] files =
        [
            .. types.Select(type => $"setup-{type}-auth.yml"), .. types.Select(type => $"create-mirror-repo-{type}.yml"),
            "setup-repository-structure.yml", "generate-icsp-template.yml", "test-icsp-redirection.yml", "verify-mirrored-images.yml",
        ];

        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(Checkout.Playbooks, "tasks", file)), file));
    }

    [Fact]
    public async Task Defaults_are_those_of_the_guide()
    {
        var shown = await Shown([]);

        Assert.Equal("Registry: registry.disconnected.local:8443 (mirror-registry)", shown[0]);
        Assert.Equal("Naming: registry.disconnected.local:8443/mirror/<upstream-registry>/<image-path>:<tag>", shown[1]);
        Assert.Equal("Files: /opt/ocp4-disconnected-helper/templates/icsp", shown[2]);
    }

    /// <summary>Each place of variables wins over the one before it.</summary>
    [Fact]
    public async Task Inventory_group_vars_host_vars_and_the_command_line_win_in_this_order()
    {
        var inventory = folder.Write("site/hosts", "[registry]\nbastion ansible_connection=local\n[registry:vars]\nregistry_local_port=1001\nregistry_local_uri=inventory.example\nregistry_type=quay\n");
        Assert.Equal("Registry: inventory.example:1001 (quay)", (await Shown(["-i", inventory]))[0]);

        folder.Write("site/group_vars/registry.yml", "registry_local_port: 1002\nregistry_local_uri: group.example\nicsp_template_dir: /srv/group\n");
        Assert.Equal("Registry: group.example:1002 (quay)", (await Shown(["-i", inventory]))[0]);

        folder.Write("site/host_vars/bastion.yml", "registry_local_port: \"\"\nregistry_type: harbor\nnaming_pattern: as written here\n");
        Assert.Equal(["Registry: group.example (harbor)", "Naming: as written here", "Files: /srv/group"], await Shown(["-i", inventory]));

        Assert.Equal("Registry: host.example:1003 (jfrog)", (await Shown(["-i", inventory, "-e", "registry_local_uri=https://host.example/ registry_local_port=1003 registry_type=jfrog"]))[0]);
    }

    [Theory]
    [InlineData("registry_local_uri=https://reg.example:5000", "Registry: reg.example:5000 (mirror-registry)")]
    [InlineData("registry_local_uri=reg.example:5000", "Registry: reg.example:5000 (mirror-registry)")]
    [InlineData("registry_local_uri=reg.example registry_local_port=443", "Registry: reg.example:443 (mirror-registry)")]
    public async Task The_address_may_be_written_as(string variables, string expected) => Assert.Equal(expected, (await Shown(["-e", variables]))[0]);

    [Theory]
    [InlineData("registry_local_uri=127.0.0.1:5000 registry_local_port=5001", "its port 5000 contradicts registry_port 5001")]
    [InlineData("registry_type=nexus", "registry_type nexus is not known: use one of mirror-registry, harbor, quay, jfrog, distribution")]
    public async Task What_contradicts_itself_fails_with_a_sentence(string variables, string sentence)
    {
        var run = await Run(Setup, ["-i", "inventory", "-e", variables, "-e", $"registry_password=any registry_username=any icsp_template_dir={folder["out"]}"]);

        Assert.False(run.Succeeded);
        Assert.Contains(sentence, run.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out"]));
    }

    /// <summary>A vault that nobody gave is one sentence, not a variable that is undefined.</summary>
    [Theory]
    [InlineData("mirror-registry", "mirror_registry_password")]
    [InlineData("harbor", "harbor_admin_password")]
    [InlineData("quay", "quay_oauth_token")]
    [InlineData("jfrog", "jfrog_admin_token")]
    public async Task An_old_vars_file_without_its_vault_says_what_is_missing(string type, string variable)
    {
        var run = await Run(Setup, ["-i", "inventory", "-e", $"@{folder.Write("old.yml", OldVariables)}", "-e", $"registry_type={type} icsp_template_dir={folder["out"]}", "--tags", "auth"]);

        Assert.False(run.Succeeded);
        Assert.Contains("There is no account for registry.disconnected.local:8443: set ", run.Output, StringComparison.Ordinal);
        Assert.Contains(variable, run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("is undefined", run.Output, StringComparison.Ordinal);
    }

    /// <summary>Groups that other playbooks of the upstream project want; neither of ours is there.</summary>
    [Fact]
    public async Task An_old_inventory_without_our_groups_means_localhost_and_it_is_said()
    {
        var inventory = folder.Write("old-inventory", "[all]\nimage-mirror.example ansible_host=192.0.2.1\n[harbor]\nharbor.example ansible_host=192.0.2.2\n[secureMirrorSource]\nmirror-source.example ansible_host=192.0.2.3\n");

        var run = (await Run(Setup, [.. Own("old")[2..], "-i", inventory])).MustSucceed();

        Assert.Contains(": the setup is done on localhost. If that is not what you want, check -i", run.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(folder["old", "apply-icsp-distribution.sh"]));
    }

    /// <summary>Setup on one host, validation on another, each with a folder of its own.</summary>
    [Fact]
    public async Task Two_hosts_have_what_each_needs()
    {
        var inventory = folder.Write("two/hosts", $"""
            localhost ansible_connection=local
            [registry]
            bastion ansible_connection=local icsp_template_dir={folder["on-bastion"]}
            [orchestration]
            ops ansible_connection=local icsp_template_dir={folder["on-ops"]}

            """);
        File.Copy(await stage.Archive(), Path.Combine(folder.Folder("images"), "mirror_seq1_000000.tar"));
        // Push runs on localhost, which has neither folder: it logs in as the variables say and leaves its record where they say.
        string[] arguments = ["-i", inventory, "-e", Json.Compact(Variables()), "-e", $"source_mirror_path={folder["images"]}"];
        (await Run(Setup, arguments)).MustSucceed();

        Assert.Equal(Directory.GetFiles(folder["on-bastion"]).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal), Directory.GetFiles(folder["on-ops"]).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        foreach (var file in Directory.GetFiles(folder["on-ops"]))
        {
            Assert.Equal(File.ReadAllText(folder["on-bastion", Path.GetFileName(file)]), File.ReadAllText(file));
            Assert.Equal(File.GetUnixFileMode(folder["on-bastion", Path.GetFileName(file)]), File.GetUnixFileMode(file));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["on-ops", "distribution-docker-config.json"]));
        // What another run of icsp_render put there, in folders too, goes along with the next setup.
        string[] more = ["registry-ca-configmap.yml", "install-config-mirrors.yml", "hostedcluster-mirrors.yml", "certs.d/quay.io/hosts.toml", "certs.d/r.local-ca.crt", "openshift/99-x-itms.yml", "release-signatures/signature-sha256-1.json"];
        foreach (var file in more)
            folder.Write(Path.Combine("on-bastion", file), file);
        // Whatever tag made them.
        File.Delete(folder["on-ops", "apply-icsp-distribution.sh"]);
        (await Run(Setup, [.. arguments, "--tags", "icsp"])).MustSucceed();
        Assert.True(File.Exists(folder["on-ops", "apply-icsp-distribution.sh"]));
        Assert.All(more, file =>
        {
            Assert.Equal(file, File.ReadAllText(folder["on-ops", file]));
            File.Delete(folder["on-bastion", file]);
            File.Delete(folder["on-ops", file]);
        });
        Assert.Equal(0, (await Run(Setup, arguments)).MustSucceed().Changed);
        (await Run("push-tar-to-registry.yml", [.. arguments, "-e", $"icsp_template_dir={folder["on-ops"]}"])).MustSucceed();
        var validated = (await Run("validate-passthrough-mode.yml", arguments)).MustSucceed();
        Assert.True(validated.Recap["ops"].Ok > 0);
        Assert.False(validated.Recap.ContainsKey("bastion"));

        var predicted = (await Run("undo-registry-passthrough.yml", [.. arguments, "--check"])).MustSucceed();
        var undone = (await Run("undo-registry-passthrough.yml", arguments)).MustSucceed();
        Assert.Equal(predicted.Changed, undone.Changed);
        Assert.Empty(Directory.GetFiles(folder["on-bastion"]));
        Assert.Equal(["delivered-distribution.json", ".html", ".json", ".txt"], Directory.GetFiles(folder["on-ops"]).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)
            .Select(file => file.StartsWith("validation-report-", StringComparison.Ordinal) ? Path.GetExtension(file) : file));
        Assert.Equal(0, (await Run("undo-registry-passthrough.yml", arguments)).MustSucceed().Changed);
    }

    [Fact]
    public async Task Tags_do_their_part_and_no_more()
    {
        foreach (var (tag, files) in new (string, string[])[]
        {
            ("repos", ["repository-structure-distribution.txt"]),
            ("auth", ["distribution-auth-config.json", "distribution-docker-config.json"]),
            ("icsp", ["apply-icsp-distribution.sh", "icsp-distribution-localhost.yml", "icsp-distribution-metadata.json", "idms-distribution-localhost.yml", "itms-distribution-localhost.yml", "registries-distribution.conf"]),
            ("report", []),
        })
        {
            (await Run(Setup, [.. Own($"{tag}"), "--tags", tag])).MustSucceed();
            Assert.Equal(files, Directory.Exists(folder[tag]) ? Directory.GetFiles(folder[tag]).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal) : []);
        }

        var all = (await Run(Setup, [.. Own("all"), "-e", "icsp_name=mirrors-of-ours icsp_namespace=elsewhere"])).MustSucceed();
        Assert.True(all.Changed > 0);
        var metadata = Json.TryParseObject(File.ReadAllText(folder["all", "icsp-distribution-metadata.json"]))!;
        Assert.All(new[] { "icsp_template", "registry_type", "registry_uri", "mirrors_count", "generated_at", "validated" }, key => Assert.True(metadata.ContainsKey(key), key));
        Assert.Equal(folder["all", "icsp-distribution-localhost.yml"], (string?)metadata["icsp_template"]);
        Assert.Equal(10, (int?)metadata["mirrors_count"]);
        var account = Json.TryParseObject(File.ReadAllText(folder["all", "distribution-auth-config.json"]))!;
        Assert.All(new[] { "registry_type", "registry_url", "auth_method", "username", "password", "created_at" }, key => Assert.True(account.ContainsKey(key), key));
        Assert.Contains("name: mirrors-of-ours\n", File.ReadAllText(folder["all", "icsp-distribution-localhost.yml"]), StringComparison.Ordinal);
        Assert.Contains("elsewhere", File.ReadAllText(folder["all", "registry-passthrough-summary-distribution.txt"]), StringComparison.Ordinal);
    }

    /// <summary>A playbook of somebody else's, beside ours, that includes our task files as it would upstream's and reads the facts.</summary>
    [Fact]
    public async Task Task_files_can_be_included_one_by_one()
    {
        var tasks = Path.Combine(Checkout.Playbooks, "tasks");
        var archive = await stage.Archive();
        var playbook = folder.Write("workflow.yml", $$$"""
            - hosts: localhost
              gather_facts: false
              vars:
                registry_type: distribution
                registry_ca_path: {{{stage.Mirror.CaFile}}}
                icsp_template_dir: {{{folder["included"]}}}
              tasks:
                - include_tasks: {{{tasks}}}/setup-distribution-auth.yml
                  vars: {registry_hostname: 127.0.0.1, registry_port: "{{{stage.Mirror.Port}}}"}
                - assert:
                    that:
                      - registry_credentials.username == '{{{Stage.UserName}}}'
                      - registry_credentials.password | length > 0
                      - registry_credentials.method is defined
                      - registry_credentials.auth_type is defined
                      - registry_credentials.registry_url == 'https://127.0.0.1:{{{stage.Mirror.Port}}}'
                - include_tasks: {{{tasks}}}/create-mirror-repo-distribution.yml
                  vars: {registry_hostname: 127.0.0.1, registry_port: "{{{stage.Mirror.Port}}}", upstream_registry: quay.io}
                - include_tasks: {{{tasks}}}/create-mirror-repo-distribution.yml
                  vars: {registry_hostname: 127.0.0.1, registry_port: "{{{stage.Mirror.Port}}}", upstream_registry: [quay.io, docker.io]}
                - include_tasks: {{{tasks}}}/setup-repository-structure.yml
                  vars:
                    registry_hostname: 127.0.0.1
                    registry_port: "{{{stage.Mirror.Port}}}"
                    mirror_config:
                      - {source: quay.io, description: Quay of ours}
                      - {source: registry.redhat.io, priority: core}
                - include_tasks: {{{tasks}}}/generate-icsp-template.yml
                  vars:
                    registry_local_uri: 127.0.0.1
                    registry_local_port: "{{{stage.Mirror.Port}}}"
                    registry_mirror_config:
                      - {source: quay.io, description: Quay of ours}
                      - {source: registry.redhat.io, priority: core, mirror_source_policy: NeverContactSource}
                - image_archive:
                    state: loaded
                    path: {{{archive}}}
                    only: [quay.io/team/*]
                    registry_type: distribution
                    registry_host: 127.0.0.1
                    registry_port: {{{stage.Mirror.Port}}}
                    ca_path: {{{stage.Mirror.CaFile}}}
                    authfile: {{{folder["included"]}}}/distribution-docker-config.json
                    record_path: {{{folder["included"]}}}/delivered-distribution.json
                - include_tasks: {{{tasks}}}/test-icsp-redirection.yml
                  vars: {registry_local_uri: 127.0.0.1, registry_local_port: "{{{stage.Mirror.Port}}}"}
                - include_tasks: {{{tasks}}}/verify-mirrored-images.yml
                  vars: {registry_local_uri: 127.0.0.1, registry_local_port: "{{{stage.Mirror.Port}}}"}
                - assert:
                    that:
                      - icsp_test_result == 'PASS'
                      - image_verify_result is match('PASS')
                      - validation_passed
                      - repo_count | int == 1

            """);

        var run = await stage.Ansible().Playbook(playbook, ["-i", "inventory"], stage.WithCredentials with { WorkingDirectory = Checkout.Playbooks });

        run.MustSucceed();
        Assert.Contains("quay.io (Quay of ours)", File.ReadAllText(folder["included", "repository-structure-distribution.txt"]), StringComparison.Ordinal);
        Assert.Contains("source: registry.redhat.io", File.ReadAllText(folder["included", "idms-distribution-localhost.yml"]), StringComparison.Ordinal);
        Assert.DoesNotContain("docker.io", File.ReadAllText(folder["included", "idms-distribution-localhost.yml"]), StringComparison.Ordinal);
        Assert.DoesNotContain(Stage.Password, run.Output, StringComparison.Ordinal);
    }

    /// <summary>The list of registries that upstream's push has, its old archive folder, and its auth folder.</summary>
    [Theory]
    [InlineData("true", "mirror/quay.io/team/tool")]
    [InlineData("false", "ocp4/team/tool")]
    public async Task A_push_goes_to_each_of_registries(string passthrough, string repository)
    {
        File.Copy(await stage.Archive(), Path.Combine(folder.Folder("images"), "mirror_seq1_000000.tar"));
        var variables = folder.Write("push.yml", Json.Indented(new JObject
        {
            ["registries"] = new JArray(new JObject
            {
                ["username"] = Stage.UserName,
                ["password"] = Stage.Password,
                ["server"] = "127.0.0.1",
                ["port"] = stage.Mirror.Port,
                ["path"] = "ocp4",
                ["registry_type"] = "distribution",
            }),
            ["target_registry_auth_path"] = folder["docker"],
            ["target_registry_auth_path_user"] = "root",
            ["target_registry_auth_path_group"] = "root",
            ["source_mirror_path"] = folder["images"],
            ["registry_ca_path"] = stage.Mirror.CaFile,
            ["enable_passthrough"] = passthrough,
            ["icsp_template_dir"] = folder["none"],
            ["setup_cockpit"] = true,
            ["base_packages"] = new JArray("nano", "curl"),
        }));

        var run = (await stage.Ansible().Playbook("push-tar-to-registry.yml", ["-i", "inventory", "-e", $"@{variables}"], new CommandSettings { WorkingDirectory = Checkout.Playbooks })).MustSucceed();

        Assert.Contains(run.Result("image_archive")["images"]!, image => (string?)image["target"] == $"127.0.0.1:{stage.Mirror.Port}/{repository}:v1");
        Assert.NotNull(Json.TryParseObject(File.ReadAllText(folder["docker", "config.json"]))!["auths"]![$"127.0.0.1:{stage.Mirror.Port}"]);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["docker", "config.json"]));
        Assert.DoesNotContain(Stage.Password, run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Releases_and_operators_are_oc_mirrors_part()
    {
        var variables = folder.Write("download.yml", $$"""
            rh_pull_secret: '{"auths": {"registry.redhat.io": {"auth": "dTpw"} } }'
            target_rh_pull_secret_path: {{folder["secret.json"]}}
            target_mirror_path: {{folder["images"]}}
            openshift_releases:
              - {name: stable-4.16, minVersion: 4.16.3, maxVersion: 4.16.3}
            operators:
              - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.16
                packages: [{name: odf-operator}]
            additional_images: [registry.redhat.io/ubi8/ubi:latest]
            architectures: [amd64]
            archive_size: 8
            enable_graph: true
            max_per_registry: 3
            continue_on_error: true
            skip_missing: true
            oc_mirror_version: v1

            """);
        string[] arguments = ["-i", "inventory", "-e", $"@{variables}"];

        var without = await Run("download-to-tar.yml", arguments);
        Assert.False(without.Succeeded);
        Assert.Contains("oc-mirror, which downloads them, is not on this host", string.Join(' ', without.Tasks.Select(task => (string?)task.Result["msg"])), StringComparison.Ordinal);

        folder.Write("bin/oc-mirror", $"#!/bin/sh\ncase $* in --help) echo '  --v1  v1 or v2' ;; *) echo \"$@\" >{folder["called"]}; test -r \"$REGISTRY_AUTH_FILE\" ;; esac\n");
        File.SetUnixFileMode(folder["bin", "oc-mirror"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        (await Run("download-to-tar.yml", arguments, new() { ["PATH"] = $"{folder["bin"]}:{Environment.GetEnvironmentVariable("PATH")}" })).MustSucceed();

        Assert.Equal($"--config {folder["images"]}/imageSetConfig.yml --v1 --max-per-registry 3 --continue-on-error --skip-missing file://{folder["images"]}\n", File.ReadAllText(folder["called"]));
        var config = File.ReadAllText(folder["images", "imageSetConfig.yml"]);
        Assert.Contains("apiVersion: mirror.openshift.io/v1alpha2", config, StringComparison.Ordinal);
        Assert.All(new[] { "archiveSize: 8", "stable-4.16", "4.16.3", "odf-operator", "registry.redhat.io/ubi8/ubi:latest", "graph: true" }, text => Assert.Contains(text, config, StringComparison.Ordinal));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["secret.json"]));
    }

    /// <summary>What setup says that it is about to do; nothing of it is done.</summary>
    async Task<IReadOnlyList<string>> Shown(string[] arguments)
    {
        var run = (await Run(Setup, [.. arguments.Contains("-i") ? [] : new[] { "-i", "inventory" }, .. arguments, "--tags", "none"])).MustSucceed();
        return [.. run.Tasks.Single(task => task.Name == "Show what is set up").Result["msg"]!.Values<string>().Select(text => text!)];
    }

    Task<AnsibleRun> Run(string playbook, string[] arguments, Dictionary<string, string?>? environment = null) =>
        stage.Ansible().Playbook(playbook, [.. arguments, "-e", "passthrough_become=false"], new CommandSettings { WorkingDirectory = Checkout.Playbooks, Environment = environment ?? [] });

    string[] Own(string output) => ["-i", "inventory", "-e", Json.Compact(Variables()), "-e", $"icsp_template_dir={folder[output]}"];

    JObject Variables() => new()
    {
        ["registry_type"] = "distribution",
        ["registry_local_uri"] = "127.0.0.1",
        ["registry_local_port"] = $"{stage.Mirror.Port}",
        ["registry_ca_path"] = stage.Mirror.CaFile,
        ["registry_username"] = Stage.UserName,
        ["registry_password"] = Stage.Password,
    };
}
