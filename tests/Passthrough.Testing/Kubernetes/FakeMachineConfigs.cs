using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Testing.Kubernetes;

/// <summary>
/// Plays the Machine Config Operator: what it would write to the nodes for the objects that are there, and how the pools look while they get it. It goes on by one step
/// each time the pools are listed, so that no test waits for a clock.
/// </summary>
sealed class FakeMachineConfigs(FakeClusterSettings settings)
{
    readonly Dictionary<string, string> configs = new(StringComparer.Ordinal);
    readonly Dictionary<string, Pool> pools = settings.Pools.ToDictionary(pool => pool.Key, pool => new Pool(pool.Key, pool.Value), StringComparer.Ordinal);
    string written = "";

    /// <summary>The nodes' registries.conf, as it was rendered last.</summary>
    public string Written => written;

    /// <summary>Looks at the objects, as the operator does when one changes. Before the first look all nodes have what it sees then.</summary>
    public void Look(IReadOnlyCollection<MirrorSet> sets, RegistrySources? registries, bool atStart = false)
    {
        var nodes = MachineConfigOperator.Write(sets, registries);
        if (nodes.Refusal is not null || (settings.Operator == FakeOperator.Ignores && !atStart))
            return;
        var text = Render(nodes.RegistriesConf ?? NodeFiles.Template, isOld: !OpenShiftVersion.Parse(settings.Version).HasMirrorSets);
        if (text == written)
            return;
        written = text;
        foreach (var pool in pools.Values)
        {
            pool.Wanted = string.Create(CultureInfo.InvariantCulture, $"rendered-{pool.Name}-{configs.Count:x8}");
            configs[pool.Wanted] = text;
            (pool.Updated, pool.Reads) = (atStart ? pool.Machines : 0, 0);
            if (atStart)
                pool.Visible = pool.Current = pool.Wanted;
        }
    }

    /// <summary>The pools as they are now; then everything goes on by one step.</summary>
    public IEnumerable<JObject> List()
    {
        var now = pools.Values.Select(Show).ToList();
        foreach (var pool in pools.Values)
            Step(pool);
        return now;
    }

    /// <summary>The registries.conf that a pool's nodes have.</summary>
    public string OnNodes(string pool) => configs[pools[pool].Current];

    public JObject? Get(string name) => pools.TryGetValue(name, out var pool) ? Show(pool) : null;

    public JObject? Config(string name) => !configs.TryGetValue(name, out var text) ? null : new JObject
    {
        ["apiVersion"] = "machineconfiguration.openshift.io/v1",
        ["kind"] = "MachineConfig",
        ["metadata"] = new JObject { ["name"] = name },
        ["spec"] = new JObject
        {
            ["config"] = new JObject
            {
                ["storage"] = new JObject
                {
                    ["files"] = new JArray(
                        new JObject { ["path"] = "/etc/containers/policy.json", ["contents"] = new JObject { ["source"] = "data:,%7B%7D" } },
                        new JObject { ["path"] = "/etc/containers/registries.conf", ["contents"] = new JObject { ["compression"] = "", ["source"] = "data:text/plain;charset=utf-8;base64," + Convert.ToBase64String(Encoding.UTF8.GetBytes(text)) } }),
                },
            },
        },
    };

    void Step(Pool pool)
    {
        if (pool.Current == pool.Wanted || ++pool.Reads % settings.ReadsPerStep != 0)
            return;
        if (pool.Visible != pool.Wanted)
            pool.Visible = pool.Wanted;
        else if (settings.Operator == FakeOperator.Degrades)
            pool.IsDegraded = true;
        else if (!settings.PausedPools.Contains(pool.Name) && settings.Operator != FakeOperator.NeverEnds && ++pool.Updated >= pool.Machines)
            pool.Current = pool.Wanted;
    }

    JObject Show(Pool pool)
    {
        var isDone = pool.Current == pool.Visible;
        return new JObject
        {
            ["apiVersion"] = "machineconfiguration.openshift.io/v1",
            ["kind"] = "MachineConfigPool",
            ["metadata"] = new JObject { ["name"] = pool.Name },
            ["spec"] = new JObject { ["paused"] = settings.PausedPools.Contains(pool.Name), ["configuration"] = new JObject { ["name"] = pool.Visible } },
            ["status"] = new JObject
            {
                ["configuration"] = new JObject { ["name"] = pool.Current },
                ["machineCount"] = pool.Machines,
                ["updatedMachineCount"] = isDone ? pool.Machines : pool.Updated,
                ["degradedMachineCount"] = pool.IsDegraded ? 1 : 0,
                ["conditions"] = new JArray(
                    Condition("Updated", isDone, ""),
                    Condition("Updating", !isDone, ""),
                    Condition("NodeDegraded", pool.IsDegraded, "Node node-1 is reporting: \"failed to drain node: node-1 after 1 hour\""),
                    Condition("RenderDegraded", false, ""),
                    Condition("Degraded", pool.IsDegraded, "")),
            },
        };
    }

    static JObject Condition(string type, bool isTrue, string message) => new() { ["type"] = type, ["status"] = isTrue ? "True" : "False", ["message"] = isTrue ? message : "" };

    // As the operator's own encoder writes it (mirror-policies.md 2.1).
    static string Render(RegistriesConf conf, bool isOld)
    {
        var text = new StringBuilder("unqualified-search-registries = [\"registry.access.redhat.com\", \"docker.io\"]\nshort-name-mode = \"\"\n");
        foreach (var registry in conf.Registries)
        {
            text.Append($"\n[[registry]]\n  prefix = \"{registry.Prefix}\"\n");
            if (registry.Location.Length > 0)
                text.Append($"  location = \"{registry.Location}\"\n");
            if (registry.Insecure)
                text.Append("  insecure = true\n");
            if (registry.Blocked)
                text.Append("  blocked = true\n");
            if (isOld && !registry.Mirrors.IsEmpty)
                text.Append("  mirror-by-digest-only = true\n");
            foreach (var mirror in registry.Mirrors)
                text.Append($"\n  [[registry.mirror]]\n    location = \"{mirror.Location}\"\n{(mirror.Insecure ? "    insecure = true\n" : "")}{(isOld ? "" : $"    pull-from-mirror = \"{RegistriesConf.TextOf(mirror.Pull)}\"\n")}");
        }

        return text.ToString();
    }

    sealed class Pool(string name, int machines)
    {
        public string Name { get; } = name;

        public int Machines { get; } = machines;

        /// <summary>What the operator has rendered, which shows in <c>spec</c> one step later.</summary>
        public string Wanted { get; set; } = "";

        public string Visible { get; set; } = "";

        public string Current { get; set; } = "";

        public int Updated { get; set; }

        public int Reads { get; set; }

        public bool IsDegraded { get; set; }
    }
}
