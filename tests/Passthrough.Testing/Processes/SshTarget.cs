using System.Net;
using System.Net.Sockets;

namespace Passthrough.Testing.Processes;

/// <summary>
/// A real sshd (Debian's, unpacked, not installed) on a free port of 127.0.0.1, into which root (or whoever runs the tests) logs in with a key.
/// As root it lives in mount and process namespaces of its own, where <c>/etc/passwd</c> and <c>/run</c> are private: nothing outside the folder is written,
/// and all its sessions end with it.
/// </summary>
public sealed class SshTarget : IAsyncDisposable
{
    readonly ServerProcess server;

    SshTarget(ServerProcess server, int port, string keyFile, string home, DebianRoot? root) => (this.server, Port, KeyFile, Home, Root) = (server, port, keyFile, home, root);

    /// <summary>The account of a target in a root that is no administrator and may become one by sudo.</summary>
    public const string Unprivileged = "ops";

    public int Port { get; }

    /// <summary>The private key that is let in.</summary>
    public string KeyFile { get; }

    /// <summary>The home folder of the account, where Ansible puts its temporary files.</summary>
    public string Home { get; }

    /// <summary>The system that it leads into; null for this machine.</summary>
    public DebianRoot? Root { get; }

    public IReadOnlyList<string> Log => server.Log;

    /// <summary>What an inventory says about it.</summary>
    /// <param name="name">The host's name.</param>
    /// <param name="user">Who logs in; by default whoever runs the tests.</param>
    public string InventoryLine(string name, string? user = null) =>
        $"{name} ansible_connection=ssh ansible_host=127.0.0.1 ansible_port={Port} ansible_user={user ?? Environment.UserName} ansible_ssh_private_key_file={KeyFile} "
        + $"ansible_remote_tmp={(Root is null ? Path.Combine(Home, "ansible-tmp") : "~/.ansible/tmp")} ansible_python_interpreter=/usr/bin/python3 "
        + "ansible_ssh_common_args='-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes'";

    /// <param name="folder">Keys and configuration; the account's home where there is no root.</param>
    /// <param name="root">The system that it leads into; null for this machine, where only a private passwd is put in the way.</param>
    public static async Task<SshTarget> Start(string folder, DebianRoot? root = null)
    {
        folder = Directory.CreateDirectory(folder).FullName;
        var home = Directory.CreateDirectory(Path.Combine(folder, "home")).FullName;
        var (hostKey, clientKey) = (Path.Combine(folder, "host_key"), Path.Combine(folder, "client_key"));
        foreach (var key in new[] { hostKey, clientKey })
            (await Command.Run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)).MustSucceed();
        File.Copy(clientKey + ".pub", Path.Combine(folder, "authorized_keys"));
        File.WriteAllText(Path.Combine(folder, "passwd"), $"""
            root:x:0:0:root:{home}:/bin/bash
            sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
            nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin

            """);
        if (root is not null)
            await MakeUnprivileged(root);
        // sshd takes no port 0; a port found free may be taken by somebody else a moment later.
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            ServerProcess? server = null;
            try
            {
                server = await ServerProcess.Start(CommandLine(folder, hostKey, port, root), root is null ? new Dictionary<string, string?> { ["LD_LIBRARY_PATH"] = Libraries } : []);
                await server.WaitForLine<bool>(line => line.Contains("Server listening on 127.0.0.1", StringComparison.Ordinal) ? true : null);
                return new SshTarget(server, port, clientKey, root is null ? home : "/root", root);
            }
            catch (InvalidOperationException) when (server is not null && attempt < 5 && server.Log.Any(line => line.Contains("Address already in use", StringComparison.Ordinal)))
            {
                await server.DisposeAsync();
            }
        }
    }

    /// <summary>Breaks the connections that are open now, as a lost line does; the programs of async tasks have no part in them.</summary>
    /// <returns>How many there were.</returns>
    // sshd gives the process of a connection this title; the one that listens has its path.
    public int DropConnections() => Descendants.Kill("sshd", server.Id, title => title.StartsWith("sshd: ", StringComparison.Ordinal) && !title.Contains("[listener]", StringComparison.Ordinal));

    public ValueTask DisposeAsync() => server.DisposeAsync();

    static string Libraries
    {
        get
        {
            var package = Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(Sshd)))!;
            return string.Join(':', Directory.EnumerateDirectories(package, "*-linux-gnu*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
        }
    }

    static string Sshd => Checkout.Tool("sshd", "usr/sbin/sshd");

    // A star is a password that nobody has; an exclamation mark would lock the account for sshd.
    static async Task MakeUnprivileged(DebianRoot root) => (await root.Run("sh", "-c", $"""
        set -e
        id {Unprivileged} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --password '*' {Unprivileged}
        echo '{Unprivileged} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{Unprivileged}
        """)).MustSucceed();

    static List<string> CommandLine(string folder, string hostKey, int port, DebianRoot? root)
    {
        var configuration = Path.Combine(folder, "sshd_config");
        File.WriteAllText(configuration, $"""
            Port {port}
            ListenAddress 127.0.0.1
            HostKey {hostKey}
            AuthorizedKeysFile {Path.Combine(folder, "authorized_keys")}
            PidFile none
            UsePAM no
            StrictModes no
            PasswordAuthentication no
            PermitRootLogin prohibit-password
            PrintMotd no
            Subsystem sftp {(root is null ? Checkout.Tool("sshd", "usr/lib/openssh/sftp-server") : "/usr/lib/openssh/sftp-server")}

            """);
        string[] sshd = [root is null ? Sshd : "/usr/sbin/sshd", "-D", "-e", "-f", configuration];
        if (root is not null)
            return [.. root.Enter(["sh", "-c", "mkdir -p /run/sshd && exec \"$@\"", "sh", .. sshd])];
        if (!Environment.IsPrivilegedProcess)
            return [.. sshd];
        var script = $"mount --bind {Command.Quote(Path.Combine(folder, "passwd"))} /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd && exec \"$@\"";
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", .. sshd];
    }

    static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
