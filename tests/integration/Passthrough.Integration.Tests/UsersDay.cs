using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;

namespace Passthrough.Integration.Tests;

/// <summary>One user's folders, variables and runs.</summary>
sealed class UsersDay
{
    public const string Download = "download-to-tar.yml";
    public const string Setup = "setup-registry-passthrough.yml";
    public const string Push = "push-tar-to-registry.yml";
    public const string Validate = "validate-passthrough-mode.yml";

    public static readonly string[] Playbooks = [Download, Setup, Push, Validate];

    readonly Stage stage;
    readonly AnsibleRunner ansible;
    readonly string folder;
    AnsibleRun? last;

    public UsersDay(Stage stage, string name)
    {
        this.stage = stage;
        folder = stage.Folder.Folder(name);
        Secrets.AddSecret(Stage.UserName, Stage.Password);
        ansible = stage.Ansible(Secrets);
        Variables = stage.Folder.Write($"{name}-vars.json", Json.Indented(JObject.FromObject(new Dictionary<string, object?>
        {
            ["registry_type"] = "distribution",
            ["registry_local_uri"] = "127.0.0.1",
            ["registry_local_port"] = $"{stage.Mirror.Port}",
            ["registry_ca_path"] = stage.Mirror.CaFile,
            ["icsp_template_dir"] = Output,
            ["target_mirror_path"] = Path.Combine(folder, "images"),
            ["source_mirror_path"] = Path.Combine(folder, "images"),
            ["images"] = stage.Images.Keys,
            ["pull_from"] = stage.PullFrom,
        })));
    }

    public SecretCollector Secrets { get; } = new();

    /// <summary>The path of the file that is given with <c>-e @</c>.</summary>
    public string Variables { get; }

    public string Output => Path.Combine(folder, "icsp");

    public string WorkingDirectory { get; init; } = Checkout.Playbooks;

    public string[] Inventory { get; init; } = ["-i", "inventory"];

    public async Task<AnsibleRun> Run(string playbook, params string[] arguments) => last = await ansible.Playbook(
        Path.GetRelativePath(WorkingDirectory, Path.Combine(Checkout.Playbooks, playbook)),
        [.. Inventory, "-e", $"@{Variables}", .. arguments],
        stage.WithCredentials with { WorkingDirectory = WorkingDirectory });

    /// <summary>The proof that the last run gave.</summary>
    public Task<JObject> Validation() => Task.FromResult(
        last!.Results("image_archive").Select(result => result["validation"]).OfType<JObject>().LastOrDefault() ?? throw new InvalidOperationException($"no validation in\n{last!.Command}"));

    /// <summary>Every file of the day with its time and size.</summary>
    public IReadOnlyList<string> Files() =>
        [.. new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal)];
}
