using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring.Clients;

namespace Passthrough.Testing.Kubernetes;

/// <summary>Plays the nodes of a fake cluster: what their kubelets say of pods that pull.</summary>
sealed class FakePods(FakeClusterSettings settings, FakeMachineConfigs configs)
{
    /// <summary>As many as the pools have machines, with the label of their role.</summary>
    public IEnumerable<JObject> Nodes() =>
        from pool in settings.Pools
        from number in Enumerable.Range(0, pool.Value)
        select new JObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JObject { ["name"] = $"{pool.Key}-{number.ToString(CultureInfo.InvariantCulture)}", ["labels"] = new JObject { [$"node-role.kubernetes.io/{pool.Key}"] = "" } },
        };

    /// <summary>The pod with its status: pulled and unable to run, as images without the command are, or waiting for its image.</summary>
    public JObject Show(JObject pod)
    {
        var shown = (JObject)pod.DeepClone();
        var pulled = Pull(ImageOf(pod)) is null;
        shown["status"] = new JObject
        {
            ["phase"] = "Pending",
            ["containerStatuses"] = new JArray(new JObject { ["imageID"] = "", ["state"] = new JObject { ["waiting"] = new JObject { ["reason"] = pulled ? "CreateContainerError" : "ImagePullBackOff", ["message"] = "Back-off" } } }),
        };
        return shown;
    }

    public IEnumerable<JObject> Events(JObject pod)
    {
        if (Pull(ImageOf(pod)) is not { } words)
            yield break;
        yield return Event(pod, "Pulling", $"Pulling image \"{ImageOf(pod)}\"");
        yield return Event(pod, "Failed", $"Failed to pull image \"{ImageOf(pod)}\": {words}");
        yield return Event(pod, "Failed", "Error: ErrImagePull");
    }

    string? Pull(string image)
    {
        if (settings.Pull is { } given)
            return given(image);
        if (!image.EndsWith(":is-nowhere", StringComparison.Ordinal))
            return null;
        var asked = ClientRegistries.Load(configs.Written).PlanPull(image).Sources.Select(source => $"{source.Image}: reading manifest is-nowhere: manifest unknown").ToList();
        return asked.Count == 1 ? asked[0] : $"(Mirrors also failed: [{string.Join("] [", asked.SkipLast(1))}]): {asked[^1]}";
    }

    static JObject Event(JObject pod, string reason, string message) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Event",
        ["metadata"] = new JObject { ["name"] = $"{pod["metadata"]!["name"]}.{reason}", ["namespace"] = pod["metadata"]!["namespace"] },
        ["involvedObject"] = new JObject { ["kind"] = "Pod", ["name"] = pod["metadata"]!["name"] },
        ["reason"] = reason,
        ["message"] = message,
    };

    static string ImageOf(JObject pod) => (string)pod["spec"]!["containers"]![0]!["image"]!;
}
