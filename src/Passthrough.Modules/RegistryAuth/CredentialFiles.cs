using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.RegistryAuth;

/// <summary>
/// The files that one run of <c>registry_auth</c> keeps: the account for scripts, the entry for docker, podman and skopeo, the entry in a cluster's pull secret.
/// What is to be written is known before anything is; a fault in any of them leaves all as they were.
/// </summary>
sealed class CredentialFiles
{
    readonly ModuleContext context;
    readonly RegistryConnection connection;
    readonly FileSettings settings;
    readonly string? authConfig;
    readonly string? dockerConfig;
    readonly string? pullSecret;
    readonly List<Item> items = [];

    public CredentialFiles(ModuleContext context, RegistryConnection connection)
    {
        this.context = context;
        this.connection = connection;
        var arguments = context.Arguments;
        settings = new FileSettings(
            FileSettings.ParseMode(arguments.Raw("mode")!),
            arguments.Text("owner"),
            arguments.Text("group"))
        { MakeFolder = true, IsSecret = true };
        if (settings.Mode is { } mode && (mode & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)) != UnixFileMode.None)
            context.Warnings.Add($"mode {Convert.ToString((int)mode, 8)} lets others than the owner read the password");

        // An account that may only pull is another one and has files of its own (interface.md, "Files written").
        var prefix = arguments.List("access").Contains("push") ? connection.Product.Name : connection.Product.Name + "-pull";
        authConfig = arguments.Text("auth_config_path") ?? InFolder($"{prefix}-auth-config.json");
        dockerConfig = arguments.Text("docker_config_path") ?? InFolder($"{prefix}-docker-config.json");
        pullSecret = arguments.Text("pull_secret_path");

        string? InFolder(string name) => arguments.Text("dest_dir") is { } folder ? Path.Combine(folder, name) : null;
    }

    /// <summary>Whether anything differs from what it is to be.</summary>
    public bool Changed => items.Any(item => item.IsChanged);

    /// <summary>The files that differ, for a sentence.</summary>
    public string ChangedPaths => string.Join(" and ", items.Where(item => item.IsChanged).Select(item => item.Path));

    public JArray Data => new(items.Select(item => new JObject { ["path"] = item.Path, ["kind"] = item.Kind, ["changed"] = item.IsChanged, ["state"] = item.After is null ? "absent" : "file" }));

    public IReadOnlyList<ResultDiff> Diffs =>
        [.. items.Where(item => item.IsChanged).Select(item => new ResultDiff(item.Path, AuthFileWriter.Redact(item.Before), AuthFileWriter.Redact(item.After)))];

    /// <summary>The account that an earlier run wrote, and what it called its method; null where there is none. The auth config is written first, so it is right where a run was stopped between the two.</summary>
    public (Credential Credential, string AuthMethod)? InAuthConfig()
    {
        if (authConfig is null || AuthConfig.TryRead(AtomicFile.Read(authConfig), connection.Endpoint.ToString()) is not { Password.Length: > 0 } config)
            return null;
        context.Secrets.AddCredential(config.Username, config.Password);
        return (new Credential { Username = config.Username, Password = config.Password }, config.AuthMethod);
    }

    /// <summary>The same of the docker config, which does not tell the method.</summary>
    public (Credential Credential, string AuthMethod)? InDockerConfig(Reference repository) =>
        dockerConfig is not null && File.Exists(dockerConfig) && new AuthFiles(dockerConfig, context.Secrets.Add).Find(repository.Registry, repository.Repository) is { } credential ? (credential, "") : null;

    /// <summary>Finds out what each file is to hold. Writes nothing.</summary>
    /// <param name="credential">The account; null where the registry lets anybody in, which needs no entry.</param>
    /// <param name="authMethod">What it is, for the auth config.</param>
    /// <param name="facts">What the product has in the auth config beside that of all.</param>
    public void Prepare(Credential? credential, string authMethod, JObject facts)
    {
        items.Clear();
        if (authConfig is not null)
        {
            var config = new AuthConfig
            {
                RegistryType = connection.Product.Name,
                RegistryUrl = connection.Endpoint.ToString(),
                AuthMethod = authMethod,
                Username = credential?.Username ?? "",
                Password = credential?.Password ?? "",
                Facts = facts,
            };
            Add("auth_config", authConfig, before => config.Render(before, context.Time.GetUtcNow()), settings);
        }

        if (dockerConfig is not null)
            Add("docker_config", dockerConfig, before => Merge(dockerConfig, before, credential), settings);
        if (pullSecret is not null && credential is not null)
        {
            RequirePullSecret();
            // Its owner and mode stay, but a user whose file gets the account must be named.
            var kept = new FileSettings { IsSecret = true, Reader = settings.Owner };
            Add("pull_secret", pullSecret, before => Merge(pullSecret, before, credential), kept);
            if (context.Arguments.List("access").Contains("push"))
                Warn($"{pullSecret} gets an account that may also push; give the cluster one that may only pull: run this again with access: [pull] and that account where the registry can tell them apart");
        }
    }

    public void Write()
    {
        foreach (var item in items)
        {
            AtomicFile.Write(item.Path, item.After!.Value, item.Settings, context.CheckMode);
            if (item.IsChanged)
                context.Actions.Add($"write {item.Path}");
        }
    }

    /// <summary>Takes our entry out of every file.</summary>
    public void Remove()
    {
        if (authConfig is not null)
            Take("auth_config", authConfig, _ => null);
        if (dockerConfig is not null)
            Take("docker_config", dockerConfig, before => AuthFileWriter.Remove(dockerConfig, before, connection.Endpoint.Authority));
        if (pullSecret is not null)
            Take("pull_secret", pullSecret, before => AuthFileWriter.Remove(pullSecret, before, connection.Endpoint.Authority) ?? Encoding.UTF8.GetBytes("{\"auths\":{}}\n"));
        foreach (var item in items.Where(item => item.IsChanged))
        {
            if (item.After is { } left)
                AtomicFile.Write(item.Path, left, item.Settings, context.CheckMode);
            else
                AtomicFile.Delete(item.Path, context.CheckMode);
            context.Actions.Add(item.After is null ? $"remove {item.Path}" : $"remove {connection.Endpoint.Authority} from {item.Path}");
        }
    }

    ReadOnlyMemory<byte> Merge(string path, ReadOnlyMemory<byte>? before, Credential? credential) =>
        credential is not null ? AuthFileWriter.Merge(path, before, connection.Endpoint.Authority, credential, Warn)
        : before is not null ? AuthFileWriter.Remove(path, before.Value, connection.Endpoint.Authority) ?? NoEntries()
        : NoEntries();

    static byte[] NoEntries() => Encoding.UTF8.GetBytes("{\n  \"auths\": {}\n}\n");

    // Files may be prepared twice, for a secret that is good and for its successor.
    void Warn(string warning)
    {
        if (!context.Warnings.Contains(warning))
            context.Warnings.Add(warning);
    }

    void RequirePullSecret()
    {
        if (!File.Exists(pullSecret))
            throw new ModuleException(ErrorCodes.File, $"pull_secret_path {pullSecret} does not exist on this host", "save the cluster's first: oc get secret/pull-secret -n openshift-config --template='{{index .data \".dockerconfigjson\" | base64decode}}'");
    }

    void Add(string kind, string path, Func<ReadOnlyMemory<byte>?, ReadOnlyMemory<byte>> render, FileSettings wanted)
    {
        var before = AtomicFile.Read(path);
        var after = render(before);
        // Asks in check mode's way: finds what is wrong with the path before anything is written.
        items.Add(new Item(kind, path, before, after, wanted, AtomicFile.Write(path, after, wanted, checkMode: true).Changed));
    }

    void Take(string kind, string path, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>?> render)
    {
        var before = AtomicFile.Read(path);
        var after = before is null ? null : render(before.Value);
        items.Add(new Item(kind, path, before, after, new FileSettings(), before is not null && (after is null || !after.Value.Span.SequenceEqual(before.Value.Span))));
    }

    sealed record Item(string Kind, string Path, ReadOnlyMemory<byte>? Before, ReadOnlyMemory<byte>? After, FileSettings Settings, bool IsChanged);
}
