using Xunit;

namespace Passthrough.Testing.Processes;

/// <summary>
/// A root folder of another Debian suite (<c>scripts/make-root</c>): another Ansible, another glibc, other users. What runs in it sees the checkout under
/// its own path, the machine's network, and otherwise only what the suite has; mounts are private and end with the command.
/// </summary>
public sealed class DebianRoot
{
    /// <summary>Making one takes about a minute; on a busy machine more.</summary>
    static readonly TimeSpan TimeToMake = TimeSpan.FromMinutes(15);

    /// <summary>Before each command: what programs that were unpacked beside the root need.</summary>
    readonly string[] prefix;

    DebianRoot(string folder, params string[] prefix) => (Folder, this.prefix) = (folder, prefix);

    /// <summary>Where it lies: a file of it can be read and written from outside.</summary>
    public string Folder { get; }

    public string this[string path] => Path.Combine(Folder, path.TrimStart('/'));

    /// <summary>Ansible on a controller of that suite. Where the suite cannot be had the test is skipped, and says why.</summary>
    public static Task<DebianRoot> Controller(string suite) => Make(suite, suite, "ansible-core", "openssh-client", "skopeo", "ca-certificates");

    /// <summary>Ansible on a controller of Debian 11, whose own core is older than any we support: Debian 12's, unpacked, on Debian 11's Python.</summary>
    public static async Task<DebianRoot> OldController()
    {
        var root = await Make("bullseye", "bullseye", "python3", "python3-yaml", "python3-cryptography", "python3-packaging", "python3-resolvelib", "ca-certificates", "skopeo");
        var ansible = await UnpackedTools.Unpack("bookworm", "ansible-core", "ansible-core", "python3-jinja2", "python3-markupsafe");
        return new DebianRoot(root.Folder, "env", $"PYTHONPATH={ansible}/usr/lib/python3/dist-packages", $"PATH={ansible}/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }

    /// <summary>A host of that suite that modules are sent to: sshd, sudo, Python for Ansible's own modules, an OpenSSL.</summary>
    public static Task<DebianRoot> Target(string suite, params string[] more) => Make(suite, $"{suite}-target", ["python3", "openssh-server", "sudo", "acl", "ca-certificates", .. more]);

    /// <summary>podman, buildah, skopeo and umoci of that suite; see <see cref="ContainerTools"/>.</summary>
    internal static Task<DebianRoot> Tools(string suite) => Make(suite, $"{suite}-tools", "skopeo", "podman", "buildah", "umoci", "ca-certificates");

    static async Task<DebianRoot> Make(string suite, string name, params string[] packages)
    {
        var folder = Checkout.PathOf("artifacts", "roots", name);
        var made = await Command.Run([Checkout.PathOf("scripts", "make-root"), suite, folder, .. packages], new() { Timeout = TimeToMake });
        Skip.IfNot(made.Succeeded, made.All.Trim());
        return new DebianRoot(folder);
    }

    /// <summary>The words that run a command in it.</summary>
    /// <param name="command">As it would be run outside.</param>
    /// <param name="workingDirectory">The checkout's root by default.</param>
    public string[] Enter(IEnumerable<string> command, string? workingDirectory = null)
    {
        // The shell's first arguments: the root, the checkout, the working directory.
        // A mount of its own is what programs that change their root again ask for.
        const string Script = """
            mount --bind "$1" "$1" && mount -t proc none "$1/proc" && mount --rbind /dev "$1/dev" && mount --rbind /sys "$1/sys" && mkdir -p "$1$2" && mount --bind "$2" "$1$2" &&
            root=$1 directory=$3 && shift 3 && exec chroot "$root" env -C "$directory" "$@"
            """;
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", Script, "sh", Folder, Checkout.Root, workingDirectory ?? Checkout.Root, .. prefix, .. command];
    }

    /// <summary>Removes what users of the pack leave in it, so that the next one begins with nothing.</summary>
    public async Task Clear() => (await Run("sh", "-c", "rm -rf /opt/* /root/.ansible /root/ocp4-disconnected-helper /home/*/.ansible /var/tmp/ansible*")).MustSucceed();

    /// <summary>Runs a command in it to its end.</summary>
    public Task<CommandResult> Run(params string[] command) => Command.Run(Enter(command), new CommandSettings());
}
