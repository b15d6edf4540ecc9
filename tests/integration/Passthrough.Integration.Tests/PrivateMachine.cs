using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>
/// A bash on this machine with a network of its own and with /root, /opt, /etc and /var of its own: what is written there is gone with it. Servers of the test
/// are reached under the names and ports of the guide. Needs root.
/// </summary>
sealed class PrivateMachine : IAsyncDisposable
{
    readonly TestFolder folder;
    readonly List<ServerProcess> relays = [];
    readonly List<(int Port, string Socket)> ports = [];

    public PrivateMachine(TestFolder folder) => this.folder = folder;

    /// <summary>Names that lead to 127.0.0.1.</summary>
    public List<string> Names { get; } = [];

    /// <summary>Makes a port inside lead to one outside.</summary>
    public async Task Lead(int inside, int outside)
    {
        var socket = folder[$"{inside}.socket"];
        var relay = await ServerProcess.Start(["/usr/bin/python3", Relay, $"unix:{socket}", $"tcp:{outside}"], new Dictionary<string, string?>());
        await relay.WaitForLine<bool>(line => line == "ready" ? true : null);
        relays.Add(relay);
        ports.Add((inside, socket));
    }

    /// <summary>Runs one bash script from beginning to end.</summary>
    public Task<CommandResult> Run(string script, IReadOnlyDictionary<string, string?> environment)
    {
        var begin = $$"""
            set -eu
            own={{Command.Quote(folder.Folder("own"))}}
            mount -t tmpfs tmpfs "$own"
            for top in root opt etc var; do
              mkdir "$own/$top" "$own/$top.work"
              mount -t overlay overlay -o "lowerdir=/$top,upperdir=$own/$top,workdir=$own/$top.work" "/$top"
            done
            rm -rf /opt/ocp4-disconnected-helper /opt/images /root/ocp4-disconnected-helper /root/.kube
            printf '127.0.0.1 localhost {{string.Join(' ', Names)}}\n' >/etc/hosts
            ip link set lo up
            {{string.Join('\n', ports.Select(port => $"/usr/bin/python3 {Command.Quote(Relay)} tcp:{port.Port} unix:{Command.Quote(port.Socket)} >\"$own/relay-{port.Port}\" &\nuntil grep -qs ready \"$own/relay-{port.Port}\"; do sleep 0.05; done"))}}
            exec bash {{Command.Quote(folder.Write("script", script))}}
            """;
        // The end of bash is the end of the relays: they die with their namespace.
        return Command.Run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", folder.Write("begin", begin)],
            new CommandSettings { Environment = environment, Timeout = TimeSpan.FromMinutes(5) });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var relay in relays)
            await relay.DisposeAsync();
    }

    static string Relay => Checkout.PathOf("tests", "Passthrough.Testing", "Processes", "relay.py");
}
