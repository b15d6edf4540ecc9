using Passthrough.Testing.Registries;

namespace Passthrough.Testing.Processes;

/// <summary>The real skopeo, as a client of the test registries. Its options are spelled out where it is run; here stands only what every run needs.</summary>
/// <param name="folder">Receives its auth file and its temporary files.</param>
public sealed class Skopeo(string folder)
{
    readonly string folder = Directory.CreateDirectory(folder).FullName;

    /// <summary>Runs <c>skopeo --insecure-policy arguments…</c>: no policy of this machine decides a test.</summary>
    public Task<CommandResult> Run(params string[] arguments) =>
        Command.Run(["skopeo", "--insecure-policy", "--tmpdir", folder, .. arguments], new CommandSettings { WorkingDirectory = folder });

    /// <summary>Copies with all platforms and unchanged digests.</summary>
    /// <param name="source">A skopeo name, for example <c>oci:layout:v1</c>.</param>
    /// <param name="target">Where to.</param>
    /// <param name="options">More options, for example those of <see cref="From"/> and <see cref="To"/>.</param>
    public async Task Copy(string source, string target, params string[] options) =>
        (await Run(["copy", "--quiet", "--all", "--preserve-digests", .. options, source, target])).MustSucceed();

    /// <summary>The bytes of the manifest under a tag or digest, through the registry's own TLS and first account.</summary>
    /// <param name="registry">Which registry.</param>
    /// <param name="reference">Repository with tag or digest.</param>
    public async Task<string> RawManifest(DockerRegistry registry, string reference) =>
        (await Run(["inspect", "--raw", .. Options("", registry), $"docker://{registry.Name}/{reference}"])).MustSucceed().Output;

    /// <summary>Options that lead <c>skopeo copy</c> into the registry as its source.</summary>
    public string[] From(DockerRegistry registry) => Options("src-", registry);

    /// <summary>Options that lead <c>skopeo copy</c> into the registry as its destination.</summary>
    public string[] To(DockerRegistry registry) => Options("dest-", registry);

    string[] Options(string prefix, DockerRegistry registry)
    {
        var options = new List<string>();
        if (registry.UserName is not null)
            options.AddRange([$"--{prefix}authfile", registry.WriteAuthFile(Path.Combine(folder, $"auth-{registry.Port}.json"))]);
        options.AddRange(registry.Pki is { } pki ? [$"--{prefix}cert-dir", pki.CertDir] : [$"--{prefix}tls-verify=false"]);
        return [.. options];
    }
}
