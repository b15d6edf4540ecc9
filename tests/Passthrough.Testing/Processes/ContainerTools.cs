using Xunit;

namespace Passthrough.Testing.Processes;

/// <summary>
/// podman, buildah, skopeo and umoci of a Debian suite, with images, policy and settings of their own in a folder of the test. This machine's run unpacked, those of
/// another suite in a root of it, which brings their glibc. They need root here; where they cannot be had the test is skipped, and says why.
/// </summary>
public sealed class ContainerTools : IDisposable
{
    /// <summary>The suite of this machine.</summary>
    public const string Host = "host";

    static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    readonly DebianRoot? root;
    readonly Dictionary<string, string?> environment;

    // podman wants a path of 50 characters at most.
    readonly string runRoot = $"/tmp/podman{Guid.NewGuid():N}"[..20];

    ContainerTools(TestFolder folder, DebianRoot? root, string? programs)
    {
        this.root = root;
        var home = folder.Folder("containers");
        environment = new()
        {
            ["HOME"] = home,
            ["TMPDIR"] = folder.Folder("containers-tmp"),
            ["PODMAN_IGNORE_CGROUPSV1_WARNING"] = "1",
            ["CONTAINERS_STORAGE_CONF"] = folder.Write("containers/storage.conf", $"""
                [storage]
                driver = "vfs"
                graphroot = "{folder["containers", "images"]}"
                runroot = "{runRoot}"
                """),
            ["CONTAINERS_CONF"] = folder.Write("containers/containers.conf", $"""
                [engine]
                cgroup_manager = "cgroupfs"
                events_logger = "file"
                {(programs is null ? "" : $"conmon_path = [\"{programs}/conmon\"]\nruntime = \"crun\"\n[engine.runtimes]\ncrun = [\"{programs}/crun\"]")}
                """),
        };
        folder.Write("containers/.config/containers/policy.json", """{"default": [{"type": "insecureAcceptAnything"}]}""");
        environment["PATH"] = $"{(programs is null ? "" : programs + ":")}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        if (programs is not null)
            environment["LD_LIBRARY_PATH"] = Path.GetDirectoryName(Directory.GetFiles(Path.Combine(programs, "..", ".."), "libsubid.so*", SearchOption.AllDirectories)[0]);
    }

    /// <param name="suite"><see cref="Host"/>, or a newer one.</param>
    /// <param name="folder">Gets what they keep.</param>
    public static async Task<ContainerTools> Of(string suite, TestFolder folder)
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "podman and buildah without root need user namespaces");
        return suite == Host
            ? new ContainerTools(folder, root: null, Path.Combine(await UnpackedTools.Unpack(Host, "containers", "podman", "buildah", "umoci", "conmon", "crun", "libsubid4", "libgpgme11", "libassuan0"), "usr", "bin"))
            : new ContainerTools(folder, await DebianRoot.Tools(suite), programs: null);
    }

    /// <summary>Runs one of them to its end, which must be a good one.</summary>
    public async Task<string> Run(params string[] command) =>
        (await Command.Run(root is null ? ["env", .. command] : root.Enter(command), new() { Environment = environment, Timeout = Patience })).MustSucceed().Output;

    public void Dispose()
    {
        if (Directory.Exists(root?[runRoot] ?? runRoot))
            Directory.Delete(root?[runRoot] ?? runRoot, recursive: true);
    }
}
